//! Streaming over HTTP: an event stream, or NDJSON without an end.
//!
//! The body ends with the connection. So what is published goes out in the very bytes in which it is kept, the same
//! for every reader, and no chunk header stands between.

use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use pin_project_lite::pin_project;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep};

use super::answer::Common;
use crate::channel::{Form, Found, Reading, gap_event, gap_record};
use crate::chat::Present;
use crate::front::{Client, date_line};

/// After how much silence something is sent, so that proxies keep the connection, and its loss is noticed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// For how many times that long a reader may take nothing at all: ten minutes.
const MAX_IDLE: u8 = 40;

/// The most bytes of a write, but for one publication.
const MAX_BYTES: usize = 32 * 1024;

pin_project! {
    /// A reader of a stream. It ends when the client goes.
    pub(super) struct Streaming {
        sender: Sender,
        #[pin]
        news: OwnedNotified,
        #[pin]
        timer: Sleep,
        // How many times nothing has gone out when the timer was due.
        idle: u8,
        _present: Option<Present>,
    }
}

struct Sender {
    client: Client,
    reading: Reading,
    form: Form,
    /// Something went out since the last look at the time.
    was_active: bool,
    /// The server goes away: all has been said.
    is_over: bool,
    /// What is left of a publication that went out in part.
    rest: Bytes,
}

impl Streaming {
    pub(super) fn new(
        client: Client,
        reading: Reading,
        form: Form,
        common: &Common,
        present: Option<Present>,
    ) -> Self {
        let rest = head(&reading, form, common).into();
        let news = reading.news();
        // The connection's end is the body's, so nothing may follow.
        let sender = Sender { client: client.last(), reading, form, was_active: true, is_over: false, rest };
        Self { sender, news, timer: sleep(KEEPALIVE), idle: 0, _present: present }
    }
}

/// The head of the response, and the position where the stream begins, so that a reader that loses it before the first
/// publication resumes there too.
fn head(reading: &Reading, form: Form, common: &Common) -> String {
    let position = reading.position();
    let (content_type, hello) = match form {
        Form::Event => ("text/event-stream", format!("retry: 1000\nid: {position}\n\n")),
        Form::Record => ("application/x-ndjson", format!("{{\"position\":\"{position}\"}}\n")),
        Form::Line => ("text/plain; charset=utf-8", String::new()),
    };
    let (date, lines) = (date_line(), common.lines());
    format!(
        "HTTP/1.1 200 OK\r\n{date}Content-Type: {content_type}\r\n{lines}Connection: close\r\n\r\n{hello}"
    )
}

impl Future for Streaming {
    type Output = Option<Client>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Client>> {
        let mut this = self.project();
        if this.sender.client.poll_gone(cx).is_ready() {
            return Poll::Ready(None);
        }
        // Asked for before the look, so that nothing comes in between unnoticed.
        while this.news.as_mut().poll(cx).is_ready() {
            this.news.set(this.sender.reading.news());
        }
        if this.sender.send(cx).is_err() {
            return Poll::Ready(None);
        }
        if this.sender.client.is_leaving() && !this.sender.end() {
            return Poll::Ready(None);
        }
        while this.timer.as_mut().poll(cx).is_ready() {
            *this.idle = if std::mem::take(&mut this.sender.was_active) { 0 } else { *this.idle + 1 };
            if *this.idle > MAX_IDLE || (*this.idle > 0 && this.sender.keep_alive(cx).is_err()) {
                return Poll::Ready(None);
            }
            this.timer.as_mut().reset(Instant::now() + KEEPALIVE);
        }
        Poll::Pending
    }
}

impl Sender {
    /// Sends what there is, until the kernel takes no more. An error when the connection has ended.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<(), ()> {
        while !self.is_over {
            if !self.rest.is_empty() {
                match self.write(cx, &self.rest)? {
                    Some(written) => self.rest.advance(written),
                    None => return Ok(()),
                }
                self.was_active = true;
                continue;
            }
            // What was sent to the end is held no longer.
            self.rest = Bytes::new();
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
        Ok(())
    }

    /// Ends the body, once nothing of it waits. `false` when the client is gone; else it goes when it has read the end.
    fn end(&mut self) -> bool {
        if self.is_over || !self.rest.is_empty() {
            return true;
        }
        self.is_over = true;
        self.client.end()
    }

    /// Writes once, and tells how much went out; `None` when the task will be woken once something can.
    fn write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<Option<usize>, ()> {
        match self.client.poll_write(cx, &[IoSlice::new(bytes)]) {
            Poll::Ready(Ok(written)) if written > 0 => Ok(Some(written)),
            Poll::Ready(_) => Err(()),
            Poll::Pending => Ok(None),
        }
    }

    /// Sends something that means nothing, unless what means something waits.
    fn keep_alive(&mut self, cx: &mut Context<'_>) -> Result<(), ()> {
        if self.rest.is_empty() {
            self.rest = Bytes::from_static(match self.form {
                Form::Event => b":\n\n",
                Form::Record | Form::Line => b"\n",
            });
        }
        self.send(cx)
    }
}
