//! Rules 21 to 26: `close`, `closed`, and the error.

use std::time::Duration;

use tidegate::{Acceptor, ApiMisuse, Cause, CloseOptions, Opened};
use tidegate_tests::raw::{BINARY, BOTH, CLOSE, TEXT, halves, open, open_pipe, open_pipe_as, soon};

#[tokio::test]
async fn rule_21_close_is_validated_in_every_state() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { readable: _readable, writable: _writable, .. } = halves(&socket).await;
        for step in ["open", "closing", "closed"] {
            for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
                assert_eq!(socket.close(code), Err(ApiMisuse::ReservedCloseCode(code)), "{step}");
            }
            let long = "é".repeat(62);
            assert_eq!(socket.close((1000, long.as_str())), Err(ApiMisuse::LongCloseReason(124)), "{step}");
            match step {
                "open" => socket.close((1000, "é".repeat(61).as_str())).expect("122 bytes fit"),
                "closing" => {
                    peer.receives_close(1000, "the only Close").await;
                    let close = peer.close_frame(1000, "");
                    peer.sends(close).await;
                    tokio::io::AsyncWriteExt::shutdown(&mut peer.io).await.expect("it is open");
                    soon(socket.closed()).await.expect("a clean end");
                }
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn rule_22_a_reason_without_a_code_goes_with_1000_and_nothing_is_1005() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let _halves = halves(&socket).await;
        let options = CloseOptions { reason: "why".into(), ..CloseOptions::default() };
        socket.close(options).expect("a good reason");
        peer.receives(CLOSE, [&1000u16.to_be_bytes()[..], b"why"].concat()).await;

        let (mut peer, socket) = open(role).await;
        let _halves = halves(&socket).await;
        socket.close(()).expect("nothing to refuse");
        peer.receives(CLOSE, "").await;
        let close = peer.frame(CLOSE, "");
        peer.sends(close).await;
        drop(peer);
        let info = soon(socket.closed()).await.expect("a clean end");
        assert_eq!((info.close_code.get(), info.reason.as_str()), (1005, ""));
    }
}

#[tokio::test]
async fn rule_23_closing_again_does_nothing() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let _halves = halves(&socket).await;
        for code in [3000, 3001, 3002] {
            socket.close(code).expect("a good code");
        }
        peer.receives_close(3000, "the first one").await;
        let close = peer.close_frame(3000, "");
        peer.sends(close).await;
        drop(peer);
        soon(socket.closed()).await.expect("a clean end");
        socket.close(3003).expect("a good code");
    }
}

#[tokio::test]
async fn rule_24_closed_tells_the_peers_code_and_anyone_may_ask() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let _halves = halves(&socket).await;
        socket.close((3000, "ours")).expect("a good code");
        peer.receives_close(3000, "ours").await;
        let close = peer.close_frame(4000, "theirs");
        peer.sends(close).await;
        drop(peer);
        let (one, two) = tokio::join!(soon(socket.closed()), soon(socket.closed()));
        for info in [one, two, soon(socket.closed()).await] {
            let info = info.expect("a clean end");
            assert_eq!((info.close_code.get(), info.reason.as_str()), (4000, "theirs"));
        }
    }
}

/// Departs from rule 26: messages that cross our Close are delivered to a reader that comes for them.
#[tokio::test]
async fn rule_26_messages_that_cross_our_close_are_delivered() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        socket.close(1000).expect("a good code");
        peer.receives_close(1000, "ours").await;
        peer.sends_frame(TEXT, "crossing").await;
        let close = peer.close_frame(1000, "");
        peer.sends(close).await;
        assert_eq!(soon(readable.read()).await.expect("a message"), Some("crossing".into()));
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
    }
}

/// And a peer that floods instead of closing does not hold up the end when nobody reads.
#[tokio::test(start_paused = true)]
async fn rule_26_unread_messages_do_not_hold_up_the_closing_handshake() {
    for role in BOTH {
        let (mut peer, socket) = open_pipe_as(role, 64 * 1024).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        socket.close(1000).expect("a good code");
        for _ in 0..512 {
            peer.sends_frame(BINARY, [1; 16 * 1024]).await;
        }
        let close = peer.close_frame(1000, "");
        peer.sends(close).await;
        peer.receives_close(1000, "ours").await;
        drop(peer);
        assert_eq!(soon(socket.closed()).await.expect("a clean end").close_code, 1000);
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None, "it came too late");
    }
}

