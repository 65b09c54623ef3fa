//! Section 3: attachments.

use std::time::Duration;

use tidegate_proto::session::{
    Carries, ClientSession, Config, FrameSplitter, ServerSession, Violation, Why, padding,
};

use crate::ends::{Ends, ID, text};

#[test]
fn attached_comes_first_then_what_the_client_has_not() {
    let mut ends = Ends::new(&Config::default());
    for byte in b'a'..=b'c' {
        ends.server.send(text(byte, 3));
    }
    let (mut server, _) = ends.attach(Carries::Down);
    let first = ends.server.poll_transmit(ends.now, &mut server, 1 << 20).unwrap();
    assert_eq!(first[0], 0x08);
    let frames = ends.server.poll_transmit(ends.now, &mut server, 1 << 20).unwrap();
    assert_eq!(frames, [text(b'a', 3), text(b'b', 3), text(b'c', 3)].concat());
    assert_eq!(ends.server.poll_transmit(ends.now, &mut server, 1 << 20), None);
    assert_eq!((server.sent(), server.ended()), (3, None));
}

#[test]
fn a_newer_attachment_ends_the_older_and_repeated_frames_are_skipped() {
    let mut ends = Ends::new(&Config::default());
    ends.server.send(text(b'a', 1));
    ends.server.send(text(b'b', 1));
    // Both are asked for from the beginning, and both bring everything.
    let (server, client) = ends.attach(Carries::Down);
    let (newer, newer_client) = ends.attach(Carries::Down);
    let (mut older, _) = (server, client);
    let last = ends.server.poll_transmit(ends.now, &mut older, 1 << 20).unwrap();
    assert_eq!(&last[..], [0x0a, 1, 1]);
    assert_eq!((older.ended(), ends.server.poll_transmit(ends.now, &mut older, 9)), (Some(Why::Newer), None));
    let (newer, _) = ends.pass_down(newer, newer_client);
    assert_eq!(ends.taken_by_client(), [text(b'a', 1), text(b'b', 1)]);
    // The client has asked for a third before it had any of that.
    assert!(ends.server.is_current(&newer));
    let mut third = ends.server.attach(Carries::Down, 0).unwrap();
    let mut seen = ends.client.attach(Carries::Down);
    assert_eq!(ends.client.position(), 2);
    let attached = ends.server.poll_transmit(ends.now, &mut third, 1 << 20).unwrap();
    assert_eq!(ends.client.handle_batch(ends.now, &mut seen, &attached), Err(Violation::BadParameter));
}

#[test]
fn what_was_acknowledged_by_another_way_is_skipped_and_told() {
    let mut ends = Ends::new(&Config::default());
    let (mut older, mut older_client) = ends.attach(Carries::Both);
    (older, older_client) = ends.pass_down(older, older_client);
    ends.client.send(text(b'a', 1));
    let post = ends.client.next_post().unwrap();
    ends.server.handle_post(ends.now, post.from, None, &post.body).unwrap();
    // The WebSocket was attached before, and has not sent it.
    ends.client.handle_answer(&post, ends.server.position()).unwrap();
    ends.client.send(text(b'b', 1));
    let skip = ends.client.poll_transmit(ends.now, &mut older_client, 1 << 20).unwrap();
    assert_eq!(&skip[..], [0x0c, 1, 2]);
    let batch = ends.client.poll_transmit(ends.now, &mut older_client, 1 << 20).unwrap();
    for bytes in [skip, batch] {
        ends.server.handle_batch(ends.now, &mut older, &bytes).unwrap();
    }
    assert_eq!(ends.taken_by_server(), [text(b'a', 1), text(b'b', 1)]);
}

#[test]
fn a_websocket_carries_both_flows_and_acknowledgements() {
    let mut ends = Ends::new(&Config::default());
    let (server, client) = ends.attach(Carries::Both);
    let (mut server, mut client) = ends.pass_down(server, client);
    let big = [&[0x11, 0x80, 0, 0xff, 0xff][..], &[7; 0xffff]].concat();
    ends.client.send(big.into());
    ends.client.send(text(b'x', 1));
    let batch = ends.client.poll_transmit(ends.now, &mut client, 1 << 20).unwrap();
    ends.server.handle_batch(ends.now, &mut server, &batch).unwrap();
    assert_eq!(ends.taken_by_server().len(), 2);
    assert!(ends.client.kept_bytes() > 65_000);
    let ack = ends.server.poll_transmit(ends.now, &mut server, 1 << 20).unwrap();
    assert_eq!(&ack[..], [0x09, 1, 3]);
    ends.client.handle_batch(ends.now, &mut client, &ack).unwrap();
    assert_eq!(ends.client.kept_bytes(), 0);
}

