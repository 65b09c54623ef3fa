//! The store in buckets: in memory, and on an S3 server that the tests start.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tidegate_gateway::upload::store::objects::{Objects, Settings};
use tidegate_tests::storage::kills::Victim;
use tidegate_tests::storage::{BUCKET, Depth, Promises, open_store};
use tidegate_tests::tools;

use crate::behaviour::{complete, every_store, push, read, record};

/// moto, which speaks as S3 does over HTTP.
struct S3 {
    child: Child,
    url: String,
}

impl S3 {
    fn start() -> Self {
        let mut child = Command::new(tools::python())
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let url = loop {
            let mut line = String::new();
            assert!(said.read_line(&mut line).unwrap() > 0, "moto has ended");
            if let Some((_, url)) = line.split_once("Running on ") {
                break url.trim().to_owned();
            }
        };
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "PUT /{BUCKET} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Self { child, url }
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_bucket_in_memory_does_what_every_store_does() {
    let settings = Settings::default().part_bytes(0).interval(Duration::from_millis(20));
    every_store(Arc::new(Objects::in_memory(settings))).await;
}

#[tokio::test]
async fn a_bucket_of_an_s3_server_does_what_every_store_does() {
    let server = S3::start();
    every_store(open_store(server.url.as_ref()).await.unwrap()).await;
}

#[tokio::test]
async fn of_two_processes_the_newer_one_writes() {
    let server = S3::start();
    let (one, other) =
        (open_store(server.url.as_ref()).await.unwrap(), open_store(server.url.as_ref()).await.unwrap());
    let record = record(1, 1);
    let bytes = tidegate_tests::storage::writer::content(&record.id, 0, 12_000_000);
    let mut older = one.create(&record).await.unwrap();
    push(&mut older, &bytes[..7_000_000]).await;
    older.sync().await.unwrap();
    let mut newer = other.append(&record.id).await.unwrap();
    assert_eq!(newer.durable(), 7_000_000);
    push(&mut newer, &bytes[7_000_000..]).await;
    // What the older one still has is not durable, and never will be.
    older.push(vec![0; 100_000].into());
    assert!(older.sync().await.is_err());
    complete(&mut newer, 12_000_000).await;
    assert!(read(&one, &record.id, 0).await == bytes);
}

#[tokio::test]
async fn another_process_goes_on_where_one_was_killed() {
    let server = S3::start();
    let program = Path::new(env!("CARGO_BIN_EXE_store-crash"));
    for (seed, lines) in [(1, 20), (2, 300), (3, 900)] {
        let mut promises = Promises::default();
        let mut victim = Victim::start(program, server.url.as_ref(), seed).unwrap();
        victim.listen(lines, &mut promises).unwrap();
        victim.kill(Some(&mut promises)).unwrap();
        let store = open_store(server.url.as_ref()).await.unwrap();
        let cost = promises.check(&*store, Depth::Ended).await.unwrap();
        assert!(cost.uploads > 0);
    }
}
