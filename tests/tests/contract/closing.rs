//! Rules 21 to 26: `close`, `closed`, and the error.

use std::time::Duration;

use tidegate::{Acceptor, ApiMisuse, Cause, CloseOptions, Config, Opened};
use tidegate_tests::raw::{BOTH, CLOSE, TEXT, halves, open, open_pipe, open_with, soon};

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
#[tokio::test]
async fn rule_26_unread_messages_do_not_hold_up_the_closing_handshake() {
    for role in BOTH {
        let config = Config::default().close_timeout(Duration::from_secs(2));
        let acceptor = Acceptor::new().config(config.clone());
        let (mut peer, socket) = open_with(role, acceptor, |builder| builder.config(config)).await;
        let Opened { readable: _readable, .. } = halves(&socket).await;
        socket.close(1000).expect("a good code");
        for _ in 0..512 {
            peer.sends_frame(0x82, [1; 16 * 1024]).await;
        }
        let close = peer.close_frame(1000, "");
        peer.sends(close).await;
        peer.receives_close(1000, "ours").await;
        drop(peer);
        assert_eq!(soon(socket.closed()).await.expect("a clean end").close_code, 1000);
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