/// But a reader that takes its time is not one that has gone: it gets all of a message that it reads in parts.
#[tokio::test(start_paused = true)]
async fn rule_26_a_message_that_is_read_slowly_behind_our_close_has_no_gap() {
    let payload: Vec<u8> = (0..400_000_u32).map(|index| (index / 251) as u8).collect();
    for role in BOTH {
        let (mut peer, socket) = open_pipe_as(role, 16 * 1024).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        socket.close(1000).expect("a good code");
        let peer = async {
            peer.receives_close(1000, "ours").await;
            peer.sends_frame(BINARY, &payload).await;
            let close = peer.close_frame(1000, "");
            peer.sends(close).await;
            peer
        };
        let reader = async {
            let mut message = soon(readable.read_message()).await.expect("a message").expect("one");
            let mut read = Vec::new();
            while let Some(chunk) = soon(message.chunk()).await.expect("the rest") {
                read.extend_from_slice(&chunk);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            assert!(read == payload, "{} of {} bytes came", read.len(), payload.len());
            assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
        };
        let (_peer, ()) = tokio::join!(peer, reader);
    }
}

/// And one that was away so long that bytes were dropped is told so, and not given what came behind them.
#[tokio::test(start_paused = true)]
async fn rule_26_a_reader_that_comes_too_late_is_given_no_message_with_a_gap() {
    for role in BOTH {
        let (mut peer, socket) = open_pipe_as(role, 64 * 1024).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        let frame = peer.frame(BINARY, vec![1; 3000]);
        peer.sends(&frame[..1000]).await;
        let mut message = soon(readable.read_message()).await.expect("a message").expect("one");
        assert!(soon(message.chunk()).await.expect("its beginning").is_some());
        socket.close(1000).expect("a good code");
        peer.sends(&frame[1000..2000]).await;
        tokio::time::sleep(Duration::from_secs(8)).await;
        peer.sends(&frame[2000..]).await;
        let error = soon(message.chunk());
        let (error, ()) = tokio::join!(error, async {
            peer.sends_frame(BINARY, "the next one").await;
            let close = peer.close_frame(1000, "");
            peer.sends(close).await;
        });
        assert!(matches!(error.expect_err("not whole").cause(), Cause::CutOff));
        drop(message);
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None, "nor one behind it");
    }
}

/// Law 3: what was accepted is sent before the answer to the peer's Close, also to a peer that takes its time.
#[tokio::test(start_paused = true)]
async fn rule_24_a_peer_that_closes_and_reads_late_gets_all_that_was_accepted() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let Opened { readable: _readable, mut writable, .. } = halves(&socket).await;
    for index in 0..60 {
        soon(writable.write(vec![index; 1000])).await.expect("below the high water mark");
    }
    let close = peer.close_frame(1000, "");
    peer.sends(close).await;
    // Longer than a connection lingers on which nothing waits, and slower than one deadline in all.
    for index in 0..60 {
        tokio::time::sleep(Duration::from_millis(if index == 0 { 5000 } else { 300 })).await;
        peer.receives(0x82, [index; 1000]).await;
    }
    peer.receives_close(1000, "the answer").await;
    peer.sees_the_end("the server ends the stream").await;
    drop(peer);
    assert_eq!(soon(socket.closed()).await.expect("nothing was lost").close_code, 1000);
}

/// By the peer's doing, by nobody's, and by one's own.
#[tokio::test]
async fn rule_25_an_error_has_a_code_a_reason_and_says_whose_doing_it_was() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        // A reserved opcode.
        peer.sends_frame(0x83, "").await;
        let error = soon(readable.read()).await.expect_err("it broke the protocol");
        assert_eq!((error.close_code().expect("a code").get(), error.reason()), (1006, ""));
        assert!(matches!(error.cause(), Cause::PeerMisbehaved(_)), "{error:?}");

        let (peer, socket) = open(role).await;
        drop(peer);
        let error = soon(socket.closed()).await.expect_err("no Close came");
        assert_eq!((error.close_code().expect("a code").get(), error.reason()), (1006, ""));
        assert!(matches!(error.cause(), Cause::Lost(_)), "{error:?}");

        let (_peer, socket) = open(role).await;
        let Opened { mut writable, .. } = halves(&socket).await;
        socket.close(()).expect("a good code");
        let error = soon(writable.write("late")).await.expect_err("it is closing");
        assert_eq!((error.close_code(), error.reason()), (None, ""));
        assert!(matches!(error.cause(), Cause::ApiMisuse(ApiMisuse::SendAfterClose)), "{error:?}");
    }
}
