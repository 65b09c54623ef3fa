//! Two ends of `tidegate.v1` talk over a network that delays and batches as it likes, to readers that come when they
//! like: in order, nothing lost, no more held than the window and one message, no rule broken, no deadlock.
#![no_main]

mod common;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::Choices;
use libfuzzer_sys::fuzz_target;
use tidegate_proto::credit::{Config, Endpoint, Event};
use tidegate_proto::websocket::{ApiMisuse, CloseCode, Message};

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    let mut pair = Pair::new(&mut choices);
    while !choices.is_over() {
        let call = choices.byte();
        pair.call(call, &mut choices);
    }
    pair.settle();
});

struct Pair {
    ends: [End; 2],
    now: Instant,
}

struct End {
    endpoint: Endpoint,
    max_message: u64,
    /// Batches on their way here.
    arriving: VecDeque<Bytes>,
    /// Messages on their way here, as they were sent.
    expected: VecDeque<Message>,
    has_ended: bool,
    has_closed: bool,
}

impl Pair {
    fn new(choices: &mut Choices<'_>) -> Self {
        let now = Instant::now();
        let mut end = |side: usize| {
            let window = 1 + u64::from(choices.byte()) * 8;
            let max_message = 1 + u64::from(choices.byte()) * 600;
            let apart = u64::from(choices.byte());
            let config = Config::default()
                .apart((apart > 127).then(|| (apart - 127) * 8))
                .window(window)
                .max_window(window * 8)
                .max_message(max_message)
                // Nothing is given up here: what is lost would be a finding.
                .greeting_timeout(Duration::from_secs(1 << 32))
                .close_timeout(Duration::from_secs(1 << 32));
            let endpoint = match side {
                0 => Endpoint::client(now, config, vec!["a".into(), "b".into()]),
                _ => Endpoint::server(now, config, "b"),
            };
            let (arriving, expected) = (VecDeque::new(), VecDeque::new());
            End { endpoint, max_message, arriving, expected, has_ended: false, has_closed: false }
        };
        Self { ends: [end(0), end(1)], now }
    }

    fn call(&mut self, call: u8, choices: &mut Choices<'_>) {
        let (from, to) = (usize::from(call & 1), usize::from(call & 1 ^ 1));
        let amount = usize::from(choices.byte());
        match call >> 1 {
            0..=39 => self.send(from, to, call, choices.bytes(amount)),
            40..=64 => drop(self.transmit(from, to)),
            65..=89 => drop(self.arrive(from)),
            90..=114 => drop(self.read(from)),
            115..=117 => {
                let code = CloseCode::from(3000 + amount as u16);
                let _ = self.ends[from].endpoint.close(Some(code), "fuzz");
                self.ends[from].has_closed = true;
            }
            _ => {
                self.now += Duration::from_millis(amount as u64 * 10);
                let _ = self.ends[from].endpoint.poll_timeout(self.now);
                self.ends[from].endpoint.handle_timeout(self.now);
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, call: u8, payload: &[u8]) {
        let max = self.ends[to].max_message;
        let message: Message = match std::str::from_utf8(payload) {
            Ok(text) if call & 2 == 0 => text.into(),
            _ if call & 4 == 0 => payload.into(),
            _ => payload.repeat(500).into(),
        };
        let len = message.len() as u64;
        let endpoint = &mut self.ends[from].endpoint;
        if len > max && !endpoint.is_greeted() {
            // It would end the conversation when the greeting comes.
            return;
        }
        let is_open = !endpoint.is_ending();
        // A message in parts that turns out too long would have to be given up, and the conversation with it.
        let in_one = call & 8 == 0 || len > max;
        let sent = if in_one { endpoint.send(message.clone()) } else { in_parts(endpoint, &message) };
        match sent {
            Ok(()) => assert!(is_open && len <= max),
            Err(ApiMisuse::SendAfterClose) => assert!(!is_open),
            Err(ApiMisuse::OverPeerLimit { .. }) => assert!(len > max),
            Err(other) => panic!("{other}"),
        }
        if sent.is_ok() {
            self.ends[to].expected.push_back(message);
        }
    }

    fn transmit(&mut self, from: usize, to: usize) -> bool {
        let batch = self.ends[from].endpoint.poll_transmit(self.now);
        let moved = batch.is_some();
        self.ends[to].arriving.extend(batch.map(|batch| batch.into_bytes()));
        if let Some(info) = self.ends[from].endpoint.poll_close() {
            assert!(info.close_code.get() >= 3000, "closed with {info:?}");
        }
        moved
    }

    fn arrive(&mut self, at: usize) -> bool {
        let end = &mut self.ends[at];
        let Some(batch) = end.arriving.pop_front() else { return false };
        end.endpoint.handle_batch(self.now, &batch);
        let endpoint = &end.endpoint;
        assert!(endpoint.held_bytes() <= endpoint.window() + end.max_message + 32);
        true
    }

    fn read(&mut self, at: usize) -> bool {
        let end = &mut self.ends[at];
        match end.endpoint.poll_event(self.now) {
            None => return false,
            Some(Ok(Event::Message(message))) => assert_eq!(Some(message), end.expected.pop_front()),
            Some(Ok(Event::End(_))) => {
                assert!(end.expected.is_empty(), "{} messages are missing", end.expected.len());
                assert!(!end.has_ended);
                end.has_ended = true;
            }
            Some(Err(failure)) => panic!("{failure:?}"),
        }
        true
    }

    /// Lets everything arrive and be read: then nothing that was sent is missing.
    fn settle(&mut self) {
        for _ in 0..1_000_000 {
            let mut has_moved = false;
            for (from, to) in [(0, 1), (1, 0)] {
                has_moved |= self.transmit(from, to);
                has_moved |= self.arrive(from);
                has_moved |= self.read(from);
            }
            if !has_moved {
                break;
            }
        }
        let is_ending = self.ends.iter().any(|end| end.has_closed);
        for end in &self.ends {
            assert!(end.expected.is_empty(), "{} messages are missing", end.expected.len());
            assert_eq!(end.endpoint.held_bytes(), 0);
            assert_eq!(end.has_ended, is_ending);
            assert_eq!(end.endpoint.protocol(), "b");
        }
    }
}

fn in_parts(endpoint: &mut Endpoint, message: &Message) -> Result<(), ApiMisuse> {
    endpoint.begin_message(message.kind())?;
    for part in message.as_bytes().chunks(1000) {
        endpoint.send_part(Bytes::copy_from_slice(part))?;
    }
    endpoint.finish_message()
}
