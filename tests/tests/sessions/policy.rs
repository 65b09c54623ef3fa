//! Who may ask, and what browsers are told (docs/sessions.md, sections 1 and 4).

use http::header::{HeaderValue, SET_COOKIE};
use http::{Method, StatusCode};
use tidegate::{Admission, OriginPolicy, Refusal};

use super::client::{Client, ask, get, request};
use super::frames;
use super::rig::{Server, acceptor, echo};

#[tokio::test]
async fn a_foreign_page_is_refused_everywhere() {
    let server = Server::echo().await;
    let (mut client, mut stream) = Client::open(&server, "/echo", 1 << 18).await;
    let foreign = ("origin", "https://evil.example");
    let post = format!("/?session={}&from=1", client.id);
    let kind = ("content-type", "application/vnd.tidegate.v1");
    let poll = client.target("poll");
    let cases = [
        request(Method::GET, "/?transport=poll", "", &[foreign]),
        request(Method::GET, &poll, "", &[foreign]),
        request(Method::POST, &post, frames::text("x"), &[foreign, kind]),
        request(Method::OPTIONS, &post, "", &[foreign, ("access-control-request-method", "POST")]),
        // A page that does not say where it is from.
        request(Method::GET, "/?transport=sse", "", &[("sec-fetch-site", "cross-site")]),
        request(Method::POST, &post, frames::text("x"), &[("sec-fetch-site", "cross-site"), kind]),
    ];
    for request in cases {
        let answer = ask(server.address, request).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(
            (answer.header("access-control-allow-origin"), answer.header("cache-control")),
            (None, Some("no-store"))
        );
        answer.reason();
    }
    client.post(&frames::text("lives")).await;
    assert_eq!(stream.next_message().await.text(), "lives");
}

#[tokio::test]
async fn an_allowed_page_sees_the_answers() {
    let page = "https://app.example";
    let server = Server::start(acceptor().origins(OriginPolicy::List(vec![page.into()])), echo).await;
    let asking = [
        ("origin", page),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let answer = ask(server.address, request(Method::OPTIONS, "/?session=a&from=0", "", &asking)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), Some(page));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST, DELETE"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
    // Refusals too: a page must be able to tell a 404 from a network that is down.
    let unknown = ask(
        server.address,
        request(Method::GET, "/?transport=poll&session=a&after=0", "", &[("origin", page)]),
    )
    .await;
    assert_eq!(
        (unknown.status, unknown.header("access-control-allow-origin")),
        (StatusCode::NOT_FOUND, Some(page))
    );
    assert!(
        unknown
            .header("access-control-expose-headers")
            .is_some_and(|names| names.contains("tidegate-position") && names.contains("tidegate-session"))
    );
    assert_eq!(unknown.header("vary"), Some("origin"));
}

#[tokio::test]
async fn where_everybody_may_ask_nobody_sees_what_is_the_users() {
    let page = ("origin", "https://anywhere.example");
    let seen = async |policy: OriginPolicy, headers: &[(&str, &str)]| {
        let server = Server::start(acceptor().origins(policy), echo).await;
        let answer = ask(server.address, request(Method::GET, "/?transport=poll", "", headers)).await;
        assert_eq!(answer.status, StatusCode::OK);
        (
            answer.header("access-control-allow-origin").map(str::to_owned),
            answer.header("access-control-allow-credentials").map(str::to_owned),
        )
    };
    let (origin, yes) = (Some(page.1.to_owned()), Some("true".to_owned()));
    // Browsers ask with credentials whether they have any or not.
    assert_eq!(seen(OriginPolicy::Any, &[page]).await, (origin.clone(), yes.clone()));
    for secret in [("cookie", "user=1"), ("authorization", "Basic dTpw")] {
        assert_eq!(seen(OriginPolicy::Any, &[page, secret]).await, (origin.clone(), None));
        let listed = OriginPolicy::List(vec![page.1.to_owned()]);
        assert_eq!(seen(listed, &[page, secret]).await, (origin.clone(), yes.clone()));
        let checked = OriginPolicy::Check(std::sync::Arc::new(|_, _| true));
        assert_eq!(seen(checked, &[page, secret]).await, (origin.clone(), yes.clone()));
    }
}

#[tokio::test]
async fn the_hooks_are_asked_when_a_session_opens() {
    let acceptor = acceptor().authorize_async(|request, offer| {
        let is_known = request.headers().get("authorization").is_some() && offer.offers_credits();
        Box::pin(async move {
            if is_known {
                Ok(Admission::new().header(SET_COOKIE, HeaderValue::from_static("seen=1")))
            } else {
                Err(Refusal::new(StatusCode::UNAUTHORIZED, "who are you?"))
            }
        })
    });
    let server = Server::start(acceptor, echo).await;
    let refused = ask(server.address, get("/?transport=long-poll")).await;
    assert_eq!((refused.status, refused.reason()), (StatusCode::UNAUTHORIZED, "who are you?"));
    let target = "/?transport=poll";
    let admitted = ask(server.address, request(Method::GET, target, "", &[("authorization", "me")])).await;
    assert_eq!((admitted.status, admitted.header("set-cookie")), (StatusCode::OK, Some("seen=1")));
    assert!(admitted.header("upgrade").is_none() && admitted.header("sec-websocket-accept").is_none());
    // Who knows the id is the client.
    let client = Client::attached(&server, &admitted.frames()[0]);
    assert_eq!(ask(server.address, get(&client.target("poll"))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn there_are_not_more_sessions_than_connections() {
    let server = Server::start(acceptor().max_connections(3), echo).await;
    // Two sessions, and the connection that asks.
    let mut http = super::client::Http::connect(server.address).await;
    for _ in 0..2 {
        assert_eq!(http.ask(get("/?transport=poll")).await.status, StatusCode::OK);
    }
    let answer = http.ask(get("/?transport=poll")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").is_some());
    answer.reason();
}

#[tokio::test]
async fn per_address_there_is_a_limit_too() {
    let server = Server::start(acceptor().max_connections_per_ip(2), echo).await;
    let mut http = super::client::Http::connect(server.address).await;
    assert_eq!(http.ask(get("/?transport=poll")).await.status, StatusCode::OK);
    assert_eq!(http.ask(get("/?transport=poll")).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn other_requests_are_told_what_is_here() {
    let server = Server::echo().await;
    for (request, status) in [
        (get("/"), 426),
        (get("/?transport=pigeon"), 400),
        (request(Method::PUT, "/", "", &[]), 405),
        (request(Method::POST, "/", "x", &[]), 400),
    ] {
        let answer = ask(server.address, request).await;
        assert_eq!(answer.status.as_u16(), status);
        answer.reason();
    }
    let off = Server::start(acceptor().sessions(None), echo).await;
    assert_eq!(ask(off.address, get("/?transport=poll")).await.status, StatusCode::NOT_IMPLEMENTED);
}
