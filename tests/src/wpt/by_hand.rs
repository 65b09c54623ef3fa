//! The handlers whose bytes the library would not send: wrong answers, and a Close in the packet of the handshake.

use std::time::Duration;

use http::header::{HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL};
use http::{Request, Response};
use tidegate_proto::websocket::handshake::receive;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::gate::Io;
use crate::raw::{CLOSE, frame, without_deflate};

/// How long a browser may take to go away.
const END: Duration = Duration::from_secs(20);

/// Answers if the path is that of such a handler.
pub(crate) async fn answer(mut io: Box<dyn Io>, request: &Request<()>) -> Result<(), Box<dyn Io>> {
    let bytes = match request.uri().path() {
        "/invalid" => Some(b"FOO BAR BAZ\r\n\r\n".to_vec()),
        "/handshake_protocol" => head(request, |response| {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("foobar"));
        }),
        "/wrong_accept_key" => head(request, |response| {
            response
                .headers_mut()
                .insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static("thisisawrongacceptkey"));
        }),
        "/simple_handshake" => head(request, |_| ()).map(|head| {
            [head, frame(CLOSE, &[&1001_u16.to_be_bytes()[..], b"PASS"].concat(), false)].concat()
        }),
        _ => return Err(io),
    };
    // However it ends: the test sees what the browser makes of it.
    let _ = io.write_all(&bytes.unwrap_or_default()).await;
    let _ = io.flush().await;
    if request.uri().path() == "/simple_handshake" {
        // The client's Close: 6 bytes of payload behind a header and a masking key.
        let _ = timeout(END, io.read_exact(&mut [0; 12])).await;
    } else if request.uri().path() != "/invalid" {
        let _ = timeout(END, io.read(&mut [0; 64])).await;
    }
    let _ = io.shutdown().await;
    Ok(())
}

/// The response that the library gives, changed.
fn head(request: &Request<()>, change: impl FnOnce(&mut Response<()>)) -> Option<Vec<u8>> {
    let (mut response, _) = receive(request).ok()?.accept(without_deflate()).ok()?;
    change(&mut response);
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    Some(bytes)
}
