//! Servers that have moved.

use std::net::SocketAddr;

use tidegate::{Connection, Transport};
use tidegate_tests::raw::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::conversation::{Talk, Talker, converse};
use crate::over_each_transport;

/// Redirects every request there, and forgets its query.
async fn moved_to(target: SocketAddr) -> SocketAddr {
    redirect_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), target)
}

fn redirect_on(listener: TcpListener, target: SocketAddr) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let location = format!("http://{target}/moved?room=8");
            let answer = format!(
                "HTTP/1.1 307 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

async fn a_redirect_is_followed_where_that_is_asked_for(transport: Transport) {
    let talk = Talk::of(300);
    let mut talker = Talker::start(talk);
    let address = moved_to(talker.server.address()).await;
    let builder = Connection::builder(format!("http://{address}/?room=7")).transports([transport]);
    let refused = builder.clone().connect().unwrap();
    let error = soon(refused.opened()).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("307"), "{error}");
    let connection = builder.client(|client| client.max_redirects(2)).connect().unwrap();
    assert_eq!(soon(converse(&connection, talk)).await.unwrap().close_code.get(), 1000);
    talker.found().await;
}

over_each_transport!(a_redirect_is_followed_where_that_is_asked_for);

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let circle = redirect_on(listener, here);
    for transport in [Transport::WebSocket, Transport::Stream] {
        let connection = Connection::builder(format!("http://{circle}/"))
            .transports([transport])
            .client(|client| client.max_redirects(5))
            .connect()
            .unwrap();
        let error = soon(connection.opened()).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("redirects more than 5 times"), "{error}");
    }
}
