//! Files that are given back: never as pages, whatever is in them.

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE,
};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use tidegate_proto::upload::Metadata;
use tokio::sync::mpsc;

use super::super::command::State;
use super::super::service::Uploads;
use super::super::store::{Owner, UploadId};
use super::content::{Content, reason};
use super::range::{Asked, asked};

/// How many pieces of a file wait for the client to take them.
const AHEAD: usize = 1;

/// The longest name of a file that is given back, in bytes of UTF-8; the rest is left out. Longer ones break file systems.
const MAX_NAME_BYTES: usize = 200;

/// A complete upload as a file. `None` when it is not complete, or cannot be had, which the protocols tell better.
pub(super) async fn download(
    uploads: &Uploads,
    owner: &Owner,
    id: &UploadId,
    head: &Parts,
) -> Option<Response<Content>> {
    let state = uploads.peek(owner, id).await.ok().filter(|state| state.record.is_complete)?;
    let range = head.headers.get(RANGE).and_then(|range| range.to_str().ok());
    let whole = state.offset;
    let (status, from, length) = match range.map_or(Asked::All, |range| asked(range, whole)) {
        Asked::All => (StatusCode::OK, 0, whole),
        Asked::Part { from, length } => (StatusCode::PARTIAL_CONTENT, from, length),
        Asked::Nothing => {
            let mut response = reason(StatusCode::RANGE_NOT_SATISFIABLE, "there is less than that");
            set(&mut response, CONTENT_RANGE, format!("bytes */{whole}"));
            return Some(response);
        }
    };
    let content = if length == 0 { Content::Bytes(Bytes::new()) } else { read(uploads, id, from, length) };
    let mut response = Response::new(content);
    *response.status_mut() = status;
    if status == StatusCode::PARTIAL_CONTENT {
        set(&mut response, CONTENT_RANGE, format!("bytes {from}-{}/{whole}", from + length - 1));
    }
    describe(&mut response, &state, length);
    Some(response)
}

fn describe(response: &mut Response<Content>, state: &State, length: u64) {
    let metadata = Metadata::parse(&state.record.metadata).ok();
    let name = metadata.as_ref().and_then(Metadata::file_name).unwrap_or_default();
    set(response, CONTENT_DISPOSITION, disposition(name));
    set(response, CONTENT_LENGTH, length.to_string());
    let headers = response.headers_mut();
    // What a client said of the type is not believed: a browser that is told nothing saves the file.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert("upload-complete", HeaderValue::from_static("?1"));
    headers.insert("upload-offset", HeaderValue::from(state.offset));
}

fn set(response: &mut Response<Content>, name: http::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// `Content-Disposition` of a file (RFC 6266). The name is percent-encoded, and what could be taken for a folder is not
/// there any more.
fn disposition(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    let (mut encoded, mut length) = (String::new(), 0);
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim_start_matches('.');
    for char in name.chars().filter(|char| !char.is_control()) {
        let mut bytes = [0; 4];
        let bytes = char.encode_utf8(&mut bytes).as_bytes();
        let part: String = bytes
            .iter()
            .map(|byte| if is_plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
            .collect();
        length += bytes.len();
        if length > MAX_NAME_BYTES {
            break;
        }
        encoded.push_str(&part);
    }
    if encoded.is_empty() {
        encoded.push_str("upload");
    }
    format!("attachment; filename*=UTF-8''{encoded}")
}

/// Reads ahead no more than a piece: a client that does not take it holds that, and nothing else.
fn read(uploads: &Uploads, id: &UploadId, from: u64, length: u64) -> Content {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let (uploads, id) = (uploads.clone(), id.clone());
    tokio::spawn(async move {
        let mut pieces = uploads.read(&id, from);
        let mut left = length;
        while left > 0
            && let Ok(place) = sender.reserve().await
        {
            let Some(piece) = pieces.next().await else { break };
            let piece = piece.map(|mut bytes| {
                bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                left -= bytes.len() as u64;
                bytes
            });
            if piece.is_err() {
                left = 0;
            }
            place.send(piece);
        }
    });
    Content::File { length, pieces: receiver }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name_and_nothing_else() {
        for (name, encoded) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a b.txt", "a%20b.txt"),
            ("ärger\".html", "%C3%A4rger%22.html"),
            ("a\r\nSet-Cookie: x", "aSet-Cookie%3A%20x"),
            (".bashrc", "bashrc"),
            ("..", "upload"),
            ("", "upload"),
        ] {
            assert_eq!(disposition(name), format!("attachment; filename*=UTF-8''{encoded}"));
        }
        let longest =
            |name: &str| disposition(&name.repeat(10_000)).replace("attachment; filename*=UTF-8''", "");
        assert_eq!(longest("ü"), "%C3%BC".repeat(MAX_NAME_BYTES / 2));
        assert_eq!(longest("x"), "x".repeat(MAX_NAME_BYTES));
    }
}
