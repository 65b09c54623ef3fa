//! RFC 6455 §4.2: what a server demands of the request, and what it answers.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use tidegate_proto::websocket::InvalidExtensions;
use tidegate_proto::websocket::deflate::DeflateConfig;
use tidegate_proto::websocket::handshake::{
    Agreed, Answer, ClientHandshake, ClientOptions, InvalidAnswer, MAX_PROTOCOLS, Offer, Refusal, receive,
};

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().expect("a header name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
    headers
}

/// The request of the RFC's example (§1.2), without protocols, with `lines` in place of the headers they name.
fn request(lines: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = "/chat".parse().expect("a path");
    *request.headers_mut() = headers(&[
        ("host", "server.example.com"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("origin", "http://example.com"),
    ]);
    for (name, _) in lines {
        request.headers_mut().remove(*name);
    }
    for (name, value) in &headers(lines) {
        request.headers_mut().append(name.clone(), value.clone());
    }
    request
}

fn without(name: &str) -> Request<()> {
    let mut request = request(&[]);
    request.headers_mut().remove(name);
    request
}

fn offer(lines: &[(&str, &str)]) -> Offer {
    receive(&request(lines)).expect("the request is fit")
}

/// Checks the refusal and the whole response to it.
#[track_caller]
fn refuses(request: &Request<()>, why: Refusal, status: u16) {
    let refusal = receive(request).expect_err("the request is unfit");
    assert_eq!(refusal, why);
    assert_eq!(refusal.status(), status);
    answers(refusal, status);
}

#[track_caller]
fn answers(refusal: Refusal, status: u16) {
    let reason = refusal.to_string();
    let response = refusal.into_response();
    assert_eq!(response.status(), status);
    assert_eq!(*response.body(), format!("{reason}\n"));
    let length = response.body().len().to_string();
    let mut expected = vec![
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", length.as_str()),
        ("sec-websocket-version", "13"),
    ];
    if status == 426 {
        expected.extend([("upgrade", "websocket"), ("connection", "Upgrade")]);
    }
    assert_eq!(*response.headers(), headers(&expected));
}

#[test]
fn the_example_of_the_rfc() {
    let offer = offer(&[("sec-websocket-protocol", "chat, superchat")]);
    assert_eq!(offer.protocols(), ["chat", "superchat"]);
    assert_eq!(offer.origin(), Some(&HeaderValue::from_static("http://example.com")));
    assert_eq!(offer.extensions(), []);
    let answer = Answer { protocol: Some("chat".into()), ..Answer::default() };
    let (response, agreed) = offer.accept(answer).expect("the answer is fit");
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(
        *response.headers(),
        headers(&[
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-protocol", "chat"),
        ])
    );
    assert_eq!(agreed, Agreed { protocol: "chat".into(), ..Agreed::default() });
}

#[test]
fn case_lists_and_whitespace_do_not_matter() {
    for lines in [
        &[("upgrade", "WebSocket"), ("connection", "keep-alive, upgrade")][..],
        &[("upgrade", "h2c, WEBSOCKET"), ("connection", "keep-alive"), ("connection", "UPGRADE")],
        &[("sec-websocket-key", " dGhlIHNhbXBsZSBub25jZQ== "), ("sec-websocket-version", " 13 ")],
        &[("content-length", "0")],
    ] {
        let (response, _) = offer(lines).accept(Answer::default()).expect("the answer is fit");
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}

#[test]
fn the_method_is_get() {
    for method in [Method::POST, Method::HEAD, Method::OPTIONS, Method::CONNECT, Method::PUT] {
        let mut request = request(&[]);
        *request.method_mut() = method;
        refuses(&request, Refusal::WrongMethod, 400);
    }
}

#[test]
fn the_version_of_http_is_at_least_1_1() {
    for (version, why) in [
        (Version::HTTP_09, Refusal::OldHttp),
        (Version::HTTP_10, Refusal::OldHttp),
        (Version::HTTP_2, Refusal::NotExtendedConnect),
        (Version::HTTP_3, Refusal::NotExtendedConnect),
    ] {
        let mut request = request(&[]);
        *request.version_mut() = version;
        refuses(&request, why, 400);
    }
}

#[test]
fn there_is_one_host() {
    refuses(&without("host"), Refusal::MissingHost, 400);
    refuses(&request(&[("host", "")]), Refusal::MissingHost, 400);
    refuses(&request(&[("host", "a"), ("host", "a")]), Refusal::RepeatedHost, 400);
}

#[test]
fn upgrade_and_connection_ask_for_a_websocket() {
    refuses(&without("upgrade"), Refusal::NotAnUpgrade, 426);
    refuses(&without("connection"), Refusal::NotAnUpgrade, 426);
    for upgrade in ["", "h2c", "websocket2", "web socket", "websocket/13"] {
        refuses(&request(&[("upgrade", upgrade)]), Refusal::NotAnUpgrade, 426);
    }
    for connection in ["", "close", "keep-alive", "upgraded", "up grade"] {
        refuses(&request(&[("connection", connection)]), Refusal::NotAnUpgrade, 426);
    }
}

#[test]
fn there_is_no_body() {
    refuses(&request(&[("content-length", "5")]), Refusal::HasBody, 400);
    refuses(&request(&[("content-length", "0"), ("content-length", "5")]), Refusal::HasBody, 400);
    refuses(&request(&[("transfer-encoding", "chunked")]), Refusal::HasBody, 400);
}

#[test]
fn the_key_is_16_bytes_in_base64() {
    let name = "sec-websocket-key";
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    refuses(&without(name), Refusal::MissingKey, 400);
    refuses(&request(&[(name, key), (name, key)]), Refusal::RepeatedKey, 400);
    let huge = "A".repeat(1 << 20);
    for bad in [
        "",
        "x",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZSE=",
        "dGhlIHNhbXBsZSBub25jZSEh",
        "dGhlIHNhbXBs*SBub25jZQ==",
        "dGhlIHNhbXBsZSB-b25jZQ==",
        "========================",
        "dGhlIHNhbXBsZSBub25jéQ=",
        &huge,
    ] {
        refuses(&request(&[(name, bad)]), Refusal::MalformedKey, 400);
    }
}

/// 22 characters hold 4 bits more than 16 bytes; some clients draw those at random as well.
#[test]
fn a_key_with_bits_to_spare_is_a_key() {
    let (response, _) =
        offer(&[("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAB==")]).accept(Answer::default()).expect("fit");
    // The accept value is made of the key as it was sent, spare bits and all.
    assert_eq!(response.headers()["sec-websocket-accept"], "NRJrplgTSmBqvVaQhF+6peBS1S8=");
}

#[test]
fn protocols_are_a_list_of_different_tokens() {
    let name = "sec-websocket-protocol";
    assert_eq!(offer(&[]).protocols(), [""; 0]);
    assert_eq!(offer(&[(name, "a"), (name, "b,c")]).protocols(), ["a", "b", "c"]);
    assert_eq!(offer(&[(name, ", a ,,\tb,")]).protocols(), ["a", "b"]);
    assert_eq!(offer(&[(name, "a, A")]).protocols(), ["a", "A"]);
    for bad in ["", " ", ",", "a b", "a/b", "a;b", "\"a\"", "é", "a,(b)", "a=b"] {
        refuses(&request(&[(name, bad)]), Refusal::MalformedProtocols, 400);
    }
    refuses(&request(&[(name, "a, b, a")]), Refusal::RepeatedProtocol, 400);
    refuses(&request(&[(name, "a"), (name, "a")]), Refusal::RepeatedProtocol, 400);
    let many = |count: usize| (0..count).map(|index| format!("p{index}")).collect::<Vec<_>>().join(",");
    assert_eq!(offer(&[(name, &many(MAX_PROTOCOLS))]).protocols().len(), MAX_PROTOCOLS);
    for too_many in [MAX_PROTOCOLS + 1, 100_000] {
        refuses(&request(&[(name, &many(too_many))]), Refusal::TooManyProtocols, 400);
    }
}

#[test]
fn extensions_are_well_formed() {
    let name = "sec-websocket-extensions";
    for (bad, why) in [
        ("", InvalidExtensions::NamedNone),
        ("a;", InvalidExtensions::MissingToken),
        ("a b", InvalidExtensions::MissingSeparator),
        ("a;b=\"", InvalidExtensions::UnclosedQuote),
        ("a;b=\" \"", InvalidExtensions::QuotedNonToken),
        (&"permessage-deflate, ".repeat(10_000), InvalidExtensions::TooMany),
    ] {
        refuses(&request(&[(name, bad)]), Refusal::MalformedExtensions(why), 400);
    }
}

#[test]
fn a_second_origin_cannot_hide_behind_the_first() {
    let two = request(&[("origin", "https://good.example"), ("origin", "https://evil.example")]);
    refuses(&two, Refusal::RepeatedOrigin, 400);
    assert_eq!(receive(&without("origin")).expect("fit").origin(), None);
}

#[test]
fn a_policy_can_refuse() {
    answers(Refusal::forbidden_origin(), 403);
    answers(Refusal::new(StatusCode::UNAUTHORIZED, "who is there?"), 401);
    answers(Refusal::new(StatusCode::TEMPORARY_REDIRECT, "elsewhere"), 307);
    // These would open the connection for the client, or have no body.
    for status in [100, 101, 200, 204, 304] {
        answers(Refusal::new(StatusCode::from_u16(status).expect("a status"), "no"), 500);
    }
}

#[test]
fn the_client_prefers_and_the_server_supports() {
    let offer = offer(&[("sec-websocket-protocol", "v3, v2, v1")]);
    assert_eq!(offer.select_protocol(&["v1", "v2"]), Some("v2"));
    assert_eq!(offer.select_protocol(&["V3".to_owned(), "v1".to_owned()]), Some("v1"));
    assert_eq!(offer.select_protocol(&["v4"]), None);
    assert_eq!(offer.select_protocol(&[""; 0]), None);
}

#[test]
fn an_answer_can_select_only_what_was_offered() {
    for (offered, selected) in
        [("chat", "superchat"), ("chat", "Chat"), ("chat", ""), ("chat", "chat\r\nx: y")]
    {
        let answer = Answer { protocol: Some(selected.into()), ..Answer::default() };
        let result = offer(&[("sec-websocket-protocol", offered)]).accept(answer);
        assert_eq!(result.err(), Some(InvalidAnswer::UnofferedProtocol(selected.into())));
    }
}

#[test]
fn an_answer_can_add_headers_but_not_those_of_the_handshake() {
    let more = headers(&[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("server", "tidegate")]);
    let answer = Answer { headers: more, ..Answer::default() };
    let (response, _) = offer(&[]).accept(answer).expect("the answer is fit");
    assert_eq!(response.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
    for name in ["upgrade", "connection", "content-length", "transfer-encoding", "sec-websocket-accept"] {
        let answer = Answer { headers: headers(&[(name, "x")]), ..Answer::default() };
        let name = name.parse().expect("a header name");
        assert_eq!(offer(&[]).accept(answer).err(), Some(InvalidAnswer::ReservedHeader(name)));
    }
}

#[test]
fn the_server_may_accept_permessage_deflate() {
    let lines = &[("sec-websocket-extensions", "x-mux, permessage-deflate; client_max_window_bits")];
    let config = DeflateConfig::default().client_max_window_bits(12);
    let answer = Answer { deflate: Some(config), ..Answer::default() };
    let (response, agreed) = offer(lines).accept(answer).expect("the answer is fit");
    assert_eq!(
        response.headers()["sec-websocket-extensions"],
        "permessage-deflate; client_max_window_bits=12"
    );
    assert_eq!(agreed.extensions, "permessage-deflate; client_max_window_bits=12");
    assert_eq!(agreed.deflate.map(|params| params.client_max_window_bits), Some(12));

    let answer = Answer { deflate: None, ..Answer::default() };
    let (response, agreed) = offer(lines).accept(answer).expect("the answer is fit");
    assert!(!response.headers().contains_key("sec-websocket-extensions"));
    assert_eq!(agreed, Agreed::default());
}

#[test]
fn client_and_server_agree() {
    let options = ClientOptions {
        protocols: vec!["v2".into(), "v1".into()],
        deflate: Some(DeflateConfig::default().server_max_window_bits(11)),
        ..ClientOptions::default()
    };
    let uri = "wss://server.example/live?from=7".parse().expect("a URL");
    let (client, request) = ClientHandshake::new(&uri, options, [7; 16]).expect("the request is fit");
    let offer = receive(&request).expect("our own request is fit");
    let protocol = offer.select_protocol(&["v1"]).map(str::to_owned);
    let (response, agreed): (Response<()>, Agreed) =
        offer.accept(Answer { protocol, ..Answer::default() }).expect("the answer is fit");
    assert_eq!(agreed.protocol, "v1");
    assert_eq!(agreed.extensions, "permessage-deflate; server_max_window_bits=11");
    assert_eq!(client.finish(&response), Ok(agreed));
}
