//! Writing: `write`, `begin`, `MessageWriter`, `ready`, `flush`, `close`.

use std::time::Duration;

use tidegate::{CloseCode, MessageKind, MessageWriter};
use tokio::io::AsyncWriteExt;

use crate::cut::{Cut, at_every_await, paused};
use crate::rig::{COUNT, End, pair, payload, soon, still_works};

/// One end writes numbered messages by `write`, with drops, and tells whether there was none; the other reads them.
async fn writes(least: usize, write: impl AsyncFn(&mut End, Vec<u8>, Cut) -> bool) {
    at_every_await(least, async |cut| {
        let (mut one, mut two) = pair().await;
        let reader = tokio::spawn(async move {
            two.reads_from(0).await;
            two
        });
        let mut is_whole = true;
        for number in 0..COUNT {
            is_whole &= soon(write(&mut one, payload(number), cut)).await;
        }
        still_works(one, reader.await.unwrap()).await;
        is_whole
    })
    .await;
}

#[test]
fn a_dropped_write_has_not_accepted_its_message() {
    paused(async {
        writes(5, async |end, message, cut| match cut.run(end.writable.write(message.clone())).await {
            Some(result) => {
                result.unwrap();
                true
            }
            None => {
                end.writable.write(message).await.unwrap();
                false
            }
        })
        .await;
    });
}

#[test]
fn a_dropped_ready_takes_no_room() {
    paused(async {
        writes(5, async |end, message, cut| {
            let ready = cut.run(end.writable.ready()).await;
            let is_whole = ready.is_some();
            ready.unwrap_or(Ok(())).unwrap();
            if is_whole {
                let written = Cut { polls: 1, ..cut }.run(end.writable.write(message)).await;
                written.expect("it was ready").unwrap();
            } else {
                end.writable.write(message).await.unwrap();
            }
            is_whole
        })
        .await;
    });
}

#[test]
fn a_dropped_flush_loses_nothing_and_can_be_asked_for_again() {
    paused(async {
        writes(5, async |end, message, cut| {
            end.writable.write(message).await.unwrap();
            let flushed = cut.run(end.writable.flush()).await;
            let is_whole = flushed.is_some();
            flushed.unwrap_or(Ok(())).unwrap();
            end.writable.flush().await.unwrap();
            assert_eq!(end.socket.stats().queued_bytes, 0);
            is_whole
        })
        .await;
    });
}

async fn in_parts(message: MessageWriter<'_>, payload: &[u8], cut: Option<Cut>) -> bool {
    let (mut message, mut is_whole) = (message, true);
    for part in payload.chunks(17).map(<[u8]>::to_vec) {
        let written = match cut {
            Some(cut) => cut.run(message.write(part.clone())).await,
            None => Some(message.write(part.clone()).await),
        };
        match written {
            Some(result) => result.unwrap(),
            None => {
                is_whole = false;
                message.write(part).await.unwrap();
            }
        }
    }
    message.finish().unwrap();
    is_whole
}

#[test]
fn a_dropped_begin_has_begun_nothing() {
    paused(async {
        for tells_length in [false, true] {
            writes(3, async |end, message, cut| {
                let len = tells_length.then_some(message.len() as u64);
                if let Some(writer) = cut.run(end.writable.begin(MessageKind::Binary, len)).await {
                    return in_parts(writer.unwrap(), &message, None).await;
                }
                let writer = end.writable.begin(MessageKind::Binary, len).await.unwrap();
                in_parts(writer, &message, None).await;
                false
            })
            .await;
        }
    });
}

#[test]
fn a_dropped_write_of_a_part_has_not_accepted_it() {
    paused(async {
        for tells_length in [false, true] {
            writes(3, async |end, message, cut| {
                let len = tells_length.then_some(message.len() as u64);
                let writer = end.writable.begin(MessageKind::Binary, len).await.unwrap();
                in_parts(writer, &message, Some(cut)).await
            })
            .await;
        }
    });
}

#[test]
fn async_write_dropped_has_taken_nothing_and_its_shutdown_ends_the_message_once() {
    paused(async {
        writes(3, async |end, message, cut| {
            let mut is_whole = true;
            let mut writer = end.writable.begin(MessageKind::Binary, None).await.unwrap();
            let mut rest = &message[..];
            while !rest.is_empty() {
                let part = &rest[..rest.len().min(17)];
                let written = match cut.run(AsyncWriteExt::write(&mut writer, part)).await {
                    Some(written) => written,
                    None => {
                        is_whole = false;
                        AsyncWriteExt::write(&mut writer, part).await
                    }
                };
                rest = &rest[written.unwrap()..];
            }
            match cut.run(writer.shutdown()).await {
                Some(result) => result.unwrap(),
                None => {
                    is_whole = false;
                    writer.shutdown().await.unwrap();
                }
            }
            is_whole
        })
        .await;
    });
}

/// Polled once, it closes by itself; not polled at all, it has only dropped its half.
#[test]
fn a_dropped_close_goes_on_by_itself() {
    paused(async {
        at_every_await(1, async |cut| {
            let (mut one, mut two) = pair().await;
            let reader = tokio::spawn(async move {
                two.reads_from(0).await;
                two
            });
            one.writes_all().await;
            let End { socket, mut readable, writable } = one;
            let closed = cut.run(writable.close()).await;
            let is_whole = closed.is_some();
            if let Some(result) = closed {
                result.unwrap();
            }
            let mut two = reader.await.unwrap();
            if cut.polls == 0 {
                soon(two.writable.write("it is open")).await.unwrap();
                assert_eq!(soon(readable.read()).await.unwrap(), Some("it is open".into()));
                socket.close(()).unwrap();
            }
            assert_eq!(soon(two.readable.read()).await.unwrap(), None);
            for socket in [socket, two.socket] {
                assert_eq!(soon(socket.closed()).await.unwrap().close_code, CloseCode::from(1005));
            }
            is_whole
        })
        .await;
    });
}

/// Only the time for which somebody waited is told as waited, by the clock that turns by itself.
#[test]
fn a_dropped_write_waits_no_longer() {
    paused(async {
        let (mut one, mut two) = pair().await;
        one.writable.write(payload(0)).await.unwrap();
        let waited = tokio::time::timeout(Duration::from_secs(1), async {
            for number in 1.. {
                one.writable.write(payload(number)).await.unwrap();
            }
        });
        assert!(waited.await.is_err(), "nobody reads");
        let written = one.socket.stats().messages_written as usize;
        tokio::time::sleep(Duration::from_secs(20)).await;
        let reader = tokio::spawn(async move {
            for number in 0..written {
                assert_eq!(two.reads().await, payload(number));
            }
            two
        });
        one.writable.ready().await.unwrap();
        assert!(one.socket.stats().write_waited < Duration::from_secs(10), "{:?}", one.socket.stats());
        still_works(one, reader.await.unwrap()).await;
    });
}
