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

/// The file that is served on `path`.
pub(crate) fn find(path: &str) -> Option<Asset> {
    Some(match path {
        "/" => asset!(HTML, "index.html"),
        "/style.css" => asset!(CSS, "style.css"),
        "/app.js" => asset!(JS, "app.js"),
        "/chat.js" => asset!(JS, "chat.js"),
        "/dom.js" => asset!(JS, "dom.js"),
        "/firehose.js" => asset!(JS, "firehose.js"),
        "/hello.js" => asset!(JS, "hello.js"),
        "/lane.js" => asset!(JS, "lane.js"),
        "/plot.js" => asset!(JS, "plot.js"),
        "/reconnect.js" => asset!(JS, "reconnect.js"),
        "/terminal.js" => asset!(JS, "terminal.js"),
        _ => return None,
    })
}
