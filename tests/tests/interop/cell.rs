//! Who talks to whom, and how.

use std::time::Duration;

use tidegate::{
    Acceptor, ClientBuilder, Config, DeflateConfig, Opened, OriginPolicy, Readable, WebSocketStream, Writable,
};
use tidegate_tests::certificates::Certificates;
use tokio::net::TcpListener;

use crate::peer::{Agreed, Maker, Peer, Wishes};

/// Which end of the connection is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ours {
    Server,
    Client,
}

/// Which bytes carry the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Ws,
    Wss,
}

/// Whether messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Deflate,
    Off,
}

/// One cell of the matrix.
pub(crate) struct Cell<'a>(pub(crate) Maker<'a>, pub(crate) Ours, pub(crate) Scheme, pub(crate) Compression);

/// What a scenario asks for beyond its cell.
#[derive(Default)]
pub(crate) struct Terms {
    pub(crate) config: Config,
    pub(crate) our_protocols: &'static [&'static str],
    pub(crate) their_protocols: &'static [&'static str],
}

/// A connection, both ends in hand.
pub(crate) struct Meeting {
    pub(crate) socket: WebSocketStream,
    pub(crate) readable: Readable,
    pub(crate) writable: Writable,
    pub(crate) protocol: String,
    pub(crate) peer: Peer,
    pub(crate) agreed: Agreed,
}

impl Cell<'_> {
    /// Connects the two ends.
    pub(crate) async fn meet(&self) -> Meeting {
        self.meet_on(Terms::default()).await
    }

    /// Connects the two ends, and makes sure that both speak of the same compression.
    pub(crate) async fn meet_on(&self, terms: Terms) -> Meeting {
        let Self(maker, ours, _, compression) = *self;
        let deflates = compression == Compression::Deflate;
        let peer = Peer::start(maker).await;
        let wishes = Wishes { tls: self.tls(), deflate: deflates, protocols: terms.their_protocols };
        let config = terms.config.deflate(deflates.then(DeflateConfig::default));
        let (socket, agreed) = match ours {
            Ours::Server => self.accept(&peer, &wishes, config, terms.our_protocols).await,
            Ours::Client => self.connect(&peer, &wishes, config, terms.our_protocols).await,
        };
        let Opened { readable, writable, protocol, extensions } = socket.opened().await.unwrap();
        assert_eq!(extensions.split(';').next(), Some(if deflates { "permessage-deflate" } else { "" }));
        assert_eq!(agreed.deflate, deflates, "the peer says otherwise than {extensions:?}");
        Meeting { socket, readable, writable, protocol, peer, agreed }
    }

    /// The certificates, where the scheme needs any.
    pub(crate) fn tls(&self) -> Option<&'static Certificates> {
        (self.2 == Scheme::Wss).then(Certificates::shared)
    }

    /// The URL of a server on this machine.
    pub(crate) fn url(&self, port: u64) -> String {
        let scheme = if self.2 == Scheme::Wss { "wss" } else { "ws" };
        format!("{scheme}://127.0.0.1:{port}/")
    }

    async fn accept(
        &self,
        peer: &Peer,
        wishes: &Wishes<'_>,
        config: Config,
        protocols: &[&str],
    ) -> (WebSocketStream, Agreed) {
        let mut acceptor = Acceptor::new().config(config).protocols(protocols.iter().copied());
        if let Some(tls) = wishes.tls {
            acceptor = acceptor.tls(tls.server());
        }
        if let Maker::Chromium(chromium) = self.0 {
            // The page comes from elsewhere, and says so.
            acceptor = acceptor.origins(OriginPolicy::List(vec![chromium.origin.clone()]));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connecting = peer.connect(&self.url(port.into()), wishes);
        let accepting = async {
            let (stream, _) = listener.accept().await.unwrap();
            tidegate::tune(&stream).unwrap();
            acceptor.handshake_timeout(PATIENCE).accept(stream).await.unwrap()
        };
        tokio::join!(accepting, connecting)
    }

    async fn connect(
        &self,
        peer: &Peer,
        wishes: &Wishes<'_>,
        config: Config,
        protocols: &[&str],
    ) -> (WebSocketStream, Agreed) {
        let url = self.url(peer.listen(wishes).await);
        let mut builder: ClientBuilder =
            WebSocketStream::builder(url).config(config).protocols(protocols.iter().copied());
        if let Some(tls) = wishes.tls {
            builder = builder.tls(tls.client());
        }
        let socket = builder.connect().unwrap();
        let agreed = peer.accepted().await;
        (socket, agreed)
    }
}

/// How long a scenario may take before it counts as stuck; far beyond what any takes.
const PATIENCE: Duration = Duration::from_secs(180);

/// Runs a scenario, and fails it when it is stuck.
pub(crate) async fn guarded(scenario: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, scenario).await.expect("the scenario is stuck");
}

/// Makes a test of each scenario, in every given cell.
macro_rules! matrix {
    ($maker:ident { $($name:ident: $ours:ident, $scheme:ident, $compression:ident;)* } $scenarios:tt) => {
        $(
            mod $name {
                use crate::cell::{Cell, Compression, Ours, Scheme};
                use crate::peer::Maker;
                const CELL: Cell<'_> =
                    Cell(Maker::$maker, Ours::$ours, Scheme::$scheme, Compression::$compression);
                crate::cell::tests!($scenarios);
            }
        )*
    };
}

/// Makes a test of each scenario, in the cell `CELL` of the surrounding module.
macro_rules! tests {
    ({ $($file:ident: $($scenario:ident),+;)* }) => {
        $($(
            #[tokio::test]
            async fn $scenario() {
                crate::cell::guarded(crate::scenarios::$file::$scenario(&CELL)).await;
            }
        )+)*
    };
}

/// Runs each scenario in one cell, one after the other.
macro_rules! run {
    ($cell:expr, { $($file:ident: $($scenario:ident),+;)* }) => {
        $($(
            // Shown when the test fails: the last one is to blame.
            println!("{}", stringify!($scenario));
            crate::cell::guarded(crate::scenarios::$file::$scenario($cell)).await;
        )+)*
    };
}

pub(crate) use {matrix, run, tests};
