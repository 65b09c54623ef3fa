//! An attachment that carries the session.

use tidegate_proto::session::Attachment;

use super::body::Body;
use super::ended::Ended;
use super::error::{Failed, TransportError};
use super::socket::Socket;
use super::trip::Trip;
use crate::session::Transport;
use crate::websocket::NotResumed;

/// An attachment on which the server has said that it is attached.
pub(super) struct Held {
    pub(super) transport: Transport,
    attachment: Attachment,
    carrier: Carrier,
}

enum Carrier {
    Socket(Box<Socket>),
    Body(Box<Body>),
}

impl Held {
    /// Attaches by this transport.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives up. The server may have seen the request, and may have ended what was attached before.
    pub(super) async fn attach(trip: &Trip, transport: Transport) -> Result<Self, Failed> {
        loop {
            let position = trip.core.progress().0;
            let tried = tokio::time::timeout(trip.pace.attach, Self::open(trip, transport)).await;
            let attached = tried.unwrap_or_else(|_| Err(TransportError::Silent(trip.pace.attach).into()));
            match attached {
                // More was acknowledged by another way, which overtook this request: it asked for what is gone.
                Err(Failed::Lost(NotResumed::PositionGone(_))) if trip.core.progress().0 > position => {}
                attached => return attached,
            }
        }
    }

    async fn open(trip: &Trip, transport: Transport) -> Result<Self, Failed> {
        Ok(if transport == Transport::WebSocket {
            let (socket, attachment) = Socket::attach(trip).await?;
            Self { transport, attachment, carrier: Carrier::Socket(Box::new(socket)) }
        } else {
            let (body, attachment) = Body::attach(trip, transport).await?;
            Self { transport, attachment, carrier: Carrier::Body(Box::new(body)) }
        })
    }

    /// Carries frames until that ends.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: what was not taken will come again.
    pub(super) async fn carry(&mut self, trip: &Trip) -> Ended {
        match &mut self.carrier {
            Carrier::Socket(socket) => socket.carry(trip, &mut self.attachment).await,
            Carrier::Body(body) => body.carry(trip, &mut self.attachment).await,
        }
    }
}
