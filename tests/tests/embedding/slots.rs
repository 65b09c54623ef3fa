//! How many connections there may be: 503 and 429, in words, and a place that is free again.

use std::time::Duration;

use tidegate::{Acceptor, Connections};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::wire::{SOON, ask, assert_echoes, connect_from, handshake, open, open_raw, serve, until};

#[tokio::test]
async fn beyond_the_limit_is_503_and_a_place_that_is_left_is_taken_again() {
    let connections = Connections::new();
    let address = serve(Acceptor::new().max_connections(2).connections(connections.clone())).await;
    let url = format!("ws://{address}");
    let (_first, mut opened) = open(&url).await;
    let second = open_raw(address, "").await;
    let mut refused = TcpStream::connect(address).await.unwrap();
    let response = ask(&mut refused, handshake("/", "")).await;
    assert_eq!(response.status, 503);
    assert_eq!(response.header("retry-after"), Some("5"));
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(response.body, "every connection that this server may have is taken: try again later\n");
    // The refused connection is over, and those that are open do not notice.
    assert_eq!(refused.read(&mut [0; 1]).await.unwrap(), 0);
    assert_echoes(&mut opened, "still here").await;

    drop(second);
    until(|| connections.count() == 1).await;
    let (_third, mut opened) = open(&url).await;
    assert_echoes(&mut opened, "a place at last").await;
}

#[tokio::test]
async fn many_refusals_at_a_time_leave_the_others_alone() {
    let address = serve(Acceptor::new().max_connections(1).max_handshakes(4)).await;
    let (_socket, mut opened) = open(format!("ws://{address}")).await;
    let mut refused = tokio::task::JoinSet::new();
    for _ in 0..100 {
        refused.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            ask(&mut stream, handshake("/", "")).await.status
        });
    }
    assert_echoes(&mut opened, "undisturbed").await;
    while let Some(status) = refused.join_next().await {
        assert_eq!(status.unwrap(), 503);
    }
}

#[tokio::test]
async fn an_address_has_its_share() {
    let connections = Connections::new();
    let address = serve(Acceptor::new().max_connections_per_ip(2).connections(connections.clone())).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = connect_from("127.0.0.1", address).await;
        assert_eq!(ask(&mut stream, handshake("/", "")).await.status, 101);
        held.push(stream);
    }
    let response = ask(&mut connect_from("127.0.0.1", address).await, handshake("/", "")).await;
    assert_eq!((response.status, response.body.as_str()), (429, "too many connections from this address\n"));
    assert_eq!(response.header("retry-after"), Some("5"));
    let mut neighbour = connect_from("127.0.0.2", address).await;
    assert_eq!(ask(&mut neighbour, handshake("/", "")).await.status, 101);
    held.pop();
    until(|| connections.count() == 2).await;
    let mut again = connect_from("127.0.0.1", address).await;
    assert_eq!(ask(&mut again, handshake("/", "")).await.status, 101);
}

#[tokio::test]
async fn behind_a_proxy_the_address_may_come_from_a_header() {
    let acceptor = Acceptor::new()
        .max_connections_per_ip(1)
        .peer_ip(|request| request.headers().get("x-real-ip")?.to_str().ok()?.parse().ok());
    let address = serve(acceptor).await;
    let _first = open_raw(address, "x-real-ip: 192.0.2.1\r\n").await;
    let _second = open_raw(address, "x-real-ip: 192.0.2.2\r\n").await;
    let mut third = TcpStream::connect(address).await.unwrap();
    let response = ask(&mut third, handshake("/", "x-real-ip: 192.0.2.1\r\n")).await;
    assert_eq!(response.status, 429);
}

#[tokio::test]
async fn handshakes_are_bounded_and_a_slow_one_makes_room() {
    let acceptor = Acceptor::new().max_handshakes(1).handshake_timeout(Duration::from_millis(200));
    let address = serve(acceptor).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    // It is not even read before the slow one has had its time.
    let mut opened = tokio::time::timeout(SOON, open_raw(address, "")).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    opened.write_all(&super::wire::text("hello")).await.unwrap();
    assert_eq!(super::wire::frame(&mut opened).await, (0x81, b"hello".to_vec()));
}
