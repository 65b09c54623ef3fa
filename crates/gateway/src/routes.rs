//! Which path gives what.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tidegate::{Acceptor, Refusal, Upgrading, WebSocketStream};
use tokio::sync::OwnedSemaphorePermit;

use crate::chat::Chat;
use crate::firehose::{LayError, Meters};
use crate::{assets, chat, echo, firehose, hello};

/// The page loads nothing from elsewhere, and talks to nobody else but the WebSockets of its host, which older
/// browsers do not take for `'self'`.
const CONTENT_POLICY: &str =
    "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; img-src 'self' data:";

/// The demo: its paths, and what stands behind them.
pub(crate) struct Routes {
    chat: Arc<Chat>,
    meters: Meters,
    chat_acceptor: Acceptor,
    echo_acceptor: Acceptor,
    firehose_acceptor: Acceptor,
    hello_acceptor: Acceptor,
}

type Answer = Response<Full<Bytes>>;

/// A place among the connections that there may be at a time.
type Slot = Arc<OwnedSemaphorePermit>;

impl Default for Routes {
    fn default() -> Self {
        Self {
            chat: Arc::default(),
            meters: Meters::default(),
            chat_acceptor: Acceptor::new().config(chat::config()),
            echo_acceptor: Acceptor::new(),
            firehose_acceptor: Acceptor::new().config(firehose::config()),
            hello_acceptor: Acceptor::new().config(hello::config()),
        }
    }
}

impl Routes {
    /// The response to a request. Where it opens a WebSocket, a task of its own goes on with that, and holds `slot`.
    pub(crate) async fn answer(&self, request: Request<Incoming>, slot: &Slot) -> Answer {
        let answer = match request.uri().path() {
            "/chat" => self.open_chat(request, slot).await,
            "/hello" => open(request, &self.hello_acceptor, slot, hello::greet).await,
            "/echo" => open(request, &self.echo_acceptor, slot, echo::echo).await,
            "/firehose" => self.open_firehose(request, slot).await,
            "/firehose/pushed" => Ok(read_only(&request, |request| self.pushed(request))),
            _ => Ok(read_only(&request, file)),
        };
        let mut response = answer.unwrap_or_else(|refusal| refusal.into_response().map(Full::from));
        let headers = response.headers_mut();
        set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(headers, CONTENT_SECURITY_POLICY, CONTENT_POLICY);
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        response
    }

    async fn open_chat(&self, request: Request<Incoming>, slot: &Slot) -> Result<Answer, Refusal> {
        let chat = self.chat.clone();
        open(request, &self.chat_acceptor, slot, |socket| chat::take_part(socket, chat)).await
    }

    async fn open_firehose(&self, request: Request<Incoming>, slot: &Slot) -> Result<Answer, Refusal> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let (response, opening) = judge(request, &self.firehose_acceptor, slot).await?;
        let order = firehose::Order::parse(&query)
            .map_err(|reason| Refusal::new(StatusCode::BAD_REQUEST, reason.to_string()))?;
        // Before the response is sent, so that whoever sees the socket open can ask how much was pushed.
        let meter =
            self.meters.lay(order.id).map_err(|error| Refusal::new(status_of(&error), error.to_string()))?;
        opening.start(move |socket| firehose::push(socket, order.size, meter));
        Ok(response)
    }

    fn pushed(&self, request: &Request<Incoming>) -> Answer {
        let id = match firehose::Order::parse(request.uri().query().unwrap_or_default()) {
            Ok(order) => order.id,
            Err(reason) => return plain(StatusCode::BAD_REQUEST, &reason.to_string()),
        };
        let Some(id) = id else { return plain(StatusCode::BAD_REQUEST, "id is missing") };
        let Some(reading) = self.meters.read(id) else {
            return plain(StatusCode::NOT_FOUND, "no hose has this id");
        };
        let mut response = respond(StatusCode::OK, "application/json", reading.to_json().into());
        set(response.headers_mut(), CACHE_CONTROL, "no-store");
        response
    }
}

/// Opens a WebSocket, and runs `handler` for it in a task of its own.
async fn open<F>(
    request: Request<Incoming>,
    acceptor: &Acceptor,
    slot: &Slot,
    handler: impl FnOnce(WebSocketStream) -> F + Send + 'static,
) -> Result<Answer, Refusal>
where
    F: Future<Output = ()> + Send,
{
    let (response, opening) = judge(request, acceptor, slot).await?;
    opening.start(handler);
    Ok(response)
}

/// A request that opens a WebSocket, once its response has been sent.
struct Opening {
    upgrading: Upgrading,
    slot: Slot,
}

async fn judge(
    mut request: Request<Incoming>,
    acceptor: &Acceptor,
    slot: &Slot,
) -> Result<(Answer, Opening), Refusal> {
    let (response, upgrading) = acceptor.upgrade(&mut request).await?;
    Ok((response.map(|()| Full::default()), Opening { upgrading, slot: slot.clone() }))
}

impl Opening {
    fn start<F>(self, handler: impl FnOnce(WebSocketStream) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        tokio::spawn(async move {
            let Self { upgrading, slot } = self;
            // A client that goes away before it has the response needs no socket.
            let Ok(socket) = upgrading.open().await else { return };
            handler(socket).await;
            drop(slot);
        });
    }
}

/// Answers GET and HEAD (for which the server leaves the body out); 405 to all else.
fn read_only(request: &Request<Incoming>, answer: impl FnOnce(&Request<Incoming>) -> Answer) -> Answer {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return answer(request);
    }
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here");
    set(response.headers_mut(), ALLOW, "GET, HEAD");
    response
}

fn file(request: &Request<Incoming>) -> Answer {
    match assets::find(request.uri().path()) {
        Some(asset) => respond(StatusCode::OK, asset.content_type, Bytes::from_static(asset.body)),
        None => plain(StatusCode::NOT_FOUND, "there is nothing here"),
    }
}

fn status_of(error: &LayError) -> StatusCode {
    match error {
        LayError::InUse => StatusCode::CONFLICT,
        LayError::Full => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn plain(status: StatusCode, reason: &str) -> Answer {
    respond(status, "text/plain; charset=utf-8", format!("{reason}\n").into())
}

fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    set(response.headers_mut(), CONTENT_TYPE, content_type);
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
