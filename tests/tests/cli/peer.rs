//! A server under the test's own hands, to the byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use http::{HeaderName, Request};
use tidegate_proto::websocket::handshake::{Answer, receive};

use crate::process::GUARD;

/// A listener that waits for the command to connect.
pub(crate) struct Peer {
    listener: TcpListener,
}

/// A connection with the command.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// The head of the request.
    pub(crate) head: String,
}

impl Peer {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection, its request read and not answered.
    pub(crate) fn accept(&self) -> Connection {
        let start = Instant::now();
        let mut stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
            assert!(start.elapsed() < GUARD, "nobody connects");
            thread::sleep(Duration::from_millis(5));
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.set_write_timeout(Some(GUARD)).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        Connection { stream, head: String::from_utf8(head).unwrap() }
    }

    /// The next connection, open and without extensions.
    pub(crate) fn accept_websocket(&self) -> Connection {
        let mut connection = self.accept();
        let mut request = Request::new(());
        for line in connection.head.lines().skip(1).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let answer = Answer { deflate: None, ..Answer::default() };
        let (response, _) = receive(&request).unwrap().accept(answer).unwrap();
        let mut head = String::from("HTTP/1.1 101 Switching Protocols\r\n");
        for (name, value) in response.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        connection.stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        connection
    }
}

impl Connection {
    pub(crate) fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes());
    }

    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.frame(0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat());
    }

    /// Writes a whole frame, unmasked as a server's are.
    fn frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            len @ ..=125 => frame.push(len as u8),
            len @ 126..=0xffff => {
                frame.push(126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        self.stream.write_all(&frame).unwrap();
    }

    /// Reads a whole frame: its first byte, and its payload unmasked.
    pub(crate) fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let [first, second] = self.read();
        assert!(second & 0x80 != 0, "a client masks");
        let len = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.read())),
            127 => u64::from_be_bytes(self.read()),
            len => u64::from(len),
        };
        let key: [u8; 4] = self.read();
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload).unwrap();
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        (first, payload)
    }

    /// Reads a Close frame: its code and reason.
    pub(crate) fn read_close(&mut self) -> (u16, String) {
        let (first, payload) = self.read_frame();
        assert_eq!(first, 0x88);
        let (code, reason) = payload.split_at(2);
        (u16::from_be_bytes([code[0], code[1]]), String::from_utf8(reason.to_vec()).unwrap())
    }

    fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }
}
