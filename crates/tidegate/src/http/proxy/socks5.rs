//! SOCKS5 (RFC 1928), with user name and password (RFC 1929).

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::{ProxyFailure, SocksReply};
use crate::http::credentials::Credentials;

/// What a SOCKS5 proxy is asked to connect to.
#[derive(Debug)]
pub(super) enum Address<'a> {
    Ip(IpAddr),
    Name(&'a str),
}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const DOMAIN_NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks a SOCKS5 proxy for a connection. Then `io` leads there, and no byte of what follows has been read.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    address: &Address<'_>,
    port: u16,
    credentials: Option<&Credentials>,
) -> Result<(), ProxyFailure> {
    let request = request(address, port)?;
    authenticate(io, credentials).await?;
    send(io, &request).await?;
    let [version, reply, _, kind] = receive(io).await?;
    if version != VERSION {
        return Err(ProxyFailure::NotSocks5);
    }
    if reply != 0 {
        return Err(ProxyFailure::RefusedWithReply(SocksReply::from_code(reply)));
    }
    // The address that the proxy connects from: of no use here, but in front of what the server sends.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        DOMAIN_NAME => usize::from(io.read_u8().await?),
        _ => return Err(ProxyFailure::NotSocks5),
    };
    let mut bound = [0; u8::MAX as usize + 2];
    io.read_exact(&mut bound[..length + 2]).await?;
    Ok(())
}

async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    credentials: Option<&Credentials>,
) -> Result<(), ProxyFailure> {
    let methods: &[u8] = match credentials {
        None => &[VERSION, 1, NO_AUTHENTICATION],
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
    };
    send(io, methods).await?;
    match (receive(io).await?, credentials) {
        ([VERSION, NO_AUTHENTICATION], _) => Ok(()),
        ([VERSION, USER_AND_PASSWORD], Some(Credentials { user, password })) => {
            let mut message = vec![1];
            for part in [user, password] {
                // What is too long was refused with the URL of the proxy.
                message.push(u8::try_from(part.len()).map_err(|_| ProxyFailure::CredentialsRefused)?);
                message.extend_from_slice(part);
            }
            send(io, &message).await?;
            match receive(io).await? {
                [1, 0] => Ok(()),
                [1, _] => Err(ProxyFailure::CredentialsRefused),
                _ => Err(ProxyFailure::NotSocks5),
            }
        }
        ([VERSION, NONE_ACCEPTABLE], None) => Err(ProxyFailure::CredentialsRequired),
        ([VERSION, NONE_ACCEPTABLE], Some(_)) => Err(ProxyFailure::CredentialsRefused),
        _ => Err(ProxyFailure::NotSocks5),
    }
}

