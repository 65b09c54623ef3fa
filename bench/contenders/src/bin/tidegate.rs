//! tidegate, with the plain loop that its users write.

use std::io;

use contenders::{FIREHOSE_BYTES, Setup, Task};
use tidegate::{
    Acceptor, Broadcast, Config, DeflateConfig, Message, Opened, ServerTls, WebSocketError, WebSocketStream,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let setup = Setup::from_args()?;
    let listener = setup.listen_on_tokio()?;
    let acceptor = acceptor(&setup)?;
    match setup.task {
        Task::Echo | Task::DeflateFast | Task::DeflateSmall => {
            acceptor.serve(listener, |socket| async move { drop(echo(socket).await) }).await
        }
        Task::Firehose => {
            acceptor.serve(listener, |socket| async move { drop(firehose(socket).await) }).await
        }
        Task::Broadcast => {
            let room = Broadcast::new(4 << 20);
            acceptor.serve(listener, move |socket| join(socket, room.clone())).await
        }
    }
}

fn acceptor(setup: &Setup) -> io::Result<Acceptor> {
    let level = if setup.task == Task::DeflateSmall { 6 } else { 1 };
    let config = Config::default().deflate(Some(DeflateConfig::default().level(level)));
    // All clients are on this machine, and there are more of them than one address has by default.
    let acceptor = Acceptor::new().config(config).max_connections(20_000).max_connections_per_ip(20_000);
    let Some((chain, key)) = &setup.tls else { return Ok(acceptor) };
    Ok(acceptor.tls(ServerTls::from_pem_files(chain, key).map_err(io::Error::other)?))
}

async fn echo(socket: WebSocketStream) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    while let Some(message) = readable.read().await? {
        writable.write(message).await?;
    }
    Ok(())
}

async fn firehose(socket: WebSocketStream) -> Result<(), WebSocketError> {
    let Opened { readable, mut writable, .. } = socket.opened().await?;
    drop(readable);
    let message = Message::from(vec![b'x'; FIREHOSE_BYTES]);
    loop {
        writable.write(message.clone()).await?;
    }
}

/// What one says, all the others hear.
async fn join(socket: WebSocketStream, room: Broadcast) {
    let Ok(Opened { mut readable, writable, .. }) = socket.opened().await else { return };
    let mut subscription = room.subscribe(&writable);
    loop {
        tokio::select! {
            message = readable.read() => {
                let Ok(Some(message)) = message else { return };
                room.send_to_others(message, &subscription).await;
            }
            missed = subscription.missed() => {
                let reason = format!("you missed messages {} to {}", missed.start, missed.end - 1);
                let _ = socket.close((1013, &*reason));
                return;
            }
        }
    }
}
