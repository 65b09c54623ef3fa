//! `tidegate upload`: a file to a server that speaks tus 1.0.0.
//!
//! ```text
//! file → part ┐
//!    stream ──┴→ tus → lane → payload ← source          memory: what outlives the command; board: what is seen
//! ```

mod args;
mod board;
mod file;
mod lane;
mod memory;
mod part;
mod patience;
mod payload;
mod source;
mod stream;
mod trouble;
mod tus;

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use url::Url;

pub(crate) use self::args::UploadArgs;
use self::board::Board;
use self::file::FileJob;
use self::lane::Way;
use self::stream::StreamJob;
use self::trouble::Trouble;
use self::tus::Server;
use crate::exit::{Failure, Outcome};
use crate::interrupt::{Interrupts, run_here};
use crate::tls::Trust;

/// Uploads until all is there, or somebody wants it to end.
pub(crate) fn run(args: &UploadArgs) -> Outcome {
    run_here(async |mut interrupts: Interrupts| {
        let server = server(args)?;
        if args.is_stdin() {
            let job = StreamJob::new(args, server);
            let ended = run_until(job.board(), job.run(tokio::io::stdin()), &mut interrupts).await;
            let url = ended.map_err(|ended| ended.failure(job.board(), ""))?;
            return print(&url);
        }
        let job = FileJob::prepare(args, server).await?;
        let ended = run_until(job.board(), job.run(), &mut interrupts).await;
        let url = ended.map_err(|ended| ended.failure(job.board(), job.how_to_go_on()))?;
        print(&url)?;
        job.forget();
        Ok(())
    })
}

/// Why there is no URL.
enum Ended {
    Interrupted,
    Failed(Trouble),
}

impl Ended {
    fn failure(self, board: &Board, how_to_go_on: &str) -> Failure {
        match self {
            Self::Interrupted => Failure::failed(format!("interrupted at {}{how_to_go_on}", board.how_far())),
            Self::Failed(trouble) => Failure::failed(format!(
                "{}{}",
                trouble.why(),
                match trouble {
                    Trouble::Here(_) => "",
                    _ if !board.has_reached() => "",
                    _ => how_to_go_on,
                }
            )),
        }
    }
}

async fn run_until(
    board: &Board,
    job: impl Future<Output = Result<Url, Trouble>>,
    interrupts: &mut Interrupts,
) -> Result<Url, Ended> {
    let ended = tokio::select! {
        result = job => result.map_err(Ended::Failed),
        () = board.watch() => Err(Ended::Interrupted),
        () = interrupts.next() => Err(Ended::Interrupted),
    };
    board.clear();
    ended
}

fn server(args: &UploadArgs) -> Result<Server, Failure> {
    let mut url: Url =
        args.url.parse().map_err(|error| Failure::usage(format!("{:?} is no URL: {error}", args.url)))?;
    if !matches!(url.scheme(), "http" | "https") || url.fragment().is_some() {
        return Err(Failure::usage(format!("{:?}: http://… or https://… is needed, without a #", args.url)));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &args.headers {
        headers.append(name.clone(), value.clone());
    }
    if let Some(credentials) = credentials(&mut url)? {
        headers.entry(AUTHORIZATION).or_insert(credentials);
    }
    let trust = Trust {
        authorities: args.ca.as_deref(),
        accepts_any: args.insecure,
        identity: args.cert.as_deref().zip(args.key.as_deref()),
    };
    Ok(Server { url, way: Way { tls: trust.tls()?, silence: args.timeout }, headers })
}

/// Takes name and password out of the URL (RFC 7617).
fn credentials(url: &mut Url) -> Result<Option<HeaderValue>, Failure> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let mut pair = decoded(url.username());
    pair.push(b':');
    pair.extend(decoded(url.password().unwrap_or_default()));
    // Neither fails for a URL with a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let value = HeaderValue::try_from(format!("Basic {}", BASE64.encode(pair)));
    value.map(Some).map_err(|_| Failure::usage("the password cannot be sent"))
}

/// The one line of standard output.
fn print(url: &Url) -> Outcome {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{url}").and_then(|()| stdout.flush()).map_err(|error| {
        Failure::failed(format!("it is uploaded to {url}, but that cannot be told: {error}"))
    })
}
