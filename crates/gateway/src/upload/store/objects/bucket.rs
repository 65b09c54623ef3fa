//! The bucket, and where in it things are.

use std::io;
use std::sync::Arc;

use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{Error, ObjectStore, PutMode, UpdateVersion};

use crate::upload::store::{Owner, StoreError, UploadId};

/// What is asked of a store: objects, and objects that come in parts.
pub(super) trait Parts: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Parts for T {}

/// A bucket, and a prefix in it.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) objects: Arc<dyn Parts>,
    prefix: Path,
    etags: ETags,
}

/// How a bucket wants to be told which version is to be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ETags {
    /// As it says itself, in quotation marks: RFC 9110 §8.8.3.
    Quoted,
    /// Without them. Ceph's gateway (16.2), and what is made of it, take no others in `If-Match`.
    Bare,
}

impl ETags {
    /// A version as `If-Match` is to name it.
    pub(super) fn named(self, version: UpdateVersion) -> UpdateVersion {
        match (self, version.e_tag) {
            (Self::Bare, Some(tag)) => {
                UpdateVersion { e_tag: Some(tag.trim_matches('"').to_owned()), ..version }
            }
            (_, e_tag) => UpdateVersion { e_tag, ..version },
        }
    }
}

impl Bucket {
    pub(super) fn new(objects: Arc<dyn Parts>, prefix: Path, etags: ETags) -> Self {
        Self { objects, prefix, etags }
    }

    /// A write that counts only if the version is still there.
    pub(super) fn instead_of(&self, version: UpdateVersion) -> PutMode {
        PutMode::Update(self.etags.named(version))
    }

    fn place(&self, folder: &str, id: &UploadId) -> Path {
        let secret = id.as_str().rsplit('-').next().unwrap_or_default();
        self.prefix.clone().join(folder).join(id.owner().as_str()).join(secret)
    }

    pub(super) fn manifest(&self, id: &UploadId) -> Path {
        self.place("manifests", id)
    }

    /// The manifests of an owner, or of all.
    pub(super) fn manifests(&self, owner: Option<&Owner>) -> Path {
        let all = self.prefix.clone().join("manifests");
        match owner {
            Some(owner) => all.join(owner.as_str()),
            None => all,
        }
    }

    /// The bytes, once all are there.
    pub(super) fn data(&self, id: &UploadId) -> Path {
        self.place("data", id)
    }

    pub(super) fn tail(&self, id: &UploadId, name: &str) -> Path {
        self.place("tails", id).join(name)
    }

    pub(super) fn secret(&self) -> Path {
        self.prefix.clone().join("secret")
    }
}

/// What an error of the object store means.
pub(super) fn meaning(error: Error) -> StoreError {
    match error {
        Error::NotFound { .. } => StoreError::Missing,
        Error::AlreadyExists { .. } => StoreError::Exists,
        Error::Precondition { .. } => StoreError::Fenced,
        error => StoreError::Io(io::Error::other(error)),
    }
}
