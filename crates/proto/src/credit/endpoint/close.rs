//! How a conversation ends (docs/protocol.md, section 7).

use std::time::{Duration, Instant};

use super::{Endpoint, Event};
use crate::credit::ending::{Deadline, OwnEnd};
use crate::credit::failure::Failure;
use crate::credit::violation::Violation;
use crate::websocket::{ApiMisuse, CloseCode, CloseInfo, Side, close_payload};

/// How often the time for the peer's END may be counted anew.
const MAX_POSTPONED: u32 = 6;

/// How long a client leaves it to the server to close the WebSocket.
const CLIENT_LINGER: Duration = Duration::from_secs(2);

impl Endpoint {
    /// Ends the conversation: END goes behind all that is queued, with this code and reason. After another END, ours
    /// or the peer's that was read, this does nothing.
    ///
    /// # Errors
    ///
    /// A code that may not be sent, or a reason over 123 bytes. They are told in every state; nothing is queued.
    pub fn close(&mut self, close_code: Option<CloseCode>, reason: &str) -> Result<(), ApiMisuse> {
        let payload = close_payload(close_code, reason)?;
        if self.ending.own == OwnEnd::None && !self.ending.is_over() {
            // It was just made, so it can be read.
            let info = CloseInfo::parse(&payload).map_err(|_| ApiMisuse::InvalidUtf8)?;
            self.ending.own = OwnEnd::Queued(info);
        }
        Ok(())
    }

    /// Takes note that the WebSocket has ended, by a Close with this code and reason, or by none.
    pub fn handle_close(&mut self, info: Option<CloseInfo>) {
        let is_complete = self.is_complete();
        self.ending.is_over = true;
        self.ending.close = None;
        if is_complete || self.ending.failure.is_some() {
            return;
        }
        let has_unsent = !self.outgoing.is_empty() || !self.behind.is_empty();
        self.ending.failure = match self.incoming.end() {
            // What we owed was only the answer.
            Some(_) if !has_unsent => None,
            Some(end) => Some(Failure::Unsent(end.clone())),
            None => Some(Failure::Ended(info)),
        };
        self.outgoing.clear();
        self.behind.clear();
    }

