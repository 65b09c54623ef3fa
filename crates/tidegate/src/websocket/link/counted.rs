//! What is only counted.

use super::super::stats::Stats;
use super::{Counted, Link};

impl Link {
    pub(crate) fn stats(&self) -> Stats {
        let Counted { bytes_read, messages_read, messages_written, ref write_waits, .. } = self.counted;
        let (write_waits, write_waited) = write_waits.as_deref().copied().unwrap_or_default();
        Stats {
            bytes_read,
            bytes_written: self.connection.wire_bytes(),
            messages_read,
            messages_written,
            write_waits,
            write_waited,
            undecoded_bytes: self.connection.undecoded_bytes(),
            assembling_bytes: self.connection.assembling_bytes(),
            ahead_bytes: self.ahead_bytes() + self.connection.ahead_bytes(),
            queued_bytes: self.connection.queued_bytes(),
            compression_bytes: self.connection.compression_bytes(),
        }
    }
}
