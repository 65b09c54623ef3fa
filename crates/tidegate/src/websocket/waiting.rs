//! Who is woken when the transport has something to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use futures_util::task::AtomicWaker;

use super::call::Call;

/// The tasks that wait for a connection's transport.
///
/// The transport only ever knows one waker, this one, whoever polls it. When it fires, the waiting reader and the
/// waiting writer are woken directly, without a hop through another task; when nobody waits to read, the driver is
/// woken in the reader's place. So no half can take the other's wake-up away, and none is lost when a half is
/// dropped. A reader that is woken and does not come, since its task has lost interest without dropping it, is found
/// by the driver, which is told of the first call after a quiet time.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) reader: AtomicWaker,
    pub(crate) writer: AtomicWaker,
    pub(crate) driver: Call,
    /// The reader was called, and has not come since.
    pub(crate) is_called: AtomicBool,
    /// The driver looks after the reader before long, so it need not be told.
    pub(crate) is_watched: AtomicBool,
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.reader.take() {
            Some(reader) => {
                self.is_called.store(true, Ordering::Release);
                if !self.is_watched.load(Ordering::Acquire) && !self.is_watched.swap(true, Ordering::AcqRel) {
                    self.driver.wake();
                }
                reader.wake();
            }
            None => self.driver.wake(),
        }
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}
