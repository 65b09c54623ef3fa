//! `tidegate demo`: everything at once, with a page to look at.

use std::io;

use crate::address::announce;
use crate::args::DemoArgs;
use crate::exit::{Failure, Outcome, say};
use crate::interrupt::Interrupts;

/// Serves the demo until somebody wants it to end.
pub(crate) fn run(args: &DemoArgs) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::failed(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(serve(args));
    runtime.shutdown_background();
    outcome
}

async fn serve(args: &DemoArgs) -> Outcome {
    let mut interrupts = Interrupts::catch()?;
    let listener = args.listen.bind().await.map_err(|error| cannot_listen(args, &error))?;
    let address = listener.local_addr().map_err(|error| cannot_listen(args, &error))?;
    announce("http", address)?;
    say("open this address in a browser, in two tabs if you like; Ctrl-C ends the demo");
    tokio::select! {
        served = tidegate_gateway::demo(listener) => {
            served.map_err(|error| Failure::failed(format!("the demo failed: {error}")))
        }
        () = interrupts.next() => Ok(()),
    }
}

fn cannot_listen(args: &DemoArgs, error: &io::Error) -> Failure {
    let address = &args.listen;
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; choose another port with --listen, or any free one with --listen 127.0.0.1:0"
        }
        _ => "; choose another address with --listen",
    };
    Failure::failed(format!("cannot listen on {address}: {error}{hint}"))
}
