//! A peer that breaks a rule: it sees a Close that says so, and then the end of the stream, never a reset.

use std::time::Duration;

use tidegate::{Acceptor, Cause, Config, Opened, PeerMisbehaved, WebSocketStream};
use tidegate_proto::websocket::{Connection, Event, Failure, Side};
use tokio::io::AsyncWriteExt;

use tidegate_tests::raw::{BINARY, BOTH, Role, TEXT, frame, halves, open, open_pipe, open_with, soon};

/// What the application does meanwhile. In three of these every Rust library we looked at loses the Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum App {
    Echoes,
    /// `while let Ok(Some(_)) = readable.read().await {}`, and then it drops everything.
    ReadsAndDrops,
    OnlyAwaitsTheEnd,
    HasDroppedEverything,
}

const APPS: [App; 4] = [App::Echoes, App::ReadsAndDrops, App::OnlyAwaitsTheEnd, App::HasDroppedEverything];

async fn run(app: App, socket: WebSocketStream) {
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    match app {
        App::Echoes => drop(readable.pipe_to(writable).await),
        App::ReadsAndDrops => while let Ok(Some(_)) = readable.read().await {},
        App::OnlyAwaitsTheEnd => drop(socket.closed().await),
        App::HasDroppedEverything => {}
    }
}

