//! Section 3: HELLO and WELCOME.

use tidegate_proto::credit::{Config, Violation};
use tidegate_proto::websocket::{ApiMisuse, Message};

use crate::peer::{End, SMALL_HELLO, SMALL_WELCOME, frame, small, text};

const VERSION: [u8; 1] = [1];
const LIMIT: [u8; 3] = [1, 1, 9];
const MAX_MESSAGE: [u8; 3] = [2, 1, 9];

fn hello(parts: &[&[u8]]) -> End {
    let mut end = End::new_server(Config::default(), "");
    end.gets(frame(1, parts.concat()));
    end
}

#[test]
fn parameters_come_in_any_order_and_unknown_ones_are_skipped() {
    for parts in [
        &[&VERSION[..], &LIMIT, &MAX_MESSAGE][..],
        &[&VERSION, &MAX_MESSAGE, &LIMIT],
        &[&VERSION, &[0x3f, 2, 0xff, 0xff], &MAX_MESSAGE, &[0x10, 0], &LIMIT],
    ] {
        assert!(hello(parts).endpoint.is_greeted());
    }
}

#[test]
fn a_version_that_is_not_1_is_unknown() {
    for version in [0, 2, 63] {
        hello(&[&[version], &LIMIT, &MAX_MESSAGE]).fails(Violation::UnknownVersion);
    }
}

#[test]
fn parameters_that_are_missing_repeated_or_malformed_are_bad() {
    for parts in [
        &[&VERSION[..], &LIMIT][..],
        &[&VERSION, &MAX_MESSAGE],
        &[&VERSION, &LIMIT, &MAX_MESSAGE, &LIMIT],
        &[&VERSION, &LIMIT, &MAX_MESSAGE, &[0x20, 0], &[0x20, 0]],
        &[&VERSION, &LIMIT, &MAX_MESSAGE, &[0x20]],
        &[&VERSION, &LIMIT, &MAX_MESSAGE, &[0x20, 1]],
        &[&VERSION, &[1, 1, 0], &MAX_MESSAGE],
        &[&VERSION, &[1, 0], &MAX_MESSAGE],
        &[&VERSION, &[1, 2, 9, 9], &MAX_MESSAGE],
        &[&VERSION, &LIMIT, &[2, 1, 0]],
        &[&VERSION, &LIMIT, &MAX_MESSAGE, &[3, 1, 0xff]],
        &[],
    ] {
        hello(parts).fails(Violation::BadParameter);
    }
}

#[test]
fn more_parameters_than_64_are_bad() {
    let greeting = |count: u8| {
        let more = (0..count).flat_map(|n| [0x40, 0x80 + n, 0]);
        let payload: Vec<u8> =
            [&VERSION[..], &LIMIT, &MAX_MESSAGE].concat().into_iter().chain(more).collect();
        [&[1][..], &(0x4000 | payload.len() as u16).to_be_bytes(), &payload].concat()
    };
    let mut end = End::new_server(small(), "");
    assert!(end.gets(greeting(62)).endpoint.is_greeted());
    End::new_server(small(), "").gets(greeting(63)).fails(Violation::BadParameter);
}

#[test]
fn the_greeting_is_first_and_of_the_right_side_and_comes_once() {
    End::new_server(small(), "").gets(text("early")).fails(Violation::NoGreeting);
    End::new_server(small(), "").gets(SMALL_WELCOME).fails(Violation::NoGreeting);
    End::new_client(small(), &[]).gets(SMALL_HELLO).fails(Violation::NoGreeting);
    End::server().gets(SMALL_WELCOME).fails(Violation::NoGreeting);
    End::server().gets(SMALL_HELLO).fails(Violation::SecondGreeting);
    End::client().gets(SMALL_WELCOME).fails(Violation::SecondGreeting);
}

#[test]
fn a_message_that_the_peer_does_not_take_is_refused_here() {
    let mut end = End::client();
    let refusal = ApiMisuse::OverPeerLimit { len: 257, limit: 256 };
    assert_eq!(end.endpoint.send(vec![0; 257].into()), Err(refusal.clone()));
    end.endpoint.begin_message(tidegate_proto::websocket::MessageKind::Binary).unwrap();
    end.endpoint.send_part(vec![0; 200].into()).unwrap();
    assert_eq!(end.endpoint.send_part(vec![0; 57].into()), Err(refusal));
    end.endpoint.send_part(vec![0; 56].into()).unwrap();
    end.endpoint.finish_message().unwrap();
}

#[test]
fn a_message_that_turns_out_too_long_for_the_peer_ends_the_conversation() {
    let mut end = End::new_server(small(), "");
    end.endpoint.send(vec![0; 256].into()).unwrap();
    end.endpoint.send(Message::Binary(vec![0; 257].into())).unwrap();
    let _ = end.sends();
    end.gets(SMALL_HELLO);
    assert_eq!(end.event(), Some(Err(tidegate_proto::credit::Failure::Abandoned)));
    assert_eq!(end.sends(), crate::peer::end(1011, "message abandoned"));
    assert!(end.endpoint.poll_close().is_some());
}

#[test]
fn a_message_over_the_announced_limit_is_1009() {
    let parts =
        [frame(0x13, [0; 60]), frame(0x14, [0; 63]), frame(0x14, [0; 63]), frame(0x14, [0; 63])].concat();
    let mut end = End::server();
    end.gets([parts.clone(), frame(0x15, [0; 7])].concat()).reads(&[0; 256][..]);
    End::server().gets([parts, frame(0x15, [0; 8])].concat()).fails(Violation::MessageTooLarge);
}
