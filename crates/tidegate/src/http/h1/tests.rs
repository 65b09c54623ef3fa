use tokio::io::AsyncWriteExt;

use super::*;

const REQUEST: &str = "GET /chat?a=1 HTTP/1.1\r\nHost: h.example\r\nSec-WebSocket-Key: x==\r\nCookie: a\r\nCookie:\t b \r\n\r\n";

async fn read_request(io: impl AsyncRead + Unpin, limits: &HeadLimits) -> Result<ReadRequest, HeadError> {
    HeadReader::new(io, *limits).request().await
}

async fn request(bytes: &[u8]) -> Result<(Request<()>, Vec<u8>), HeadError> {
    let read = read_request(bytes, &HeadLimits::default()).await?;
    Ok((read.request, read.rest))
}

async fn response(text: &str) -> Result<(Response<()>, Vec<u8>), HeadError> {
    read_response(text.as_bytes(), &HeadLimits::default()).await
}

async fn malformed(bytes: &[u8]) -> MalformedHead {
    match request(bytes).await {
        Err(error @ HeadError::Malformed(what)) => {
            assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST));
            what
        }
        other => panic!("{other:?} for {:?}", String::from_utf8_lossy(bytes)),
    }
}

fn assert_is_the_request(request: &Request<()>) {
    assert_eq!((request.method(), request.version()), (&Method::GET, Version::HTTP_11));
    assert_eq!(request.uri(), "/chat?a=1");
    assert_eq!(request.headers()["sec-websocket-key"], "x==");
    assert!(request.headers().get_all("cookie").iter().eq(["a", "b"]));
    assert_eq!(request.headers().len(), 4);
}

#[tokio::test]
async fn a_head_is_the_same_however_it_is_cut() {
    let all = format!("\r\n{REQUEST}\x01\x00rest");
    for cut in 0..=all.len() {
        let (front, back) = all.as_bytes().split_at(cut);
        let read = read_request(front.chain(back), &HeadLimits::default()).await.unwrap();
        assert_is_the_request(&read.request);
        assert_is_the_request(&parse_request(&read.head).unwrap());
        let mut rest = read.rest;
        let rest_in_stream = "\x01\x00rest".len() - rest.len();
        rest.extend_from_slice(&back[back.len() - rest_in_stream..]);
        assert_eq!(rest, b"\x01\x00rest", "cut at {cut}");
    }
}

#[tokio::test]
async fn one_byte_at_a_time_takes_nothing_behind_the_head() {
    let (mut peer, mut io) = tokio::io::duplex(1);
    let peer = async {
        peer.write_all(REQUEST.as_bytes()).await.unwrap();
        peer.write_all(b"ab").await.unwrap();
        drop(peer);
    };
    let read = async {
        let ReadRequest { request, rest, .. } = read_request(&mut io, &HeadLimits::default()).await.unwrap();
        assert_is_the_request(&request);
        assert!(rest.is_empty());
        assert_eq!(rest.capacity(), 0, "an idle connection owns no buffer");
        let mut behind = Vec::new();
        io.read_to_end(&mut behind).await.unwrap();
        assert_eq!(behind, b"ab");
    };
    tokio::join!(peer, read);
}

