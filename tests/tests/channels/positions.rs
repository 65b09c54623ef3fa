//! Where a reader goes on: by a parameter, a header or a cookie.

use serde_json::json;

use crate::server::Server;

const PATH: &str = "/channels/tides";

async fn published(server: &Server, count: usize) -> Vec<String> {
    let mut positions = Vec::new();
    for number in 1..=count {
        positions.push(server.publish(PATH, &number.to_string()).await);
    }
    positions
}

#[tokio::test]
async fn every_door_takes_a_position() {
    let server = Server::start().await;
    let positions = published(&server, 4).await;
    let after = format!("{PATH}?after={}", positions[1]);
    let poll = server.get(&after, "").await;
    assert_eq!(
        (poll.body.as_str(), poll.header("tidegate-position")),
        ("3\n4\n", Some(positions[3].as_str()))
    );
    assert_eq!(poll.header("set-cookie"), None);
    assert_eq!(server.get(&after, "prefer: wait=9\r\n").await.body, "3\n4\n");
    let mut records = server.stream(&after, "application/x-ndjson", "").await;
    assert_eq!(records.record().await, json!({ "position": positions[1] }));
    assert_eq!(records.record().await, json!({ "position": positions[2], "data": "3" }));
    let mut events = server.stream(&after, "text/event-stream", "").await;
    assert_eq!(events.event().await.data.as_deref(), Some("3"));
    let socket = server.socket(&after);
    assert_eq!(socket.opened().await.unwrap().readable.read().await.unwrap(), Some("3".into()));
}

/// An event source asks for its first URL again, with the position in a header.
#[tokio::test]
async fn the_header_of_an_event_source_goes_before_its_url() {
    let server = Server::start().await;
    let positions = published(&server, 4).await;
    let first = format!("{PATH}?after={}", positions[0]);
    let again = format!("last-event-id: {}\r\n", positions[2]);
    let mut events = server.stream(&first, "text/event-stream", &again).await;
    let event = events.event().await;
    assert_eq!((event.id.as_str(), event.data.as_deref()), (positions[3].as_str(), Some("4")));
}

#[tokio::test]
async fn newcomers_get_the_last_ones_and_may_say_how_many() {
    let server = Server::with(tidegate_gateway::Settings::new().newcomers(3)).await;
    published(&server, 5).await;
    assert_eq!(server.get(PATH, "").await.body, "3\n4\n5\n");
    assert_eq!(server.get(&format!("{PATH}?last=1"), "").await.body, "5\n");
    assert_eq!(server.get(&format!("{PATH}?last=0"), "").await.status, 204);
    assert_eq!(server.get(&format!("{PATH}?last=99"), "").await.body, "1\n2\n3\n4\n5\n");
    assert_eq!(server.get(&format!("{PATH}?after=-2"), "").await.body, "4\n5\n");
    for query in ["after=5", "after=", "after=-x", "last=x", "last=-1"] {
        let refused = server.get(&format!("{PATH}?{query}"), "").await;
        assert_eq!((refused.status, refused.body.lines().count()), (400, 1), "{query}");
    }
}

#[tokio::test]
async fn a_cookie_keeps_the_position_of_one_channel() {
    let server = Server::start().await;
    let mut browser = server.browser();
    assert_eq!(browser.ask("GET", PATH, "", "").await.status, 204);
    published(&server, 2).await;
    assert_eq!(browser.ask("GET", PATH, "", "").await.body, "1\n2\n");
    assert_eq!(browser.ask("GET", PATH, "", "").await.status, 204);
    server.publish("/channels/other", "x").await;
    assert_eq!(browser.ask("GET", "/channels/other", "", "").await.body, "x\n");
    server.publish(PATH, "3").await;
    // What says how many a newcomer wants does not bring back what was read.
    assert_eq!(browser.ask("GET", &format!("{PATH}?last=9"), "", "").await.body, "3\n");
    assert_eq!((browser.cookies.len(), browser.connections), (2, 1));
}

/// What tells two tabs of a browser apart is the address of the page; nothing else comes with every request.
#[tokio::test]
async fn two_tabs_with_addresses_of_their_own_do_not_take_each_others_messages() {
    let server = Server::start().await;
    let mut tabs = [server.browser(), server.browser()];
    for (number, tab) in tabs.iter_mut().enumerate() {
        tab.referer = Some(format!("http://{}/page?tab={number}", server.address));
        assert_eq!(tab.ask("GET", PATH, "", "").await.status, 204);
    }
    let jar: Vec<_> = tabs.iter().flat_map(|tab| tab.cookies.clone()).collect();
    for tab in &mut tabs {
        tab.cookies.extend(jar.clone());
    }
    for round in 0..3 {
        let position = published(&server, 2).await.pop().unwrap();
        for number in [round % 2, 1 - round % 2] {
            let answer = tabs[number].ask("GET", PATH, "", "").await;
            assert_eq!(
                (answer.body.as_str(), answer.header("tidegate-position")),
                ("1\n2\n", Some(&*position))
            );
            let set = tabs[number].cookies.clone();
            let mine: Vec<_> = set
                .iter()
                .filter(|(name, value)| {
                    let before = tabs[1 - number].cookies.get(*name);
                    before != Some(*value)
                })
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            assert_eq!(mine.len(), 1, "a tab sets its own cookie alone");
            // They share one jar.
            tabs[1 - number].cookies.extend(mine);
        }
    }
}

#[tokio::test]
async fn an_answer_is_bounded_and_the_next_one_goes_on() {
    let server = Server::start().await;
    let text = "x".repeat(30_000);
    for _ in 0..5 {
        server.publish(PATH, &text).await;
    }
    let mut browser = server.browser();
    let lengths = [2, 2, 1].map(|count| count * (text.len() + 1));
    for length in lengths {
        assert_eq!(browser.ask("GET", PATH, "", "").await.body.len(), length);
    }
    assert_eq!(browser.ask("GET", PATH, "", "").await.status, 204);
}
