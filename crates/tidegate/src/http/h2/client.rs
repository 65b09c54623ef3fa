//! The client's end of an HTTP/2 connection (RFC 9113, RFC 8441).

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::h2::client::{Connection, SendRequest};
use ::h2::{Ping, PingPong};
use bytes::Bytes;
use http::{Request, Response};
use tidegate_proto::websocket::handshake::ConnectProtocol;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, SetOnce};
use tokio::time::{Instant, timeout};

use super::backlog::Backlog;
use super::error::Http2Error;
use super::io::Http2Io;
use super::paced::Paced;
use super::seats::{Seat, Seats};
use super::settings::Http2;

/// How long an answer may take before a connection is under suspicion.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long saying goodbye may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection that many streams share.
pub(super) struct Carrier {
    /// `None` once no new stream can be opened.
    request: Mutex<Option<SendRequest<Bytes>>>,
    seats: Arc<Seats>,
    backlog: Arc<Backlog>,
    limit: usize,
    /// Whether the server takes extended CONNECTs; false too where it does not speak HTTP/2 at all.
    is_welcome: SetOnce<bool>,
    freed: Arc<Notify>,
}

impl Carrier {
    /// Begins to speak HTTP/2 on `io`, in a task of its own, and waits for the settings of the server. `None` when
    /// they do not allow extended CONNECT (RFC 8441 §3), or when none come. `freed` is told when there is room again.
    pub(super) async fn connect<T>(
        io: T,
        settings: &Http2,
        header_bytes: usize,
        freed: Arc<Notify>,
    ) -> Option<Arc<Self>>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let handshake = settings.client(header_bytes).handshake(Paced::new(io));
        let (request, connection) = handshake.await.ok()?;
        let carrier = Arc::new(Self {
            request: Mutex::new(Some(request)),
            seats: Seats::new(freed.clone()),
            backlog: Backlog::new(),
            limit: settings.streams() as usize,
            is_welcome: SetOnce::new(),
            freed,
        });
        tokio::spawn(drive(connection, carrier.clone(), settings.idle()));
        let wanted = Wanted { carrier: Some(carrier) };
        wanted.keep_if_welcome().await
    }

    fn request(&self) -> MutexGuard<'_, Option<SendRequest<Bytes>>> {
        // Nothing panics under this lock.
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self) -> bool {
        self.request().is_some()
    }

    /// Opens no further streams. Those that are open go on.
    pub(super) fn retire(&self) {
        let request = self.request().take();
        drop(request);
    }

    /// Whether no stream is open.
    pub(super) fn is_unused(&self) -> bool {
        self.seats.are_all_free()
    }

    /// A place for one more stream, if there is one.
    pub(super) fn place(self: &Arc<Self>) -> Option<Place> {
        let held = self.request();
        let request = held.as_ref()?.clone();
        let seat = self.seats.take(self.limit.min(request.current_max_send_streams()))?;
        drop(held);
        Some(Place { request, seat, carrier: self.clone() })
    }
}

/// Room for one stream on a connection.
pub(crate) struct Place {
    request: SendRequest<Bytes>,
    seat: Seat,
    carrier: Arc<Carrier>,
}

impl Place {
    /// Asks the server, and returns its answer with the stream behind it. Where the answer is not the wanted one,
    /// drop the stream.
    ///
    /// # Cancellation
    ///
    /// Dropping the future resets the stream with CANCEL.
    pub(crate) async fn open(self, request: Request<()>) -> Result<(Response<()>, Http2Io), Http2Error> {
        let Self { request: mut sender, seat, carrier } = self;
        let mut doubt = Doubt { carrier: &carrier, since: Some(Instant::now()) };
        let result = ask(&mut sender, request).await;
        doubt.since = None;
        drop(doubt);
        drop(sender);
        match result {
            Ok((response, outgoing)) => {
                let (head, incoming) = response.into_parts();
                let io = Http2Io::new(incoming, outgoing, carrier.backlog.clone(), Some(seat));
                Ok((Response::from_parts(head, ()), io))
            }
            Err(error) => {
                if error.is_retriable() && !matches!(error, Http2Error::Reset { .. }) {
                    carrier.retire();
                }
                Err(error)
            }
        }
    }
}

