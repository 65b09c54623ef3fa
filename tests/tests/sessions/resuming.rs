//! What was sent comes once and in order, whatever happens to the answers (docs/sessions.md, sections 3 and 5).

use http::StatusCode;

use super::client::{Client, ask, get};
use super::frames::{self, ATTACHED, DETACHED, TEXT};
use super::rig::Server;

#[tokio::test]
async fn a_stream_goes_on_from_where_it_broke_off() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    client.post(&frames::text("one")).await;
    loop {
        let frame = stream.next().await;
        client.received += 1;
        if frame.code == TEXT {
            break;
        }
    }
    drop(stream);
    // What comes meanwhile is kept.
    client.post(&[frames::text("two"), frames::text("three")].concat()).await;
    let mut stream = client.attach().await;
    let attached = stream.next().await;
    assert_eq!(attached.code, ATTACHED);
    assert_eq!(
        (attached.parameter_number(2), attached.parameter_number(3)),
        (Some(client.sent), Some(client.received))
    );
    assert_eq!(stream.next_message().await.text(), "two");
    assert_eq!(stream.next_message().await.text(), "three");
}

#[tokio::test]
async fn an_answer_that_is_lost_comes_again() {
    let server = Server::echo().await;
    let (mut client, stream) = Client::open(&server, "/echo", 1 << 18).await;
    drop(stream);
    client.post(&frames::text("kept")).await;
    let read = |frames: Vec<frames::Frame>| frames.iter().filter(|frame| frame.code == TEXT).count();
    while read(ask(server.address, get(&client.target("long-poll"))).await.frames()) == 0 {}
    // The client that lost the answer asks for the same again, by whatever transport.
    for transport in ["long-poll", "poll", "long-poll"] {
        assert_eq!(read(ask(server.address, get(&client.target(transport))).await.frames()), 1);
    }
    let mut stream = client.attach().await;
    assert_eq!(stream.next_message().await.text(), "kept");
}

#[tokio::test]
async fn a_newer_attachment_ends_the_older() {
    let server = Server::echo().await;
    let (mut client, mut older) = Client::open(&server, "/echo", 1 << 18).await;
    let mut newer = client.attach().await;
    loop {
        let frame = older.next().await;
        if frame.code == DETACHED {
            assert_eq!(frame.number(), 1);
            break;
        }
    }
    assert_eq!(older.try_next().await, None);
    client.post(&frames::text("here")).await;
    assert_eq!(newer.next_message().await.text(), "here");
}

#[tokio::test]
async fn a_position_that_is_gone_or_ahead_is_told_and_the_session_lives_on() {
    let server = Server::echo().await;
    let (mut client, stream) = Client::open(&server, "/echo", 1 << 18).await;
    drop(stream);
    let target = |after: &str| format!("/?transport=poll&session={}&after={after}", client.id);
    // The greeting was acknowledged with this position.
    assert_eq!(ask(server.address, get(&target("1"))).await.status, StatusCode::OK);
    for wrong in ["0", "1000"] {
        let answer = ask(server.address, get(&target(wrong))).await;
        assert_eq!(answer.status, StatusCode::GONE);
        answer.reason();
    }
    for wrong in [target("x"), target("-1"), format!("/?transport=poll&session={}", client.id)] {
        assert_eq!(ask(server.address, get(&wrong)).await.status, StatusCode::BAD_REQUEST);
    }
    client.post(&frames::text("still")).await;
    assert_eq!(client.attach().await.next_message().await.text(), "still");
}
