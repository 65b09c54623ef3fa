//! Telling a client no, so that it hears it.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::http::{HeadError, Io, h1};
use crate::websocket::write_all;

/// How long, and how many bytes, a refused client is listened to, so that closing does not reset the connection
/// before the response is read.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 256 * 1024;

/// The response to a head that could not be read, if anybody would understand one.
pub(crate) fn response_to(error: &HeadError) -> Option<Response<String>> {
    error.status().map(|status| plain(status, error.to_string()))
}

/// The response to a request that did not come whole in time.
pub(super) fn too_slow(limit: Duration) -> Response<String> {
    plain(StatusCode::REQUEST_TIMEOUT, format!("the request did not come whole within {limit:?}"))
}

fn plain(status: StatusCode, reason: String) -> Response<String> {
    let mut response = Response::new(reason + "\n");
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Sends `response` as the last thing on `io`, and ends the stream.
pub(crate) async fn refuse(io: &mut Box<dyn Io>, response: Response<String>) {
    let bytes = h1::encode_response(&response, response.body().as_bytes());
    let farewell = async {
        write_all(io, &bytes).await?;
        io.shutdown().await?;
        tokio::io::copy(&mut io.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // The client is refused either way; whether it stays to read why is its own affair.
    let _ = tokio::time::timeout(LINGER, farewell).await;
}
