//! A reader that has fallen out of the history goes on at the oldest publication kept, and is told what it has missed.

use serde_json::{Value, json};
use tidegate_gateway::Settings;

use crate::server::Server;

const PATH: &str = "/channels/tides";

/// Ten publications, of which the first seven are kept no longer.
async fn overrun() -> (Server, Vec<String>) {
    let server = Server::with(Settings::new().history_bytes(4096)).await;
    let mut positions = Vec::new();
    for number in 1..=10 {
        let text = format!("{number} {}", "x".repeat(1000));
        positions.push(server.publish(PATH, &text).await);
    }
    (server, positions)
}

fn number(text: &str) -> u64 {
    text.split(' ').next().unwrap().parse().unwrap()
}

fn gap(positions: &[String], from: usize, to: usize) -> Value {
    json!({ "from": positions[from - 1], "to": positions[to - 1], "missed": to - from + 1 })
}

#[tokio::test]
async fn every_wire_tells_which_publications_are_missing() {
    let (server, positions) = overrun().await;
    let after = format!("{PATH}?after={}", positions[1]);

    let poll = server.get(&after, "").await;
    let first = number(&poll.body) as usize;
    assert!((4..=9).contains(&first), "{first}");
    let missed = gap(&positions, 3, first - 1);
    assert_eq!(poll.header("tidegate-missed"), Some(missed["missed"].to_string().as_str()));
    assert_eq!(poll.header("tidegate-position"), Some(positions[9].as_str()));

    let records = server.get(&after, "accept: application/x-ndjson\r\nprefer: wait=0\r\n").await.records();
    // Each form is counted, so that there may be less now than there was before.
    let first = number(records[1]["data"].as_str().unwrap()) as usize;
    assert_eq!(records[0], json!({ "gap": gap(&positions, 3, first - 1) }));

    let mut stream = server.stream(&after, "application/x-ndjson", "").await;
    assert_eq!(stream.record().await, json!({ "position": positions[1] }));
    let told = stream.record().await;
    let next = stream.record().await;
    let first = number(next["data"].as_str().unwrap()) as usize;
    assert_eq!(
        (told, &next["position"]),
        (json!({ "gap": gap(&positions, 3, first - 1) }), &json!(positions[first - 1]))
    );

    let mut events = server.stream(&after, "text/event-stream", "").await;
    let told = events.event().await;
    let next = events.event().await;
    let first = number(next.data.as_deref().unwrap()) as usize;
    assert_eq!((told.kind.as_str(), told.id.as_str()), ("gap", positions[first - 2].as_str()));
    assert_eq!(
        serde_json::from_str::<Value>(told.data.as_deref().unwrap()).unwrap(),
        gap(&positions, 3, first - 1)
    );

    let socket = server.socket(&after);
    let mut readable = socket.opened().await.unwrap().readable;
    let told = readable.read().await.unwrap().unwrap();
    let next = readable.read().await.unwrap().unwrap();
    let first = number(next.as_text().unwrap()) as usize;
    assert_eq!(
        serde_json::from_str::<Value>(told.as_text().unwrap()).unwrap(),
        json!({ "gap": gap(&positions, 3, first - 1) })
    );
}

/// After a restart nobody knows how many publications there were, and nobody claims to.
#[tokio::test]
async fn a_position_of_another_history_is_told_to_be_one() {
    let (before, positions) = overrun().await;
    drop(before);
    let server = Server::start().await;
    let new = server.publish(PATH, "new").await;
    let epoch = new.split('-').next().unwrap();
    let after = format!("{PATH}?after={}", positions[4]);
    let gap = json!({ "gap": { "from": positions[4], "to": format!("{epoch}-0"), "missed": null } });

    let poll = server.get(&after, "").await;
    assert_eq!((poll.header("tidegate-missed"), poll.body.as_str()), (Some("unknown"), "new\n"));
    let records = server.get(&after, "accept: application/x-ndjson\r\nprefer: wait=0\r\n").await.records();
    assert_eq!(records, [gap.clone(), json!({ "position": new, "data": "new" })]);
    let mut events =
        server.stream(PATH, "text/event-stream", &format!("last-event-id: {}\r\n", positions[4])).await;
    let told = events.event().await;
    assert_eq!((told.kind.as_str(), told.id), ("gap", format!("{epoch}-0")));
    assert_eq!(events.event().await.data.as_deref(), Some("new"));
    // One that has not come yet is of no history either.
    let future = server.get(&format!("{PATH}?after={epoch}-7"), "").await;
    assert_eq!((future.header("tidegate-missed"), future.body.as_str()), (Some("unknown"), "new\n"));
}

/// It costs the others nothing that one does not read, and it learns exactly what it has missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_not_read_is_told_what_it_missed_when_it_reads_again() {
    const MESSAGES: usize = 2000;
    let server = Server::start().await;
    let path = format!("{PATH}?last=0");
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let mut stalled = server.stream(&path, accept, "").await;
        let mut publisher = server.browser();
        let body = "x".repeat(16 * 1024);
        for number in 0..MESSAGES {
            let answer = publisher.ask("POST", PATH, "", &format!("{number} {body}")).await;
            assert_eq!(answer.status, 200);
        }
        let (mut next, mut missed) = (0, 0);
        while next < MESSAGES {
            let (data, gap) = if accept == "text/event-stream" {
                let event = stalled.event().await;
                let data = event.data.unwrap();
                if event.kind == "gap" {
                    (None, Some(serde_json::from_str(&data).unwrap()))
                } else {
                    (Some(data), None)
                }
            } else {
                let record = stalled.record().await;
                (record["data"].as_str().map(str::to_owned), record.get("gap").cloned())
            };
            if let Some(gap) = gap {
                let count = gap["missed"].as_u64().unwrap() as usize;
                next += count;
                missed += count;
            } else if let Some(data) = data {
                assert_eq!(number(&data) as usize, next, "after {missed} missed");
                next += 1;
            }
        }
        assert!(missed > MESSAGES / 2, "only {missed} were missed");
    }
}
