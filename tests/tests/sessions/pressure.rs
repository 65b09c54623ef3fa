//! Sessions where the server has little room left (docs/sessions.md, sections 4 and 6).

use std::time::Duration;

use http::{Method, StatusCode};
use tidegate::{Budget, Connection, Opened};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::client::{Client, LONG, ask, request};
use super::frames;
use super::rig::{Server, acceptor, echo};

/// Pushes flat out at `/push`, and is an echo elsewhere.
async fn serve(connection: Connection) {
    if !connection.url().contains("/push") {
        return echo(connection).await;
    }
    let Ok(Opened { mut writable, .. }) = connection.opened().await else { return };
    while writable.write(vec![7; 16 * 1024]).await.is_ok() {}
}

/// Waits until this holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

#[tokio::test]
async fn sessions_share_the_budget_and_small_ones_go_on() {
    let budget = Budget::with_patience(1 << 20, 10 * LONG);
    let server = Server::start(acceptor().budget(&budget), serve).await;
    let mut stalled = Vec::new();
    for _ in 0..8 {
        // All credit there is, and nothing is taken.
        let (client, stream) = Client::open(&server, "/push", 1 << 40).await;
        drop(stream);
        stalled.push(client);
    }
    // All of them together would keep twice as much.
    until("somebody waits for the budget", || budget.waiting() > 0).await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    for number in 0..50 {
        client.post(&frames::text(&number.to_string())).await;
        assert_eq!(stream.next_message().await.text(), number.to_string());
        assert!(budget.used() <= budget.limit(), "{budget:?}");
    }
    assert_eq!(budget.stats().failed, 0);
    // What ends leaves its room to the others, which fill it anew, and in the end to nobody.
    for client in stalled {
        let ended =
            ask(server.address, request(Method::DELETE, &format!("/?session={}", client.id), "", &[]));
        assert_eq!(ended.await.status, StatusCode::NO_CONTENT);
    }
    until("everything is given back", || budget.used() == 0 && budget.waiting() == 0).await;
    client.post(&frames::text("last")).await;
    assert_eq!(stream.next_message().await.text(), "last");
}

/// The longest body, but for its last bytes.
const MOST: usize = 262_144;

/// How many of them fill what all bodies together may hold.
const BODIES: usize = 256;

/// Posts the most of a body, and keeps the rest.
async fn begin_long_post(client: &Client) -> TcpStream {
    let mut stream = TcpStream::connect(client.address).await.expect("the server listens");
    let head = format!(
        "POST /?session={}&from={} HTTP/1.1\r\nhost: a\r\n\
         content-type: application/vnd.tidegate.v1\r\ncontent-length: {MOST}\r\n\r\n",
        client.id, client.sent,
    );
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let body = frames::frame(frames::BINARY, &[7; 1000]).repeat(MOST / 1000);
    stream.write_all(&body[..MOST - 8]).await.expect("the server reads");
    stream
}

#[tokio::test]
async fn a_server_without_room_for_bodies_holds_the_post_and_then_answers_503() {
    let server = Server::start(acceptor(), echo).await;
    let mut clients = Vec::new();
    for _ in 0..=BODIES {
        clients.push(Client::open(&server, "/echo", 1 << 18).await);
    }
    let (mut last, _stream) = clients.pop().expect("a client");
    let mut posts = Vec::new();
    for (client, _) in &clients {
        posts.push(begin_long_post(client).await);
    }
    let body = frames::frame(frames::BINARY, &[7; 100_000]);
    let (address, post) = (server.address, last.post_request(last.sent, &body));
    let answer = tokio::spawn(ask(address, post));
    // The others wait behind it for room as well, as soon as they send on.
    sleep(Duration::from_secs(2)).await;
    for post in &mut posts {
        post.write_all(&[0]).await.expect("the server reads");
    }
    let answer = timeout(LONG, answer).await.expect("an answer in time").expect("no panic");
    assert_eq!((answer.status, answer.position()), (StatusCode::SERVICE_UNAVAILABLE, last.sent));
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.reason();
    // When the others have gone there is room again.
    drop(posts);
    while last.post(&frames::text("at last")).await.status != StatusCode::NO_CONTENT {}
}
