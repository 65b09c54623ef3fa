//! RFC 6455 §4.1: what a client sends, and what it demands of the response.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use tidegate_proto::websocket::InvalidExtensions;
use tidegate_proto::websocket::deflate::{DeflateConfig, UnacceptableExtensions};
use tidegate_proto::websocket::handshake::{
    Agreed, ClientHandshake, ClientOptions, HandshakeError, InvalidRequest,
};

/// The nonce, key and accept value of the RFC's example (§1.3).
const NONCE: [u8; 16] = *b"the sample nonce";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn ask(uri: &str, options: ClientOptions) -> Result<(ClientHandshake, Request<()>), InvalidRequest> {
    ClientHandshake::new(&uri.parse().expect("the test's URL parses"), options, NONCE)
}

fn protocols(names: &[&str]) -> ClientOptions {
    let protocols = names.iter().map(|name| (*name).to_owned()).collect();
    ClientOptions { protocols, ..ClientOptions::default() }
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().expect("a header name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
    headers
}

/// The response of the RFC's example, with `lines` for the headers they name: replaced, repeated, or, when empty,
/// taken away.
fn response(lines: &[(&str, &str)]) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let mut all =
        headers(&[("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", ACCEPT)]);
    for (name, _) in lines {
        all.remove(*name);
    }
    let kept: Vec<_> = lines.iter().filter(|(_, value)| !value.is_empty()).copied().collect();
    for (name, value) in &headers(&kept) {
        all.append(name.clone(), value.clone());
    }
    *response.headers_mut() = all;
    response
}

#[track_caller]
fn finish(options: ClientOptions, lines: &[(&str, &str)]) -> Result<Agreed, HandshakeError> {
    let (handshake, _) = ask("ws://server.example.com/chat", options).expect("the request is fit");
    handshake.finish(&response(lines))
}

#[track_caller]
fn fails(options: ClientOptions, lines: &[(&str, &str)], why: HandshakeError) {
    assert_eq!(finish(options, lines), Err(why), "{lines:?}");
}

#[test]
fn the_request_of_the_rfc() {
    let options = ClientOptions {
        origin: Some(HeaderValue::from_static("http://example.com")),
        deflate: None,
        ..protocols(&["chat", "superchat"])
    };
    let (_, request) = ask("ws://server.example.com/chat", options).expect("the request is fit");
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.version(), Version::HTTP_11);
    assert_eq!(request.uri(), "/chat");
    assert_eq!(
        *request.headers(),
        headers(&[
            ("host", "server.example.com"),
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-key", KEY),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat, superchat"),
            ("origin", "http://example.com"),
        ])
    );
}

#[test]
fn permessage_deflate_is_offered_unless_turned_off() {
    let (_, request) = ask("ws://a/", ClientOptions::default()).expect("the request is fit");
    assert_eq!(request.headers()["sec-websocket-extensions"], "permessage-deflate; client_max_window_bits");
    assert!(!request.headers().contains_key("sec-websocket-protocol"));
    assert!(!request.headers().contains_key("origin"));
    let without = ClientOptions { deflate: None, ..ClientOptions::default() };
    let (_, request) = ask("ws://a/", without).expect("the request is fit");
    assert!(!request.headers().contains_key("sec-websocket-extensions"));
}

#[test]
fn host_and_target_come_from_the_url() {
    for (uri, host, target) in [
        ("ws://a", "a", "/"),
        ("ws://a/", "a", "/"),
        ("ws://a?b=c", "a", "/?b=c"),
        ("ws://a/b/c?d=e%20f&g", "a", "/b/c?d=e%20f&g"),
        ("ws://a:80/", "a", "/"),
        ("http://a:80/", "a", "/"),
        ("ws://a:443/", "a:443", "/"),
        ("wss://a:443/", "a", "/"),
        ("https://a:443/", "a", "/"),
        ("wss://a:80/", "a:80", "/"),
        ("wss://a:0443/", "a", "/"),
        ("ws://a:/", "a", "/"),
        ("WS://a:8080/", "a:8080", "/"),
        ("ws://[::1]/", "[::1]", "/"),
        ("ws://[::1]:80/", "[::1]", "/"),
        ("ws://[2001:db8::1]:8080/x", "[2001:db8::1]:8080", "/x"),
        ("ws://127.0.0.1:9001/", "127.0.0.1:9001", "/"),
    ] {
        let (_, request) = ask(uri, ClientOptions::default()).expect(uri);
        assert_eq!(request.headers()["host"], host, "{uri}");
        let sent = request.uri().path_and_query().map(|target| target.as_str());
        assert_eq!(sent, Some(target), "{uri}");
    }
}

