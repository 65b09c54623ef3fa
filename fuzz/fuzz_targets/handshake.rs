//! Any header fields: no panic on either end, and two ends that both agree have agreed on the same.
#![no_main]

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use libfuzzer_sys::fuzz_target;
use tidegate_proto::websocket::deflate::DeflateConfig;
use tidegate_proto::websocket::handshake::{
    Answer, ClientHandshake, ClientOptions, ConnectProtocol, receive,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((&flags, text)) = bytes.split_first() else { return };
    server(flags, text);
    client(flags, text);
    both(flags, text);
});

/// A request of a hostile client. What is accepted can be answered.
fn server(flags: u8, text: &[u8]) {
    let mut request = Request::new(());
    *request.headers_mut() = fields(text);
    if flags & 1 != 0 {
        *request.method_mut() = Method::CONNECT;
        *request.version_mut() = http::Version::HTTP_2;
        request.extensions_mut().insert(ConnectProtocol::new("websocket"));
    }
    match receive(&request) {
        Ok(offer) => {
            let protocol = offer.protocols().first().cloned();
            let answer = Answer { protocol, deflate: Some(config(flags)), ..Answer::default() };
            offer.accept(answer).expect("an offered protocol and no headers can be answered");
        }
        Err(refusal) => {
            let status = refusal.status();
            assert!(!status.is_success() && !status.is_informational());
            assert_eq!(refusal.into_response().status(), status);
        }
    }
}

/// A response of a hostile server. It cannot know the key, so only what needs none may pass.
fn client(flags: u8, text: &[u8]) {
    let options = || ClientOptions { deflate: Some(config(flags)), ..ClientOptions::default() };
    let uri = Uri::from_static("ws://localhost/");
    let (handshake, _) = ClientHandshake::new(&uri, options(), [9; 16]).expect("these options are fine");
    let mut response = Response::new(());
    *response.headers_mut() = fields(text);
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let _ = handshake.finish(&response);
    let (handshake, _) = ClientHandshake::extended_connect(&uri, options()).expect("these options are fine");
    *response.status_mut() = StatusCode::OK;
    let _ = handshake.finish(&response);
}

/// Our client and our server, whatever they are set to.
fn both(flags: u8, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let protocols: Vec<String> = text.split(',').take(70).map(str::to_owned).collect();
    let options = ClientOptions { protocols, deflate: Some(config(flags)), ..ClientOptions::default() };
    let uri = Uri::from_static("ws://localhost/a?b");
    let Ok((handshake, request)) = ClientHandshake::new(&uri, options, [9; 16]) else { return };
    // More protocols than a server takes: the only request of ours that may be refused.
    let Ok(offer) = receive(&request) else { return assert!(text.split(',').count() > 64) };
    let protocol = offer.protocols().last().cloned();
    let answer = Answer { protocol, deflate: Some(config(flags.rotate_left(4))), ..Answer::default() };
    let (response, at_server) = offer.accept(answer).expect("an offered protocol can be answered");
    let at_client = handshake.finish(&response).expect("our own server's answer stands");
    assert_eq!(at_client, at_server);
}

fn config(flags: u8) -> DeflateConfig {
    DeflateConfig::default()
        .server_no_context_takeover(flags & 2 != 0)
        .client_no_context_takeover(flags & 4 != 0)
        .server_max_window_bits(8 + (flags >> 3) % 8)
        .client_max_window_bits(8 + (flags >> 4) % 8)
}

/// `name: value`, a line each. A digit stands for a name that matters, so that they are found soon.
fn fields(text: &[u8]) -> HeaderMap {
    const NAMES: [&str; 10] = [
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "sec-websocket-key",
        "sec-websocket-accept",
        "sec-websocket-version",
        "upgrade",
        "connection",
        "host",
        "origin",
        "content-length",
    ];
    let mut fields = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let (name, value) = match line {
            [digit @ b'0'..=b'9', value @ ..] => (NAMES[usize::from(digit - b'0')].as_bytes(), value),
            _ => {
                let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
                (&line[..colon], line.get(colon + 1..).unwrap_or_default())
            }
        };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            fields.append(name, value);
        }
    }
    fields
}
