//! A hyper server of one's own.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::wire::{ask, assert_echoes, echo, frame, handshake, listen, open, text};

pub(crate) async fn answer(
    acceptor: Acceptor,
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    Ok(match acceptor.upgrade(&mut request).await {
        Ok((response, upgrading)) => {
            tokio::spawn(async move { echo(upgrading.open().await.unwrap()).await });
            response.map(|()| Full::default())
        }
        Err(refusal) => refusal.into_response().map(Full::from),
    })
}

/// A server of HTTP/1.1, or of both versions.
async fn serve(is_auto: bool) -> std::net::SocketAddr {
    let (listener, address) = listen().await;
    let acceptor = Acceptor::new();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| answer(acceptor.clone(), request));
                let io = TokioIo::new(stream);
                if is_auto {
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection_with_upgrades(io, service).await;
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    let _ = builder.serve_connection(io, service).with_upgrades().await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_socket_opens_and_what_came_with_the_request_is_read() {
    for is_auto in [false, true] {
        let address = serve(is_auto).await;
        let (_socket, mut opened) = open(format!("ws://{address}")).await;
        assert_echoes(&mut opened, "through hyper").await;

        // The first message comes in the same write as the request, so hyper has read it already.
        let mut eager = TcpStream::connect(address).await.unwrap();
        let both = [handshake("/", "").as_bytes(), &text("early")].concat();
        assert_eq!(ask(&mut eager, both).await.status, 101);
        assert_eq!(frame(&mut eager).await, (0x81, b"early".to_vec()));
        eager.write_all(&text("late")).await.unwrap();
        assert_eq!(frame(&mut eager).await, (0x81, b"late".to_vec()));
    }
}

#[tokio::test]
async fn more_than_a_read_buffer_of_early_bytes_is_kept() {
    let address = serve(false).await;
    let mut eager = TcpStream::connect(address).await.unwrap();
    let messages = 20_000;
    let (mut read, mut write) = eager.split();
    let early = text("early").repeat(messages);
    let sending = async {
        write.write_all(handshake("/", "").as_bytes()).await.unwrap();
        write.write_all(&early).await.unwrap();
    };
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tokio::io::AsyncReadExt::read_u8(&mut read).await.unwrap());
        }
        let mut read = tokio::io::BufReader::new(read);
        for _ in 0..messages {
            assert_eq!(frame(&mut read).await, (0x81, b"early".to_vec()));
        }
    };
    tokio::join!(sending, reading);
}

#[tokio::test]
async fn what_opens_no_socket_gets_the_refusal() {
    let address = serve(false).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let response = ask(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((response.status, response.header("upgrade")), (426, Some("websocket")));
    // The connection goes on: it is hyper's.
    let response = ask(&mut stream, handshake("/", "origin: https://evil.example\r\n")).await;
    assert_eq!(response.status, 403);
}
