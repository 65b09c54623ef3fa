//! What every store does.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use tidegate_gateway::upload::store::{Form, MAX_PUSH, Owner, Record, Store, StoreError, UploadId, Writer};
use tidegate_tests::storage::writer::content;

pub(crate) type Shared = Arc<dyn Store>;

/// One after the other, each with uploads of its own.
pub(crate) async fn every_store(store: Shared) {
    bytes_come_back(&store).await;
    an_id_is_taken_once(&store).await;
    what_a_dropped_writer_has_pushed_is_kept(&store).await;
    a_newer_writer_fences_off_the_older(&store).await;
    held_bytes_count_only_once_they_are_synced(&store).await;
    a_record_is_replaced_behind_the_bytes(&store).await;
    parts_are_joined_and_stay(&store).await;
    what_is_removed_is_gone(&store).await;
    what_is_killed_stays_dead(&store).await;
    what_is_dead_goes_with_a_list_once_it_has_expired(&store).await;
    a_list_shows_what_there_is(&store).await;
    assert_eq!(store.secret().await.unwrap(), store.secret().await.unwrap());
    assert_ne!(store.secret().await.unwrap(), [0; 32]);
}

pub(crate) fn record(owner: u64, number: u128) -> Record {
    let owner = Owner::parse(&format!("{owner:016x}")).unwrap();
    Record {
        id: UploadId::new(&owner, number),
        form: Form::Whole,
        length: None,
        is_complete: false,
        created: 5,
        expires: Some(7),
        metadata: "filename Zm9v".into(),
        parts: None,
    }
}

pub(crate) async fn push(writer: &mut Box<dyn Writer>, bytes: &[u8]) {
    for piece in bytes.chunks(MAX_PUSH) {
        poll_fn(|cx| writer.poll_room(cx)).await.unwrap();
        writer.push(Bytes::copy_from_slice(piece));
    }
}

pub(crate) async fn read(store: &Shared, id: &UploadId, from: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut pieces = store.read(id, from);
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    bytes
}

/// Marks an upload as complete, as the service does behind the last byte.
pub(crate) async fn complete(writer: &mut Box<dyn Writer>, length: u64) {
    let mut record = writer.record().clone();
    (record.is_complete, record.length) = (true, Some(length));
    writer.update(record).await.unwrap();
}

async fn bytes_come_back(store: &Shared) {
    for (number, length) in [0usize, 1, 65_536, 200_001, 12_000_000].into_iter().enumerate() {
        let record = record(1, number as u128);
        let bytes = content(&record.id, 0, length);
        let mut writer = store.create(&record).await.unwrap();
        assert_eq!((writer.record(), writer.durable()), (&record, 0));
        push(&mut writer, &bytes).await;
        assert_eq!(writer.sync().await.unwrap(), length as u64);
        assert_eq!(writer.durable(), length as u64);
        if length > 0 {
            assert_eq!(poll_fn(|cx| writer.poll_durable(cx, 0)).await.unwrap(), length as u64);
        }
        let stored = store.look(&record.id).await.unwrap();
        assert_eq!((&stored.record, stored.offset), (&record, length as u64));
        complete(&mut writer, length as u64).await;
        drop(writer);
        assert_eq!(read(store, &record.id, 0).await, bytes);
        assert_eq!(read(store, &record.id, length as u64 / 2).await, &bytes[length / 2..]);
        assert_eq!(read(store, &record.id, length as u64).await, b"");
        assert!(store.look(&record.id).await.unwrap().record.is_complete);
    }
}

async fn an_id_is_taken_once(store: &Shared) {
    let record = record(2, 1);
    assert!(matches!(store.look(&record.id).await, Err(StoreError::Missing)));
    assert!(matches!(store.append(&record.id).await.map(drop), Err(StoreError::Missing)));
    let writer = store.create(&record).await.unwrap();
    assert!(matches!(store.create(&record).await.map(drop), Err(StoreError::Exists)));
    drop(writer);
    assert!(matches!(store.create(&record).await.map(drop), Err(StoreError::Exists)));
    assert!(matches!(store.read(&record_missing().id, 0).next().await, Some(Err(StoreError::Missing))));
}

fn record_missing() -> Record {
    record(2, 99)
}

