//! Section 4: costs, limits, grants, the window.

use std::time::Duration;

use tidegate_proto::credit::Violation;
use tidegate_proto::websocket::Message;

use crate::peer::{End, costing, credit, frame, seconds, text};

fn message(units: usize) -> Message {
    vec![0; units - 32].into()
}

#[test]
fn a_message_costs_its_payload_and_32() {
    let mut end = End::client();
    // The peer's limit is 128: two of 64 use it up.
    for _ in 0..3 {
        end.endpoint.send(message(64)).unwrap();
    }
    assert_eq!(end.sends(), [costing(64), costing(64), frame(4, [0x40, 0x80])].concat());
    assert!(!end.endpoint.has_credit());
    assert_eq!(end.endpoint.queued_bytes(), 64);
}

#[test]
fn empty_messages_cost_32() {
    let mut end = End::client();
    for _ in 0..5 {
        end.endpoint.send(message(32)).unwrap();
    }
    assert_eq!(end.sends(), [[0x11, 0].repeat(4), frame(4, [0x40, 0x80])].concat());
}

#[test]
fn any_positive_credit_admits_one_whole_message() {
    let mut end = End::client();
    end.endpoint.send(message(95)).unwrap();
    end.endpoint.send(message(32)).unwrap();
    // 127 of 128 are used: one unit is left for 256 + 32.
    end.endpoint.send(vec![0; 256].into()).unwrap();
    end.endpoint.send(message(32)).unwrap();
    let sent = end.sends();
    assert_eq!(sent.len(), (2 + 63) + 2 + (3 + 256) + 4);
    // Later limits cover the overdraft first: 415 are used.
    end.gets(credit(415, 1));
    assert_eq!(end.sends(), frame(4, [0x41, 0x9f]));
    end.gets(credit(416, 1));
    assert_eq!(end.sends(), [0x11, 0]);
}

#[test]
fn a_message_that_has_begun_needs_no_more_credit() {
    let mut end = End::client();
    end.endpoint.begin_message(tidegate_proto::websocket::MessageKind::Binary).unwrap();
    for _ in 0..4 {
        end.endpoint.send_part(vec![0; 60].into()).unwrap();
    }
    end.endpoint.finish_message().unwrap();
    end.endpoint.send(message(32)).unwrap();
    let sent = end.sends();
    assert!(sent.ends_with(&[&[0x15, 0][..], &frame(4, [0x40, 0x80])].concat()), "{sent:x?}");
}

#[test]
fn a_message_without_credit_breaks_the_rules_and_an_overdraft_does_not() {
    let mut end = End::server();
    end.gets(costing(64)).gets(costing(63)).gets(costing(95));
    let _ = end.sends();
    for _ in 0..3 {
        assert!(end.event().is_some());
    }
    // Nothing was granted yet: the grants of reading have not been sent.
    end.gets(costing(32)).fails(Violation::NoCredit);
}

#[test]
fn reading_grants_and_arriving_does_not() {
    let mut end = End::server();
    end.gets([costing(64), costing(64)].concat());
    assert_eq!(end.sends(), b"", "nothing was read");
    let _ = end.event();
    // Read 64: limit = 64 + 128.
    assert_eq!(end.sends(), credit(192, 1));
    let _ = end.event();
    assert_eq!(end.sends(), credit(256, 2));
    assert_eq!(end.endpoint.granted(), 256);
}

#[test]
fn a_grant_is_due_at_half_the_window_and_not_before() {
    let mut end = End::server();
    end.gets([costing(63), costing(32)].concat());
    let _ = end.event();
    assert_eq!(end.sends(), b"", "2 × 63 is less than 128");
    let _ = end.event();
    assert_eq!(end.sends(), credit(128 + 95, 2));
}

#[test]
fn what_nobody_wants_counts_as_read_when_it_comes() {
    let mut end = End::server();
    end.gets(costing(95));
    end.endpoint.discard(end.now);
    assert_eq!(end.sends(), credit(223, 1));
    end.gets(costing(95)).reads_nothing();
    assert_eq!(end.sends(), credit(318, 2));
    assert_eq!(end.endpoint.held_bytes(), 0);
}

#[test]
fn the_window_doubles_when_half_of_it_is_read_within_two_round_trips() {
    let mut end = End::growing_server();
    // A round trip of 1 s: the PING of the greeting is answered.
    end.waits(seconds(1)).gets(frame(6, [1]));
    end.gets(costing(64));
    let _ = end.event();
    assert_eq!(end.endpoint.window(), 256, "1 s after the greeting is within two round trips");
    assert_eq!(end.sends(), credit(64 + 256, 1));
    // The next half is read later than that.
    end.waits(seconds(2)).gets([costing(64), costing(64)].concat());
    let _ = (end.event(), end.event());
    assert_eq!(end.endpoint.window(), 256);
    assert_eq!(end.sends(), credit(192 + 256, 3));
    // And the next at once, and again: up to the maximum, 512.
    for _ in 0..12 {
        end.gets(costing(64));
        let _ = (end.event(), end.sends());
    }
    assert_eq!(end.endpoint.window(), 512);
}

#[test]
fn the_window_doubles_when_half_of_it_is_read_within_50_ms_whatever_the_round_trip() {
    let mut end = End::growing_server();
    // None is known: what counts is the time since the greeting, and then since the last grant that was due.
    end.waits(Duration::from_millis(49)).gets(costing(64));
    let _ = (end.event(), end.sends());
    assert_eq!(end.endpoint.window(), 256);
    end.waits(Duration::from_millis(50)).gets([costing(64), costing(64)].concat());
    let _ = (end.event(), end.event(), end.sends());
    assert_eq!(end.endpoint.window(), 256);
    // Nor does a short one matter.
    end.gets(frame(6, [1])).waits(Duration::from_millis(49)).gets([costing(64), costing(64)].concat());
    let _ = (end.event(), end.event(), end.sends());
    assert_eq!(end.endpoint.window(), 512);
}

#[test]
fn a_slow_reader_never_grows_its_window() {
    let mut end = End::growing_server();
    end.waits(seconds(1)).gets(frame(6, [1]));
    for _ in 0..20 {
        end.gets(costing(64)).waits(seconds(2));
        let _ = (end.event(), end.sends());
    }
    assert_eq!(end.endpoint.window(), 128);
}

#[test]
fn the_receiver_holds_at_most_its_window_and_one_message() {
    let mut end = End::server();
    end.gets([costing(64), costing(63)].concat());
    let long =
        [frame(0x13, [0; 63]), frame(0x14, [0; 63]), frame(0x14, [0; 63]), frame(0x15, [0; 63])].concat();
    end.gets(long);
    assert_eq!(end.endpoint.held_bytes(), 127 + 32 + 252);
    end.gets(text("")).skip_to_failure(Violation::NoCredit);
}

#[test]
fn blocked_is_told_once_per_limit() {
    let mut end = End::client();
    for _ in 0..4 {
        end.endpoint.send(message(64)).unwrap();
    }
    assert_eq!(end.sends(), [costing(64), costing(64), frame(4, [0x40, 0x80])].concat());
    assert_eq!(end.sends(), b"");
    end.gets(credit(129, 1));
    assert_eq!(end.sends(), [costing(64), frame(4, [0x40, 0x81])].concat());
    end.gets(credit(256, 1));
    assert_eq!(end.sends(), costing(64), "nothing waits any more");
    assert_eq!(end.endpoint.acknowledged(), 1);
}

impl End {
    fn skip_to_failure(&mut self, violation: Violation) {
        while self.endpoint.has_message() {
            let _ = self.event();
        }
        self.fails(violation);
    }
}
