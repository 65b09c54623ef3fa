//! What the network does to attachments and POSTs, and what their two drivers do about it.

use std::collections::VecDeque;

use bytes::Bytes;
use tidegate_proto::session::{AttachError, Attachment, Carries, FrameSplitter, PostError, ServerSession};

use super::{Event, World};

/// An event stream is a stream, here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    WebSocket,
    Stream,
    LongPoll,
    Poll,
}

/// One attachment, as far as it has come.
pub(super) struct Pipe {
    kind: Kind,
    session: usize,
    server: Option<Attachment>,
    client: Attachment,
    splitter: FrameSplitter,
    /// What has arrived and was not taken yet; `None` is the end.
    arrived: VecDeque<Option<Bytes>>,
    heard: u64,
    /// When the next piece may arrive, down and up: nothing overtakes anything on a pipe.
    free_at: [u64; 2],
    is_cut: bool,
    is_client_done: bool,
    is_server_done: bool,
    /// What the sockets hold on the way down.
    in_flight: usize,
}

const SOCKET_BYTES: usize = 16 << 10;
const WAIT_MS: u64 = 25_000;
const SILENCE_MS: u64 = 45_000;
const POST_TIMEOUT_MS: u64 = 30_000;

impl World {
    pub(super) fn handle(&mut self, event: Event) {
        let is_for_server = matches!(event, Event::Request { .. } | Event::Up { .. } | Event::Post { .. });
        if is_for_server && self.schedule.now() < self.paused_until {
            return self.schedule.at(self.paused_until, event);
        }
        if is_for_server && self.random.one_in(self.weather.pauses) {
            self.paused_until = self.schedule.now() + self.random.below(20_000);
        }
        match event {
            Event::Request { pipe, session, after } => self.answer_request(pipe, session, after),
            Event::Refused { pipe, error } => self.refused(pipe, error),
            Event::Down { pipe, bytes } => self.pipes[pipe].arrived.push_back(bytes),
            Event::Up { pipe, bytes } => self.take_up(pipe, &bytes),
            Event::UpEnd { pipe } => self.end_at_server(pipe),
            Event::Post { id, session } => self.answer_post(id, session),
            Event::Answer { id, is_taken, position } => self.take_answer(id, is_taken, position),
            Event::PostTimeout { id } => self.post_done(id),
            Event::LongPollTimeout { pipe } => self.end_answer(pipe),
            Event::Silence { pipe, heard } if self.pipes[pipe].heard == heard => self.end_at_client(pipe),
            Event::Silence { .. } => {}
            Event::Attach => self.attach(),
            Event::Act => self.act(),
        }
    }

    fn delay(&mut self) -> u64 {
        self.random.below(self.weather.max_delay)
    }

    // The client's driver.

    fn attach(&mut self) {
        if self.client.is_over() {
            return;
        }
        let kinds = [Kind::WebSocket, Kind::Stream, Kind::LongPoll, Kind::Poll];
        let kind = kinds[self.random.below(4) as usize];
        let (session, after) = (self.session(), self.client.position());
        let pipe = self.open(kind);
        if !self.random.one_in(self.weather.loses) {
            let delay = self.delay();
            self.schedule.after(delay, Event::Request { pipe, session, after });
        }
        if self.random.one_in(self.weather.repeats) {
            // Somebody on the way sends it again, and takes the answer for himself.
            let ghost = self.open(kind);
            self.pipes[ghost].is_client_done = true;
            let delay = self.delay();
            self.schedule.after(delay, Event::Request { pipe: ghost, session, after });
        }
        self.schedule.after(SILENCE_MS, Event::Silence { pipe, heard: 0 });
    }

    fn open(&mut self, kind: Kind) -> usize {
        let carries = if kind == Kind::WebSocket { Carries::Both } else { Carries::Down };
        self.pipes.push(Pipe {
            kind,
            session: 0,
            server: None,
            client: self.client.attach(carries),
            splitter: FrameSplitter::default(),
            arrived: VecDeque::new(),
            heard: 0,
            free_at: [0; 2],
            is_cut: false,
            is_client_done: false,
            is_server_done: false,
            in_flight: 0,
        });
        self.pipes.len() - 1
    }

