//! Rules 14 to 20, and the hole about writing after `close`.

use tidegate::{ApiMisuse, Cause, Opened};
use tidegate_tests::raw::{BINARY, BOTH, CLOSE, TEXT, halves, open, soon};

#[tokio::test]
async fn rule_14_text_goes_as_text_and_bytes_as_binary() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut writable, .. } = halves(&socket).await;
        soon(writable.write("null")).await.expect("it is open");
        soon(writable.write(String::from("é"))).await.expect("it is open");
        soon(writable.write(vec![0, 255])).await.expect("it is open");
        soon(writable.write(bytes::Bytes::from_static(b"b"))).await.expect("it is open");
        soon(writable.write(&b"s"[..])).await.expect("it is open");
        peer.receives(TEXT, "null").await;
        peer.receives(TEXT, "é").await;
        for payload in [&[0, 255][..], b"b", b"s"] {
            peer.receives(BINARY, payload).await;
        }
    }
}

#[tokio::test]
async fn rule_15_a_write_completes_below_the_high_water_mark_and_waits_above() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut writable, .. } = halves(&socket).await;
        assert_eq!(writable.desired_size(), 64 * 1024);
        let message = vec![7; 1 << 20];
        let mut accepted = 0;
        // The peer reads nothing, so a write waits once the kernel's buffers are full.
        while let Ok(result) =
            tokio::time::timeout(std::time::Duration::from_millis(200), writable.write(message.clone())).await
        {
            result.expect("it is open");
            accepted += 1;
            assert!(accepted < 64, "nothing ever waits");
        }
        assert!(writable.desired_size() <= 0);
        let waits = socket.stats().write_waits;
        assert!(waits >= 1);
        for _ in 0..accepted {
            peer.receives(BINARY, &message).await;
        }
        soon(writable.ready()).await.expect("there is room again");
        assert!(writable.desired_size() > 0);
    }
}

#[tokio::test]
async fn rule_16_closing_the_writable_sends_what_was_accepted_and_waits_for_the_end() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut writable, .. } = halves(&socket).await;
        soon(writable.write("last")).await.expect("it is open");
        let closing = tokio::spawn(writable.close());
        peer.receives(TEXT, "last").await;
        peer.receives(CLOSE, "").await;
        assert!(!closing.is_finished(), "the handshake is not complete");
        let close = peer.frame(CLOSE, "");
        peer.sends(close).await;
        drop(peer);
        soon(closing).await.expect("no panic").expect("a clean end");

        // And it fails when the end is not clean.
        let (mut peer, socket) = open(role).await;
        let Opened { writable, .. } = halves(&socket).await;
        let closing = tokio::spawn(writable.close());
        peer.receives(CLOSE, "").await;
        drop(peer);
        let error = soon(closing).await.expect("no panic").expect_err("no Close came");
        assert_eq!(error.close_code().expect("a code").get(), 1006);
    }
}

/// Departs from rule 17 in one thing: what was accepted is sent before the Close (law 3).
#[tokio::test]
async fn rule_17_abort_closes_with_what_it_is_given_behind_what_was_accepted() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut writable, .. } = halves(&socket).await;
        soon(writable.write("accepted")).await.expect("it is open");
        writable.abort((4321, "stop")).expect("a good code");
        peer.receives(TEXT, "accepted").await;
        peer.receives(CLOSE, [&4321u16.to_be_bytes()[..], b"stop"].concat()).await;
    }
}

#[tokio::test]
async fn rule_18_a_write_after_the_peers_close_says_that_it_was_closed() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        let close = peer.close_frame(4567, "go");
        peer.sends(close).await;
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
        let error = soon(writable.write("late")).await.expect_err("the peer has closed");
        assert_eq!((error.close_code().expect("a code").get(), error.reason()), (4567, "go"));
        assert!(matches!(error.cause(), Cause::PeerClosed(_)), "{error:?}");
    }
}

#[tokio::test]
async fn rule_19_a_write_that_waits_when_the_peer_closes_fails_and_so_does_closed() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        let writing = tokio::spawn(async move {
            loop {
                if let Err(error) = writable.write(vec![1; 1 << 20]).await {
                    return error;
                }
            }
        });
        while socket.stats().write_waits == 0 {
            tokio::task::yield_now().await;
        }
        let close = peer.close_frame(4567, "");
        peer.sends(close).await;
        assert_eq!(soon(readable.read()).await.expect("the Close came"), None);
        let error = soon(writing).await.expect("no panic");
        assert_eq!(error.close_code().expect("a code").get(), 4567);
        // The peer goes without reading what was accepted: that was lost, and it is said.
        drop(peer);
        let closed = soon(socket.closed()).await.expect_err("accepted messages were lost");
        assert_eq!(closed.close_code().expect("a code").get(), 4567);
        assert!(matches!(closed.cause(), Cause::Unsent), "{closed:?}");
    }
}

/// Rule 20 is tested with rule 12: all halves get the same error. This is the writer that nobody reads beside.
#[tokio::test]
async fn rule_20_an_abrupt_end_fails_a_writer_that_waits() {
    for role in BOTH {
        let (peer, socket) = open(role).await;
        let Opened { readable: _readable, mut writable, .. } = halves(&socket).await;
        let writing = tokio::spawn(async move {
            loop {
                if let Err(error) = writable.write(vec![1; 1 << 20]).await {
                    return error;
                }
            }
        });
        while socket.stats().write_waits == 0 {
            tokio::task::yield_now().await;
        }
        drop(peer);
        assert_eq!(soon(writing).await.expect("no panic").close_code().expect("a code").get(), 1006);
        assert!(soon(socket.closed()).await.is_err());
    }
}

/// The hole "write after local close": Chromium resolves it and sends nothing.
#[tokio::test]
async fn hole_a_write_after_close_is_an_error() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut writable, .. } = halves(&socket).await;
        socket.close(()).expect("nothing to refuse");
        let error = soon(writable.write("late")).await.expect_err("closing");
        assert!(matches!(error.cause(), Cause::ApiMisuse(ApiMisuse::SendAfterClose)), "{error:?}");
        peer.receives(CLOSE, "").await;
    }
}
