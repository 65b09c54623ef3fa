use std::io;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;

use super::*;
use crate::http::h1::{self, HeadLimits};
use crate::http::{ConnectOptions, connect, url};

/// A throwaway authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// Issues a certificate for `name`, and returns it with its key as PEM.
    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem().into_bytes(), key.serialize_pem().into_bytes())
    }

    fn server(&self, name: &str) -> ServerTls {
        let (chain, key) = self.issue(name, |_| ());
        ServerTls::from_pem(&chain, &key).unwrap()
    }

    fn client(&self) -> ClientTls {
        ClientTls::default().root_certificates_pem(&self.pem()).unwrap()
    }
}

/// Makes a handshake, then sends a byte each way, as the heads of HTTP would go.
async fn meet(client: &ClientTls, host: &str, server: &ServerTls) -> [Result<(), TlsError>; 2] {
    async fn exchange<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(
        mut io: S,
    ) -> Result<(), TlsError> {
        let exchanged: io::Result<u8> = async {
            io.write_all(b"x").await?;
            io.flush().await?;
            io.read_u8().await
        }
        .await;
        exchanged.map(drop).map_err(|error| TlsError::within(error).unwrap_or_else(TlsError::Io))
    }
    let (near, far) = tokio::io::duplex(64 * 1024);
    let client = async { exchange(client.connect(host, near, Alpn::Http1).await?).await };
    let server = async { exchange(server.accept(far, Alpn::Http1).await?).await };
    tokio::join!(client, server).into()
}

#[tokio::test]
async fn an_own_authority_is_accepted() {
    let authority = Authority::new("own");
    for (name, host) in [("h.example", "h.example"), ("::1", "[::1]"), ("127.0.0.1", "127.0.0.1")] {
        let [client, server] = meet(&authority.client(), host, &authority.server(name)).await;
        client.unwrap();
        server.unwrap();
    }
}

