//! The requests of tus 1.0.0: core, creation, creation-defer-length, checksum, concatenation, termination.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use url::{Position, Url};

use super::lane::{Answer, Lane, Way};
use super::payload::Payload;
use super::trouble::Trouble;

/// A server, and what is said with every request.
#[derive(Clone)]
pub(super) struct Server {
    /// Where uploads are created.
    pub(super) url: Url,
    pub(super) way: Way,
    /// What the application adds, for the origin of `url` alone.
    pub(super) headers: HeaderMap,
}

/// An upload to create.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    /// How long it will be, where that is known.
    pub(super) length: Option<u64>,
    /// Whether it is to be joined with others.
    pub(super) is_part: bool,
    /// What it is called.
    pub(super) name: Option<&'a str>,
}

/// How an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
}

/// One request's worth of bytes.
pub(super) struct Chunk {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) payload: Payload,
    /// As `Upload-Checksum` has it.
    pub(super) checksum: Option<String>,
    /// The length of the whole, where it has become known only now.
    pub(super) length: Option<u64>,
}

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const OFFSET_TYPE: HeaderValue = HeaderValue::from_static("application/offset+octet-stream");

/// The longest that a server may have this client wait.
const MAX_WAIT: Duration = Duration::from_secs(60);

impl Server {
    /// Creates an upload, and gives its URL.
    pub(super) async fn create(&self, lane: &mut Lane, plan: Plan<'_>) -> Result<Url, Trouble> {
        let mut headers = HeaderMap::new();
        match plan.length {
            Some(length) => headers.insert(UPLOAD_LENGTH, length.into()),
            None => headers.insert(UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
        };
        if plan.is_part {
            headers.insert(UPLOAD_CONCAT, HeaderValue::from_static("partial"));
        }
        add_name(&mut headers, plan.name)?;
        let answer = self.ask(lane, Method::POST, &self.url, headers).await?;
        self.created(&answer)
    }

    /// Joins complete parts, and gives the URL of the whole.
    pub(super) async fn join(
        &self,
        lane: &mut Lane,
        parts: &[Url],
        name: Option<&str>,
    ) -> Result<Url, Trouble> {
        // As paths, which is what servers compare.
        let parts: Vec<_> = parts
            .iter()
            .map(|part| {
                if part.origin() == self.url.origin() { &part[Position::BeforePath..] } else { part.as_str() }
            })
            .collect();
        let mut headers = HeaderMap::new();
        headers.insert(UPLOAD_CONCAT, value(format!("final;{}", parts.join(" ")))?);
        add_name(&mut headers, name)?;
        let answer = self.ask(lane, Method::POST, &self.url, headers).await?;
        self.created(&answer)
    }

    /// How an upload stands.
    pub(super) async fn look(&self, lane: &mut Lane, upload: &Url) -> Result<Standing, Trouble> {
        let answer = self.ask(lane, Method::HEAD, upload, HeaderMap::new()).await?;
        if !answer.status.is_success() {
            return Err(refusal("tell how much it has", &answer));
        }
        let offset = number(&answer.headers, &UPLOAD_OFFSET)
            .ok_or_else(|| Trouble::Refused("the server does not tell how much it has".to_owned()))?;
        Ok(Standing { offset, length: number(&answer.headers, &UPLOAD_LENGTH) })
    }

    /// Sends bytes, and gives how many of the upload the server has then.
    pub(super) async fn append(
        &self,
        lane: &mut Lane,
        upload: &Url,
        chunk: Chunk,
        moved: &AtomicU64,
    ) -> Result<u64, Trouble> {
        let Chunk { offset, bytes, payload, checksum, length } = chunk;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, OFFSET_TYPE);
        headers.insert(UPLOAD_OFFSET, offset.into());
        if let Some(length) = length {
            headers.insert(UPLOAD_LENGTH, length.into());
        }
        if let Some(checksum) = checksum {
            headers.insert(UPLOAD_CHECKSUM, value(checksum)?);
        }
        let request = self.request(Method::PATCH, upload, headers, payload)?;
        let answer = lane.send(&self.way, upload, request, moved).await?;
        if !answer.status.is_success() {
            return Err(refusal("take the bytes", &answer));
        }
        match number(&answer.headers, &UPLOAD_OFFSET) {
            Some(now) if (offset..=offset + bytes).contains(&now) => Ok(now),
            Some(now) => Err(Trouble::Refused(format!(
                "the server has {now} bytes after {bytes} were sent from {offset} on"
            ))),
            None => Err(Trouble::passing("the server does not tell how much it has taken")),
        }
    }

    /// Removes an upload.
    pub(super) async fn remove(&self, lane: &mut Lane, upload: &Url) -> Result<(), Trouble> {
        let answer = self.ask(lane, Method::DELETE, upload, HeaderMap::new()).await?;
        if answer.status.is_success() { Ok(()) } else { Err(refusal("remove the upload", &answer)) }
    }

    fn created(&self, answer: &Answer) -> Result<Url, Trouble> {
        match answer.status {
            StatusCode::CREATED => {}
            // What is not there where uploads are created was never an upload.
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => {
                return Err(Trouble::Refused(format!(
                    "no uploads are taken at {}: {}",
                    self.url,
                    said(answer)
                )));
            }
            _ => return Err(refusal("create the upload", answer)),
        }
        let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let url = location.and_then(|location| self.url.join(location).ok());
        let url = url.ok_or_else(|| {
            Trouble::Refused("the server has created an upload, and does not tell where".to_owned())
        })?;
        let is_safe = match self.url.scheme() {
            "https" => url.scheme() == "https",
            _ => matches!(url.scheme(), "http" | "https"),
        };
        if is_safe { Ok(url) } else { Err(Trouble::Refused(format!("the server leads to {url}"))) }
    }

