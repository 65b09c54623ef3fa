//! What a link tells of what is counted.

use super::super::counted::Counted;
use super::super::stats::Stats;
use super::Link;

impl Link {
    /// Messages and parts of them that the reader has taken.
    pub(crate) fn taken(&self) -> u64 {
        self.counted.messages_read.wrapping_add(self.parts_read.into())
    }

    pub(crate) fn stats(&self) -> Stats {
        let Counted { bytes_read, messages_read, messages_written, .. } = self.counted;
        let (write_waits, write_waited) = self.counted.write_waits();
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
