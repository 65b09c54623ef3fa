//! One URL, five ways.

use serde_json::json;

use crate::browser::Event;
use crate::server::Server;

const PATH: &str = "/channels/tides";

#[tokio::test]
async fn a_channel_is_read_five_ways_and_all_get_the_same_in_the_same_order() {
    let server = Server::start().await;
    let mut events = server.stream(PATH, "text/event-stream", "").await;
    let mut records = server.stream(PATH, "application/x-ndjson", "").await;
    let socket = server.socket(PATH);
    let mut opened = socket.opened().await.unwrap();
    let mut polling = server.browser();
    polling.send("GET", PATH, "prefer: wait=30\r\n", "").await;
    // The two streams have begun.
    let start = events.block().await.id;
    assert_eq!(records.record().await, json!({ "position": start }));
    let epoch = start.strip_suffix("-0").unwrap().to_owned();

    for number in 1..=3 {
        let position = server.publish(PATH, &format!("high water\n{number} \"m\"")).await;
        assert_eq!(position, format!("{epoch}-{number}"));
    }
    for number in 1..=3 {
        let data = format!("high water\n{number} \"m\"");
        let id = format!("{epoch}-{number}");
        let event = Event { id: id.clone(), kind: String::new(), data: Some(data.clone()) };
        assert_eq!(events.event().await, event);
        assert_eq!(records.record().await, json!({ "position": id, "data": data }));
        assert_eq!(opened.readable.read().await.unwrap(), Some(data.as_str().into()));
    }
    let mut heard = polling.answer("GET").await.body;
    while heard.lines().count() < 3 {
        heard += &polling.ask("GET", PATH, "prefer: wait=30\r\n", "").await.body;
    }
    assert_eq!(heard, "high water 1 \"m\"\nhigh water 2 \"m\"\nhigh water 3 \"m\"\n");
    assert_eq!(server.get(PATH, "").await.body, heard);
    let records = server.get(PATH, "accept: application/x-ndjson\r\nprefer: wait=0\r\n").await.records();
    assert_eq!(records.len(), 3);
}

/// The page of a server says how to use it, in lines that a shell takes as they are.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_commands_that_work() {
    let server = Server::start().await;
    let text = server.get("/", "").await.body;
    assert!(text.starts_with("Tidegate: a channel is a URL.\n") && !text.contains("uploads"), "{text}");
    let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
    let url = format!("//{}/channels/news", server.address);
    assert!(commands.len() == 6 && commands.iter().all(|line| line.contains(&url)), "{text}");
    let run = |line: &str| {
        let output = std::process::Command::new("sh").args(["-c", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(commands[0]).ends_with("-1\n"));
    assert_eq!(run(commands[1]), "hello\n");
}

#[tokio::test]
async fn no_answer_is_kept_by_a_cache_or_held_back_by_a_proxy() {
    let server = Server::start().await;
    server.publish(PATH, "hi").await;
    let poll = server.get(PATH, "").await;
    assert_eq!(poll.header("content-type"), Some("text/plain; charset=utf-8"));
    let post = server.browser().ask("POST", PATH, "", "ho").await;
    let nothing = server.get(&format!("{PATH}?last=0"), "").await;
    let refused = server.get(&format!("{PATH}?after=x"), "").await;
    for answer in [&poll, &post, &nothing, &refused] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("x-accel-buffering"), Some("no"), "{answer:?}");
    }
    let events = server.stream(PATH, "text/event-stream", "").await;
    let records = server.stream(PATH, "application/x-ndjson", "").await;
    for (stream, content_type) in [(events, "text/event-stream"), (records, "application/x-ndjson")] {
        assert!(stream.head.contains(&format!("content-type: {content_type}\n")), "{}", stream.head);
        assert!(stream.head.contains("cache-control: no-store\n"));
        assert!(stream.head.contains("x-accel-buffering: no\n"));
    }
}

#[tokio::test]
async fn a_poll_is_held_until_there_is_something_or_its_time_is_over() {
    let server = Server::start().await;
    assert_eq!(server.get(PATH, "").await.status, 204);
    let silent = server.get(PATH, "prefer: wait=1\r\n").await;
    assert_eq!((silent.status, silent.header("content-length")), (204, None));
    let mut browser = server.browser();
    browser.send("GET", PATH, "prefer: wait=55\r\n", "").await;
    server.publish(PATH, "now").await;
    assert_eq!(browser.answer("GET").await.body, "now\n");
}

#[tokio::test]
async fn heads_options_and_other_methods() {
    let server = Server::start().await;
    let position = server.publish(PATH, "hi").await;
    let mut browser = server.browser();
    let head = browser.ask("HEAD", PATH, "", "").await;
    assert_eq!((head.status, head.header("tidegate-position")), (200, Some(position.as_str())));
    assert!(browser.cookies.is_empty());
    let options = browser.ask("OPTIONS", PATH, "", "").await;
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, POST, OPTIONS")));
    assert_eq!(options.header("access-control-allow-origin"), None);
    let put = browser.ask("PUT", PATH, "", "x").await;
    assert_eq!((put.status, put.header("allow")), (405, Some("GET, HEAD, POST, OPTIONS")));
    let with_body = browser.ask("GET", PATH, "", "x").await;
    assert_eq!(with_body.status, 400);
}

#[tokio::test]
async fn a_name_is_a_name() {
    let server = Server::start().await;
    for name in ["a", "A-1_b.c~", &"n".repeat(128)] {
        server.publish(&format!("/channels/{name}"), "hi").await;
    }
    for name in ["", ".", "..", "a/b", "a%20b", "é", &"n".repeat(129)] {
        assert_eq!(server.get(&format!("/channels/{name}"), "").await.status, 404, "{name}");
        let post = server.browser().ask("POST", &format!("/channels/{name}"), "", "hi").await;
        assert_eq!(post.status, 404, "{name}");
    }
    assert_eq!(server.get("/channels", "").await.status, 404);
    let welcome = server.get("/", "").await;
    assert!(
        welcome.body.contains(&format!("curl http://{}/channels/news", server.address)),
        "{}",
        welcome.body
    );
}

#[tokio::test]
async fn channels_are_as_many_as_there_may_be() {
    let server = Server::with(tidegate_gateway::Settings::new().max_channels(2)).await;
    server.publish("/channels/a", "hi").await;
    server.publish("/channels/b", "hi").await;
    let third = server.get("/channels/c", "").await;
    assert_eq!((third.status, third.header("retry-after")), (503, Some("10")));
    assert_eq!(server.get("/channels/a", "").await.body, "hi\n");
}
