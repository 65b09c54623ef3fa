//! Polling, long and short.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll as Readiness;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::answer::Common;
use super::cookie::Memory;
use crate::channel::{Form, Found, Gap, Position, Reading, gap_record};
use crate::chat::Present;
use crate::front::{Client, Reply, send};

/// A poll that is being answered.
pub(super) struct Poll {
    pub(super) reading: Reading,
    pub(super) form: Form,
    /// How long to wait for something to come.
    pub(super) wait: Duration,
    pub(super) cookie: Cookie,
    pub(super) common: Common,
    pub(super) present: Option<Present>,
    /// The status when nothing has come.
    pub(super) silence: u16,
}

/// What the browser is to remember.
pub(super) struct Cookie {
    pub(super) memory: Memory,
    /// Who the reader is.
    pub(super) id: u32,
    /// Whether the position is kept, or only who the reader is, where that matters.
    pub(super) keeps_position: bool,
    pub(super) introduces: bool,
}

impl Cookie {
    fn set(&self, position: Position) -> Option<String> {
        let Self { memory, id, .. } = self;
        match (self.keeps_position, self.introduces) {
            (true, _) => Some(memory.keep(position, *id)),
            (false, true) => memory.introduce(*id),
            (false, false) => None,
        }
    }
}

/// What has come.
struct News {
    gap: Option<Gap>,
    bytes: Bytes,
}

/// The most bytes of an answer, but for one publication. What is left is for the next poll.
const MAX_BYTES: usize = 64 * 1024;

impl Poll {
    pub(super) async fn run(mut self, mut client: Client) -> Option<Client> {
        let news = match self.take() {
            Some(news) => Some(news),
            None if self.wait.is_zero() => None,
            None => self.hold(&mut client).await.ok()?,
        };
        let reply = self.reply(news);
        send(client, reply).await
    }

    /// Waits until something has come, or for so long. An error when the client has gone.
    async fn hold(&mut self, client: &mut Client) -> Result<Option<News>, ()> {
        let mut timer = pin!(sleep(self.wait));
        let mut news = pin!(self.reading.news());
        poll_fn(|cx| {
            loop {
                // Asked for before the look, so that nothing comes in between unnoticed.
                let is_called = news.as_mut().poll(cx).is_ready();
                if let Some(found) = self.take() {
                    return Readiness::Ready(Ok(Some(found)));
                }
                if !is_called {
                    break;
                }
                news.set(self.reading.news());
            }
            if client.poll_gone(cx).is_ready() {
                return Readiness::Ready(Err(()));
            }
            timer.as_mut().poll(cx).map(|()| Ok(None))
        })
        .await
    }

    fn take(&mut self) -> Option<News> {
        let mut gap = None;
        loop {
            match self.reading.take(self.form, MAX_BYTES) {
                Found::Batch(batch) => return Some(News { gap, bytes: batch.bytes }),
                Found::Gap(found) => gap = Some(found),
                Found::Nothing => return gap.map(|gap| News { gap: Some(gap), bytes: Bytes::new() }),
            }
        }
    }

    fn reply(self, news: Option<News>) -> Reply {
        let Self { reading, form, cookie, common, silence, present, .. } = self;
        let position = reading.position();
        let common = common.position(position).cookie(cookie.set(position));
        // The reader is present for a while longer, in which it is likely to come again.
        drop(present);
        let Some(News { gap, bytes }) = news else {
            let reply =
                if silence == 204 { Reply::empty(204) } else { Reply::reason(silence, "nothing has come") };
            return common.on(reply);
        };
        let content_type = match form {
            Form::Record => "application/x-ndjson",
            Form::Line | Form::Event => "text/plain; charset=utf-8",
        };
        let Some(gap) = gap else { return common.on(Reply::new(200, content_type, bytes)) };
        let common = match gap.missed() {
            Some(missed) => common.missed(missed),
            None => common.missed("unknown"),
        };
        let body = if form == Form::Record { [gap_record(gap), bytes].concat().into() } else { bytes };
        common.on(Reply::new(200, content_type, body))
    }
}
