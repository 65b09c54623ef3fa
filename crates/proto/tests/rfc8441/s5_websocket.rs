//! RFC 8441 §5: a WebSocket over HTTP/2, by extended CONNECT.

use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use tidegate_proto::websocket::handshake::{
    Agreed, Answer, ClientHandshake, ClientOptions, ConnectProtocol, HandshakeError, InvalidRequest, Refusal,
    receive,
};

fn ask(options: ClientOptions) -> (ClientHandshake, Request<()>) {
    let uri = "wss://server.example.com:443/chat?a=b".parse().expect("a URL");
    ClientHandshake::extended_connect(&uri, options).expect("the request is fit")
}

fn chat() -> ClientOptions {
    let origin = Some(HeaderValue::from_static("http://www.example.com"));
    ClientOptions { protocols: vec!["chat".into(), "superchat".into()], origin, ..ClientOptions::default() }
}

#[track_caller]
fn refuses(request: &Request<()>, why: Refusal, status: u16) {
    let refusal = receive(request).expect_err("the request is unfit");
    assert_eq!(refusal, why);
    let response = refusal.into_response();
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    // RFC 9113 §8.2.2: HTTP/2 has no such headers.
    assert!(!response.headers().contains_key("upgrade"));
    assert!(!response.headers().contains_key("connection"));
}

#[test]
fn the_request_of_the_rfc() {
    let (_, request) = ask(chat());
    assert_eq!(request.method(), Method::CONNECT);
    assert_eq!(request.version(), Version::HTTP_2);
    assert_eq!(request.uri(), "https://server.example.com/chat?a=b");
    assert_eq!(request.extensions().get(), Some(&ConnectProtocol::new("websocket")));
    let headers = request.headers();
    assert_eq!(headers.len(), 4);
    assert_eq!(headers["sec-websocket-protocol"], "chat, superchat");
    assert_eq!(headers["sec-websocket-extensions"], "permessage-deflate; client_max_window_bits");
    assert_eq!(headers["sec-websocket-version"], "13");
    assert_eq!(headers["origin"], "http://www.example.com");
}

#[test]
fn host_replaces_the_authority() {
    let mut options = ClientOptions::default();
    options.headers.insert("host", HeaderValue::from_static("virtual.example:8443"));
    let (_, request) = ask(options.clone());
    assert_eq!(request.uri(), "https://virtual.example:8443/chat?a=b");
    assert!(!request.headers().contains_key("host"));
    options.headers.insert("host", HeaderValue::from_static("not a host"));
    let uri = "ws://a/".parse().expect("a URL");
    let refused = ClientHandshake::extended_connect(&uri, options).err();
    assert_eq!(refused, Some(InvalidRequest::ReservedHeader(http::header::HOST)));
}

#[test]
fn client_and_server_agree_without_a_key() {
    let (client, request) = ask(chat());
    let offer = receive(&request).expect("our own request is fit");
    assert_eq!(offer.protocols(), ["chat", "superchat"]);
    let answer = Answer { protocol: Some("chat".into()), ..Answer::default() };
    let (response, agreed) = offer.accept(answer).expect("the answer is fit");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.headers().len(), 2);
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    assert_eq!(response.headers()["sec-websocket-extensions"], "permessage-deflate");
    assert_eq!(client.finish(&response), Ok(agreed));
}

#[test]
fn a_key_that_was_sent_is_answered() {
    let (_, mut request) = ask(ClientOptions::default());
    let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
    request.headers_mut().insert("sec-websocket-key", key);
    let (response, _) = receive(&request).expect("fit").accept(Answer::default()).expect("fit");
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    // The RFC gives a key no meaning here, so a bad one is no reason to refuse.
    request.headers_mut().insert("sec-websocket-key", HeaderValue::from_static("x"));
    let (response, _) = receive(&request).expect("fit").accept(Answer::default()).expect("fit");
    assert!(!response.headers().contains_key("sec-websocket-accept"));
}

#[test]
fn other_connects_are_refused() {
    let (_, mut request) = ask(ClientOptions::default());
    request.extensions_mut().insert(ConnectProtocol::new("connect-udp"));
    refuses(&request, Refusal::UnknownConnectProtocol, 501);
    request.extensions_mut().remove::<ConnectProtocol>();
    refuses(&request, Refusal::WrongMethod, 400);
    let (_, mut request) = ask(ClientOptions::default());
    request.headers_mut().remove("sec-websocket-version");
    refuses(&request, Refusal::WrongVersionInConnect, 400);
}

#[test]
fn the_response_is_any_success() {
    for status in [200, 201, 204] {
        let (client, _) = ask(ClientOptions::default());
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        assert_eq!(client.finish(&response), Ok(Agreed::default()));
    }
    for status in [101, 301, 400, 404, 501] {
        let (client, _) = ask(ClientOptions::default());
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        assert_eq!(client.finish(&response), Err(HandshakeError::RefusedWithStatus(response.status())));
    }
}
