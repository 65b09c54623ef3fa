//! Any batches from a peer, between any calls of the application: no panic, no more held than the window and one
//! message, nothing after the end, and every reply is small.
#![no_main]

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::Choices;
use libfuzzer_sys::fuzz_target;
use tidegate_proto::credit::{Config, Endpoint, Event, MAX_BATCH_BYTES};

const MAX_MESSAGE: u64 = 300;
const MAX_WINDOW: u64 = 512;

/// Greetings of a peer with a small limit, so that a target need not find them first.
const HELLO: &[u8] = &[0x01, 9, 1, 1, 2, 0x40, 0x80, 2, 2, 0x41, 0x00];
const WELCOME: &[u8] = &[0x02, 9, 1, 1, 2, 0x40, 0x80, 2, 2, 0x41, 0x00];

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    let mut now = Instant::now();
    let config = Config::default().window(64).max_window(MAX_WINDOW).max_message(MAX_MESSAGE);
    let flags = choices.byte();
    let config = if flags & 4 == 0 { config } else { config.apart(Some(1)) };
    let (mut endpoint, greeting) = match flags & 1 {
        0 => (Endpoint::server(now, config, ""), HELLO),
        _ => (Endpoint::client(now, config, Vec::new()), WELCOME),
    };
    if flags & 2 != 0 {
        endpoint.handle_batch(now, &Bytes::from_static(greeting));
    }
    let mut has_ended = false;
    while !choices.is_over() {
        match choices.byte() {
            0..=99 => {
                let len = usize::from(choices.byte());
                endpoint.handle_batch(now, &Bytes::copy_from_slice(choices.bytes(len)));
            }
            100..=149 => has_ended |= read(&mut endpoint, now, has_ended),
            150..=179 => drop(endpoint.send(vec![b'x'; usize::from(choices.byte()) * 4].into())),
            180..=219 => transmit(&mut endpoint, now),
            220..=229 => {
                now += Duration::from_millis(u64::from(choices.byte()) * 40);
                endpoint.handle_timeout(now);
            }
            230..=234 => {
                let code = 950 + u16::from(choices.byte()) * 4;
                drop(endpoint.close(Some(code.into()), "any reason"));
            }
            235 => endpoint.discard(now),
            236 => endpoint.handle_text(),
            237 => endpoint.handle_close(None),
            _ => drop(endpoint.poll_timeout(now)),
        }
        assert!(endpoint.held_bytes() <= endpoint.window() + MAX_MESSAGE + 32);
        assert!(endpoint.window() <= MAX_WINDOW);
    }
    while !has_ended && (endpoint.has_message() || endpoint.poll_close().is_some()) {
        has_ended |= read(&mut endpoint, now, has_ended);
    }
});

/// Reads once; tells whether that was the end.
fn read(endpoint: &mut Endpoint, now: Instant, has_ended: bool) -> bool {
    match endpoint.poll_event(now) {
        Some(Ok(Event::Message(message))) => {
            assert!(!has_ended && message.len() as u64 <= MAX_MESSAGE);
            false
        }
        Some(_) => {
            assert!(!has_ended, "two ends");
            true
        }
        None => false,
    }
}

fn transmit(endpoint: &mut Endpoint, now: Instant) {
    if let Some(batch) = endpoint.poll_transmit(now) {
        assert!(batch.len() <= MAX_BATCH_BYTES);
        if batch.is_empty() {
            let behind = endpoint.poll_transmit(now);
            assert!(behind.is_some_and(|behind| !behind.is_empty()), "an empty message brings a batch");
        }
    }
    if let Some(info) = endpoint.poll_close() {
        assert!(info.close_code == 1005 || info.close_code.may_be_sent());
        assert!(endpoint.poll_transmit(now).is_none(), "a Close is the last thing");
    }
}
