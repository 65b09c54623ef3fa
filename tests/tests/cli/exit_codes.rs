//! What the process says, and exits with, when something is wrong.

use std::io::Write;
use std::net::TcpListener;

use crate::peer::Peer;
use crate::process::{Left, Tidegate};

fn assert_fails(left: &Left, code: i32, words: &str) {
    assert_eq!((left.code, left.stdout.len()), (Some(code), 0), "{left:?}");
    let told = left.stderr.lines().find_map(|line| line.strip_prefix("tidegate: "));
    assert!(told.is_some_and(|told| told.contains(words)), "{}", left.stderr);
}

#[test]
fn a_refused_connection_is_1() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_fails(&Tidegate::run(["connect", &url], b""), 1, "refused the connection");
}

#[test]
fn wrong_usage_is_2() {
    for args in [
        &["connect"][..],
        &["connect", "ws://h", "--nonsense"],
        &["connect", "ws://h", "--close", "1005"],
        &["connect", "ws://h", "--header", "no colon"],
        &["connect", "ws://h", "--timeout", "0"],
        &["connect", "ws://h", "--ca", "x", "--insecure"],
        &["connect", "ws://h", "--cert", "x"],
        &["connect", "ws://h", "--ca", "/no/such/file"],
        &["connect", "ws://h", "--ca", "/dev/null"],
        &["connect", "ws://h", "--protocol", "not a token"],
        &["connect", "ws://h", "--header", "Upgrade: other"],
        &["listen"],
        &["listen", "9001"],
        &["listen", ":0", "--size", "1K"],
        &["listen", ":0", "--firehose", "--echo"],
        &["listen", ":0", "--tls-cert", "x"],
        &["listen", ":0", "--tls-cert", "/no/such", "--tls-key", "/no/such"],
        &["listen", ":0", "--threads", "0"],
        &["listen", ":0", "--level", "10"],
        &["demo", "--listen", "nowhere"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--max-channels", "0"],
        &["serve", "--uploads", ""],
        &["serve", "--uploads", "gs://bucket/prefix"],
        &["serve", "--uploads", "/nowhere", "--max-upload", "0"],
        &["serve", "--max-upload", "2G"],
        &["serve", "--allow-origin", "app.example"],
        &["nonsense"],
    ] {
        assert_fails(&Tidegate::run(args.iter().copied(), b""), 2, "");
    }
}

#[test]
fn a_bad_url_is_2() {
    for (url, words) in [
        ("localhost:9001", "use ws, wss, http or https"),
        ("/path", "not an absolute URL"),
        ("example.com", "; a URL is needed, as ws://"),
        ("ws://h/#part", "fragment"),
    ] {
        assert_fails(&Tidegate::run(["connect", url], b""), 2, words);
    }
}

#[test]
fn help_and_version_are_0() {
    for args in [
        &["--help"][..],
        &["connect", "--help"],
        &["listen", "-h"],
        &["serve", "--help"],
        &["demo", "--help"],
        &["upload", "--help"],
        &["help"],
        &["help", "connect"],
    ] {
        let left = Tidegate::run(args.iter().copied(), b"");
        let help = String::from_utf8(left.stdout).unwrap();
        assert!(left.code == Some(0) && help.contains("Examples:\n"), "{help}");
    }
    let version = Tidegate::run(["--version"], b"");
    assert_eq!(version.stdout, format!("tidegate {}\n", env!("CARGO_PKG_VERSION")).into_bytes());
}

/// Whoever gives no command gets the help, and not as if it were a complaint.
#[test]
fn no_command_is_2_and_shows_the_help() {
    let left = Tidegate::run([], b"");
    assert_eq!((left.code, left.stdout.len()), (Some(2), 0), "{left:?}");
    let help = Tidegate::run(["help"], b"").stdout;
    assert_eq!(left.stderr.trim_end(), String::from_utf8(help).unwrap().trim_end());
}

/// A folder that cannot be used is told before the address is, which is for those who can use what is there.
#[test]
fn uploads_that_cannot_be_kept_are_1() {
    for command in ["serve", "demo"] {
        let left = Tidegate::run([command, "--listen", ":0", "--uploads", "/dev/null/uploads"], b"");
        assert_fails(&left, 1, "cannot keep uploads in /dev/null/uploads: ");
        assert!(left.stderr.contains("--uploads") && left.stderr.lines().count() == 1, "{}", left.stderr);
    }
}

#[test]
fn an_unclean_end_is_1() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    peer.accept_websocket().text("printed nevertheless");
    let left = client.finish();
    assert_eq!((left.code, &left.stdout[..]), (Some(1), &b"printed nevertheless\n"[..]));
    assert!(left.stderr.starts_with("tidegate: connection lost without a Close frame"), "{}", left.stderr);
}

#[test]
fn a_peer_that_breaks_the_protocol_is_1() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    let mut connection = peer.accept_websocket();
    // A reserved opcode (RFC 6455 §5.2).
    connection.stream.write_all(&[0x83, 0]).unwrap();
    assert_eq!(connection.read_close().0, 1002);
    drop(connection);
    assert_fails(&client.finish(), 1, "the peer broke the protocol: ");
}

#[test]
fn a_server_that_refuses_is_1_with_its_status() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    let mut connection = peer.accept();
    connection.stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_fails(&client.finish(), 1, "the opening handshake failed: server refused with status 403");
}

#[test]
fn a_server_that_never_answers_is_1() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url(), "--timeout", "0.2"]);
    let _connection = peer.accept();
    assert_fails(&client.finish(), 1, "the opening handshake took longer than 200ms");
}

#[test]
fn a_peer_that_never_answers_a_close_is_1() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url(), "--timeout", "1"]);
    drop(client.stdin.take());
    let _connection = peer.accept_websocket();
    assert_fails(&client.finish(), 1, "the peer did not answer the Close in time");
}

#[test]
fn input_that_cannot_be_sent_is_1() {
    let (_server, url) = Tidegate::listen([]);
    let left = Tidegate::run(["connect", &url, "--max-message", "1K"], &[b'x'; 4096]);
    assert_fails(&left, 1, "line 1 of the input is longer than 1024 bytes");
    let left = Tidegate::run(["connect", &url], b"\xff\n");
    assert_fails(&left, 1, "line 1 of the input is not UTF-8");
}
