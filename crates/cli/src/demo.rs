//! `tidegate demo`: everything at once, with a page to look at.

use std::io;

use tidegate_gateway::Settings;
use tokio::sync::oneshot;

use crate::address::{ListenAddress, announce};
use crate::args::DemoArgs;
use crate::exit::{Failure, Outcome, say};
use crate::interrupt::Interrupts;

/// Serves the demo until somebody wants it to end.
pub(crate) fn run(args: &DemoArgs) -> Outcome {
    run_until_interrupted(|signal| serve(args, signal))
}

/// Runs a server until it ends. It gets a signal when somebody wants it to end; a second wish ends it at once.
pub(crate) fn run_until_interrupted<F>(server: impl FnOnce(Signal) -> F) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::failed(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(async {
        let mut interrupts = Interrupts::catch()?;
        let (wish, wished) = oneshot::channel();
        let wishes = async {
            interrupts.next().await;
            // The server may have ended by itself.
            let _ = wish.send(());
            interrupts.next().await;
        };
        tokio::select! {
            served = server(Signal(wished)) => served,
            () = wishes => Ok(()),
        }
    });
    runtime.shutdown_background();
    outcome
}

/// Ready when somebody wants the server to end.
pub(crate) struct Signal(oneshot::Receiver<()>);

impl Signal {
    pub(crate) async fn wait(self) {
        // Whoever could wish lives as long as the server.
        let _ = self.0.await;
    }
}

async fn serve(args: &DemoArgs, signal: Signal) -> Outcome {
    let failed = |error| cannot_listen(&args.listen, &error);
    let listener = args.listen.bind().await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    announce("http", address)?;
    say("open this address in a browser, in two tabs if you like; Ctrl-C ends the demo");
    let (uploads, _folder) = args.uploads.open().await?;
    let settings = Settings::new().uploads(uploads);
    let served = tidegate_gateway::demo_until(listener, settings, signal.wait()).await;
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
