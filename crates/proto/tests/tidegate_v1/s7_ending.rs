//! Section 7: END before the Close.

use tidegate_proto::credit::Failure;
use tidegate_proto::websocket::{ApiMisuse, CloseCode};

use crate::peer::{End, costing, credit, end, frame, info, seconds, small, text};

#[test]
fn end_goes_behind_all_messages_and_waits_for_their_credit() {
    let mut client = End::client();
    for _ in 0..3 {
        client.endpoint.send(vec![0; 32].into()).unwrap();
    }
    client.endpoint.close(Some(CloseCode::NORMAL), "bye").unwrap();
    assert_eq!(client.endpoint.send("late".into()), Err(ApiMisuse::SendAfterClose));
    assert_eq!(client.sends(), [costing(64), costing(64), frame(4, [0x40, 0x80])].concat());
    client.gets(credit(129, 1));
    assert_eq!(client.sends(), [costing(64), end(1000, "bye")].concat());
    assert_eq!(client.endpoint.poll_close(), None, "the peer has not ended");
}

#[test]
fn end_is_told_behind_the_last_message_and_answered_then() {
    let mut server = End::server();
    server.gets([text("a"), text("b"), end(3000, "done")].concat());
    assert_eq!(server.sends(), b"");
    server.endpoint.send("answer".into()).unwrap();
    server.reads("a").reads("b");
    assert_eq!(server.sends(), [text("answer"), credit(128 + 66, 2)].concat().rotated(8));
    server.reads_end(3000, "done").reads_nothing();
    assert_eq!(server.endpoint.send("late".into()), Err(ApiMisuse::SendAfterClose));
    assert_eq!(server.sends(), end(3000, "done"));
    assert_eq!(server.endpoint.poll_close(), Some(info(3000, "done")), "a server closes the WebSocket");
    assert!(server.endpoint.is_complete());
}

#[test]
fn an_end_without_a_code_is_answered_by_one() {
    let mut server = End::server();
    server.gets(frame(7, [])).reads_end(1005, "");
    assert_eq!(server.sends(), frame(7, []));
    assert_eq!(server.endpoint.poll_close(), Some(info(1005, "")));
}

#[test]
fn who_has_ended_can_still_read() {
    let mut client = End::client();
    client.endpoint.close(None, "").unwrap();
    assert_eq!(client.sends(), frame(7, []));
    client.gets(text("still")).gets([text("more"), end(1000, "")].concat());
    client.reads("still").reads("more").reads_end(1000, "").reads_nothing();
    assert_eq!(client.sends(), credit(128 + 73, 2), "no second END");
}

#[test]
fn a_client_leaves_the_close_to_the_server_for_two_seconds() {
    let mut client = End::client();
    client.endpoint.close(None, "").unwrap();
    let _ = client.sends();
    client.gets(frame(7, [])).reads_end(1005, "");
    assert_eq!(client.endpoint.poll_close(), None);
    assert_eq!(client.endpoint.poll_timeout(client.now), Some(client.now + seconds(2)));
    client.waits(seconds(2));
    assert_eq!(client.endpoint.poll_close(), Some(info(1005, "")));
    assert_eq!(client.endpoint.poll_timeout(client.now), None);
}

#[test]
fn both_may_end_at_once() {
    let mut server = End::server();
    server.endpoint.close(Some(4000.into()), "mine").unwrap();
    assert_eq!(server.sends(), end(4000, "mine"));
    server.gets(end(4001, "yours"));
    assert_eq!(server.endpoint.poll_close(), Some(info(4000, "mine")));
    server.reads_end(4001, "yours").reads_nothing();
}

#[test]
fn a_close_behind_both_ends_is_clean_whatever_it_says() {
    let mut client = End::client();
    client.gets(end(1000, "")).reads_end(1000, "");
    assert_eq!(client.sends(), end(1000, ""));
    client.endpoint.handle_close(None);
    client.reads_nothing();
}

#[test]
fn a_close_without_end_is_told_behind_what_has_come() {
    for close in [None, Some(info(1001, "leaving"))] {
        let mut server = End::server();
        server.gets(text("last"));
        server.endpoint.handle_close(close.clone());
        server.reads("last");
        assert_eq!(server.event(), Some(Err(Failure::Ended(close))));
        server.reads_nothing();
        assert_eq!(server.endpoint.send("late".into()), Err(ApiMisuse::SendAfterClose));
    }
}

#[test]
fn a_close_behind_the_peers_end_is_clean_if_nothing_waits() {
    let mut client = End::client();
    client.gets([text("last"), end(1000, "x")].concat());
    client.endpoint.handle_close(Some(info(1000, "x")));
    client.reads("last").reads_end(1000, "x").reads_nothing();
    assert_eq!(client.sends(), b"");

    let mut client = End::client();
    for _ in 0..3 {
        client.endpoint.send(vec![0; 32].into()).unwrap();
    }
    let _ = client.sends();
    client.gets(end(1000, "x"));
    client.endpoint.handle_close(Some(info(1000, "x")));
    assert_eq!(client.event(), Some(Err(Failure::Unsent(info(1000, "x")))));
}

