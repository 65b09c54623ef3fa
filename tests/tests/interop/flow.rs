//! Many messages one way, and whether all of them came, in order.

use std::time::Duration;

use serde_json::Value;
use sha1::{Digest as _, Sha1};
use tidegate::Message;
use tidegate_tests::random::Random;

/// What went one way. Both ends make the same of the same messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    digest: String,
}

impl Flow {
    /// Reads the report of a peer.
    pub(crate) fn reported(report: &Value) -> Self {
        Self {
            messages: report["messages"].as_u64().expect("a number of messages"),
            bytes: report["bytes"].as_u64().expect("a number of bytes"),
            digest: report["digest"].as_str().expect("a digest").to_owned(),
        }
    }

    /// What these messages make.
    pub(crate) fn of<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Self {
        let mut tally = Tally::default();
        messages.into_iter().for_each(|message| tally.add(message));
        tally.finish()
    }
}

/// A flow that is not over yet.
#[derive(Default)]
pub(crate) struct Tally {
    messages: u64,
    bytes: u64,
    hash: Sha1,
}

impl Tally {
    pub(crate) fn add(&mut self, message: &Message) {
        let kind = if message.as_text().is_some() { b"t" } else { b"b" };
        let length = u32::try_from(message.len()).expect("messages of tests are short");
        self.messages += 1;
        self.bytes += u64::from(length);
        self.hash.update(kind);
        self.hash.update(length.to_be_bytes());
        self.hash.update(message.as_bytes());
    }

    pub(crate) fn finish(self) -> Flow {
        let digest = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Flow { messages: self.messages, bytes: self.bytes, digest }
    }
}

/// The text that every peer sends as its message `number`.
pub(crate) fn numbered(number: u64) -> Message {
    Message::from(format!("message {number}"))
}

/// Bytes that deflate cannot shorten; others for each `seed`.
pub(crate) fn noise(seed: u64, length: usize) -> Message {
    Message::from(Random::new(seed).bytes(length))
}

/// Waits until a count has begun and stands still, and returns it.
///
/// That it stands still for good cannot be seen. A count that only rests makes a test weaker, and never fails one;
/// a count that does not stop runs past what the test allows.
pub(crate) async fn standstill(look: impl AsyncFn() -> u64) -> u64 {
    let mut last = 0;
    let mut looks = 0;
    while looks < 10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = look().await;
        looks = if now == last && now > 0 { looks + 1 } else { 0 };
        last = now;
    }
    last
}