    async fn ask(
        &self,
        lane: &mut Lane,
        method: Method,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Answer, Trouble> {
        let request = self.request(method, url, headers, Payload::empty())?;
        lane.send(&self.way, url, request, &Arc::default()).await
    }

    fn request(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        payload: Payload,
    ) -> Result<Request<Payload>, Trouble> {
        let mut request = Request::new(payload);
        *request.method_mut() = method;
        *request.uri_mut() = url[Position::BeforePath..Position::AfterQuery]
            .parse()
            .map_err(|_| Trouble::Refused(format!("{url} is not an address")))?;
        *request.headers_mut() = headers;
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        request.headers_mut().insert(HOST, value(authority.to_owned())?);
        request.headers_mut().insert(TUS_RESUMABLE, VERSION);
        if url.origin() == self.url.origin() {
            for (name, value) in &self.headers {
                request.headers_mut().append(name, value.clone());
            }
        }
        Ok(request)
    }
}

/// Why a server did not do what it was asked.
fn refusal(what: &str, answer: &Answer) -> Trouble {
    let why = format!("the server did not {what}: {}", said(answer));
    match answer.status.as_u16() {
        404 | 410 => Trouble::Gone(why),
        412 => Trouble::Refused(format!("{why} (it does not speak tus 1.0.0)")),
        // 460 is a checksum that does not agree; what was sent is sent again.
        408 | 409 | 423 | 425 | 429 | 460 | 500 | 502..=504 | 506 | 508..=599 => {
            Trouble::Passing { why, wait: wait(&answer.headers) }
        }
        _ => Trouble::Refused(why),
    }
}

fn said(answer: &Answer) -> String {
    let status = answer.status.to_string().replace(" <unknown status code>", "");
    let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
    match location.filter(|_| answer.status.is_redirection()) {
        Some(location) => format!("{status}, to {location}"),
        None if answer.reason.is_empty() => status,
        None => format!("{status}, {}", answer.reason),
    }
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn add_name(headers: &mut HeaderMap, name: Option<&str>) -> Result<(), Trouble> {
    if let Some(name) = name {
        headers.insert(UPLOAD_METADATA, value(format!("filename {}", BASE64.encode(name)))?);
    }
    Ok(())
}

fn value(text: String) -> Result<HeaderValue, Trouble> {
    HeaderValue::try_from(text)
        .map_err(|_| Trouble::Refused("what is to be said does not fit a header".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        let way = Way { tls: tidegate::ClientTls::default(), silence: Duration::from_secs(1) };
        Server { url: url.parse().unwrap(), way, headers: HeaderMap::new() }
    }

    fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            reason: String::new(),
        }
    }

    #[test]
    fn what_passes_is_tried_again() {
        for status in [408, 409, 423, 429, 460, 500, 502, 503, 504] {
            assert!(
                matches!(refusal("x", &answer(status, &[])), Trouble::Passing { wait: None, .. }),
                "{status}"
            );
        }
        for status in [301, 400, 401, 403, 412, 413, 415, 501, 507] {
            assert!(matches!(refusal("x", &answer(status, &[])), Trouble::Refused(_)), "{status}");
        }
        for status in [404, 410] {
            assert!(matches!(refusal("x", &answer(status, &[])), Trouble::Gone(_)), "{status}");
        }
        let Trouble::Passing { wait, .. } = refusal("x", &answer(503, &[("retry-after", "7")])) else {
            panic!()
        };
        assert_eq!(wait, Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_location_is_relative_to_where_it_was_created() {
        let server = server("https://host.example:8443/files/?team=a");
        let of = |location| server.created(&answer(201, &[("location", location)]));
        assert_eq!(of("/uploads/1").unwrap().as_str(), "https://host.example:8443/uploads/1");
        assert_eq!(of("2").unwrap().as_str(), "https://host.example:8443/files/2");
        assert_eq!(of("https://cdn.example/3").unwrap().as_str(), "https://cdn.example/3");
        assert!(matches!(of("http://host.example/4"), Err(Trouble::Refused(_))));
        assert!(matches!(of("data:,5"), Err(Trouble::Refused(_))));
        assert!(matches!(server.created(&answer(201, &[])), Err(Trouble::Refused(_))));
        assert!(matches!(server.created(&answer(404, &[])), Err(Trouble::Refused(_))));
    }

    #[test]
    fn what_the_application_adds_stays_with_its_origin() {
        let mut server = server("https://host.example/files");
        server.headers.insert("authorization", HeaderValue::from_static("secret"));
        let headers = |url: &str| {
            let request =
                server.request(Method::HEAD, &url.parse().unwrap(), HeaderMap::new(), Payload::empty());
            request.unwrap().headers().clone()
        };
        let own = headers("https://host.example/files/1?x=y");
        assert_eq!(
            (&own["authorization"], &own["host"]),
            (&"secret".parse().unwrap(), &"host.example".parse().unwrap())
        );
        let other = headers("https://cdn.example:81/files/1");
        assert_eq!((other.get("authorization"), &other["host"]), (None, &"cdn.example:81".parse().unwrap()));
    }
}
