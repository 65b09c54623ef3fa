//! The client's flow by POST (docs/sessions.md, section 4).

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{Client, Http, ask, request};
use super::frames;
use super::rig::Server;

const TYPE: (&str, &str) = ("content-type", "application/vnd.tidegate.v1");

#[tokio::test]
async fn what_comes_twice_is_taken_once() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    let frames = [frames::text("one"), frames::text("two")].concat();
    for _ in 0..3 {
        let answer = client.post_from(1, &frames).await;
        assert_eq!((answer.status, answer.position()), (StatusCode::NO_CONTENT, 3));
    }
    // A beginning that was received already, and more.
    let more = [frames::text("two"), frames::text("three")].concat();
    assert_eq!(client.post_from(2, &more).await.position(), 4);
    client.sent = 4;
    client.post(&frames::text("last")).await;
    for expected in ["one", "two", "three", "last"] {
        assert_eq!(stream.next_message().await.text(), expected);
    }
}

#[tokio::test]
async fn a_gap_tells_where_to_go_on() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    let answer = client.post_from(7, &frames::text("too early")).await;
    assert_eq!((answer.status, answer.position()), (StatusCode::CONFLICT, 1));
    answer.reason();
    client.post(&frames::text("in order")).await;
    assert_eq!(stream.next_message().await.text(), "in order");
}

#[tokio::test]
async fn a_second_post_in_flight_is_refused() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    // One whose body does not come.
    let mut slow = TcpStream::connect(server.address).await.expect("the server listens");
    let body = frames::text("slow");
    let head = format!(
        "POST /?session={}&from=1&received=1 HTTP/1.1\r\nhost: a\r\n{}: {}\r\ncontent-length: {}\r\n\r\n",
        client.id,
        TYPE.0,
        TYPE.1,
        body.len()
    );
    slow.write_all(head.as_bytes()).await.expect("the server reads");
    let answer = loop {
        let answer = client.post_from(1, &[]).await;
        if answer.status != StatusCode::NO_CONTENT {
            break answer;
        }
    };
    assert_eq!((answer.status, answer.position()), (StatusCode::CONFLICT, 1));
    assert!(answer.header("retry-after").is_some());
    answer.reason();
    slow.write_all(&body).await.expect("the server reads");
    let mut response = vec![0; 12];
    slow.read_exact(&mut response).await.expect("an answer");
    assert_eq!(response, b"HTTP/1.1 204");
    assert_eq!(stream.next_message().await.text(), "slow");
    client.sent = 2;
    client.post(&frames::text("next")).await;
    assert_eq!(stream.next_message().await.text(), "next");
}

#[tokio::test]
async fn a_refusal_is_heard_by_a_client_that_is_still_sending() {
    let server = Server::echo().await;
    let (client, _stream) = Client::open(&server, "/echo", 1 << 18).await;
    let body = frames::frame(frames::BINARY, &vec![7; 100_000]).repeat(2);
    // On one connection, which is good for more.
    let mut http = Http::connect(server.address).await;
    for _ in 0..20 {
        let answer = http.ask(client.post_request(77, &body)).await;
        assert_eq!((answer.status, answer.position()), (StatusCode::CONFLICT, 1));
        let wrong = request(Method::POST, "/?session=nobody&from=0", body.clone(), &[TYPE]);
        assert_eq!(http.ask(wrong).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_a_line_and_the_session_lives_on() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    let target = format!("/?session={}&from=1", client.id);
    let long = Bytes::from(vec![0x11; 262_145]);
    let cut = [frames::text("whole"), vec![0x10, 5, b'c']].concat();
    let session_frame = [frames::text("more"), frames::ack(1)].concat();
    let cases = [
        (request(Method::POST, &target, "x", &[("content-type", "text/plain")]), 415, 1),
        (request(Method::POST, &target, "x", &[]), 415, 1),
        (request(Method::POST, &target, long, &[TYPE]), 413, 1),
        (request(Method::POST, &target, cut, &[TYPE]), 400, 2),
        (request(Method::POST, &format!("/?session={}&from=2", client.id), session_frame, &[TYPE]), 400, 3),
        (request(Method::POST, &format!("/?session={}", client.id), "", &[TYPE]), 400, 3),
        (request(Method::POST, &format!("{target}&received=9999"), "", &[TYPE]), 400, 3),
    ];
    for (request, status, position) in cases {
        let answer = ask(server.address, request).await;
        assert_eq!((answer.status.as_u16(), answer.position()), (status, position), "{}", answer.reason());
    }
    client.sent = 3;
    client.post(&frames::text("still")).await;
    for expected in ["whole", "more", "still"] {
        assert_eq!(stream.next_message().await.text(), expected);
    }
}

#[tokio::test]
async fn a_session_that_is_not_there_is_404() {
    let server = Server::echo().await;
    for (method, target) in
        [(Method::POST, "/?session=nobody&from=0"), (Method::GET, "/?transport=poll&session=nobody&after=0")]
    {
        let answer = ask(server.address, request(method, target, "", &[TYPE])).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        answer.reason();
    }
}

#[tokio::test]
async fn posts_of_one_client_share_a_connection() {
    let server = Server::echo().await;
    let (client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    let mut http = Http::connect(server.address).await;
    for number in 0..100_u64 {
        let answer = http.ask(client.post_request(1 + number, &frames::text(&number.to_string()))).await;
        assert_eq!(answer.position(), 2 + number);
    }
    for number in 0..100 {
        assert_eq!(stream.next_message().await.text(), number.to_string());
    }
}
