//! A channel by a `Connection`: the conversation of its WebSocket, by any of five transports, and nothing lost between
//! them (docs/sessions.md).

use std::net::SocketAddr;

use tidegate::{Connection, Message, Opened, Readable, Transport};
use tidegate_tests::raw::soon;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::server::Server;

const ALL: [Transport; 5] =
    [Transport::WebSocket, Transport::Stream, Transport::EventStream, Transport::LongPoll, Transport::Poll];

fn connect(address: &str, path: &str, transport: Transport) -> Connection {
    Connection::builder(format!("http://{address}{path}")).transports([transport]).connect().unwrap()
}

async fn text(readable: &mut Readable) -> String {
    match soon(readable.read()).await.unwrap() {
        Some(Message::Text(text)) => text.as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_transports_are_in_one_channel() {
    let server = Server::start().await;
    server.publish("/channels/a", "before").await;
    let mut members = Vec::new();
    for transport in ALL {
        let connection = connect(&server.address, "/channels/a", transport);
        let mut opened = soon(connection.opened()).await.unwrap();
        assert!(connection.is_session() && connection.transport() == Some(transport), "{connection:?}");
        assert_eq!(text(&mut opened.readable).await, "before");
        members.push((connection, opened));
    }
    let mut plain = server.stream("/channels/a?last=0", "application/x-ndjson", "").await;
    plain.line().await;
    for (sender, transport) in ALL.iter().enumerate() {
        soon(members[sender].1.writable.write(transport.name())).await.unwrap();
        for (_, opened) in &mut members {
            assert_eq!(text(&mut opened.readable).await, transport.name());
        }
        assert!(plain.line().await.contains(transport.name()));
    }
    server.publish("/channels/a", "by POST").await;
    for (connection, Opened { readable, .. }) in &mut members {
        assert_eq!(text(readable).await, "by POST");
        connection.close((4000, "bye")).unwrap();
        assert_eq!(soon(connection.closed()).await.unwrap().close_code.get(), 4000);
    }
}

#[tokio::test]
async fn a_newcomer_says_how_much_of_the_past_it_wants() {
    let server = Server::start().await;
    for number in 0..5 {
        server.publish("/channels/a", &number.to_string()).await;
    }
    let connection = connect(&server.address, "/channels/a?last=2", Transport::Stream);
    let Opened { mut readable, .. } = soon(connection.opened()).await.unwrap();
    assert_eq!((text(&mut readable).await, text(&mut readable).await), ("3".into(), "4".into()));
    for (path, status) in [("/channels/a?last=x", 400), ("/channels/a%20b", 404)] {
        let answer = server
            .get(&format!("{path}{}transport=poll", if path.contains('?') { '&' } else { '?' }), "")
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn a_session_that_is_not_there_is_told_so() {
    let server = Server::start().await;
    let answer = server.get("/channels/a?transport=poll&session=nobody&after=0", "").await;
    assert_eq!((answer.status, answer.header("tidegate-session")), (404, Some("lost")));
    // The channel's own doors know nothing of sessions.
    assert_eq!(server.get("/channels/a?transport=pigeon", "").await.status, 204);
}

/// Relays to the server. A change of the number kills every connection.
async fn relay(to: SocketAddr) -> (String, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let kill = watch::Sender::new(0);
    let mut killed = kill.subscribe();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            killed.mark_unchanged();
            let mut killed = killed.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    _ = killed.changed() => {}
                }
            });
        }
    });
    (address, kill)
}

async fn nothing_is_lost_when_connections_break(transport: Transport) {
    let server = Server::start().await;
    let (address, kill) = relay(server.address.parse().unwrap()).await;
    let connection = connect(&address, "/channels/a", transport);
    let Opened { mut readable, mut writable, .. } = soon(connection.opened()).await.unwrap();
    for number in 0..40 {
        if number % 10 == 5 {
            kill.send_modify(|kills| *kills += 1);
        }
        server.publish("/channels/a", &format!("down {number}")).await;
        soon(writable.write(format!("up {number}"))).await.unwrap();
    }
    let (mut down, mut up) = (Vec::new(), Vec::new());
    while down.len() + up.len() < 80 {
        let message = text(&mut readable).await;
        if message.starts_with("up") { &mut up } else { &mut down }.push(message);
    }
    assert_eq!(down, (0..40).map(|number| format!("down {number}")).collect::<Vec<_>>());
    assert_eq!(up, (0..40).map(|number| format!("up {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn nothing_is_lost_between_transports_that_break() {
    for transport in ALL {
        nothing_is_lost_when_connections_break(transport).await;
    }
}
