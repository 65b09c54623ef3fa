//! The fire hose: messages as fast as the peer takes them, and a meter of how much it has taken.

mod meters;
mod order;

use std::sync::Arc;
use std::time::Duration;

use tidegate::{Config, Opened, WebSocketStream, Writable};
use tokio::select;
use tokio::time::sleep;

use crate::hello::drain;
pub(crate) use meters::{LayError, Meters};
use meters::{Meter, Running};
pub(crate) use order::Order;

/// A hose is turned off after so many bytes, or so much time.
const MAX_BYTES: u64 = 256 << 20;
const MAX_TIME: Duration = Duration::from_secs(60);

/// How long a peer has to take what is on the way to it when the hose is turned off.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

/// What a peer may send; it is not looked at.
const MAX_MESSAGE_BYTES: u64 = 64 * 1024;

/// The limits of a hose's connection. Without compression, so that the bytes that are counted are those that flow.
pub(crate) fn config() -> Config {
    Config::default()
        .deflate(None)
        .close_timeout(CLOSE_TIMEOUT)
        .max_message_bytes(MAX_MESSAGE_BYTES)
        .max_frame_bytes(MAX_MESSAGE_BYTES)
}

/// Pushes messages of `size` bytes as fast as the peer takes them.
pub(crate) async fn push(socket: WebSocketStream, size: usize, running: Running) {
    let Ok(Opened { mut readable, writable, .. }) = socket.opened().await else { return };
    select! {
        () = drain(&mut readable) => {}
        () = sleep(MAX_TIME) => {}
        () = pour(writable, size, running.meter()) => {}
    }
    drop(running);
    // 1000 may be sent. After the peer's own Close nothing happens.
    let _ = socket.close(1000);
    drop(readable);
    let _ = socket.closed().await;
}

async fn pour(mut writable: Writable, size: usize, meter: &Arc<Meter>) {
    let pattern = pattern(size);
    for number in 0.. {
        if meter.pushed() + size as u64 > MAX_BYTES {
            return;
        }
        if writable.write(numbered(&pattern, number)).await.is_err() {
            return;
        }
        meter.add(size);
    }
}

/// Bytes that no compression on the way makes less of.
fn pattern(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

/// The pattern behind the number of the message, eight bytes in network order. A message that is shorter than that
/// holds the last bytes of its number.
fn numbered(pattern: &[u8], number: u64) -> Vec<u8> {
    let mut message = pattern.to_vec();
    let number = number.to_be_bytes();
    let held = number.len().min(message.len());
    message[..held].copy_from_slice(&number[number.len() - held..]);
    message
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn every_message_begins_with_its_number() {
        assert_eq!(numbered(&[7; 10], 0x0102), [0, 0, 0, 0, 0, 0, 1, 2, 7, 7]);
        assert_eq!(numbered(&[7; 1], 0x0102), [2]);
    }
}
