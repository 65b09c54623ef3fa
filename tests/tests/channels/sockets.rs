//! A channel by WebSocket.

use tidegate::{CloseInfo, Opened, WebSocketStream};

use crate::server::Server;

const PATH: &str = "/channels/tides";

#[tokio::test]
async fn what_a_socket_sends_is_published_to_all_and_to_itself() {
    let server = Server::start().await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let socket = server.socket(PATH);
        let opened = socket.opened().await.unwrap();
        sockets.push((socket, opened));
    }
    for number in 0..10 {
        for (index, (_, opened)) in sockets.iter_mut().enumerate() {
            opened.writable.write(format!("{number} of {index}")).await.unwrap();
        }
    }
    let mut orders = Vec::new();
    for (_, opened) in &mut sockets {
        let mut order = Vec::new();
        for _ in 0..30 {
            order.push(opened.readable.read().await.unwrap().unwrap().as_text().unwrap().to_owned());
        }
        orders.push(order);
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "{orders:?}");
    for index in 0..3 {
        let mine = orders[0].iter().filter(|text| text.ends_with(&format!(" of {index}")));
        assert!(mine.eq(&(0..10).map(|number| format!("{number} of {index}")).collect::<Vec<_>>()));
    }
    assert_eq!(server.get(PATH, "").await.body.lines().count(), 30);
}

/// The browser package asks for credits, and gets them.
#[tokio::test]
async fn by_credit_it_is_the_same() {
    let server = Server::start().await;
    let url = format!("ws://{}{PATH}", server.address);
    let socket = WebSocketStream::builder(url).credits(tidegate::Credits::default()).connect().unwrap();
    let Opened { mut readable, mut writable, .. } = socket.opened().await.unwrap();
    for number in 0..100 {
        writable.write(number.to_string()).await.unwrap();
        assert_eq!(readable.read().await.unwrap(), Some(number.to_string().as_str().into()));
    }
    writable.close().await.unwrap();
    let CloseInfo { close_code, .. } = socket.closed().await.unwrap();
    assert_eq!(close_code, 1005);
}

#[tokio::test]
async fn binary_and_long_messages_end_the_connection() {
    let server = Server::start().await;
    for (message, code) in [(tidegate::Message::from(vec![1u8]), 1003), ("x".repeat(65 * 1024).into(), 1009)]
    {
        let socket = server.socket(PATH);
        let Opened { mut readable, mut writable, .. } = socket.opened().await.unwrap();
        writable.write(message).await.unwrap();
        assert!(readable.read().await.unwrap().is_none());
        assert_eq!(socket.closed().await.unwrap().close_code, code);
    }
    assert_eq!(server.get(PATH, "").await.status, 204);
}
