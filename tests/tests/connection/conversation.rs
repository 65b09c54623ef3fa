//! A conversation both ways in which nothing may be missing and nothing may come twice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate::{CloseInfo, Connection, Message, Opened, Readable, WebSocketError, Writable};
use tidegate_tests::raw::soon;
use tokio::sync::mpsc::{Receiver, channel};

use crate::server::Server;

/// A server that holds numbered conversations, and what it found.
pub(crate) struct Talker {
    pub(crate) server: Server,
    /// What became of each conversation, as the server saw it.
    found: Receiver<Result<(), String>>,
}

/// How many messages there are each way, and how they are paced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    pub(crate) count: u64,
    /// A pause after every ten messages, so that there is time for something to happen.
    pub(crate) pause: Option<Duration>,
}

impl Talk {
    /// As fast as it goes.
    pub(crate) fn of(count: u64) -> Self {
        Self { count, pause: None }
    }
}

impl Talker {
    pub(crate) fn start(talking: Talk) -> Self {
        let (tell, found) = channel(8);
        let server = Server::start(move |connection| {
            let tell = tell.clone();
            async move {
                let heard = AtomicU64::new(0);
                let found = listen(&connection, talking, &heard).await;
                // Whose answer never reached the client has no conversation, but is opened anew.
                if found.is_ok() || heard.into_inner() > 0 {
                    let _ = tell.send(found).await;
                }
            }
        });
        Self { server, found }
    }

    /// What the server found in the one conversation that there was.
    pub(crate) async fn found(&mut self) {
        let found = soon(self.found.recv()).await.expect("the server runs");
        assert_eq!(found, Ok(()), "as the server saw it");
        assert!(self.found.try_recv().is_err(), "there was a second conversation");
    }
}

/// The server's part: talks, and waits for the client to close.
async fn listen(connection: &Connection, talking: Talk, heard: &AtomicU64) -> Result<(), String> {
    let Opened { mut readable, writable, .. } =
        connection.opened().await.map_err(|error| error.to_string())?;
    let writable = talk(&mut readable, writable, talking, heard).await?;
    match readable.read().await {
        Ok(None) => {}
        other => return Err(format!("in the place of the end: {other:?}")),
    }
    drop(writable);
    connection.closed().await.map(drop).map_err(|error| format!("the end was not clean: {error}"))
}

/// The client's part: talks, closes, and waits for the end.
pub(crate) async fn converse(connection: &Connection, talking: Talk) -> Result<CloseInfo, WebSocketError> {
    let Opened { mut readable, writable, .. } = connection.opened().await?;
    let talked = talk(&mut readable, writable, talking, &AtomicU64::new(0)).await;
    let _writable = talked.unwrap_or_else(|error| panic!("as the client saw it: {error}"));
    connection.close((1000, "done")).unwrap();
    connection.closed().await
}

/// Sends numbers from 0 on, and expects the same; `heard` counts what has come.
async fn talk(
    readable: &mut Readable,
    mut writable: Writable,
    talking: Talk,
    heard: &AtomicU64,
) -> Result<Writable, String> {
    let Talk { count, pause } = talking;
    let send = async {
        for number in 0..count {
            let written = writable.write(message(number)).await;
            written.map_err(|error| format!("message {number} could not be written: {error}"))?;
            if let Some(pause) = pause.filter(|_| number % 10 == 0) {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(writable)
    };
    let receive = async {
        for number in 0..count {
            match readable.read().await {
                Ok(Some(came)) if came == message(number) => heard.store(number + 1, Ordering::Relaxed),
                Ok(Some(came)) => return Err(format!("in the place of {number} came {}", number_of(&came))),
                other => return Err(format!("in the place of {number}: {other:?}")),
            }
        }
        Ok(())
    };
    let (writable, ()) = tokio::try_join!(send, receive)?;
    Ok(writable)
}

/// A message by its number: of many lengths, most of them short, and nothing to compress.
fn message(number: u64) -> Message {
    let words = match number % 97 {
        0 => 2500,
        words => words / 4,
    };
    // The first word is the number, the others follow from it (Knuth's MMIX).
    let step = |word: &u64| Some(word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number | 1));
    let words = std::iter::successors(Some(number), step).take(1 + words as usize);
    Message::from(words.flat_map(u64::to_be_bytes).collect::<Vec<u8>>())
}

fn number_of(message: &Message) -> String {
    match message.as_bytes().first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes).to_string(),
        None => format!("{message:?}"),
    }
}
