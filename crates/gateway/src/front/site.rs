//! What stands behind the front.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::client::Client;
use super::head::Head;

/// What answers requests.
pub(crate) trait Site: Send + Sync + 'static {
    /// Answers a request. The future gives the client back if its connection may be used for another one.
    fn handle(self: &Arc<Self>, head: &Head<'_>, client: Client) -> Handling;

    /// The server goes away: wakes whoever holds a client, and ends what is open otherwise. What is not done after
    /// [`DRAIN`](super::DRAIN) is cut off.
    fn leave(&self) -> Leaving<'_>;
}

/// Coming to an end.
pub(crate) type Leaving<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A request that is being answered. It holds the client, and whatever the answer needs.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Option<Client>> + Send>>;
