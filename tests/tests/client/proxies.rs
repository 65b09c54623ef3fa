//! Small proxies: HTTP CONNECT and SOCKS5, as their RFCs have them, with a log of what they were asked.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::listening::{Listening, header, read_head};

/// What a proxy does.
#[derive(Clone, Default)]
pub(crate) struct Ways {
    /// Speaks TLS to its clients.
    pub(crate) tls: Option<TlsAcceptor>,
    /// The user name and password to ask for.
    pub(crate) credentials: Option<(&'static str, &'static str)>,
    /// Where everybody is led, whatever was asked for.
    pub(crate) leads_to: Option<SocketAddr>,
    /// Reads the request, and then this instead of a tunnel.
    pub(crate) instead: Option<Instead>,
}

#[derive(Clone, Copy)]
pub(crate) enum Instead {
    /// Nothing, ever.
    Silence,
    /// The end.
    Close,
    /// A status of HTTP, or a reply of SOCKS5.
    Refuse(u16),
}

pub(crate) struct TestProxy {
    listening: Listening,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    /// CONNECT; what it was asked is the heads of the requests.
    pub(crate) async fn http(ways: Ways) -> Self {
        let scheme = if ways.tls.is_some() { "https" } else { "http" };
        Self::start(scheme, move |stream, asked| {
            let ways = ways.clone();
            async move {
                match ways.tls.clone() {
                    None => serve_http(stream, &ways, asked).await,
                    Some(tls) => serve_http(tls.accept(stream).await.unwrap(), &ways, asked).await,
                }
            }
        })
        .await
    }

    /// SOCKS5; what it was asked is a host and a port each.
    pub(crate) async fn socks5(scheme: &'static str, ways: Ways) -> Self {
        Self::start(scheme, move |stream, asked| {
            let ways = ways.clone();
            async move {
                // A client that is refused may leave at any time.
                let _ = serve_socks5(stream, &ways, asked).await;
            }
        })
        .await
    }

    async fn start<H, F>(scheme: &'static str, handle: H) -> Self
    where
        H: Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let listening = Listening::start(move |stream| handle(stream, log.clone())).await;
        Self { listening, scheme, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.listening.address.port())
    }

    pub(crate) fn url_with(&self, user_info: &str) -> String {
        format!("{}://{user_info}@localhost:{}", self.scheme, self.listening.address.port())
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve_http<S>(mut client: S, ways: &Ways, asked: Arc<Mutex<Vec<String>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head = read_head(&mut client).await;
    asked.lock().unwrap().push(head.clone());
    let given = header(&head, "proxy-authorization");
    let wanted = ways.credentials.map(|(user, password)| basic(user, password));
    let status = match ways.instead {
        Some(Instead::Silence) => return std::future::pending().await,
        Some(Instead::Close) => return,
        Some(Instead::Refuse(status)) => status,
        None if wanted.is_some() && given != wanted.as_deref() => 407,
        None => 200,
    };
    if status != 200 {
        let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 3\r\n\r\nno\n");
        client.write_all(answer.as_bytes()).await.unwrap();
        return;
    }
    let target = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
    assert_eq!(header(&head, "host"), Some(target));
    let mut server = match ways.leads_to {
        Some(address) => TcpStream::connect(address).await.unwrap(),
        None => TcpStream::connect(target).await.unwrap(),
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

async fn serve_socks5(
    mut client: TcpStream,
    ways: &Ways,
    asked: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    assert_eq!(client.read_u8().await?, 5);
    let methods = read_text(&mut client).await?;
    match ways.instead {
        Some(Instead::Silence) => return std::future::pending().await,
        Some(Instead::Close) => return Ok(()),
        _ => {}
    }
    match ways.credentials {
        None => client.write_all(&[5, 0]).await?,
        Some(_) if !methods.contains('\x02') => return client.write_all(&[5, 0xff]).await,
        Some(wanted) => {
            client.write_all(&[5, 2]).await?;
            assert_eq!(client.read_u8().await?, 1);
            let given = (read_text(&mut client).await?, read_text(&mut client).await?);
            let right = (given.0.as_str(), given.1.as_str()) == wanted;
            client.write_all(&[1, u8::from(!right)]).await?;
            if !right {
                return Ok(());
            }
        }
    }
    let target = read_target(&mut client).await?;
    asked.lock().unwrap().push(target.clone());
    if let Some(Instead::Refuse(reply)) = ways.instead {
        return client.write_all(&[5, u8::try_from(reply).unwrap(), 0, 1, 0, 0, 0, 0, 0, 0]).await;
    }
    let mut server = match ways.leads_to {
        Some(address) => TcpStream::connect(address).await?,
        None => TcpStream::connect(target).await?,
    };
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1]).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn read_target(client: &mut TcpStream) -> std::io::Result<String> {
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    assert_eq!(head[..3], [5, 1, 0]);
    let host = match head[3] {
        1 => Ipv4Addr::from_bits(client.read_u32().await?).to_string(),
        3 => read_text(client).await?,
        4 => format!("[{}]", Ipv6Addr::from_bits(client.read_u128().await?)),
        other => panic!("address of type {other}"),
    };
    Ok(format!("{host}:{}", client.read_u16().await?))
}

/// A byte for the length, and so many bytes.
async fn read_text(client: &mut TcpStream) -> std::io::Result<String> {
    let mut text = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut text).await?;
    Ok(String::from_utf8(text).unwrap())
}

/// RFC 7617, by an encoder that is not the library's.
pub(crate) fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "Basic ".to_owned();
    for three in format!("{user}:{password}").as_bytes().chunks(3) {
        let bits =
            three.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let six = ALPHABET[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= three.len() { char::from(six) } else { '=' });
        }
    }
    text
}