/// Frames that break RFC 6455, as a client masks them or as a server does not, and the close code of each.
fn violations(masks: bool) -> Vec<(&'static str, Vec<u8>, u16)> {
    let right = |first: u8, payload: &[u8]| frame(first, payload, masks);
    // A header whose length is written out: `short` is the 7-bit length.
    let long = |first: u8, short: u8, length: &[u8]| {
        let mask_bit = if masks { 0x80 } else { 0 };
        [&[first, mask_bit | short], length, &[0; 4][..if masks { 4 } else { 0 }]].concat()
    };
    let half = |first: u8, payload: &[u8]| [right(first & 0x7f, payload), right(0x00, b"")].concat();
    vec![
        ("a frame masked the wrong way round", frame(TEXT, b"x", !masks), 1002),
        ("a ping masked the wrong way round", frame(0x89, b"x", !masks), 1002),
        ("a Close masked the wrong way round", frame(0x88, b"\x03\xe8", !masks), 1002),
        ("RSV1 without an agreement", right(0xc1, b"x"), 1002),
        ("RSV2", right(0xa1, b"x"), 1002),
        ("RSV3", right(0x91, b"x"), 1002),
        ("opcode 3", right(0x83, b""), 1002),
        ("opcode 7", right(0x87, b""), 1002),
        ("opcode 11", right(0x8b, b""), 1002),
        ("opcode 15", right(0x8f, b""), 1002),
        ("125 in two bytes", long(BINARY, 126, &[0, 125]), 1002),
        ("0 in two bytes", long(BINARY, 126, &[0, 0]), 1002),
        ("65535 in eight bytes", long(BINARY, 127, &[0, 0, 0, 0, 0, 0, 0xff, 0xff]), 1002),
        ("the top bit of a length", long(BINARY, 127, &[0x80, 0, 0, 0, 0, 1, 0, 0]), 1002),
        ("all bits of a length", long(BINARY, 127, &[0xff; 8]), 1002),
        ("a fragmented ping", right(0x09, b"x"), 1002),
        ("a fragmented Close", right(0x08, b"\x03\xe8"), 1002),
        ("a ping of 126 bytes", right(0x89, &[0; 126]), 1002),
        ("a Close of 126 bytes", right(0x88, &[0x03; 126]), 1002),
        ("a pong of 70,000 bytes", right(0x8a, &[0; 70_000]), 1002),
        ("a continuation of nothing", right(0x80, b"x"), 1002),
        ("a message within a message", [half(TEXT, b"a"), right(TEXT, b"b")].concat(), 1002),
        ("a Close of one byte", right(0x88, b"\x03"), 1002),
        ("close code 999", right(0x88, &999_u16.to_be_bytes()), 1002),
        ("close code 1004", right(0x88, &1004_u16.to_be_bytes()), 1002),
        ("close code 1005", right(0x88, &1005_u16.to_be_bytes()), 1002),
        ("close code 1006", right(0x88, &1006_u16.to_be_bytes()), 1002),
        ("close code 1015", right(0x88, &1015_u16.to_be_bytes()), 1002),
        ("close code 2999", right(0x88, &2999_u16.to_be_bytes()), 1002),
        ("close code 5000", right(0x88, &5000_u16.to_be_bytes()), 1002),
        ("text that is not UTF-8", right(TEXT, b"\xff"), 1007),
        ("text that ends within a character", right(TEXT, b"\xc3"), 1007),
        ("a surrogate", right(TEXT, b"\xed\xa0\x80"), 1007),
        (
            "a character cut by a fragment and then wrong",
            [half(TEXT, b"\xc3"), right(0x80, b"(")].concat(),
            1007,
        ),
        ("a reason that is not UTF-8", right(0x88, b"\x03\xe8\xff"), 1007),
        ("a frame over the limit", long(BINARY, 127, &[0, 0, 0, 0, 1, 0, 0, 1]), 1009),
        (
            "a frame over all memory",
            long(BINARY, 127, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            1009,
        ),
    ]
}

fn peer_masks(role: Role) -> bool {
    // The peer of a server is a client, which masks.
    role == Role::Server
}

#[tokio::test]
async fn a_violation_gets_its_close_and_then_the_end_whatever_the_application_does() {
    for role in BOTH {
        for (what, bytes, code) in violations(peer_masks(role)) {
            for app in APPS {
                if code == 1009 && matches!(app, App::OnlyAwaitsTheEnd | App::HasDroppedEverything) {
                    // What is too long for a message is for a reader to say, who may take it in parts.
                    continue;
                }
                // Who has dropped everything has sent a Close before, and a failure behind it sends no other.
                let code_seen = if app == App::HasDroppedEverything { None } else { Some(code) };
                let about = format!("{what}, {role:?} {app:?}");
                let (mut peer, socket) = open(role).await;
                let app = tokio::spawn(run(app, socket));
                if code_seen.is_none() {
                    peer.receives(0x88, "").await;
                }
                peer.sends(bytes.clone()).await;
                if let Some(code) = code_seen {
                    peer.receives_close(code, &about).await;
                }
                peer.sees_the_end(&about).await;
                drop(peer);
                soon(app).await.expect("it does not panic");
            }
        }
    }
}

/// Unread bytes in our socket would make the system reset the connection, and the reset would overtake the Close.
#[tokio::test]
async fn a_violation_is_told_to_a_peer_that_goes_on_sending_megabytes() {
    for role in BOTH {
        for app in [App::Echoes, App::ReadsAndDrops, App::OnlyAwaitsTheEnd] {
            let about = format!("{role:?} {app:?}");
            let (mut peer, socket) = open(role).await;
            let app = tokio::spawn(run(app, socket));
            let noise = peer.frame(BINARY, vec![7; 1 << 20]);
            peer.sends_frame(0x83, "").await;
            for _ in 0..8 {
                peer.sends(&noise).await;
            }
            peer.receives_close(1002, &about).await;
            peer.sees_the_end(&about).await;
            drop(peer);
            soon(app).await.expect("it does not panic");
        }
    }
}

#[tokio::test]
async fn bad_text_is_1007_at_its_first_bad_byte() {
    for role in BOTH {
        let masks = peer_masks(role);
        let whole = frame(TEXT, &[&b"good, then \xff"[..], &[b'x'; 50_000]].concat(), masks);
        let header = if masks { 8 } else { 4 };
        let fragment = [frame(0x01, "caf\u{e9}".as_bytes(), masks), frame(0x00, b"\xe2\x28", masks)].concat();
        for (what, bytes) in [("a frame", &whole[..header + 12]), ("a fragment", &fragment)] {
            let (mut peer, socket) = open(role).await;
            let app = tokio::spawn(run(App::ReadsAndDrops, socket));
            // Neither the frame's nor the message's end ever comes.
            peer.sends(bytes).await;
            peer.receives_close(1007, what).await;
            peer.sees_the_end(what).await;
            drop(app);
        }
    }
}

#[tokio::test]
async fn the_messages_before_a_violation_are_delivered_and_the_error_says_which_it_was() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        let bytes = [peer.frame(TEXT, "1"), peer.frame(TEXT, "2"), peer.frame(0x83, "")].concat();
        peer.sends(bytes).await;
        assert_eq!(soon(readable.read()).await.expect("a message"), Some("1".into()));
        assert_eq!(soon(readable.read()).await.expect("a message"), Some("2".into()));
        for _ in 0..2 {
            let error = soon(readable.read()).await.expect_err("the peer broke a rule");
            assert_eq!(error.close_code(), Some(1006.into()));
            let cause = error.cause();
            assert!(
                matches!(cause, Cause::PeerMisbehaved(PeerMisbehaved::SentReservedOpcode(3))),
                "{cause:?}"
            );
        }
        assert!(soon(writable.write("more")).await.is_err());
        peer.receives_close(1002, "behind two messages").await;
        peer.sees_the_end("behind two messages").await;
        drop(peer);
        let error = soon(socket.closed()).await.expect_err("unclean");
        assert!(matches!(error.cause(), Cause::PeerMisbehaved(_)));
    }
}

