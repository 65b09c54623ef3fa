//! Many connections that wait.

use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

/// Enough that what one of them costs shows, and few enough for everybody's limit of open files.
const READERS: usize = 400;

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// Every one of many held requests is answered with the next message, each with what it came for.
#[tokio::test]
async fn a_message_reaches_all_who_wait() {
    let server = Server::start().await;
    // The first ones pay for what all share.
    let (_warm, _) = hold(&server, 20).await;
    let before = resident_bytes();
    let (mut held, heads) = hold(&server, READERS).await;
    if let (Some(before), Some(after)) = (before, resident_bytes()) {
        let each = after.saturating_sub(before) / READERS as u64;
        println!("{each} bytes for each, the client's end included");
        assert!(each < 16 * 1024, "{each} bytes for each of the connections that wait");
    }
    server.publish("/channels/a", "all of you").await;
    for (stream, head) in held.iter_mut().zip(heads) {
        let mut told = head;
        while !String::from_utf8_lossy(&told).contains("all of you") {
            let mut more = [0; 512];
            let length = stream.read(&mut more).await.unwrap();
            assert!(length > 0, "{}", String::from_utf8_lossy(&told));
            told.extend_from_slice(&more[..length]);
        }
    }
}

/// As many requests that wait, in three ways, and what each of them was told so far.
async fn hold(server: &Server, count: usize) -> (Vec<TcpStream>, Vec<Vec<u8>>) {
    let mut held = Vec::new();
    let mut heads = Vec::new();
    for index in 0..count {
        let lines =
            ["prefer: wait=55\r\n", "accept: text/event-stream\r\n", "accept: application/x-ndjson\r\n"]
                [index % 3];
        let mut stream = server.tcp().await;
        let request = format!("GET /channels/a HTTP/1.1\r\nhost: x\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        if index % 3 > 0 {
            // A stream begins with a head, and a poll that waits with nothing.
            head.resize(512, 0);
            let length = stream.read(&mut head).await.unwrap();
            head.truncate(length);
        }
        held.push(stream);
        heads.push(head);
    }
    (held, heads)
}
