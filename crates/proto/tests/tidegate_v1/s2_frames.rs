//! Section 2: batches, frames, numbers, messages in parts.

use bytes::Bytes;
use tidegate_proto::credit::{Config, MAX_BATCH_BYTES, Violation};
use tidegate_proto::websocket::{ApiMisuse, Message, MessageKind};

use crate::peer::{End, costing, frame, text};

#[test]
fn a_batch_holds_many_frames_in_order() {
    let mut end = End::server();
    end.gets([text("a"), frame(0x11, b"b"), frame(5, b"ping"), text("c")].concat());
    end.reads("a").reads(&b"b"[..]).reads("c").reads_nothing();
    assert!(end.sends().starts_with(&frame(6, b"ping")));
}

#[test]
fn small_messages_leave_in_one_batch_and_control_frames_go_first() {
    let mut end = End::server();
    end.gets(frame(5, b"p"));
    end.endpoint.send("a".into()).unwrap();
    end.endpoint.send(Message::Binary(Bytes::new())).unwrap();
    let batches = end.batches();
    assert_eq!(batches, [[frame(6, b"p"), text("a"), frame(0x11, b"")].concat()]);
}

#[test]
fn a_cut_batch_fails_at_every_cut() {
    let whole = [text("abc"), frame(5, b"xyz")].concat();
    for cut in (1..whole.len()).filter(|cut| *cut != text("abc").len()) {
        End::server().gets(&whole[..cut]).skip_messages().fails(Violation::CutFrame);
    }
}

