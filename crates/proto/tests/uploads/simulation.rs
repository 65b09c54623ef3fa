//! Uploads in a bad world: clients that break off, repeat, come twice and send wrong bytes, a store that is made durable
//! now and then, and a process that dies. In whatever order things happen, no byte that was told is lost or wrong, the
//! offset never goes back, and once the trouble ends the upload is complete.

use tidegate_proto::upload::{Body, Claim, Ending, Refusal, Snapshot, Upload};

use crate::random::Random;

fn seeds() -> u64 {
    std::env::var("TIDEGATE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2000)
}

#[test]
fn no_seed_loses_a_byte_that_was_told() {
    let mut seen = Seen::default();
    for seed in 0..seeds() {
        match std::panic::catch_unwind(|| World::new(seed).run()) {
            Ok(now) => seen.add(&now),
            Err(panic) => {
                eprintln!("seed {seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    let Seen { crashes, takeovers, fences, wrong, refused } = seen;
    let least = crashes.min(takeovers).min(fences).min(wrong).min(refused);
    assert!(least as u64 > seeds() / 4, "a world that is not bad tests nothing: {seen:?}");
}

/// How often it was bad.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    crashes: usize,
    takeovers: usize,
    fences: usize,
    wrong: usize,
    refused: usize,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.takeovers += other.takeovers;
        self.fences += other.fences;
        self.wrong += other.wrong;
        self.refused += other.refused;
    }
}

/// What lies on a disk, and what of it would survive.
#[derive(Default)]
struct Store {
    bytes: Vec<u8>,
    durable: usize,
    held_from: Option<usize>,
    length: Option<u64>,
    is_complete: bool,
    /// The newest writer. An older one does nothing any more.
    writer: u64,
}

impl Store {
    /// A new writer: what was pushed is made durable, what was held is gone.
    fn open(&mut self) -> Snapshot {
        self.writer += 1;
        self.roll_back();
        self.durable = self.bytes.len();
        Snapshot { offset: self.durable as u64, length: self.length, is_complete: self.is_complete }
    }

    fn roll_back(&mut self) {
        if let Some(held_from) = self.held_from.take() {
            self.bytes.truncate(held_from);
        }
    }

    /// What would survive, as far as it has been brought in order.
    fn whole(&self) -> usize {
        self.held_from.unwrap_or(self.bytes.len())
    }
}

enum Stage {
    Waiting,
    Writing,
    Recording,
}

struct Request {
    claim: Claim,
    body: Body,
    /// What is still to come.
    rest: Vec<u8>,
    is_wrong: bool,
    stage: Stage,
    writer: u64,
    was_refused: bool,
}

struct World {
    random: Random,
    file: Vec<u8>,
    store: Store,
    upload: Upload,
    requests: Vec<Request>,
    told: u64,
    is_told_complete: bool,
    is_bad: bool,
    seen: Seen,
}

const MOST: u64 = 1 << 20;

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let len = random.below(400);
        let file = (0..len).map(|_| random.next() as u8).collect();
        Self {
            random,
            file,
            store: Store::default(),
            upload: Upload::new(Snapshot::default(), MOST),
            requests: Vec::new(),
            told: 0,
            is_told_complete: false,
            is_bad: true,
            seen: Seen::default(),
        }
    }

    fn run(mut self) -> Seen {
        for step in 0..20_000 {
            self.is_bad = step < 300;
            if !self.is_bad && self.is_told_complete && self.requests.is_empty() {
                assert_eq!(self.store.bytes, self.file);
                return self.seen;
            }
            self.step();
            self.check();
        }
        panic!("it does not come to an end: {} of {} bytes", self.store.durable, self.file.len());
    }

    fn step(&mut self) {
        let may_ask = if self.is_bad { self.random.one_in(8) } else { self.requests.is_empty() };
        if may_ask {
            self.ask();
        } else if self.is_bad && self.random.one_in(60) {
            self.crash();
        } else if self.random.one_in(3) {
            self.make_durable();
        } else if !self.requests.is_empty() {
            let at = self.random.below(self.requests.len() as u64) as usize;
            let request = self.requests.swap_remove(at);
            self.go_on(request);
        }
    }

    fn check(&self) {
        let durable = self.store.durable.min(self.store.whole());
        assert_eq!(self.store.bytes[..durable], self.file[..durable], "no wrong byte counts");
        assert!(self.told <= durable as u64, "what was told is durable");
        assert!(!self.is_told_complete || self.store.is_complete);
        assert!(!self.store.is_complete || self.store.bytes == self.file);
        assert!(!self.upload.is_dead(), "nothing was lost, nothing was too much");
    }

    fn tell(&mut self) {
        let offset = self.upload.offset();
        assert!(offset >= self.told, "it never decreases");
        self.told = offset;
        self.is_told_complete |= self.upload.is_complete();
    }

    /// A client comes, mostly with what it was told.
    fn ask(&mut self) {
        let len = self.file.len() as u64;
        let is_stale = self.is_bad && self.random.one_in(6);
        let offset = if is_stale { self.random.below(len + 2) } else { self.told };
        let rest = self.file.get(offset as usize..).unwrap_or_default();
        let ending = match self.random.below(3) {
            0 => Ending::AtLength,
            1 => Ending::AtEndOfBody,
            _ => Ending::Later,
        };
        let is_part = ending != Ending::AtEndOfBody && self.random.one_in(2);
        let end = if is_part { self.random.below(rest.len() as u64 + 1) as usize } else { rest.len() };
        let mut rest = rest[..end].to_vec();
        let is_held = self.random.one_in(4);
        let is_wrong = is_held && self.is_bad && !rest.is_empty() && self.random.one_in(2);
        if is_wrong {
            rest[0] ^= 1;
        }
        let body = Body {
            offset,
            length: (ending == Ending::AtLength || self.random.one_in(3)).then_some(len),
            content_length: self.random.one_in(2).then_some(rest.len() as u64),
            ending,
            is_held,
            ..Body::default()
        };
        self.seen.takeovers += usize::from(self.upload.is_written());
        let claim = self.upload.claim();
        let stage = Stage::Waiting;
        self.requests.push(Request { claim, body, rest, is_wrong, stage, writer: 0, was_refused: false });
    }

    /// The process dies, and another one finds what is left: what is durable, and more or less of the rest.
    fn crash(&mut self) {
        self.seen.crashes += 1;
        self.requests.clear();
        let more = (self.store.whole().saturating_sub(self.store.durable)) as u64;
        let left = self.store.durable + self.random.below(more + 1) as usize;
        self.store.bytes.truncate(left);
        self.store.held_from = None;
        let found = self.store.open();
        self.upload = Upload::new(found, MOST);
        self.tell();
    }

    /// The store has been made durable, as far as it says, and says so to whoever writes.
    fn make_durable(&mut self) {
        let more = (self.store.whole() - self.store.durable) as u64;
        self.store.durable += self.random.below(more + 1) as usize;
        let writing = self.requests.iter().find(|request| {
            matches!(request.stage, Stage::Writing | Stage::Recording) && request.writer == self.store.writer
        });
        if let Some(request) = writing {
            // A store may well have written what is held; it does not count.
            let written = if request.body.is_held { self.store.bytes.len() } else { self.store.durable };
            self.upload.durable(request.claim, written as u64);
            self.tell();
        }
    }

    fn go_on(&mut self, request: Request) {
        match request.stage {
            Stage::Waiting => self.begin(request),
            Stage::Writing => self.write(request),
            Stage::Recording => self.record(&request),
        }
    }

    fn begin(&mut self, mut request: Request) {
        let is_current = self.upload.is_current(request.claim);
        if self.upload.is_written() {
            if !is_current {
                return;
            }
            if !self.random.one_in(6) {
                return self.requests.push(request);
            }
            // Whoever writes does not give way.
            self.seen.fences += 1;
            self.upload.fence();
        }
        let found = self.store.open();
        request.writer = self.store.writer;
        match self.upload.begin(request.claim, found, &request.body) {
            Ok(()) => {
                assert!(is_current, "a newer one has come");
                self.store.length = self.upload.length();
                self.store.held_from = request.body.is_held.then_some(self.store.bytes.len());
                request.stage = Stage::Writing;
                self.requests.push(request);
            }
            Err(refusal) => {
                assert!(is_current || refusal == Refusal::TakenOver, "{refusal}");
                assert!(!is_current || !matches!(refusal, Refusal::Dead | Refusal::TakenOver), "{refusal}");
                self.seen.refused += 1;
                self.tell();
            }
        }
    }

    fn write(&mut self, mut request: Request) {
        let is_broken = self.is_bad && self.random.one_in(25);
        if is_broken || request.rest.is_empty() || !self.upload.is_current(request.claim) {
            let is_whole = request.rest.is_empty() && !is_broken;
            return self.end(request, is_whole);
        }
        let len = 1 + self.random.below(request.rest.len() as u64) as usize;
        match self.upload.take(request.claim, len as u64) {
            Ok(()) => {
                assert_eq!(request.writer, self.store.writer, "only the newest writer is let on");
                self.store.bytes.extend(request.rest.drain(..len));
                self.requests.push(request);
            }
            Err(_) => {
                request.was_refused = true;
                self.end(request, false);
            }
        }
    }

    fn end(&mut self, mut request: Request, is_whole: bool) {
        if request.writer != self.store.writer {
            let ended = self.upload.end(request.claim, u64::MAX, is_whole);
            assert_eq!(ended, Err(Refusal::TakenOver), "it was fenced off");
            return;
        }
        let is_right = is_whole && !request.is_wrong;
        if request.body.is_held && !is_right {
            self.seen.wrong += 1;
            self.store.roll_back();
        } else if request.body.is_held {
            self.store.held_from = None;
            self.upload.approve(request.claim);
        }
        self.store.durable = self.store.bytes.len();
        match self.upload.end(request.claim, self.store.durable as u64, is_right) {
            Ok(true) => {
                request.stage = Stage::Recording;
                self.requests.push(request);
            }
            Ok(false) | Err(Refusal::WrongLength { .. }) => self.tell(),
            Err(refusal) => panic!("{refusal}"),
        }
    }

    fn record(&mut self, request: &Request) {
        if request.writer != self.store.writer {
            assert_eq!(self.upload.complete(request.claim), Err(Refusal::TakenOver));
            return;
        }
        self.store.is_complete = true;
        self.store.length = self.upload.length();
        assert_eq!(self.upload.complete(request.claim), Ok(()));
        self.tell();
    }
}
