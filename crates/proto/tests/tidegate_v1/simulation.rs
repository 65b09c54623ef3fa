//! Two endpoints over a network of any delay and pace, with readers of any pace, in virtual time: in order, nothing
//! lost, the window never exceeded but by one message, no deadlock, and a clean end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_proto::credit::{Config, Endpoint, Event};
use tidegate_proto::websocket::{CloseCode, Message};

use crate::peer::moment;
use crate::random::Random;

/// One end: its machine, its application, and the wire towards it.
struct Node {
    endpoint: Endpoint,
    /// Batches on their way here, and when they arrive.
    wire: VecDeque<(Instant, Bytes)>,
    to_send: VecDeque<Message>,
    expected: VecDeque<Message>,
    next_read: Instant,
    read_pace: Duration,
    pauses: bool,
    /// Closes by itself when all is sent; otherwise it waits for the other one.
    closes: bool,
    max_held: u64,
    has_ended: bool,
    is_closed: bool,
    code: u16,
}

struct World {
    random: Random,
    nodes: [Node; 2],
    now: Instant,
    delay: Duration,
    /// Bytes a millisecond; a batch leaves when the one before it has.
    bandwidth: u64,
    free_at: [Instant; 2],
}

impl Node {
    /// `max_messages` is what each takes.
    fn new(side: usize, now: Instant, max_messages: [u64; 2], random: &mut Random) -> Self {
        let scale = if random.one_in(2) { 200 } else { 20_000 };
        let window = 1 + random.below(scale);
        let config = Config::default()
            .window(window)
            .max_window(window * (1 + random.below(16)))
            .max_message(max_messages[side])
            .apart(random.one_in(2).then(|| 1 + random.below(scale)))
            .close_timeout(Duration::from_secs(1_000_000));
        let endpoint = match side {
            0 => Endpoint::client(now, config, Vec::new()),
            _ => Endpoint::server(now, config, ""),
        };
        let count = random.below(60);
        Self {
            endpoint,
            wire: VecDeque::new(),
            to_send: (0..count).map(|number| message(random, number, max_messages[1 - side])).collect(),
            expected: VecDeque::new(),
            next_read: now,
            read_pace: Duration::from_micros(random.below(20_000) * random.below(2)),
            pauses: random.one_in(3),
            closes: false,
            max_held: max_messages[side] + 32,
            has_ended: false,
            is_closed: false,
            code: 3000 + random.below(1000) as u16,
        }
    }
}

/// As the application sees it: a write waits above this.
const HIGH_WATER_MARK: usize = 2048;

/// What the transport takes ahead of the network.
const SOCKET_BYTES: usize = 4096;

impl World {
    fn new(seed: u64) -> Self {
        let now = moment();
        let mut random = Random(seed);
        let closers = random.below(3);
        let max_messages = [0; 2].map(|_| 1 + random.below(60_000));
        let mut nodes = [0, 1].map(|side| Node::new(side, now, max_messages, &mut random));
        nodes[0].closes = closers != 1;
        nodes[1].closes = closers != 0;
        let delay = Duration::from_micros(random.below(100_000) * random.below(2));
        let bandwidth = 1 + random.below(5000);
        Self { random, nodes, now, delay, bandwidth, free_at: [now; 2] }
    }

    /// Runs until both have ended, and tells how long that took.
    fn run(&mut self) -> Duration {
        let start = self.now;
        for _ in 0..1_000_000 {
            for side in 0..2 {
                self.act(side);
            }
            if self.nodes.iter().all(|node| node.has_ended && node.is_closed) {
                return self.now - start;
            }
            let due = self.next_due().expect("something is to happen, or it is a deadlock");
            self.now = due.max(self.now);
        }
        panic!("a deadlock, or a livelock");
    }

    fn act(&mut self, side: usize) {
        let now = self.now;
        while self.nodes[side].wire.front().is_some_and(|(at, _)| *at <= now) {
            let (_, batch) = self.nodes[side].wire.pop_front().expect("just seen");
            self.nodes[side].endpoint.handle_batch(now, &batch);
            self.check(side);
        }
        self.read(side);
        self.write(side);
        self.nodes[side].endpoint.handle_timeout(now);
        self.transmit(side);
    }

    fn check(&self, side: usize) {
        let node = &self.nodes[side];
        let held = node.endpoint.held_bytes();
        assert!(held <= node.endpoint.window() + node.max_held, "{held} held");
    }

