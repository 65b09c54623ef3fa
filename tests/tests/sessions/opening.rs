//! A session opens by each of its transports (docs/sessions.md, sections 1 to 3).

use base64_text::decode;
use http::StatusCode;
use tidegate::{Opened, Transport};
use tokio::sync::mpsc;

use super::client::{Client, ask, get};
use super::frames::{self, ATTACHED, DETACHED, TEXT, WELCOME};
use super::rig::{Server, acceptor};

#[tokio::test]
async fn a_stream_stays_open_and_the_clients_flow_goes_by_post() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    assert_eq!(client.post(&frames::text("hello")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(stream.next_message().await.text(), "hello");
    client.post(&[frames::text("and"), frames::text("again")].concat()).await;
    assert_eq!(client.sent, 4);
    assert_eq!(stream.next_message().await.text(), "and");
    assert_eq!(stream.next_message().await.text(), "again");
}

#[tokio::test]
async fn a_poll_answers_at_once_and_opens_with_the_greeting() {
    let server = Server::echo().await;
    let answer = ask(server.address, get("/echo?transport=poll")).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::OK, Some("application/vnd.tidegate.v1"))
    );
    let frames = answer.frames();
    assert_eq!((frames[0].code, frames[1].code), (ATTACHED, WELCOME));
    assert_eq!(frames[0].parameter_number(4), Some(60_000));
    let mut client = Client::attached(&server, &frames[0]);
    client.received = frames.iter().filter(|frame| frame.is_of_flow()).count() as u64;
    client.post(&[frames::hello(1 << 18), frames::text("a"), frames::text("b")].concat()).await;
    // What is not there yet comes by a later poll.
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let frames = ask(server.address, get(&client.target("poll"))).await.frames();
        client.received += frames.iter().filter(|frame| frame.is_of_flow()).count() as u64;
        seen.extend(
            frames.into_iter().filter(|frame| frame.code == TEXT).map(|frame| frame.text().to_owned()),
        );
    }
    assert_eq!(seen, ["a", "b"]);
    let nothing = ask(server.address, get(&client.target("poll"))).await.frames();
    assert!(nothing.iter().all(|frame| !frame.is_of_flow() || frame.code < TEXT), "{nothing:?}");
}

#[tokio::test]
async fn a_long_poll_waits_until_there_is_something() {
    let server = Server::echo().await;
    let answer = ask(server.address, get("/echo?transport=long-poll")).await;
    let mut client = Client::attached(&server, &answer.frames()[0]);
    client.received = answer.frames().iter().filter(|frame| frame.is_of_flow()).count() as u64;
    client.post(&frames::hello(1 << 18)).await;
    let target = client.target("long-poll");
    let waiting = tokio::spawn(ask(server.address, get(&target)));
    let mut writer = client.clone();
    writer.post(&frames::text("now")).await;
    let mut seen = waiting.await.expect("no panic").frames();
    // A control frame may have come first.
    while !seen.iter().any(|frame| frame.code == TEXT) {
        client.received += seen.iter().filter(|frame| frame.is_of_flow()).count() as u64;
        seen = ask(server.address, get(&client.target("long-poll"))).await.frames();
    }
    assert_eq!(seen.iter().find(|frame| frame.code == TEXT).map(frames::Frame::text), Some("now"));
    // After its time it answers with nothing but ATTACHED.
    client.received += seen.iter().filter(|frame| frame.is_of_flow()).count() as u64;
    let nothing = ask(server.address, get(&format!("{}&wait=1", client.target("long-poll")))).await.frames();
    assert!(nothing.iter().all(|frame| frame.code < TEXT), "{nothing:?}");
}

#[tokio::test]
async fn an_event_stream_tells_its_position_and_goes_on_behind_the_last_event() {
    let server = Server::echo().await;
    let (head, mut events) = sse::open(&server, "/echo?transport=sse", None).await;
    assert_eq!((&head["content-type"], &head["cache-control"]), (&"text/event-stream", &"no-store"));
    let (id, first) = events.next().await;
    let attached = frames::take(&mut decode(&first)).remove(0);
    let mut client = Client::attached(&server, &attached);
    assert_eq!(id, format!("{}.0", client.id));
    let (id, greeting) = events.next().await;
    assert_eq!(frames::take(&mut decode(&greeting))[0].code, WELCOME);
    client.post(&[frames::hello(1 << 18), frames::text("one")].concat()).await;
    // The ids count frames, whatever they are.
    let mut last = (id, 0);
    let mut texts = Vec::new();
    while texts.is_empty() {
        let (id, data) = events.next().await;
        let frames = frames::take(&mut decode(&data));
        last = (id, last.1 + frames.len());
        texts.extend(
            frames.into_iter().filter(|frame| frame.code == TEXT).map(|frame| frame.text().to_owned()),
        );
    }
    assert_eq!(texts, ["one"]);
    drop(events);
    client.post(&frames::text("two")).await;
    let (_, mut events) = sse::open(&server, "/echo?transport=sse", Some(&last.0)).await;
    let (id, data) = events.next().await;
    assert_eq!(id, last.0);
    let attached = frames::take(&mut decode(&data)).remove(0);
    assert_eq!(
        attached.parameter_number(3),
        last.0.rsplit_once('.').and_then(|(_, after)| after.parse().ok())
    );
    let mut texts = Vec::new();
    while texts.is_empty() {
        let frames = frames::take(&mut decode(&events.next().await.1));
        assert!(frames.iter().all(|frame| frame.code != DETACHED));
        texts.extend(
            frames.into_iter().filter(|frame| frame.code == TEXT).map(|frame| frame.text().to_owned()),
        );
    }
    assert_eq!(texts, ["two"]);
}

