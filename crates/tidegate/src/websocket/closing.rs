//! How much time a connection gets that closes while something is still under way.

use tidegate_proto::websocket::Phase;
use tokio::time::Instant;

use super::shared::State;

/// What is known of a closing handshake under way.
///
/// What was accepted still goes out to a peer that reads slowly, and what came is still given to a reader that reads
/// slowly: either is progress, for which the deadline waits. A reader that does not come at all holds nothing up: its
/// messages are dropped after half the time, all from then on, so that none is missing between two that it gets.
#[derive(Default)]
pub(super) struct Closing {
    /// Boxed, since most of the time nothing closes.
    next: Option<Box<Look>>,
}

/// When to look, and how far things were when that was decided.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    sent: u64,
    heard: u64,
    taken: u64,
    postponed: u32,
}

/// How often the deadline may be counted anew: a peer that talks for ever must not keep a connection for ever.
const MAX_POSTPONED: u32 = 6;

impl Closing {
    /// Half of the closing handshake's time has passed, or it has just begun.
    pub(super) fn look(&mut self, now: Instant, state: &mut State) {
        let taken = state.link.taken();
        let connection = &mut state.link.connection;
        let is_under_way = match connection.phase() {
            Phase::Closing => true,
            // The peer has closed, but not taken all that was accepted before.
            Phase::Lingering => connection.queued_bytes() > 0,
            Phase::Open | Phase::Ended => false,
        };
        if !is_under_way {
            self.next = None;
            return;
        }
        let (sent, heard) = (connection.sent_bytes(), state.link.counted.bytes_read);
        let mut next = Look { at: now + connection.close_timeout() / 2, sent, heard, taken, postponed: 0 };
        let slot = self.next.get_or_insert_with(|| Box::new(next));
        let last = **slot;
        if now < last.at {
            return;
        }
        next.postponed = last.postponed;
        // What is only heard brings the peer's Close nearer, which lies behind it.
        let has_moved = sent > last.sent || heard > last.heard || taken != last.taken;
        if has_moved && last.postponed < MAX_POSTPONED {
            next.postponed += 1;
            connection.postpone_timeout();
        }
        **slot = next;
        // Nobody comes for what comes: it must not hold up the handshake.
        state.reader.is_gone |= taken == last.taken && !state.reader.is_parked;
    }

    pub(super) fn look_at(&self) -> Option<Instant> {
        self.next.as_ref().map(|next| next.at)
    }
}
