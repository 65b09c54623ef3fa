//! sockudo-ws: the echo and the broadcast of its examples.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use contenders::streams::{Serve, Stream, run};
use contenders::{FIREHOSE_BYTES, Setup, Task};
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::deflate::negotiate_server_deflate;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Error, Message, PubSub, Result, WebSocketStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

#[derive(Clone)]
struct Sockudo {
    task: Task,
    /// What is offered to clients that want compression.
    deflate: Option<DeflateConfig>,
    room: Arc<PubSub>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let setup = Setup::from_args()?;
    let deflate = match setup.task {
        Task::DeflateFast => Some(DeflateConfig { compression_level: 1, ..DeflateConfig::default() }),
        Task::DeflateSmall => Some(DeflateConfig::default()),
        _ => None,
    };
    run(&setup, Sockudo { task: setup.task, deflate, room: Arc::new(PubSub::new()) }).await
}

impl Serve for Sockudo {
    async fn serve(self, mut stream: impl Stream) {
        let _ = match self.shake_hands(&mut stream).await {
            Err(error) => Err(error),
            Ok(Some(deflate)) => {
                echo(CompressedWebSocketStream::server(stream, Config::default(), deflate)).await
            }
            Ok(None) => {
                let socket = WebSocketStream::server(stream, Config::default());
                match self.task {
                    Task::Firehose => firehose(socket).await,
                    Task::Broadcast => self.join(socket).await,
                    _ => echo(socket).await,
                }
            }
        };
    }
}

impl Sockudo {
    async fn shake_hands(&self, stream: &mut impl Stream) -> Result<Option<DeflateConfig>> {
        let mut buffer = BytesMut::with_capacity(4096);
        loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(Error::ConnectionClosed);
            }
            let Some((request, _)) = parse_request(&buffer)? else { continue };
            let key = generate_accept_key(request.key);
            let offers = request.extensions.zip(self.deflate.as_ref());
            let agreed = offers.and_then(|(offers, policy)| negotiate_server_deflate(offers, policy));
            let header = agreed.as_ref().map(|agreed| agreed.to_response_header());
            stream.write_all(&build_response(&key, None, header.as_deref())).await?;
            stream.flush().await?;
            return Ok(agreed.map(|agreed| agreed.config));
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the library's PubSub takes no other queue")]
    async fn join(&self, socket: WebSocketStream<impl Stream>) -> Result<()> {
        let (mut reader, mut writer) = socket.split();
        let (sender, mut queue) = mpsc::unbounded_channel();
        let me = self.room.create_subscriber(sender);
        self.room.subscribe(me, "room");
        let result = loop {
            tokio::select! {
                message = reader.next() => match message {
                    Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                        self.room.publish_excluding(me, "room", message);
                    }
                    Some(Ok(Message::Close(_))) | None => break Ok(()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break Err(error),
                },
                Some(message) = queue.recv() => {
                    if let Err(error) = writer.send(message).await {
                        break Err(error);
                    }
                }
            }
        };
        self.room.remove_subscriber(me);
        result
    }
}

async fn echo<S>(mut socket: S) -> Result<()>
where
    S: futures_util::Stream<Item = Result<Message>> + futures_util::Sink<Message, Error = Error> + Unpin,
{
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            Message::Close(_) => break,
            _ => {}
        }
    }
    Ok(())
}

async fn firehose(mut socket: WebSocketStream<impl Stream>) -> Result<()> {
    let message = Bytes::from(vec![b'x'; FIREHOSE_BYTES]);
    loop {
        socket.send(Message::Binary(message.clone())).await?;
    }
}
