//! Rules 9 to 13, and the holes about reading.

use tidegate::{ApiMisuse, Cause, Message, Opened};
use tidegate_tests::raw::{BINARY, BOTH, CLOSE, TEXT, halves, open, soon};

#[tokio::test]
async fn rule_09_one_chunk_a_message_text_as_text_and_binary_as_bytes() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        peer.sends_frame(0x01, "one ").await;
        peer.sends_frame(0x00, "message").await;
        peer.sends_frame(0x80, "").await;
        peer.sends_frame(BINARY, [0xff, 0x00]).await;
        peer.sends_frame(TEXT, "").await;
        for expected in [Message::from("one message"), Message::from(vec![0xff, 0x00]), Message::from("")] {
            assert_eq!(soon(readable.read()).await.expect("it is open"), Some(expected));
        }
    }
}

#[tokio::test]
async fn rule_12_a_clean_close_ends_reading_behind_every_message() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        for index in 0..100 {
            peer.sends_frame(TEXT, format!("{index}")).await;
        }
        let close = peer.close_frame(4000, "done");
        peer.sends(close).await;
        for index in 0..100 {
            // A reader that is slower than the peer: Chromium loses most of these.
            tokio::task::yield_now().await;
            let message = soon(readable.read()).await.expect("messages come before the end");
            assert_eq!(message, Some(format!("{index}").into()));
        }
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
        assert_eq!(soon(readable.read()).await.expect("and again"), None);
        peer.receives_close(4000, "the answer").await;
        drop(peer);
        assert_eq!(soon(socket.closed()).await.expect("a clean end").close_code, 4000);
    }
}

/// The hole "abrupt drop with queued data": what came is given first, then the error that `closed` has too.
#[tokio::test]
async fn rule_12_an_abrupt_end_gives_what_came_and_then_the_same_error_everywhere() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        for index in 0..10 {
            peer.sends_frame(TEXT, format!("{index}")).await;
        }
        drop(peer);
        for index in 0..10 {
            let message = soon(readable.read()).await.expect("messages come before the error");
            assert_eq!(message, Some(format!("{index}").into()));
        }
        let read = soon(readable.read()).await.expect_err("an unclean end");
        let closed = soon(socket.closed()).await.expect_err("an unclean end");
        let written = soon(writable.write("x")).await.expect_err("nobody is there");
        for error in [&read, &closed, &written] {
            assert_eq!(error.close_code().expect("a code").get(), 1006);
            assert!(matches!(error.cause(), Cause::Lost(_)), "{error:?}");
            // One error, not three: the clones share their cause.
            assert!(std::ptr::eq(error.cause(), read.cause()));
        }
        assert!(soon(readable.read()).await.is_err(), "and again");
    }
}

#[tokio::test]
async fn rule_13_cancel_closes_with_what_it_is_given() {
    for role in BOTH {
        for (options, payload) in [
            (tidegate::CloseOptions::default(), Vec::new()),
            ((3001, "enough").into(), [&3001u16.to_be_bytes()[..], b"enough"].concat()),
        ] {
            let (mut peer, socket) = open(role).await;
            let Opened { readable, .. } = halves(&socket).await;
            readable.cancel(options).expect("a good code");
            peer.receives(CLOSE, payload).await;
        }
        // Where the specification falls back to an empty Close, we tell the caller.
        let (_peer, socket) = open(role).await;
        let Opened { readable, .. } = halves(&socket).await;
        assert_eq!(readable.cancel(1006), Err(ApiMisuse::ReservedCloseCode(1006)));
    }
}

/// The hole "unread messages and closed": it settles although nobody reads.
#[tokio::test]
async fn hole_closed_settles_without_anybody_reading() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        peer.sends_frame(TEXT, "unread").await;
        let close = peer.close_frame(1000, "");
        peer.sends(close).await;
        peer.receives_close(1000, "the answer").await;
        drop(peer);
        assert_eq!(soon(socket.closed()).await.expect("a clean end").close_code, 1000);
        assert_eq!(soon(readable.read()).await.expect("kept"), Some("unread".into()));
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
    }
}
