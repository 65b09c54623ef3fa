//! The two ends, and the frames that go between them.

use std::time::Instant;

use bytes::Bytes;
use tidegate_proto::session::{Attachment, Carries, ClientSession, Config, ServerSession};

/// A moment. The machines have no clock, so any start will do.
#[expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]
pub(crate) fn moment() -> Instant {
    Instant::now()
}

pub(crate) const ID: &str = "Zb7t_8-Q";

/// A whole text message of so many times this byte, as a frame.
pub(crate) fn text(byte: u8, len: u8) -> Bytes {
    assert!(len < 64, "a length of one byte");
    [&[0x10, len][..], &vec![byte; usize::from(len)]].concat().into()
}

/// A server that was greeted by one frame, and a client that has attached to it once.
pub(crate) struct Ends {
    pub(crate) now: Instant,
    pub(crate) server: ServerSession,
    pub(crate) client: ClientSession,
}

impl Ends {
    pub(crate) fn new(config: &Config) -> Self {
        let now = moment();
        let mut ends = Self {
            now,
            server: ServerSession::new(now, ID.to_owned(), config.clone()),
            client: ClientSession::new(config),
        };
        ends.client.send(text(b'h', 1));
        let (server, client) = ends.attach(Carries::Both);
        ends.pass_down(server, client);
        let post = ends.client.next_post().expect("the greeting");
        ends.server.handle_post(now, post.from, Some(post.received), &post.body).expect("taken");
        ends.client.handle_answer(&post, ends.server.position()).expect("a position");
        assert_eq!(ends.server.poll_frame(), Some(text(b'h', 1)));
        ends
    }

    /// Attaches both ends; nothing is sent yet.
    pub(crate) fn attach(&mut self, carries: Carries) -> (Attachment, Attachment) {
        let server = self.server.attach(carries, self.client.position()).expect("a position that is there");
        (server, self.client.attach(carries))
    }

    /// Everything that the server has to say goes to the client.
    pub(crate) fn pass_down(
        &mut self,
        mut server: Attachment,
        mut client: Attachment,
    ) -> (Attachment, Attachment) {
        while let Some(bytes) = self.server.poll_transmit(self.now, &mut server, 1 << 20) {
            self.client.handle_batch(self.now, &mut client, &bytes).expect("what the server may say");
        }
        (server, client)
    }

    /// All frames that the client's application has not taken.
    pub(crate) fn taken_by_client(&mut self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.client.poll_frame()).collect()
    }

    /// All frames that the server's application has not taken.
    pub(crate) fn taken_by_server(&mut self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.server.poll_frame()).collect()
    }
}
