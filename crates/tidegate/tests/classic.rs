//! The classic `WebSocket`, rule by rule (HTML, "the WebSocket interface").

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::sync::mpsc::sync_channel;

use tidegate::{
    Acceptor, CloseEvent, Handlers, Opened, ReadyState, SendError, SocketEvent, WebSocket, WebSocketStream,
};
use tokio::net::TcpListener;

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, url)
}

async fn accept(listener: &TcpListener) -> WebSocketStream {
    let (io, _) = listener.accept().await.unwrap();
    Acceptor::new().protocols(["chat"]).accept(io).await.unwrap()
}

fn closed(event: Option<SocketEvent>) -> CloseEvent {
    match event {
        Some(SocketEvent::Close(close)) => close,
        other => panic!("not a close event: {other:?}"),
    }
}

#[tokio::test]
async fn the_four_events_come_in_order_and_the_states_with_them() {
    let (listener, url) = listen().await;
    let stream = WebSocketStream::builder(&url).protocols(["chat"]).connect().unwrap();
    let (socket, mut events) = WebSocket::with_events(stream);
    assert_eq!(socket.ready_state(), ReadyState::Connecting);
    assert!(matches!(socket.send("too early"), Err(SendError::Connecting)));
    assert_eq!((socket.url(), socket.protocol(), socket.extensions()), (url.as_str(), "", ""));

    let server = accept(&listener).await;
    assert!(matches!(events.next().await, Some(SocketEvent::Open)));
    assert_eq!(socket.ready_state(), ReadyState::Open);
    assert_eq!((socket.protocol(), socket.extensions()), ("chat", "permessage-deflate"));

    let Opened { mut readable, mut writable, .. } = server.opened().await.unwrap();
    socket.send("hi").unwrap();
    assert_eq!(readable.read().await.unwrap(), Some("hi".into()));
    writable.write("there").await.unwrap();
    server.close((4001, "Bye!")).unwrap();
    match events.next().await {
        Some(SocketEvent::Message(message)) => assert_eq!(message, "there".into()),
        other => panic!("not a message: {other:?}"),
    }
    let close = closed(events.next().await);
    assert_eq!(close, CloseEvent { code: 4001.into(), reason: "Bye!".into(), was_clean: true });
    assert_eq!(socket.ready_state(), ReadyState::Closed);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_connection_that_fails_gives_an_error_and_then_a_close_1006() {
    let (listener, url) = listen().await;
    drop(listener);
    let (socket, mut events) = WebSocket::with_events(WebSocketStream::connect(url).unwrap());
    assert!(matches!(events.next().await, Some(SocketEvent::Error(_))));
    assert_eq!(socket.ready_state(), ReadyState::Closing);
    let close = closed(events.next().await);
    assert_eq!(close, CloseEvent { code: 1006.into(), reason: String::new(), was_clean: false });
    assert_eq!(socket.ready_state(), ReadyState::Closed);
}

#[tokio::test]
async fn close_while_connecting_is_closing_at_once_and_then_an_error_and_1006() {
    let (_listener, url) = listen().await;
    let (socket, mut events) = WebSocket::with_events(WebSocketStream::connect(url).unwrap());
    socket.close((3000, "never mind")).unwrap();
    assert_eq!(socket.ready_state(), ReadyState::Closing);
    assert!(matches!(events.next().await, Some(SocketEvent::Error(_))));
    assert_eq!(closed(events.next().await).code, 1006);
}

#[tokio::test]
async fn an_empty_close_is_1005_and_a_drop_is_1006() {
    for (is_clean, code) in [(true, 1005), (false, 1006)] {
        let (listener, url) = listen().await;
        let (_socket, mut events) = WebSocket::with_events(WebSocketStream::connect(url).unwrap());
        let (io, _) = listener.accept().await.unwrap();
        let io = io.into_std().unwrap();
        let server = Acceptor::new()
            .accept(tokio::net::TcpStream::from_std(io.try_clone().unwrap()).unwrap())
            .await
            .unwrap();
        assert!(matches!(events.next().await, Some(SocketEvent::Open)));
        if is_clean {
            server.close(()).unwrap();
        } else {
            io.shutdown(std::net::Shutdown::Both).unwrap();
            assert!(matches!(events.next().await, Some(SocketEvent::Error(_))));
        }
        let close = closed(events.next().await);
        assert_eq!((close.code.get(), close.was_clean), (code, is_clean));
    }
}

#[tokio::test]
async fn send_counts_payload_only_and_has_a_limit() {
    let (listener, url) = listen().await;
    let stream = WebSocketStream::connect(url).unwrap();
    let (socket, mut events) = WebSocket::with_send_limit(stream, 8 << 20);
    let server = accept(&listener).await;
    assert!(matches!(events.next().await, Some(SocketEvent::Open)));
    let payload: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut accepted = 0;
    let refused = loop {
        match socket.send(payload.clone()) {
            Ok(()) => accepted += 1,
            Err(refused) => break refused,
        }
        assert!(socket.buffered_amount() % (1 << 20) == 0, "payload bytes, whole messages");
        assert!(accepted < 64, "never refused");
    };
    assert!(matches!(refused, SendError::Full { buffered, .. } if buffered >= 8 << 20));
    assert!(socket.buffered_amount() <= 9 << 20);
    // The peer reads, and all that was accepted comes.
    let Opened { mut readable, .. } = server.opened().await.unwrap();
    for _ in 0..accepted {
        assert_eq!(readable.read().await.unwrap().unwrap().as_bytes(), payload);
    }
    // Falls to zero as the transport takes it; the last bytes may still be on their way there.
    while socket.buffered_amount() > 0 {
        tokio::task::yield_now().await;
    }
    socket.close(()).unwrap();
    socket.send("dropped").unwrap();
    assert_eq!(socket.buffered_amount(), 7, "what is sent while closing counts for ever");
}

#[tokio::test]
async fn a_close_that_may_not_be_sent_is_refused_in_every_state() {
    let (_listener, url) = listen().await;
    let (socket, _events) = WebSocket::with_events(WebSocketStream::connect(url).unwrap());
    assert!(socket.close(1005).is_err());
    assert!(socket.close((1000, "x".repeat(124).as_str())).is_err());
    assert_eq!(socket.ready_state(), ReadyState::Connecting);
}

/// The handler of a message runs before the next one is read, so a slow handler stops the peer instead of filling
/// memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_handler_makes_the_peer_wait() {
    let (listener, url) = listen().await;
    let (let_go, gate) = sync_channel::<()>(0);
    let (tell, told) = tokio::sync::mpsc::channel(1024);
    let handlers = Handlers::new().on_message(move |_, message| {
        let _ = gate.recv();
        let _ = tell.try_send(message.len());
    });
    let socket = WebSocket::connect(url, handlers).unwrap();
    let server = accept(&listener).await;
    let Opened { mut writable, .. } = server.opened().await.unwrap();
    let writer = tokio::spawn(async move {
        // Noise, so that compression does not make it small.
        let mut seed = 1u64;
        for _ in 0..1024 {
            let noise: Vec<u8> = (0..64 * 1024)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 33) as u8
                })
                .collect();
            writable.write(noise).await.unwrap();
        }
        writable
    });
    // The writer stops although nobody tells it to: the handler has not returned from its first message.
    let mut stalled = 0;
    let mut last = server.stats().bytes_written;
    while stalled < 20 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let now = server.stats().bytes_written;
        stalled = if now == last { stalled + 1 } else { 0 };
        last = now;
    }
    assert!(!writer.is_finished());
    assert!(last < 16 << 20, "{last} bytes went out of 64 MiB");
    drop(let_go);
    let mut told = told;
    for _ in 0..1024 {
        assert_eq!(told.recv().await, Some(64 * 1024));
    }
    drop(writer.await.unwrap());
    assert_eq!(socket.ready_state(), ReadyState::Open);
}