#[tokio::test]
async fn what_was_written_before_a_violation_still_leaves_before_the_close() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        soon(writable.write("accepted")).await.expect("it is open");
        peer.sends_frame(0x83, "").await;
        soon(readable.read()).await.expect_err("the peer broke a rule");
        drop((readable, writable));
        peer.receives(TEXT, "accepted").await;
        peer.receives_close(1002, "behind a message").await;
        peer.sees_the_end("behind a message").await;
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_1009_in_one_frame_or_in_many() {
    for role in BOTH {
        let masks = peer_masks(role);
        let config = || Config::default().max_message_bytes(1000).max_frame_bytes(2000).max_fragments(5);
        let part = |first: u8, len: usize| frame(first, &vec![b'x'; len], masks);
        for (what, bytes) in [
            ("a frame", part(TEXT, 1001)),
            ("a frame over its own limit", part(TEXT, 2001)),
            ("fragments", [part(0x01, 600), part(0x80, 401)].concat()),
            ("too many fragments", [part(0x01, 1), part(0x00, 0).repeat(5)].concat()),
        ] {
            let acceptor = Acceptor::new().config(config());
            let (mut peer, socket) = open_with(role, acceptor, |builder| builder.config(config())).await;
            let app = tokio::spawn(run(App::Echoes, socket));
            peer.sends(part(TEXT, 1000)).await;
            peer.receives(TEXT, [b'x'; 1000]).await;
            peer.sends(bytes).await;
            peer.receives_close(1009, what).await;
            peer.sees_the_end(what).await;
            drop(app);
        }
    }
}

/// A length is a promise: a frame that announces the limit costs nothing before its bytes come, and a peer that
/// never sends them is a loss.
#[tokio::test]
async fn an_announced_frame_that_never_comes_is_lost_with_its_stream() {
    let (mut peer, socket) = open(Role::Server).await;
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    peer.sends(&[&[BINARY, 0xff, 0, 0, 0, 0, 1, 0, 0, 0], &[0; 4][..], b"a few"].concat()).await;
    peer.io.shutdown().await.expect("it is open");
    let error = soon(readable.read()).await.expect_err("the message is not whole");
    assert!(matches!(error.cause(), Cause::Lost(_)), "{error:?}");
    drop(writable);
}

/// After a failure the peer is free to do nothing: it has seen the Close, and the stream ends by itself.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end_the_stream_after_a_violation_is_left_in_time() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let app = tokio::spawn(run(App::ReadsAndDrops, socket));
    peer.sends_frame(0x83, "").await;
    peer.receives_close(1002, "an opcode").await;
    peer.sees_the_end("an opcode").await;
    soon(app).await.expect("it does not panic");
    // Nothing is taken once the pipe's other end is gone.
    let sending = async {
        while peer.io.write_all(&[0; 64]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    soon(sending).await;
}

/// Two rules are broken at once, and which one is told must not depend on how the bytes were cut.
#[test]
fn a_long_continuation_of_nothing_is_1002_however_it_is_cut() {
    let config = Config::default().max_message_bytes(100);
    let wire = frame(0x80, &[0; 101], true);
    for step in [wire.len(), 20] {
        let mut server = Connection::new(Side::Server, config.clone(), None, [0; 32]);
        let event = wire.chunks(step).find_map(|piece| {
            server.handle_input(piece);
            server.poll_event()
        });
        let expected: Result<Event, Failure> = Err(PeerMisbehaved::ContinuedNothing.into());
        assert_eq!(event, Some(expected), "in pieces of {step}");
    }
}