fn request(address: &Address<'_>, port: u16) -> Result<Vec<u8>, ProxyFailure> {
    let mut request = vec![VERSION, CONNECT, 0];
    match address {
        Address::Ip(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Address::Ip(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Address::Name(name) => {
            let length = u8::try_from(name.len()).map_err(|_| ProxyFailure::LongHost(name.len()))?;
            request.extend_from_slice(&[DOMAIN_NAME, length]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

async fn send<S: AsyncWrite + Unpin>(io: &mut S, bytes: &[u8]) -> Result<(), ProxyFailure> {
    io.write_all(bytes).await?;
    Ok(io.flush().await?)
}

async fn receive<const N: usize, S: AsyncRead + Unpin>(io: &mut S) -> Result<[u8; N], ProxyFailure> {
    let mut bytes = [0; N];
    io.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets the proxy say all of `answers`, and returns what it was told and what it sent behind.
    async fn exchange(
        address: Address<'_>,
        credentials: Option<(&str, &str)>,
        answers: &[u8],
    ) -> (Result<(), ProxyFailure>, Vec<u8>, Vec<u8>) {
        let (mut near, mut far) = tokio::io::duplex(1024);
        far.write_all(answers).await.unwrap();
        let bytes = |text: &str| text.as_bytes().to_vec();
        let credentials =
            credentials.map(|(user, password)| Credentials { user: bytes(user), password: bytes(password) });
        let result = open(&mut near, &address, 0x1234, credentials.as_ref()).await;
        far.shutdown().await.unwrap();
        let mut behind = Vec::new();
        near.read_to_end(&mut behind).await.unwrap();
        drop(near);
        let mut told = Vec::new();
        far.read_to_end(&mut told).await.unwrap();
        (result, told, behind)
    }

    const OPEN: &[u8] = &[5, 0, 5, 0, 0, 1, 9, 9, 9, 9, 9, 9];

    #[tokio::test]
    async fn addresses_and_names_are_asked_for() {
        let v4 = Address::Ip("1.2.3.4".parse().unwrap());
        let (result, told, _) = exchange(v4, None, OPEN).await;
        result.unwrap();
        assert_eq!(told, [5, 1, 0, 5, 1, 0, 1, 1, 2, 3, 4, 0x12, 0x34]);
        let (result, told, _) = exchange(Address::Name("h.x"), None, OPEN).await;
        result.unwrap();
        assert_eq!(told, [5, 1, 0, 5, 1, 0, 3, 3, b'h', b'.', b'x', 0x12, 0x34]);
        let (result, told, _) = exchange(Address::Ip("::1".parse().unwrap()), None, OPEN).await;
        result.unwrap();
        assert_eq!(told[3..8], [5, 1, 0, 4, 0]);
        assert_eq!(told.len(), 3 + 4 + 16 + 2);
        let long = "x".repeat(256);
        let (result, told, _) = exchange(Address::Name(&long), None, OPEN).await;
        assert!(matches!(result, Err(ProxyFailure::LongHost(256))), "{result:?}");
        assert!(told.is_empty());
    }

    #[tokio::test]
    async fn credentials_are_shown_when_asked_for() {
        let answers = [&[5, 2, 1, 0], &OPEN[2..]].concat();
        let (result, told, _) = exchange(Address::Name("h"), Some(("u", "pw")), &answers).await;
        result.unwrap();
        assert_eq!(told[..10], [5, 2, 0, 2, 1, 1, b'u', 2, b'p', b'w']);
        let (result, told, _) = exchange(Address::Name("h"), Some(("u", "pw")), OPEN).await;
        result.unwrap();
        assert_eq!(told[..7], [5, 2, 0, 2, 5, 1, 0]);
        for (answers, given) in [(&[5, 2, 1, 1][..], true), (&[5, 0xff], true)] {
            let given = given.then_some(("u", "pw"));
            let (result, ..) = exchange(Address::Name("h"), given, answers).await;
            assert!(matches!(result, Err(ProxyFailure::CredentialsRefused)), "{result:?}");
        }
        let (result, ..) = exchange(Address::Name("h"), None, &[5, 0xff]).await;
        assert!(matches!(result, Err(ProxyFailure::CredentialsRequired)), "{result:?}");
    }

    #[tokio::test]
    async fn nothing_behind_the_answer_is_swallowed() {
        for bound in [&[1, 9, 9, 9, 9][..], &[3, 0], &[3, 2, b'a', b'b'], &[[4; 17]].concat()] {
            let answers = [&[5, 0, 5, 0, 0], bound, &[0, 80], b"next"].concat();
            let (result, _, behind) = exchange(Address::Name("h"), None, &answers).await;
            result.unwrap();
            assert_eq!(behind, b"next");
        }
    }

    #[tokio::test]
    async fn refusals_and_strangers_are_told_apart() {
        let refused = |code| [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        for (code, expected) in [
            (2, SocksReply::NotAllowed),
            (5, SocksReply::ConnectionRefused),
            (77, SocksReply::Unassigned(77)),
        ] {
            match exchange(Address::Name("h"), None, &refused(code)).await.0 {
                Err(ProxyFailure::RefusedWithReply(reply)) => assert_eq!(reply, expected),
                other => panic!("{other:?}"),
            }
        }
        // HTTP, SOCKS4, a method that was not offered, an address of an unknown kind.
        for answers in [&b"HTTP/1.1 400"[..], &[0, 91, 0, 0], &[5, 2], &[5, 1], &[5, 0, 5, 0, 0, 9]] {
            let (result, ..) = exchange(Address::Name("h"), None, answers).await;
            assert!(matches!(result, Err(ProxyFailure::NotSocks5)), "{result:?}");
        }
    }
}
