//! RFC 6455 §5.4, "the message is of unknown size when it begins": messages read and written in parts.

use bytes::Bytes;
use tidegate_proto::websocket::{
    ApiMisuse, Chunk, Config, Connection, Event, Failure, MessageKind, PeerMisbehaved, Phase, Side,
};

use crate::peer::{Endpoint, close, masked, plain};

fn chunk(connection: &mut Connection) -> Option<Chunk> {
    match connection.poll_chunk() {
        Some(Ok(Event::Chunk(chunk))) => Some(chunk),
        None => None,
        other => panic!("not a chunk: {other:?}"),
    }
}

fn text(bytes: &'static str, starts: bool, ends: bool) -> Option<Chunk> {
    Some(Chunk { kind: MessageKind::Text, bytes: Bytes::from_static(bytes.as_bytes()), starts, ends })
}

#[test]
fn chunks_come_as_bytes_come_and_never_split_a_character() {
    let mut server = Endpoint::server();
    let frame = masked(0x01, "aé");
    server.gets(&frame[..frame.len() - 1]);
    assert_eq!(chunk(&mut server.connection), text("a", true, false));
    assert_eq!(chunk(&mut server.connection), None);
    server.gets(&frame[frame.len() - 1..]).gets(masked(0x89, "")).gets(masked(0x80, "b"));
    assert_eq!(chunk(&mut server.connection), text("é", false, false));
    assert_eq!(chunk(&mut server.connection), text("b", false, true));
    assert_eq!(server.sends(), plain(0x8a, ""));
    server.gets(masked(0x81, ""));
    assert_eq!(chunk(&mut server.connection), text("", true, true));
}

#[test]
fn a_message_of_any_size_passes_in_constant_memory() {
    let mut server =
        Endpoint::new(Side::Server, Config::default().max_message_bytes(1000).max_frame_bytes(1000));
    let total: u64 = 40 << 20;
    let mut header = vec![0x82, 0xff];
    header.extend(total.to_be_bytes());
    header.extend([0; 4]);
    server.gets(header);
    let mut read = 0;
    let piece = vec![7; 60_000];
    let mut sent = 0;
    while sent < total {
        let len = piece.len().min((total - sent) as usize);
        server.gets(&piece[..len]);
        sent += len as u64;
        while let Some(chunk) = chunk(&mut server.connection) {
            read += chunk.bytes.len() as u64;
            assert_eq!(chunk.ends, read == total);
        }
        assert_eq!(server.connection.undecoded_bytes(), 0);
    }
    assert_eq!(read, total);
}

#[test]
fn what_is_left_of_a_message_that_nobody_reads_on_is_dropped() {
    let mut server = Endpoint::server();
    server.gets(masked(0x01, "begun"));
    assert_eq!(chunk(&mut server.connection), text("begun", true, false));
    server.gets(masked(0x80, "never read")).gets(masked(0x81, "next")).reads("next").reads_nothing();
}

#[test]
fn a_message_partly_held_is_given_out_from_its_beginning() {
    let mut server = Endpoint::server();
    server.gets(masked(0x01, "one ")).reads_nothing();
    assert_eq!(chunk(&mut server.connection), text("one ", true, false));
    server.gets(masked(0x80, "two"));
    assert_eq!(chunk(&mut server.connection), text("two", false, true));
}

#[test]
fn a_broken_text_fails_in_the_middle() {
    let mut server = Endpoint::server();
    server.gets(masked(0x01, "fine")).gets(masked(0x80, b"\xff"));
    assert_eq!(chunk(&mut server.connection), text("fine", true, false));
    let failure = Failure::PeerMisbehaved(PeerMisbehaved::SentInvalidUtf8);
    assert_eq!(server.connection.poll_chunk(), Some(Err(failure)));
    assert_eq!(server.connection.poll_chunk(), None);
}

