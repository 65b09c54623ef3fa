//! permessage-deflate on the wire, where Autobahn does not look: limits, bombs, bad bits and bad data.

use tidegate::{Acceptor, Cause, Config, DeflateConfig, Opened, PeerMisbehaved, WebSocketStream};
use tidegate_proto::websocket::deflate::{Deflater, Inflater};
use tidegate_proto::websocket::handshake::Answer;
use tokio::net::{TcpListener, TcpStream};

use crate::process::{MEBIBYTE, grown, is_alone, memory};
use tidegate_tests::raw::{BINARY, BOTH, PING, PONG, Raw, Role, TEXT, halves, soon};

const COMPRESSED_TEXT: u8 = 0xc1;
const COMPRESSED_BINARY: u8 = 0xc2;

/// A connection on which both ends compress, without limits on the windows.
async fn open(role: Role, config: Config) -> (Raw, WebSocketStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    match role {
        Role::Server => {
            let mut peer = Raw::client(TcpStream::connect(address).await.expect("it listens"));
            let (stream, _) = listener.accept().await.expect("it has connected");
            let acceptor = Acceptor::new().config(config);
            let asks = peer.asks("Sec-WebSocket-Extensions: permessage-deflate\r\n");
            let (socket, head) = tokio::join!(acceptor.accept(stream), asks);
            assert!(head.contains("permessage-deflate\r\n"), "{head}");
            (peer, socket.expect("the request is right"))
        }
        Role::Client => {
            let builder = WebSocketStream::builder(format!("ws://{address}/x")).config(config);
            let socket = builder.connect().expect("the URL is right");
            let mut peer = Raw::server(listener.accept().await.expect("it connects").0);
            peer.answers(Answer::default(), |_| ()).await;
            (peer, socket)
        }
    }
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Deflater::new(15, true, 6, 8).deflate(payload, &mut out);
    out
}

#[tokio::test]
async fn compressed_messages_come_out_as_they_were_in_both_roles() {
    for role in BOTH {
        let (mut peer, socket) = open(role, Config::default()).await;
        let Opened { mut readable, mut writable, extensions, .. } = halves(&socket).await;
        assert!(extensions.starts_with("permessage-deflate"), "{extensions}");
        let text = "the same words, ".repeat(20);
        peer.sends_frame(COMPRESSED_TEXT, compressed(text.as_bytes())).await;
        peer.sends_frame(TEXT, "and these as they are").await;
        assert_eq!(soon(readable.read()).await.expect("it comes"), Some(text.as_str().into()));
        assert_eq!(soon(readable.read()).await.expect("it comes"), Some("and these as they are".into()));
        let mut inflater = Inflater::new(15, true);
        for _ in 0..3 {
            soon(writable.write(text.as_str())).await.expect("it is open");
            let frame = peer.receives_frame().await;
            assert_eq!(frame.first, COMPRESSED_TEXT);
            let mut out = Vec::new();
            let mut sink = |bytes: &[u8]| {
                out.extend_from_slice(bytes);
                Ok(())
            };
            inflater.inflate(&frame.payload, &mut sink).expect("it inflates");
            inflater.finish_message().expect("it is whole");
            assert_eq!(out, text.as_bytes());
        }
    }
}

