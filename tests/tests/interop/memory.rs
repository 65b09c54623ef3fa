//! How much memory a stalled reader costs.

use std::process::Command;

use crate::cell::{Cell, Compression, Meeting, Ours, Scheme, guarded};
use crate::flow::{Tally, standstill};
use crate::peer::Maker;

const SIZE: usize = 64 * 1024;

/// Read before the reader stops, so that all that is made once is there.
const WARM_UP: u64 = 64;
const MESSAGES: u64 = 1_024;

/// What the process may grow by while 64 MiB wait to be read.
const MOST_KIB: u64 = 1_024;

#[tokio::test]
async fn a_stalled_reader_of_python_websockets_holds_little() {
    const CELL: Cell<'_> = Cell(Maker::PythonWebsockets, Ours::Client, Scheme::Ws, Compression::Off);
    alone("memory::a_stalled_reader_of_python_websockets_holds_little", stall(&CELL)).await;
}

#[tokio::test]
async fn a_stalled_reader_of_node_ws_holds_little() {
    const CELL: Cell<'_> = Cell(Maker::NodeWs, Ours::Server, Scheme::Ws, Compression::Off);
    alone("memory::a_stalled_reader_of_node_ws_holds_little", stall(&CELL)).await;
}

#[tokio::test]
async fn a_stalled_reader_over_tls_with_deflate_holds_little() {
    const CELL: Cell<'_> = Cell(Maker::NodeWs, Ours::Server, Scheme::Wss, Compression::Deflate);
    alone("memory::a_stalled_reader_over_tls_with_deflate_holds_little", stall(&CELL)).await;
}

async fn stall(cell: &Cell<'_>) {
    let Meeting { mut readable, peer, .. } = cell.meet().await;
    let pushing = peer.push(MESSAGES, SIZE);
    let mut tally = Tally::default();
    for _ in 0..WARM_UP {
        tally.add(&readable.read().await.unwrap().unwrap());
    }
    let before = resident_kib();
    let pushed = standstill(async || peer.pushed().await).await;
    let grown = resident_kib().saturating_sub(before);
    println!("grown by {grown} KiB with {pushed} bytes pushed");
    assert!(pushed < MESSAGES * SIZE as u64, "the peer did not wait");
    assert!(grown < MOST_KIB, "the process has grown by {grown} KiB");
    for _ in WARM_UP..MESSAGES {
        tally.add(&readable.read().await.unwrap().unwrap());
    }
    assert_eq!(pushing.await, tally.finish());
}

/// The memory of this process, as Linux counts it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Runs the body of the test `name` in a process of its own, where no other test takes memory.
async fn alone(name: &str, body: impl Future<Output = ()>) {
    const MARK: &str = "TIDEGATE_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return guarded(body).await;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(MARK, "1");
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await.unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
