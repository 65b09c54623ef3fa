//! A channel by WebSocket: each publication is a text message, and each text message is published.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_core::Stream;
use tidegate::{CloseOptions, Message, Opened, Prepared, Readable, WebSocketStream, Writable};

use super::room::{Person, Refused, Room};
use crate::channel::Reading;
use crate::chat::Listening;

/// Publications that are offered to a connection at once.
const BATCH: usize = 64;

/// Messages that are published before others get their turn.
const TURN: usize = 16;

thread_local! {
    /// What is on its way from a channel to a connection: a connection that waits owns no such list.
    static FRAMES: RefCell<Vec<Prepared>> = const { RefCell::new(Vec::new()) };
}

/// Takes part in a channel until the peer leaves.
pub(super) async fn run(socket: WebSocketStream, reading: Reading, room: Room, person: Person) {
    let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
    // It holds what was asked, which nobody needs any more.
    drop(socket);
    let listening = room.listen(&person);
    let taking_part = TakingPart { readable, writable, reading, room, person, listening, note: None };
    if let Some((writable, refused)) = taking_part.run().await {
        // The reasons are short, and the codes may be sent.
        let _ = writable.abort(CloseOptions::from((refused.close_code, refused.reason)));
    }
}

struct TakingPart {
    readable: Readable,
    writable: Writable,
    reading: Reading,
    room: Room,
    person: Person,
    /// Who is present, in a room that tells.
    listening: Option<Box<Listening>>,
    /// What is to be told before anything else: a gap, or who is present.
    note: Option<Box<Prepared>>,
}

impl TakingPart {
    /// Gives back what to close with, where it is not the peer who does.
    async fn run(mut self) -> Option<(Writable, Refused)> {
        let ending = {
            let mut news = pin!(self.reading.news());
            poll_fn(|cx| {
                if let Poll::Ready(ending) = self.hear(cx) {
                    return Poll::Ready(ending);
                }
                // Asked for before the look, so that nothing comes in between unnoticed.
                while news.as_mut().poll(cx).is_ready() {
                    news.set(self.reading.news());
                }
                self.tell(cx).map(|()| None)
            })
            .await
        };
        Some((self.writable, ending?))
    }

    /// Publishes what the peer sends. While nobody comes to this, its messages wait in the network.
    fn hear(&mut self, cx: &mut Context<'_>) -> Poll<Option<Refused>> {
        for _ in 0..TURN {
            match Pin::new(&mut self.readable).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(Message::Text(text)))) => {
                    let Err(refused) = self.room.publish(self.reading.channel(), &self.person, text) else {
                        continue;
                    };
                    return Poll::Ready(Some(refused));
                }
                Poll::Ready(Some(Ok(Message::Binary(_)))) => {
                    return Poll::Ready(Some(Refused {
                        status: 415,
                        close_code: 1003,
                        reason: self.room.hint(),
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
        let note = gap.or_else(|| {
            let listening = self.listening.as_mut()?;
            // The history comes first.
            (frames.is_empty() || listening.has_been_told()).then(|| listening.news(cx)).flatten()
        })?;
        Some(Box::new(Prepared::new(note.into())))
    }
}