async fn what_a_dropped_writer_has_pushed_is_kept(store: &Shared) {
    let record = record(3, 1);
    let bytes = content(&record.id, 0, 700_000);
    let mut writer = store.create(&record).await.unwrap();
    let mut at = 0;
    for length in [1, 100_000, 299_999, 300_000] {
        push(&mut writer, &bytes[at..at + length]).await;
        at += length;
        drop(writer);
        writer = store.append(&record.id).await.unwrap();
        assert_eq!((writer.durable(), writer.record()), (at as u64, &record));
    }
    complete(&mut writer, 700_000).await;
    assert_eq!(read(store, &record.id, 0).await, bytes);
}

async fn a_newer_writer_fences_off_the_older(store: &Shared) {
    let record = record(4, 1);
    let bytes = content(&record.id, 0, 300_000);
    let mut older = store.create(&record).await.unwrap();
    push(&mut older, &bytes[..100_000]).await;
    let mut newer = store.append(&record.id).await.unwrap();
    assert_eq!(newer.durable(), 100_000);
    older.push(Bytes::from_static(b"too late"));
    assert!(matches!(older.sync().await, Err(StoreError::Fenced)));
    assert!(matches!(poll_fn(|cx| older.poll_room(cx)).await, Err(StoreError::Fenced)));
    assert!(matches!(poll_fn(|cx| older.poll_durable(cx, 0)).await, Err(StoreError::Fenced)));
    push(&mut newer, &bytes[100_000..]).await;
    drop(older);
    assert_eq!(newer.sync().await.unwrap(), 300_000);
    complete(&mut newer, 300_000).await;
    assert_eq!(read(store, &record.id, 0).await, bytes);
}

async fn held_bytes_count_only_once_they_are_synced(store: &Shared) {
    let record = record(5, 1);
    let bytes = content(&record.id, 0, 900_000);
    let wrong = vec![b'x'; 800_000];
    let mut writer = store.create(&record).await.unwrap();
    push(&mut writer, &bytes[..100_000]).await;
    writer.hold().await.unwrap();
    assert_eq!(writer.durable(), 100_000);
    push(&mut writer, &wrong).await;
    assert_eq!(writer.roll_back().await.unwrap(), 100_000);
    push(&mut writer, &bytes[100_000..400_000]).await;
    writer.hold().await.unwrap();
    push(&mut writer, &bytes[400_000..500_000]).await;
    assert_eq!(store.look(&record.id).await.unwrap().offset, 400_000);
    assert_eq!(writer.sync().await.unwrap(), 500_000);
    writer.hold().await.unwrap();
    push(&mut writer, &wrong).await;
    // Whether it is dropped or taken over, what is held is gone.
    drop(writer);
    let mut writer = store.append(&record.id).await.unwrap();
    assert_eq!(writer.durable(), 500_000);
    writer.hold().await.unwrap();
    push(&mut writer, &wrong).await;
    let mut newer = store.append(&record.id).await.unwrap();
    assert_eq!(newer.durable(), 500_000);
    push(&mut newer, &bytes[500_000..]).await;
    complete(&mut newer, 900_000).await;
    assert_eq!(read(store, &record.id, 0).await, bytes);
}

async fn a_record_is_replaced_behind_the_bytes(store: &Shared) {
    let mut record = record(6, 1);
    let mut writer = store.create(&record).await.unwrap();
    push(&mut writer, &content(&record.id, 0, 50_000)).await;
    record.metadata = "filename ".to_owned() + &"Zm9v".repeat(2_000);
    record.length = Some(50_001);
    writer.update(record.clone()).await.unwrap();
    assert_eq!(writer.record(), &record);
    let stored = store.look(&record.id).await.unwrap();
    assert_eq!((stored.record, stored.offset), (record.clone(), 50_000));
    drop(writer);
    assert_eq!(store.append(&record.id).await.unwrap().record(), &record);
}

