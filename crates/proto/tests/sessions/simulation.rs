//! A session over a bad network: responses lost, requests repeated and reordered, pipes cut and frozen, transports
//! changed, servers that pause. Exactly once and in order both ways, in bounded memory, and it comes to an end.

mod network;

use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_proto::session::{AttachError, ClientSession, Config, Post, ServerSession};

use self::network::Pipe;

use crate::ends::moment;
use crate::random::Random;
use crate::world::{Schedule, Weather};

/// As many as the environment says, or a few.
fn seeds() -> u64 {
    std::env::var("TIDEGATE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1000)
}

#[test]
fn no_seed_loses_repeats_or_reorders_a_frame() {
    let mut resumed = 0;
    for seed in 0..seeds() {
        let result = std::panic::catch_unwind(|| World::new(seed).run());
        match result {
            Ok(attachments) => resumed += attachments - 1,
            Err(panic) => {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(resumed as u64 > seeds() / 2, "a network that breaks nothing tests nothing: {resumed}");
}

/// What happens at some time. A pipe, a session and a POST go by their numbers.
enum Event {
    /// A request for an attachment arrives.
    Request {
        pipe: usize,
        session: Option<usize>,
        after: u64,
    },
    Refused {
        pipe: usize,
        error: AttachError,
    },
    /// Bytes of the server arrive, or the end.
    Down {
        pipe: usize,
        bytes: Option<Bytes>,
    },
    Up {
        pipe: usize,
        bytes: Bytes,
    },
    /// The server finds an attachment broken.
    UpEnd {
        pipe: usize,
    },
    Post {
        id: usize,
        session: usize,
    },
    Answer {
        id: usize,
        is_taken: bool,
        position: u64,
    },
    PostTimeout {
        id: usize,
    },
    LongPollTimeout {
        pipe: usize,
    },
    /// Nothing came for long enough to give an attachment up.
    Silence {
        pipe: usize,
        heard: u64,
    },
    Attach,
    Act,
}

struct World {
    random: Random,
    weather: Weather,
    schedule: Schedule<Event>,
    start: Instant,
    max_kept: usize,
    config: Config,
    sessions: Vec<ServerSession>,
    client: ClientSession,
    pipes: Vec<Pipe>,
    posts: Vec<Post>,
    post_in_flight: Option<usize>,
    /// Until then the server does nothing.
    paused_until: u64,
    to_send: [u64; 2],
    sent: [u64; 2],
    received: [u64; 2],
}

const SERVER: usize = 0;
const CLIENT: usize = 1;

/// Trouble ends here, and what is left goes through.
const CLEAR_AT: u64 = 600_000;

/// The longest frame that is sent.
const MAX_FRAME_BYTES: usize = 2100;

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let start = moment();
        let scale = if random.one_in(2) { 400 } else { 40_000 };
        let max_kept = 1 + usize::try_from(random.below(scale)).expect("small");
        // The network may keep them apart for long. What becomes of a session then has a test of its own.
        let day = Duration::from_secs(86_400);
        let config =
            Config::default().max_kept(max_kept).keep(day).greeting_timeout(day).farewell_timeout(day);
        let mut world = Self {
            weather: Weather::new(&mut random),
            to_send: [random.below(150), 1 + random.below(150)],
            random,
            schedule: Schedule::new(),
            start,
            max_kept,
            sessions: Vec::new(),
            client: ClientSession::new(&config),
            config,
            pipes: Vec::new(),
            posts: Vec::new(),
            post_in_flight: None,
            paused_until: 0,
            sent: [0; 2],
            received: [0; 2],
        };
        world.schedule.after(0, Event::Attach);
        world.schedule.after(0, Event::Act);
        world
    }

    /// Runs to the end, and tells how many attachments it took.
    fn run(&mut self) -> usize {
        for _ in 0..1_000_000 {
            if self.client.is_over() && self.received == [self.to_send[CLIENT], self.to_send[SERVER]] {
                return self.pipes.len();
            }
            let event = self.schedule.next().expect("something always happens");
            if self.schedule.now() > CLEAR_AT {
                self.weather.clear();
            }
            self.handle(event);
            self.pump_server();
            self.pump_client();
            self.check_memory();
        }
        panic!("it does not come to an end: {:?} of {:?} have come", self.received, self.to_send);
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.schedule.now())
    }

    fn check_memory(&self) {
        let most = self.max_kept + MAX_FRAME_BYTES;
        assert!(self.client.kept_bytes() <= most);
        assert!(self.sessions.iter().all(|session| session.kept_bytes() <= most));
    }

    /// The session that the client talks in, by its number.
    fn session(&self) -> Option<usize> {
        self.client.id().map(|id| id.parse().expect("an id of this test"))
    }

    // The two applications.

    fn act(&mut self) {
        let session = self.session();
        for _ in 0..self.random.below(4) {
            if let Some(frame) = session.and_then(|session| self.sessions[session].poll_frame()) {
                self.check(SERVER, &frame);
            }
            if let Some(frame) = self.client.poll_frame() {
                self.check(CLIENT, &frame);
            }
        }
        self.say(session);
        let is_all = self.sent == self.to_send && self.received[SERVER] == self.to_send[CLIENT];
        if let (true, Some(session)) = (is_all, session) {
            let now = self.now();
            self.sessions[session].finish(now);
        }
        // A change of mind: another transport, while this one works.
        if self.random.one_in(60) {
            self.schedule.after(0, Event::Attach);
        }
        let pause = 1 + self.random.below(200);
        self.schedule.after(pause, Event::Act);
    }

    fn say(&mut self, session: Option<usize>) {
        for _ in 0..self.random.below(4) {
            if self.client.has_room() && self.sent[CLIENT] < self.to_send[CLIENT] {
                let frame = self.compose(CLIENT);
                self.client.send(frame);
            }
            // A server speaks when it was greeted.
            let Some(session) = session.filter(|_| self.received[SERVER] > 0) else { continue };
            if self.sessions[session].has_room() && self.sent[SERVER] < self.to_send[SERVER] {
                let frame = self.compose(SERVER);
                self.sessions[session].send(frame);
            }
        }
    }

    /// A whole binary frame with the next number, of any length over 63, so that its length has two bytes.
    fn compose(&mut self, side: usize) -> Bytes {
        self.sent[side] += 1;
        let scale = if self.random.one_in(4) { 2000 } else { 20 };
        let len = 64 + usize::try_from(self.random.below(scale)).expect("small");
        let mut frame = vec![0x11, 0x40 | (len >> 8) as u8, len as u8];
        frame.extend_from_slice(&self.sent[side].to_be_bytes());
        frame.resize(3 + len, 0);
        frame.into()
    }

    fn check(&mut self, side: usize, frame: &Bytes) {
        self.received[side] += 1;
        assert_eq!(frame[3..11], self.received[side].to_be_bytes(), "once, and in order");
    }
}
