//! Buffers of large messages, used again: fresh memory of that size comes from the system page by page, which costs more
//! than all that is done with the bytes.

use std::cell::RefCell;

use bytes::Bytes;

/// Messages from this size on leave their buffer behind.
const MIN_BYTES: usize = 128 * 1024;

/// What a thread keeps for the next large messages, altogether.
const KEPT_BYTES: usize = 4 << 20;

thread_local! {
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Moves what is in `body` to a buffer that has room for `total` bytes, and not for more than twice as many, if one is
/// kept. It is in memory already, so it may be taken although most of the bytes are only announced.
pub(crate) fn move_to_kept(body: &mut Vec<u8>, total: usize) -> bool {
    let is_fit = |kept: &Vec<u8>| (total..=total.saturating_mul(2)).contains(&kept.capacity());
    let take = |kept: &RefCell<Vec<Vec<u8>>>| {
        let mut kept = kept.borrow_mut();
        let place = kept.iter().position(is_fit)?;
        Some(kept.swap_remove(place))
    };
    // A thread that ends keeps none any more.
    let Some(mut buffer) = KEPT.try_with(take).ok().flatten() else { return false };
    buffer.extend_from_slice(body);
    *body = buffer;
    true
}

/// The payload of a whole message. When all its handles are dropped, a large one leaves its buffer to the thread, so to
/// make a `Vec` of it takes a copy.
pub(crate) fn payload(body: Vec<u8>) -> Bytes {
    if body.capacity() < MIN_BYTES { body.into() } else { Bytes::from_owner(Kept(body)) }
}

/// A buffer that is kept when it is dropped.
struct Kept(Vec<u8>);

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            let bytes: usize = kept.iter().map(Vec::capacity).sum();
            if bytes + buffer.capacity() <= KEPT_BYTES {
                buffer.clear();
                kept.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> usize {
        KEPT.with_borrow(|kept| kept.iter().map(Vec::capacity).sum())
    }

    #[test]
    fn a_large_buffer_is_used_again_once_nobody_has_it() {
        let message = payload(vec![1; 1 << 20]);
        let (start, part) = (message.as_ptr(), message.slice(10..20));
        drop(message);
        let mut body = vec![7; 100];
        assert!(!move_to_kept(&mut body, 1 << 20), "a handle is left");
        drop(part);
        assert!(!move_to_kept(&mut body, 400 << 10), "it would be mostly empty");
        assert!(!move_to_kept(&mut body, (1 << 20) + 1), "it is too small");
        assert!(move_to_kept(&mut body, 600 << 10));
        assert_eq!((body.as_ptr(), &body[..]), (start, &[7; 100][..]));
        assert_eq!(kept(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let messages: Vec<Bytes> = (1..40).map(|i| payload(vec![1; i << 17])).collect();
        drop(messages);
        assert!((1..=KEPT_BYTES).contains(&kept()));
        drop(payload(vec![1; MIN_BYTES - 1]));
        KEPT.with_borrow(|kept| assert!(kept.iter().all(|buffer| buffer.capacity() >= MIN_BYTES)));
    }
}
