//! The WebSocket handlers of the tests, each by its path, answered with the library.

use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE, HeaderValue, ORIGIN, REFERER, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderName, Request, StatusCode};
use tidegate::{
    Acceptor, Admission, CloseOptions, Config, Message, Offer, Opened, OriginPolicy, Readable, Refusal,
    WebSocketStream, Writable,
};
use tokio::time::{Instant, sleep};

use super::farewell;
use super::gate::Gate;
use super::request::parameter;

/// Room for what the tests send, 20 MiB in one frame, and time for the handshake that takes 10 s.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;
const HANDSHAKE: Duration = Duration::from_secs(30);

/// How long a connection that is to be cut is left open.
const OPEN: Duration = Duration::from_secs(1);

/// What the tests mean by a farewell.
const GOODBYE: &str = "Goodbye";

/// Handlers without compression, which would hide the backpressure that they are about, or which is what they test;
/// so are those of [`HOLDING`], whose gate reads along.
const PLAIN: [&str; 4] = [
    "send-backpressure",
    "receive-backpressure",
    "receive-many-with-backpressure",
    "handshake_no_extensions",
];

/// Handlers that answer a Close late, or never.
const HOLDING: [&str; 2] = ["delayed-passive-close", "passive-close-abort"];

/// All handlers that [`run`] knows.
const KNOWN: [&str; 23] = [
    "echo",
    "echo_exit",
    "echo_close_data",
    "echo_raw",
    "delayed-passive-close",
    "passive-close-abort",
    "remote-close",
    "send-backpressure",
    "receive-backpressure",
    "receive-many-with-backpressure",
    "protocol",
    "protocol_array",
    "handshake_no_protocol",
    "handshake_no_extensions",
    "handshake_sleep_2",
    "sleep_10_v13",
    "empty-message",
    "echo-query",
    "echo-query_v13",
    "echo-cookie",
    "origin",
    "referrer",
    "basic_auth",
];

/// Handlers that only set cookies.
const COOKIES: [&str; 4] = ["set-cookie", "set-cookie_http", "set-cookie-secure", "set-cookies-samesite"];

/// Whether nothing may leave after the peer's Close before the handler says so.
pub(crate) fn holds(path: &str) -> bool {
    HOLDING.contains(&name(path))
}

/// The acceptor for a handler; [`any`] where the path is not known yet.
pub(crate) fn acceptor(path: &str) -> Acceptor {
    if PLAIN.contains(&name(path)) || holds(path) { without_deflate(any()) } else { any() }
}

/// The acceptor for a whole HTTP/2 connection, which does not know its paths beforehand.
pub(crate) fn acceptor_without_deflate() -> Acceptor {
    without_deflate(any())
}

fn config() -> Config {
    Config::default().max_message_bytes(MAX_MESSAGE_BYTES).max_frame_bytes(MAX_MESSAGE_BYTES)
}

fn without_deflate(acceptor: Acceptor) -> Acceptor {
    acceptor.config(config().deflate(None))
}

fn any() -> Acceptor {
    Acceptor::new()
        .config(config())
        .credits(tidegate::Credits::default().max_message(MAX_MESSAGE_BYTES))
        .origins(OriginPolicy::Any)
        .handshake_timeout(HANDSHAKE)
        .authorize_async(|request, offer| Box::pin(judge(request, offer)))
}

fn name(path: &str) -> &str {
    path.trim_start_matches('/')
}

/// The response to an opening handshake, and the time it takes.
async fn judge(request: &Request<()>, offer: &Offer) -> Result<Admission, Refusal> {
    let admission = Admission::new();
    let handler = name(request.uri().path());
    if COOKIES.contains(&handler) {
        return Ok(cookies(handler, request.uri().query().unwrap_or_default()));
    }
    if !KNOWN.contains(&handler) {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "no such handler"));
    }
    match handler {
        "handshake_sleep_2" => sleep(Duration::from_secs(2)).await,
        "sleep_10_v13" => sleep(Duration::from_secs(10)).await,
        // The name is foo, the password bar.
        "basic_auth" if request.headers().get(AUTHORIZATION) != Some(&CREDENTIALS) => {
            let realm = HeaderValue::from_static("Basic realm=\"camelot\"");
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "").header(WWW_AUTHENTICATE, realm));
        }
        _ => {}
    }
    let selected = match handler {
        "echo" => offer.protocols().iter().find(|protocol| *protocol == "echo"),
        "protocol" | "protocol_array" => offer.protocols().first(),
        _ => None,
    };
    Ok(selected.into_iter().fold(admission, Admission::protocol))
}

const CREDENTIALS: HeaderValue = HeaderValue::from_static("Basic Zm9vOmJhcg==");

fn cookies(handler: &str, query: &str) -> Admission {
    let lines = match handler {
        "set-cookie" => vec![format!("ws_test_{query}=test; Path=/")],
        "set-cookie_http" => vec![format!("ws_test_{query}=test; Path=/; HttpOnly")],
        "set-cookie-secure" => vec![format!("ws_test_{query}=test; Path=/; Secure")],
        _ => same_site_cookies(query),
    };
    let values = lines.iter().filter_map(|line| HeaderValue::from_str(line).ok());
    values.fold(Admission::new(), |admission, value| admission.header(SET_COOKIE, value))
}

fn same_site_cookies(query: &str) -> Vec<String> {
    let value = parameter(query, "value").unwrap_or_else(|| "1".to_owned());
    let end = if query.contains("clear") { "; Max-Age=0" } else { "" };
    let kinds = [
        ("unspecified", ""),
        ("lax", "; SameSite=Lax"),
        ("strict", "; SameSite=Strict"),
        ("none", "; SameSite=None; Secure"),
    ];
    kinds.map(|(kind, attributes)| format!("samesite-{kind}={value}; Path=/{attributes}{end}")).to_vec()
}

