//! Reading the body of a request, within a limit.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use super::body_error::BodyError;
use super::chunks::Chunks;
use super::client::Client;
use super::head::Framing;

/// How long a body may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;

/// Reads the body of a request, at most `limit` bytes. After an error the connection serves no further request.
pub(crate) async fn read(client: &mut Client, framing: Framing, limit: usize) -> Result<Vec<u8>, BodyError> {
    let read = async {
        match framing {
            Framing::None => Ok(Vec::new()),
            Framing::Length(length) => {
                let length = usize::try_from(length).ok().filter(|length| *length <= limit);
                by_length(client, length.ok_or(BodyError::TooLarge)?).await
            }
            Framing::Chunked => chunked(client, limit).await,
        }
    };
    let result = timeout(TIMEOUT, read).await.unwrap_or(Err(BodyError::TimedOut));
    if result.is_err() {
        client.keeps_alive = false;
    }
    result
}

async fn by_length(client: &mut Client, length: usize) -> Result<Vec<u8>, BodyError> {
    while client.ahead.len() < length {
        fill(client, length - client.ahead.len()).await?;
    }
    let rest = client.ahead.split_off(length);
    Ok(std::mem::replace(&mut client.ahead, rest))
}

async fn chunked(client: &mut Client, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    let mut chunks = Chunks::default();
    while !chunks.is_over() {
        let found = chunks.advance(&client.ahead)?;
        if found.data.len() as u64 + chunks.data() > (limit - body.len()) as u64 {
            return Err(BodyError::TooLarge);
        }
        let is_spent = found.data.is_empty();
        body.extend_from_slice(&client.ahead[found.data]);
        client.ahead.drain(..found.used);
        if is_spent && !chunks.is_over() {
            fill(client, READ_BYTES).await?;
        }
    }
    Ok(body)
}

/// Reads once, up to `most` bytes.
async fn fill(client: &mut Client, most: usize) -> Result<(), BodyError> {
    if std::mem::take(&mut client.expects_continue)
        && !client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n", &[]).await
    {
        return Err(BodyError::Gone);
    }
    let length = client.ahead.len();
    client.ahead.resize(length + most.min(READ_BYTES), 0);
    let mut ahead = std::mem::take(&mut client.ahead);
    let read = poll_fn(|cx| client.poll_read(cx, &mut ahead[length..])).await.unwrap_or(0);
    ahead.truncate(length + read);
    client.ahead = ahead;
    if read == 0 { Err(BodyError::Gone) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::net::{TcpListener, TcpStream};

    use super::super::places::Places;
    use super::*;

    async fn read_of(input: &[u8], limit: usize) -> Result<Vec<u8>, BodyError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let place = Arc::new(Places::new(1)).enter().await;
        let mut client = Client::new(listener.accept().await.unwrap().0, place);
        client.ahead = input.to_vec();
        read(&mut client, Framing::Chunked, limit).await
    }

    #[tokio::test]
    async fn a_body_in_chunks_has_a_limit() {
        let body = b"6\r\nhello,\r\n6\r\n world\r\n0\r\n\r\n";
        assert_eq!(read_of(body, 12).await, Ok(b"hello, world".to_vec()));
        assert_eq!(read_of(body, 11).await, Err(BodyError::TooLarge));
        // The size alone is enough to refuse it.
        assert_eq!(read_of(b"6\r\nhello,\r\n7\r\n", 12).await, Err(BodyError::TooLarge));
        assert_eq!(read_of(b"c\r\nhello", 11).await, Err(BodyError::TooLarge));
    }
}
