//! The clients of tutorials, as printed: they know a URL and nothing of positions.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use crate::browser::{Browser, GUARD, header};
use crate::server::Server;

/// The loop that tutorials print: 502 at once, another status after a second, 200 is shown.
async fn subscribe(browser: &mut Browser, lines: usize) -> Vec<String> {
    let mut shown: Vec<String> = Vec::new();
    while shown.len() < lines {
        let response = browser.ask("GET", "/subscribe", "", "").await;
        match response.status {
            200 => shown.extend(response.body.lines().map(str::to_owned)),
            502 => {}
            status => panic!("{status} makes it wait for a second"),
        }
    }
    shown
}

async fn say(browser: &mut Browser, text: &str) {
    let answer = browser.ask("POST", "/publish", "content-type: text/plain;charset=UTF-8\r\n", text).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn online(server: &Server) -> Vec<(String, String)> {
    let present: Value = serde_json::from_str(&server.get("/chat/present", "").await.body).unwrap();
    let participants = present["participants"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    participants.iter().map(|one| (text(&one["name"]), text(&one["via"]))).collect()
}

async fn until_online(server: &Server, count: usize) -> Vec<(String, String)> {
    let reached = async {
        loop {
            let online = online(server).await;
            if online.len() == count {
                return online;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(GUARD, reached).await.expect("they are counted")
}

#[tokio::test]
async fn all_transports_sit_in_one_room() {
    let server = Server::demo().await;
    let mut long_poll = server.browser();
    long_poll.referer = Some(format!("http://{}/tutorial?1", server.address));
    long_poll.send("GET", "/subscribe?name=Lou", "", "").await;
    let socket = server.socket("/chat?name=Will");
    let mut opened = socket.opened().await.unwrap();
    let mut events = server.stream("/channels/chat?name=Eve", "text/event-stream", "").await;
    let mut records = server.stream("/channels/chat?name=Nat", "application/x-ndjson", "").await;
    let mut poll = server.browser();
    poll.referer = Some(format!("http://{}/poller", server.address));
    assert_eq!(poll.ask("GET", "/channels/chat?name=Paul", "", "").await.status, 204);

    let mut there = until_online(&server, 5).await;
    there.sort();
    let there: Vec<_> = there.iter().map(|(name, via)| format!("{name} {via}")).collect();
    assert_eq!(there, ["Eve event-stream", "Lou long-poll", "Nat stream", "Paul poll", "Will websocket"]);

    opened.writable.write(r#"{"name":"Will","text":"by socket"}"#).await.unwrap();
    let first = long_poll.answer("GET").await;
    assert_eq!(first.body, "Will: by socket\n");
    say(&mut long_poll, "by long polling").await;
    say(&mut poll, "by polling").await;
    // An event source has no way to say anything; its page posts, and is known by its cookie.
    let mut page = server.browser();
    let cookie = header(&events.head, "set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let (name, value) = cookie.split_once('=').unwrap();
    page.cookies.insert(name.to_owned(), value.to_owned());
    say(&mut page, "by event stream").await;

    let expected = [
        ("Will", "by socket", "websocket"),
        ("Lou", "by long polling", "long-poll"),
        ("Paul", "by polling", "poll"),
        ("Eve", "by event stream", "event-stream"),
    ];
    let check = |data: &str, number: usize| {
        let said: Value = serde_json::from_str(data).unwrap();
        let (name, text, via) = expected[number];
        assert_eq!((&said["name"], &said["text"], &said["via"]), (&name.into(), &text.into(), &via.into()));
        assert_eq!(said["offset"], number + 1);
    };
    records.record().await;
    for number in 0..expected.len() {
        check(events.event().await.data.as_deref().unwrap(), number);
        check(records.record().await["data"].as_str().unwrap(), number);
        let said = loop {
            let message = opened.readable.read().await.unwrap().unwrap();
            if !message.as_text().unwrap().contains("\"online\"") {
                break message;
            }
        };
        check(said.as_text().unwrap(), number);
    }
    let lines: Vec<_> = expected.iter().map(|(name, text, _)| format!("{name}: {text}")).collect();
    assert_eq!(subscribe(&mut long_poll, 3).await, lines[1..]);
    assert_eq!(poll.ask("GET", "/channels/chat", "", "").await.body.lines().collect::<Vec<_>>(), lines);
}

#[tokio::test]
async fn between_two_polls_nothing_is_lost_or_repeated() {
    let server = Server::demo().await;
    let mut reader = server.browser();
    let mut speaker = server.browser();
    say(&mut speaker, "before").await;
    let before = subscribe(&mut reader, 1).await;
    assert!(before[0].ends_with(": before"), "{before:?}");
    for round in 0..10 {
        for number in 0..3 {
            say(&mut speaker, &format!("{round} {number}")).await;
        }
        let shown = subscribe(&mut reader, 3).await;
        let texts: Vec<_> = shown.iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect();
        assert_eq!(texts, (0..3).map(|number| format!("{round} {number}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_newcomer_sees_the_last_fifty_by_every_door() {
    let server = Server::demo().await;
    let mut speaker = server.browser();
    for number in 0..60 {
        say(&mut speaker, &number.to_string()).await;
    }
    assert_eq!(subscribe(&mut server.browser(), 1).await.len(), 50);
    assert_eq!(server.get("/channels/chat", "").await.body.lines().count(), 50);
    let first =
        |data: &str| serde_json::from_str::<Value>(data).unwrap()["text"].as_str().unwrap().to_owned();
    let mut events = server.stream("/channels/chat", "text/event-stream", "").await;
    assert_eq!(first(events.event().await.data.as_deref().unwrap()), "10");
    let socket = server.socket("/chat");
    let message = socket.opened().await.unwrap().readable.read().await.unwrap().unwrap();
    assert_eq!(first(message.as_text().unwrap()), "10");
}

/// 502 is the one status after which the tutorial's client asks again at once and shows nothing.
#[tokio::test]
async fn a_poll_in_which_nothing_was_said_is_to_be_asked_again_at_once() {
    let server = Server::demo().await;
    let answer = server.get("/subscribe", "prefer: wait=1\r\n").await;
    assert_eq!((answer.status, answer.body.as_str()), (502, "nothing has come\n"));
}

#[tokio::test]
async fn doors_lead_one_way() {
    let server = Server::demo().await;
    let mut browser = server.browser();
    for (method, path, allowed) in [
        ("POST", "/subscribe", "GET, HEAD, OPTIONS"),
        ("GET", "/publish", "POST, OPTIONS"),
        ("POST", "/chat", "GET, OPTIONS"),
    ] {
        let answer = browser.ask(method, path, "", "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{path}");
    }
    let foreign = browser.ask("POST", "/publish", "origin: http://evil.example\r\n", "hi").await;
    assert_eq!(foreign.status, 403);
    let long = browser.ask("POST", "/publish", "", &"x".repeat(2001)).await;
    assert_eq!((long.status, long.body.lines().count()), (413, 1));
    // What is no chat is a channel like any other.
    server.publish("/channels/other", "hi").await;
    assert_eq!(server.get("/channels/other", "").await.body, "hi\n");
}
