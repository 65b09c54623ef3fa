//! `tidegate upload` over TLS, with a throwaway authority.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tidegate_tests::certificates::Certificates;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::scene::{MIB, Scene};

/// Takes TLS off connections, and passes them on.
async fn terminate(target: SocketAddr) -> SocketAddr {
    let certificates = Certificates::shared();
    let chain = CertificateDer::pem_slice_iter(certificates.chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(certificates.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await.ok()?;
                let mut server = TcpStream::connect(target).await.ok()?;
                copy_bidirectional(&mut client, &mut server).await.ok()
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_trusted_as_the_command_says() {
    let scene = Scene::new("https");
    let (file, expected) = scene.file("film.mkv", 2 * MIB);
    scene.proxy.cut_within(Some(500_000));
    let address = terminate(scene.proxy.address()).await;
    let authority = scene.path("ca.pem");
    fs::write(&authority, &Certificates::shared().ca).unwrap();
    let url = format!("https://{address}/uploads");
    let runs = tokio::task::spawn_blocking(move || {
        for trust in [vec!["-k"], vec!["--ca", authority.as_str()]] {
            let left = scene.run([file.as_str(), &url].into_iter().chain(trust));
            assert!(left.stdout.starts_with(url.as_bytes()), "{}", left.stderr);
            assert_eq!(scene.uploaded(&left), expected);
        }
        let left = scene.run([file.as_str(), &url]);
        assert_eq!((left.code, left.stdout.len()), (Some(1), 0), "{}", left.stderr);
    });
    runs.await.unwrap();
}
