//! A client's first words by credit: it is open when the server has greeted, which tells the protocol.

use bytes::Buf;
use tidegate_proto::websocket::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::error::Cause;
use super::layers::Layers;
use crate::http::Io;

/// Sends the HELLO, waits for the WELCOME, and tells the application's protocol.
///
/// # Errors
///
/// What ends the connection before.
pub(crate) async fn greet(io: &mut Box<dyn Io>, layers: &mut Layers) -> Result<String, Cause> {
    let mut buffer = vec![0; 4096];
    loop {
        send(io, layers).await?;
        layers.take_in();
        if let Some(Err(error)) = layers.outcome() {
            // The server is told why, if it still listens.
            let _ = send(io, layers).await;
            return Err(error.into_cause());
        }
        if let Some(protocol) = layers.greeting() {
            return Ok(protocol.to_owned());
        }
        if let Some(Ok(Event::Close(info))) = layers.poll_end() {
            return Err(Cause::PeerClosed(info));
        }
        let read = io.read(&mut buffer).await.map_err(|error| Cause::Lost(Some(error)))?;
        if read == 0 {
            layers.handle_eof();
        }
        // Everything before was taken in, so there is room.
        layers.handle_input(&buffer[..read]);
    }
}

async fn send(io: &mut Box<dyn Io>, layers: &mut Layers) -> Result<(), Cause> {
    while let Some(transmit) = layers.poll_transmit() {
        let bytes = transmit.copy_to_bytes(transmit.remaining());
        io.write_all(&bytes).await.map_err(|error| Cause::Lost(Some(error)))?;
    }
    io.flush().await.map_err(|error| Cause::Lost(Some(error)))
}
