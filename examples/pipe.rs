//! A proxy in thirty lines: each connection is joined to another server, and a slow end slows the other one.
//!
//! `cargo run --package tidegate --example pipe -- 127.0.0.1:9002 ws://127.0.0.1:9001`

use tidegate::{Connection, Opened, WebSocketError, WebSocketStream};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9002".into());
    let target = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("ws://{} -> {target}", listener.local_addr()?);
    tidegate::serve(listener, move |inner| {
        let target = target.clone();
        async move {
            if let Err(error) = join(&inner, &target).await {
                println!("{error}");
            }
        }
    })
    .await
}

async fn join(inner: &Connection, target: &str) -> Result<(), WebSocketError> {
    let outer = WebSocketStream::connect(target)?;
    let Opened { readable: from_server, writable: to_server, .. } = outer.opened().await?;
    let Opened { readable: from_client, writable: to_client, .. } = inner.opened().await?;
    tokio::try_join!(from_client.pipe_to(to_server), from_server.pipe_to(to_client)).map(drop)
}
