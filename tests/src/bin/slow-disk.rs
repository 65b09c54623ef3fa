//! `slow-disk FOLDER BYTES`: the demo's WebSockets and uploads on one port, over a disk that takes so many bytes a second.
//!
//! `cargo xtask bench --uploads` runs it. A throttled block device needs root and a kernel that offers one. So the files
//! store is real, and a store around it has no more room than such a disk would leave.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tidegate_gateway::Settings;
use tidegate_gateway::upload::store::files::{Files, Settings as Disk};
use tidegate_gateway::upload::{Limits, Uploads};
use tidegate_tests::storage::faulty::Fault;
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slow-disk: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rate] = &words[..] else { return Err("slow-disk FOLDER BYTES".into()) };
    let files = Files::open(Path::new(folder), Disk::default()).await?;
    let store = Fault::slow(rate.parse()?).around(Arc::new(files));
    let settings = Settings::new().uploads(Uploads::new(store, Limits::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    // It is killed by whoever started it.
    tidegate_gateway::demo_until(listener, settings, std::future::pending()).await?;
    Ok(())
}
