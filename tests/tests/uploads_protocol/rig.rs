//! A server of its own for each test, with a folder of its own.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_gateway::Settings;
use tidegate_gateway::upload::store::{self, Store, StoreError};
use tidegate_gateway::upload::{Limits, Uploads};
use tidegate_tests::random::Random;
use tidegate_tests::raw::soon;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::wire::{Answer, Client};

/// A running server. Its folder goes when this is dropped.
pub(crate) struct Server {
    pub(crate) address: String,
    folder: Folder,
    limits: Limits,
    running: Running,
}

/// A server that listens until it is told to leave.
struct Running {
    task: JoinHandle<std::io::Result<()>>,
    leave: oneshot::Sender<()>,
}

struct Folder(PathBuf);

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default(), |settings| settings).await
    }

    pub(crate) async fn with(limits: Limits, settings: impl FnOnce(Settings) -> Settings) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-uploads-{}-{number}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        let (address, running) = run(&folder, &limits, settings).await;
        Self { address, folder, limits, running }
    }

    /// The process ends in order, and another one begins with the same files, at another address.
    pub(crate) async fn restart(&mut self) {
        let (task, leave) = (&mut self.running.task, oneshot::channel().0);
        std::mem::replace(&mut self.running.leave, leave).send(()).unwrap();
        soon(task).await.unwrap().unwrap();
        (self.address, self.running) = run(&self.folder, &self.limits, |settings| settings).await;
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, head: &str, fields: &str, body: impl AsRef<[u8]>) -> Answer {
        self.client().await.ask(head, fields, body).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn run(
    folder: &Folder,
    limits: &Limits,
    settings: impl FnOnce(Settings) -> Settings,
) -> (String, Running) {
    let store = soon(open(folder.0.to_str().unwrap())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let settings = settings(Settings::new().uploads(Uploads::new(store, limits.clone())));
    let (leave, left) = oneshot::channel();
    // A server that is dropped is aborted, so the signal that nobody gives is none.
    let signal = async move {
        if left.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    (
        address,
        Running { task: tokio::spawn(tidegate_gateway::serve_until(listener, settings, signal)), leave },
    )
}

/// Opens the store, once whoever had it has let go of it.
async fn open(folder: &str) -> Arc<dyn Store> {
    loop {
        match store::open(folder).await {
            Err(StoreError::Io(error)) if error.kind() == ErrorKind::ResourceBusy => {
                tokio::task::yield_now().await;
            }
            opened => return opened.unwrap(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.task.abort();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file of so many bytes, which differ from those of any other seed.
pub(crate) fn file(seed: u64, len: usize) -> Vec<u8> {
    Random::new(seed).bytes(len)
}
