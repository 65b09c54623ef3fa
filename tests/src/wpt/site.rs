//! The HTTP side: files of the folder, generated pages, and the few endpoints that the tests call.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::sleep;

use super::Inject;
use super::names::{Ports, substitute};
use super::request::{decode, parameter};
use super::wrappers::{self, ADAPTER, REPORT};

type Answer = Response<Full<Bytes>>;

/// What one lane serves by HTTP.
pub(crate) struct Site {
    root: PathBuf,
    inject: Option<Inject>,
    ports: Ports,
    /// What tests put down for each other, by key.
    stash: Mutex<HashMap<String, String>>,
}

/// More than the tests put down.
const MAX_STASHED: usize = 1024;

impl Site {
    pub(crate) fn new(root: &Path, inject: Option<Inject>, ports: Ports) -> Self {
        Self { root: root.to_path_buf(), inject, ports, stash: Mutex::default() }
    }

    /// The response to any request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        let query = request.uri().query().unwrap_or_default();
        if let Some(pipe) = parameter(query, "pipe") {
            sleep(delay(&pipe)).await;
        }
        let path = String::from_utf8_lossy(&decode(request.uri().path())).into_owned();
        let mut response = self.endpoint(&path, query, &request).unwrap_or_else(|| self.file(&path));
        let headers = response.headers_mut();
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(response)
    }

    /// What the tests have programs of the reference server for.
    fn endpoint(&self, path: &str, query: &str, request: &Request<Incoming>) -> Option<Answer> {
        let stash = || self.stash.lock().unwrap_or_else(PoisonError::into_inner);
        let key = || parameter(query, "key").unwrap_or_default();
        Some(match path {
            "/resources/testharnessreport.js" => text("text/javascript", REPORT),
            "/websockets/security/check.py" => {
                let is_there = request.headers().contains_key("sec-websocket-key");
                text("text/plain", if is_there { "FAIL" } else { "PASS" })
            }
            "/websockets/opening-handshake/resources/redirect_response.py" => {
                let mut response = status(StatusCode::MOVED_PERMANENTLY);
                response.headers_mut().insert(LOCATION, HeaderValue::from_static("/echo"));
                response
            }
            "/websockets/cookies/support/set-cookie.py" => {
                let mut response = text("text/plain", "");
                if let Ok(cookie) = HeaderValue::from_bytes(&decode(query)) {
                    response.headers_mut().insert(SET_COOKIE, cookie);
                }
                response
            }
            "/fetch/api/resources/stash-put.py" => {
                let mut stash = stash();
                if stash.len() < MAX_STASHED {
                    stash.insert(key(), parameter(query, "value").unwrap_or_default());
                }
                text("text/plain", "")
            }
            "/fetch/api/resources/stash-take.py" => {
                let taken = stash().remove(&key());
                text("application/json", &serde_json::Value::from(taken).to_string())
            }
            _ => return None,
        })
    }

    fn file(&self, path: &str) -> Answer {
        let relative = path.trim_start_matches('/');
        if let (Some(inject), Some(file)) = (&self.inject, path.strip_prefix("/__inject/")) {
            if path == ADAPTER {
                return text("text/javascript", &wrappers::adapter(&inject.module, &inject.settings));
            }
            return read(&inject.folder, file, None);
        }
        if let Some((kind, body)) = wrappers::find(&self.root, relative, self.inject.is_some()) {
            return text(kind, &body);
        }
        // The one file that the reference server serves under another name.
        let relative = if relative == "resources/WebIDLParser.js" {
            "resources/webidl2/lib/webidl2.js"
        } else {
            relative
        };
        read(&self.root, relative, Some(self.ports))
    }
}

/// A file below a folder, with the headers that a file beside it asks for, its placeholders filled in.
fn read(folder: &Path, relative: &str, ports: Option<Ports>) -> Answer {
    let relative = Path::new(relative);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return status(StatusCode::NOT_FOUND);
    }
    let path = folder.join(relative);
    let Ok(mut body) = fs::read(&path) else { return status(StatusCode::NOT_FOUND) };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let (true, Some(ports)) = (name.contains(".sub."), ports) {
        body = substitute(&String::from_utf8_lossy(&body), ports).into_bytes();
    }
    let mut response = Response::new(Full::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind(&name)));
    let extra = fs::read_to_string(path.with_file_name(format!("{name}.headers"))).unwrap_or_default();
    for (header, value) in extra.lines().filter_map(|line| line.split_once(':')) {
        if let (Ok(header), Ok(value)) =
            (header.trim().parse::<HeaderName>(), HeaderValue::from_str(value.trim()))
        {
            response.headers_mut().insert(header, value);
        }
    }
    response
}

/// Without a charset, since some tests are about what a page says of it.
fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html",
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "css" => "text/css",
        _ => "text/plain",
    }
}

fn text(kind: &'static str, body: &str) -> Answer {
    let mut response = Response::new(Full::from(body.to_owned()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn status(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// No pipe of these tests asks for more.
const MAX_DELAY: f64 = 10.0;

/// How long `trickle(d1)` waits. Of the pipes it is the only one here, with a delay as its only part.
fn delay(pipe: &str) -> Duration {
    let seconds = pipe.strip_prefix("trickle(d").and_then(|rest| rest.strip_suffix(')'));
    let seconds = seconds.and_then(|seconds| seconds.parse::<f64>().ok()).unwrap_or(0.0);
    Duration::from_secs_f64(seconds.clamp(0.0, MAX_DELAY))
}
