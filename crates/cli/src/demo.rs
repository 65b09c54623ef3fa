//! `tidegate demo`: everything at once, with a page to look at.

use std::io;

use crate::address::{ListenAddress, announce};
use crate::args::DemoArgs;
use crate::exit::{Failure, Outcome, say};
use crate::interrupt::Interrupts;

/// Serves the demo until somebody wants it to end.
pub(crate) fn run(args: &DemoArgs) -> Outcome {
    run_until_interrupted(serve(args))
}

/// Runs a server until it ends, or somebody wants it to.
pub(crate) fn run_until_interrupted(server: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::failed(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(async {
        let mut interrupts = Interrupts::catch()?;
        tokio::select! {
            served = server => served,
            () = interrupts.next() => Ok(()),
        }
    });
    runtime.shutdown_background();
    outcome
}

async fn serve(args: &DemoArgs) -> Outcome {
    let failed = |error| cannot_listen(&args.listen, &error);
    let listener = args.listen.bind().await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    announce("http", address)?;
    say("open this address in a browser, in two tabs if you like; Ctrl-C ends the demo");
    let served = tidegate_gateway::demo(listener).await;
    served.map_err(|error| Failure::failed(format!("the demo failed: {error}")))
}

/// What to tell when the address is no good.
pub(crate) fn cannot_listen(address: &ListenAddress, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; choose another port with --listen, or any free one with --listen 127.0.0.1:0"
        }
        _ => "; choose another address with --listen",
    };
    Failure::failed(format!("cannot listen on {address}: {error}{hint}"))
}
