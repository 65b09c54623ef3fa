//! What an idle connection costs.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process::Tidegate;

const CONNECTIONS: u64 = 2000;

/// Bytes that a connection may cost here. In a release build it is 1.8 KiB; without optimization, futures are larger.
const LIMIT: u64 = 4096;

const HANDSHAKE: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn open(url: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&url[5..]).expect("it listens");
    stream.write_all(HANDSHAKE.as_bytes()).expect("it reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// Sends a binary message, masked with zeros, and takes its echo.
fn echo(stream: &mut TcpStream, payload: &[u8; 125]) {
    stream.write_all(&[&[0x82, 0x80 | 125, 0, 0, 0, 0], &payload[..]].concat()).expect("it reads");
    let mut back = [0; 127];
    stream.read_exact(&mut back).expect("it answers");
    assert_eq!((&back[..2], &back[2..]), (&[0x82, 125][..], &payload[..]));
}

#[test]
fn an_idle_connection_costs_little_before_and_after_a_message() {
    let (server, url) = Tidegate::listen(["--threads", "1"]);
    let mut first: Vec<_> = (0..64).map(|_| open(&url)).collect();
    first.iter_mut().for_each(|stream| echo(stream, &[7; 125]));
    let before = server.resident_bytes();
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| open(&url)).collect();
    let each = server.resident_bytes().saturating_sub(before) / CONNECTIONS;
    assert!(each < LIMIT, "{each} bytes a connection");
    streams.iter_mut().for_each(|stream| echo(stream, &[7; 125]));
    let each = server.resident_bytes().saturating_sub(before) / CONNECTIONS;
    assert!(each < LIMIT, "{each} bytes a connection that has sent a message");
}