async fn parts_are_joined_and_stay(store: &Shared) {
    let lengths = [100_000usize, 0, 65_536, 6_000_001];
    let mut ids = Vec::new();
    let mut all = Vec::new();
    for (number, length) in lengths.into_iter().enumerate() {
        let mut part = record(7, number as u128);
        part.form = Form::Part;
        let bytes = content(&part.id, 0, length);
        let mut writer = store.create(&part).await.unwrap();
        push(&mut writer, &bytes).await;
        complete(&mut writer, length as u64).await;
        ids.push(part.id);
        all.extend_from_slice(&bytes);
    }
    let mut joined = record(7, 100);
    (joined.form, joined.is_complete, joined.length) = (Form::Joined, true, Some(all.len() as u64));
    // As long as it may be, and more than a page.
    joined.parts = Some("/uploads/x ".repeat(1_489).into());
    let stored = store.concatenate(&joined, &ids).await.unwrap();
    assert_eq!((&stored.record, stored.offset), (&joined, all.len() as u64));
    assert_eq!(store.look(&joined.id).await.unwrap(), stored);
    assert!(read(store, &joined.id, 0).await == all);
    assert_eq!(store.look(&ids[0]).await.unwrap().offset, 100_000);
    let again = store.concatenate(&joined, &ids).await;
    assert!(matches!(again, Err(StoreError::Exists)), "{again:?}");
    let missing = store.concatenate(&record(7, 101), &[record_missing().id]).await;
    assert!(matches!(missing, Err(StoreError::Missing)), "{missing:?}");
}

async fn what_is_removed_is_gone(store: &Shared) {
    let record = record(8, 1);
    let mut writer = store.create(&record).await.unwrap();
    push(&mut writer, &content(&record.id, 0, 10_000)).await;
    store.remove(&record.id).await.unwrap();
    assert!(matches!(writer.sync().await, Err(StoreError::Missing | StoreError::Fenced)));
    assert!(matches!(store.look(&record.id).await, Err(StoreError::Missing)));
    store.remove(&record.id).await.unwrap();
    drop(writer);
    // Its place is free.
    let writer = store.create(&record).await.unwrap();
    assert_eq!(writer.durable(), 0);
    assert_eq!(read(store, &record.id, 0).await, b"");
}

async fn what_is_killed_stays_dead(store: &Shared) {
    let record = record(9, 1);
    let mut writer = store.create(&record).await.unwrap();
    push(&mut writer, &content(&record.id, 0, 10_000)).await;
    writer.kill().await.unwrap();
    assert!(matches!(writer.sync().await, Err(StoreError::Dead)));
    drop(writer);
    assert!(matches!(store.look(&record.id).await, Err(StoreError::Dead)));
    assert!(matches!(store.append(&record.id).await.map(drop), Err(StoreError::Dead)));
    store.remove(&record.id).await.unwrap();
    assert!(matches!(store.look(&record.id).await, Err(StoreError::Missing)));
}

async fn what_is_dead_goes_with_a_list_once_it_has_expired(store: &Shared) {
    let (expired, later) = (record(12, 1), Record { expires: Some(u64::MAX), ..record(12, 2) });
    for record in [&expired, &later] {
        let mut writer = store.create(record).await.unwrap();
        push(&mut writer, &content(&record.id, 0, 10_000)).await;
        writer.kill().await.unwrap();
    }
    let owner = expired.id.owner();
    let mut lists = 0;
    // A writer that was dropped needs its time to go.
    while !matches!(store.look(&expired.id).await, Err(StoreError::Missing)) {
        assert_eq!(store.list(Some(&owner)).count().await, 0);
        lists += 1;
        assert!(lists < 1000, "it stays");
    }
    assert!(matches!(store.look(&later.id).await, Err(StoreError::Dead)));
}

async fn a_list_shows_what_there_is(store: &Shared) {
    let owner = record(10, 0).id.owner();
    let mut expected = Vec::new();
    for number in 0..70 {
        let record = record(10, number);
        drop(store.create(&record).await.unwrap());
        expected.push(record.id.as_str().to_owned());
    }
    let listed: Vec<_> = store.list(Some(&owner)).collect().await;
    let mut ids: Vec<_> =
        listed.into_iter().map(|stored| stored.unwrap().record.id.as_str().to_owned()).collect();
    ids.sort();
    assert_eq!(ids, expected);
    let all: Vec<_> = store.list(None).collect().await;
    assert!(all.len() > 70 && all.iter().all(Result::is_ok));
    let nobody = record(11, 0).id.owner();
    assert_eq!(store.list(Some(&nobody)).count().await, 0);
}
