//! tokio-websockets: the echo of its example; the broadcast by tokio's broadcast channel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contenders::streams::{Serve, Stream, run};
use contenders::{FIREHOSE_BYTES, Setup, Task, cannot};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::broadcast::{self, Sender, error::RecvError};
use tokio_websockets::{Error, Message, ServerBuilder, WebSocketStream};

#[derive(Clone)]
struct Sockets {
    task: Task,
    room: Sender<(u64, Message)>,
    guests: Arc<AtomicU64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let setup = Setup::from_args()?;
    if matches!(setup.task, Task::DeflateFast | Task::DeflateSmall) {
        return Err(cannot(setup.task));
    }
    run(&setup, Sockets { task: setup.task, room: broadcast::channel(256).0, guests: Arc::default() }).await
}

impl Serve for Sockets {
    async fn serve(self, stream: impl Stream) {
        let Ok((_, socket)) = ServerBuilder::new().accept(stream).await else { return };
        let _ = match self.task {
            Task::Firehose => firehose(socket).await,
            Task::Broadcast => self.join(socket).await,
            _ => tokio::task::unconstrained(echo(socket)).await,
        };
    }
}

async fn echo(mut socket: WebSocketStream<impl Stream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn firehose(mut socket: WebSocketStream<impl Stream>) -> Result<(), Error> {
    let message = Message::binary(vec![b'x'; FIREHOSE_BYTES]);
    loop {
        socket.send(message.clone()).await?;
    }
}

impl Sockets {
    async fn join(&self, mut socket: WebSocketStream<impl Stream>) -> Result<(), Error> {
        let me = self.guests.fetch_add(1, Ordering::Relaxed);
        let mut heard = self.room.subscribe();
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    None => return Ok(()),
                    Some(message) => {
                        let message = message?;
                        if message.is_text() || message.is_binary() {
                            // Fails when nobody listens.
                            let _ = self.room.send((me, message));
                        }
                    }
                },
                heard = heard.recv() => match heard {
                    Ok((from, message)) if from != me => socket.send(message).await?,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                },
            }
        }
    }
}
