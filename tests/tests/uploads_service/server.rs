//! A server with a store of its own for each test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::StreamExt;
use tidegate_gateway::Settings;
use tidegate_gateway::upload::store::files::Files;
use tidegate_gateway::upload::store::{Store, files};
use tidegate_gateway::upload::{Limits, Uploads};
use tidegate_tests::random::Random;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::peer::{Answer, Peer};

/// A running server, which stops accepting when this is dropped; its folder goes then.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) uploads: Uploads,
    pub(crate) store: Arc<dyn Store>,
    task: JoinHandle<std::io::Result<()>>,
    _folder: Folder,
}

/// A folder that is removed when this is dropped.
pub(crate) struct Folder(PathBuf);

/// What `tus` says in every request.
pub(crate) const TUS: &str = "tus-resumable: 1.0.0\r\n";

/// What a PATCH of tus says, but for its offset.
pub(crate) const PATCH: &str = "tus-resumable: 1.0.0\r\ncontent-type: application/offset+octet-stream\r\n";

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::over(limits, |files| files).await
    }

    /// With a store around the files.
    pub(crate) async fn over(limits: Limits, wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Self {
        let folder = Folder::new();
        let store = wrap(files(folder.path()).await);
        let uploads = Uploads::new(store.clone(), limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let settings = Settings::new().uploads(uploads.clone());
        let task = tokio::spawn(tidegate_gateway::serve(listener, settings));
        Self { address, uploads, store, task, _folder: folder }
    }

    pub(crate) async fn peer(&self) -> Peer {
        Peer::connect(&self.address).await
    }

    /// A request on a connection of its own, and its answer.
    pub(crate) async fn ask(&self, method: &str, path: &str, lines: &str, body: &[u8]) -> Answer {
        let mut peer = self.peer().await;
        peer.request(method, path, lines, body).await;
        peer.answer().await
    }

    /// Creates an upload by tus, and gives its path.
    pub(crate) async fn create(&self, length: u64) -> String {
        let answer = self.ask("POST", "/uploads", &format!("{TUS}upload-length: {length}\r\n"), b"").await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.header("location").to_owned()
    }

    /// How much is there, by HEAD.
    pub(crate) async fn offset(&self, path: &str) -> u64 {
        let answer = self.ask("HEAD", path, TUS, b"").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header("upload-offset").parse().unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, offset: u64, body: &[u8]) -> Answer {
        self.ask("PATCH", path, &format!("{PATCH}upload-offset: {offset}\r\n"), body).await
    }

    /// The id of the one upload that there is, if there is one.
    pub(crate) async fn only_upload(&self) -> Option<String> {
        let stored = self.store.list(None).next().await?.unwrap();
        Some(stored.record.id.as_str().to_owned())
    }

    /// The file.
    pub(crate) async fn download(&self, path: &str) -> Vec<u8> {
        let answer = self.ask("GET", path, "", b"").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("uploads-{}-{next}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The files store in a folder.
pub(crate) async fn files(folder: &Path) -> Arc<dyn Store> {
    Arc::new(Files::open(folder, files::Settings::default()).await.unwrap())
}

/// Bytes that tell where they belong.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    Random::new(0).bytes(length)
}
