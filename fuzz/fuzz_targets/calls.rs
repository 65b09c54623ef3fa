//! Any sequence of calls into two connections that talk to each other: no panic, and what one sends before its Close
//! is what the other one reads.
#![no_main]

mod common;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Buf;
use common::Choices;
use libfuzzer_sys::fuzz_target;
use tidegate_proto::websocket::deflate::{DeflateConfig, DeflateParams};
use tidegate_proto::websocket::{Config, Connection, Event, Message, Phase, READ_BUFFER_BYTES, Side};

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    let mut pair = Pair::new(choices.byte(), choices.byte());
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
    connection: Connection,
    /// Bytes on their way here.
    arriving: VecDeque<u8>,
    /// Messages on their way here, as they were sent.
    expected: VecDeque<Message>,
    /// Nothing on its way here was lost.
    is_intact: bool,
}

impl End {
    fn new(side: Side, flags: u8, fragment: u8) -> Self {
        let params = DeflateParams {
            server_no_context_takeover: flags & 2 != 0,
            client_no_context_takeover: flags & 4 != 0,
            server_max_window_bits: 9 + (flags >> 4) % 7,
            client_max_window_bits: 15 - (flags >> 4) % 7,
        };
        let mut config = Config::default().deflate(Some(DeflateConfig::default().min_bytes(0)));
        if flags & 8 != 0 {
            config = config.fragment_bytes(fragment.into());
        }
        let connection = Connection::new(side, config, (flags & 1 != 0).then_some(params), [9; 32]);
        Self { connection, arriving: VecDeque::new(), expected: VecDeque::new(), is_intact: true }
    }

    fn poll_event(&mut self) -> bool {
        match self.connection.poll_event() {
            Some(Ok(Event::Message(message))) => {
                assert_eq!(Some(message), self.expected.pop_front());
                true
            }
            Some(Ok(Event::Close(_))) => {
                assert!(self.expected.is_empty(), "messages before a Close come before it");
                true
            }
            Some(Ok(other)) => panic!("nobody asked for {other:?}"),
            Some(Err(failure)) => {
                assert!(!self.is_intact, "nobody broke a rule: {failure:?}");
                true
            }
            None => false,
        }
    }

    /// Takes what has arrived, at most `len` bytes of it, by one of the two ways in.
    fn take_input(&mut self, len: usize, by_lending: bool) -> usize {
        let bytes: Vec<u8> = self.arriving.iter().copied().take(len).collect();
        let taken = if by_lending && matches!(self.connection.phase(), Phase::Open | Phase::Closing) {
            if self.connection.input_buffer().capacity() < READ_BUFFER_BYTES {
                self.connection.lend_buffer(Vec::with_capacity(READ_BUFFER_BYTES));
            }
            let buffer = self.connection.input_buffer();
            let taken = bytes.len().min(buffer.capacity() - buffer.len());
            buffer.extend_from_slice(&bytes[..taken]);
            taken
        } else {
            self.connection.handle_input(&bytes)
        };
        self.arriving.drain(..taken);
        taken
    }
}

impl Pair {
    fn new(flags: u8, fragment: u8) -> Self {
        let ends = [End::new(Side::Client, flags, fragment), End::new(Side::Server, flags, fragment)];
        Self { ends, now: Instant::now() }
    }

    fn call(&mut self, call: u8, choices: &mut Choices<'_>) {
        let (from, to) = (usize::from(call & 1), usize::from(call & 1 ^ 1));
        let amount = usize::from(choices.byte());
        let end = &mut self.ends[from];
        match call >> 1 {
            0..=39 => self.send(from, to, call, choices.bytes(amount)),
            40..=69 => drop(self.carry(from, to, amount * 17)),
            70..=89 => drop(end.take_input(amount * 17, call & 2 != 0)),
            90..=105 => drop(end.poll_event()),
            106..=109 => drop(end.connection.ping(choices.bytes(amount))),
            110..=112 => end.connection.park(),
            113..=115 => drop(end.connection.reclaim_buffer()),
            116..=118 => {
                let code = (amount % 2 == 0).then_some((950 + amount as u16).into());
                let reason = String::from_utf8_lossy(choices.bytes(amount / 4)).into_owned();
                drop(end.connection.close(code, &reason));
            }
            119..=121 => {
                self.now += Duration::from_millis(amount as u64 * 40);
                let _ = end.connection.poll_timeout(self.now);
                if end.connection.handle_timeout(self.now).is_err() {
                    end.is_intact = false;
                }
            }
            122..=124 => {
                if end.connection.discard_transmit() > 0 {
                    self.ends[to].is_intact = false;
                }
            }
            _ => {
                // The stream to this end is cut, once all that is on its way has come.
                if end.arriving.is_empty() {
                    end.connection.handle_eof();
                    end.is_intact = false;
                }
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, call: u8, payload: &[u8]) {
        let message: Message = match std::str::from_utf8(payload) {
            Ok(text) if call & 2 == 0 => text.into(),
            _ if call & 4 == 0 => payload.into(),
            // Large enough to go by reference.
            _ => payload.repeat(40).into(),
        };
        let is_open = self.ends[from].connection.phase() == Phase::Open;
        let sent = self.ends[from].connection.send(message.clone());
        assert_eq!(sent.is_ok(), is_open);
        if is_open {
            self.ends[to].expected.push_back(message);
        }
    }

    /// Moves at most `len` bytes from one end towards the other.
    fn carry(&mut self, from: usize, to: usize, len: usize) -> usize {
        let Some(transmit) = self.ends[from].connection.poll_transmit() else { return 0 };
        let len = len.min(transmit.remaining());
        let bytes = transmit.copy_to_bytes(len);
        if self.ends[to].is_intact {
            self.ends[to].arriving.extend(bytes);
        }
        len
    }

    /// Lets everything arrive: then nothing that was sent is missing.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            let mut moved = 0;
            for (from, to) in [(0, 1), (1, 0)] {
                moved += self.carry(from, to, usize::MAX);
                moved += self.ends[from].take_input(usize::MAX, false);
                moved += usize::from(self.ends[from].poll_event());
            }
            if moved == 0 {
                break;
            }
        }
        for end in &self.ends {
            if end.is_intact && matches!(end.connection.phase(), Phase::Open | Phase::Closing) {
                assert!(end.expected.is_empty(), "{} messages are missing", end.expected.len());
                assert_eq!(end.connection.undecoded_bytes(), 0);
            }
        }
    }
}
