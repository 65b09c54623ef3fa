//! The native WebSocketStream of Chromium, as a client.

use tidegate::{AcceptError, Acceptor, CloseCode, Message, Writable};
use tokio::net::TcpListener;

use crate::cell::{Cell, Compression, Meeting, Ours, Scheme, run};
use crate::flow::{Flow, noise, numbered};
use crate::peer::{Chromium, Maker, Peer, Seen, Wishes};

#[tokio::test]
async fn to_our_server() {
    everything(Scheme::Ws, Compression::Off).await;
}

#[tokio::test]
async fn to_our_server_with_deflate() {
    everything(Scheme::Ws, Compression::Deflate).await;
}

#[tokio::test]
async fn to_our_tls_server() {
    everything(Scheme::Wss, Compression::Off).await;
}

#[tokio::test]
async fn to_our_tls_server_with_deflate() {
    everything(Scheme::Wss, Compression::Deflate).await;
}

/// All in one browser, since launching one costs more than a scenario.
async fn everything(scheme: Scheme, compression: Compression) {
    let chromium = Chromium::launch().await;
    let cell = Cell(Maker::Chromium(&chromium), Ours::Server, scheme, compression);
    run!(&cell, {
        opening: a_common_protocol_is_selected, no_protocol_is_selected_unasked;
        messages:
            every_message_comes_back,
            our_fragments_become_one_message,
            small_messages_keep_their_order_both_ways;
        closing:
            our_close_reaches_the_peer,
            our_empty_close_has_no_code,
            the_peers_close_is_clean,
            messages_before_the_peers_close_outlive_it,
            a_reader_finds_the_close_behind_many_messages;
        backpressure: our_write_waits_for_the_peers_reader, the_peers_write_waits_for_our_reader;
    });
    messages_read_before_our_close_all_arrive(&cell).await;
    messages_before_our_close_arrive_from_the_first_on(&cell).await;
    if compression == Compression::Off {
        messages_are_strings_and_array_buffers(&cell).await;
        a_page_of_another_origin_is_refused(&cell).await;
        a_closed_tab_is_going_away(&cell).await;
    }
}

const MESSAGES: u64 = 500;

async fn messages_read_before_our_close_all_arrive(cell: &Cell<'_>) {
    let Meeting { socket, mut writable, peer, .. } = cell.meet().await;
    let received = peer.receive(MESSAGES);
    let messages = write_numbered(&mut writable).await;
    assert_eq!(received.await, Flow::of(&messages));
    socket.close((1000, "done")).unwrap();
    assert_eq!(peer.closed().await, Seen::new(1000, "done"));
}

/// When the Close is there, Chromium drops the messages that its page has not taken yet, and calls that clean: a page
/// that reads as fast as it can has got one message of these 500. No server can help it; what the page does get must
/// be right.
async fn messages_before_our_close_arrive_from_the_first_on(cell: &Cell<'_>) {
    let Meeting { socket, mut writable, peer, .. } = cell.meet().await;
    let received = peer.receive_all();
    let messages = write_numbered(&mut writable).await;
    socket.close((1000, "done")).unwrap();
    let received = received.await;
    println!("    {} of {MESSAGES} messages", received.messages);
    let arrived = messages.iter().zip(0..received.messages).map(|(message, _)| message);
    assert_eq!(received, Flow::of(arrived));
    assert_eq!(peer.closed().await, Seen::new(1000, "done"));
    assert_eq!(socket.closed().await.unwrap().close_code, CloseCode::from(1000));
}

async fn write_numbered(writable: &mut Writable) -> Vec<Message> {
    let messages: Vec<Message> = (0..MESSAGES).map(numbered).collect();
    for message in &messages {
        writable.write(message.clone()).await.unwrap();
    }
    messages
}

async fn messages_are_strings_and_array_buffers(cell: &Cell<'_>) {
    let Meeting { mut writable, peer, .. } = cell.meet().await;
    writable.write("text").await.unwrap();
    assert_eq!(peer.types(1).await, ["string"]);
    writable.write(noise(1, 10)).await.unwrap();
    assert_eq!(peer.types(1).await, ["ArrayBuffer"]);
}

/// A browser names the origin of its page, and by default only the server's own is let in (RFC 6455 §10.2).
async fn a_page_of_another_origin_is_refused(cell: &Cell<'_>) {
    let peer = Peer::start(cell.0).await;
    let mut acceptor = Acceptor::new();
    if let Some(tls) = cell.tls() {
        acceptor = acceptor.tls(tls.server());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = cell.url(listener.local_addr().unwrap().port().into());
    let connecting = peer.try_connect(&url, &Wishes { tls: None, deflate: false, protocols: &[] });
    let (stream, _) = listener.accept().await.unwrap();
    let refused = acceptor.accept(stream).await.unwrap_err();
    assert!(matches!(refused, AcceptError::Refused(_)), "{refused}");
    let told = connecting.await.unwrap_err();
    assert!(told.contains("WebSocketError"), "{told}");
}

/// Who closes a tab says good-bye: the browser sends a Close for the page (1001).
async fn a_closed_tab_is_going_away(cell: &Cell<'_>) {
    let Meeting { socket, mut readable, peer, .. } = cell.meet().await;
    peer.count(10).await;
    drop(peer);
    for number in 0..10 {
        assert_eq!(readable.read().await.unwrap(), Some(numbered(number)));
    }
    assert_eq!(readable.read().await.unwrap(), None);
    assert_eq!(socket.closed().await.unwrap().close_code.get(), 1001);
}
