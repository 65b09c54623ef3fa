//! Pipes through `tidegate connect`.

use std::io::Write;
use std::thread;

use tidegate_tests::random::Random;

use crate::peer::Peer;
use crate::process::Tidegate;

#[test]
fn a_thousand_lines_come_back_in_order() {
    let (_server, url) = Tidegate::listen([]);
    let input: String = (0..1000).map(|n| format!("line {n} ü\n")).collect();
    let left = Tidegate::run(["connect", &url], input.as_bytes());
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    assert_eq!(String::from_utf8(left.stdout).unwrap(), input);
    assert_eq!(left.stderr, "closed 1000\n");
}

#[test]
fn bytes_come_back_exactly() {
    let (_server, url) = Tidegate::listen([]);
    let input = noise(5 << 20);
    for option in [None, Some("--no-compress")] {
        let left = Tidegate::run(["connect", "--binary", &url].into_iter().chain(option), &input);
        assert_eq!(left.code, Some(0), "{}", left.stderr);
        assert!(left.stdout == input, "the bytes differ");
    }
}

#[test]
fn a_line_is_answered_while_the_input_stays_open() {
    let (_server, url) = Tidegate::listen([]);
    let mut client = Tidegate::connected(&url, []);
    for line in ["one", "", "three"] {
        let stdin = client.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        assert_eq!(client.stdout_line(), line);
    }
    drop(client.stdin.take());
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn what_was_asked_for_is_sent() {
    let peer = Peer::new();
    let url = peer.url() + "/path?query";
    let args = ["--origin", "https://app.example", "-H", "Authorization: Bearer x:y", "-H", "X-A: 1"];
    let mut client = Tidegate::start(["connect", &url, "--no-compress"].into_iter().chain(args));
    let head = peer.accept().head.to_lowercase();
    for line in
        ["get /path?query http/1.1", "origin: https://app.example", "authorization: bearer x:y", "x-a: 1"]
    {
        assert!(head.contains(&format!("{line}\r\n")), "{head}");
    }
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    assert_eq!(client.finish().code, Some(1));
}

#[test]
fn a_protocol_is_agreed_on_or_the_connection_fails() {
    let (_server, url) = Tidegate::listen(["--protocol", "v2", "--protocol", "v1"]);
    let mut client = Tidegate::start(["connect", "-v", &url, "-p", "v1", "-p", "v2", "--no-compress"]);
    assert_eq!(client.stderr_line(), format!("connected to {url}/, protocol v1"));
    let left = Tidegate::run(["connect", &url, "-p", "v3"], b"");
    assert_eq!(left.code, Some(1));
    assert_eq!(
        left.stderr,
        "tidegate: the opening handshake failed: server selected none of the offered protocols\n"
    );
}

#[test]
fn by_credit_bytes_come_back_exactly_and_the_protocol_is_the_application_s() {
    let (_server, url) = Tidegate::listen(["--protocol", "v1"]);
    let input = noise(5 << 20);
    let left = Tidegate::run(["connect", "--credits", "--binary", "-v", "-p", "v1", &url], &input);
    assert_eq!(left.code, Some(0), "{}", left.stderr);
    assert!(left.stderr.contains(", protocol v1"), "{}", left.stderr);
    assert!(left.stdout == input, "the bytes differ");
}

#[test]
fn compression_is_agreed_on_unless_refused() {
    for (server, client, is_compressed) in
        [(None, None, true), (Some("--no-compress"), None, false), (None, Some("--no-compress"), false)]
    {
        let (_server, url) = Tidegate::listen(server);
        let mut client = Tidegate::start(["connect", "-v", &url].into_iter().chain(client));
        assert_eq!(client.stderr_line().contains("permessage-deflate"), is_compressed);
    }
}

#[test]
fn a_message_over_the_limit_is_refused() {
    let (_server, url) = Tidegate::listen(["--max-message", "1K"]);
    let left = Tidegate::run(["connect", &url], &[&[b'x'; 2000][..], b"\n"].concat());
    assert!(left.stderr.contains("closed 1009"), "{left:?}");

    let (_server, url) = Tidegate::listen(["--firehose", "--size", "2K"]);
    let left = Tidegate::run(["connect", &url, "-k", "--max-message", "1K"], b"");
    assert_eq!((left.code, left.stdout.len()), (Some(1), 0));
    assert!(left.stderr.starts_with("tidegate: the peer broke the protocol: "), "{}", left.stderr);
}

#[test]
fn text_is_printed_as_lines_and_binary_as_it_is() {
    let peer = Peer::new();
    let url = peer.url();
    for (option, expected) in [(None, "one\ntwo\n"), (Some("--binary"), "onetwo")] {
        let mut client = Tidegate::start(["connect", &url].into_iter().chain(option));
        let mut connection = peer.accept_websocket();
        connection.text("one");
        connection.text("two");
        connection.close(1000, "");
        drop(connection);
        assert_eq!(client.finish().stdout, expected.as_bytes());
    }
}

#[test]
fn many_clients_of_one_server_do_not_disturb_each_other() {
    let (_server, url) = Tidegate::listen(["--threads", "1"]);
    thread::scope(|scope| {
        for n in 0..4 {
            let url = url.as_str();
            scope.spawn(move || {
                let input = format!("client {n}\n").repeat(500);
                assert_eq!(Tidegate::run(["connect", url], input.as_bytes()).stdout, input.as_bytes());
            });
        }
    });
}

/// Bytes that no compression shortens.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    Random::new(0).bytes(len)
}
