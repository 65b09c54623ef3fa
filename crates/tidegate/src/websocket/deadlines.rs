//! How long silence may last.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::error::Cause;
use super::link::Link;

/// Deadlines of an open connection. Those of the opening and the closing handshake are set elsewhere, by
/// `handshake_timeout` and [`Config::close_timeout`](crate::Config::close_timeout).
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    ping_interval: Option<Duration>,
    pong_timeout: Duration,
    write_stall: Option<Duration>,
    idle: Option<Duration>,
}

impl Default for Deadlines {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self {
            ping_interval: Some(half_a_minute),
            pong_timeout: half_a_minute,
            write_stall: None,
            idle: None,
        }
    }
}

impl Deadlines {
    /// After how long without a byte from the peer to send a ping; 30 s by default, `None` for never.
    #[must_use]
    pub fn ping_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.ping_interval = interval.into();
        self
    }

    /// How long after a ping any byte must come, or the connection is lost; 30 s by default.
    ///
    /// A peer that is merely slow is not given up: when more than 16 KiB were written since the last ping that it
    /// answered, payload before compression and 32 bytes a message, they may lie unread before this one; and while
    /// nobody reads here, silence proves nothing.
    /// [`write_stall`](Self::write_stall) and the timeouts of TCP are for those.
    #[must_use]
    pub fn pong_timeout(mut self, timeout: Duration) -> Self {
        self.pong_timeout = timeout;
        self
    }

    /// How long the transport may take nothing of what waits to be sent, or the connection is lost. Never by default:
    /// a peer that does not read for an hour makes a writer wait for an hour.
    #[must_use]
    pub fn write_stall(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.write_stall = timeout.into();
        self
    }

    /// How long no message may come or go before the connection is closed with 1001. Never by default.
    #[must_use]
    pub fn idle(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle = timeout.into();
        self
    }
}

/// What was written since the peer last answered a ping, from which on its silence proves nothing.
const SLOW_PEER_BYTES: u64 = 16 * 1024;

/// The deadlines of one connection as time passes. Nothing is noted per message: each is looked at when it is due,
/// and moved on if something has happened since.
pub(super) struct Watchdog {
    deadlines: Arc<Deadlines>,
    /// When to ping, or after a ping, when to give up.
    pulse: Option<Due>,
    /// The ping that has not been answered.
    pinged: Option<Box<Pinged>>,
    /// Those that are off by default take no room.
    rare: Option<Box<Rare>>,
}

struct Pinged {
    /// It did not leave at once: what was written before it goes out slowly.
    waits: bool,
    /// Bytes that had gone out when it was last looked at.
    sent: u64,
}

#[derive(Default)]
struct Rare {
    stall: Option<Due>,
    idle: Option<Due>,
}

/// A deadline, and what was counted when it was set.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    count: u64,
}

impl Watchdog {
    pub(super) fn new(deadlines: Arc<Deadlines>) -> Self {
        Self { deadlines, pulse: None, pinged: None, rare: None }
    }

    /// Looks at what is due, pings where that is asked for, and tells when to look again.
    ///
    /// # Errors
    ///
    /// The deadline that has passed.
    pub(super) fn look(&mut self, now: Instant, link: &mut Link) -> Result<Option<Instant>, Cause> {
        self.look_at_pulse(now, link)?;
        self.look_at_stall(now, link)?;
        self.look_at_idle(now, link)?;
        let (stall, idle) = self.rare.as_deref().map_or((None, None), |rare| (rare.stall, rare.idle));
        Ok([self.pulse, stall, idle].into_iter().flatten().map(|due| due.at).min())
    }

    fn look_at_pulse(&mut self, now: Instant, link: &mut Link) -> Result<(), Cause> {
        let Some(interval) = self.deadlines.ping_interval else { return Ok(()) };
        let heard = link.heard_bytes();
        let next_ping = Due { at: now + interval, count: heard };
        match self.pulse {
            Some(due) if now < due.at => return Ok(()),
            Some(due) if due.count == heard && link.is_listening() => {
                let has_pinged = self.pinged.is_some();
                if has_pinged && link.connection.unanswered_bytes() < SLOW_PEER_BYTES {
                    return self.look_at_ping(now, heard, link);
                }
                // Within a streamed frame there is no room for a ping, and no need: bytes are going out.
                let is_pinged = !has_pinged && link.ping();
                let pinged = || Box::new(Pinged { waits: false, sent: link.connection.sent_bytes() });
                self.pinged = is_pinged.then(pinged);
                let wait = if is_pinged { self.deadlines.pong_timeout } else { interval };
                self.pulse = Some(Due { at: now + wait, count: heard });
            }
            _ => {
                self.pinged = None;
                self.pulse = Some(next_ping);
            }
        }
        Ok(())
    }

    /// A ping has not been answered in time. The time counts from when it has left, so a transport that takes what lies
    /// before it slowly is waited for as long as it takes anything.
    fn look_at_ping(&mut self, now: Instant, heard: u64, link: &Link) -> Result<(), Cause> {
        let (is_unsent, sent) = (link.connection.has_unsent_ping(), link.connection.sent_bytes());
        let Some(pinged) = &mut self.pinged else { return Ok(()) };
        let is_moving = std::mem::replace(&mut pinged.sent, sent) < sent;
        if !(std::mem::replace(&mut pinged.waits, is_unsent) && is_moving) {
            return Err(Cause::PongTimedOut(self.deadlines.pong_timeout));
        }
        self.pulse = Some(Due { at: now + self.deadlines.pong_timeout, count: heard });
        Ok(())
    }

    /// To be called when all has been sent that the transport takes.
    pub(super) fn after_flush(&mut self, link: &Link) {
        if let Some(pinged) = &mut self.pinged {
            pinged.waits |= link.connection.has_unsent_ping();
        }
    }

    fn look_at_stall(&mut self, now: Instant, link: &Link) -> Result<(), Cause> {
        let Some(timeout) = self.deadlines.write_stall else { return Ok(()) };
        let sent = link.connection.sent_bytes();
        let stall = &mut self.rare.get_or_insert_default().stall;
        match stall {
            _ if link.connection.queued_bytes() == 0 => *stall = None,
            Some(due) if due.count == sent && now >= due.at => return Err(Cause::WriteStalled(timeout)),
            Some(due) if due.count == sent => {}
            _ => *stall = Some(Due { at: now + timeout, count: sent }),
        }
        Ok(())
    }

    fn look_at_idle(&mut self, now: Instant, link: &Link) -> Result<(), Cause> {
        let Some(timeout) = self.deadlines.idle else { return Ok(()) };
        let messages = link.counted.messages_read + link.counted.messages_written;
        let idle = &mut self.rare.get_or_insert_default().idle;
        match idle {
            Some(due) if now < due.at => {}
            Some(due) if due.count == messages => return Err(Cause::IdleTimedOut(timeout)),
            _ => *idle = Some(Due { at: now + timeout, count: messages }),
        }
        Ok(())
    }
}