#[test]
fn a_url_that_names_no_websocket() {
    for (uri, why) in [
        ("ftp://a/", InvalidRequest::UnsupportedScheme),
        ("a:80", InvalidRequest::UnsupportedScheme),
        ("/chat", InvalidRequest::UnsupportedScheme),
        ("ws://a:0/", InvalidRequest::InvalidPort),
        ("ws://a:65536/", InvalidRequest::InvalidPort),
        ("ws://a:99999999999/", InvalidRequest::InvalidPort),
        ("ws://a:b/", InvalidRequest::InvalidPort),
        ("ws://user@a/", InvalidRequest::Credentials),
        ("ws://user:secret@a:81/", InvalidRequest::Credentials),
        ("ws://:80/", InvalidRequest::MissingHost),
    ] {
        assert_eq!(ask(uri, ClientOptions::default()).err(), Some(why), "{uri}");
    }
}

#[test]
fn protocols_are_tokens_and_differ() {
    for bad in ["", " ", "a b", "a,b", "a/b", "a\r\nb", "é", "\"a\"", "a\u{7f}", "(a)"] {
        assert_eq!(
            ask("ws://a/", protocols(&["ok", bad])).err(),
            Some(InvalidRequest::MalformedProtocol(bad.into()))
        );
    }
    for (first, second) in [("chat", "chat"), ("chat", "CHAT")] {
        assert_eq!(
            ask("ws://a/", protocols(&[first, "x", second])).err(),
            Some(InvalidRequest::RepeatedProtocol(second.into()))
        );
    }
}

