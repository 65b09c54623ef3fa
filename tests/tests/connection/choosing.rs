//! What carries a connection when not everything works.

use std::time::Duration;

use tidegate::{Acceptor, Cause, Connection, Opened, Transport};
use tidegate_tests::raw::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::proxy::{Proxy, Rules};
use crate::server::Server;

/// Sends something and waits for it to come back.
async fn echoes(opened: &mut Opened, text: &str) {
    soon(opened.writable.write(text)).await.unwrap();
    assert_eq!(soon(opened.readable.read()).await.unwrap(), Some(text.into()));
}

/// Waits until this carries the connection.
async fn carried_by(connection: &Connection, transport: Transport) {
    soon(async {
        while connection.transport() != Some(transport) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_websocket_is_the_first_choice() {
    let server = Server::echo();
    let connection = Connection::connect(server.url()).unwrap();
    let mut opened = soon(connection.opened()).await.unwrap();
    echoes(&mut opened, "hello").await;
    assert_eq!(connection.transport(), Some(Transport::WebSocket));
}

#[tokio::test]
async fn a_proxy_that_swallows_the_upgrade_leaves_a_stream_until_it_does_not() {
    let server = Server::echo();
    let proxy = Proxy::start(server.address(), 1).await;
    proxy.rules(Rules { swallows_upgrades: true, ..Rules::default() });
    let connection =
        Connection::builder(proxy.url()).climb_interval(Duration::from_millis(100)).connect().unwrap();
    let mut opened = soon(connection.opened()).await.unwrap();
    echoes(&mut opened, "one").await;
    assert_eq!(connection.transport(), Some(Transport::Stream));
    proxy.rules(Rules::default());
    carried_by(&connection, Transport::WebSocket).await;
    echoes(&mut opened, "two").await;
}

#[tokio::test]
async fn a_proxy_that_waits_for_whole_answers_leaves_long_polling() {
    let server = Server::echo();
    let proxy = Proxy::start(server.address(), 2).await;
    proxy.rules(Rules { swallows_upgrades: true, buffers_streams: true, ..Rules::default() });
    let connection = Connection::builder(proxy.url()).stagger(Duration::from_millis(100)).connect().unwrap();
    let mut opened = soon(connection.opened()).await.unwrap();
    for text in ["one", "two", "three"] {
        echoes(&mut opened, text).await;
        assert_eq!(connection.transport(), Some(Transport::LongPoll));
    }
}

#[tokio::test]
async fn what_worked_goes_on_when_the_first_choice_is_gone() {
    let server = Server::echo();
    let proxy = Proxy::start(server.address(), 3).await;
    let connection = Connection::builder(proxy.url()).connect().unwrap();
    let mut opened = soon(connection.opened()).await.unwrap();
    echoes(&mut opened, "one").await;
    proxy.rules(Rules { swallows_upgrades: true, ..Rules::default() });
    proxy.kill_all();
    echoes(&mut opened, "two").await;
    assert_eq!(connection.transport(), Some(Transport::Stream));
}

#[tokio::test]
async fn a_server_without_sessions_gives_a_plain_websocket() {
    gives_a_plain_websocket(Server::without_sessions()).await;
}

#[tokio::test]
async fn a_server_whose_sessions_are_off_gives_a_plain_websocket() {
    let acceptor = Acceptor::new().sessions(None);
    let server = Server::with(acceptor, |connection| async move {
        let opened = connection.opened().await.unwrap();
        let _ = opened.readable.pipe_to(opened.writable).await;
    });
    gives_a_plain_websocket(server).await;
}

async fn gives_a_plain_websocket(server: Server) {
    let connection = Connection::connect(server.url()).unwrap();
    let mut opened = soon(connection.opened()).await.unwrap();
    echoes(&mut opened, "hello").await;
    assert_eq!(connection.transport(), Some(Transport::WebSocket));
    assert!(!connection.is_session());
    connection.close(1000).unwrap();
    assert_eq!(soon(connection.closed()).await.unwrap().close_code.get(), 1000);
}

#[tokio::test]
async fn where_nothing_works_all_is_told() {
    let server = Server::without_sessions();
    let transports = [Transport::Stream, Transport::Poll];
    let connection = Connection::builder(server.url()).transports(transports).connect().unwrap();
    let error = soon(connection.opened()).await.map(drop).unwrap_err();
    let Cause::NoTransport(none) = error.cause() else { panic!("{error:?}") };
    let names: Vec<_> = none.tried().map(|(name, _)| name).collect();
    assert_eq!(names, ["stream", "poll"], "{error}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_fails_at_once() {
    let server = Server::echo();
    let url = server.url();
    drop(server);
    let connection = Connection::connect(url).unwrap();
    let error = soon(connection.opened()).await.map(drop).unwrap_err();
    assert!(matches!(error.cause(), Cause::NoTransport(_)), "{error:?}");
}

#[tokio::test]
async fn who_loses_a_race_ends_the_session_that_it_has_opened() {
    let server = Server::echo();
    let proxy = Proxy::start(server.address(), 4).await;
    proxy.rules(Rules { delays_upgrades: Duration::from_millis(500), ..Rules::default() });
    let transports = [Transport::WebSocket, Transport::Stream];
    let connection = Connection::builder(proxy.url())
        .transports(transports)
        .stagger(Duration::from_millis(50))
        .connect()
        .unwrap();
    let mut opened = soon(connection.opened()).await.unwrap();
    assert_eq!(connection.transport(), Some(Transport::Stream));
    let line = soon(async {
        loop {
            match proxy.asked("DELETE ").pop() {
                Some(line) => break line,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    })
    .await;
    let target = line.split(' ').nth(1).unwrap();
    soon(async {
        // Until it is ended it takes a POST that acknowledges nothing.
        while !post(&server, &format!("{target}&from=0&received=0")).await.contains("tidegate-session: lost")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    echoes(&mut opened, "the other one lives on").await;
    assert_eq!(proxy.asked("DELETE ").len(), 1);
}

/// The answer to an empty POST, in lower case.
async fn post(server: &Server, target: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Type: application/vnd.tidegate.v1\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.to_ascii_lowercase()
}

#[tokio::test]
async fn a_proxy_that_refuses_posts_for_a_while_costs_no_session() {
    for status in [403, 413, 415] {
        let server = Server::echo();
        let proxy = Proxy::start(server.address(), 5).await;
        let connection = Connection::builder(proxy.url()).transports([Transport::Stream]).connect().unwrap();
        proxy.rules(Rules { refuses_posts: Some(status), ..Rules::default() });
        let opening = tokio::spawn(async move {
            let opened = connection.opened().await;
            (connection, opened)
        });
        soon(async {
            while proxy.refused() < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        proxy.rules(Rules::default());
        let (_connection, opened) = soon(opening).await.unwrap();
        echoes(&mut opened.unwrap(), "after all").await;
    }
}

#[tokio::test]
async fn a_proxy_that_takes_only_short_posts_gets_short_ones() {
    let server = Server::echo();
    let proxy = Proxy::start(server.address(), 6).await;
    proxy.rules(Rules { longest_post: Some(4000), ..Rules::default() });
    let connection = Connection::builder(proxy.url()).transports([Transport::Stream]).connect().unwrap();
    let opened = soon(connection.opened()).await.unwrap();
    let (mut writable, mut readable) = (opened.writable, opened.readable);
    let text = |number: usize| format!("{number:01000}");
    let writing = async {
        for number in 0..100 {
            writable.write(text(number)).await.unwrap();
        }
    };
    let reading = async {
        for number in 0..100 {
            assert_eq!(readable.read().await.unwrap(), Some(text(number).into()));
        }
    };
    soon(async { tokio::join!(writing, reading) }).await;
    assert!(proxy.refused() > 0, "otherwise this has tested nothing");
}