#[tokio::test]
async fn a_url_leads_to_heads_both_ways() {
    let authority = Authority::new("own");
    let (client, server) = (authority.client(), authority.server("127.0.0.1"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url::parse_url(&format!("https://{}/x", listener.local_addr().unwrap())).unwrap();
    let serve = async {
        let mut io = server.accept(listener.accept().await.unwrap().0, Alpn::Http1).await.unwrap();
        let h1::ReadRequest { request, rest, .. } =
            h1::HeadReader::new(&mut io, HeadLimits::default()).request().await.unwrap();
        assert_eq!((request.uri().path(), rest.len()), ("/x", 0));
        let refusal = http::Response::builder().status(403).body("no").unwrap();
        io.write_all(&h1::encode_response(&refusal, b"no")).await.unwrap();
        io.shutdown().await.unwrap();
    };
    let ask = async {
        let options = ConnectOptions { tls: client, ..ConnectOptions::default() };
        let mut io = connect(&url, &options).await.unwrap();
        let request = http::Request::builder().uri(url::request_target(&url).unwrap()).body(()).unwrap();
        io.write_all(&h1::encode_request(&request)).await.unwrap();
        io.flush().await.unwrap();
        let (response, mut body) = h1::read_response(&mut io, &HeadLimits::default()).await.unwrap();
        io.read_to_end(&mut body).await.unwrap();
        assert_eq!((response.status().as_u16(), &body[..]), (403, &b"no"[..]));
    };
    tokio::join!(serve, ask);
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let server = Authority::new("other").server("h.example");
    for client in [Authority::new("own").client(), ClientTls::default()] {
        match meet(&client, "h.example", &server).await {
            [Err(TlsError::Untrusted), Err(TlsError::CertificateRefused { .. })] => {}
            // A system without any authority has nobody to trust.
            [Err(TlsError::Setup(InvalidTls::Platform(_))), Err(TlsError::Closed)] => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_authority_made_anew_under_its_name_is_refused() {
    let [client, _] =
        meet(&Authority::new("own").client(), "h.example", &Authority::new("own").server("h.example")).await;
    assert!(matches!(client, Err(TlsError::BadSignature)), "{client:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new("own");
    let [client, _] = meet(&authority.client(), "other.example", &authority.server("h.example")).await;
    let error = client.unwrap_err();
    assert!(matches!(error, TlsError::WrongName { .. }), "{error:?}");
    assert_eq!(error.to_string(), "certificate of the peer is not for \"other.example\" but for h.example");
    let [client, _] = meet(&authority.client(), "not a name", &authority.server("h.example")).await;
    assert!(matches!(client, Err(TlsError::InvalidName(_))), "{client:?}");
}

#[tokio::test]
async fn certificates_out_of_their_time_are_refused() {
    let authority = Authority::new("own");
    let (chain, key) = authority.issue("h.example", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let server = ServerTls::from_pem(&chain, &key).unwrap();
    let [client, _] = meet(&authority.client(), "h.example", &server).await;
    assert!(matches!(client, Err(TlsError::Expired)), "{client:?}");
    let (chain, key) = authority.issue("h.example", |params| params.not_before = date_time_ymd(4000, 1, 1));
    let server = ServerTls::from_pem(&chain, &key).unwrap();
    let [client, _] = meet(&authority.client(), "h.example", &server).await;
    assert!(matches!(client, Err(TlsError::NotYetValid)), "{client:?}");
}

#[tokio::test]
async fn any_certificate_is_accepted_when_asked_for() {
    let client = ClientTls::default().dangerous_accept_any_certificate();
    let [client, server] = meet(&client, "other.example", &Authority::new("other").server("h.example")).await;
    client.unwrap();
    server.unwrap();
}

#[tokio::test]
async fn a_client_certificate_is_required_and_accepted() {
    let authority = Authority::new("own");
    let clients = Authority::new("clients");
    let server = authority.server("h.example").require_client_certificate_pem(&clients.pem()).unwrap();

    let [client, refused] = meet(&authority.client(), "h.example", &server).await;
    assert!(matches!(client, Err(TlsError::CertificateRequired)), "{client:?}");
    assert!(matches!(refused, Err(TlsError::CertificateRequired)), "{refused:?}");

    let (chain, key) = clients.issue("client", |_| ());
    let client = authority.client().client_certificate_pem(&chain, &key).unwrap();
    let [client, accepted] = meet(&client, "h.example", &server).await;
    client.unwrap();
    accepted.unwrap();

    let (chain, key) = authority.issue("client", |_| ());
    let client = authority.client().client_certificate_pem(&chain, &key).unwrap();
    let [client, refused] = meet(&client, "h.example", &server).await;
    assert!(matches!(client, Err(TlsError::CertificateRefused { .. })), "{client:?}");
    assert!(matches!(refused, Err(TlsError::Untrusted)), "{refused:?}");
}

#[tokio::test]
async fn a_peer_without_tls_is_named() {
    async fn plain(mut peer: DuplexStream) {
        peer.write_all(b"GET / HTTP/1.1\r\nHost: h.example\r\n\r\n").await.unwrap();
        peer.read_to_end(&mut Vec::new()).await.unwrap();
    }
    let authority = Authority::new("own");
    let (near, far) = tokio::io::duplex(1024);
    let (_, client) = tokio::join!(plain(far), async {
        authority.client().connect("h", near, Alpn::Http1).await.map(drop)
    });
    assert!(matches!(client, Err(TlsError::NotTls)), "{client:?}");
    let (near, far) = tokio::io::duplex(1024);
    let (_, server) =
        tokio::join!(plain(far), async { authority.server("h").accept(near, Alpn::Http1).await.map(drop) });
    assert!(matches!(server, Err(TlsError::NotTls)), "{server:?}");

    let (near, far) = tokio::io::duplex(1024);
    drop(far);
    let closed = authority.server("h").accept(near, Alpn::Http1).await.map(drop);
    assert!(matches!(closed, Err(TlsError::Closed | TlsError::Io(_))), "{closed:?}");
}

#[tokio::test]
async fn http_1_is_agreed_and_the_stream_writes_vectored() {
    let authority = Authority::new("own");
    let (near, far) = tokio::io::duplex(1024);
    let (client, server) = (authority.client(), authority.server("h"));
    let (client, server) =
        tokio::join!(client.connect("h", near, Alpn::Http1), server.accept(far, Alpn::Http1));
    let (client, server) = (client.unwrap(), server.unwrap());
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    for stream in [Box::new(client) as Box<dyn crate::http::Io>, Box::new(server)] {
        assert!(tokio::io::AsyncWrite::is_write_vectored(&stream));
    }
}

#[test]
fn settings_are_built_once_and_shared() {
    let client = Authority::new("own").client();
    let clone = client.clone();
    assert!(std::sync::Arc::ptr_eq(&client.config().unwrap(), &clone.config().unwrap()));
    if let (Ok(one), Ok(other)) = (ClientTls::default().config(), ClientTls::default().config()) {
        assert!(std::sync::Arc::ptr_eq(&one, &other));
    }
    let insecure = clone.dangerous_accept_any_certificate();
    assert!(!std::sync::Arc::ptr_eq(&client.config().unwrap(), &insecure.config().unwrap()));
    assert_eq!(
        format!("{client:?}"),
        r#"ClientTls { trust: "1 own authorities", client_certificate: false }"#
    );
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let authority = Authority::new("own");
    let (chain, key) = authority.issue("h.example", |_| ());
    let (_, other_key) = authority.issue("h.example", |_| ());
    let server = |chain: &[u8], key: &[u8]| ServerTls::from_pem(chain, key).unwrap_err();
    assert!(matches!(server(&chain, &other_key), InvalidTls::KeyMismatch));
    assert!(matches!(server(&chain, &chain), InvalidTls::NoPrivateKey));
    assert!(matches!(server(&key, &key), InvalidTls::NoCertificate));
    assert!(matches!(server(b"", &key), InvalidTls::NoCertificate));
    let broken = b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
    assert!(matches!(server(broken, &key), InvalidTls::Pem { .. }));
    let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(server(garbage, &key), InvalidTls::Certificate(_)));
    let roots = |pem| ClientTls::default().root_certificates_pem(pem).unwrap_err();
    assert!(matches!(roots(b""), InvalidTls::NoCertificate));
    assert!(matches!(roots(garbage), InvalidTls::Certificate(_)));

    let missing = ServerTls::from_pem_files("/no/such/file.pem", "/no/such/key.pem").unwrap_err();
    assert_eq!(missing.to_string(), "cannot read /no/such/file.pem");
}
