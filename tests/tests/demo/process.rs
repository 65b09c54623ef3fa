//! How much memory the process has, for tests that one at a time look at it.

use tokio::sync::Mutex;

/// Held by a test that moves or measures megabytes.
pub(crate) static MEMORY: Mutex<()> = Mutex::const_new(());

/// Bytes of memory in use; `None` where the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Fails when more than `limit` bytes have been added since `before`.
pub(crate) fn assert_grown_less_than(before: Option<u64>, limit: u64) {
    if let (Some(before), Some(now)) = (before, resident_bytes()) {
        let grown = now.saturating_sub(before);
        assert!(grown < limit, "the process has grown by {grown} bytes");
    }
}
