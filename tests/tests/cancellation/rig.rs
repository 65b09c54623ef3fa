//! Two ends of a connection that passes a few bytes at a time, and what is said over it.

use tidegate::{Acceptor, CloseCode, Config, Message, Opened, Readable, WebSocketStream, Writable};
pub(crate) use tidegate_tests::raw::soon;
use tokio::io::DuplexStream;

/// How many bytes are on the way at the most.
pub(crate) const PIPE_BYTES: usize = 7;

/// How many messages a test sends.
pub(crate) const COUNT: usize = 6;

/// One end.
pub(crate) struct End {
    pub(crate) socket: WebSocketStream,
    pub(crate) readable: Readable,
    pub(crate) writable: Writable,
}

impl End {
    pub(crate) async fn of(socket: WebSocketStream) -> Self {
        let Opened { readable, writable, .. } = soon(socket.opened()).await.unwrap();
        Self { socket, readable, writable }
    }

    /// Writes all numbered messages.
    pub(crate) async fn writes_all(&mut self) {
        for number in 0..COUNT {
            soon(self.writable.write(payload(number))).await.unwrap();
        }
    }

    /// The numbered messages from `next` on come, each once, and none else.
    pub(crate) async fn reads_from(&mut self, next: usize) {
        for number in next..COUNT {
            assert_eq!(self.reads().await, payload(number), "message {number}");
        }
    }

    pub(crate) async fn reads(&mut self) -> Vec<u8> {
        soon(self.readable.read()).await.unwrap().unwrap().into_bytes().to_vec()
    }
}

/// A client and a server, open, uncompressed, with little room for what is written.
pub(crate) async fn pair() -> (End, End) {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let client = client(near);
    let server = acceptor().accept(far).await.unwrap();
    (End::of(client).await, End::of(server).await)
}

pub(crate) fn client(io: DuplexStream) -> WebSocketStream {
    let builder = WebSocketStream::builder("ws://dropped.example/").high_water_mark(1);
    builder.config(Config::default().deflate(None)).connect_over(io).unwrap()
}

pub(crate) fn acceptor() -> Acceptor {
    Acceptor::new().config(Config::default().deflate(None)).high_water_mark(1)
}

/// The message of a number: its length and its bytes follow from the number.
pub(crate) fn payload(number: usize) -> Vec<u8> {
    (0..40 + 13 * number).map(|at| (number * 31 + at) as u8).collect()
}

/// Messages still go both ways, and the connection closes cleanly at both ends.
pub(crate) async fn still_works(mut one: End, mut two: End) {
    soon(one.writable.write("there")).await.unwrap();
    assert_eq!(soon(two.readable.read()).await.unwrap(), Some(Message::from("there")));
    soon(two.writable.write("and back")).await.unwrap();
    assert_eq!(soon(one.readable.read()).await.unwrap(), Some(Message::from("and back")));
    one.socket.close((1000, "done")).unwrap();
    assert_eq!(soon(two.readable.read()).await.unwrap(), None);
    for end in [one, two] {
        assert_eq!(soon(end.socket.closed()).await.unwrap().close_code, CloseCode::from(1000));
    }
}

/// Sends back what comes.
pub(crate) async fn echo(socket: WebSocketStream) {
    if let Ok(Opened { readable, writable, .. }) = socket.opened().await {
        let _ = readable.pipe_to(writable).await;
    }
}

/// A message comes back, and the connection closes cleanly.
pub(crate) async fn is_echoed(socket: WebSocketStream) {
    let mut end = End::of(socket).await;
    soon(end.writable.write("are you there?")).await.unwrap();
    assert_eq!(soon(end.readable.read()).await.unwrap(), Some(Message::from("are you there?")));
    end.socket.close(()).unwrap();
    soon(end.socket.closed()).await.unwrap();
}

/// Waits for something that happens in other tasks.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    })
    .await;
}