#[test]
fn a_length_beyond_memory_is_a_cut_frame() {
    let largest = [0x10, 0xc0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    End::server().gets(largest).fails(Violation::CutFrame);
}

#[test]
fn numbers_have_their_shortest_form_and_53_bits() {
    End::server().gets([0x10, 0x40, 2, b'h', b'i']).fails(Violation::VarintNotShortest);
    End::server().gets([0x10, 0xc0, 0x20, 0, 0, 0, 0, 0, 0]).fails(Violation::VarintTooLarge);
}

#[test]
fn every_type_that_is_not_in_the_table_is_reserved() {
    let known = (1..=7).chain(0x10..=0x15);
    for reserved in (0..=255).filter(|code| !known.clone().any(|known| known == *code)) {
        End::client().gets([reserved, 0]).fails(Violation::ReservedFrameType);
    }
}

#[test]
fn a_batch_is_never_empty_and_never_text_and_never_over_its_limit() {
    End::server().gets(b"").fails(Violation::EmptyBatch);
    let mut end = End::server();
    end.endpoint.handle_text();
    end.fails(Violation::TextBatch);
    let mut end = End::server();
    end.gets(vec![0; MAX_BATCH_BYTES + 1]).fails(Violation::BatchTooLarge);
}

#[test]
fn parts_make_a_message_and_text_may_be_cut_inside_a_character() {
    let whole = "日本";
    for (one, two) in [(1, 2), (2, 5), (3, 4)] {
        let bytes = whole.as_bytes();
        let mut end = End::server();
        end.gets(frame(0x12, &bytes[..one])).gets(frame(0x14, &bytes[one..two])).reads_nothing();
        end.gets([frame(5, b""), frame(0x15, &bytes[two..])].concat()).reads(whole);
    }
    let mut end = End::server();
    end.gets([frame(0x13, [1]), frame(0x15, [])].concat()).reads(&[1][..]);
}

#[test]
fn parts_out_of_place_break_the_rules() {
    End::server().gets(frame(0x14, b"x")).fails(Violation::PartOfNothing);
    End::server().gets(frame(0x15, b"")).fails(Violation::PartOfNothing);
    End::server().gets([frame(0x12, b"x"), text("y")].concat()).fails(Violation::MessageInsideMessage);
    End::server()
        .gets([frame(0x12, b"x"), frame(0x13, b"y")].concat())
        .fails(Violation::MessageInsideMessage);
    End::server().gets(frame(0x12, b"")).fails(Violation::EmptyPart);
    End::server().gets(frame(0x13, b"")).fails(Violation::EmptyPart);
    End::server().gets([frame(0x13, b"x"), frame(0x14, b"")].concat()).fails(Violation::EmptyPart);
}

#[test]
fn text_is_utf8_as_a_whole() {
    End::server().gets(frame(0x10, [0xff])).fails(Violation::NotUtf8);
    End::server().gets([frame(0x12, [0xe6]), frame(0x15, b"")].concat()).fails(Violation::NotUtf8);
    End::server().gets([frame(0x12, [0xe6]), frame(0x14, b"x")].concat()).fails(Violation::NotUtf8);
}

#[test]
fn frames_before_a_violation_in_the_same_batch_count() {
    let mut end = End::server();
    end.gets([text("a"), text("b"), vec![0, 0]].concat());
    end.reads("a").reads("b").fails(Violation::ReservedFrameType);
}

#[test]
fn a_long_message_goes_in_parts_each_in_a_batch_of_its_own() {
    let config = Config::default();
    let (mut client, mut server) = (End::new_client(config.clone(), &[]), End::new_server(config, ""));
    client.gets(server.sends());
    server.gets(client.sends());
    let _ = (client.sends(), server.sends());
    let long: Vec<u8> = (0..250_000u32).map(|n| n as u8).collect();
    client.endpoint.send(long.clone().into()).unwrap();
    client.endpoint.send("behind".into()).unwrap();
    let batches = client.batches();
    assert_eq!(batches.iter().map(|batch| batch[0]).collect::<Vec<_>>(), [0x13, 0x14, 0x14, 0x15, 0x10]);
    assert!(batches.iter().all(|batch| batch.len() <= 65_536 + 9));
    for batch in batches {
        server.gets(batch);
    }
    server.reads(long).reads("behind");
}

#[test]
fn messages_that_wait_together_go_together_up_to_64_kib() {
    let config = Config::default().window(1 << 20);
    let (mut client, mut server) = (End::new_client(config.clone(), &[]), End::new_server(config, ""));
    client.gets(server.sends());
    server.gets(client.sends());
    let _ = client.sends();
    for (len, count) in [(1_000, 66), (16_384, 4), (30_000, 2), (40_000, 1)] {
        for number in 0..=count {
            client.endpoint.send(vec![number as u8; len].into()).unwrap();
        }
        let batches = client.batches();
        // Type and length are 3 bytes, and from 16,384 bytes on 5.
        let frame = len + if len < 16_384 { 3 } else { 5 };
        assert_eq!(
            batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(),
            [count * frame, frame],
            "{len}"
        );
        for batch in batches {
            server.gets(batch);
        }
        for number in 0..=count {
            server.reads(vec![number as u8; len]);
        }
    }
}

#[test]
fn every_length_arrives_in_batches_that_are_not_too_large() {
    for len in [0, 1, 63, 64, 16_383, 16_384, 65_535, 65_536, 65_537, 131_072, 131_073] {
        let config = Config::default().window(1 << 20);
        let (mut client, mut server) = (End::new_client(config.clone(), &[]), End::new_server(config, ""));
        client.gets(server.sends());
        server.gets(client.sends());
        let messages: [Message; 3] = ["x".repeat(len).into(), vec![7; len].into(), "end".into()];
        for message in messages.clone() {
            client.endpoint.send(message).unwrap();
        }
        for batch in client.batches() {
            assert!(batch.len() <= MAX_BATCH_BYTES);
            server.gets(batch);
        }
        for message in messages {
            server.reads(message);
        }
    }
}

#[test]
fn a_message_can_be_written_in_parts() {
    let mut end = End::client();
    end.endpoint.begin_message(MessageKind::Text).unwrap();
    assert_eq!(end.endpoint.send("no".into()), Err(ApiMisuse::UnfinishedMessage));
    assert_eq!(end.endpoint.begin_message(MessageKind::Text), Err(ApiMisuse::UnfinishedMessage));
    end.endpoint.send_part(Bytes::from_static(&[0xe6, 0x97])).unwrap();
    assert_eq!(end.endpoint.finish_message(), Err(ApiMisuse::InvalidUtf8));
    assert_eq!(end.sends(), frame(0x12, [0xe6, 0x97]));
    assert_eq!(end.endpoint.send_part(Bytes::from_static(&[0xff])), Err(ApiMisuse::InvalidUtf8));
    end.endpoint.send_part(Bytes::new()).unwrap();
    end.endpoint.send_part(Bytes::from_static(&[0xa5])).unwrap();
    end.endpoint.finish_message().unwrap();
    assert_eq!(end.sends(), [frame(0x14, [0xa5]), frame(0x15, [])].concat());
    assert_eq!(end.endpoint.finish_message(), Err(ApiMisuse::NoMessage));
    end.endpoint.begin_message(MessageKind::Binary).unwrap();
    end.endpoint.finish_message().unwrap();
    assert_eq!(end.sends(), frame(0x11, []));
}

#[test]
fn a_message_given_up_ends_the_conversation() {
    let mut end = End::client();
    end.endpoint.begin_message(MessageKind::Text).unwrap();
    end.endpoint.send_part(Bytes::from_static(b"half")).unwrap();
    assert_eq!(end.sends(), frame(0x12, b"half"));
    end.endpoint.abandon_message();
    let sent = end.sends();
    assert_eq!(sent, crate::peer::end(1011, "message abandoned"));
    // The other one takes it, although a message is unfinished.
    let mut other = End::server();
    other.gets([frame(0x12, b"half"), sent].concat()).reads_end(1011, "message abandoned");
}

#[test]
fn a_kept_small_message_does_not_keep_its_batch() {
    let mut end = End::new_server(Config::default(), "");
    end.gets(crate::peer::SMALL_HELLO);
    let large = [&[0x11, 0x80, 0, 0xf0, 0][..], &[9; 0xf000]].concat();
    end.gets([frame(0x11, b"small"), large].concat());
    let (small, large) = (end.event(), end.event());
    drop(large);
    let Some(Ok(tidegate_proto::credit::Event::Message(Message::Binary(small)))) = small else { panic!() };
    assert!(small.try_into_mut().is_ok_and(|bytes| bytes.capacity() < 64), "it has a buffer of its own");
}

impl End {
    fn skip_messages(&mut self) -> &mut Self {
        while self.endpoint.has_message() {
            let _ = self.event();
        }
        self
    }
}

#[test]
fn costs_are_as_the_helper_says() {
    assert_eq!(costing(95).len(), 2 + 63);
}
