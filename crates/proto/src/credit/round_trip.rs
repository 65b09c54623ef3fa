//! The round trip, from PING to PONG (docs/protocol.md, sections 4 and 5).

use std::time::{Duration, Instant};

use super::violation::Violation;

#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    samples: [Option<Duration>; 4],
    next_sample: usize,
    /// The PING that is unanswered, and when it was sent.
    unanswered: Option<(u8, Instant)>,
    last_ping: Option<Instant>,
    pings: u8,
}

/// How old a sample may be when a CREDIT goes out.
const PING_INTERVAL: Duration = Duration::from_secs(10);

impl RoundTrip {
    /// The shortest of the last samples.
    pub(super) fn get(&self) -> Option<Duration> {
        self.samples.iter().flatten().min().copied()
    }

    /// The bytes of a PING to send now, if one is due.
    pub(super) fn ping(&mut self, now: Instant) -> Option<u8> {
        let is_due = self.last_ping.is_none_or(|last| now.saturating_duration_since(last) >= PING_INTERVAL);
        if !is_due || self.unanswered.is_some() {
            return None;
        }
        self.pings = self.pings.wrapping_add(1);
        let ping = self.pings;
        self.unanswered = Some((ping, now));
        self.last_ping = Some(now);
        Some(ping)
    }

    pub(super) fn take_pong(&mut self, now: Instant, payload: &[u8]) -> Result<(), Violation> {
        let (ping, sent_at) = self.unanswered.ok_or(Violation::UnaskedPong)?;
        if payload != [ping] {
            return Err(Violation::UnaskedPong);
        }
        self.unanswered = None;
        self.samples[self.next_sample] = Some(now.saturating_duration_since(sent_at));
        self.next_sample = (self.next_sample + 1) % self.samples.len();
        Ok(())
    }
}
