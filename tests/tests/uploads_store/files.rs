//! The files store on the disk of this machine.

use std::fs;
use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use tidegate_gateway::upload::store::files::{Files, Settings};
use tidegate_gateway::upload::store::{MAX_PUSH, Store, StoreError, open};
use tidegate_tests::storage::kills::scratch;
use tidegate_tests::storage::writer::content;

use crate::behaviour::{Shared, every_store, push, read, record};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_do_what_every_store_does() {
    let folder = scratch("files");
    every_store(open(folder.to_str().unwrap()).await.unwrap()).await;
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_folder_has_one_store_at_a_time_and_nothing_is_lost_in_between() {
    let folder = scratch("handover");
    let record = record(1, 1);
    let bytes = content(&record.id, 0, 3_000_000);
    let store: Shared = Arc::new(Files::open(&folder, Settings::default()).await.unwrap());
    let mut writer = store.create(&record).await.unwrap();
    push(&mut writer, &bytes).await;
    let secret = store.secret().await.unwrap();
    let next = tokio::spawn(open_next(folder.clone()));
    drop((writer, store));
    // The folder was let go only when what was pushed was durable.
    let store: Shared = next.await.unwrap();
    assert_eq!(store.look(&record.id).await.unwrap().offset, 3_000_000);
    assert!(read(&store, &record.id, 0).await == bytes);
    assert_eq!(store.secret().await.unwrap(), secret);
    fs::remove_dir_all(&folder).unwrap();
}

async fn open_next(folder: std::path::PathBuf) -> Shared {
    Arc::new(Files::open(folder, Settings::default()).await.unwrap())
}

#[tokio::test]
async fn bytes_that_were_changed_on_the_disk_are_not_given_out() {
    let folder = scratch("rot");
    let record = record(1, 1);
    let store: Shared = Arc::new(Files::open(&folder, Settings::default()).await.unwrap());
    let mut writer = store.create(&record).await.unwrap();
    push(&mut writer, &content(&record.id, 0, 3_000_000)).await;
    writer.sync().await.unwrap();
    drop(writer);
    let name =
        format!("{}/{}.data", record.id.owner().as_str(), record.id.as_str().split_once('-').unwrap().1);
    let mut bytes = fs::read(folder.join(&name)).unwrap();
    bytes[70_000] ^= 1;
    fs::write(folder.join(&name), bytes).unwrap();
    let last = store.read(&record.id, 0).collect::<Vec<_>>().await.pop();
    assert!(matches!(last, Some(Err(StoreError::Dead))));
    assert_eq!(read(&store, &record.id, 2_000_000).await.len(), 1_000_000);
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_queue_of_an_upload_and_of_all_is_bounded() {
    let folder = scratch("bounded");
    let files = Arc::new(Files::open(&folder, Settings::default().total_queue_bytes(4 << 20)).await.unwrap());
    let piece = Bytes::from(vec![1; MAX_PUSH]);
    let mut tasks = Vec::new();
    for number in 0..12 {
        let (files, piece) = (Arc::clone(&files), piece.clone());
        tasks.push(tokio::spawn(async move {
            let mut writer = files.create(&record(number, 1)).await.unwrap();
            let mut most = 0;
            for _ in 0..64 {
                poll_fn(|cx| writer.poll_room(cx)).await.unwrap();
                writer.push(piece.clone());
                most = most.max(files.queued_bytes());
            }
            assert_eq!(writer.sync().await.unwrap(), 64 * MAX_PUSH as u64);
            most
        }));
    }
    for task in tasks {
        assert!(task.await.unwrap() <= 4 << 20);
    }
    assert_eq!(files.queued_bytes(), 0);
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn what_a_crash_has_left_half_made_goes_when_the_folder_is_listed() {
    let folder = scratch("strays");
    let record = record(1, 1);
    let store: Shared = Arc::new(Files::open(&folder, Settings::default()).await.unwrap());
    drop(store.create(&record).await.unwrap());
    let owner = folder.join(record.id.owner().as_str());
    for name in ["data", "new"] {
        fs::write(owner.join(format!("{:032x}.{name}", 2)), "left behind").unwrap();
    }
    fs::write(owner.join("notes.txt"), "somebody's").unwrap();
    assert_eq!(store.list(None).count().await, 1);
    let mut names: Vec<_> = fs::read_dir(&owner)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [format!("{:032x}.data", 1), format!("{:032x}.upload", 1), "notes.txt".to_owned()]);
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn what_was_given_up_goes_once_it_has_expired() {
    let folder = scratch("expired");
    let store: Shared = Arc::new(Files::open(&folder, Settings::default()).await.unwrap());
    for (number, expires) in [(1, Some(7)), (2, None), (3, Some(u64::MAX))] {
        let mut record = record(1, number);
        record.expires = expires;
        let mut writer = store.create(&record).await.unwrap();
        push(&mut writer, &[1; 1000]).await;
        writer.kill().await.unwrap();
    }
    assert_eq!(store.list(None).count().await, 0);
    assert!(matches!(store.look(&record(1, 1).id).await, Err(StoreError::Missing)));
    assert!(matches!(store.look(&record(1, 2).id).await, Err(StoreError::Dead)));
    assert!(matches!(store.look(&record(1, 3).id).await, Err(StoreError::Dead)));
    let owner = folder.join(record(1, 1).id.owner().as_str());
    assert_eq!(fs::read_dir(&owner).unwrap().count(), 4);
    fs::remove_dir_all(&folder).unwrap();
}
