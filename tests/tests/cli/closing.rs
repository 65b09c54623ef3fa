//! How a connection ends, and what is printed until then.

use std::io::{BufRead, Read, Write};
use std::thread;

use crate::peer::{Connection, Peer};
use crate::process::{Tidegate, settled};

#[test]
fn the_close_of_the_peer_is_told_while_the_input_is_open() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    let mut connection = peer.accept_websocket();
    connection.text("Hello from server, John!");
    connection.close(1000, "Bye!");
    assert_eq!(connection.read_close(), (1000, "Bye!".to_owned()));
    drop(connection);
    // Standard input is still open here, and does not hold up the end.
    let left = client.finish();
    assert!(client.stdin.is_some());
    assert_eq!(left.code, Some(0));
    assert_eq!(left.stdout, b"Hello from server, John!\n");
    assert_eq!(left.stderr, "closed 1000 \"Bye!\"\n");
}

#[test]
fn a_reason_cannot_move_the_cursor() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    peer.accept_websocket().close(4000, "\x1b[2J\r");
    assert_eq!(client.finish().stderr, "closed 4000 \"\\u{1b}[2J\\r\"\n");
}

#[test]
fn a_close_without_a_code_is_told() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url(), "-k"]);
    let mut connection = peer.accept_websocket();
    connection.stream.write_all(&[0x88, 0]).unwrap();
    let left = client.finish();
    assert_eq!((left.code, left.stderr.as_str()), (Some(0), "closed without a code\n"));
    // It did not wait for the end of TCP, which the server never brings.
    assert_eq!(connection.read_frame(), (0x88, Vec::new()));
}

#[test]
fn the_end_of_the_input_closes_as_asked_for() {
    let peer = Peer::new();
    for (option, expected) in
        [(None, (1000, String::new())), (Some("--close=4001:so: long"), (4001, "so: long".to_owned()))]
    {
        let url = peer.url();
        let mut client = Tidegate::start(["connect", &url].into_iter().chain(option));
        client.feed(b"last".to_vec());
        let mut connection = peer.accept_websocket();
        assert_eq!(connection.read_frame(), (0x81, b"last".to_vec()));
        assert_eq!(connection.read_close(), expected);
        connection.text("late, and printed");
        connection.close(expected.0, "");
        drop(connection);
        let left = client.finish();
        assert_eq!((left.code, left.stdout), (Some(0), b"late, and printed\n".to_vec()));
    }
}

#[test]
fn the_end_of_the_input_closes_nothing_when_told_to_stay() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url(), "--keep-open"]);
    client.feed(b"question\n".to_vec());
    let mut connection = peer.accept_websocket();
    assert_eq!(connection.read_frame(), (0x81, b"question".to_vec()));
    for n in 0..3 {
        connection.text(&format!("answer {n}"));
        assert_eq!(client.stdout_line(), format!("answer {n}"));
    }
    connection.close(1000, "");
    assert_eq!(connection.read_close(), (1000, String::new()));
    drop(connection);
    assert_eq!(client.finish().code, Some(0));
}

const LINES: usize = 3000;

/// 3 MiB of lines, then a Close.
fn send_much_and_close(connection: &mut Connection) {
    for n in 0..LINES {
        connection.text(&format!("{n:01024}"));
    }
    connection.close(1000, "");
}

fn assert_all_lines(output: impl BufRead) {
    let lines: Vec<String> = output.lines().map(Result::unwrap).collect();
    assert_eq!(lines.len(), LINES);
    for (n, line) in lines.iter().enumerate() {
        assert_eq!(line.parse::<usize>().unwrap(), n);
    }
}

#[test]
fn a_slow_reader_gets_all_that_came_before_the_close_of_the_peer() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    let mut connection = peer.accept_websocket();
    let sender = thread::spawn(move || {
        send_much_and_close(&mut connection);
        connection.stream.read_to_end(&mut Vec::new()).unwrap();
    });
    // Long enough for the library to give up a reader that stays away, if it did.
    settled(|| 0);
    assert_all_lines(client.stdout.take().unwrap());
    sender.join().unwrap();
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn a_slow_reader_gets_all_that_came_after_our_own_close() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    drop(client.stdin.take());
    let mut connection = peer.accept_websocket();
    assert_eq!(connection.read_close(), (1000, String::new()));
    // Taken as a whole, although nobody reads the output yet.
    send_much_and_close(&mut connection);
    drop(connection);
    settled(|| 0);
    assert_all_lines(client.stdout.take().unwrap());
    let left = client.finish();
    assert_eq!((left.code, left.stderr.as_str()), (Some(0), "closed 1000\n"));
}

#[test]
fn what_cannot_wait_for_a_slow_reader_any_longer_is_told_as_lost() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", &peer.url()]);
    drop(client.stdin.take());
    let mut connection = peer.accept_websocket();
    assert_eq!(connection.read_close(), (1000, String::new()));
    // 80 MiB, of which the client holds 64 at most.
    for _ in 0..80 {
        connection.text(&"x".repeat(1 << 20));
    }
    connection.close(1000, "");
    drop(connection);
    let told = client.stderr_line();
    assert!(told.starts_with("tidegate: messages were lost: standard output is too slow"), "{told}");
    assert_eq!(client.finish().code, Some(1));
}

#[test]
fn a_broken_pipe_ends_quietly_with_a_close() {
    let (mut server, url) = Tidegate::listen(["--firehose", "-v"]);
    let mut client = Tidegate::start(["connect", &url]);
    let mut some = [0; 1000];
    client.stdout.as_mut().unwrap().read_exact(&mut some).unwrap();
    drop(client.stdout.take());
    let left = client.finish();
    assert_eq!((left.code, left.stderr.as_str()), (Some(0), ""));
    assert_eq!(server.stderr_line(), "connection 1 /: closed 1000");
}
