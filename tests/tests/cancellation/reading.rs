//! Reading: `read`, `read_message`, `MessageReader`, `Stream`, `Events::next`.

use futures_util::StreamExt;
use tidegate::{MessageReader, SocketEvent, WebSocket};
use tokio::io::AsyncReadExt;
use tokio::task::yield_now;

use crate::cut::{Cut, at_every_await, paused};
use crate::rig::{COUNT, End, client, pair, payload, soon, still_works};

/// A message that was read in spite of a drop, and whether there was none.
struct Got {
    bytes: Vec<u8>,
    is_whole: bool,
}

/// One end reads numbered messages by `read`, with drops; the other writes them and is open before and after.
async fn reads(least: usize, read: impl AsyncFn(&mut End, Cut) -> Got) {
    at_every_await(least, async |cut| {
        let (mut one, mut two) = pair().await;
        let writer = tokio::spawn(async move {
            two.writes_all().await;
            two
        });
        let mut is_whole = true;
        for number in 0..COUNT / 2 {
            let got = soon(read(&mut one, cut)).await;
            assert_eq!(got.bytes, payload(number), "{cut:?}, message {number}");
            is_whole &= got.is_whole;
        }
        one.reads_from(COUNT / 2).await;
        still_works(one, writer.await.unwrap()).await;
        is_whole
    })
    .await;
}

#[test]
fn read_gives_what_a_dropped_read_has_not_given() {
    paused(async {
        reads(10, async |end, cut| match cut.run(end.readable.read()).await {
            Some(message) => Got { bytes: message.unwrap().unwrap().into_bytes().to_vec(), is_whole: true },
            None => Got { bytes: end.reads().await, is_whole: false },
        })
        .await;
    });
}

#[test]
fn read_dropped_again_and_again_comes_to_its_message() {
    paused(async {
        reads(10, async |end, cut| {
            // Not polled at all, it would never get anywhere.
            let cut = Cut { polls: cut.polls.max(1), ..cut };
            let mut is_whole = true;
            loop {
                if let Some(message) = cut.run(end.readable.read()).await {
                    return Got { bytes: message.unwrap().unwrap().into_bytes().to_vec(), is_whole };
                }
                is_whole = false;
                yield_now().await;
            }
        })
        .await;
    });
}

#[test]
fn a_stream_gives_what_a_dropped_next_has_not_given() {
    paused(async {
        reads(10, async |end, cut| match cut.run(end.readable.next()).await {
            Some(message) => Got { bytes: message.unwrap().unwrap().into_bytes().to_vec(), is_whole: true },
            None => Got { bytes: end.reads().await, is_whole: false },
        })
        .await;
    });
}

async fn rest(message: &mut MessageReader<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(chunk) = soon(message.chunk()).await.unwrap() {
        bytes.extend(chunk);
    }
    bytes
}

#[test]
fn read_message_gives_the_message_that_a_dropped_one_has_not_given() {
    paused(async {
        // The first bytes of a message are enough for it.
        reads(1, async |end, cut| {
            if let Some(message) = cut.run(end.readable.read_message()).await {
                return Got { bytes: rest(&mut message.unwrap().unwrap()).await, is_whole: true };
            }
            let mut message = soon(end.readable.read_message()).await.unwrap().unwrap();
            Got { bytes: rest(&mut message).await, is_whole: false }
        })
        .await;
    });
}

#[test]
fn chunk_gives_the_bytes_that_a_dropped_one_has_not_given() {
    paused(async {
        reads(1, async |end, cut| {
            let mut message = soon(end.readable.read_message()).await.unwrap().unwrap();
            let (mut bytes, mut is_whole) = (Vec::new(), true);
            loop {
                let chunk = match cut.run(message.chunk()).await {
                    Some(chunk) => chunk,
                    None => {
                        is_whole = false;
                        soon(message.chunk()).await
                    }
                };
                match chunk.unwrap() {
                    Some(chunk) => bytes.extend(chunk),
                    None => return Got { bytes, is_whole },
                }
            }
        })
        .await;
    });
}

#[test]
fn async_read_gives_the_bytes_that_a_dropped_one_has_not_given() {
    paused(async {
        reads(1, async |end, cut| {
            let mut message = soon(end.readable.read_message()).await.unwrap().unwrap();
            let (mut bytes, mut is_whole) = (Vec::new(), true);
            loop {
                let mut buffer = [0; 32];
                let read = match cut.run(message.read(&mut buffer)).await {
                    Some(read) => read,
                    None => {
                        is_whole = false;
                        soon(message.read(&mut buffer)).await
                    }
                };
                match read.unwrap() {
                    0 => return Got { bytes, is_whole },
                    len => bytes.extend(&buffer[..len]),
                }
            }
        })
        .await;
    });
}

/// Open, each message once, Close.
#[test]
fn next_gives_the_event_that_a_dropped_one_has_not_given() {
    paused(async {
        at_every_await(10, async |cut| {
            let (near, far) = tokio::io::duplex(crate::rig::PIPE_BYTES);
            let (socket, mut events) = WebSocket::with_events(client(near));
            let server = tokio::spawn(async move {
                let mut end = End::of(crate::rig::acceptor().accept(far).await.unwrap()).await;
                end.writes_all().await;
                end.socket.close((3000, "that is all")).unwrap();
                soon(end.socket.closed()).await.unwrap();
            });
            let (mut is_whole, mut next, mut is_open) = (true, 0, false);
            loop {
                let event = match cut.run(events.next()).await {
                    Some(event) => event,
                    None => {
                        is_whole = false;
                        soon(events.next()).await
                    }
                };
                match event.unwrap() {
                    SocketEvent::Open => assert!(!std::mem::replace(&mut is_open, true), "{cut:?}"),
                    SocketEvent::Message(message) => {
                        assert_eq!(message.into_bytes(), payload(next), "{cut:?}");
                        next += 1;
                    }
                    SocketEvent::Close(close) => {
                        assert!(close.was_clean && close.code == 3000, "{cut:?}: {close:?}");
                        break;
                    }
                    SocketEvent::Error(error) => panic!("{cut:?}: {error}"),
                }
            }
            assert!(is_open && next == COUNT, "{cut:?}: {next} messages");
            assert!(cut.run(events.next()).await.is_none_or(|event| event.is_none()));
            server.await.unwrap();
            drop(socket);
            is_whole
        })
        .await;
    });
}