    fn read(&mut self, side: usize) {
        loop {
            let node = &mut self.nodes[side];
            if node.has_ended || node.next_read > self.now {
                return;
            }
            match node.endpoint.poll_event(self.now) {
                None => return,
                Some(Ok(Event::Message(message))) => {
                    assert_eq!(Some(message), node.expected.pop_front());
                    node.next_read = self.now + node.read_pace;
                    if node.pauses && self.random.one_in(20) {
                        node.next_read = self.now + Duration::from_secs(self.random.below(100));
                    }
                }
                Some(Ok(Event::End(info))) => {
                    assert!(node.expected.is_empty(), "{} messages are missing", node.expected.len());
                    node.has_ended = true;
                    let code = info.close_code.get();
                    let codes = [self.nodes[0].code, self.nodes[1].code];
                    assert!(codes.contains(&code), "code {code}");
                }
                Some(Err(failure)) => panic!("{failure}: {failure:?}"),
            }
        }
    }

    fn write(&mut self, side: usize) {
        loop {
            let node = &mut self.nodes[side];
            let endpoint = &mut node.endpoint;
            if endpoint.queued_bytes() >= HIGH_WATER_MARK || !endpoint.is_greeted() || endpoint.is_ending() {
                return;
            }
            let Some(message) = node.to_send.pop_front() else { break };
            if self.random.one_in(4) {
                write_in_parts(endpoint, &message, 1 + self.random.below(3000) as usize);
            } else {
                endpoint.send(message.clone()).expect("it is short enough");
            }
            self.nodes[1 - side].expected.push_back(message);
        }
        let node = &mut self.nodes[side];
        if node.closes {
            node.endpoint.close(Some(CloseCode::from(node.code)), "done").expect("a good code");
        }
    }

    fn transmit(&mut self, side: usize) {
        let backlog =
            self.free_at[side].saturating_duration_since(self.now).as_millis() as u64 * self.bandwidth;
        if backlog > SOCKET_BYTES as u64 {
            return;
        }
        let node = &mut self.nodes[side];
        if let Some(batch) = node.endpoint.poll_transmit(self.now) {
            let batch = batch.into_bytes();
            let time = Duration::from_micros(1 + batch.len() as u64 * 1000 / self.bandwidth);
            self.free_at[side] = self.free_at[side].max(self.now) + time;
            self.nodes[1 - side].wire.push_back((self.free_at[side] + self.delay, batch));
        }
        if let Some(info) = self.nodes[side].endpoint.poll_close() {
            assert!(info.close_code.get() >= 3000);
            self.nodes[side].is_closed = true;
            self.nodes[1 - side].is_closed = true;
        }
    }

    fn next_due(&mut self) -> Option<Instant> {
        let now = self.now;
        let mut due: Vec<Instant> = Vec::new();
        for side in 0..2 {
            let free_at = self.free_at[side];
            let node = &mut self.nodes[side];
            due.extend(node.wire.front().map(|(at, _)| *at));
            due.extend(node.endpoint.poll_timeout(now));
            due.extend((node.next_read > now).then_some(node.next_read));
            due.extend((free_at > now).then_some(free_at));
        }
        due.into_iter().min()
    }
}

fn message(random: &mut Random, number: u64, max: u64) -> Message {
    let len = match random.below(10) {
        0 => 0,
        1 => max,
        2..=4 => random.below(max + 1),
        _ => random.below(200.min(max + 1)),
    };
    let byte = b'a' + (number % 26) as u8;
    if random.one_in(2) {
        String::from_utf8(vec![byte; len as usize]).expect("letters").into()
    } else {
        vec![byte; len as usize].into()
    }
}

fn write_in_parts(endpoint: &mut Endpoint, message: &Message, part: usize) {
    endpoint.begin_message(message.kind()).expect("no other is unfinished");
    for part in message.as_bytes().chunks(part) {
        endpoint.send_part(Bytes::copy_from_slice(part)).expect("it is short enough");
    }
    endpoint.finish_message().expect("letters are whole characters");
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.run()));
    if let Err(panic) = result {
        eprintln!("seed {seed}");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn thousands_of_worlds_end_well() {
    for seed in 0..4000 {
        run(seed);
    }
}

/// `TIDEGATE_SEED=17 cargo test -p tidegate-proto --test tidegate_v1 one_world`
#[test]
fn one_world() {
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    run(seed);
}
