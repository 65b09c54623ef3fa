//! The store in buckets of servers that keep them on disk: Ceph, which is killed and started again, and one that cannot
//! be trusted.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tidegate_gateway::upload::call::{Broken, Source};
use tidegate_gateway::upload::command::{Append, Create, UploadError};
use tidegate_gateway::upload::store::{Form, MAX_PUSH, Owner};
use tidegate_gateway::upload::{Limits, Uploads};
use tidegate_tests::storage::ceph::Ceph;
use tidegate_tests::storage::kills::{kill_both_on_and_on, scratch};
use tidegate_tests::storage::writer::content;
use tidegate_tests::storage::{BUCKET, free_port, open_store};
use tidegate_tests::tools;

use crate::behaviour::every_store;

/// How often the writer and the server are killed.
const ROUNDS: u64 = 12;

const SEED: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_on_disk_does_what_every_store_does_and_survives_kills_of_writer_and_server() {
    let folder = scratch("ceph");
    let ceph = Ceph::make(&folder).unwrap();
    every_store(open_store(ceph.url().as_ref()).await.unwrap()).await;
    let mut ceph = an_upload_goes_on_when_its_server_is_back(ceph).await;
    let program = Path::new(env!("CARGO_BIN_EXE_store-crash"));
    let survived = kill_both_on_and_on(program, &mut ceph, ROUNDS, SEED, |_, _| ()).await;
    drop(ceph);
    survived.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The gateway is killed while a body comes, three times. The client does what clients do: it asks how much is there, and
/// sends the rest.
async fn an_upload_goes_on_when_its_server_is_back(mut ceph: Ceph) -> Ceph {
    let store = open_store(ceph.url().as_ref()).await.unwrap();
    let uploads = Uploads::new(store, Limits::default());
    let owner = Owner::of_key(77);
    let create = Create { id: None, form: Form::Whole, length: Some(LENGTH as u64), metadata: String::new() };
    let id = uploads.create(&owner, create).await.unwrap().record.id;
    let bytes = Bytes::from(content(&id, 0, LENGTH));
    let mut acknowledged = 0;
    for round in 0.. {
        assert!(round < 20, "it does not come to its end");
        let state = match uploads.look(&owner, &id).await {
            Ok(state) => state,
            Err(UploadError::Storage(_)) => continue,
            Err(error) => panic!("{error:?}"),
        };
        assert!(state.offset >= acknowledged, "{} of {acknowledged} acknowledged bytes", state.offset);
        if state.record.is_complete {
            break;
        }
        let (news, first_news) = std::sync::mpsc::sync_channel(1);
        let killing = thread::spawn(move || {
            // The first bytes that are acknowledged, or the end of the body.
            if first_news.recv().is_ok() && round < 3 {
                ceph.kill_gateway();
                thread::sleep(Duration::from_millis(200));
                ceph.start().unwrap();
            }
            ceph
        });
        let append = Append { offset: state.offset, ..Append::default() };
        let mut body = Body(bytes.slice(state.offset as usize..));
        let mut tell = |offset| {
            acknowledged = acknowledged.max(offset);
            let _ = news.try_send(());
        };
        match uploads.append(&owner, &id, append, &mut body, &mut tell).await {
            Ok(state) => acknowledged = state.offset,
            Err(UploadError::Storage(_) | UploadError::TakenOver(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        drop(news);
        ceph = killing.join().unwrap();
    }
    let pieces: Vec<_> = uploads.read(&id, 0).map(Result::unwrap).collect().await;
    assert!(pieces.concat() == bytes);
    uploads.remove(&owner, &id).await.unwrap();
    ceph
}

const LENGTH: usize = 40_000_000;

/// A body that is there already.
struct Body(Bytes);

impl Source for Body {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        let piece = self.0.split_to(self.0.len().min(MAX_PUSH));
        Poll::Ready(Ok((!piece.is_empty()).then_some(piece)))
    }

    fn length(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}

/// localbucket, which keeps a bucket as a folder and does not know `If-Match`.
struct Careless(Child);

impl Drop for Careless {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_bucket_that_does_not_keep_conditional_writes_is_refused() {
    let folder = scratch("careless");
    std::fs::create_dir(folder.join(BUCKET)).unwrap();
    let (_server, url) = careless(&folder);
    let refused = open_store(url.as_ref()).await.map(drop).unwrap_err();
    assert!(refused.contains("If-Match") && refused.contains("conditional writes"), "{refused}");
    std::fs::remove_dir_all(&folder).unwrap();
}

fn careless(folder: &Path) -> (Careless, String) {
    let port = free_port().unwrap();
    let mut child = Command::new(tools::python())
        .args(["-u", "-m", "localbucket", "--port", &port.to_string()])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    let server = Careless(child);
    let mut lines = said.lines();
    let is_there = lines.any(|line| line.is_ok_and(|line| line.contains(" serving ")));
    assert!(is_there, "localbucket has ended");
    // So that it never waits for a reader that has gone.
    thread::spawn(move || lines.for_each(drop));
    (server, format!("http://127.0.0.1:{port}"))
}
