//! `Connection`: our client against our server, directly and through a proxy that does what proxies and networks do.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod backpressure;
mod chaos;
mod choosing;
mod conversation;
mod cuts;
mod echo;
mod ending;
mod proxy;
mod redirects;
mod secure;
mod server;

use tidegate::Transport;

/// All of them, best first.
pub(crate) const ALL: [Transport; 5] =
    [Transport::WebSocket, Transport::Stream, Transport::EventStream, Transport::LongPoll, Transport::Poll];

/// A test of each transport: `over` takes it.
macro_rules! over_each_transport {
    ($($over:ident),+ $(,)?) => {$(
        mod $over {
            use tidegate::Transport;

            #[tokio::test]
            async fn websocket() {
                super::$over(Transport::WebSocket).await;
            }

            #[tokio::test]
            async fn stream() {
                super::$over(Transport::Stream).await;
            }

            #[tokio::test]
            async fn sse() {
                super::$over(Transport::EventStream).await;
            }

            #[tokio::test]
            async fn long_poll() {
                super::$over(Transport::LongPoll).await;
            }

            #[tokio::test]
            async fn poll() {
                super::$over(Transport::Poll).await;
            }
        }
    )+};
}
pub(crate) use over_each_transport;
