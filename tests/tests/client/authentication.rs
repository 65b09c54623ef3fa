//! Credentials of a URL, and headers of the caller, as the server sees them.

use http::HeaderValue;
use http::header::{AUTHORIZATION, COOKIE};
use tidegate::{Cause, InvalidUrl};

use crate::listening::header;
use crate::proxies::basic;
use crate::server::{Server, client, echo};

#[tokio::test]
async fn credentials_become_a_header_and_leave_the_url() {
    for (user_info, expected) in [
        ("user:pass", basic("user", "pass")),
        ("user", basic("user", "")),
        (":pass", basic("", "pass")),
        ("us%20er:p%3Aa%2Fs%C3%A4", basic("us er", "p:a/sä")),
        ("bücher:ä", basic("bücher", "ä")),
    ] {
        for server in [Server::plain().await, Server::secure().await] {
            let url = server.url("/a?b").replace("://", &format!("://{user_info}@"));
            let socket = echo(client(url)).await;
            let head = server.only_head();
            assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
            assert_eq!(header(&head, "authorization"), Some(expected.as_str()));
            assert_eq!(header(&head, "host"), Some(format!("localhost:{}", server.port()).as_str()));
            assert_eq!(socket.url(), server.url("/a?b"));
            assert!(!format!("{socket:?}").contains("pass"), "{socket:?}");
        }
    }
}

#[tokio::test]
async fn a_header_of_the_caller_wins() {
    let server = Server::plain().await;
    let url = server.url("/").replace("://", "://user:pass@");
    echo(client(url).header(AUTHORIZATION, HeaderValue::from_static("Bearer token"))).await;
    assert_eq!(header(&server.only_head(), "authorization"), Some("Bearer token"));
    assert_eq!(server.only_head().matches("uthorization").count(), 1);
}

#[tokio::test]
async fn without_credentials_there_is_no_header() {
    let server = Server::plain().await;
    echo(client(server.url("/").replace("://", "://@"))).await;
    assert_eq!(header(&server.only_head(), "authorization"), None);
}

#[tokio::test]
async fn a_user_name_with_a_colon_is_refused_at_once() {
    let error = client("ws://a%3Ab:c@localhost/").connect().unwrap_err();
    assert!(matches!(error.cause(), Cause::InvalidUrl(InvalidUrl::UserName)), "{error:?}");
}

#[tokio::test]
async fn cookies_of_the_caller_are_sent() {
    let server = Server::plain().await;
    echo(client(server.url("/")).header(COOKIE, HeaderValue::from_static("a=1; b=2"))).await;
    assert_eq!(header(&server.only_head(), "cookie"), Some("a=1; b=2"));
}
