//! A server that leaves politely: at Ctrl-C everybody gets what was written, then a Close with 1001.
//!
//! `cargo run --package tidegate --example graceful_shutdown -- 127.0.0.1:9004`

use std::time::Duration;

use tidegate::{Acceptor, Drained, Opened, WebSocketStream};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9004".into());
    let listener = TcpListener::bind(address).await?;
    println!("ws://{} until Ctrl-C", listener.local_addr()?);
    let signal = async {
        // Without a handler for the signal the server could not be stopped: better stop at once.
        let _ = tokio::signal::ctrl_c().await;
    };
    let acceptor = Acceptor::new().drain_timeout(Duration::from_secs(5));
    let Drained { closed, cut_off } = acceptor.serve_until(listener, tick, signal).await?;
    println!("{closed} connections closed, {cut_off} cut off");
    Ok(())
}

/// Sends a number a second. The shutdown needs nothing here: `write` fails once the connection is closing.
async fn tick(socket: WebSocketStream) {
    let Ok(Opened { mut writable, .. }) = socket.opened().await else { return };
    for number in 0u64.. {
        if writable.write(number.to_string()).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