#[tokio::test]
async fn the_handler_has_the_request_the_protocol_and_the_transport() {
    let (tell, mut told) = mpsc::channel(1);
    let acceptor = acceptor().protocols(["chat"]);
    let server = Server::start(acceptor, move |connection| {
        let tell = tell.clone();
        async move {
            let cookie = connection.request().and_then(|request| request.headers().get("cookie").cloned());
            let Ok(Opened { protocol, mut readable, .. }) = connection.opened().await else { return };
            let seen = (connection.url().to_owned(), protocol, connection.transport(), cookie);
            tell.send(seen).await.expect("somebody listens");
            while let Ok(Some(_)) = readable.read().await {}
        }
    })
    .await;
    let target = "/room?name=x&transport=poll&protocols=talk,chat";
    let request = super::client::request(http::Method::GET, target, "", &[("cookie", "a=b")]);
    let answer = ask(server.address, request).await;
    let welcome = answer.frames().remove(1);
    assert_eq!(welcome.parameter(3), Some(&b"chat"[..]));
    let (url, protocol, transport, cookie) = told.recv().await.expect("a handler ran");
    assert_eq!((url.as_str(), protocol.as_str()), (target, "chat"));
    // The poll may have been answered already.
    assert!(matches!(transport, None | Some(Transport::Poll)), "{transport:?}");
    assert_eq!(cookie.as_ref().map(http::HeaderValue::as_bytes), Some(&b"a=b"[..]));
    let none = ask(server.address, get("/room?transport=poll&protocols=talk")).await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
}

mod base64_text {
    //! Base64 (RFC 4648 §4), read by hand.

    pub(crate) fn decode(text: &str) -> Vec<u8> {
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bytes = Vec::new();
        for group in text.trim_end_matches('=').as_bytes().chunks(4) {
            let value = |digit: &u8| digits.iter().position(|one| one == digit).expect("a digit") as u32;
            let bits =
                group.iter().fold(0, |bits, digit| bits << 6 | value(digit)) << (6 * (4 - group.len()));
            bytes.extend(&bits.to_be_bytes()[1..group.len()]);
        }
        bytes
    }
}

mod sse {
    //! Events, as far as these tests need them.

    use std::collections::HashMap;

    use http_body_util::BodyExt;
    use hyper::body::Incoming;
    use tokio::time::timeout;

    use crate::client::{Http, LONG, request};
    use crate::rig::Server;

    pub(crate) struct Events {
        body: Incoming,
        text: String,
        _http: Http,
    }

    pub(crate) async fn open(
        server: &Server,
        target: &str,
        last: Option<&str>,
    ) -> (HashMap<&'static str, &'static str>, Events) {
        let mut http = Http::connect(server.address).await;
        let headers: Vec<_> = last.map(|id| ("last-event-id", id)).into_iter().collect();
        let response = http.send(request(http::Method::GET, target, "", &headers)).await;
        assert_eq!(response.status(), http::StatusCode::OK);
        let head = ["content-type", "cache-control"].into_iter().map(|name| {
            let value = response.headers()[name].to_str().expect("text").to_owned();
            (name, &*value.leak())
        });
        (head.collect(), Events { body: response.into_body(), text: String::new(), _http: http })
    }

    impl Events {
        /// The id and the data of the next event.
        pub(crate) async fn next(&mut self) -> (String, String) {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    self.text = rest;
                    let field =
                        |name| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                    if let Some(data) = field("data: ") {
                        return (field("id: ").expect("an id"), data);
                    }
                    continue;
                }
                let piece = timeout(LONG, self.body.frame()).await.expect("in time").expect("no end");
                let data = piece.expect("no break").into_data().expect("data");
                self.text.push_str(std::str::from_utf8(&data).expect("text"));
            }
        }
    }
}
