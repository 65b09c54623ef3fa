//! RFC 6455 §7: closing the connection.

use tidegate_proto::websocket::{
    ApiMisuse, CloseCode, Config, Failure, MessageKind, PeerMisbehaved, Phase, Side,
};

use crate::peer::{Endpoint, close, masked, moment, plain, seconds};

#[test]
fn messages_before_a_close_are_delivered_before_it() {
    let mut server = Endpoint::server();
    server.gets([masked(0x81, "1"), masked(0x81, "2"), close(1000, "done")].concat());
    server.reads("1").reads("2").reads_close(1000, "done").reads_nothing();
    assert_eq!(server.connection.phase(), Phase::Lingering);
}

#[test]
fn a_stream_that_ends_gives_its_messages_first_and_then_the_loss() {
    let mut server = Endpoint::server();
    server.gets(masked(0x81, "1")).gets(masked(0x01, "half"));
    server.connection.handle_eof();
    server.reads("1");
    assert_eq!(server.event(), Some(Err(Failure::Lost)));
    assert_eq!(server.event(), None);
    assert_eq!(server.connection.phase(), Phase::Ended);
}

#[test]
fn messages_that_cross_our_close_are_still_delivered() {
    let mut server = Endpoint::server();
    server.connection.close(Some(1000.into()), "").unwrap();
    assert_eq!(server.connection.phase(), Phase::Closing);
    server.gets(masked(0x81, "crossing")).gets(masked(0x89, "no pong")).gets(close(1000, ""));
    server.reads("crossing").reads_close(1000, "");
    assert_eq!(server.sends(), plain(0x88, b"\x03\xe8"), "one Close, and no pong behind it");
}

#[test]
fn what_was_queued_leaves_before_the_close_and_nothing_is_taken_after_it() {
    let mut server = Endpoint::server();
    server.connection.send("last".into()).unwrap();
    server.connection.close(None, "").unwrap();
    assert_eq!(server.connection.send("late".into()), Err(ApiMisuse::SendAfterClose));
    server.connection.close(Some(4000.into()), "again").unwrap();
    assert_eq!(server.sends(), [plain(0x81, "last"), plain(0x88, "")].concat());
}

/// §7.1.1: the server ends the stream, the client waits for that.
#[test]
fn the_server_shuts_down_first_and_the_end_of_the_stream_is_the_end() {
    let mut server = Endpoint::server();
    server.gets(close(1000, "")).reads_close(1000, "");
    assert!(server.connection.shuts_down_first());
    server.connection.handle_eof();
    assert_eq!(server.connection.phase(), Phase::Ended);

    let mut client = Endpoint::client();
    client.gets(plain(0x88, b"\x03\xe8")).reads_close(1000, "");
    assert!(!client.connection.shuts_down_first());
    client.connection.handle_eof();
    assert_eq!(client.connection.phase(), Phase::Ended);
}

#[test]
fn a_peer_that_never_answers_a_close_is_given_up_in_time() {
    let config = Config::default().close_timeout(seconds(3));
    let mut server = Endpoint::new(Side::Server, config);
    let now = moment();
    assert_eq!(server.connection.poll_timeout(now), None);
    server.connection.close(None, "").unwrap();
    assert_eq!(server.connection.poll_timeout(now), Some(now + seconds(3)));
    // A peer that keeps talking gains nothing by it.
    server.gets(masked(0x81, "blah")).reads("blah");
    assert_eq!(server.connection.poll_timeout(now + seconds(1)), Some(now + seconds(3)));
    assert_eq!(server.connection.handle_timeout(now + seconds(2)), Ok(()));
    assert_eq!(server.connection.handle_timeout(now + seconds(3)), Err(Failure::CloseTimedOut));
    assert_eq!(server.connection.phase(), Phase::Ended);
    assert_eq!(server.connection.poll_timeout(now + seconds(4)), None);
}

#[test]
fn a_stream_that_does_not_end_after_the_handshake_is_ended_in_time_and_clean() {
    let mut client = Endpoint::client();
    let now = moment();
    client.gets(plain(0x88, b"\x03\xe8")).reads_close(1000, "");
    let deadline = client.connection.poll_timeout(now).unwrap();
    assert_eq!(client.connection.handle_timeout(deadline), Ok(()));
    assert_eq!(client.connection.phase(), Phase::Ended);
}

/// §7.1.7: after failing, nothing that the peer sends is processed.
#[test]
fn after_a_failure_the_rest_is_discarded_and_takes_no_memory() {
    let mut server = Endpoint::server();
    server.gets(masked(0x83, "")).fails(PeerMisbehaved::SentReservedOpcode(3));
    for _ in 0..1000 {
        server.gets(masked(0x81, [b'x'; 1000])).reads_nothing();
    }
    assert_eq!(server.connection.undecoded_bytes(), 0);
    let now = moment();
    let deadline = server.connection.poll_timeout(now).unwrap();
    assert_eq!(server.connection.handle_timeout(deadline), Ok(()));
    assert_eq!(server.connection.phase(), Phase::Ended);
}

#[test]
fn a_failure_behind_our_close_sends_no_second_close() {
    let mut server = Endpoint::server();
    server.connection.close(Some(1000.into()), "").unwrap();
    server.sends();
    server.gets(masked(0x83, ""));
    assert!(matches!(server.event(), Some(Err(Failure::PeerMisbehaved(_)))));
    assert_eq!(server.sends(), b"");
    assert_eq!(server.connection.phase(), Phase::Lingering);
}

#[test]
fn bytes_behind_a_close_are_ignored() {
    let mut server = Endpoint::server();
    server.gets([close(1000, ""), masked(0x81, "late"), vec![0xff; 50]].concat());
    server.reads_close(1000, "").reads_nothing();
    assert_eq!(server.sends(), plain(0x88, b"\x03\xe8"));
}

#[test]
fn what_has_come_of_a_message_goes_with_the_end_and_not_with_the_connection() {
    let now = moment();
    let ends: [fn(&mut Endpoint); 5] = [
        |server| {
            server.gets(masked(0x82, "interrupts"));
            assert!(matches!(server.event(), Some(Err(Failure::PeerMisbehaved(_)))));
        },
        |server| {
            server.gets(close(1000, "")).reads_close(1000, "");
        },
        |server| {
            server.connection.handle_eof();
            assert_eq!(server.event(), Some(Err(Failure::Lost)));
        },
        |server| server.connection.give_up(CloseCode::TRY_AGAIN_LATER, ""),
        |server| {
            server.connection.begin_message(MessageKind::Text, None).unwrap();
            server.connection.abandon_message();
        },
    ];
    let begun = || {
        let mut server = Endpoint::server();
        server.gets(masked(0x02, [1; 1000])).reads_nothing();
        assert_eq!(server.connection.assembling_bytes(), 1000);
        server
    };
    for (number, end) in ends.iter().enumerate() {
        let mut server = begun();
        end(&mut server);
        assert_eq!(server.connection.assembling_bytes(), 0, "end {number}");
    }
    let mut server = begun();
    server.connection.close(None, "").unwrap();
    assert_eq!(server.connection.assembling_bytes(), 1000, "it may still be finished");
    let deadline = server.connection.poll_timeout(now).unwrap();
    assert_eq!(server.connection.handle_timeout(deadline), Err(Failure::CloseTimedOut));
    assert_eq!(server.connection.assembling_bytes(), 0);
}
