//! `tidegate serve`: channels, each of them a URL, and uploads.

use tidegate_gateway::Settings;

use crate::address::announce;
use crate::args::ServeArgs;
use crate::exit::{Failure, Outcome, say};
use crate::interrupt::{Signal, serve_on_threads};

/// Serves channels until somebody wants it to end.
pub(crate) fn run(args: &ServeArgs) -> Outcome {
    serve_on_threads(async |signal| serve(args, signal).await)
}

async fn serve(args: &ServeArgs, signal: Signal) -> Outcome {
    let listener = args.listen.bind().await?;
    let mut settings = Settings::new()
        .max_connections(args.max_connections)
        .max_channels(args.max_channels)
        .history_bytes(args.history)
        .newcomers(args.newcomers)
        .max_publication_bytes(args.max_publication)
        .allow_origins(&args.allow_origins);
    let uploads = args.uploads.open().await?;
    announce("http", &listener)?;
    say("a channel is a URL: post to /channels/NAME, and read it; Ctrl-C ends the server");
    if let Some(uploads) = uploads {
        settings = settings.uploads(uploads);
        say("uploads are taken at /uploads (tus 1.0.0 and the IETF draft), and at /status and /upload");
    }
    let served = tidegate_gateway::serve_until(listener, settings, signal.wait()).await;
    served.map_err(|error| Failure::failed(format!("the server failed: {error}")))
}
