//! The sessions of a server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidegate_proto::session::Config;
use tokio::sync::{Notify, Semaphore};

use super::live::Session;
use crate::websocket::Budget;

/// Sessions by their ids. Cheap to clone; clones are the same sessions.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    table: Mutex<HashMap<String, Arc<Session>>>,
    /// What the bodies of POSTs may hold together.
    bodies: Semaphore,
    /// Told when the table has become empty.
    emptied: Notify,
}

/// Random bytes of an id.
const ID_BYTES: usize = 16;

/// What the bodies of all POSTs may hold that have not been taken yet, in bytes.
const BODY_BYTES: usize = 64 << 20;

impl Default for Inner {
    fn default() -> Self {
        Self { table: Mutex::default(), bodies: Semaphore::new(BODY_BYTES), emptied: Notify::new() }
    }
}

/// A session's place in the table, free again when this is dropped: with its task, also when the runtime ends.
struct Entry {
    sessions: Sessions,
    id: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut table = self.sessions.lock();
        table.remove(&self.id);
        if table.is_empty() {
            self.sessions.inner.emptied.notify_waiters();
        }
    }
}

impl Sessions {
    /// A new session, unless there are so many; those included that are over and wait for their client to hear so.
    ///
    /// Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub(crate) fn open(
        &self,
        config: Config,
        limit: usize,
        budget: &Budget,
    ) -> Result<Option<Arc<Session>>, getrandom::Error> {
        let mut random = [0; ID_BYTES];
        getrandom::fill(&mut random)?;
        let id = URL_SAFE_NO_PAD.encode(random);
        let mut table = self.lock();
        if table.len() >= limit {
            return Ok(None);
        }
        let session = Arc::new(Session::new(id.clone(), config, budget.share()));
        table.insert(id.clone(), session.clone());
        drop(table);
        let (kept, entry) = (session.clone(), Entry { sessions: self.clone(), id });
        tokio::spawn(async move {
            kept.keep().await;
            drop(entry);
        });
        Ok(Some(session))
    }

    /// The session of this id, if it is there.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().get(id).cloned()
    }

    /// Ends the session of this id, and tells whether it was there.
    pub(crate) fn end(&self, id: &str) -> bool {
        // Its task empties its place; nobody is to find it until then.
        let found = self.lock().remove(id);
        found.inspect(|session| session.abandon()).is_some()
    }

    /// Waits until there are none.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.inner.emptied.notified();
            if self.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    /// Room for the bodies of POSTs, a permit a byte.
    pub(crate) fn bodies(&self) -> &Semaphore {
        &self.inner.bodies
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.inner.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