/// One open connection of a test, until its end. Without a gate (over HTTP/2) what needs one is left out.
pub(crate) async fn run(socket: WebSocketStream, gate: Option<Gate>) {
    let Ok(Opened { mut readable, mut writable, protocol, .. }) = socket.opened().await else { return };
    let Some(request) = socket.request() else { return };
    let query = request.uri().query().unwrap_or_default();
    let handler = name(request.uri().path());
    match handler {
        "echo" => echo(&mut readable, &mut writable).await,
        "echo_exit" | "echo_close_data" => listen(&mut readable).await,
        "echo_raw" => echo_raw(&mut readable, gate.as_ref()).await,
        "remote-close" => return remote_close(&socket, readable, writable, query, gate.as_ref()).await,
        "send-backpressure" => send_pressed(&mut writable).await,
        "receive-backpressure" => {
            sleep(Duration::from_secs(2)).await;
            let _ = readable.read().await;
        }
        "receive-many-with-backpressure" => receive_slowly(&mut readable, &mut writable).await,
        "delayed-passive-close" | "passive-close-abort" => listen(&mut readable).await,
        "empty-message" => {
            let is_empty = matches!(readable.read().await, Ok(Some(message)) if message == Message::from(""));
            let _ = writable.write(if is_empty { "pass" } else { "fail" }).await;
        }
        handler if tells(handler) => {
            let _ = writable.write(told(handler, request, &protocol)).await;
        }
        handler if COOKIES.contains(&handler) => listen(&mut readable).await,
        // The handshake was all.
        _ => {}
    }
    match (handler, gate) {
        ("delayed-passive-close", Some(gate)) => {
            sleep(Duration::from_secs(1)).await;
            gate.release();
        }
        ("passive-close-abort", Some(gate)) => gate.cut(),
        _ => {}
    }
    drop(writable);
    farewell::close(&socket, readable, 1000.into()).await;
}

/// Whether the handler only tells something of the request.
fn tells(handler: &str) -> bool {
    ["protocol", "protocol_array", "echo-query", "echo-query_v13", "echo-cookie", "origin", "referrer"]
        .contains(&handler)
}

fn told(handler: &str, request: &Request<()>, protocol: &str) -> String {
    let header = |name: HeaderName, otherwise: &str| {
        let value =
            request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        value.unwrap_or_else(|| otherwise.to_owned())
    };
    match handler {
        "protocol" | "protocol_array" => protocol.to_owned(),
        "echo-cookie" => header(COOKIE, "(none)"),
        "origin" => header(ORIGIN, ""),
        "referrer" => header(REFERER, "MISSING AS PER FETCH"),
        _ => request.uri().query().unwrap_or_default().to_owned(),
    }
}

fn is_goodbye(message: &Message) -> bool {
    message.as_text() == Some(GOODBYE)
}

/// Sends everything back, and leaves after a farewell.
async fn echo(readable: &mut Readable, writable: &mut Writable) {
    while let Ok(Some(message)) = readable.read().await {
        let is_last = is_goodbye(&message);
        if writable.write(message).await.is_err() || is_last {
            return;
        }
    }
}

/// Reads until the peer closes or says farewell.
async fn listen(readable: &mut Readable) {
    while let Ok(Some(message)) = readable.read().await {
        if is_goodbye(&message) {
            return;
        }
    }
}

/// Sends back as they are the bytes that each message holds: frames that the test has made itself.
async fn echo_raw(readable: &mut Readable, gate: Option<&Gate>) {
    let Some(gate) = gate else { return };
    while let Ok(Some(message)) = readable.read().await {
        if message.as_bytes() == b"exit" || gate.write(message.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Closes with what the query says, or drops the connection without a Close.
async fn remote_close(
    socket: &WebSocketStream,
    readable: Readable,
    mut writable: Writable,
    query: &str,
    gate: Option<&Gate>,
) {
    if let (Some(_), Some(gate)) = (parameter(query, "abrupt"), gate) {
        // So that this is no failed handshake: Firefox takes a while to open a connection that ends at once.
        let _ = writable.ping(b"ping");
        let _ = writable.flush().await;
        sleep(OPEN).await;
        gate.cut();
        return;
    }
    drop(writable);
    let code = parameter(query, "code").and_then(|code| code.parse::<u16>().ok());
    let reason = parameter(query, "reason").unwrap_or_default();
    let options = match code {
        Some(code) => CloseOptions::from((code, reason.as_str())),
        None => ().into(),
    };
    farewell::close(socket, readable, options).await;
}

const PRESSED_MESSAGES: usize = 16;
const PRESSED_BYTES: usize = 1 << 20;

/// Sends 16 MiB, and tells how many seconds the transport took to take it.
async fn send_pressed(writable: &mut Writable) {
    let _ = writable.write(Vec::new()).await;
    let begun = Instant::now();
    for _ in 0..PRESSED_MESSAGES {
        if writable.write(vec![b' '; PRESSED_BYTES]).await.is_err() || writable.flush().await.is_err() {
            return;
        }
    }
    let _ = writable.write(begun.elapsed().as_secs_f64().to_string()).await;
}

/// Takes a message every tenth of a second, and tells how long each is.
async fn receive_slowly(readable: &mut Readable, writable: &mut Writable) {
    loop {
        sleep(Duration::from_millis(100)).await;
        let Ok(Some(message)) = readable.read().await else { return };
        if writable.write(message.len().to_string()).await.is_err() {
            return;
        }
    }
}
