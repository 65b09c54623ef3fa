//! axum's own WebSockets: the echo and the broadcast channel of its examples.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use contenders::{FIREHOSE_BYTES, Setup, Task, cannot};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::broadcast::{self, Sender, error::RecvError};

#[derive(Clone)]
struct App {
    task: Task,
    room: Sender<(u64, Message)>,
    guests: Arc<AtomicU64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let setup = Setup::from_args()?;
    if setup.tls.is_some() || matches!(setup.task, Task::DeflateFast | Task::DeflateSmall) {
        return Err(cannot(setup.task));
    }
    let listener = setup.listen_on_tokio()?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let app = App { task: setup.task, room: broadcast::channel(256).0, guests: Arc::default() };
    axum::serve(listener, Router::new().route("/", any(upgrade)).with_state(app)).await
}

async fn upgrade(upgrade: WebSocketUpgrade, State(app): State<App>) -> Response {
    upgrade.on_upgrade(move |socket| async move {
        let _ = match app.task {
            Task::Firehose => firehose(socket).await,
            Task::Broadcast => app.join(socket).await,
            _ => echo(socket).await,
        };
    })
}

async fn echo(mut socket: WebSocket) -> Result<(), axum::Error> {
    while let Some(message) = socket.recv().await {
        let message = message?;
        if matches!(message, Message::Text(_) | Message::Binary(_)) {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn firehose(mut socket: WebSocket) -> Result<(), axum::Error> {
    let message = Message::Binary(vec![b'x'; FIREHOSE_BYTES].into());
    loop {
        socket.send(message.clone()).await?;
    }
}

impl App {
    async fn join(&self, socket: WebSocket) -> Result<(), axum::Error> {
        let me = self.guests.fetch_add(1, Ordering::Relaxed);
        let mut heard = self.room.subscribe();
        let (mut write, mut read) = socket.split();
        let speak = async {
            while let Some(message) = read.next().await {
                let message = message?;
                if matches!(message, Message::Text(_) | Message::Binary(_)) {
                    // Fails when nobody listens.
                    let _ = self.room.send((me, message));
                }
            }
            Ok(())
        };
        let listen = async {
            loop {
                match heard.recv().await {
                    Ok((from, message)) if from != me => write.send(message).await?,
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                }
            }
        };
        tokio::select! {
            result = speak => result,
            result = listen => result,
        }
    }
}
