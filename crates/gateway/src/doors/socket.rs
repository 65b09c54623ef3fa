//! A channel by WebSocket: each publication is a text message, and each text message is published.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::FutureExt;
use pin_project_lite::pin_project;
use tidegate::{CloseOptions, Connection, Message, Opened, Prepared, Readable, WebSocketStream, Writable};
use tokio::sync::futures::OwnedNotified;

use super::room::{Refused, Seat};
use crate::channel::Reading;

/// Publications that are offered to a connection at once.
const BATCH: usize = 64;

/// Messages that are published before others get their turn.
const TURN: usize = 16;

thread_local! {
    /// What is on its way from a channel to a connection: a connection that waits owns no such list.
    static FRAMES: RefCell<Vec<Prepared>> = const { RefCell::new(Vec::new()) };
}

pin_project! {
    /// Takes part in a channel until the peer leaves.
    pub(super) struct TakingPart {
        // Absent once it is over.
        talk: Option<Talk>,
        #[pin]
        news: OwnedNotified,
    }
}

struct Talk {
    readable: Readable,
    writable: Writable,
    reading: Reading,
    seat: Seat,
    /// What is to be told before anything else: a gap, or who is present.
    note: Option<Box<Prepared>>,
}

impl TakingPart {
    pub(super) fn new(socket: WebSocketStream, reading: Reading, seat: Seat) -> Self {
        // A server's socket is open from the beginning. What it holds beside is what was asked, which nobody needs.
        Self::of(socket.opened().now_or_never().and_then(Result::ok), reading, seat)
    }

    /// As [`new`](Self::new), whatever carries it.
    pub(super) fn carried(connection: Connection, reading: Reading, seat: Seat) -> Self {
        Self::of(connection.opened().now_or_never().and_then(Result::ok), reading, seat)
    }

    fn of(opened: Option<Opened>, reading: Reading, seat: Seat) -> Self {
        let news = reading.news();
        let talk = opened.map(|Opened { readable, writable, .. }| Talk {
            readable,
            writable,
            reading,
            seat,
            note: None,
        });
        Self { talk, news }
    }
}

impl Future for TakingPart {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(talk) = this.talk else { return Poll::Ready(()) };
        if let Poll::Ready(refused) = talk.hear(cx) {
            if let (Some(refused), Some(talk)) = (refused, this.talk.take()) {
                // The reasons are short, and the codes may be sent.
                let _ = talk.writable.abort(CloseOptions::from((refused.close_code, refused.reason)));
            }
            return Poll::Ready(());
        }
        // Asked for before the look, so that nothing comes in between unnoticed.
        while this.news.as_mut().poll(cx).is_ready() {
            this.news.set(talk.reading.news());
        }
        talk.tell(cx)
    }
}

impl Talk {
    /// Publishes what the peer sends. While nobody comes to this, its messages wait in the network.
    fn hear(&mut self, cx: &mut Context<'_>) -> Poll<Option<Refused>> {
        for _ in 0..TURN {
            match Pin::new(&mut self.readable).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(Message::Text(text)))) => {
                    let Err(refused) = self.seat.publish(self.reading.channel(), text) else {
                        continue;
                    };
                    return Poll::Ready(Some(refused));
                }
                Poll::Ready(Some(Ok(Message::Binary(_)))) => {
                    return Poll::Ready(Some(Refused {
                        status: 415,
                        close_code: 1003,
                        reason: self.seat.hint(),
                    }));
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
            }
        }
        // Readers come first, so that a flood overtakes no one who keeps up.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Tells the peer what is published, at the pace at which it reads. Ready when it can be told nothing more.
    fn tell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        FRAMES.with_borrow_mut(|frames| {
            loop {
                if self.note.is_none() {
                    self.note = self.next_note(cx, frames);
                }
                if let Some(note) = &self.note {
                    match self.writable.poll_offer(cx, std::slice::from_ref(note)) {
                        Poll::Ready(Ok(1)) => self.note = None,
                        Poll::Ready(Ok(_)) | Poll::Pending => return Poll::Pending,
                        Poll::Ready(Err(_)) => return Poll::Ready(()),
                    }
                    continue;
                }
                if frames.is_empty() {
                    return Poll::Pending;
                }
                let offered = self.writable.poll_offer(cx, frames);
                let all = frames.len();
                // What was not taken is kept by the channel alone.
                frames.clear();
                match offered {
                    Poll::Ready(Ok(taken)) => {
                        self.reading.sent(taken);
                        if taken < all {
                            return Poll::Pending;
                        }
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
    }

    /// What is to be told before the publications that are put into `frames`.
    fn next_note(&mut self, cx: &mut Context<'_>, frames: &mut Vec<Prepared>) -> Option<Box<Prepared>> {
        frames.clear();
        let gap = self.reading.frames(BATCH, frames).map(|gap| format!(r#"{{"gap":{}}}"#, gap.to_json()));
        // The history comes before who is there.
        let note = gap.or_else(|| self.seat.news(cx, frames.is_empty()))?;
        Some(Box::new(Prepared::new(note.into())))
    }
}
