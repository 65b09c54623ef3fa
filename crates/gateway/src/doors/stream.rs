//! Streaming over HTTP: an event stream, or NDJSON without an end.
//!
//! The body ends with the connection. So what is published goes out in the very bytes in which it is kept, the same
//! for every reader, and no chunk header stands between.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::time::{Instant, sleep};

use super::answer::Common;
use crate::channel::{Form, Found, Reading, gap_event, gap_record};
use crate::chat::Present;
use crate::front::Client;

/// After how much silence something is sent, so that proxies keep the connection, and its loss is noticed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How long a reader may take nothing at all.
const STALL_TIMEOUT: Duration = Duration::from_secs(600);

/// The most bytes of a write, but for one publication.
const MAX_BYTES: usize = 32 * 1024;

/// A reader of a stream.
struct Streaming {
    client: Client,
    reading: Reading,
    form: Form,
    /// What is left of a publication that went out in part.
    rest: Bytes,
    /// Something went out since the last look at the time.
    was_active: bool,
}

/// Sends what is published until the client goes.
pub(super) async fn run(
    client: Client,
    reading: Reading,
    form: Form,
    common: Common,
    present: Option<Present>,
) -> Option<Client> {
    // The connection's end is the body's, so nothing may follow.
    let client = client.last();
    if client.write_all(head(&reading, form, common).as_bytes(), &[]).await {
        let streaming = Streaming { client, reading, form, rest: Bytes::new(), was_active: true };
        streaming.run().await;
    }
    drop(present);
    None
}

/// The head of the response, and the position where the stream begins, so that a reader that loses it before the first
/// publication resumes there too.
fn head(reading: &Reading, form: Form, common: Common) -> String {
    let position = reading.position();
    let (content_type, hello) = match form {
        Form::Event => ("text/event-stream", format!("retry: 1000\nid: {position}\n\n")),
        Form::Record => ("application/x-ndjson", format!("{{\"position\":\"{position}\"}}\n")),
        Form::Line => ("text/plain; charset=utf-8", String::new()),
    };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{}Connection: close\r\n\r\n{hello}",
        common.into_lines()
    )
}

impl Streaming {
    async fn run(mut self) {
        let mut timer = pin!(sleep(KEEPALIVE));
        let mut news = pin!(self.reading.news());
        let mut active_at = Instant::now();
        poll_fn(|cx| {
            if self.client.poll_gone(cx).is_ready() {
                return Poll::Ready(());
            }
            // Asked for before the look, so that nothing comes in between unnoticed.
            while news.as_mut().poll(cx).is_ready() {
                news.set(self.reading.news());
            }
            if self.send(cx).is_err() {
                return Poll::Ready(());
            }
            while timer.as_mut().poll(cx).is_ready() {
                let now = Instant::now();
                if std::mem::take(&mut self.was_active) {
                    active_at = now;
                } else if now - active_at > STALL_TIMEOUT {
                    return Poll::Ready(());
                } else if self.rest.is_empty() {
                    self.rest = self.keepalive();
                    if self.send(cx).is_err() {
                        return Poll::Ready(());
                    }
                }
                timer.as_mut().reset(now + KEEPALIVE);
            }
            Poll::Pending
        })
        .await;
    }

    /// Sends what there is, until the kernel takes no more. An error when the connection has ended.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<(), ()> {
        loop {
            if !self.rest.is_empty() {
                match self.write(cx, &self.rest)? {
                    Some(written) => self.rest.advance(written),
                    None => return Ok(()),
                }
                self.was_active = true;
                continue;
            }
            match self.reading.take(self.form, MAX_BYTES) {
                Found::Batch(batch) => {
                    let written = self.write(cx, &batch.bytes)?;
                    self.was_active |= written.is_some();
                    if written != Some(batch.bytes.len()) {
                        self.rest = self.reading.put_back(batch, self.form, written.unwrap_or(0));
                    }
                    if written.is_none() {
                        return Ok(());
                    }
                }
                Found::Gap(gap) if self.form == Form::Record => self.rest = gap_record(gap),
                Found::Gap(gap) => self.rest = gap_event(gap),
                Found::Nothing => return Ok(()),
            }
        }
    }

    /// Writes once, and tells how much went out; `None` when the task will be woken once something can.
    fn write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<Option<usize>, ()> {
        match self.client.poll_write(cx, &[IoSlice::new(bytes)]) {
            Poll::Ready(Ok(written)) if written > 0 => Ok(Some(written)),
            Poll::Ready(_) => Err(()),
            Poll::Pending => Ok(None),
        }
    }

    fn keepalive(&self) -> Bytes {
        Bytes::from_static(match self.form {
            Form::Event => b":\n\n",
            Form::Record | Form::Line => b"\n",
        })
    }
}
