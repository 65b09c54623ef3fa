//! One connection to a server, kept from one request to the next.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tidegate::{ClientTls, WebSocketStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use url::Url;

use super::payload::Payload;
use super::trouble::Trouble;
use crate::exit::explain;

/// A connection to a server, made when it is needed. One request at a time.
#[derive(Default)]
pub(super) struct Lane {
    kept: Option<Kept>,
}

/// How servers are reached.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) tls: ClientTls,
    /// How long nothing may move, and how long connecting may take.
    pub(super) silence: Duration,
}

/// What a server has answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The first line of the body, where it is short and no page.
    pub(super) reason: String,
}

/// An open connection; it ends when this is dropped.
struct Kept {
    /// What it leads to.
    origin: url::Origin,
    sender: http1::SendRequest<Payload>,
    task: JoinHandle<()>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is read of an answer's body.
const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_REASON_BYTES: usize = 256;

impl Lane {
    /// Sends a request and waits for the answer, as long as something moves: `moved` counts what is taken of the body.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes the connection.
    pub(super) async fn send(
        &mut self,
        way: &Way,
        url: &Url,
        request: Request<Payload>,
        moved: &AtomicU64,
    ) -> Result<Answer, Trouble> {
        let kept = self.kept.take().filter(|kept| kept.origin == url.origin() && !kept.sender.is_closed());
        let mut exchange = pin!(exchange(kept, way, url, request));
        let mut seen = moved.load(Ordering::Relaxed);
        loop {
            tokio::select! {
                result = &mut exchange => {
                    let (answer, kept) = result?;
                    self.kept = kept;
                    return Ok(answer);
                }
                () = sleep(way.silence) => {
                    let now = moved.load(Ordering::Relaxed);
                    if now == seen {
                        return Err(Trouble::passing(format!("nothing has moved for {} s", way.silence.as_secs_f64())));
                    }
                    seen = now;
                }
            }
        }
    }
}

async fn exchange(
    kept: Option<Kept>,
    way: &Way,
    url: &Url,
    request: Request<Payload>,
) -> Result<(Answer, Option<Kept>), Trouble> {
    let mut kept = match kept {
        Some(kept) => kept,
        None => connect(way, url).await?,
    };
    let lost =
        |error: hyper::Error| Trouble::passing(format!("the connection was lost: {}", explain(&error)));
    kept.sender.ready().await.map_err(lost)?;
    let response = kept.sender.send_request(request).await.map_err(lost)?;
    let (head, body) = response.into_parts();
    let (body, is_whole) = read(body, way.silence).await;
    let reason = reason(&body);
    let answer = Answer { status: head.status, headers: head.headers, reason };
    Ok((answer, is_whole.then_some(kept)))
}

async fn connect(way: &Way, url: &Url) -> Result<Kept, Trouble> {
    let dial = WebSocketStream::builder(url.as_str())
        .tls(way.tls.clone())
        .connect_timeout(way.silence)
        .handshake_timeout(way.silence);
    let io = dial.dial().await.map_err(|error| Trouble::Unreachable(explain(&error)))?;
    let (sender, connection) = http1::handshake(TokioIo::new(io))
        .await
        .map_err(|error| Trouble::passing(format!("the connection was lost: {}", explain(&error))))?;
    let task = tokio::spawn(async {
        // The request in flight tells what went wrong.
        let _ = connection.await;
    });
    Ok(Kept { origin: url.origin(), sender, task })
}

/// The body, as far as it comes soon and is short, and whether that was all.
async fn read(mut body: Incoming, limit: Duration) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let all = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
            if bytes.len() > MAX_BODY_BYTES {
                return false;
            }
        }
        true
    };
    let is_whole = timeout(limit, all).await.unwrap_or(false);
    (bytes, is_whole)
}

/// What could move a terminal's cursor is left out.
fn reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let first = text.lines().next().unwrap_or_default().trim();
    if first.len() > MAX_REASON_BYTES || first.starts_with('<') {
        return String::new();
    }
    first.chars().filter(|c| !c.is_control()).collect()
}

#[test]
fn a_reason_is_one_line_and_no_page() {
    assert_eq!(reason(b"too large\nreally"), "too large");
    assert_eq!(reason(b"\x1b[2Jhi"), "[2Jhi");
    assert_eq!(reason(b"<!doctype html>"), "");
    assert_eq!(reason(&[b'x'; 300]), "");
}
