//! What all uploads of a store share.

use std::any::Any;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::disk::Disk;
use super::room::Room;
use super::settings::Settings;
use crate::upload::store::{Owner, UploadId};

/// What all uploads of a store share, apart from the threads.
pub(super) struct Engine {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) root: PathBuf,
    /// A number that no other opening of the store has.
    pub(super) run: u64,
    pub(super) settings: Settings,
    pub(super) room: Room,
    pub(super) graves: Graves,
    pub(super) busy: Busy,
    /// Owners whose folder is known to be durable.
    pub(super) owners: Mutex<HashSet<Owner>>,
    /// Keeps other processes out, until the last upload is closed.
    pub(super) _lock: Box<dyn Any + Send + Sync>,
}

/// Where an upload is.
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) data: PathBuf,
    pub(super) sidecar: PathBuf,
    /// A sidecar that is being made.
    pub(super) new: PathBuf,
}

/// The ends of the files' names.
pub(super) const DATA: &str = ".data";
/// An upload exists when this file does.
pub(super) const SIDECAR: &str = ".upload";
/// What a crash has left.
pub(super) const NEW: &str = ".new";

impl Paths {
    pub(super) fn of(root: &Path, id: &UploadId) -> Self {
        let folder = root.join(id.owner().as_str());
        let secret = id.as_str().rsplit('-').next().unwrap_or_default();
        let file = |ending: &str| folder.join(format!("{secret}{ending}"));
        Self { data: file(DATA), sidecar: file(SIDECAR), new: file(NEW), folder }
    }
}

/// Uploads that were given up while the disk could not even note that.
#[derive(Default)]
pub(super) struct Graves(Mutex<HashSet<UploadId>>);

impl Graves {
    pub(super) fn add(&self, id: UploadId) {
        self.lock().insert(id);
    }

    pub(super) fn remove(&self, id: &UploadId) {
        self.lock().remove(id);
    }

    pub(super) fn has(&self, id: &UploadId) -> bool {
        self.lock().contains(id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<UploadId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The uploads whose files are just being opened, made or removed, one at a time each.
#[derive(Default)]
pub(super) struct Busy {
    ids: Mutex<HashSet<UploadId>>,
    freed: Condvar,
}

/// An upload of which nobody else opens, makes or removes the files.
pub(super) struct Claim<'a> {
    busy: &'a Busy,
    id: UploadId,
}

impl Busy {
    /// Waits for its turn. Whoever has one works on the same thread until he gives it back, so this ends.
    pub(super) fn claim(&self, id: &UploadId) -> Claim<'_> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        while !ids.insert(id.clone()) {
            ids = self.freed.wait(ids).unwrap_or_else(PoisonError::into_inner);
        }
        Claim { busy: self, id: id.clone() }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.busy.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.busy.freed.notify_all();
    }
}
