//! tokio-tungstenite: the echo of its examples, split and forwarded; the broadcast of its chat example, a queue for
//! each listener.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt, StreamExt, TryStreamExt, future};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

use crate::streams::{Serve, Stream, run};
use crate::{FIREHOSE_BYTES, Setup, Task, cannot};

#[derive(Clone)]
struct Tungstenite {
    task: Task,
    config: WebSocketConfig,
    listeners: Arc<Mutex<HashMap<u64, UnboundedSender<Message>>>>,
    guests: Arc<AtomicU64>,
}

/// Serves with these settings.
pub async fn serve(config: WebSocketConfig) -> io::Result<()> {
    let setup = Setup::from_args()?;
    if matches!(setup.task, Task::DeflateFast | Task::DeflateSmall) {
        return Err(cannot(setup.task));
    }
    let (listeners, guests) = (Arc::default(), Arc::default());
    run(&setup, Tungstenite { task: setup.task, config, listeners, guests }).await
}

impl Serve for Tungstenite {
    async fn serve(self, stream: impl Stream) {
        let Ok(socket) = accept_async_with_config(stream, Some(self.config)).await else { return };
        let _ = match self.task {
            Task::Firehose => firehose(socket).await,
            Task::Broadcast => self.join(socket).await,
            _ => echo(socket).await,
        };
    }
}

async fn echo(socket: WebSocketStream<impl Stream>) -> Result<(), Error> {
    let (write, read) = socket.split();
    read.try_filter(|message| future::ready(message.is_text() || message.is_binary())).forward(write).await
}

async fn firehose(mut socket: WebSocketStream<impl Stream>) -> Result<(), Error> {
    let message = Message::binary(vec![b'x'; FIREHOSE_BYTES]);
    loop {
        socket.send(message.clone()).await?;
    }
}

impl Tungstenite {
    #[expect(clippy::disallowed_methods, reason = "the chat example of the library has this queue")]
    async fn join(&self, socket: WebSocketStream<impl Stream>) -> Result<(), Error> {
        let (sender, mut queue) = unbounded_channel();
        let me = self.guests.fetch_add(1, Ordering::Relaxed);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).insert(me, sender);
        let (mut write, read) = socket.split();
        let speak = read.try_for_each(|message| {
            if message.is_text() || message.is_binary() {
                let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
                for (_, listener) in listeners.iter().filter(|(other, _)| **other != me) {
                    let _ = listener.send(message.clone());
                }
            }
            future::ok(())
        });
        let listen = async {
            while let Some(message) = queue.recv().await {
                write.send(message).await?;
            }
            Ok(())
        };
        let result = tokio::select! {
            result = speak => result,
            result = listen => result,
        };
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).remove(&me);
        result
    }
}
