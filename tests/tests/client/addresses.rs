//! A name with several addresses. What the resolver of this machine cannot be made to say is tested in `http/tcp`.

use std::net::{SocketAddr, ToSocketAddrs as _};

use tokio::net::TcpListener;

use crate::server::{Server, client, echo};

#[tokio::test]
async fn localhost_is_reached_on_each_of_its_addresses() {
    let addresses: Vec<SocketAddr> = ("localhost", 0).to_socket_addrs().unwrap().collect();
    assert!(!addresses.is_empty());
    for address in addresses {
        let server = Server::on(TcpListener::bind(address).await.unwrap(), None, |_| None);
        echo(client(server.url("/"))).await;
        assert_eq!(server.seen().len(), 1, "{address}");
    }
}

#[tokio::test]
async fn addresses_are_reached_as_they_are_written() {
    for (bind, host) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]"), ("127.0.0.2:0", "127.0.0.2")] {
        // Not every machine has all of them.
        let Ok(listener) = TcpListener::bind(bind).await else { continue };
        let server = Server::on(listener, None, |_| None);
        echo(client(server.url("/").replace("localhost", host))).await;
    }
}