#[tokio::test]
async fn the_limit_of_bytes_is_exact() {
    let limits = HeadLimits::default().max_bytes(REQUEST.len());
    assert!(read_request(REQUEST.as_bytes(), &limits).await.is_ok());
    let limits = HeadLimits::default().max_bytes(REQUEST.len() - 1);
    let error = read_request(REQUEST.as_bytes(), &limits).await.unwrap_err();
    assert!(matches!(error, HeadError::TooLarge { limit } if limit == REQUEST.len() - 1), "{error:?}");
    assert_eq!(error.status(), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
}

#[tokio::test]
async fn an_endless_head_ends_at_the_limit() {
    for endless in ["GET /aaaaaaaa", "\r\n"] {
        let (mut peer, mut io) = tokio::io::duplex(7);
        let flood = async move { while peer.write_all(endless.as_bytes()).await.is_ok() {} };
        let read = async move {
            let error = read_request(&mut io, &HeadLimits::default()).await.unwrap_err();
            assert!(matches!(error, HeadError::TooLarge { limit: 16384 }), "{error:?}");
        };
        tokio::join!(flood, read);
    }
}

#[tokio::test]
async fn the_limit_of_headers_is_exact() {
    let limits = HeadLimits::default().max_headers(4);
    assert!(read_request(REQUEST.as_bytes(), &limits).await.is_ok());
    let error = read_request(REQUEST.as_bytes(), &limits.max_headers(3)).await.unwrap_err();
    assert!(matches!(error, HeadError::TooManyHeaders { limit: 3 }), "{error:?}");
    let read = read_request(&b"GET / HTTP/1.1\r\n\r\n"[..], &limits.max_headers(0)).await.unwrap();
    assert!(read.request.headers().is_empty());
}

#[tokio::test]
async fn an_end_before_and_within_a_head_differ() {
    assert!(matches!(request(b"").await, Err(HeadError::Closed)));
    assert!(matches!(request(b"\r\n").await, Err(HeadError::Closed)));
    for cut in 1..REQUEST.len() {
        let error = request(&REQUEST.as_bytes()[..cut]).await.unwrap_err();
        assert!(matches!(error, HeadError::Truncated), "{error:?} at {cut}");
        assert_eq!(error.status(), None);
    }
}

#[tokio::test]
async fn line_endings_other_than_crlf_are_refused() {
    for bytes in [
        &b"GET / HTTP/1.1\n\n"[..],
        b"\nGET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nContent-Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\rContent-Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n\n",
    ] {
        assert_eq!(malformed(bytes).await, MalformedHead::LineEnding);
    }
}

#[tokio::test]
async fn headers_that_parsers_read_differently_are_refused() {
    for line in
        ["A: b\r\n folded", " A: b", "A : b", "A", ": b", "A: b\0c", "A\x7f: b", "A\u{e9}: b", "A: b\x07"]
    {
        let bytes = format!("GET / HTTP/1.1\r\nHost: h\r\n{line}\r\n\r\n");
        assert_eq!(malformed(bytes.as_bytes()).await, MalformedHead::Header, "{line:?}");
    }
    let (head, _) = request(b"GET / HTTP/1.1\r\nA: \xe9\r\nB:\r\n\r\n").await.unwrap();
    assert_eq!(head.headers()["a"].as_bytes(), b"\xe9");
    assert_eq!(head.headers()["b"], "");
}

#[tokio::test]
async fn first_lines_that_are_not_http_1_are_refused() {
    for line in [
        "GET /",
        "GET  / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET /#f HTTP/1.1",
        "GET h.example HTTP/1.1",
        " GET / HTTP/1.1",
    ] {
        match request(format!("{line}\r\nHost: h\r\n\r\n").as_bytes()).await {
            Err(HeadError::Malformed(MalformedHead::FirstLine) | HeadError::UnsupportedVersion) => {}
            other => panic!("{other:?} for {line:?}"),
        }
    }
    for line in ["PRI * HTTP/2.0", "GET / HTTP/1.2"] {
        let error = request(format!("{line}\r\n\r\nSM\r\n\r\n").as_bytes()).await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::HTTP_VERSION_NOT_SUPPORTED), "{line:?}: {error:?}");
    }
    let (old, _) = request(b"GET http://h/x HTTP/1.0\r\n\r\n").await.unwrap();
    assert_eq!((old.version(), old.uri().path()), (Version::HTTP_10, "/x"));
}

#[tokio::test]
async fn tls_on_a_plain_port_is_named() {
    let error = request(b"\x16\x03\x01\x02\x00\x01").await.unwrap_err();
    assert!(matches!(error, HeadError::SpeaksTls), "{error:?}");
    assert_eq!(error.status(), None);
}

#[tokio::test]
async fn a_request_with_a_body_is_refused() {
    for line in [
        "Transfer-Encoding: chunked",
        "Content-Length: 5",
        "Content-Length: 0\r\nContent-Length: 5",
        "content-length: x",
    ] {
        let bytes = format!("POST / HTTP/1.1\r\n{line}\r\n\r\n12345");
        assert_eq!(malformed(bytes.as_bytes()).await, MalformedHead::Body, "{line}");
    }
    assert!(request(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").await.is_ok());
}

#[tokio::test]
async fn interim_responses_are_skipped() {
    let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                HTTP/1.1 101\r\nUpgrade: websocket\r\n\r\n\u{81}";
    let (head, rest) = response(text).await.unwrap();
    assert_eq!(head.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(head.headers().len(), 1);
    assert_eq!(rest, "\u{81}".as_bytes());
    let (head, rest) = response("HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    assert_eq!((head.status(), head.version()), (StatusCode::NOT_FOUND, Version::HTTP_10));
    assert_eq!(rest, b"no");
    assert!(matches!(response("HTTP/1.1 100 Continue\r\n\r\n").await, Err(HeadError::Closed)));
    assert!(matches!(
        response("HTTP/1.1 099 Odd\r\n\r\n").await,
        Err(HeadError::Malformed(MalformedHead::FirstLine))
    ));
}

#[tokio::test]
async fn endless_interim_responses_end_at_the_limit() {
    let text = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    assert!(matches!(response(&text).await, Err(HeadError::TooLarge { limit: 16384 })));
}

#[tokio::test]
async fn what_is_encoded_is_read_back() {
    let sent = Request::builder()
        .uri("wss://h.example/chat?a=1")
        .header("sec-websocket-key", "x==")
        .header("host", "h.example")
        .header("x-trace", "1")
        .body(())
        .unwrap();
    let bytes = encode_request(&sent);
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        "GET /chat?a=1 HTTP/1.1\r\nHost: h.example\r\nSec-WebSocket-Key: x==\r\nX-Trace: 1\r\n\r\n"
    );
    assert_eq!(request(&bytes).await.unwrap().0.headers(), sent.headers());
}

#[test]
fn responses_carry_their_framing() {
    let accepted = Response::builder()
        .status(101)
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-accept", "y=")
        .body(())
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&encode_response(&accepted, b"ignored")),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: y=\r\n\r\n"
    );
    let refused = Response::builder()
        .status(401)
        .header("www-authenticate", "Basic")
        .header("content-length", "99")
        .body("no")
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&encode_response(&refused, refused.body().as_bytes())),
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
    );
    let upgrade = Response::builder().status(426).header("connection", "Upgrade").body(()).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&encode_response(&upgrade, b"")),
        "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
}
