//! Who speaks credits with whom, and which protocol the application sees.

use tidegate::{Acceptor, Cause, Credits, Http2, Http2Pool, WebSocketStream};
use tidegate_tests::raw::{BINARY, Raw, Role, halves, soon};
use tokio::net::TcpListener;

use crate::peer::{HELLO, WELCOME, accept, open_raw, open_silent, pair, sees_failure};

#[tokio::test]
async fn a_server_accepts_credits_where_they_are_offered() {
    let (server, client) = pair(Acceptor::new(), |builder| builder.credits(Credits::default())).await;
    let (near, far) = (halves(&server).await, halves(&client).await);
    assert_eq!((&near.protocol[..], &far.protocol[..]), ("", ""));
}

#[tokio::test]
async fn the_application_sees_its_own_protocol_on_either_side() {
    let acceptor = Acceptor::new().protocols(["chat.v1", "chat.v2"]);
    let (server, client) =
        pair(acceptor, |builder| builder.protocols(["chat.v2", "chat.v1"]).credits(Credits::default())).await;
    let (near, far) = (halves(&server).await, halves(&client).await);
    assert_eq!((&near.protocol[..], &far.protocol[..]), ("chat.v2", "chat.v2"));
}

#[tokio::test]
async fn a_server_that_speaks_none_of_the_protocols_selects_no_credits_either() {
    let (_server, client) =
        pair(Acceptor::new(), |builder| builder.protocols(["chat"]).credits(Credits::default())).await;
    let error = soon(client.opened()).await.err().expect("it does not open");
    assert!(matches!(error.cause(), Cause::Handshake(_)), "{error:?}");
}

#[tokio::test]
async fn without_credits_on_the_other_side_the_connection_is_plain() {
    for (server_speaks, client_offers) in [(false, true), (true, false)] {
        let acceptor = Acceptor::new().credits(server_speaks.then(Credits::default));
        let (server, client) = pair(acceptor, |builder| match client_offers {
            true => builder.credits(Credits::default()),
            false => builder,
        })
        .await;
        let (mut near, mut far) = (halves(&server).await, halves(&client).await);
        soon(near.writable.write("plain")).await.expect("it is open");
        assert_eq!(soon(far.readable.read()).await.expect("it is open"), Some("plain".into()));
    }
}

#[tokio::test]
async fn a_plain_client_sees_no_trace_of_credits() {
    let (near, far) = tokio::io::duplex(4096);
    let mut peer = Raw::client(far);
    let acceptor = Acceptor::new();
    let (socket, head) = tokio::join!(acceptor.accept(near), peer.asks(""));
    assert!(!head.to_ascii_lowercase().contains("sec-websocket-protocol"), "{head}");
    let socket = socket.expect("the request is right");
    let mut opened = halves(&socket).await;
    soon(opened.writable.write("hi")).await.expect("it is open");
    peer.receives(0x81, "hi").await;
}

#[tokio::test]
async fn a_client_is_open_when_the_server_has_greeted() {
    let (mut peer, socket) = open_silent(Role::Client).await;
    peer.receives(BINARY, [HELLO, &[5, 1, 1]].concat()).await;
    assert!(futures_util::poll!(Box::pin(socket.opened())).is_pending(), "it has not greeted");
    peer.sends_frame(BINARY, [WELCOME, &[0x10, 2, b'h', b'i']].concat()).await;
    let mut opened = halves(&socket).await;
    assert_eq!(soon(opened.readable.read()).await.expect("it is open"), Some("hi".into()));
}

#[tokio::test]
async fn a_welcome_that_breaks_the_rules_fails_the_opening() {
    let (mut peer, socket) = open_silent(Role::Client).await;
    peer.receives(BINARY, [HELLO, &[5, 1, 1]].concat()).await;
    peer.sends_frame(BINARY, HELLO).await;
    sees_failure(&mut peer, 1002, "tidegate.v1: no greeting").await;
    let error = soon(socket.opened()).await.err().expect("it does not open");
    assert!(matches!(error.cause(), Cause::BrokeCredits(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_closes_in_place_of_greeting_fails_the_opening() {
    let (mut peer, socket) = open_silent(Role::Client).await;
    let close = peer.close_frame(1013, "later");
    peer.sends(close).await;
    let error = soon(socket.opened()).await.err().expect("it does not open");
    assert!(matches!(error.cause(), Cause::NoEnd | Cause::PeerClosed(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_sends_what_was_written_before_the_greeting_once_it_has_come() {
    let (mut peer, socket) = open_silent(Role::Server).await;
    let mut opened = halves(&socket).await;
    peer.receives(BINARY, [WELCOME, &[5, 1, 1]].concat()).await;
    soon(opened.writable.write("early")).await.expect("there is room");
    peer.sends_frame(BINARY, HELLO).await;
    peer.receives(BINARY, b"\x10\x05early").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_greet_is_told_so() {
    let (near, far) = tokio::io::duplex(4096);
    let (mut peer, socket) = accept(Raw::client(far), near, Acceptor::new()).await;
    peer.receives(BINARY, [WELCOME, &[5, 1, 1]].concat()).await;
    sees_failure(&mut peer, 1002, "tidegate.v1: greeting too late").await;
    let mut opened = halves(&socket).await;
    let error = soon(opened.readable.read()).await.expect_err("the client broke a rule");
    assert!(matches!(error.cause(), Cause::BrokeCredits(_)), "{error:?}");
}

#[tokio::test]
async fn a_page_keeps_its_protocol_over_http2_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let acceptor = Acceptor::new().protocols(["chat"]).http2(Http2::default());
    let serving = tokio::spawn(async move {
        let echo = |socket: WebSocketStream| async move {
            let Ok(mut opened) = socket.opened().await else { return };
            while let Ok(Some(message)) = opened.readable.read().await {
                let _ = opened.writable.write(message).await;
            }
        };
        let _ = acceptor.serve(listener, echo).await;
    });
    let client = WebSocketStream::builder(format!("ws://{address}/x"))
        .protocols(["chat"])
        .credits(Credits::default())
        .http2(&Http2Pool::new().prior_knowledge())
        .connect()
        .expect("the URL is right");
    let mut opened = halves(&client).await;
    assert_eq!(opened.protocol, "chat");
    soon(opened.writable.write("over one stream")).await.expect("it is open");
    assert_eq!(soon(opened.readable.read()).await.expect("it is open"), Some("over one stream".into()));
    client.close((1000, "bye")).expect("it may be sent");
    assert_eq!(soon(client.closed()).await.expect("it ends cleanly").reason, "bye");
    serving.abort();
}

#[tokio::test]
async fn both_greetings_are_those_of_the_page() {
    for role in [Role::Server, Role::Client] {
        let (_peer, socket) = open_raw(role).await;
        drop(halves(&socket).await);
    }
}