    /// Takes note that the time is `now`, to be called when what `poll_timeout` told has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let greeting_deadline = self.ending.started_at + self.config.greeting_timeout;
        if !self.is_greeted() && !self.ending.is_over() && now >= greeting_deadline {
            return self.fail(Violation::GreetingTooLate);
        }
        let Some(deadline) = self.ending.deadline else { return };
        if now >= deadline.look_at && self.incoming.messages_read() == deadline.messages_read {
            // Nobody comes for what has come: it must not keep the peer from its END.
            if self.incoming.has_message() {
                self.discard(now);
            }
        }
        if now >= deadline.look_at
            && let Some(deadline) = &mut self.ending.deadline
        {
            deadline.look_at = now + self.config.close_timeout / 2;
            deadline.messages_read = self.incoming.messages_read();
        }
        if now >= deadline.at {
            self.end_by_deadline();
        }
    }

    fn end_by_deadline(&mut self) {
        let own = match &self.ending.own {
            OwnEnd::Queued(info) | OwnEnd::Sent(info) => info.clone(),
            OwnEnd::None => return,
        };
        if self.is_complete() {
            self.ending.close = Some(own);
            return;
        }
        let failure = match self.incoming.end() {
            Some(end) => Failure::Unsent(end.clone()),
            None => Failure::CloseTimedOut,
        };
        // No END in front of the Close: it would say that nothing is missing.
        if !matches!(self.ending.own, OwnEnd::Sent(_)) {
            self.ending.own = OwnEnd::Sent(own.clone());
        }
        self.give_up(failure, own);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, if at all. Deadlines count from the first call that sees
    /// their cause, so call it whenever something has changed.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        if self.ending.is_over() || self.ending.close.is_some() {
            return None;
        }
        let greeting = (!self.is_greeted()).then(|| self.ending.started_at + self.config.greeting_timeout);
        if self.ending.own != OwnEnd::None {
            self.set_deadline(now);
        }
        let ending = self.ending.deadline.map(|deadline| deadline.at.min(deadline.look_at));
        [greeting, ending].into_iter().flatten().min()
    }

    fn set_deadline(&mut self, now: Instant) {
        let (timeout, outage) = (self.config.close_timeout, self.config.outage);
        let (progress, messages_read) = (self.ending.progress, self.incoming.messages_read());
        let fresh = Deadline {
            at: now + timeout + outage,
            last: now + timeout * MAX_POSTPONED + outage,
            progress,
            look_at: now + timeout / 2,
            messages_read,
        };
        let is_complete = self.is_complete();
        let deadline = self.ending.deadline.get_or_insert(fresh);
        if is_complete {
            // Only the server's Close is missing; the first look fixes until when.
            if deadline.last > now + CLIENT_LINGER {
                deadline.last = now + CLIENT_LINGER;
                deadline.at = deadline.last;
            }
        } else if deadline.progress < progress {
            deadline.progress = progress;
            deadline.at = (now + timeout + outage).min(deadline.last);
        }
    }

    /// How long the peer's END may take, without what is added for a peer that is out of reach.
    #[must_use]
    pub fn close_timeout(&self) -> Duration {
        self.config.close_timeout
    }

    /// What to close the WebSocket with now, told once; an empty Close for [`CloseCode::NO_STATUS`]. Ask behind
    /// [`poll_transmit`](Self::poll_transmit).
    pub fn poll_close(&mut self) -> Option<CloseInfo> {
        if self.has_farewell() || !self.behind.is_empty() {
            return None;
        }
        let info = self.ending.close.take()?;
        self.ending.is_over = true;
        Some(info)
    }

    /// Answers the peer's END, if it has come, although messages before it wait to be read: nobody comes for them.
    pub fn answer_end(&mut self) {
        if let (OwnEnd::None, Some(info), false) =
            (&self.ending.own, self.incoming.end(), self.ending.is_over())
        {
            self.ending.own = OwnEnd::Queued(info.clone());
        }
    }

    /// How it ended, once it has: what [`poll_event`](Self::poll_event) will tell behind the messages that wait.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<CloseInfo, Failure>> {
        match (&self.ending.failure, self.incoming.end()) {
            (Some(failure), _) => Some(Err(failure.clone())),
            (None, Some(info)) if self.ending.is_over || self.is_complete() => Some(Ok(info.clone())),
            _ => None,
        }
    }

    /// Whether both ENDs were exchanged.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.ending.own, OwnEnd::Sent(_)) && self.incoming.end().is_some()
    }

    /// Whether the conversation is no longer open for sending: it is ending, or over.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending.own != OwnEnd::None || self.ending.is_over()
    }

    /// Our END has gone, or the peer's has come: a server closes the WebSocket when both have.
    pub(super) fn look_at_end(&mut self) {
        if let (Side::Server, OwnEnd::Sent(info), true) = (self.side, &self.ending.own, self.is_complete())
            && !self.ending.is_over()
        {
            self.ending.close = Some(info.clone());
        }
    }

    /// The end, behind the last message.
    pub(super) fn poll_end(&mut self) -> Option<Result<Event, Failure>> {
        if self.ending.is_told {
            return None;
        }
        if let Some(failure) = &self.ending.failure {
            self.ending.is_told = true;
            return Some(Err(failure.clone()));
        }
        let info = self.incoming.end()?.clone();
        self.ending.is_told = true;
        // The code and the reason go back as they came.
        self.answer_end();
        Some(Ok(Event::End(info)))
    }

    /// Ends the conversation without the peer's END: by an END of ours, unless that has gone, and a Close.
    pub(super) fn give_up(&mut self, failure: Failure, info: CloseInfo) {
        if self.ending.is_over() {
            return;
        }
        self.outgoing.clear();
        self.ending.failure = Some(failure);
        self.ending.close = Some(info.clone());
        if !matches!(self.ending.own, OwnEnd::Sent(_)) {
            self.ending.own = OwnEnd::Queued(info);
        }
    }

    /// Gives the conversation up because a message of ours cannot be finished.
    pub(super) fn abandon(&mut self) {
        let info =
            CloseInfo { close_code: CloseCode::INTERNAL_ERROR, reason: "message abandoned".to_owned() };
        self.give_up(Failure::Abandoned, info);
    }

    /// Whether an END waits to go in front of a Close.
    fn has_farewell(&self) -> bool {
        !self.ending.is_over && matches!(self.ending.own, OwnEnd::Queued(_))
    }
}
