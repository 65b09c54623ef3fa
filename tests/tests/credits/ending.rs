//! END before the Close: nothing behind it is lost, and `closed` tells its code.

use std::time::Duration;

use tidegate::{Acceptor, Cause, CloseInfo, Credits};
use tidegate_tests::raw::{BINARY, CLOSE, Raw, Role, halves, soon};

use crate::peer::{
    HELLO, WELCOME, accept, close, end, frame, open_pair, open_raw, pair, receives_batch, text,
};

fn info(close_code: u16, reason: &str) -> CloseInfo {
    CloseInfo { close_code: close_code.into(), reason: reason.to_owned() }
}

#[tokio::test]
async fn messages_and_a_close_reach_a_slow_reader_whole() {
    for closes in [Role::Server, Role::Client] {
        let (server, client) = open_pair().await;
        let ((reader, mut reading), (writer, mut writing)) = match closes {
            Role::Server => (client, server),
            Role::Client => (server, client),
        };
        for number in 0..100u32 {
            soon(writing.writable.write(number.to_string())).await.expect("it is open");
        }
        writer.close((3001, "done")).expect("it may be sent");
        for number in 0..100u32 {
            let message = soon(reading.readable.read()).await.expect("it is open");
            assert_eq!(message, Some(number.to_string().into()));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(soon(reading.readable.read()).await.expect("it ended cleanly"), None);
        assert_eq!(soon(reader.closed()).await.expect("it ended cleanly"), info(3001, "done"));
        assert_eq!(soon(writer.closed()).await.expect("it ended cleanly"), info(3001, "done"));
    }
}

#[tokio::test]
async fn far_more_than_a_window_and_a_close_reach_a_slow_reader_whole() {
    let ((server, near), (client, mut far)) = open_pair().await;
    let mut writable = near.writable;
    let writing = tokio::spawn(async move {
        for number in 0..1000u32 {
            writable.write(format!("{number:02000}")).await.expect("it is open");
        }
        writable.close().await
    });
    for number in 0..1000u32 {
        if number % 100 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let message = soon(far.readable.read()).await.expect("it is open");
        assert_eq!(message, Some(format!("{number:02000}").into()));
    }
    assert_eq!(soon(far.readable.read()).await.expect("it ended cleanly"), None);
    soon(writing).await.expect("no panic").expect("it ended cleanly");
    assert_eq!(soon(client.closed()).await.expect("it ended cleanly").close_code, 1005);
    assert_eq!(soon(server.closed()).await.expect("it ended cleanly").close_code, 1005);
}

#[tokio::test]
async fn who_has_closed_can_still_read_and_the_other_one_can_answer() {
    let ((server, mut near), (client, mut far)) = open_pair().await;
    for _ in 0..3 {
        soon(near.writable.write("question")).await.expect("it is open");
    }
    server.close(1000).expect("it may be sent");
    assert!(soon(near.writable.write("late")).await.is_err());
    while let Some(message) = soon(far.readable.read()).await.expect("it is open") {
        assert_eq!(message, "question".into());
        soon(far.writable.write("answer")).await.expect("the end has not been read");
    }
    let error = soon(far.writable.write("late")).await.expect_err("the peer has closed");
    assert!(matches!(error.cause(), Cause::PeerClosed(_)), "{error:?}");
    for _ in 0..3 {
        assert_eq!(soon(near.readable.read()).await.expect("it is open"), Some("answer".into()));
    }
    assert_eq!(soon(near.readable.read()).await.expect("it ended cleanly"), None);
    assert_eq!(soon(client.closed()).await.expect("it ended cleanly").close_code, 1000);
}

#[tokio::test]
async fn the_last_message_can_be_answered_although_the_end_came_with_it() {
    let ((server, mut near), (client, mut far)) = open_pair().await;
    soon(far.writable.write("question")).await.expect("it is open");
    client.close((1000, "that was all")).expect("it may be sent");
    assert_eq!(soon(near.readable.read()).await.expect("it is open"), Some("question".into()));
    // Long enough for everything else to look at what has come.
    tokio::time::sleep(Duration::from_millis(100)).await;
    soon(near.writable.write("answer")).await.expect("its reader has not met the end");
    assert_eq!(soon(near.readable.read()).await.expect("it ended cleanly"), None);
    assert_eq!(soon(far.readable.read()).await.expect("it is open"), Some("answer".into()));
    assert_eq!(soon(far.readable.read()).await.expect("it ended cleanly"), None);
    assert_eq!(soon(server.closed()).await.expect("it ended cleanly"), info(1000, "that was all"));
    assert_eq!(soon(client.closed()).await.expect("it ended cleanly").close_code, 1000);
}

#[tokio::test]
async fn both_may_close_at_once() {
    let ((server, _near), (client, _far)) = open_pair().await;
    server.close((3001, "server")).expect("it may be sent");
    client.close((3002, "client")).expect("it may be sent");
    let (server, client) = tokio::join!(soon(server.closed()), soon(client.closed()));
    assert_eq!(server.expect("it ended cleanly"), info(3002, "client"));
    assert_eq!(client.expect("it ended cleanly"), info(3001, "server"));
}

#[tokio::test]
async fn closed_settles_while_nobody_reads() {
    let ((server, mut near), (client, mut far)) = open_pair().await;
    soon(near.writable.write("unread")).await.expect("it is open");
    server.close((1000, "bye")).expect("it may be sent");
    assert_eq!(soon(client.closed()).await.expect("it ended cleanly"), info(1000, "bye"));
    assert_eq!(soon(server.closed()).await.expect("it ended cleanly"), info(1000, "bye"));
    assert_eq!(soon(far.readable.read()).await.expect("it is kept"), Some("unread".into()));
    assert_eq!(soon(far.readable.read()).await.expect("it ended cleanly"), None);
}

#[tokio::test]
async fn dropping_everything_ends_in_order() {
    let ((server, mut near), (client, mut far)) = open_pair().await;
    soon(near.writable.write("last words")).await.expect("it is open");
    drop((near, server));
    assert_eq!(soon(far.readable.read()).await.expect("it comes"), Some("last words".into()));
    assert_eq!(soon(far.readable.read()).await.expect("it ended cleanly"), None);
    assert_eq!(soon(client.closed()).await.expect("it ended cleanly").close_code, 1005);
}

#[tokio::test]
async fn a_server_ends_and_closes_and_a_client_leaves_the_close_to_it() {
    let (mut peer, socket) = open_raw(Role::Server).await;
    socket.close((1000, "bye")).expect("it may be sent");
    receives_batch(&mut peer, &end(1000, "bye")).await;
    peer.sends_frame(BINARY, [text("still"), end(1000, "bye")].concat()).await;
    peer.receives(CLOSE, close(1000, "bye")).await;
    let mut opened = halves(&socket).await;
    assert_eq!(soon(opened.readable.read()).await.expect("it is kept"), Some("still".into()));

    let (mut peer, socket) = open_raw(Role::Client).await;
    let mut opened = halves(&socket).await;
    peer.sends_frame(BINARY, end(3000, "over")).await;
    assert_eq!(soon(opened.readable.read()).await.expect("it ended cleanly"), None);
    receives_batch(&mut peer, &end(3000, "over")).await;
    let frame = peer.close_frame(3000, "over");
    peer.sends(frame).await;
    peer.receives(CLOSE, close(3000, "over")).await;
    drop(peer);
    assert_eq!(soon(socket.closed()).await.expect("it ended cleanly"), info(3000, "over"));
}

#[tokio::test]
async fn a_close_without_end_is_not_clean_and_what_came_is_kept() {
    for role in [Role::Server, Role::Client] {
        let (mut peer, socket) = open_raw(role).await;
        let mut opened = halves(&socket).await;
        peer.sends_frame(BINARY, text("last")).await;
        let frame = peer.close_frame(1001, "leaving");
        peer.sends(frame).await;
        peer.receives(CLOSE, close(1001, "leaving")).await;
        assert_eq!(soon(opened.readable.read()).await.expect("it is kept"), Some("last".into()));
        let error = soon(opened.readable.read()).await.expect_err("messages may be missing");
        assert!(matches!(error.cause(), Cause::NoEnd), "{error:?}");
        assert_eq!((error.close_code(), error.reason()), (Some(1001.into()), "leaving"));
        drop(peer);
        let error = soon(socket.closed()).await.expect_err("messages may be missing");
        assert_eq!(error.close_code(), Some(1001.into()));
    }
}

#[tokio::test]
async fn an_abrupt_loss_is_1006_behind_what_came() {
    for role in [Role::Server, Role::Client] {
        let (mut peer, socket) = open_raw(role).await;
        let mut opened = halves(&socket).await;
        peer.sends_frame(BINARY, text("last")).await;
        drop(peer);
        assert_eq!(soon(opened.readable.read()).await.expect("it is kept"), Some("last".into()));
        let error = soon(opened.readable.read()).await.expect_err("it broke off");
        assert_eq!(error.close_code(), Some(1006.into()), "{error:?}");
        assert_eq!(soon(socket.closed()).await.expect_err("it broke off").close_code(), Some(1006.into()));
        assert!(soon(opened.writable.write("late")).await.is_err());
    }
}

#[tokio::test]
async fn a_write_that_waits_fails_when_the_peer_goes() {
    let (peer, socket) = open_raw(Role::Server).await;
    let mut opened = halves(&socket).await;
    let writing = tokio::spawn(async move {
        loop {
            if let Err(error) = opened.writable.write(vec![0; 10_000]).await {
                return error;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!writing.is_finished(), "it waits for credit");
    drop(peer);
    assert_eq!(soon(writing).await.expect("no panic").close_code(), Some(1006.into()));
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_answered_is_given_up_in_time() {
    let (near, far) = tokio::io::duplex(4096);
    let (mut peer, socket) = accept(Raw::client(far), near, Acceptor::new()).await;
    peer.sends_frame(BINARY, HELLO).await;
    peer.receives(BINARY, [WELCOME, &[5, 1, 1]].concat()).await;
    socket.close((1001, "restart")).expect("it may be sent");
    receives_batch(&mut peer, &end(1001, "restart")).await;
    peer.receives(CLOSE, close(1001, "restart")).await;
    let error = soon(socket.closed()).await.expect_err("it was not answered");
    assert!(matches!(error.cause(), Cause::CloseTimedOut), "{error:?}");
}

#[tokio::test]
async fn a_message_given_up_ends_the_conversation() {
    let ((server, mut near), (_client, mut far)) = open_pair().await;
    let mut message = soon(near.writable.begin(tidegate::MessageKind::Text, None)).await.expect("it is open");
    soon(message.write("half")).await.expect("it is open");
    drop(message);
    assert_eq!(soon(far.readable.read()).await.expect("the end says why"), None);
    let error = soon(server.closed()).await.expect_err("a message was given up");
    assert!(matches!(error.cause(), Cause::ApiMisuse(_)), "{error:?}");
}

#[tokio::test]
async fn a_blocked_peer_reaches_its_end_although_nobody_reads() {
    // Both have more than a window to say, and one closes without reading: its window opens by itself in time.
    let config = tidegate::Config::default().close_timeout(Duration::from_secs(2));
    let (server, client) =
        pair(Acceptor::new().config(config), |builder| builder.credits(Credits::default())).await;
    let (_near, far) = (halves(&server).await, halves(&client).await);
    let (mut readable, mut writable) = (far.readable, far.writable);
    let writing = tokio::spawn(async move {
        for _ in 0..1000 {
            if writable.write(vec![0; 1000]).await.is_err() {
                return;
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.close(1000).expect("it may be sent");
    assert_eq!(soon(readable.read()).await.expect("it ended cleanly"), None);
    soon(writing).await.expect("no panic");
    assert_eq!(soon(server.closed()).await.expect("it ended cleanly").close_code, 1000);
    drop(frame(0, []));
}
