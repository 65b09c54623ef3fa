//! The listeners of one lane: five ports, one for each protocol.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidegate::Http2;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::gate::{Gate, Io};
use super::names::Ports;
use super::request::Head;
use super::site::Site;
use super::{Options, by_hand, handlers};
use crate::certificates::Certificates;

/// How long accepting rests when the process has no file descriptor left, or the like.
const PAUSE: Duration = Duration::from_millis(50);

/// Opens a lane, and gives its ports.
pub(crate) async fn open(options: &Options, certificates: &Certificates) -> io::Result<Ports> {
    let [http, https, ws, wss, h2] =
        [bind().await?, bind().await?, bind().await?, bind().await?, bind().await?];
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    let ports =
        Ports { http: port(&http)?, https: port(&https)?, ws: port(&ws)?, wss: port(&wss)?, h2: port(&h2)? };
    let site = Arc::new(Site::new(&options.root, options.inject.clone(), ports));
    let tls = tls(certificates)?;
    accept(http, None, {
        let site = site.clone();
        move |io| visit(io, site.clone())
    });
    accept(https, Some(tls.clone()), move |io| visit(io, site.clone()));
    accept(ws, None, talk);
    accept(wss, Some(tls), talk);
    let acceptor = handlers::acceptor_without_deflate().tls(certificates.server()).http2(Http2::default());
    tokio::spawn(async move { acceptor.serve(h2, |socket| handlers::run(socket, None)).await });
    Ok(ports)
}

async fn bind() -> io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0").await
}

fn tls(certificates: &Certificates) -> io::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_slice_iter(certificates.chain.as_bytes()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).map_err(io::Error::other)?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Runs `serve` for each connection, in a task of its own.
fn accept<F>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    serve: impl Fn(Box<dyn Io>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let (tls, serve) = (tls.clone(), serve.clone());
            tokio::spawn(async move {
                if let Ok(io) = secure(stream, tls).await {
                    serve(io).await;
                }
            });
        }
    });
}

async fn secure(stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Box<dyn Io>> {
    tidegate::tune(&stream)?;
    Ok(match tls {
        Some(tls) => Box::new(tls.accept(stream).await?),
        None => Box::new(stream),
    })
}

/// One HTTP connection.
async fn visit(io: Box<dyn Io>, site: Arc<Site>) {
    let service = service_fn(|request| site.answer(request));
    // A browser that goes away is nobody's fault.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(io), service).await;
}

/// One WebSocket.
async fn talk(mut io: Box<dyn Io>) {
    let Ok(head) = Head::read(&mut io).await else { return };
    let io = match by_hand::answer(io, &head.request).await {
        Ok(()) => return,
        Err(io) => io,
    };
    let path = head.request.uri().path().to_owned();
    let (gated, gate) = Gate::new(io, head.bytes, handlers::holds(&path));
    if let Ok(socket) = handlers::acceptor(&path).accept(gated).await {
        handlers::run(socket, Some(gate)).await;
    }
}
