//! Pages of other origins.

use tidegate_gateway::Settings;

use crate::server::Server;

const PATH: &str = "/channels/tides";

#[tokio::test]
async fn a_page_of_another_origin_may_not_publish() {
    let server = Server::start().await;
    for origin in ["http://evil.example", "null"] {
        let lines = format!("origin: {origin}\r\n");
        let refused = server.browser().ask("POST", PATH, &lines, "hi").await;
        assert_eq!((refused.status, refused.body.lines().count()), (403, 1), "{origin}");
    }
    let own = format!("origin: http://{}\r\n", server.address);
    assert_eq!(server.browser().ask("POST", PATH, &own, "hi").await.status, 200);
    // Its browser does not show it what there is.
    let foreign = server.get(PATH, "origin: http://evil.example\r\n").await;
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (200, None));
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_open_a_socket() {
    let server = Server::start().await;
    let url = format!("ws://{}{PATH}", server.address);
    let socket = tidegate::WebSocketStream::builder(url)
        .origin(http::HeaderValue::from_static("http://evil.example"))
        .connect()
        .unwrap();
    let error = socket.opened().await.err().expect("it is refused");
    assert!(error.to_string().contains("403"), "{error}");
}

#[tokio::test]
async fn an_origin_that_is_allowed_may_do_both() {
    const APP: &str = "https://app.example";
    let server = Server::with(Settings::new().allow_origins([APP])).await;
    let lines = format!("origin: {APP}\r\n");
    let post = server.browser().ask("POST", PATH, &lines, "hi").await;
    let poll = server.get(PATH, &lines).await;
    for answer in [post, poll] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    let stream = server.stream(PATH, "text/event-stream", &lines).await;
    assert!(stream.head.contains(&format!("access-control-allow-origin: {APP}")), "{}", stream.head);
    let asks =
        format!("{lines}access-control-request-method: GET\r\naccess-control-request-headers: prefer\r\n");
    let preflight = server.browser().ask("OPTIONS", PATH, &asks, "").await;
    assert_eq!(preflight.header("access-control-allow-headers"), Some("Content-Type, Last-Event-ID, Prefer"));
    assert_eq!(server.browser().ask("POST", PATH, "origin: https://x.example\r\n", "hi").await.status, 403);

    let server = Server::with(Settings::new().allow_origins(["*"])).await;
    let any = server.browser().ask("POST", PATH, "origin: https://x.example\r\n", "hi").await;
    assert_eq!((any.status, any.header("access-control-allow-origin")), (200, Some("*")));
}