/// Retires a connection when a request on it is given up after a while without an answer: it may be dead.
struct Doubt<'a> {
    carrier: &'a Carrier,
    since: Option<Instant>,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if self.since.is_some_and(|since| since.elapsed() > PATIENCE) {
            self.carrier.retire();
        }
    }
}

async fn ask(
    sender: &mut SendRequest<Bytes>,
    mut request: Request<()>,
) -> Result<(Response<::h2::RecvStream>, ::h2::SendStream<Bytes>), Http2Error> {
    if let Some(protocol) = request.extensions_mut().remove::<ConnectProtocol>() {
        request.extensions_mut().insert(::h2::ext::Protocol::from(protocol.as_str()));
    }
    poll_fn(|cx| sender.poll_ready(cx)).await?;
    let (response, outgoing) = sender.send_request(request, false)?;
    Ok((response.await?, outgoing))
}

/// The task of a connection.
async fn drive<T>(mut connection: Connection<Paced<T>, Bytes>, carrier: Arc<Carrier>, idle: Duration)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // Dropped with the task, however that ends.
    let end = End(carrier);
    let carrier = &end.0;
    let mut settings = Settings { pings: connection.ping_pong(), is_asked: false };
    let mut turn = pin!(poll_fn(|cx| {
        carrier.backlog.stash();
        let ended = std::pin::Pin::new(&mut connection).poll(cx);
        settings.look(carrier, cx);
        ended
    }));
    loop {
        tokio::select! {
            biased;
            // However it ended, the streams have been told.
            _ = &mut turn => return,
            () = carrier.seats.free_for(idle) => {
                // Under the lock that places are given out under, so that none is in use now.
                let mut request = carrier.request();
                if carrier.is_unused() {
                    drop(request.take());
                    break;
                }
            }
        }
    }
    // With the last handle gone, h2 sends a GOAWAY and ends.
    let _ = timeout(FAREWELL, turn).await;
}

/// Waits for the server's settings: they come before its answer to a ping (RFC 9113 §3.4).
struct Settings {
    pings: Option<PingPong>,
    is_asked: bool,
}

impl Settings {
    fn look(&mut self, carrier: &Carrier, cx: &mut std::task::Context<'_>) {
        let Some(pings) = self.pings.as_mut() else { return };
        if !std::mem::replace(&mut self.is_asked, true) {
            // The first ping of a connection, so none is under way.
            let _ = pings.send_ping(Ping::opaque());
            cx.waker().wake_by_ref();
        }
        let is_welcome =
            carrier.request().as_ref().is_some_and(SendRequest::is_extended_connect_protocol_enabled);
        if is_welcome || pings.poll_pong(cx).is_ready() {
            // Set once, since the pings go with it.
            let _ = carrier.is_welcome.set(is_welcome);
            self.pings = None;
        }
    }
}

/// A connection that ends when this is dropped, unless it is kept.
struct Wanted {
    carrier: Option<Arc<Carrier>>,
}

impl Wanted {
    async fn keep_if_welcome(mut self) -> Option<Arc<Carrier>> {
        let is_welcome = *self.carrier.as_ref()?.is_welcome.wait().await;
        if is_welcome { self.carrier.take() } else { None }
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        if let Some(carrier) = &self.carrier {
            carrier.retire();
        }
    }
}

/// The end of a connection's task.
struct End(Arc<Carrier>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.retire();
        self.0.backlog.close();
        // Fails where it is known already.
        let _ = self.0.is_welcome.set(false);
        self.0.freed.notify_one();
    }
}