#[test]
fn an_end_that_is_not_answered_is_given_up() {
    let mut server = End::server();
    server.endpoint.close(Some(CloseCode::GOING_AWAY), "restart").unwrap();
    assert_eq!(server.sends(), end(1001, "restart"));
    assert!(server.endpoint.poll_timeout(server.now).is_some());
    server.waits(seconds(9)).reads_nothing();
    server.waits(seconds(1));
    assert_eq!(server.event(), Some(Err(Failure::CloseTimedOut)));
    assert_eq!(server.sends(), b"", "no second END");
    assert_eq!(server.endpoint.poll_close(), Some(info(1001, "restart")));
}

#[test]
fn an_end_waits_for_a_peer_that_may_be_out_of_reach() {
    let mut server = End::server_with(small().outage(seconds(60)));
    server.endpoint.close(None, "").unwrap();
    let _ = (server.sends(), server.endpoint.poll_timeout(server.now));
    server.waits(seconds(69)).reads_nothing();
    server.gets(end(1000, "back")).reads_end(1000, "back");
    assert_eq!(server.endpoint.poll_close(), Some(info(1005, "")));

    let mut server = End::server_with(small().outage(seconds(60)));
    server.gets([costing(64), costing(64)].concat());
    server.endpoint.close(None, "").unwrap();
    let _ = (server.sends(), server.endpoint.poll_timeout(server.now));
    server.waits(seconds(5));
    assert_eq!(server.endpoint.held_bytes(), 0, "a reader that does not come gets no more time");
    server.waits(seconds(65));
    assert_eq!(server.event(), Some(Err(Failure::CloseTimedOut)));
}

#[test]
fn an_end_for_want_of_credit_is_given_up_without_one() {
    let mut server = End::server();
    for _ in 0..3 {
        server.endpoint.send(vec![0; 32].into()).unwrap();
    }
    server.endpoint.close(None, "").unwrap();
    let _ = server.sends();
    assert!(server.endpoint.poll_timeout(server.now).is_some());
    server.waits(seconds(10));
    assert_eq!(server.sends(), b"", "an END would say that nothing is missing");
    assert_eq!(server.endpoint.poll_close(), Some(info(1005, "")));
    assert_eq!(server.event(), Some(Err(Failure::CloseTimedOut)));
}

#[test]
fn messages_and_grants_count_the_time_anew_up_to_a_minute() {
    let mut server = End::server();
    server.endpoint.close(None, "").unwrap();
    let _ = (server.sends(), server.endpoint.poll_timeout(server.now));
    for step in 0..6 {
        server.waits(seconds(9));
        assert_eq!(server.endpoint.poll_close(), None, "step {step}");
        server.gets(text("still here"));
        while server.endpoint.has_message() {
            let _ = server.event();
        }
        let _ = (server.sends(), server.endpoint.poll_timeout(server.now));
    }
    server.waits(seconds(6));
    assert_eq!(server.endpoint.poll_close(), Some(info(1005, "")), "60 s are over");
}

#[test]
fn a_reader_that_does_not_come_does_not_hold_up_the_end() {
    let mut server = End::server();
    server.gets([costing(64), costing(64)].concat());
    server.endpoint.close(None, "").unwrap();
    let _ = (server.sends(), server.endpoint.poll_timeout(server.now));
    server.waits(seconds(5));
    assert_eq!(server.endpoint.held_bytes(), 0, "half the time has passed without a read");
    assert_eq!(server.sends(), credit(256, 2), "so that the peer reaches its END");
}

#[test]
fn a_slow_reader_shows_while_the_peer_waits_for_its_end() {
    let mut client = End::client();
    client.gets([text("a"), text("b"), text("c"), end(1000, "")].concat());
    client.waits(seconds(1)).reads("a");
    assert_eq!(client.sends(), credit(128, 1), "an ack without a grant");
    client.reads("b");
    assert_eq!(client.sends(), credit(194, 2), "a grant is due");
    client.reads("c");
    assert_eq!(client.sends(), b"", "the last CREDIT is young");
}

#[test]
fn close_tells_a_wrong_code_in_every_state() {
    let mut server = End::server();
    assert_eq!(server.endpoint.close(Some(1005.into()), ""), Err(ApiMisuse::ReservedCloseCode(1005)));
    assert_eq!(server.endpoint.close(None, &"x".repeat(124)), Err(ApiMisuse::LongCloseReason(124)));
    assert_eq!(server.sends(), b"");
    server.endpoint.close(None, "only a reason").unwrap();
    assert_eq!(server.sends(), end(1000, "only a reason"));
    assert_eq!(server.endpoint.close(Some(1005.into()), ""), Err(ApiMisuse::ReservedCloseCode(1005)));
}

trait Rotated {
    fn rotated(self, by: usize) -> Self;
}

impl Rotated for Vec<u8> {
    /// Control frames come first.
    fn rotated(mut self, by: usize) -> Self {
        self.rotate_left(by);
        self
    }
}
