//! The same uploads in other people's servers: hyper by HTTP/1.1 and HTTP/2, and axum.

use axum::Router;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tidegate_gateway::upload::{Limits, Reception, Uploads};
use tokio::net::{TcpListener, TcpStream};

use crate::peer::Peer;
use crate::server::{Folder, PATCH, TUS, bytes, files};

async fn reception(folder: &Folder) -> Reception {
    Reception::new(Uploads::new(files(folder.path()).await, Limits::default()))
}

/// Serves HTTP/1.1 and HTTP/2 by hyper, and gives the address.
async fn hyper_server(reception: Reception) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(reception.clone().into_service());
            tokio::spawn(async move {
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

async fn over_http1(address: &str) {
    let content = bytes(2_000_000);
    let mut peer = Peer::connect(address).await;
    peer.request("POST", "/uploads", &format!("{TUS}upload-length: 2000000\r\n"), b"").await;
    let created = peer.answer().await;
    assert_eq!(created.status, 201);
    let path = created.header("location").to_owned();
    // Cut off, and gone on with.
    let mut cut = Peer::connect(address).await;
    cut.head("PATCH", &path, &format!("{PATCH}upload-offset: 0\r\ncontent-length: 2000000\r\n")).await;
    cut.send(&content[..900_000]).await;
    drop(cut);
    let mut offset = 0;
    while offset < 900_000 {
        peer.request("HEAD", &path, TUS, b"").await;
        offset = peer.answer().await.header("upload-offset").parse().unwrap();
        let rest = &content[offset..offset.max(900_000)];
        if !rest.is_empty() {
            // Not all had come before the question did.
            peer.request("PATCH", &path, &format!("{PATCH}upload-offset: {offset}\r\n"), rest).await;
            assert_eq!(peer.answer().await.status, 204);
        }
    }
    peer.request("PATCH", &path, &format!("{PATCH}upload-offset: 900000\r\n"), &content[900_000..]).await;
    assert_eq!(peer.answer().await.header("upload-offset"), "2000000");
    peer.request("GET", &path, "", b"").await;
    let file = peer.answer().await;
    assert_eq!((file.status, file.header("content-length")), (200, "2000000"));
    assert!(file.body == content);
    peer.request("GET", "/elsewhere", "", b"").await;
    assert_eq!(peer.answer().await.status, 404);
}

#[tokio::test]
async fn by_hyper_over_http1() {
    let folder = Folder::new();
    over_http1(&hyper_server(reception(&folder).await).await).await;
}

#[tokio::test]
async fn by_axum() {
    let folder = Folder::new();
    let service = reception(&folder).await.into_service();
    let app = Router::new()
        .route_service("/uploads", service.clone())
        .route_service("/uploads/{id}", service)
        .route("/hello", axum::routing::get(|| async { "hello" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    over_http1(&address).await;
}

type Sending =
    hyper::client::conn::http2::SendRequest<http_body_util::combinators::BoxBody<Bytes, std::io::Error>>;

async fn ask(client: &mut Sending, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let request = request.map(|body| body.map_err(|never| match never {}).boxed());
    client.send_request(request).await.unwrap()
}

#[tokio::test]
async fn by_hyper_over_http2() {
    let folder = Folder::new();
    let address = hyper_server(reception(&folder).await).await;
    let stream = TcpStream::connect(&address).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = |method: &str, path: &str| {
        let url = format!("http://{address}{path}");
        Request::builder().method(method).uri(url).header("tus-resumable", "1.0.0")
    };
    let create =
        request("POST", "/uploads").header("upload-length", "3000000").body(Full::default()).unwrap();
    let created = ask(&mut client, create).await;
    assert_eq!(created.status(), 201);
    let path = created.headers()["location"].to_str().unwrap().to_owned();
    let content = Bytes::from(bytes(3_000_000));
    let patch = |offset: usize| {
        request("PATCH", &path)
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", offset)
    };
    // A body that breaks off: its stream is reset, and the connection goes on.
    let pieces = [Ok(content.slice(..1_000_000)), Err(std::io::Error::other("cut"))];
    let pieces = futures_util::stream::iter(pieces).map(|piece| piece.map(Frame::data));
    let cut = patch(0).body(BodyExt::boxed(StreamBody::new(pieces))).unwrap();
    let _ = client.send_request(cut).await;
    let mut offset = 0;
    while offset < content.len() {
        let head = ask(&mut client, request("HEAD", &path).body(Full::default()).unwrap()).await;
        offset = head.headers()["upload-offset"].to_str().unwrap().parse().unwrap();
        println!("goes on at {offset}");
        let answer = ask(&mut client, patch(offset).body(Full::from(content.slice(offset..))).unwrap()).await;
        assert_eq!(answer.status(), 204);
        offset = answer.headers()["upload-offset"].to_str().unwrap().parse().unwrap();
    }
    let file =
        ask(&mut client, Request::get(format!("http://{address}{path}")).body(Full::default()).unwrap())
            .await;
    assert_eq!(file.headers()["content-length"], "3000000");
    assert!(file.into_body().collect().await.unwrap().to_bytes() == content);
}

/// Pages that were allowed are told so; and the answers that they read.
#[tokio::test]
async fn other_pages_may_where_they_are_listed() {
    let folder = Folder::new();
    let reception = reception(&folder).await.allow_origins(["https://app.example"]);
    let address = hyper_server(reception).await;
    let mut peer = Peer::connect(&address).await;
    let preflight = "origin: https://app.example\r\naccess-control-request-method: PATCH\r\n";
    peer.request("OPTIONS", "/uploads/x", preflight, b"").await;
    let answer = peer.answer().await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "https://app.example"));
    assert!(answer.header("access-control-allow-methods").contains("PATCH"));
    assert!(answer.header("access-control-allow-headers").contains("Upload-Offset"));
    let lines = format!("{TUS}origin: https://app.example\r\nupload-length: 1\r\n");
    peer.request("POST", "/uploads", &lines, b"").await;
    let answer = peer.answer().await;
    assert_eq!((answer.status, answer.header("vary")), (201, "Origin"));
    assert!(answer.header("access-control-expose-headers").contains("Location"));
    peer.request("POST", "/uploads", &lines.replace("app.", "evil."), b"").await;
    assert_eq!(peer.answer().await.status, 403);
}
