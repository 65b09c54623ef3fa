//! What a crash leaves of an upload that is removed, and a writer that wakes up when another one has gone on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::sync::Semaphore;

use super::bucket::{Bucket, ETags};
use super::manifest::Manifest;
use super::probe::conditional_writes;
use super::removal::{PATIENCE, clear};
use super::session::Session;
use crate::upload::store::{Form, Owner, Record, StoreError, UploadId};

fn manifest(expires: Option<u64>) -> Manifest {
    let record = Record {
        id: UploadId::new(&Owner::of_key(1), 1),
        form: Form::Whole,
        length: Some(5),
        is_complete: true,
        created: 0,
        expires,
        metadata: String::new(),
        parts: None,
    };
    Manifest::new(record, 1)
}

fn bucket() -> Bucket {
    Bucket::new(Arc::new(InMemory::new()), Path::default(), ETags::Quoted)
}

#[tokio::test]
async fn an_upload_that_is_half_removed_is_gone_and_its_rest_goes_later() {
    let bucket = bucket();
    let half = Manifest { is_dead: true, is_removed: true, ..manifest(None) };
    let id = half.record.id.clone();
    half.put(&bucket, None).await.unwrap();
    bucket.objects.put(&bucket.data(&id), "bytes".into()).await.unwrap();
    assert!(matches!(Manifest::get(&bucket, &id).await, Err(StoreError::Missing)));
    assert!(!clear(&bucket, &id, PATIENCE).await.unwrap(), "somebody may be at it");
    assert!(clear(&bucket, &id, Duration::ZERO).await.unwrap());
    assert!(bucket.objects.head(&bucket.data(&id)).await.is_err());
    assert!(bucket.objects.head(&bucket.manifest(&id)).await.is_err());
    assert!(!clear(&bucket, &id, Duration::ZERO).await.unwrap(), "there is nothing");
}

#[tokio::test]
async fn only_what_was_given_up_and_has_expired_is_cleared() {
    let later = Some(u64::MAX);
    for (is_dead, expires, goes) in
        [(true, Some(7), true), (true, later, false), (true, None, false), (false, Some(7), false)]
    {
        let bucket = bucket();
        let manifest = Manifest { is_dead, ..manifest(expires) };
        manifest.put(&bucket, None).await.unwrap();
        assert_eq!(clear(&bucket, &manifest.record.id, Duration::ZERO).await.unwrap(), goes, "{manifest:?}");
    }
}

#[tokio::test]
async fn a_bucket_with_conditional_writes_is_taken_and_left_as_it_was() {
    let objects = InMemory::new();
    let etags = conditional_writes(&objects, &Path::from("below")).await.unwrap();
    assert_eq!(etags, ETags::Quoted);
    assert_eq!(objects.list(None).count().await, 0);
}

#[tokio::test]
async fn a_writer_that_was_asleep_replaces_no_part_of_the_one_that_went_on() {
    const PART: usize = 2048;
    let (bucket, memory) = (bucket(), Arc::new(Semaphore::new(100)));
    let manifest = Manifest { part_bytes: PART as u64, ..manifest(None) };
    let record = Record { is_complete: false, length: None, ..manifest.record.clone() };
    let (id, manifest) = (record.id.clone(), Manifest { record: record.clone(), ..manifest });
    let of = |byte: u8, length: usize| Bytes::from(vec![byte; length]);
    let mut older = Session::create(bucket.clone(), manifest, memory.clone()).await.unwrap();
    older.add(of(b'a', PART)).await.unwrap();
    older.add(of(b'x', PART - 1)).await.unwrap();
    let mut newer = Session::open(bucket.clone(), &id, memory).await.unwrap();
    assert_eq!(newer.durable(), PART as u64);
    newer.add(of(b'b', PART + 5)).await.unwrap();
    assert!(matches!(older.add(of(b'x', 1)).await, Err(StoreError::Fenced)));
    newer.update(Record { is_complete: true, ..record }).await.unwrap();
    let bytes = bucket.objects.get(&bucket.data(&id)).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, [of(b'a', PART), of(b'b', PART + 5)].concat());
}

#[tokio::test]
async fn a_write_that_is_repeated_is_told_from_that_of_another_writer() {
    let bucket = bucket();
    let mut mine = manifest(None);
    mine.take_over().unwrap();
    let first = mine.put(&bucket, None).await.unwrap();
    // The same once more, as when the first answer was lost.
    assert_eq!(mine.put(&bucket, None).await.unwrap().e_tag, first.e_tag);
    mine.fence += 1;
    let second = mine.put(&bucket, Some(first.clone())).await.unwrap();
    assert_eq!(mine.put(&bucket, Some(first.clone())).await.unwrap().e_tag, second.e_tag);
    let mut other = mine.clone();
    other.take_over().unwrap();
    assert!(matches!(other.put(&bucket, None).await, Err(StoreError::Exists)));
    assert!(matches!(other.put(&bucket, Some(first)).await, Err(StoreError::Fenced)));
    assert_eq!(Manifest::get(&bucket, &mine.record.id).await.unwrap().0.writer, mine.writer);
}
