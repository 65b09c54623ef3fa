//! Messages of every kind, both ways.

use tidegate::{CloseInfo, Config, Message};

use crate::cell::{Cell, Meeting, Terms};
use crate::flow::{Flow, noise, numbered};

/// Lengths around which the form of a frame changes (RFC 6455 §5.2), and one of many reads.
const LENGTHS: [usize; 8] = [0, 1, 125, 126, 65_535, 65_536, 100_000, 1 << 20];

const TEXTS: [&str; 5] = ["", "a", "grüße", "潮の門 🌊", "\u{0}\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10ffff}"];

/// Messages that deflate can shorten, and messages that it cannot.
fn specimens() -> Vec<Message> {
    let texts = TEXTS.iter().map(|text| Message::from(*text));
    let long_texts = LENGTHS.iter().map(|length| Message::from("潮🌊é.".repeat(length / 10)));
    let noises = LENGTHS.iter().map(|length| noise(1, *length));
    let zeros = LENGTHS.iter().map(|length| Message::from(vec![0; *length]));
    texts.chain(long_texts).chain(noises).chain(zeros).collect()
}

pub(crate) async fn every_message_comes_back(cell: &Cell<'_>) {
    let Meeting { socket, mut readable, mut writable, peer, .. } = cell.meet().await;
    let specimens = specimens();
    let echo = peer.echo(specimens.len());
    for sent in specimens {
        writable.write(sent.clone()).await.unwrap();
        let received = readable.read().await.unwrap().unwrap();
        assert!(received == sent, "{} came back as {}", describe(&sent), describe(&received));
    }
    echo.await;
    socket.close(1000).unwrap();
    assert_eq!(readable.read().await.unwrap(), None);
    assert_eq!(socket.closed().await.unwrap(), CloseInfo { close_code: 1000.into(), reason: String::new() });
}

pub(crate) async fn our_fragments_become_one_message(cell: &Cell<'_>) {
    // 1,001 bytes: characters of every width are cut at every place.
    let terms = Terms { config: Config::default().fragment_bytes(1_001), ..Terms::default() };
    let Meeting { mut writable, peer, .. } = cell.meet_on(terms).await;
    let specimens = specimens();
    let received = peer.receive(specimens.len() as u64);
    for message in &specimens {
        writable.write(message.clone()).await.unwrap();
    }
    assert_eq!(received.await, Flow::of(&specimens));
}

/// The peer counts the fragments, so only where it can.
pub(crate) async fn our_fragments_have_the_asked_length(cell: &Cell<'_>) {
    let terms = Terms { config: Config::default().fragment_bytes(1_000), ..Terms::default() };
    let Meeting { mut writable, peer, .. } = cell.meet_on(terms).await;
    writable.write(noise(1, 2_500)).await.unwrap();
    let lengths = peer.fragments().await;
    assert_eq!(lengths.iter().sum::<u64>(), 2_500);
    // What was deflated is cut after that, so only its number of fragments is known.
    assert_eq!(lengths.len(), 3);
}

pub(crate) async fn fragments_of_the_peer_become_one_message(cell: &Cell<'_>) {
    let Meeting { mut readable, peer, .. } = cell.meet().await;
    let text = "潮の門 🌊, grüße";
    // One byte each: every character is cut.
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    peer.send(true, &pieces).await;
    assert_eq!(readable.read().await.unwrap(), Some(Message::from(text)));
    peer.send(false, &[b"", b"ab", b"", &[0xff; 3_000], b""]).await;
    let expected = [&b"ab"[..], &[0xff; 3_000]].concat();
    assert_eq!(readable.read().await.unwrap(), Some(Message::from(expected)));
    peer.send(true, &[b"", b""]).await;
    assert_eq!(readable.read().await.unwrap(), Some(Message::from("")));
}

pub(crate) async fn small_messages_keep_their_order_both_ways(cell: &Cell<'_>) {
    const MESSAGES: u64 = 2_000;
    let Meeting { mut readable, mut writable, peer, .. } = cell.meet().await;
    let received = peer.receive(MESSAGES);
    let sent = peer.count(MESSAGES);
    let writing = async {
        for number in 0..MESSAGES {
            writable.write(numbered(number)).await.unwrap();
        }
    };
    let reading = async {
        for number in 0..MESSAGES {
            assert_eq!(readable.read().await.unwrap(), Some(numbered(number)));
        }
    };
    let ((), (), received, ()) = tokio::join!(writing, reading, received, sent);
    let expected: Vec<_> = (0..MESSAGES).map(numbered).collect();
    assert_eq!(received, Flow::of(&expected));
}

/// Nobody awaits a message, neither before any has come nor with messages unread.
pub(crate) async fn a_ping_is_answered_while_nobody_reads(cell: &Cell<'_>) {
    let Meeting { mut readable, peer, .. } = cell.meet().await;
    peer.ping("are you there").await;
    peer.count(10).await;
    peer.ping("and behind messages").await;
    for number in 0..10 {
        assert_eq!(readable.read().await.unwrap(), Some(numbered(number)));
    }
}

pub(crate) async fn a_ping_is_answered_while_a_reader_waits(cell: &Cell<'_>) {
    let Meeting { mut readable, peer, .. } = cell.meet().await;
    tokio::select! {
        read = readable.read() => panic!("nothing was sent, but {read:?} came"),
        () = peer.ping("are you there") => {}
    }
    // The read that was dropped has taken nothing with it.
    peer.count(1).await;
    assert_eq!(readable.read().await.unwrap(), Some(numbered(0)));
}

fn describe(message: &Message) -> String {
    let kind = if message.as_text().is_some() { "text" } else { "binary" };
    format!("{kind} of {} bytes", message.len())
}