    fn refused(&mut self, pipe: usize, error: AttachError) {
        let (AttachError::NotKept { after, .. } | AttachError::Ahead { after, .. }) = error else { return };
        assert!(after < self.client.position() || self.pipes[pipe].is_client_done, "not resumed: {error}");
        self.end_at_client(pipe);
    }

    fn end_at_client(&mut self, pipe: usize) {
        if std::mem::replace(&mut self.pipes[pipe].is_client_done, true) {
            return;
        }
        if !self.pipes.iter().any(|pipe| !pipe.is_client_done) {
            let backoff = self.random.below(2000);
            self.schedule.after(backoff, Event::Attach);
        }
    }

    pub(super) fn pump_client(&mut self) {
        for pipe in 0..self.pipes.len() {
            while !self.pipes[pipe].is_client_done && self.client.takes_frames() {
                let Some(piece) = self.pipes[pipe].arrived.pop_front() else { break };
                self.take_down(pipe, piece);
            }
        }
        let newest = self.pipes.iter().rposition(|pipe| !pipe.is_client_done && pipe.client.is_attached());
        match newest {
            Some(pipe) if self.pipes[pipe].kind == Kind::WebSocket => self.send_up(pipe),
            _ => self.post(),
        }
    }

    fn take_down(&mut self, number: usize, piece: Option<Bytes>) {
        let now = self.now();
        let pipe = &mut self.pipes[number];
        let Some(bytes) = piece else { return self.end_at_client(number) };
        pipe.heard += 1;
        pipe.in_flight -= bytes.len();
        self.schedule.after(SILENCE_MS, Event::Silence { pipe: number, heard: pipe.heard });
        let whole = pipe.splitter.split(&bytes).expect("a server's frames");
        let is_taken = self.client.handle_batch(now, &mut pipe.client, &whole).is_ok();
        // Another session's, which an answer that was thought lost has opened; or the last word.
        if !is_taken || pipe.client.ended().is_some() {
            self.end_at_client(number);
        }
    }

    fn send_up(&mut self, number: usize) {
        let now = self.now();
        while let Some(bytes) = self.client.poll_transmit(now, &mut self.pipes[number].client, 4096) {
            let delay = self.delay();
            let is_cut = self.random.one_in(self.weather.cuts);
            let pipe = &mut self.pipes[number];
            pipe.is_cut |= is_cut;
            if !pipe.is_cut {
                pipe.free_at[1] = pipe.free_at[1].max(self.schedule.now() + delay);
                self.schedule.at(pipe.free_at[1], Event::Up { pipe: number, bytes });
            } else if is_cut && !self.random.one_in(self.weather.freezes) {
                self.schedule.after(delay, Event::Down { pipe: number, bytes: None });
                self.schedule.after(delay, Event::UpEnd { pipe: number });
            }
        }
    }

    fn post(&mut self) {
        let (None, Some(session)) = (self.post_in_flight, self.session()) else { return };
        let Some(post) = self.client.next_post() else { return };
        let id = self.posts.len();
        self.posts.push(post);
        self.post_in_flight = Some(id);
        for _ in 0..1 + u64::from(self.random.one_in(self.weather.repeats)) {
            if !self.random.one_in(self.weather.loses) {
                let delay = self.delay();
                self.schedule.after(delay, Event::Post { id, session });
            }
        }
        self.schedule.after(POST_TIMEOUT_MS, Event::PostTimeout { id });
    }

    fn take_answer(&mut self, id: usize, is_taken: bool, position: u64) {
        let told = if is_taken {
            self.client.handle_answer(&self.posts[id], position)
        } else {
            self.client.handle_position(position)
        };
        told.expect("a position of what was sent");
        self.post_done(id);
    }

    fn post_done(&mut self, id: usize) {
        self.post_in_flight = self.post_in_flight.filter(|in_flight| *in_flight != id);
    }

    // The server's driver.

    fn answer_request(&mut self, pipe: usize, session: Option<usize>, after: u64) {
        let now = self.now();
        let session = session.unwrap_or_else(|| {
            let id = self.sessions.len();
            self.sessions.push(ServerSession::new(now, id.to_string(), self.config.clone()));
            id
        });
        let kind = self.pipes[pipe].kind;
        let carries = if kind == Kind::WebSocket { Carries::Both } else { Carries::Down };
        match self.sessions[session].attach(carries, after) {
            Ok(attachment) => {
                self.pipes[pipe].session = session;
                self.pipes[pipe].server = Some(attachment);
                if kind == Kind::LongPoll {
                    self.schedule.after(WAIT_MS, Event::LongPollTimeout { pipe });
                }
            }
            Err(error) => {
                let delay = self.delay();
                self.schedule.after(delay, Event::Refused { pipe, error });
            }
        }
    }

