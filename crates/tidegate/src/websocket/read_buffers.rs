//! Read buffers of a thread: a connection borrows one while it has undecoded bytes, and an idle one owns none.

use std::cell::RefCell;

use tidegate_proto::websocket::READ_BUFFER_BYTES;

/// Buffers that a thread keeps for the next reader.
const KEPT_BUFFERS: usize = 4;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer of [`READ_BUFFER_BYTES`].
pub(crate) fn borrow() -> Vec<u8> {
    BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(READ_BUFFER_BYTES))
}

/// Gives a buffer back.
pub(crate) fn give_back(mut buffer: Vec<u8>) {
    BUFFERS.with_borrow_mut(|buffers| {
        if buffers.len() < KEPT_BUFFERS && buffer.capacity() >= READ_BUFFER_BYTES {
            buffer.clear();
            buffers.push(buffer);
        }
    });
}