#[test]
fn little_is_acknowledged_after_a_second() {
    let mut ends = Ends::new(&Config::default());
    let (server, client) = ends.attach(Carries::Both);
    let (server, client) = ends.pass_down(server, client);
    ends.server.send(text(b'a', 1));
    let (mut server, mut client) = ends.pass_down(server, client);
    assert_eq!(ends.client.poll_transmit(ends.now, &mut client, 1 << 20), None);
    let at = ends.client.poll_timeout().unwrap();
    assert_eq!(at, ends.now + Duration::from_secs(1));
    let ack = ends.client.poll_transmit(at, &mut client, 1 << 20).unwrap();
    ends.server.handle_batch(at, &mut server, &ack).unwrap();
    assert_eq!((ends.server.kept_bytes(), ends.client.poll_timeout()), (0, None));
}

#[test]
fn a_body_that_breaks_off_inside_a_frame_costs_that_frame_only() {
    let mut ends = Ends::new(&Config::default());
    let (mut server, mut client) = ends.attach(Carries::Down);
    ends.server.send(text(b'a', 9));
    ends.server.send(text(b'b', 9));
    let mut body = Vec::new();
    while let Some(bytes) = ends.server.poll_transmit(ends.now, &mut server, 1 << 20) {
        body.extend_from_slice(&bytes);
    }
    body.truncate(body.len() - 3);
    let whole = FrameSplitter::default().split(&body.into()).unwrap();
    ends.client.handle_batch(ends.now, &mut client, &whole).unwrap();
    assert_eq!(ends.client.position(), 1);
    let (server, client) = ends.attach(Carries::Down);
    ends.pass_down(server, client);
    assert_eq!(ends.taken_by_client(), [text(b'a', 9), text(b'b', 9)]);
}

#[test]
fn a_session_that_was_opened_beside_is_known_by_its_id_and_changes_nothing() {
    let mut ends = Ends::new(&Config::default());
    let mut beside = ServerSession::new(ends.now, "another".to_owned(), Config::default());
    let mut server = beside.attach(Carries::Down, 0).unwrap();
    let batch = beside.poll_transmit(ends.now, &mut server, 1 << 20).unwrap();
    assert_eq!(ends.client.stray(&batch).as_deref(), Some("another"));
    assert_eq!(ends.client.id(), Some(ID));
    assert_eq!(ClientSession::new(&Config::default()).stray(&batch), None, "that one is its own");
    let (mut server, _) = ends.attach(Carries::Down);
    let own = ends.server.poll_transmit(ends.now, &mut server, 1 << 20).unwrap();
    assert_eq!(ends.client.stray(&own), None);
    assert_eq!(ends.client.stray(&text(b'a', 1)), None);
}

#[test]
fn what_may_not_be_there_is_refused() {
    let mut ends = Ends::new(&Config::default());
    let (server, mut client) = ends.attach(Carries::Both);
    let early = text(b'a', 1);
    assert_eq!(ends.client.handle_batch(ends.now, &mut client, &early), Err(Violation::NotAttached));
    let (mut server, mut client) = ends.pass_down(server, client);
    let judge = |ends: &mut Ends, client: &mut _, bytes: &[u8]| {
        ends.client.handle_batch(ends.now, client, &bytes.to_vec().into())
    };
    assert_eq!(judge(&mut ends, &mut client, &padding(9)), Ok(()));
    assert_eq!(judge(&mut ends, &mut client, &[0x09, 1, 2]), Err(Violation::AckOfUnsent));
    assert_eq!(judge(&mut ends, &mut client, &[0x0a, 1, 9]), Err(Violation::BadSessionFrame));
    assert_eq!(judge(&mut ends, &mut client, &[0x0d, 0]), Err(Violation::UnexpectedFrame));
    assert_eq!(judge(&mut ends, &mut client, &[0x0c, 1, 1]), Err(Violation::Gap));
    assert_eq!(judge(&mut ends, &mut client, &[0x10, 3, b'a']), Err(Violation::CutFrame));
    assert_eq!(judge(&mut ends, &mut client, &[0x0a, 1, 2]), Ok(()));
    assert_eq!(client.ended(), Some(Why::ComeAgain));
    assert_eq!(judge(&mut ends, &mut client, &early), Err(Violation::UnexpectedFrame));
    // And from a client.
    for bytes in [&[0x08, 0][..], &[0x0a, 1, 1], &[0x0b, 0]] {
        let batch = bytes.to_vec().into();
        let refused = ends.server.handle_batch(ends.now, &mut server, &batch);
        assert_eq!(refused, Err(Violation::UnexpectedFrame));
    }
}
