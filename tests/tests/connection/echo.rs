//! Each transport carries a conversation, and its end.

use tidegate::{Acceptor, Connection, Message, Opened, Transport};
use tidegate_tests::raw::soon;

use crate::over_each_transport;
use crate::server::Server;

async fn what_is_sent_comes_back(transport: Transport) {
    let server = Server::echo();
    let connection = Connection::builder(server.url()).transports([transport]).connect().unwrap();
    let Opened { mut readable, mut writable, protocol, extensions } =
        soon(connection.opened()).await.unwrap();
    assert_eq!((protocol.as_str(), extensions.as_str()), ("", ""));
    let large = vec![7; 1_000_000];
    let messages = [Message::from("one"), Message::from(""), Message::from(large), Message::from("日本")];
    for message in &messages {
        soon(writable.write(message.clone())).await.unwrap();
        assert_eq!(soon(readable.read()).await.unwrap().as_ref(), Some(message));
        assert_eq!(connection.transport(), Some(transport));
    }
    connection.close((3210, "bye")).unwrap();
    assert_eq!(soon(readable.read()).await.unwrap(), None);
    let info = soon(connection.closed()).await.unwrap();
    assert_eq!((info.close_code.get(), info.reason.as_str()), (3210, "bye"));
    assert!(connection.is_session());
}

async fn the_server_ends_behind_its_last_message(transport: Transport) {
    let server = Server::start(|connection| async move {
        let Opened { mut writable, .. } = connection.opened().await.unwrap();
        for number in 0..100 {
            writable.write(format!("{number}")).await.unwrap();
        }
        connection.close((4001, "that was all")).unwrap();
        let _ = connection.closed().await;
    });
    let connection = Connection::builder(server.url()).transports([transport]).connect().unwrap();
    let Opened { mut readable, writable: _writable, .. } = soon(connection.opened()).await.unwrap();
    for number in 0..100 {
        assert_eq!(soon(readable.read()).await.unwrap(), Some(number.to_string().into()));
    }
    assert_eq!(soon(readable.read()).await.unwrap(), None);
    let info = soon(connection.closed()).await.unwrap();
    assert_eq!((info.close_code.get(), info.reason.as_str()), (4001, "that was all"));
}

async fn the_applications_protocol_is_agreed_on(transport: Transport) {
    let acceptor = Acceptor::new().protocols(["chat.v1", "chat.v2"]);
    let server = Server::with(acceptor, |connection| async move {
        let opened = connection.opened().await.unwrap();
        assert_eq!(opened.protocol, "chat.v1");
        let _ = opened.readable.pipe_to(opened.writable).await;
    });
    let connection = Connection::builder(server.url())
        .transports([transport])
        .client(|client| client.protocols(["chat.v3", "chat.v1"]))
        .connect()
        .unwrap();
    assert_eq!(soon(connection.opened()).await.unwrap().protocol, "chat.v1");
}

over_each_transport!(
    what_is_sent_comes_back,
    the_server_ends_behind_its_last_message,
    the_applications_protocol_is_agreed_on,
);