#[tokio::test]
async fn bad_bits_and_bad_data_get_their_close_and_then_the_end() {
    let hello = compressed(b"Hello, Hello");
    for role in BOTH {
        for (what, frames, code) in [
            ("RSV1 on a ping", vec![(0xc9, &b""[..])], 1002),
            ("RSV1 on a Close", vec![(0xc8, b"\x03\xe8")], 1002),
            ("RSV1 on a continuation", vec![(0x41, &hello[..4]), (0xc0, &hello[4..])], 1002),
            ("RSV1 on a continuation of nothing", vec![(0xc0, &hello[..])], 1002),
            ("RSV2 beside RSV1", vec![(0xe1, &hello[..])], 1002),
            ("a reserved block type", vec![(COMPRESSED_BINARY, b"\x07")], 1007),
            ("a reference to before the beginning", vec![(COMPRESSED_TEXT, b"\xf2\x00\x11\x00\x00")], 1007),
            ("a message that is cut off", vec![(COMPRESSED_TEXT, &hello[..5])], 1007),
            ("corrupt data before the end of its frame", vec![(0x42, b"\xff\xff\xff\xff")], 1007),
        ] {
            let about = format!("{what}, {role:?}");
            let (mut peer, socket) = open(role, Config::default()).await;
            let Opened { mut readable, writable, .. } = halves(&socket).await;
            for (first, payload) in frames {
                peer.sends_frame(first, payload).await;
            }
            let error = soon(readable.read()).await.expect_err("the peer broke a rule");
            assert!(matches!(error.cause(), Cause::PeerMisbehaved(_)), "{about}: {error:?}");
            drop((readable, writable));
            peer.receives_close(code, &about).await;
            peer.sees_the_end(&about).await;
        }
    }
}

#[tokio::test]
async fn a_window_that_was_promised_and_broken_is_no_other_message() {
    let limited = DeflateConfig::default().client_max_window_bits(9);
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut peer = Raw::client(far);
    let acceptor = Acceptor::new().config(Config::default().deflate(Some(limited)));
    let asks = peer.asks("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    let (socket, head) = tokio::join!(acceptor.accept(near), asks);
    assert!(head.contains("client_max_window_bits=9"), "{head}");
    let socket = socket.expect("the request is right");
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    let payload: Vec<u8> = (0..4000_u32).map(|i| (i * i % 251) as u8 ^ (i / 13) as u8).collect();
    peer.sends_frame(COMPRESSED_BINARY, compressed(&payload.repeat(2))).await;
    match soon(readable.read()).await {
        Ok(message) => assert_eq!(message, Some(payload.repeat(2).into())),
        Err(error) => {
            let cause = error.cause();
            assert!(matches!(cause, Cause::PeerMisbehaved(PeerMisbehaved::SentCorruptDeflate)), "{cause:?}");
        }
    }
    drop(writable);
}

#[tokio::test]
async fn offers_that_break_the_rules_are_declined_and_malformed_ones_refused() {
    for (offer, answer) in [
        ("permessage-deflate; server_max_window_bits=7", None),
        ("permessage-deflate; server_max_window_bits=010", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; unknown", None),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits=10", None),
        ("permessage-deflate; unknown, permessage-deflate", Some("permessage-deflate")),
    ] {
        let (near, far) = tokio::io::duplex(4096);
        let mut peer = Raw::client(far);
        let line = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        let acceptor = Acceptor::new();
        let (socket, head) = tokio::join!(acceptor.accept(near), peer.asks(&line));
        assert!(head.starts_with("HTTP/1.1 101 "), "{offer}: {head}");
        let head = head.to_ascii_lowercase();
        let answered = head.lines().find_map(|line| line.strip_prefix("sec-websocket-extensions: "));
        assert_eq!(answered, answer, "{offer}");
        drop(socket);
    }
    for offer in ["permessage-deflate;", "permessage-deflate; a=\"b", "=", "a b"] {
        let (near, far) = tokio::io::duplex(4096);
        let mut peer = Raw::client(far);
        let line = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        let acceptor = Acceptor::new();
        let asks = async move { peer.asks(&line).await };
        let (socket, head) = tokio::join!(acceptor.accept(near), asks);
        assert!(head.starts_with("HTTP/1.1 400 "), "{offer}: {head}");
        assert!(socket.is_err());
    }
}

#[tokio::test]
async fn control_frames_pass_between_compressed_fragments() {
    let (mut peer, socket) = open(Role::Server, Config::default()).await;
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    let hello = compressed(b"Hello, Hello");
    peer.sends_frame(0x41, &hello[..4]).await;
    peer.sends_frame(PING, "between").await;
    peer.sends_frame(0x80, &hello[4..]).await;
    assert_eq!(soon(readable.read()).await.expect("it comes"), Some("Hello, Hello".into()));
    peer.receives(PONG, "between").await;
    drop(writable);
}

/// A gibibyte of zeros in a mebibyte, with a message limit of one mebibyte: it costs what a message may cost.
#[test]
fn a_bomb_is_1009_and_costs_no_memory() {
    if !is_alone("deflate::a_bomb_is_1009_and_costs_no_memory") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for role in BOTH {
            let bomb = bomb();
            assert!((1_000_000..1_100_000).contains(&bomb.len()), "{}", bomb.len());
            // The frame limit stays at its default, so that only inflating finds out.
            let config = || Config::default().max_message_bytes(MEBIBYTE as u64 + 100_000);
            let (mut peer, socket) = open(role, config()).await;
            let Opened { mut readable, writable, .. } = halves(&socket).await;
            let frame = peer.frame(COMPRESSED_BINARY, &bomb);
            let before = memory();
            let reader = tokio::spawn(async move { readable.read().await.expect_err("a bomb") });
            peer.sends(&frame).await;
            peer.receives_close(1009, "a bomb").await;
            peer.sees_the_end("a bomb").await;
            let error = soon(reader).await.expect("it does not panic");
            let grown = grown(before);
            assert!(grown < 4 * MEBIBYTE, "{role:?}: {grown} bytes");
            let cause = error.cause();
            let limit = matches!(cause, Cause::PeerMisbehaved(PeerMisbehaved::ExceededMessageLimit { .. }));
            assert!(limit, "{cause:?}");
            drop(writable);
        }
    });
}

