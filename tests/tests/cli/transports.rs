//! `tidegate connect --transport`: sessions from a terminal.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tidegate::Acceptor;
use tokio::runtime::{Builder, Runtime};

use crate::process::{GUARD, Tidegate};

/// An echo over every transport, until it is dropped.
struct Echo {
    runtime: Option<Runtime>,
    url: String,
}

impl Echo {
    fn start(listener: TcpListener) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/echo?room=1", listener.local_addr().unwrap());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let echo = |connection: tidegate::Connection| async move {
                let opened = connection.opened().await.unwrap();
                let _ = opened.readable.pipe_to(opened.writable).await;
            };
            Acceptor::new().serve_any(listener, echo).await
        });
        Self { runtime: Some(runtime), url }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[test]
fn lines_come_back_over_every_transport() {
    let echo = Echo::start(TcpListener::bind("127.0.0.1:0").unwrap());
    let input: String = (0..1000).map(|n| format!("line {n} ü\n")).collect();
    for transport in ["auto", "websocket", "stream", "sse", "long-poll", "poll"] {
        let left = Tidegate::run(["connect", "--transport", transport, &echo.url], input.as_bytes());
        assert_eq!(left.code, Some(0), "{transport}: {}", left.stderr);
        assert_eq!(String::from_utf8(left.stdout).unwrap(), input, "{transport}");
        assert_eq!(left.stderr, "closed 1000\n", "{transport}");
    }
}

#[test]
fn what_carries_the_connection_is_told() {
    let echo = Echo::start(TcpListener::bind("127.0.0.1:0").unwrap());
    let mut client = Tidegate::start(["connect", "-v", "-t", "sse", &echo.url]);
    let line = client.stderr_line();
    assert!(line.starts_with("connected to ") && line.ends_with(", by sse"), "{line}");
    drop(client.stdin.take());
    assert_eq!(client.finish().code, Some(0));
}

#[test]
fn a_session_that_is_not_resumed_is_a_failure() {
    let echo = Echo::start(TcpListener::bind("127.0.0.1:0").unwrap());
    let address = echo.url.split('/').nth(2).unwrap().to_owned();
    let mut client = Tidegate::start(["connect", "-v", "-t", "long-poll", &echo.url]);
    client.stderr_line();
    drop(echo);
    let _other = Echo::start(bind_again(&address));
    let left = client.finish();
    assert_eq!(left.code, Some(1), "{}", left.stderr);
    assert!(left.stderr.contains("the session was not resumed"), "{}", left.stderr);
}

/// The port of a server that has just been killed; its sockets go a little later.
fn bind_again(address: &str) -> TcpListener {
    let began = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) => assert!(began.elapsed() < GUARD, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_unknown_transport_is_a_usage_error() {
    let left = Tidegate::run(["connect", "-t", "pigeon", "ws://127.0.0.1:9"], b"");
    assert_eq!(left.code, Some(2));
    assert!(left.stderr.contains("long-poll"), "{}", left.stderr);
}

/// What is published to a channel comes to whoever reads it, whatever carries them.
#[test]
fn a_channel_is_read_and_published_to_over_every_transport() {
    let mut server = Tidegate::start(["serve", "--listen", "127.0.0.1:0"]);
    let url = format!("{}/channels/tides", server.stdout_line());
    let mut input = String::new();
    for (number, transport) in ["auto", "websocket", "stream", "sse", "long-poll", "poll"].iter().enumerate()
    {
        let line = format!("line {number}\n");
        let mut client = Tidegate::start(["connect", "-t", transport, "--keep-open", &url]);
        client.feed(line.clone().into_bytes());
        input.push_str(&line);
        // The history comes first.
        for expected in input.lines() {
            assert_eq!(client.stdout_line(), expected, "{transport}");
        }
        client.signal("INT");
        assert_eq!(client.finish().code, Some(0), "{transport}");
    }
}
