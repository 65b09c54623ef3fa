//! Redirects: followed when asked for, and never to where they would give something away.

use http::header::{AUTHORIZATION, COOKIE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, StatusCode};
use tidegate::{
    Cause, ClientTls, HandshakeError, InvalidUrl, Proxy, RedirectError, TlsError, WebSocketError,
};
use tidegate_tests::certificates::Certificates;

use crate::listening::header;
use crate::proxies::{TestProxy, Ways, basic};
use crate::server::{Server, client, echo, try_echo};
use crate::tls::{ClientCertificate, acceptor, asking_acceptor};

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 3\r\n\r\nno\n")
}

/// Redirects `/old` to `location`, and echoes at every other path.
async fn redirecting(location: impl Into<String>) -> Server {
    let location = location.into();
    Server::start(None, move |path| (path == "/old").then(|| redirect(302, &location))).await
}

#[track_caller]
fn redirect_error(error: &WebSocketError) -> &RedirectError {
    match error.cause() {
        Cause::Redirect(error) => error,
        other => panic!("not a redirect: {other:?}"),
    }
}

#[tokio::test]
async fn a_redirect_fails_the_connection_by_default() {
    let server = redirecting("/new").await;
    let error = try_echo(client(server.url("/old"))).await.unwrap_err();
    let refused = HandshakeError::RefusedWithStatus(StatusCode::FOUND);
    assert!(matches!(error.cause(), Cause::Handshake(error) if *error == refused), "{error:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn each_status_is_followed_when_asked_for() {
    for status in [301, 302, 303, 307, 308] {
        let server =
            Server::start(None, move |path| (path == "/a/old").then(|| redirect(status, "new?x#y"))).await;
        let socket = echo(client(server.url("/a/old")).max_redirects(1)).await;
        assert_eq!(socket.url(), server.url("/a/old"));
        let targets: Vec<_> =
            server.seen().iter().map(|seen| seen.head.lines().next().unwrap().to_owned()).collect();
        assert_eq!(targets, ["GET /a/old HTTP/1.1", "GET /a/new?x HTTP/1.1"], "{status}");
        let keys: Vec<_> = server
            .seen()
            .iter()
            .map(|seen| header(&seen.head, "sec-websocket-key").unwrap().to_owned())
            .collect();
        assert_ne!(keys[0], keys[1], "each handshake has a key of its own");
    }
    for status in [300, 304, 305, 401] {
        let server = Server::start(None, move |_| Some(redirect(status, "/new"))).await;
        let error = try_echo(client(server.url("/")).max_redirects(5)).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Handshake(_)), "{status}: {error:?}");
        assert_eq!(server.seen().len(), 1);
    }
}

/// What must not reach another origin, and what may.
fn with_secrets(url: &str) -> tidegate::ClientBuilder {
    let mut key = HeaderValue::from_static("secret");
    key.set_sensitive(true);
    client(url.replace("://", "://user:secret@"))
        .header(COOKIE, HeaderValue::from_static("session=secret"))
        .header(HeaderName::from_static("x-api-key"), key)
        .header(USER_AGENT, HeaderValue::from_static("test"))
        .protocols(["a"; 0])
        .max_redirects(5)
}

#[tokio::test]
async fn secrets_stay_within_their_origin() {
    let server = redirecting("/new").await;
    echo(with_secrets(&server.url("/old"))).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert_eq!(header(&seen.head, "authorization"), Some(basic("user", "secret").as_str()));
        assert_eq!(header(&seen.head, "cookie"), Some("session=secret"));
        assert_eq!(header(&seen.head, "x-api-key"), Some("secret"));
    }
}

#[tokio::test]
async fn secrets_are_left_out_towards_another_origin_and_on_the_way_back() {
    // Here → another port → back here.
    let back = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let home = back.clone();
    let other = Server::start(None, move |_| Some(redirect(307, home.get().unwrap()))).await;
    let server = redirecting(other.url("/middle").replace("ws://", "http://evil:evil@")).await;
    back.set(server.url("/new").replace("ws:", "http:")).unwrap();
    let builder = with_secrets(&server.url("/old")).header(HOST, HeaderValue::from_static("own.example"));
    echo(builder).await;

    let heads = [&server.seen()[0], &other.seen()[0], &server.seen()[1]].map(|seen| seen.head.clone());
    assert!(heads[0].contains("secret"));
    assert_eq!(header(&heads[0], "host"), Some("own.example"));
    for (head, server) in [(&heads[1], &other), (&heads[2], &server)] {
        assert!(!head.contains("secret"), "{head}");
        for name in ["authorization", "cookie", "x-api-key"] {
            assert_eq!(header(head, name), None);
        }
        assert_eq!(header(head, "host"), Some(format!("localhost:{}", server.port()).as_str()));
        assert_eq!(header(head, "user-agent"), Some("test"));
    }
}

