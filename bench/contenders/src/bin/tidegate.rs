//! tidegate, with the plain loop that its users write.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use contenders::{FIREHOSE_BYTES, Setup, Task};
use tidegate::{
    Acceptor, Config, DeflateConfig, Message, Opened, ServerTls, WebSocketError, WebSocketStream,
};
use tokio::sync::broadcast::{self, Sender, error::RecvError};

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
            let room = broadcast::channel(256).0;
            let guests = AtomicU64::new(0);
            acceptor
                .serve(listener, move |socket| {
                    join(socket, guests.fetch_add(1, Ordering::Relaxed), room.clone())
                })
                .await
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

/// What is said, and who said it.
type Room = Sender<(u64, Message)>;

async fn join(socket: WebSocketStream, me: u64, room: Room) {
    let Ok(Opened { mut readable, mut writable, .. }) = socket.opened().await else { return };
    let mut heard = room.subscribe();
    let speak = async {
        while let Ok(Some(message)) = readable.read().await {
            // Fails when nobody listens, which is nobody's fault.
            let _ = room.send((me, message));
        }
    };
    let listen = async {
        while writable.ready().await.is_ok() {
            let message = match heard.recv().await {
                Ok((from, _)) if from == me => continue,
                Ok((_, message)) => message,
                Err(RecvError::Lagged(count)) => format!("(you missed {count} messages)").into(),
                Err(RecvError::Closed) => return,
            };
            if writable.write(message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = speak => {}
        () = listen => {}
    }
}
