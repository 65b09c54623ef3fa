//! `tidegate demo`: everything at once, with a page to look at.

use tidegate_gateway::Settings;

use crate::address::announce;
use crate::args::DemoArgs;
use crate::exit::{Failure, Outcome, say};
use crate::interrupt::{Signal, serve_on_threads};

/// Serves the demo until somebody wants it to end.
pub(crate) fn run(args: &DemoArgs) -> Outcome {
    serve_on_threads(async |signal| serve(args, signal).await)
}

async fn serve(args: &DemoArgs, signal: Signal) -> Outcome {
    let listener = args.listen.bind().await?;
    let (uploads, _folder) = args.uploads.open().await?;
    announce("http", &listener)?;
    say("open this address in a browser, in two tabs if you like; Ctrl-C ends the demo");
    let settings = Settings::new().uploads(uploads);
    let served = tidegate_gateway::demo_until(listener, settings, signal.wait()).await;
    served.map_err(|error| Failure::failed(format!("the demo failed: {error}")))
}