    pub(super) fn pump_server(&mut self) {
        if self.schedule.now() < self.paused_until {
            return;
        }
        for pipe in 0..self.pipes.len() {
            self.transmit(pipe);
        }
    }

    fn transmit(&mut self, number: usize) {
        let now = self.now();
        let mut has_frames = false;
        loop {
            let pipe = &mut self.pipes[number];
            let Some(attachment) = pipe.server.as_mut().filter(|_| !pipe.is_server_done) else { return };
            if pipe.in_flight >= SOCKET_BYTES {
                return;
            }
            let before = attachment.sent();
            let max_bytes = 1 + self.random.below(8000) as usize;
            let Some(bytes) = self.sessions[pipe.session].poll_transmit(now, attachment, max_bytes) else {
                break;
            };
            has_frames |= attachment.sent() > before;
            let is_last = attachment.ended().is_some();
            self.send_down(number, &bytes);
            if is_last {
                return self.end_answer(number);
            }
        }
        let kind = self.pipes[number].kind;
        if kind == Kind::Poll || (kind == Kind::LongPoll && has_frames) {
            self.end_answer(number);
        }
    }

    fn send_down(&mut self, number: usize, bytes: &Bytes) {
        let delay = self.delay();
        let is_cut = self.random.one_in(self.weather.cuts);
        let kept = if is_cut { self.random.below(bytes.len() as u64) as usize } else { bytes.len() };
        let pipe = &mut self.pipes[number];
        pipe.in_flight += bytes.len();
        if pipe.is_cut {
            return;
        }
        pipe.free_at[0] = pipe.free_at[0].max(self.schedule.now() + delay);
        // What the cut has lost stays in flight for ever.
        let at = pipe.free_at[0];
        self.schedule.at(at, Event::Down { pipe: number, bytes: Some(bytes.slice(..kept)) });
        if is_cut {
            pipe.is_cut = true;
            if !self.random.one_in(self.weather.freezes) {
                self.schedule.at(at, Event::Down { pipe: number, bytes: None });
                self.schedule.at(at, Event::UpEnd { pipe: number });
            }
        }
    }

    /// The server has said what it had to say here.
    fn end_answer(&mut self, number: usize) {
        let pipe = &self.pipes[number];
        if !pipe.is_server_done && !pipe.is_cut {
            let at = pipe.free_at[0];
            self.schedule.at(at, Event::Down { pipe: number, bytes: None });
        }
        self.end_at_server(number);
    }

    fn end_at_server(&mut self, number: usize) {
        let now = self.now();
        let pipe = &mut self.pipes[number];
        let Some(attachment) = pipe.server.as_ref().filter(|_| !pipe.is_server_done) else { return };
        pipe.is_server_done = true;
        self.sessions[pipe.session].detach(now, attachment);
    }

    fn take_up(&mut self, number: usize, bytes: &Bytes) {
        let now = self.now();
        let pipe = &mut self.pipes[number];
        // An older attachment's frames are as good, until it was told to end.
        let Some(attachment) = pipe.server.as_mut().filter(|attachment| attachment.ended().is_none()) else {
            return;
        };
        let taken = self.sessions[pipe.session].handle_batch(now, attachment, bytes);
        taken.expect("what a client may say");
    }

    fn answer_post(&mut self, id: usize, session: usize) {
        let now = self.now();
        let post = &self.posts[id];
        let taken = self.sessions[session].handle_post(now, post.from, Some(post.received), &post.body);
        let is_taken = match taken {
            Ok(()) => true,
            Err(PostError::Gap { .. }) => false,
            Err(PostError::Full) => return self.schedule.after(10, Event::Post { id, session }),
            Err(error) => panic!("what a client may post: {error}"),
        };
        if !self.random.one_in(self.weather.loses) {
            let position = self.sessions[session].position();
            let delay = self.delay();
            self.schedule.after(delay, Event::Answer { id, is_taken, position });
        }
    }
}
