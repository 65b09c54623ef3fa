//! Telling HTTP/2 from HTTP/1.1 by the first bytes (RFC 9113 §3.3, §3.4).

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::http::rejoined::Rejoined;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is clear whether the peer begins with the connection preface of HTTP/2, and gives the stream back
/// with what was read in it. A peer that ends earlier does not speak HTTP/2.
///
/// # Cancellation
///
/// What has been read is lost with the stream.
pub(crate) async fn is_http2<T>(mut io: T) -> io::Result<(Rejoined<T>, bool)>
where
    T: AsyncRead + Unpin,
{
    let mut read = [0; PREFACE.len()];
    let mut length = 0;
    while length < PREFACE.len() && PREFACE.starts_with(&read[..length]) {
        match io.read(&mut read[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    let is_http2 = &read[..length] == PREFACE;
    Ok((Rejoined::new(Bytes::copy_from_slice(&read[..length]), io), is_http2))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn look(chunks: &[&[u8]]) -> (Vec<u8>, bool) {
        let (near, mut far) = tokio::io::duplex(1);
        let send = async move {
            for chunk in chunks {
                far.write_all(chunk).await.unwrap();
            }
        };
        let receive = async {
            let (mut io, is_http2) = is_http2(near).await.unwrap();
            let mut all = Vec::new();
            io.read_to_end(&mut all).await.unwrap();
            (all, is_http2)
        };
        tokio::join!(send, receive).1
    }

    #[tokio::test]
    async fn the_preface_is_told_from_a_request_and_nothing_is_lost() {
        for (chunks, expected) in [
            (&[PREFACE, b"more"][..], true),
            (&[PREFACE], true),
            (&[&PREFACE[..23]], false),
            (&[b"PRI * HTTP/1.1\r\nhost: a\r\n\r\n"], false),
            (&[b"GET / HTTP/1.1\r\n\r\n"], false),
            (&[b"P", b"OST / HTTP/1.1\r\n\r\n"], false),
            (&[], false),
        ] {
            assert_eq!(look(chunks).await, (chunks.concat(), expected), "{chunks:?}");
        }
    }
}