#[test]
fn further_headers_go_along() {
    let options = ClientOptions {
        headers: headers(&[("cookie", "a=b"), ("x-many", "1"), ("x-many", "2"), ("host", "virtual.example")]),
        ..ClientOptions::default()
    };
    let (_, request) = ask("ws://a/", options).expect("the request is fit");
    let sent = request.headers();
    assert_eq!(sent["cookie"], "a=b");
    assert_eq!(sent.get_all("x-many").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(sent.get_all("host").iter().collect::<Vec<_>>(), ["virtual.example"]);
}

#[test]
fn headers_of_the_handshake_are_its_own() {
    for name in [
        "upgrade",
        "connection",
        "content-length",
        "transfer-encoding",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "sec-websocket-accept",
        "sec-websocket-anything",
    ] {
        let options = ClientOptions { headers: headers(&[(name, "x")]), ..ClientOptions::default() };
        let name = name.parse().expect("a header name");
        assert_eq!(ask("ws://a/", options).err(), Some(InvalidRequest::ReservedHeader(name)));
    }
    let two_hosts =
        ClientOptions { headers: headers(&[("host", "a"), ("host", "b")]), ..ClientOptions::default() };
    assert_eq!(ask("ws://a/", two_hosts).err(), Some(InvalidRequest::ReservedHeader(http::header::HOST)));
    let two_origins = ClientOptions {
        origin: Some(HeaderValue::from_static("null")),
        headers: headers(&[("origin", "null")]),
        ..ClientOptions::default()
    };
    assert_eq!(ask("ws://a/", two_origins).err(), Some(InvalidRequest::ReservedHeader(http::header::ORIGIN)));
}

#[test]
fn the_response_of_the_rfc_opens() {
    let agreed = finish(protocols(&["chat", "superchat"]), &[("sec-websocket-protocol", "chat")]);
    let expected = Agreed { protocol: "chat".into(), ..Agreed::default() };
    assert_eq!(agreed, Ok(expected));
    assert_eq!(finish(ClientOptions::default(), &[]), Ok(Agreed::default()));
}

#[test]
fn case_and_lists_do_not_matter_where_the_rfc_says_so() {
    for lines in [
        &[("upgrade", "WebSocket"), ("connection", "upgrade")][..],
        &[("upgrade", "WEBSOCKET"), ("connection", "keep-alive, UPGRADE")],
        &[("connection", "keep-alive"), ("connection", ",Upgrade ,")],
        &[("sec-websocket-accept", " s3pPLMBiTxaQ9kYGzzhZRbK+xOo= ")],
    ] {
        assert_eq!(finish(ClientOptions::default(), lines), Ok(Agreed::default()), "{lines:?}");
    }
}

#[test]
fn any_other_status_is_a_refusal() {
    for status in [100, 102, 200, 204, 301, 307, 400, 401, 403, 404, 426, 500, 503] {
        let (handshake, _) = ask("ws://a/", ClientOptions::default()).expect("the request is fit");
        let mut response = response(&[]);
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        let why = HandshakeError::RefusedWithStatus(response.status());
        assert_eq!(handshake.finish(&response), Err(why));
    }
}

#[test]
fn a_response_that_does_not_upgrade() {
    for lines in [
        &[("upgrade", "")][..],
        &[("upgrade", "h2c")],
        &[("upgrade", "websocket, h2c")],
        &[("upgrade", "websocket"), ("upgrade", "websocket")],
        &[("upgrade", "websockets")],
    ] {
        fails(ClientOptions::default(), lines, HandshakeError::WrongUpgrade);
    }
    for lines in
        [&[("connection", "")][..], &[("connection", "keep-alive")], &[("connection", "upgrade-later")]]
    {
        fails(ClientOptions::default(), lines, HandshakeError::WrongConnection);
    }
}

#[test]
fn a_response_that_does_not_answer_the_key() {
    let name = "sec-websocket-accept";
    fails(ClientOptions::default(), &[(name, "")], HandshakeError::MissingAccept);
    fails(ClientOptions::default(), &[(name, ACCEPT), (name, ACCEPT)], HandshakeError::RepeatedAccept);
    let wrong_case = ACCEPT.to_lowercase();
    for wrong in [KEY, &wrong_case, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "x", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=,x", "é"]
    {
        fails(ClientOptions::default(), &[(name, wrong)], HandshakeError::WrongAccept);
    }
}

#[test]
fn the_server_must_select_an_offered_protocol() {
    let name = "sec-websocket-protocol";
    let unoffered = |protocol: &str| HandshakeError::SelectedUnofferedProtocol(protocol.to_owned());
    fails(protocols(&["chat"]), &[], HandshakeError::SelectedNoProtocol);
    fails(protocols(&["chat"]), &[(name, "chat"), (name, "chat")], HandshakeError::RepeatedProtocol);
    fails(ClientOptions::default(), &[(name, "chat")], unoffered("chat"));
    for wrong in ["Chat", "chat2", "chat, superchat", ","] {
        fails(protocols(&["chat", "superchat"]), &[(name, wrong)], unoffered(wrong));
    }
    // A header that is there and empty selects nothing that was offered.
    let (handshake, _) = ask("ws://a/", protocols(&["chat"])).expect("the request is fit");
    let mut empty = response(&[]);
    empty.headers_mut().insert(name, HeaderValue::from_static(""));
    assert_eq!(handshake.finish(&empty), Err(unoffered("")));
}

#[test]
fn the_server_may_accept_offered_extensions_only() {
    let name = "sec-websocket-extensions";
    let agreed = finish(ClientOptions::default(), &[(name, "permessage-deflate; server_max_window_bits=12")]);
    let agreed = agreed.expect("the answer is acceptable");
    assert_eq!(agreed.extensions, "permessage-deflate; server_max_window_bits=12");
    assert_eq!(agreed.deflate.map(|params| params.server_max_window_bits), Some(12));

    let unacceptable = HandshakeError::UnacceptableExtensions;
    let without = ClientOptions { deflate: None, ..ClientOptions::default() };
    fails(
        without,
        &[(name, "permessage-deflate")],
        unacceptable(UnacceptableExtensions::NotOffered("permessage-deflate".into())),
    );
    let limited = ClientOptions {
        deflate: Some(DeflateConfig::default().server_max_window_bits(10)),
        ..ClientOptions::default()
    };
    fails(
        limited,
        &[(name, "permessage-deflate")],
        unacceptable(UnacceptableExtensions::IgnoredParam("server_max_window_bits")),
    );
    fails(
        ClientOptions::default(),
        &[(name, "permessage-deflate"), (name, "permessage-deflate")],
        HandshakeError::RepeatedExtensions,
    );
    fails(
        ClientOptions::default(),
        &[(name, ";")],
        HandshakeError::MalformedExtensions(InvalidExtensions::MissingToken),
    );
    fails(
        ClientOptions::default(),
        &[(name, &"x,".repeat(10_000))],
        HandshakeError::MalformedExtensions(InvalidExtensions::TooMany),
    );
}