#[tokio::test]
async fn another_name_of_the_same_machine_is_another_origin() {
    let to = Server::plain().await;
    let server = redirecting(format!("http://127.0.0.1:{}/", to.port())).await;
    let builder = client(server.url("/old")).header(AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
    echo(builder.max_redirects(1)).await;
    assert_eq!(header(&server.only_head(), "authorization"), Some("Bearer secret"));
    assert_eq!(header(&to.only_head(), "authorization"), None);
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_its_origin_alone() {
    let certificate = ClientCertificate::make();
    let tls = Certificates::shared().client();
    let tls: ClientTls =
        tls.client_certificate_pem(certificate.chain.as_bytes(), certificate.key.as_bytes()).unwrap();
    let asking = || Some(asking_acceptor(&certificate.authority));
    let other = Server::start(asking(), |_| None).await;
    let away = other.url("/new");
    let server = Server::start(asking(), move |path| match path {
        "/away" => Some(redirect(302, &away)),
        "/old" => Some(redirect(302, "/new")),
        _ => None,
    })
    .await;
    echo(client(server.url("/old")).tls(tls.clone()).max_redirects(1)).await;
    assert!(server.seen().iter().all(|seen| seen.client_certificate), "{:?}", server.seen());
    assert_eq!(server.seen().len(), 2);
    echo(client(server.url("/away")).tls(tls).max_redirects(1)).await;
    assert!(!other.seen()[0].client_certificate);
}

#[tokio::test]
async fn from_ws_to_wss_but_never_back() {
    let secure = Server::secure().await;
    let server = redirecting(secure.url("/new").replace("wss:", "https:")).await;
    echo(client(server.url("/old")).max_redirects(1)).await;
    assert_eq!(secure.seen().len(), 1);

    let plain = Server::plain().await;
    for scheme in ["ws", "http"] {
        let location = plain.url("/new").replace("ws:", &format!("{scheme}:"));
        let server = Server::start(Some(acceptor()), move |_| Some(redirect(301, &location))).await;
        let error = try_echo(client(server.url("/")).max_redirects(5)).await.unwrap_err();
        assert_eq!(*redirect_error(&error), RedirectError::Insecure(plain.url("/new")));
    }
    assert!(plain.seen().is_empty());

    // Whom a redirect leads to must show a certificate as anybody else.
    let stranger = client(server.url("/old")).tls(Certificates::make().client()).max_redirects(1);
    let error = try_echo(stranger).await.unwrap_err();
    let Cause::Connect(tidegate::ConnectError::Tls(TlsError::Untrusted | TlsError::BadSignature)) =
        error.cause()
    else {
        panic!("{error:?}")
    };
}

#[tokio::test]
async fn circles_and_long_ways_end() {
    let server = Server::start(None, |_| Some(redirect(302, "/"))).await;
    let error = try_echo(client(server.url("/")).max_redirects(4)).await.unwrap_err();
    assert_eq!(*redirect_error(&error), RedirectError::TooMany(4));
    assert_eq!(error.to_string(), "the opening handshake failed: server redirects more than 4 times");
    assert_eq!(server.seen().len(), 5);

    let way = |path: &str| match path.strip_prefix('/').and_then(|left| left.parse().ok()) {
        Some(0) | None => None,
        Some(left) => Some(redirect(302, &format!("/{}", left - 1_u8))),
    };
    let server = Server::start(None, way).await;
    echo(client(server.url("/3")).max_redirects(3)).await;
    let error = try_echo(client(server.url("/4")).max_redirects(3)).await.unwrap_err();
    assert_eq!(*redirect_error(&error), RedirectError::TooMany(3));
}

#[tokio::test]
async fn what_is_no_location_is_told() {
    let server = Server::start(None, |path| {
        Some(match path {
            "/none" => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "/two" => "HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n".to_owned(),
            "/ftp" => redirect(302, "ftp://h/"),
            _ => redirect(302, "//"),
        })
    })
    .await;
    let fail = async |path: &str| try_echo(client(server.url(path)).max_redirects(5)).await.unwrap_err();
    for path in ["/none", "/two"] {
        assert_eq!(*redirect_error(&fail(path).await), RedirectError::NoLocation(StatusCode::FOUND));
    }
    let scheme = InvalidUrl::Scheme("ftp".to_owned());
    assert_eq!(*redirect_error(&fail("/ftp").await), RedirectError::InvalidLocation(scheme));
    let error = fail("/empty").await;
    assert!(
        matches!(redirect_error(&error), RedirectError::InvalidLocation(InvalidUrl::Syntax(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn each_step_of_the_way_has_its_proxy() {
    let secure = Server::secure().await;
    let server = redirecting(secure.url("/new")).await;
    let [for_ws, for_wss] = [TestProxy::http(Ways::default()).await, TestProxy::http(Ways::default()).await];
    let proxy = Proxy::from_vars([("ws_proxy", for_ws.url()), ("wss_proxy", for_wss.url())]);
    echo(client(server.url("/old")).proxy(proxy).max_redirects(1)).await;
    assert_eq!((for_ws.asked().len(), for_wss.asked().len()), (1, 1));
}
