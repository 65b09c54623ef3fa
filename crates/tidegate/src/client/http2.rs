//! Asking a server over HTTP/2, on a connection that sockets share.

use tidegate_proto::websocket::handshake::ClientHandshake;

use super::request::{Answer, ClientRequest};
use crate::http::h2::{Http2Pool, Key, Route};
use crate::http::tls::Alpn;
use crate::http::{self as transport, ConnectError, ConnectOptions, InvalidUrl, Io};
use crate::websocket::Cause;

/// Where a request stands once HTTP/2 was tried.
pub(super) enum Asked {
    Answered(Box<Answer>),
    /// It is for HTTP/1.1, on this connection if there is one already.
    Upgrade(Option<Box<dyn Io>>),
}

/// Asks on a shared connection, if the server takes WebSockets so. Where a connection ends without an answer, or the
/// server has not acted on the request, it is asked once more, on another one.
pub(super) async fn ask(
    pool: &Http2Pool,
    asked: &ClientRequest,
    options: &ConnectOptions,
) -> Result<Asked, Cause> {
    let url = &asked.url;
    let is_secure = transport::url::is_secure(url);
    if !pool.covers(is_secure) {
        return Ok(Asked::Upgrade(None));
    }
    // Any URL with a host is a URI too, unless it is beyond the length of one.
    let uri = url.as_str().parse().map_err(|_| InvalidUrl::LongTarget(url.as_str().len()))?;
    let (handshake, request) = ClientHandshake::extended_connect(&uri, asked.options.clone())?;
    let header_bytes = options.head_limits.byte_limit();
    let dial = || async {
        let (io, is_http2) = transport::connect_offering(url, options, Alpn::Http2).await?;
        Ok::<_, Cause>((io, is_http2 || !is_secure))
    };
    let mut is_last = false;
    loop {
        let key = Key {
            origin: format!("{}://{}:{}", url.scheme(), transport::url::host(url), transport::url::port(url)),
            proxy: options.proxy.server(url).map_err(ConnectError::from)?,
            tls: is_secure.then(|| options.tls.clone()),
        };
        let place = match pool.route(key, header_bytes, dial).await? {
            Route::Http1(io) => return Ok(Asked::Upgrade(io)),
            Route::Http2(place) => place,
        };
        match place.open(request.clone()).await {
            Ok((response, io)) => {
                let answer = Answer { io: Box::new(io), response, rest: Vec::new(), handshake };
                return Ok(Asked::Answered(Box::new(answer)));
            }
            Err(error) if error.requires_http1() => return Ok(Asked::Upgrade(None)),
            Err(error) if error.is_retriable() && !is_last => is_last = true,
            Err(error) => return Err(error.into()),
        }
    }
}
