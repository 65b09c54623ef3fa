//! The files of the page, which are part of the binary.

/// One file, as it is sent.
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    pub(crate) body: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($content_type:expr, $file:literal) => {
        Asset { content_type: $content_type, body: include_bytes!(concat!("../assets/", $file)) }
    };
}

macro_rules! package {
    ($($file:literal,)*) => {
        &[$(($file, include_bytes!(concat!("../assets/tidegate/", $file)).as_slice())),*]
    };
}

/// The browser package, served below `/tidegate/`: the very sources of `clients/js/src`.
const PACKAGE: &[(&str, &[u8])] = package![
    "connection.js",
    "connection/again.js",
    "connection/attempt.js",
    "connection/lifecycle.js",
    "connection/line.js",
    "connection/memory.js",
    "connection/options.js",
    "connection/over_session.js",
    "connection/race.js",
    "connection/timers.js",
    "credits/assembler.js",
    "credits/deadlines.js",
    "credits/end.js",
    "credits/frame.js",
    "credits/greeting.js",
    "credits/machine.js",
    "credits/round_trip.js",
    "credits/sender.js",
    "credits/varint.js",
    "credits/violation.js",
    "credits/window.js",
    "deferred.js",
    "index.js",
    "platform.js",
    "session/frames.js",
    "session/incoming.js",
    "session/machine.js",
    "session/replay.js",
    "stream.js",
    "transport/attachment.js",
    "transport/backoff.js",
    "transport/event_stream.js",
    "transport/http_stream.js",
    "transport/long_poll.js",
    "transport/names.js",
    "transport/places.js",
    "transport/poll.js",
    "transport/post.js",
    "transport/request.js",
    "transport/websocket.js",
    "upload.js",
    "upload/alone.js",
    "upload/error.js",
    "upload/options.js",
    "upload/part.js",
    "upload/patience.js",
    "upload/progress.js",
    "upload/request.js",
    "upload/store.js",
    "upload/task.js",
    "upload/tus.js",
    "websocket/carrier.js",
    "websocket/carrier/classic.js",
    "websocket/carrier/credited.js",
    "websocket/carrier/native.js",
    "websocket/carrier/over_websocket.js",
    "websocket/choice.js",
    "websocket/chunk.js",
    "websocket/close_info.js",
    "websocket/error.js",
    "websocket/link.js",
    "websocket/options.js",
    "websocket/outlet.js",
    "websocket/protocols.js",
    "websocket/readable.js",
    "websocket/stream.js",
    "websocket/turn.js",
    "websocket/url.js",
    "websocket/writable.js",
];

/// The file that is served on `path`.
pub(crate) fn find(path: &str) -> Option<Asset> {
    if let Some(name) = path.strip_prefix("/tidegate/") {
        let (_, body) = PACKAGE.iter().find(|(file, _)| *file == name)?;
        return Some(Asset { content_type: JS, body });
    }
    Some(match path {
        "/" => asset!(HTML, "index.html"),
        "/style.css" => asset!(CSS, "style.css"),
        "/app.js" => asset!(JS, "app.js"),
        "/chat.js" => asset!(JS, "chat.js"),
        "/chosen.js" => asset!(JS, "chosen.js"),
        "/dom.js" => asset!(JS, "dom.js"),
        "/firehose.js" => asset!(JS, "firehose.js"),
        "/hello.js" => asset!(JS, "hello.js"),
        "/kept.js" => asset!(JS, "kept.js"),
        "/lane.js" => asset!(JS, "lane.js"),
        "/links.js" => asset!(JS, "links.js"),
        "/tutorial.html" => asset!(HTML, "tutorial.html"),
        "/tutorial.js" => asset!(JS, "tutorial.js"),
        "/tutorial-upload.html" => asset!(HTML, "tutorial-upload.html"),
        "/tutorial-upload.js" => asset!(JS, "tutorial-upload.js"),
        "/upload.html" => asset!(HTML, "upload.html"),
        "/upload.css" => asset!(CSS, "upload.css"),
        "/upload.js" => asset!(JS, "upload.js"),
        "/upload_row.js" => asset!(JS, "upload_row.js"),
        "/progress_bar.js" => asset!(JS, "progress_bar.js"),
        "/viewer.js" => asset!(JS, "viewer.js"),
        "/plot.js" => asset!(JS, "plot.js"),
        "/reconnect.js" => asset!(JS, "reconnect.js"),
        "/terminal.js" => asset!(JS, "terminal.js"),
        _ => return None,
    })
}
