//! What time it is, and what has expired.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::store::Record;

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What time it is so much later, in milliseconds since 1970.
pub(super) fn expires_in(duration: Duration) -> u64 {
    now().saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Whether a record has expired.
pub(super) fn has_expired(record: &Record) -> bool {
    record.expires.is_some_and(|expires| expires <= now())
}
