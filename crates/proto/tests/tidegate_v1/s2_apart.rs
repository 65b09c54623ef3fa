//! Section 2, messages apart: a long binary message is a WebSocket message, for who asks for it.

use bytes::Bytes;
use tidegate_proto::credit::{Config, Event, MAX_BATCH_BYTES, Violation};
use tidegate_proto::websocket::Message;

use crate::peer::{End, end, frame, text};

const APART: &[u8] = &[0x16, 0];

/// A client and a server that have greeted each other; the server wants messages of 1,000 bytes and more apart.
fn pair() -> (End, End) {
    let config = Config::default().window(1 << 20);
    let mut client = End::new_client(config.clone(), &[]);
    let mut server = End::new_server(config.apart(Some(1000)), "");
    client.gets(server.sends());
    server.gets(client.sends());
    let _ = (client.sends(), server.sends());
    (client, server)
}

/// A server that has greeted and been greeted, and announced 1 to a peer that did not.
fn receiver() -> End {
    let mut server = End::new_server(crate::peer::small().apart(Some(1)), "");
    server.gets(crate::peer::SMALL_HELLO);
    let _ = server.sends();
    server
}

fn binary(len: usize, byte: u8) -> Message {
    vec![byte; len].into()
}

#[test]
fn the_greeting_tells_from_which_length_on() {
    let mut server = End::new_server(crate::peer::small().apart(Some(32_768)), "");
    let welcome = [0x02, 15, 1, 1, 2, 0x40, 0x80, 2, 2, 0x41, 0x00, 4, 4, 0x80, 0, 0x80, 0, 5, 1, 1];
    assert_eq!(server.sends(), welcome);
}

#[test]
fn long_messages_go_apart_and_an_empty_one_brings_batches_back() {
    let (mut client, mut server) = pair();
    let messages = ["a".into(), binary(1000, 1), binary(65_536, 2), binary(999, 3), binary(2000, 4)];
    for message in messages.clone() {
        client.endpoint.send(message).unwrap();
    }
    let batches = client.batches();
    let short = [&[0x11, 0x43, 0xe7][..], &[3; 999], APART].concat();
    let expected: [&[u8]; 6] =
        [&[&text("a")[..], APART].concat(), &[1; 1000], &[2; 65_536], &[], &short, &[4; 2000]];
    assert_eq!(batches, expected);
    for batch in batches {
        server.gets(batch);
    }
    for message in messages {
        server.reads(message);
    }
    server.reads_nothing();
}

#[test]
fn a_control_frame_passes_between_two_messages_apart() {
    let (mut client, mut server) = pair();
    for byte in 1..=2 {
        client.endpoint.send(binary(1000, byte)).unwrap();
    }
    let mut send = |client: &mut End, expected: &[u8], delivered: &[u8]| {
        let batch = client.endpoint.poll_transmit(client.now).expect("something waits").into_bytes();
        assert_eq!(batch, expected);
        server.gets(delivered);
    };
    send(&mut client, APART, APART);
    // The message comes first all the same: a batch would be taken for it.
    client.gets(frame(5, b"p"));
    send(&mut client, &[1; 1000], &[1; 1000]);
    send(&mut client, &[], &[]);
    // The server of this test has not sent that PING, so it does not get the PONG.
    send(&mut client, &[&frame(6, b"p"), APART].concat(), APART);
    send(&mut client, &[2; 1000], &[2; 1000]);
    client.endpoint.close(None, "").unwrap();
    send(&mut client, &[], &[]);
    send(&mut client, &frame(7, []), &frame(7, []));
    assert_eq!(client.endpoint.poll_transmit(client.now), None);
    server.reads(binary(1000, 1)).reads(binary(1000, 2)).reads_end(1005, "");
}

#[test]
fn a_whole_batch_of_bytes_goes_apart_and_more_goes_in_parts() {
    let (mut client, mut server) = pair();
    client.endpoint.send(binary(MAX_BATCH_BYTES, 1)).unwrap();
    client.endpoint.send(binary(MAX_BATCH_BYTES + 1, 2)).unwrap();
    client.endpoint.send("x".repeat(65_536).into()).unwrap();
    let batches = client.batches();
    let lens: Vec<usize> = batches.iter().map(|batch| batch.len()).collect();
    assert_eq!(lens, [2, MAX_BATCH_BYTES, 0, 65_541, 65_541, 65_544]);
    for batch in batches {
        server.gets(batch);
    }
    server.reads(binary(MAX_BATCH_BYTES, 1)).reads(binary(MAX_BATCH_BYTES + 1, 2)).reads("x".repeat(65_536));
}

#[test]
fn nothing_goes_apart_to_who_did_not_ask() {
    let (mut client, mut server) = pair();
    server.endpoint.send(binary(30_000, 1)).unwrap();
    server.endpoint.send(binary(65_536, 2)).unwrap();
    for batch in server.batches() {
        assert_eq!(batch[0], 0x11);
        client.gets(batch);
    }
    client.reads(binary(30_000, 1)).reads(binary(65_536, 2));
}

