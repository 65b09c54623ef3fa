//! Which transport carries a session.

use std::future::Future;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::error::{Failed, TransportError};
use super::held::Held;
use super::lane::Lane;
use super::trip::Trip;
use super::way::Ask;
use crate::session::Transport;
use crate::websocket::NotResumed;

/// Why nothing carries a session.
#[derive(Debug)]
pub(super) enum Nothing {
    /// The session is lost.
    Lost(NotResumed),
    /// All failed, each in its way.
    All(Vec<(Transport, TransportError)>),
}

/// Tries transports in this order, the next one beside those under way when nothing has come of them for a while, or
/// at once when one has failed. The first that attaches wins, and the others are given up.
///
/// # Cancellation
///
/// Dropping the future gives up all tries.
pub(super) async fn choose(trip: &Trip, order: &[Transport]) -> Result<Held, Nothing> {
    race(trip, order).await.map(|(held, _)| held)
}

/// As [`choose`], for a session that is yet to be opened: each that is tried opens one. What comes with the winner waits
/// for the others, each for as long as a try may take, and ends what they have opened. Dropping it leaves that to the
/// server, which waits for a HELLO in vain (docs/sessions.md, section 5).
pub(super) async fn open<'a>(
    trip: &'a Trip,
    order: &[Transport],
) -> Result<(Held, impl Future<Output = ()> + use<'a>), Nothing> {
    let (held, mut others) = race(trip, order).await?;
    let disown = async move {
        while let Some((_, tried)) = others.next().await {
            if let Err(Failed::Late(session)) = tried {
                // If it fails, the session ends by itself.
                let _ = timeout(DISOWN_TIMEOUT, trip.send(&mut Lane::default(), &Ask::delete(session))).await;
            }
        }
    };
    Ok((held, disown))
}

/// How long the end of a session may take that nobody wants.
const DISOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The winner, and those that were still under way.
async fn race<'a>(
    trip: &'a Trip,
    order: &[Transport],
) -> Result<
    (Held, FuturesUnordered<impl Future<Output = (Transport, Result<Held, Failed>)> + use<'a>>),
    Nothing,
> {
    let mut waiting = order.iter().copied();
    let mut tries = FuturesUnordered::new();
    let mut failed = Vec::new();
    let mut next_at = Instant::now();
    loop {
        if Instant::now() >= next_at || tries.is_empty() {
            match waiting.next() {
                Some(transport) => {
                    tries.push(async move { (transport, Held::attach(trip, transport).await) });
                    next_at = Instant::now() + trip.pace.stagger;
                }
                None if tries.is_empty() => return Err(Nothing::All(failed)),
                None => {}
            }
        }
        let has_waiting = waiting.len() > 0;
        tokio::select! {
            Some((transport, tried)) = tries.next() => match tried {
                Ok(held) => return Ok((held, tries)),
                Err(Failed::Lost(lost)) => return Err(Nothing::Lost(lost)),
                Err(Failed::Transport(error)) => {
                    failed.push((transport, error));
                    next_at = Instant::now();
                }
                // There is none before somebody has won.
                Err(Failed::Late(_)) => {}
            },
            () = sleep_until(next_at), if has_waiting => {}
        }
    }
}

impl Nothing {
    /// Whether a server has answered that takes WebSockets, but keeps no sessions.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Lost(_) => false,
            Self::All(failed) => failed.iter().any(|(_, error)| matches!(error, TransportError::NoSessions)),
        }
    }

    /// Whether the same may work the next moment.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Lost(_) => false,
            Self::All(failed) => failed.iter().any(|(_, error)| error.is_passing()),
        }
    }

    /// Whether time enough was lost with it already.
    pub(super) fn has_taken_time(&self) -> bool {
        match self {
            Self::Lost(_) => false,
            Self::All(failed) => failed.iter().any(|(_, error)| matches!(error, TransportError::Silent(_))),
        }
    }

    /// Whether to try again at once, if that is not the second time.
    pub(super) fn is_bad_gateway(&self) -> bool {
        match self {
            Self::Lost(_) => false,
            Self::All(failed) => failed.iter().any(|(_, error)| error.is_bad_gateway()),
        }
    }
}