#[test]
fn a_message_of_known_length_is_one_frame_written_lazily() {
    let mut server = Endpoint::server();
    server.connection.begin_message(MessageKind::Binary, Some(5)).unwrap();
    assert_eq!(server.sends(), b"\x82\x05");
    assert_eq!(server.connection.send("x".into()), Err(ApiMisuse::UnfinishedMessage));
    server.connection.send_part(Bytes::from_static(b"He")).unwrap();
    server.gets(masked(0x89, "held back")).reads_nothing();
    assert_eq!(server.sends(), b"He", "no pong within a frame");
    assert_eq!(server.connection.finish_message(), Err(ApiMisuse::ShortMessage(3)));
    assert_eq!(server.connection.send_part(Bytes::from_static(b"llo!")), Err(ApiMisuse::LongMessage(1)));
    server.connection.send_part(Bytes::from_static(b"llo")).unwrap();
    server.connection.finish_message().unwrap();
    assert_eq!(server.sends(), [b"llo".to_vec(), plain(0x8a, "held back")].concat());
    server.connection.send("x".into()).unwrap();
}

#[test]
fn a_client_masks_a_lazy_frame_with_one_key_throughout() {
    let mut client = Endpoint::client();
    client.connection.begin_message(MessageKind::Binary, Some(9)).unwrap();
    for part in [&b"123"[..], b"4", b"56789"] {
        client.connection.send_part(Bytes::copy_from_slice(part)).unwrap();
    }
    client.connection.finish_message().unwrap();
    assert_eq!(client.sends(), plain(0x82, "123456789"));
}

#[test]
fn a_message_of_unknown_length_leaves_in_fragments_with_room_between_them() {
    let mut server = Endpoint::server();
    server.connection.begin_message(MessageKind::Text, None).unwrap();
    server.connection.send_part(Bytes::from_static(b"a\xc3")).unwrap();
    server.gets(masked(0x89, "p")).reads_nothing();
    assert_eq!(server.connection.finish_message(), Err(ApiMisuse::InvalidUtf8));
    assert_eq!(server.connection.send_part(Bytes::from_static(b"\xff")), Err(ApiMisuse::InvalidUtf8));
    assert_eq!(server.sends(), [plain(0x01, b"a\xc3"), plain(0x8a, "p")].concat());
}

#[test]
fn an_empty_streamed_message_is_a_message() {
    for len in [None, Some(0)] {
        let mut server = Endpoint::server();
        server.connection.begin_message(MessageKind::Text, len).unwrap();
        server.connection.finish_message().unwrap();
        assert_eq!(server.sends(), plain(0x81, ""));
    }
    assert_eq!(Endpoint::server().connection.finish_message(), Err(ApiMisuse::NoMessage));
}

/// A Close may stand between fragments, but not inside a frame: then the stream just ends.
#[test]
fn a_close_waits_for_the_end_of_a_frame() {
    let mut server = Endpoint::server();
    server.connection.begin_message(MessageKind::Binary, Some(2)).unwrap();
    server.connection.send_part(Bytes::from_static(b"1")).unwrap();
    server.connection.close(Some(1000.into()), "").unwrap();
    assert_eq!(server.sends(), b"\x82\x021");
    server.connection.send_part(Bytes::from_static(b"2")).unwrap();
    server.connection.finish_message().unwrap();
    assert_eq!(server.sends(), [b"2".to_vec(), plain(0x88, b"\x03\xe8")].concat());

    let mut server = Endpoint::server();
    server.connection.begin_message(MessageKind::Binary, Some(2)).unwrap();
    server.gets(close(1000, "")).reads_close(1000, "");
    assert_eq!(server.sends(), b"\x82\x02");
    assert_eq!(server.connection.send_part(Bytes::from_static(b"1")), Err(ApiMisuse::SendAfterClose));
}

#[test]
fn an_abandoned_message_takes_the_connection_with_it() {
    let mut server = Endpoint::server();
    server.connection.begin_message(MessageKind::Text, None).unwrap();
    server.connection.send_part(Bytes::from_static(b"begun")).unwrap();
    server.connection.abandon_message();
    let abandoned = plain(0x88, b"\x03\xf3message abandoned");
    assert_eq!(server.sends(), [plain(0x01, "begun"), abandoned].concat());
    assert_eq!(server.connection.phase(), Phase::Lingering);
    assert!(server.connection.shuts_down_first());

    let mut client = Endpoint::client();
    client.connection.begin_message(MessageKind::Binary, Some(10)).unwrap();
    client.connection.abandon_message();
    assert_eq!(client.connection.queued_bytes(), 6, "the header, and no Close within the frame");
    assert_eq!(client.connection.phase(), Phase::Lingering);
}
