//! Misbehaviour by frames.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncReadExt;

use super::peer::Peer;
use super::{crowd, failed};
use crate::raw::{BINARY, PING, TEXT, frame};

/// Text messages whose every byte is a packet of its own; each must come back.
pub(crate) async fn byte_by_byte(address: SocketAddr) -> io::Result<String> {
    const MESSAGES: usize = 20;
    crowd(50, |_| async move {
        let mut peer = Peer::open(address, "").await?;
        let (sent, expected) = (frame(TEXT, &[b'a'; 125], true), frame(TEXT, &[b'a'; 125], false));
        for _ in 0..MESSAGES {
            for byte in &sent {
                peer.sends(std::slice::from_ref(byte)).await?;
                tokio::task::yield_now().await;
            }
            let mut echo = vec![0; expected.len()];
            peer.io.read_exact(&mut echo).await?;
            if echo != expected {
                return failed("an echo of single bytes is wrong");
            }
        }
        Ok(())
    })
    .await?;
    Ok(format!("{} messages echoed", 50 * MESSAGES))
}

/// Messages of nothing but empty fragments, as many as the server takes.
pub(crate) async fn empty_fragments(address: SocketAddr) -> io::Result<String> {
    const FRAGMENTS: usize = 17_000;
    let codes = crowd(20, |_| async move {
        let mut peer = Peer::open(address, "").await?;
        peer.sends(&frame(TEXT & 0x7f, b"", true)).await?;
        peer.sends(&frame(0, b"", true).repeat(FRAGMENTS)).await?;
        peer.close_code().await
    });
    all_are(1009, &codes.await?)
}

/// Pings from peers that read no pong.
pub(crate) async fn pings(address: SocketAddr, peers: usize) -> io::Result<String> {
    let chunk = Arc::new(frame(PING, &[b'p'; 125], true).repeat(500));
    let sent = crowd(peers, |_| {
        let chunk = chunk.clone();
        async move { Peer::open(address, "").await?.floods(&chunk, 64 << 20).await }
    });
    Ok(flooded(&sent.await?))
}

/// Messages of 16 KiB from peers that read no echo.
pub(crate) async fn never_read(address: SocketAddr) -> io::Result<String> {
    let chunk = Arc::new(frame(BINARY, &[b'm'; 16 * 1024], true));
    let sent = crowd(20, |_| {
        let chunk = chunk.clone();
        async move { Peer::open(address, "").await?.floods(&chunk, 64 << 20).await }
    });
    let sent = sent.await?;
    if sent.iter().any(|bytes| *bytes >= 64 << 20) {
        return failed("the server went on reading from a peer that does not read");
    }
    Ok(flooded(&sent))
}

fn flooded(sent: &[usize]) -> String {
    let mib = |bytes: &usize| *bytes as f64 / f64::from(1 << 20);
    let least = sent.iter().min().map_or(0.0, mib);
    let most = sent.iter().max().map_or(0.0, mib);
    if most - least < 0.05 {
        return format!("{most:.1} MiB taken from each");
    }
    format!("{least:.1} to {most:.1} MiB taken from each")
}

/// One bomb after the other.
pub(crate) async fn bombs(address: SocketAddr) -> io::Result<String> {
    // Compressed, final, binary.
    let bomb = frame(BINARY | 0x40, &gibibyte(), true);
    let mut codes = Vec::new();
    for _ in 0..8 {
        let mut peer = Peer::open(address, "Sec-WebSocket-Extensions: permessage-deflate\r\n").await?;
        peer.sends(&bomb).await?;
        codes.push(peer.close_code().await?);
    }
    all_are(1009, &codes)
}

/// A GiB of zeros by RFC 1951: one block whose codes for a match of 258 bytes and for its distance have one bit each,
/// both zero. So, once the first byte is given, every zero byte of it is four matches.
fn gibibyte() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.number(0b100, 3); // dynamic codes, not the final block
    bits.number(286 - 257, 5); // literals and lengths
    bits.number(0, 5); // one distance
    bits.number(18 - 4, 4); // lengths of the codes that tell code lengths, in the order of the RFC:
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1] {
        bits.number(
            match symbol {
                18 => 1,
                1 | 2 => 2,
                _ => 0,
            },
            3,
        );
    }
    let zeros = |bits: &mut Bits, count: u32| {
        bits.code("0");
        bits.number(count - 11, 7);
    };
    bits.code("11"); // the byte 0 has two bits,
    zeros(&mut bits, 138);
    zeros(&mut bits, 255 - 138);
    bits.code("11"); // the end of the block two,
    zeros(&mut bits, 28);
    bits.code("10"); // a match of 258 one,
    bits.code("10"); // and the distance 1 one.
    bits.code("10"); // One byte 0; the rest are matches.
    let mut bytes = bits.bytes;
    bytes.resize(bytes.len() + (1 << 30) / (4 * 258), 0);
    bytes
}

/// Bits as RFC 1951 packs them.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    fn bit(&mut self, bit: bool) {
        if self.len.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.len % 8);
        }
        self.len += 1;
    }

    /// A number, its lowest bit first.
    fn number(&mut self, number: u32, bits: u32) {
        (0..bits).for_each(|at| self.bit(number >> at & 1 == 1));
    }

    /// A code, its first bit first.
    fn code(&mut self, bits: &str) {
        bits.bytes().for_each(|bit| self.bit(bit == b'1'));
    }
}

fn all_are(code: u16, codes: &[u16]) -> io::Result<String> {
    if codes.iter().any(|other| *other != code) {
        return failed(format!("Closes other than {code}: {codes:?}"));
    }
    Ok(format!("all closed with {code}"))
}
