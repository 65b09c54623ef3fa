//! The client's flow by POST (docs/sessions.md, section 4).

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use tidegate::{Budget, Credits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Client, Http, LONG, ask, request};
use super::frames;
use super::rig::{Server, acceptor};

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

/// Sends the head of a POST, and the beginning of its body.
async fn begin_post(client: &Client, length: usize, beginning: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(client.address).await.expect("the server listens");
    let head = format!(
        "POST /?session={}&from={}&received=1 HTTP/1.1\r\nhost: a\r\n{}: {}\r\ncontent-length: {length}\r\n\r\n",
        client.id, client.sent, TYPE.0, TYPE.1,
    );
    stream.write_all(&[head.as_bytes(), beginning].concat()).await.expect("the server reads");
    stream
}

/// The head of the answer that comes on this connection.
async fn head_of_answer(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(LONG, stream.read_u8()).await.expect("an answer in time").expect("an answer"));
    }
    String::from_utf8(head).expect("text")
}

#[tokio::test]
async fn a_post_whose_body_does_not_come_makes_way_for_a_newer_one() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    let begun = [frames::text("whole"), vec![frames::TEXT, 5, b'c', b'u']].concat();
    let mut older = begin_post(&client, begun.len() + 3, &begun).await;
    let answer = loop {
        // It goes on behind what the older one has brought.
        let answer = client.post_from(client.sent + 1, &frames::text("newer")).await;
        if answer.status != StatusCode::CONFLICT {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((answer.status, answer.position()), (StatusCode::NO_CONTENT, 3));
    let head = head_of_answer(&mut older).await;
    assert!(head.starts_with("HTTP/1.1 409 ") && head.contains("\r\nretry-after: 1\r\n"), "{head}");
    assert!(head.contains("\r\ntidegate-position: "), "{head}");
    client.sent = 3;
    client.post(&frames::text("next")).await;
    for expected in ["whole", "newer", "next"] {
        assert_eq!(stream.next_message().await.text(), expected);
    }
}

#[tokio::test]
async fn a_body_that_never_comes_is_408_and_its_whole_frames_are_kept() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    let begun = [frames::text("whole"), vec![frames::TEXT, 5, b'c', b'u']].concat();
    let mut slow = begin_post(&client, begun.len() + 3, &begun).await;
    let head = head_of_answer(&mut slow).await;
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(head.contains("\r\ntidegate-position: 2\r\n"), "{head}");
    client.sent = 2;
    client.post(&frames::text("lives")).await;
    for expected in ["whole", "lives"] {
        assert_eq!(stream.next_message().await.text(), expected);
    }
}

#[tokio::test]
async fn a_session_without_room_holds_the_post_and_then_answers_429() {
    let handler = |connection: tidegate::Connection| async move {
        // Nobody reads, and nobody can write further.
        let _ = connection.closed().await;
    };
    let credits = Credits::default().window(1 << 30).max_window(1 << 30);
    // It takes from the session as long as the budget lets it.
    let budget = Budget::with_patience(1 << 20, 10 * LONG);
    let server = Server::start(acceptor().credits(credits).budget(&budget), handler).await;
    let (mut client, _stream) = Client::open(&server, "/", 1 << 18).await;
    let body = frames::frame(frames::BINARY, &vec![7; 120_000]).repeat(2);
    let answer = loop {
        let answer = timeout(LONG, client.post_from(client.sent, &body)).await.expect("an answer in time");
        let before = client.sent;
        client.sent = answer.position();
        if answer.status != StatusCode::NO_CONTENT {
            break answer;
        }
        assert!(client.sent > before && client.sent < 10_000, "taken without an end");
    };
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.reason();
    // An acknowledgement needs no room.
    assert_eq!(client.post_from(client.sent, &[]).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_client_can_end_its_session_at_once() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let handler = move |connection: tidegate::Connection| {
        let tell = tell.clone();
        async move {
            let code = connection.closed().await.err().and_then(|error| error.close_code());
            tell.send(code.map(tidegate::CloseCode::get)).await.expect("somebody listens");
        }
    };
    let server = Server::start(acceptor(), handler).await;
    let (client, mut stream) = Client::open(&server, "/", 1 << 18).await;
    let delete = |id: &str| request(Method::DELETE, &format!("/?session={id}"), "", &[]);
    assert_eq!(ask(server.address, delete(&client.id)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(timeout(LONG, told.recv()).await.expect("told in time"), Some(Some(1006)));
    while stream.try_next().await.is_some() {}
    for request in [delete(&client.id), super::client::get(&client.target("poll"))] {
        let answer = ask(server.address, request).await;
        assert_eq!((answer.status, answer.header("tidegate-session")), (StatusCode::NOT_FOUND, Some("lost")));
        answer.reason();
    }
    assert_eq!(
        ask(server.address, request(Method::DELETE, "/", "", &[])).await.status,
        StatusCode::BAD_REQUEST
    );
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
        assert_eq!((answer.status, answer.header("tidegate-session")), (StatusCode::NOT_FOUND, Some("lost")));
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
