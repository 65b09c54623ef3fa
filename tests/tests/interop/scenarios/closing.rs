//! How connections end, as both ends see it.

use tidegate::{CloseCode, CloseInfo, Message, Readable};

use crate::cell::{Cell, Meeting};
use crate::flow::{Flow, numbered};
use crate::peer::Seen;

fn info(code: u16, reason: &str) -> CloseInfo {
    CloseInfo { close_code: code.into(), reason: reason.to_owned() }
}

async fn read_numbered(readable: &mut Readable, messages: u64) {
    for number in 0..messages {
        assert_eq!(readable.read().await.unwrap(), Some(numbered(number)));
    }
}

pub(crate) async fn our_close_reaches_the_peer(cell: &Cell<'_>) {
    let Meeting { socket, mut readable, peer, .. } = cell.meet().await;
    socket.close((4001, "ebbe, 潮")).unwrap();
    assert_eq!(peer.closed().await, Seen::new(4001, "ebbe, 潮"));
    assert_eq!(readable.read().await.unwrap(), None);
    assert_eq!(socket.closed().await.unwrap().close_code, CloseCode::from(4001));
}

pub(crate) async fn our_empty_close_has_no_code(cell: &Cell<'_>) {
    let Meeting { socket, writable, peer, .. } = cell.meet().await;
    writable.close().await.unwrap();
    assert_eq!(peer.closed().await, Seen::new(1005, ""));
    assert_eq!(socket.closed().await.unwrap().close_code, CloseCode::NO_STATUS);
}

pub(crate) async fn the_peers_close_is_clean(cell: &Cell<'_>) {
    let Meeting { socket, mut readable, mut writable, peer, .. } = cell.meet().await;
    let seen = peer.close(3001, "flut 🌊");
    assert_eq!(readable.read().await.unwrap(), None);
    assert_eq!(socket.closed().await.unwrap(), info(3001, "flut 🌊"));
    assert_eq!(seen.await.code, 3001);
    let refused = writable.write("too late").await.unwrap_err();
    assert_eq!(refused.close_code(), Some(CloseCode::from(3001)));
}

pub(crate) async fn messages_before_our_close_all_arrive(cell: &Cell<'_>) {
    const MESSAGES: u64 = 500;
    let Meeting { socket, mut writable, peer, .. } = cell.meet().await;
    let received = peer.receive_all();
    let messages: Vec<Message> = (0..MESSAGES).map(numbered).collect();
    for message in &messages {
        writable.write(message.clone()).await.unwrap();
    }
    socket.close((1000, "done")).unwrap();
    assert_eq!(received.await, Flow::of(&messages));
    assert_eq!(peer.closed().await, Seen::new(1000, "done"));
    assert_eq!(socket.closed().await.unwrap(), info(1000, "done"));
}

/// The end is there before the reader comes.
pub(crate) async fn messages_before_the_peers_close_outlive_it(cell: &Cell<'_>) {
    const MESSAGES: u64 = 100;
    let Meeting { socket, mut readable, peer, .. } = cell.meet().await;
    peer.count(MESSAGES).await;
    let seen = peer.close(3002, "done");
    assert_eq!(socket.closed().await.unwrap(), info(3002, "done"));
    read_numbered(&mut readable, MESSAGES).await;
    assert_eq!(readable.read().await.unwrap(), None);
    assert_eq!(seen.await.code, 3002);
}

/// More than may be decoded ahead lies before the Close, so it is the reader that finds it.
pub(crate) async fn a_reader_finds_the_close_behind_many_messages(cell: &Cell<'_>) {
    const MESSAGES: u64 = 5_000;
    let Meeting { socket, mut readable, peer, .. } = cell.meet().await;
    let sent = peer.count(MESSAGES);
    read_numbered(&mut readable, 1).await;
    sent.await;
    let seen = peer.close(3003, "");
    for number in 1..MESSAGES {
        assert_eq!(readable.read().await.unwrap(), Some(numbered(number)));
    }
    assert_eq!(readable.read().await.unwrap(), None);
    assert_eq!(socket.closed().await.unwrap(), info(3003, ""));
    assert_eq!(seen.await.code, 3003);
}

pub(crate) async fn a_drop_is_unclean_behind_every_message(cell: &Cell<'_>) {
    const MESSAGES: u64 = 100;
    let Meeting { socket, mut readable, peer, .. } = cell.meet().await;
    peer.count(MESSAGES).await;
    peer.drop_connection().await;
    read_numbered(&mut readable, MESSAGES).await;
    let lost = readable.read().await.unwrap_err();
    assert_eq!(lost.close_code(), Some(CloseCode::ABNORMAL));
    let lost = socket.closed().await.unwrap_err();
    assert_eq!(lost.close_code(), Some(CloseCode::ABNORMAL), "{lost}");
}