/// A gibibyte of zeros, without ever having been one: a mebibyte that refers to the one before it, again and again.
fn bomb() -> Vec<u8> {
    let mut deflater = Deflater::new(15, true, 9, 9);
    let zeros = vec![0; MEBIBYTE];
    let (mut first, mut again) = (Vec::new(), Vec::new());
    deflater.deflate(&zeros, &mut first);
    deflater.deflate(&zeros, &mut again);
    // RFC 7692 §7.2.1: the tail that a sender removes from the end stays within.
    let tail = [0x00, 0x00, 0xff, 0xff];
    again.splice(0..0, tail);
    [first, again.repeat(1023)].concat()
}

#[tokio::test]
async fn large_messages_come_back_byte_for_byte_with_and_without_compression() {
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..3 * MEBIBYTE / 2)
        .map(|index| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            if index % 5000 < 2500 { (state >> 56) as u8 } else { 7 }
        })
        .collect();
    for config in [Config::default(), Config::default().deflate(None), Config::default().fragment_bytes(1000)]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
        let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
        let acceptor = Acceptor::new().config(config.clone());
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("it connects");
            let socket = acceptor.accept(stream).await.expect("the request is right");
            let Opened { readable, writable, .. } = halves(&socket).await;
            readable.pipe_to(writable).await
        });
        let socket = WebSocketStream::builder(url).config(config).connect().expect("the URL is right");
        let Opened { mut readable, mut writable, .. } = halves(&socket).await;
        soon(writable.write(noise.clone())).await.expect("it is open");
        let echoed = soon(readable.read()).await.expect("it comes").expect("before the end");
        assert!(echoed.as_bytes() == noise, "the echo differs");
        soon(writable.write(noise[..BINARY.into()].to_vec())).await.expect("it is open");
        let echoed = soon(readable.read()).await.expect("it comes").expect("before the end");
        assert_eq!(echoed.as_bytes(), &noise[..BINARY.into()]);
        socket.close(1000).expect("it may be sent");
        soon(server).await.expect("it does not panic").expect("a clean end");
        assert_eq!(soon(socket.closed()).await.expect("clean").close_code, 1000);
    }
}