#[test]
fn a_long_message_waits_for_credit_without_ending_the_run() {
    let (mut client, mut server) = pair();
    for byte in 0..17 {
        client.endpoint.send(binary(65_536, byte)).unwrap();
    }
    let batches = client.batches();
    // 16 × 65,568 are more than a MiB. No BLOCKED: it would take three more WebSocket messages.
    assert_eq!(
        batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(),
        [&[2][..], &[65_536; 16]].concat()
    );
    for batch in batches {
        server.gets(batch);
    }
    for byte in 0..16 {
        server.reads(binary(65_536, byte));
    }
    for batch in server.batches() {
        client.gets(batch);
    }
    let rest = client.batches();
    assert_eq!(rest, [Bytes::from(vec![16; 65_536])]);
    server.gets(rest[0].clone()).reads(binary(65_536, 16));
}

#[test]
fn a_short_message_that_waits_for_credit_is_told() {
    let (mut client, _) = pair();
    for byte in 0..16 {
        client.endpoint.send(binary(65_536, byte)).unwrap();
    }
    client.endpoint.send("a".into()).unwrap();
    let batches = client.batches();
    assert_eq!(batches.len(), 1 + 16 + 2);
    assert!(batches[17].is_empty());
    assert_eq!(batches[18], [4, 4, 0x80, 0x10, 0, 0][..]);
}

#[test]
fn what_was_announced_still_goes_when_the_conversation_fails() {
    let (mut client, _) = pair();
    client.endpoint.send(binary(65_536, 0)).unwrap();
    assert_eq!(client.endpoint.poll_transmit(client.now).map(|batch| batch.into_bytes()), Some(APART.into()));
    client.gets([0x08, 0]);
    assert_eq!(client.endpoint.poll_close(), None, "the message announced has to go first");
    let rest = client.batches();
    assert_eq!((rest[0].len(), rest[1].len(), rest[2][0], rest.len()), (65_536, 0, 7, 3));
    assert!(client.endpoint.poll_close().is_some());
}

#[test]
fn a_message_apart_is_not_copied() {
    let mut server = receiver();
    server.gets(APART);
    let payload = Bytes::from(vec![7; 100]);
    server.endpoint.handle_batch(server.now, &payload);
    let Some(Ok(Event::Message(Message::Binary(read)))) = server.event() else { panic!() };
    assert_eq!(read.as_ptr(), payload.as_ptr());
}

#[test]
fn an_apart_is_the_last_of_its_batch_and_has_a_message_behind_it() {
    receiver().gets([APART, &frame(5, b"p")].concat()).fails(Violation::BadApart);
    receiver().gets([APART, APART].concat()).fails(Violation::BadApart);
    receiver().gets(APART).gets(b"").fails(Violation::BadApart);
    receiver().gets(frame(0x16, [0])).fails(Violation::BadControlFrame);
    let mut twice = receiver();
    twice.gets(APART).gets(b"x").gets(b"").reads(&b"x"[..]);
    twice.gets(b"").fails(Violation::EmptyBatch);
}

#[test]
fn who_did_not_ask_does_not_know_it() {
    End::server().gets(APART).fails(Violation::ReservedFrameType);
    End::new_server(crate::peer::small(), "").gets(APART).fails(Violation::ReservedFrameType);
    End::new_server(crate::peer::small().apart(Some(1)), "").gets(APART).fails(Violation::NoGreeting);
}

#[test]
fn a_message_apart_keeps_the_rules_of_messages() {
    let after = |batches: &[&[u8]]| {
        let mut server = receiver();
        batches.iter().fold(&mut server, |server, batch| server.gets(batch));
        while server.endpoint.has_message() {
            let _ = server.event();
        }
        server
    };
    after(&[&frame(0x13, [1]), APART, &[2]]).fails(Violation::MessageInsideMessage);
    after(&[&end(1000, ""), APART]).fails(Violation::MessageAfterEnd);
    after(&[APART, &[0; 257]]).fails(Violation::MessageTooLarge);
    after(&[APART, &vec![0; MAX_BATCH_BYTES + 1]]).fails(Violation::BatchTooLarge);
    // 96 + 32 are the whole limit.
    after(&[APART, &[0; 96], &[0]]).fails(Violation::NoCredit);
    let mut server = receiver();
    server.gets(APART);
    server.endpoint.handle_text();
    server.fails(Violation::TextBatch);
}

#[test]
fn an_end_of_the_connection_behind_an_apart_is_not_clean() {
    let mut server = receiver();
    server.gets(APART);
    server.endpoint.handle_close(None);
    assert!(matches!(server.event(), Some(Err(_))));
}
