//! `tidegate serve` and `tidegate demo`: when somebody wants them to end, everybody comes to an end in order.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process::{GUARD, Tidegate};

/// Starts a server on a free port, and gives its address.
fn server(command: &str) -> (Tidegate, String) {
    let mut server = Tidegate::start([command, "--listen", "127.0.0.1:0"]);
    let url = server.stdout_line();
    let address = url.strip_prefix("http://").expect("a URL").trim_end_matches('/').to_owned();
    (server, address)
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(GUARD)).expect("a timeout");
    stream
}

/// A connection on which this request has been sent.
fn asks(address: &str, target: &str, lines: &str) -> TcpStream {
    let mut stream = connect(address);
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {address}\r\n{lines}\r\n").expect("it reads");
    stream
}

/// Reads up to what ends like this.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("more comes");
        text.push(byte[0]);
    }
    String::from_utf8(text).expect("text")
}

fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an end in order");
    text
}

/// Waits until a request that was sent before is held: a later one on the same server was answered.
fn settle(address: &str) {
    for _ in 0..10 {
        let mut stream = asks(address, "/", "connection: close\r\n");
        assert!(read_to_end(&mut stream).starts_with("HTTP/1.1 200 "));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn what_is_held_is_answered_streams_end_and_sockets_get_1001() {
    for signal in ["INT", "TERM"] {
        let (mut server, address) = server("serve");
        let mut poll = asks(&address, "/channels/a?last=0", "prefer: wait=55\r\n");
        let mut events = asks(&address, "/channels/a", "accept: text/event-stream\r\n");
        let mut lines = asks(&address, "/channels/b", "accept: application/x-ndjson\r\n");
        read_until(&mut events, "\r\n\r\n");
        read_until(&mut events, "\n\n");
        read_until(&mut lines, "\"}\n");
        let mut idle = asks(&address, "/", "");
        read_until(&mut idle, "\r\n\r\n");
        let url = format!("ws://{address}/channels/a");
        let mut socket = Tidegate::connected(&url, ["--keep-open"]);
        settle(&address);
        server.signal(signal);
        let answer = read_to_end(&mut poll);
        assert!(
            answer.starts_with("HTTP/1.1 204 ") && answer.contains("\r\nConnection: close\r\n"),
            "{answer}"
        );
        assert_eq!((read_to_end(&mut events), read_to_end(&mut lines)), (String::new(), String::new()));
        let left = socket.finish();
        assert!(left.stderr.contains("1001"), "{}", left.stderr);
        drop((poll, events, lines));
        assert_eq!(server.finish().code, Some(0));
        read_to_end(&mut idle);
    }
}

#[test]
fn the_demo_ends_all_its_rooms() {
    let (mut server, address) = server("demo");
    let mut poll = asks(&address, "/subscribe", "");
    let mut sockets: Vec<_> = ["/chat", "/echo", "/channels/other"]
        .map(|path| format!("ws://{address}{path}"))
        .iter()
        .map(|url| Tidegate::connected(url, ["--keep-open"]))
        .collect();
    settle(&address);
    server.signal("TERM");
    // The tutorial's client asks again at once, and so finds the next server.
    let answer = read_to_end(&mut poll);
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    for socket in &mut sockets {
        let left = socket.finish();
        assert!(left.stderr.contains("1001"), "{}", left.stderr);
    }
    drop(poll);
    assert_eq!(server.finish().code, Some(0));
}

/// A client that takes nothing, and answers nothing, holds nobody up for long; nor does a request of which half has come.
#[test]
fn who_does_not_go_is_cut_off() {
    let (mut server, address) = server("serve");
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut socket = asks(&address, "/channels/a", upgrade);
    read_until(&mut socket, "\r\n\r\n");
    let mut stream = asks(&address, "/channels/a", "accept: text/event-stream\r\n");
    read_until(&mut stream, "\n\n");
    let mut post = connect(&address);
    write!(post, "POST /channels/a HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf").expect("it reads");
    settle(&address);
    server.signal("TERM");
    assert_eq!(server.finish().code, Some(0));
}

#[test]
fn a_second_wish_cuts_everybody_off() {
    let (mut server, address) = server("serve");
    let mut stream = asks(&address, "/channels/a", "accept: text/event-stream\r\n");
    read_until(&mut stream, "\n\n");
    server.signal("INT");
    // The stream has ended, so the first wish was seen.
    read_to_end(&mut stream);
    server.signal("INT");
    assert_eq!(server.finish().code, Some(0));
}
