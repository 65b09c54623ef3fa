//! The hooks: who may come in, with which protocol, and what the answer says beside.

use std::net::IpAddr;

use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, SET_COOKIE, WWW_AUTHENTICATE};
use tidegate::{Acceptor, Admission, PeerAddress, Refusal};
use tokio::net::TcpStream;

use super::wire::{Response, ask, handshake, serve};

/// Lets in who knows the word; who asks a directory for that takes its time.
fn guarded() -> Acceptor {
    Acceptor::new().protocols(["v1"]).authorize_async(|request, _| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes) {
                Some(b"Bearer sesame") => {
                    let peer = request.extensions().get::<PeerAddress>().unwrap().0.ip();
                    assert_eq!(peer, "127.0.0.1".parse::<IpAddr>().unwrap());
                    Ok(Admission::new().header(SET_COOKIE, HeaderValue::from_static("seen=1")))
                }
                _ => Err(Refusal::new(StatusCode::UNAUTHORIZED, r#"{"error":"who are you?"}"#)
                    .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
                    .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))),
            }
        })
    })
}

async fn ask_with(acceptor: Acceptor, headers: &str) -> Response {
    let address = serve(acceptor).await;
    ask(&mut TcpStream::connect(address).await.unwrap(), handshake("/", headers)).await
}

#[tokio::test]
async fn a_refusal_has_a_status_headers_and_a_body_of_its_own() {
    let response = ask_with(guarded(), "").await;
    assert_eq!(response.status, 401);
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.body, "{\"error\":\"who are you?\"}\n");
}

#[tokio::test]
async fn an_admission_adds_headers() {
    let headers = "authorization: Bearer sesame\r\nsec-websocket-protocol: v2, v1\r\n";
    let response = ask_with(guarded(), headers).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.header("set-cookie"), Some("seen=1"));
    assert_eq!(response.header("sec-websocket-protocol"), Some("v1"));
}

#[tokio::test]
async fn the_protocol_is_selected_by_a_closure() {
    let newest = |_: &http::Request<()>, offer: &tidegate::Offer| offer.protocols().iter().max().cloned();
    let response =
        ask_with(Acceptor::new().select_protocol(newest), "sec-websocket-protocol: v1, v3, v2\r\n");
    assert_eq!(response.await.header("sec-websocket-protocol"), Some("v3"));
    let unoffered = Acceptor::new()
        .authorize_async(|_, _| Box::pin(std::future::ready(Ok(Admission::new().protocol("unheard-of")))));
    assert_eq!(ask_with(unoffered, "").await.status, 500);
}

#[tokio::test]
async fn the_origin_is_judged_before() {
    let response = ask_with(guarded(), "origin: https://evil.example\r\n").await;
    assert_eq!(response.status, 403);
}

#[tokio::test]
async fn a_header_of_the_handshake_cannot_be_overridden() {
    let acceptor = Acceptor::new().authorize(|_, _| {
        Err(Refusal::new(StatusCode::FORBIDDEN, "no")
            .header(http::header::CONTENT_LENGTH, HeaderValue::from_static("1000"))
            .header(http::header::TRANSFER_ENCODING, HeaderValue::from_static("chunked")))
    });
    let response = ask_with(acceptor, "").await;
    assert_eq!((response.status, response.body.as_str()), (403, "no\n"));
    assert_eq!(response.header("transfer-encoding"), None);
}
