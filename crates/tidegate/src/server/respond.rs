//! One entry for all requests of connections, whatever carries them (docs/sessions.md).

use std::future::Future;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, HeaderName, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tidegate_proto::websocket::handshake::{ConnectProtocol, Refusal};
use tokio_util::task::TaskTracker;

use super::acceptor::Acceptor;
use super::handover::Waiting;
use super::{cors, hyper as upgrading};
use crate::connection::Connection;
use crate::http::{Asked, tune};
use crate::session::{Attached, Transport};
use crate::transport::{
    Body, Query, discard, event_stream, http_stream, last_event_id, long_poll, poll, post,
};

const POSITION: HeaderName = HeaderName::from_static("tidegate-position");

impl Acceptor {
    /// Answers a request of a [`Connection`], whatever carries it: a WebSocket of either kind, one of the other
    /// transports, a POST, or a browser's question whether it may. All requests of a connection go to one URL. `handler`
    /// runs for each connection that opens, in a task of its own.
    ///
    /// Only what opens a connection is asked of the hooks; whoever knows a session's id after that is its client. The
    /// [`origins`](Self::origins) hold for every request.
    ///
    /// The request comes from hyper 1.x or what stands on it, which must serve HTTP/1.1 `with_upgrades()`; see
    /// [`upgrade`](Self::upgrade) for HTTP/2. Give its HTTP/1.1 a `max_buf_size` of little more than a head, since the
    /// default lets 400 KiB of an answer wait in memory. Must be called on a tokio runtime.
    ///
    /// ```no_run
    /// # async fn example(acceptor: tidegate::Acceptor, request: hyper::Request<hyper::body::Incoming>) {
    /// let response = acceptor
    ///     .respond(request, &|connection: tidegate::Connection| async move {
    ///         let Ok(tidegate::Opened { readable, writable, .. }) = connection.opened().await else { return };
    ///         let _ = readable.pipe_to(writable).await;
    ///     })
    ///     .await;
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future answers nothing. What was opened or taken until then is there.
    pub async fn respond<B, H, F>(&self, request: Request<B>, handler: &H) -> Response<Body>
    where
        B: http_body::Body + Unpin,
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.respond_among(request, handler, &TaskTracker::new()).await
    }

    /// As [`respond`](Self::respond), with handlers that are some of the `tasks`.
    pub(super) async fn respond_among<B, H, F>(
        &self,
        mut request: Request<B>,
        handler: &H,
        tasks: &TaskTracker,
    ) -> Response<Body>
    where
        B: http_body::Body + Unpin,
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let pending = hyper::upgrade::on(&mut request);
        let (parts, mut body) = request.into_parts();
        let mut head = Request::from_parts(parts, ());
        let opens_websocket = opens_websocket(&head);
        upgrading::translate(&mut head);
        let judged = cors::judge(&self.settings.origins, head.headers());
        let page = judged.as_ref().ok().cloned().unwrap_or_default();
        let answer = match judged {
            Err(refusal) => Err(refusal),
            Ok(_) if opens_websocket => return self.open_websocket(head, pending, handler, tasks).await,
            Ok(_) => match *head.method() {
                Method::GET => self.attach(head, handler, tasks).await,
                Method::POST => self.take(head, &mut body).await,
                Method::DELETE => self.end(&head),
                Method::OPTIONS if head.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) => {
                    Ok(cors::preflight(head.headers()))
                }
                _ => {
                    Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "GET, POST and DELETE are served here")
                        .header(ALLOW, HeaderValue::from_static("GET, POST, DELETE, OPTIONS")))
                }
            },
        };
        let mut response = match answer {
            Ok(response) => response,
            Err(refusal) => {
                let response = refused(refusal);
                if response.status().is_client_error() {
                    discard(&mut body).await;
                }
                response
            }
        };
        cors::dress(response.headers_mut(), &page);
        response
    }

    /// Answers a WebSocket's opening handshake.
    async fn open_websocket<H, F>(
        &self,
        head: Request<()>,
        pending: OnUpgrade,
        handler: &H,
        tasks: &TaskTracker,
    ) -> Response<Body>
    where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        match self.judge_websocket(&head).await {
            Ok((response, waiting)) => {
                let (acceptor, handler, more) = (self.clone(), handler.clone(), tasks.clone());
                tokio::spawn(
                    async move { acceptor.hand_over(waiting, head, pending, &handler, &more).await },
                );
                response.map(|()| Body::default())
            }
            Err(refusal) => refusal.into_response().map(Body::from),
        }
    }

    /// Opens a WebSocket once hyper has sent the response.
    async fn hand_over<H, F>(
        &self,
        waiting: Waiting,
        head: Request<()>,
        pending: OnUpgrade,
        handler: &H,
        tasks: &TaskTracker,
    ) where
        H: Fn(Connection) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        // A client that went away before it had the response needs nothing.
        let Ok(upgraded) = pending.await else { return };
        let asked = Asked::request_of(head);
        match upgrading::bare(upgraded) {
            Ok((stream, already_read)) => {
                // Without these options the connection still works.
                let _ = tune(&stream);
                waiting.start(self, stream, already_read, asked, handler, tasks);
            }
            Err(upgraded) => {
                waiting.start(self, TokioIo::new(upgraded), Bytes::new(), asked, handler, tasks);
            }
        }
    }

    /// Answers a GET: an attachment, to a session that is there or to a new one.
    async fn attach<H, F>(
        &self,
        head: Request<()>,
        handler: &H,
        tasks: &TaskTracker,
    ) -> Result<Response<Body>, Refusal>
    where
        H: Fn(Connection) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut query = Query::of(head.uri()).map_err(invalid)?;
        let Some(transport) = query.transport.filter(|transport| *transport != Transport::WebSocket) else {
            return Err(Refusal::NotAnUpgrade);
        };
        if transport == Transport::EventStream
            && let Some((session, after)) = last_event_id(head.headers()).map_err(invalid)?
        {
            (query.session, query.after) = (Some(session), Some(after));
        }
        let opens = query.session.is_none();
        let (attached, headers) = match &query.session {
            Some(session) => (self.resume(transport, session, query.after)?, None),
            None => {
                let (headers, judged) = self.judge_opening(&head, &query).await?;
                let session = self.open_session(judged, Asked::request_of(head), handler, tasks)?;
                // A session that has just begun is at 0.
                let attached = Attached::to(session, transport, 0);
                (attached.map_err(super::sessions::NotResumed::from)?, Some(headers))
            }
        };
        let mut response = match transport {
            Transport::EventStream => event_stream(attached),
            Transport::LongPoll => long_poll(attached, query.wait).await,
            Transport::Poll => poll(attached, opens).await,
            _ => http_stream(attached),
        };
        for (name, value) in headers.iter().flatten() {
            response.headers_mut().append(name, value.clone());
        }
        Ok(response)
    }

    /// Answers a DELETE: the client does not want its session any more.
    fn end(&self, head: &Request<()>) -> Result<Response<Body>, Refusal> {
        let query = Query::of(head.uri()).map_err(invalid)?;
        if self.settings.sessions.end(named(&query)?) {
            return Ok(no_content());
        }
        Err(super::sessions::NotResumed::Unknown.into())
    }

    /// Answers a POST: a stretch of the client's flow, or an acknowledgement.
    async fn take<B>(&self, head: Request<()>, body: &mut B) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body + Unpin,
    {
        let query = Query::of(head.uri()).map_err(invalid)?;
        let session = self.session(named(&query)?)?;
        let posted = post(&self.settings.sessions, &session, &query, head.headers(), body).await;
        let mut response = match posted {
            Ok(()) => no_content(),
            Err(why) => {
                if why.cuts_the_body() {
                    discard(body).await;
                }
                let mut response = refused(Refusal::new(why.status(), why.to_string()));
                if let Some(seconds) = why.retry_after() {
                    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
                }
                response
            }
        };
        response.headers_mut().insert(POSITION, HeaderValue::from(session.position()));
        Ok(response)
    }
}

/// The session that a request names.
fn named(query: &Query) -> Result<&str, Refusal> {
    let missing = Refusal::new(StatusCode::BAD_REQUEST, "the parameter session is missing");
    query.session.as_deref().ok_or(missing)
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn invalid(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, error.to_string())
}

fn refused(refusal: Refusal) -> Response<Body> {
    let mut response = refusal.into_response().map(Body::from);
    if response.status() != StatusCode::UPGRADE_REQUIRED {
        // It is no WebSocket that was refused.
        response.headers_mut().remove(SEC_WEBSOCKET_VERSION);
    }
    response
}

/// Whether a request opens a WebSocket of whatever kind: a GET that asks for it, or an extended CONNECT.
pub(super) fn opens_websocket<B>(request: &Request<B>) -> bool {
    if *request.method() == Method::CONNECT {
        let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
        let protocol =
            protocol.or_else(|| request.extensions().get::<ConnectProtocol>().map(ConnectProtocol::as_str));
        return protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
    }
    let lines = request.headers().get_all(UPGRADE).into_iter();
    let mut offered = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    *request.method() == Method::GET
        && offered.any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}
