//! `pipe_to`: what it has accepted arrives, once and in order; both halves are dropped with it.

use crate::cut::{at_every_await, paused};
use crate::rig::{COUNT, pair, payload, soon};

#[test]
fn what_a_dropped_pipe_has_accepted_arrives_once_and_in_order() {
    paused(async {
        at_every_await(20, async |cut| {
            let ((mut source, from), (to, mut sink)) = (pair().await, pair().await);
            let writer = tokio::spawn(async move {
                for number in 0..COUNT {
                    // It fails once the pipe is gone.
                    if source.writable.write(payload(number)).await.is_err() {
                        break;
                    }
                }
                source.socket.close((1000, "")).unwrap();
                soon(source.socket.closed()).await
            });
            let reader = tokio::spawn(async move {
                let mut count = 0;
                while let Some(message) = soon(sink.readable.read()).await.unwrap() {
                    assert_eq!(message.into_bytes(), payload(count), "message {count}");
                    count += 1;
                }
                (count, soon(sink.socket.closed()).await)
            });
            let piped = cut.run(from.readable.pipe_to(to.writable)).await;
            let is_whole = piped.is_some();
            if let Some(result) = piped {
                result.unwrap();
            }
            let stats = to.socket.stats();
            let accepted = usize::try_from(stats.messages_written).unwrap();
            let taken = usize::try_from(from.socket.stats().messages_read).unwrap();
            // At most one message lies between the halves, and goes with them.
            assert!(
                is_whole && accepted == COUNT || taken - accepted <= 1,
                "{cut:?}: {taken} taken, {accepted} on"
            );
            // With the pipe's halves dropped, dropping what is left closes both connections.
            drop((from.socket, from.writable, to.socket, to.readable));
            let (count, ending) = reader.await.unwrap();
            assert_eq!(count, accepted, "{cut:?}");
            assert!(ending.is_ok(), "{cut:?}: {ending:?}");
            let ending = writer.await.unwrap();
            assert!(ending.is_ok() || !is_whole, "{cut:?}: {ending:?}");
            is_whole
        })
        .await;
    });
}
