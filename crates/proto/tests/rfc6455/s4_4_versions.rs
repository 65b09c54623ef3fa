//! RFC 6455 §4.4: a version that is not spoken here is answered with the one that is.

use http::{HeaderValue, Request};
use tidegate_proto::websocket::handshake::{ClientHandshake, ClientOptions, Refusal, receive};

fn request(versions: &[&str]) -> Request<()> {
    let uri = "ws://server.example.com/chat".parse().expect("a URL");
    let (_, mut request) =
        ClientHandshake::new(&uri, ClientOptions::default(), [0; 16]).expect("the request is fit");
    request.headers_mut().remove("sec-websocket-version");
    for version in versions {
        let version = HeaderValue::from_str(version).expect("a header value");
        request.headers_mut().append("sec-websocket-version", version);
    }
    request
}

#[test]
fn only_13_will_do() {
    assert!(receive(&request(&["13"])).is_ok());
    for versions in [&[][..], &["25"], &["8"], &[""], &["013"], &["13, 8"], &["13", "13"], &["13", "25"]] {
        let refusal = receive(&request(versions)).expect_err("the version is unknown");
        assert_eq!(refusal, Refusal::WrongVersion, "{versions:?}");
        let response = refusal.into_response();
        assert_eq!(response.status(), 426);
        assert_eq!(response.headers()["sec-websocket-version"], "13");
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert_eq!(response.headers()["connection"], "Upgrade");
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(response.headers()["content-length"], response.body().len().to_string());
        assert_eq!(response.body(), "sec-websocket-version must be 13 (RFC 6455 §4.4)\n");
    }
}
