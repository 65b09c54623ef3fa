//! The opening handshake: arbitrary heads to either end, and both ends of ours with each other.
#![no_main]

mod common;

use common::Choices;
use http::header::{SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use libfuzzer_sys::fuzz_target;
use tidegate_proto::websocket::deflate::{DeflateConfig, DeflateParams, confirm};
use tidegate_proto::websocket::handshake::{Answer, ClientHandshake, ClientOptions, MAX_PROTOCOLS, receive};
use tidegate_proto::websocket::{Extension, MAX_EXTENSION_ITEMS};

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    match choices.byte() % 4 {
        0 => request(choices.rest()),
        1 => response(&mut choices),
        2 => extensions(&mut choices),
        _ => both_ends(&mut choices),
    }
});

/// A client's head to our server.
fn request(bytes: &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut headers);
    if !matches!(parsed.parse(bytes), Ok(httparse::Status::Complete(_))) {
        return;
    }
    let mut request = Request::builder().method(parsed.method.unwrap_or("GET")).uri("/");
    for header in parsed.headers.iter() {
        request = request.header(header.name, header.value);
    }
    let Ok(request) = request.body(()) else { return };
    match receive(&request) {
        Ok(offer) => {
            assert!(offer.protocols().len() <= MAX_PROTOCOLS);
            let protocol = offer.protocols().first().cloned();
            let answer = Answer { protocol: protocol.clone(), ..Answer::default() };
            let (response, agreed) = offer.accept(answer).expect("the protocol was offered");
            assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
            assert_eq!(agreed.protocol, protocol.unwrap_or_default());
            agreed.deflate.iter().for_each(in_range);
        }
        Err(refusal) => {
            let response = refusal.into_response();
            assert!(response.status().is_client_error() || response.status().is_server_error());
            assert!(response.body().len() < 200);
        }
    }
}

/// A server's head to our client, its accept made right so that the rest is looked at too.
fn response(choices: &mut Choices<'_>) {
    let flags = choices.byte();
    let config = config(choices);
    let protocols = if flags & 1 == 0 { vec![] } else { vec!["a".to_owned(), "b".to_owned()] };
    let deflate = (flags & 2 == 0).then_some(config);
    let options = ClientOptions { protocols: protocols.clone(), deflate, ..ClientOptions::default() };
    let (client, request) = ClientHandshake::new(&url(), options, [7; 16]).expect("the options are fine");
    let offer = receive(&request).expect("our own request is acceptable");
    let (mut response, _) = offer.accept(Answer { deflate: None, ..Answer::default() }).expect("no protocol");
    if flags & 4 != 0 {
        *response.status_mut() =
            StatusCode::from_u16(100 + u16::from(choices.byte()) * 3).unwrap_or_default();
    }
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let Ok(httparse::Status::Complete((_, parsed))) = httparse::parse_headers(choices.rest(), &mut headers)
    else {
        return;
    };
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value)) {
            response.headers_mut().append(name, value);
        }
    }
    let status = response.status();
    if let Ok(agreed) = client.finish(&response) {
        assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
        assert!(protocols.is_empty() == agreed.protocol.is_empty());
        assert!(protocols.is_empty() || protocols.contains(&agreed.protocol));
        assert!(agreed.deflate.is_none() || deflate.is_some(), "only what was offered");
        agreed.deflate.iter().for_each(in_range);
    }
}

/// A line of extensions, read as an offer and as an answer.
fn extensions(choices: &mut Choices<'_>) {
    let config = config(choices);
    let lines: Vec<&[u8]> = choices.rest().split(|byte| *byte == b'\n').collect();
    let Ok(extensions) = Extension::parse_all(&lines) else { return };
    let items: usize = extensions.iter().map(|extension| 1 + extension.params.len()).sum();
    assert!((1..=MAX_EXTENSION_ITEMS).contains(&items));
    let line = written(&extensions);
    assert_eq!(Extension::parse_all([&line]).as_ref(), Ok(&extensions), "{line}");
    if let Ok(Some(params)) = confirm(&extensions, &config) {
        in_range(&params);
    }
    if let Some((params, answer)) = tidegate_proto::websocket::deflate::accept(&extensions, &config) {
        in_range(&params);
        assert!(Extension::parse_all([&answer]).is_ok());
    }
}

fn both_ends(choices: &mut Choices<'_>) {
    let (client, server) = (config(choices), config(choices));
    let options =
        ClientOptions { protocols: vec!["a".to_owned()], deflate: Some(client), ..ClientOptions::default() };
    let (handshake, request) = ClientHandshake::new(&url(), options, [7; 16]).expect("the options are fine");
    let offer = receive(&request).expect("our own request is acceptable");
    let answer = Answer { protocol: Some("a".to_owned()), deflate: Some(server), ..Answer::default() };
    let (response, agreed) = offer.accept(answer).expect("the answer fits the offer");
    assert_eq!(handshake.finish(&response), Ok(agreed.clone()));
    let params = agreed.deflate.expect("both ends want it");
    in_range(&params);
    assert_eq!(
        confirm(&Extension::parse_all([&agreed.extensions]).expect("ours"), &client),
        Ok(Some(params))
    );
    // A response by another key opens nothing.
    let (other, _) =
        ClientHandshake::new(&url(), ClientOptions::default(), [8; 16]).expect("the options are fine");
    assert!(other.finish(&strip(response)).is_err());
}

fn strip(mut response: Response<()>) -> Response<()> {
    response.headers_mut().remove(SEC_WEBSOCKET_PROTOCOL);
    response.headers_mut().remove(SEC_WEBSOCKET_EXTENSIONS);
    response
}

fn written(extensions: &[Extension]) -> String {
    let one = |extension: &Extension| {
        let params = extension.params.iter().map(|(name, value)| match value {
            Some(value) => format!("; {name}={value}"),
            None => format!("; {name}"),
        });
        extension.name.clone() + &params.collect::<String>()
    };
    extensions.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn in_range(params: &DeflateParams) {
    assert!((8..=15).contains(&params.server_max_window_bits));
    assert!((8..=15).contains(&params.client_max_window_bits));
}

fn config(choices: &mut Choices<'_>) -> DeflateConfig {
    let (flags, bits) = (choices.byte(), choices.byte());
    DeflateConfig::default()
        .server_no_context_takeover(flags & 1 != 0)
        .client_no_context_takeover(flags & 2 != 0)
        .server_max_window_bits(9 + bits % 7)
        .client_max_window_bits(9 + (bits / 7) % 7)
}

fn url() -> Uri {
    Uri::from_static("ws://h.example/")
}
