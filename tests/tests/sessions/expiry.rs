//! Sessions that nobody comes back for (docs/sessions.md, section 5).

use std::time::Duration;

use http::StatusCode;
use tidegate::{CloseCode, Connection, Credits, Sessions};
use tokio::sync::mpsc;

use super::client::{Client, ask, get};
use super::frames::{self, ATTACHED};
use super::rig::{Server, acceptor};

async fn expiring(acceptor: tidegate::Acceptor) -> (Server, mpsc::Receiver<Option<CloseCode>>) {
    let (tell, told) = mpsc::channel(8);
    let server = Server::start(acceptor, move |connection: Connection| {
        let tell = tell.clone();
        async move {
            let code = connection.closed().await.err().and_then(|error| error.close_code());
            tell.send(code).await.expect("somebody listens");
        }
    })
    .await;
    (server, told)
}

#[tokio::test]
async fn without_an_attachment_it_is_lost_after_its_time() {
    let keep = Sessions::default().keep(Duration::from_millis(100));
    let (server, mut told) = expiring(acceptor().sessions(keep)).await;
    let (client, stream) = Client::open(&server, "/", 1 << 18).await;
    // As long as it is attached its time does not run.
    let mut stream = {
        let mut newer = client.attach().await;
        assert_eq!(newer.next().await.parameter_number(4), Some(100));
        drop(stream);
        newer
    };
    let silent = tokio::time::timeout(Duration::from_millis(500), told.recv()).await;
    assert!(silent.is_err(), "it was lost while it was attached");
    drop(client.attach().await);
    while stream.try_next().await.is_some() {}
    assert_eq!(told.recv().await, Some(Some(CloseCode::ABNORMAL)));
    for target in [client.target("poll"), format!("/?transport=long-poll&session={}&after=0", client.id)] {
        assert_eq!(ask(server.address, get(&target)).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(client.post_from(1, &frames::text("x")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_poller_that_comes_in_time_keeps_it() {
    let keep = Sessions::default().keep(Duration::from_secs(2));
    let (server, mut told) = expiring(acceptor().sessions(keep)).await;
    let (client, stream) = Client::open(&server, "/", 1 << 18).await;
    drop(stream);
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let answer = ask(server.address, get(&client.target("poll"))).await;
        assert_eq!((answer.status, answer.frames()[0].code), (StatusCode::OK, ATTACHED));
    }
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_client_that_does_not_greet_is_let_go() {
    let credits = Credits::default().greeting_timeout(Duration::from_millis(100));
    let (server, mut told) = expiring(acceptor().credits(credits)).await;
    let answer = ask(server.address, get("/?transport=poll")).await;
    let client = Client::attached(&server, &answer.frames()[0]);
    assert_eq!(told.recv().await, Some(Some(CloseCode::ABNORMAL)));
    // It may still hear why.
    let frames = ask(server.address, get(&client.target("poll"))).await.frames();
    let end = frames.iter().find(|frame| frame.code == frames::END).expect("an END");
    assert_eq!(&end.payload[2..], b"tidegate.v1: greeting too late");
}
