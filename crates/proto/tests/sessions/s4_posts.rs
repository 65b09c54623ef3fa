//! Section 4: the client's flow by POST, and section 6: room.

use bytes::Bytes;
use tidegate_proto::session::{Carries, Config, PostError, Violation};

use crate::ends::{Ends, text};

#[test]
fn a_repeated_post_is_taken_once() {
    let mut ends = Ends::new(&Config::default());
    ends.client.send(text(b'a', 1));
    let post = ends.client.next_post().unwrap();
    for _ in 0..2 {
        ends.server.handle_post(ends.now, post.from, Some(post.received), &post.body).unwrap();
    }
    // The answers were lost, and more is to be said.
    ends.client.send(text(b'b', 1));
    let post = ends.client.next_post().unwrap();
    assert_eq!((post.from, &post.body[..]), (1, &[text(b'a', 1), text(b'b', 1)].concat()[..]));
    ends.server.handle_post(ends.now, post.from, Some(post.received), &post.body).unwrap();
    ends.client.handle_answer(&post, ends.server.position()).unwrap();
    assert_eq!(ends.taken_by_server(), [text(b'a', 1), text(b'b', 1)]);
    assert_eq!((ends.client.next_post(), ends.client.kept_bytes()), (None, 0));
}

#[test]
fn a_gap_is_refused_with_the_position() {
    let mut ends = Ends::new(&Config::default());
    let refused = ends.server.handle_post(ends.now, 5, None, &text(b'a', 1)).unwrap_err();
    assert_eq!(refused, PostError::Gap { expected: 1, from: 5 });
    assert_eq!(refused.to_string(), "expected frames from 1, got from 5");
}

#[test]
fn the_frames_before_a_wrong_one_are_taken() {
    let mut ends = Ends::new(&Config::default());
    let bodies: [(&[u8], Violation); 3] = [
        (&[0x10, 1, b'a', 0x10, 9, b'b'], Violation::CutFrame),
        (&[0x10, 1, b'b', 0x09, 1, 0], Violation::UnexpectedFrame),
        (&[0x10, 1, b'c', 0x10, 0x40, 1, b'd'], Violation::MalformedLength),
    ];
    for (number, (body, violation)) in (1..).zip(bodies) {
        let body = Bytes::copy_from_slice(body);
        let refused = ends.server.handle_post(ends.now, number, None, &body);
        assert_eq!(refused, Err(violation.into()));
        assert_eq!(ends.server.position(), number + 1);
    }
    assert_eq!(ends.taken_by_server(), [text(b'a', 1), text(b'b', 1), text(b'c', 1)]);
}

#[test]
fn a_full_session_takes_what_it_can_and_the_rest_of_the_same_post_later() {
    let mut ends = Ends::new(&Config::default());
    let frame = |byte: u8| Bytes::from([&[0x11, 0x80, 0, 0xea, 0x60][..], &vec![byte; 60_000]].concat());
    let body: Bytes = (0..6).flat_map(frame).collect::<Vec<u8>>().into();
    assert_eq!(ends.server.handle_post(ends.now, 1, None, &body), Err(PostError::Full));
    assert_eq!((ends.server.position(), ends.server.takes_frames()), (6, false));
    let mut taken = ends.taken_by_server();
    ends.server.handle_post(ends.now, 1, None, &body).unwrap();
    taken.extend(ends.taken_by_server());
    assert_eq!(taken, (0..6).map(frame).collect::<Vec<_>>());
}

#[test]
fn acknowledgement_is_credit_and_a_lost_post_acknowledges_nothing() {
    let mut ends = Ends::new(&Config::default().max_kept(150_000));
    let (server, client) = ends.attach(Carries::Down);
    let (server, client) = ends.pass_down(server, client);
    let frame = Bytes::from([&[0x11, 0x80, 0, 0xea, 0x60][..], &[1; 60_000]].concat());
    let mut sent = 0;
    while ends.server.has_room() {
        ends.server.send(frame.clone());
        sent += 1;
    }
    assert_eq!((sent, ends.server.kept_bytes()), (3, 3 * frame.len()));
    ends.pass_down(server, client);
    let lost = ends.client.next_post().expect("so much is worth a POST");
    assert_eq!((lost.received, lost.body.len()), (3, 0));
    let post = ends.client.next_post().expect("it is still not told");
    ends.server.handle_post(ends.now, post.from, Some(post.received), &post.body).unwrap();
    ends.client.handle_answer(&post, ends.server.position()).unwrap();
    assert_eq!((ends.server.has_room(), ends.server.kept_bytes(), ends.client.next_post()), (true, 0, None));
}

#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    let mut ends = Ends::new(&Config::default());
    let refused = ends.server.handle_post(ends.now, 1, Some(1), &Bytes::new());
    assert_eq!(refused, Err(Violation::AckOfUnsent.into()));
    assert_eq!(ends.client.handle_position(9), Err(Violation::AckOfUnsent));
}
