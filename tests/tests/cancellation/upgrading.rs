//! WebSockets from an HTTP server of one's own: `answer`, `upgrade`, `Upgrading::open`, axum's `on_upgrade`, and the
//! tower service.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::FromRequestParts;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tidegate::{Acceptor, Admission, Connections, WebSocketStream};
use tokio::task::yield_now;
use tower_service::Service;

use crate::cut::{Cut, MOMENTS, at_every_await, paused};
use crate::rig::{acceptor, client, echo, is_echoed, soon, until};

fn request() -> Request<()> {
    let request = Request::builder().uri("/x").header("host", "h.example").header("upgrade", "websocket");
    let request = request.header("connection", "upgrade").header("sec-websocket-version", "13");
    request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").body(()).unwrap()
}

/// Room for one connection, and a judgement that takes a few turns.
fn slow_acceptor(connections: &Connections) -> Acceptor {
    acceptor().max_connections(1).connections(connections.clone()).authorize_async(|_, _| {
        Box::pin(async {
            for _ in 0..5 {
                yield_now().await;
            }
            Ok(Admission::new())
        })
    })
}

#[test]
fn a_dropped_answer_gives_its_place_back() {
    paused(async {
        let connections = Connections::new();
        let acceptor = slow_acceptor(&connections);
        at_every_await(5, async |cut| {
            let answer = cut.run(acceptor.answer(request())).await;
            let is_whole = answer.is_some();
            let accepted = answer.map(Result::unwrap);
            assert_eq!(connections.count(), usize::from(is_whole), "{cut:?}");
            drop(accepted);
            assert_eq!(connections.count(), 0, "{cut:?}");
            is_whole
        })
        .await;
    });
}

#[test]
fn a_dropped_upgrade_gives_its_place_back() {
    paused(async {
        let connections = Connections::new();
        let acceptor = slow_acceptor(&connections);
        at_every_await(5, async |cut| {
            let answer = cut.run(acceptor.upgrade(&mut request())).await;
            let is_whole = answer.is_some();
            let upgrading = answer.map(Result::unwrap);
            assert_eq!(connections.count(), usize::from(is_whole), "{cut:?}");
            drop(upgrading);
            assert_eq!(connections.count(), 0, "{cut:?}");
            is_whole
        })
        .await;
    });
}

#[test]
fn a_dropped_on_upgrade_runs_no_handler_and_gives_its_place_back() {
    paused(async {
        let connections = Connections::new();
        let acceptor = slow_acceptor(&connections);
        at_every_await(5, async |cut| {
            let (mut parts, ()) = request().into_parts();
            let pending = hyper::upgrade::on(request());
            parts.extensions.insert(pending);
            let upgrade = tidegate::axum::Upgrade::from_request_parts(&mut parts, &()).await.unwrap();
            let handler = async |_: WebSocketStream| panic!("nothing was opened");
            let answer = cut.run(upgrade.acceptor(&acceptor).on_upgrade(handler)).await;
            let is_whole = answer.is_some();
            assert_eq!(connections.count(), usize::from(is_whole), "{cut:?}");
            // Nobody hands a connection over here, so what waits for one fails.
            until(|| connections.count() == 0).await;
            is_whole
        })
        .await;
    });
}

#[test]
fn a_dropped_call_of_the_tower_service_runs_no_handler_and_gives_its_place_back() {
    paused(async {
        let connections = Connections::new();
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        let mut service = slow_acceptor(&connections).into_service(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            async {}
        });
        at_every_await(5, async |cut| {
            let answer = cut.run(service.call(request())).await;
            let is_whole = answer.is_some();
            assert_eq!(connections.count(), usize::from(is_whole), "{cut:?}");
            until(|| connections.count() == 0).await;
            assert_eq!(runs.load(Ordering::Relaxed), 0);
            is_whole
        })
        .await;
    });
}

/// Behind a real hyper server, over a pipe.
#[test]
fn a_dropped_open_closes_the_connection_and_gives_its_place_back() {
    paused(async {
        let connections = Connections::new();
        let acceptor = acceptor().max_connections(1).connections(connections.clone());
        for moment in MOMENTS {
            for polls in 0..3 {
                let whole = upgraded(&acceptor, Cut { polls, moment }).await;
                assert!(!whole || polls > 0, "{moment:?}: it was not polled");
                until(|| connections.count() == 0).await;
            }
            assert!(upgraded(&acceptor, Cut { polls: 100, moment }).await);
            until(|| connections.count() == 0).await;
        }
    });
}

/// Whether the socket opened; if so it echoes.
async fn upgraded(acceptor: &Acceptor, cut: Cut) -> bool {
    let (near, far) = tokio::io::duplex(64);
    let (tell, told) = tokio::sync::oneshot::channel();
    let (tell, acceptor) = (std::sync::Mutex::new(Some(tell)), acceptor.clone());
    let service = hyper::service::service_fn(move |mut request| {
        let (tell, acceptor) = (tell.lock().unwrap().take().unwrap(), acceptor.clone());
        async move {
            let (response, upgrading) = acceptor.upgrade(&mut request).await.unwrap();
            tokio::spawn(async move {
                let opened = cut.run(upgrading.open()).await;
                tell.send(opened.is_some()).unwrap();
                if let Some(socket) = opened {
                    echo(socket.unwrap()).await;
                }
            });
            Ok::<Response<Full<Bytes>>, Infallible>(response.map(|()| Full::default()))
        }
    });
    let server = hyper::server::conn::http1::Builder::new();
    tokio::spawn(server.serve_connection(TokioIo::new(far), service).with_upgrades());
    let socket = client(near);
    let is_open = soon(told).await.unwrap();
    if is_open {
        is_echoed(socket).await;
    } else {
        assert!(soon(socket.closed()).await.is_err(), "{cut:?}");
    }
    is_open
}
