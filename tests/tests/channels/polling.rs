//! The plain poller: cookies, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{interval, sleep};

use crate::server::Server;

const PATH: &str = "/channels/tides";
const MESSAGES: usize = 300;

/// It sleeps for 200 ms after each answer while 50 messages a second are published. Every other server measured loses
/// most of them for it (research, "lossbetween").
async fn pause_between(lines: &'static str) {
    let server = Server::start().await;
    let mut browser = server.browser();
    // Somebody reads from the beginning: from here on it is only a cookie.
    assert_eq!(browser.ask("GET", PATH, "", "").await.status, 204);
    let publishing = {
        let mut publisher = server.browser();
        tokio::spawn(async move {
            let mut ticks = interval(Duration::from_millis(20));
            for number in 0..MESSAGES {
                ticks.tick().await;
                publisher.ask("POST", PATH, "", &number.to_string()).await;
            }
        })
    };
    let mut seen = BTreeMap::new();
    let mut order = Vec::new();
    let mut missing = None;
    let mut answers_after_the_end = 0;
    while order.len() < MESSAGES && answers_after_the_end < 9 {
        let is_over = publishing.is_finished();
        if is_over {
            missing.get_or_insert(MESSAGES - seen.len());
            answers_after_the_end += 1;
        }
        let answer = browser.ask("GET", PATH, lines, "").await;
        assert!(matches!(answer.status, 200 | 204), "{answer:?}");
        for line in answer.body.lines() {
            let number: usize = line.parse().unwrap();
            *seen.entry(number).or_insert(0) += 1;
            order.push(number);
        }
        if !is_over {
            sleep(Duration::from_millis(200)).await;
        }
    }
    assert_eq!(order, (0..MESSAGES).collect::<Vec<_>>(), "0 lost, 0 twice, in order");
    // An answer carries all that has come, so whoever polls slowly does not fall behind.
    assert!(
        answers_after_the_end <= 1,
        "{answers_after_the_end} answers were needed when publishing had ended"
    );
    // How many those are depends on the machine: 10 where nothing is late.
    println!("{missing:?} were not seen yet when publishing ended");
}

#[tokio::test]
async fn a_plain_long_poller_that_sleeps_between_its_polls_loses_nothing() {
    pause_between("prefer: wait=30\r\n").await;
}

#[tokio::test]
async fn a_plain_poller_loses_nothing() {
    pause_between("").await;
}

#[tokio::test]
async fn polls_share_a_connection_with_everything_else() {
    let server = Server::start().await;
    let mut browser = server.browser();
    for number in 0..20 {
        assert_eq!(browser.ask("POST", PATH, "", &number.to_string()).await.status, 200);
        assert_eq!(browser.ask("GET", PATH, "prefer: wait=5\r\n", "").await.body, format!("{number}\n"));
        assert_eq!(browser.ask("GET", "/", "", "").await.status, 200);
        assert_eq!(browser.ask("HEAD", PATH, "", "").await.status, 200);
    }
    assert_eq!(browser.connections, 1);
}
