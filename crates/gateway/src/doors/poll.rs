//! Polling, long and short.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll as Readiness, ready};
use std::time::Duration;

use bytes::Bytes;
use pin_project_lite::pin_project;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Sleep, sleep};

use super::answer::Common;
use super::cookie::Memory;
use crate::channel::{Form, Found, Gap, Position, Reading, gap_record};
use crate::chat::Present;
use crate::front::{Client, Handling, Reply, send};

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

pin_project! {
    /// A poll that waits until something has come, or for so long.
    struct Held {
        // Taken when it is answered.
        poll: Option<(Client, Poll)>,
        #[pin]
        news: OwnedNotified,
        #[pin]
        timer: Sleep,
        // The answer on its way. It is larger than all before, and short.
        sending: Option<Handling>,
    }
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
    pub(super) fn run(mut self, client: Client) -> Handling {
        match self.take() {
            None if !self.wait.is_zero() => {
                let (news, timer) = (self.reading.news(), sleep(self.wait));
                Box::pin(Held { poll: Some((client, self)), news, timer, sending: None })
            }
            news => self.answer(client, news),
        }
    }

    fn answer(self, client: Client, news: Option<News>) -> Handling {
        Box::pin(send(client, self.reply(news)))
    }

    fn take(&mut self) -> Option<News> {
        let mut gap = None;
        loop {
            match self.reading.take(self.form, MAX_BYTES) {
                Found::Batch(batch) => return Some(News { gap, bytes: batch.bytes }),
                Found::Gap(found) => gap = Some(gap.map_or(found, |gap: Gap| gap.then(found))),
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

impl Future for Held {
    type Output = Option<Client>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Readiness<Option<Client>> {
        let mut this = self.project();
        if let Some((client, poll)) = this.poll.as_mut() {
            if client.poll_gone(cx).is_ready() {
                return Readiness::Ready(None);
            }
            // Asked for before the look, so that nothing comes in between unnoticed.
            while this.news.as_mut().poll(cx).is_ready() {
                this.news.set(poll.reading.news());
            }
            let news = poll.take();
            if news.is_none() && !client.is_leaving() {
                ready!(this.timer.as_mut().poll(cx));
            }
            let Some((client, poll)) = this.poll.take() else { return Readiness::Ready(None) };
            *this.sending = Some(poll.answer(client, news));
        }
        match this.sending {
            Some(sending) => sending.as_mut().poll(cx),
            None => Readiness::Ready(None),
        }
    }
}
