//! A network that breaks: connections are cut after so many bytes of the client.

use std::sync::{Arc, Mutex};

use tidegate_tests::random::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Between clients and a server. Connections last until they have brought as many bytes as the next cut says; when there
/// are no more cuts, they last.
pub(crate) struct Cutter {
    pub(crate) address: String,
    cuts: Arc<Mutex<Vec<u64>>>,
    task: JoinHandle<()>,
}

impl Cutter {
    /// Cuts at some bytes of each so many, `times` times.
    pub(crate) async fn start(server: &str, seed: u64, times: usize, every: u64) -> Self {
        let mut random = Random::new(seed);
        // Behind the head of any request, so that it is bytes of the file that break off.
        let cuts = (0..times).map(|_| 5_000 + random.below(every)).collect();
        let cuts = Arc::new(Mutex::new(cuts));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(run(listener, server.to_owned(), cuts.clone()));
        Self { address, cuts, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many cuts have not been made.
    pub(crate) fn left(&self) -> usize {
        self.cuts.lock().unwrap().len()
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(listener: TcpListener, server: String, cuts: Arc<Mutex<Vec<u64>>>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let Ok(server) = TcpStream::connect(&server).await else { continue };
        tokio::spawn(carry(client, server, cuts.clone()));
    }
}

/// Carries bytes until either end has ended, or the cut comes. Dropping the streams with bytes unread resets them.
async fn carry(mut client: TcpStream, mut server: TcpStream, cuts: Arc<Mutex<Vec<u64>>>) {
    let (mut up, mut down) = (vec![0; 8192], vec![0; 8192]);
    let mut brought = 0;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Some(len) = read.ok().filter(|len| *len > 0) else { return };
                brought += len as u64;
                if is_cut(&cuts, brought) {
                    return;
                }
                if server.write_all(&up[..len]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Some(len) = read.ok().filter(|len| *len > 0) else { return };
                if client.write_all(&down[..len]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether a connection that has brought so much is cut now. No other one is cut for the same.
fn is_cut(cuts: &Mutex<Vec<u64>>, brought: u64) -> bool {
    cuts.lock().unwrap().pop_if(|cut| brought > *cut).is_some()
}
