//! HTTP CONNECT (RFC 9110 §9.3.6).

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::error::ProxyFailure;
use crate::http::credentials::Credentials;
use crate::http::h1::{self, HeadLimits};

/// Asks an HTTP proxy for a tunnel to `server`, a host and port. Then `io` leads there.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    server: &str,
    credentials: Option<&Credentials>,
    limits: &HeadLimits,
) -> Result<(), ProxyFailure> {
    let mut request = format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n").into_bytes();
    // A user name that this cannot carry was refused with the URL of the proxy.
    if let Some(Ok(basic)) = credentials.map(Credentials::basic) {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(basic.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    io.write_all(&request).await?;
    io.flush().await?;
    let (response, rest) = h1::read_response(io, limits).await?;
    match response.status() {
        status if !status.is_success() => Err(ProxyFailure::RefusedWithStatus(status)),
        _ if !rest.is_empty() => Err(ProxyFailure::SpokeEarly),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn answered_with(answer: &[u8]) -> Result<(), ProxyFailure> {
        let (mut near, mut far) = tokio::io::duplex(1024);
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        open(&mut near, "h:1", None, &HeadLimits::default()).await
    }

    #[tokio::test]
    async fn a_tunnel_opens_with_2xx_alone() {
        answered_with(b"HTTP/1.0 200 Connection established\r\n\r\n").await.unwrap();
        answered_with(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        // A length has no meaning here (RFC 9110 §9.3.6).
        answered_with(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n").await.unwrap();
        for status in [101, 302, 403, 407, 502] {
            let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno");
            match answered_with(answer.as_bytes()).await {
                Err(ProxyFailure::RefusedWithStatus(seen)) => assert_eq!(seen, status),
                other => panic!("{status}: {other:?}"),
            }
        }
        assert_eq!(
            ProxyFailure::RefusedWithStatus(StatusCode::BAD_GATEWAY).to_string(),
            "refused with status 502 Bad Gateway"
        );
    }

    #[tokio::test]
    async fn any_other_answer_is_told_apart() {
        let early = answered_with(b"HTTP/1.1 200 OK\r\n\r\nSSH-2.0").await;
        assert!(matches!(early, Err(ProxyFailure::SpokeEarly)), "{early:?}");
        assert!(matches!(answered_with(b"").await, Err(ProxyFailure::Head(_))));
        assert!(matches!(answered_with(b"SSH-2.0-x\r\n\r\n").await, Err(ProxyFailure::Head(_))));
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(900));
        let (mut near, mut far) = tokio::io::duplex(1024);
        far.write_all(endless.as_bytes()).await.unwrap();
        let limits = HeadLimits::default().max_bytes(500);
        let large = open(&mut near, "h:1", None, &limits).await;
        assert!(matches!(large, Err(ProxyFailure::Head(_))), "{large:?}");
    }

    #[tokio::test]
    async fn the_request_names_the_server_and_shows_the_credentials() {
        let (mut near, mut far) = tokio::io::duplex(1024);
        far.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let credentials = Credentials { user: b"Aladdin".to_vec(), password: b"open sesame".to_vec() };
        open(&mut near, "[::1]:80", Some(&credentials), &HeadLimits::default()).await.unwrap();
        drop(near);
        let mut request = String::new();
        far.read_to_string(&mut request).await.unwrap();
        assert_eq!(
            request,
            "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }
}
