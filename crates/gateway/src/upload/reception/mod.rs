//! Where requests come in, whatever has read them: who asks, whether a page may, and which protocol it is.
//!
//! ```text
//! Reception ─▶ principal (visitor) ─▶ front
//!     └──────▶ cors, download
//! ```

mod content;
mod cors;
mod download;
mod principal;
mod range;
mod visitor;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, LINK, LOCATION, ORIGIN, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use super::call::{Call, Interim, Scheme, Source};
use super::front;
use super::service::Uploads;
use super::store::{Owner, UploadId};
use crate::origins::{Origins, Verdict};
pub use content::Content;
use content::reason;
pub use principal::Principal;
use principal::{Identify, Refusal};

/// Answers requests on uploads: tus 1.0.0 and the IETF draft at `/uploads` and below, the tutorial's scheme at `/status`
/// and `/upload`. Clones are the same.
///
/// By default everybody may upload. Then the URL of an upload is all that one needs to go on with it, and to read it; the
/// tutorial's scheme, whose ids can be guessed, tells visitors apart by a cookie. Only pages of the same host, and
/// programs outside browsers, may send anything.
#[derive(Clone)]
pub struct Reception {
    uploads: Uploads,
    base: Arc<str>,
    status: Arc<str>,
    upload: Arc<str>,
    origins: Arc<Origins>,
    identify: Option<Arc<Identify>>,
}

/// What a path is for.
#[derive(Clone, Copy)]
struct Place<'a> {
    scheme: Scheme,
    id: Option<&'a str>,
}

/// The page of a file that is looked at does nothing, whatever is in it.
const NOTHING_RUNS: &str = "default-src 'none'; sandbox";

impl Reception {
    /// The usual paths, open for everybody.
    #[must_use]
    pub fn new(uploads: Uploads) -> Self {
        Self {
            uploads,
            base: "/uploads".into(),
            status: "/status".into(),
            upload: "/upload".into(),
            origins: Arc::default(),
            identify: None,
        }
    }

    /// The paths: of the uploads, without a slash at the end, and those of the tutorial's scheme. They are the ones that
    /// clients see, since answers name them, also where a router has cut off a beginning.
    #[must_use]
    pub fn paths(mut self, uploads: &str, status: &str, upload: &str) -> Self {
        self.base = uploads.trim_end_matches('/').into();
        self.status = status.into();
        self.upload = upload.into();
        self
    }

    /// Pages of these origins may upload too, written as browsers do: `https://app.example`; `*` stands for all. By
    /// default only pages of the same host may.
    #[must_use]
    pub fn allow_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins = Arc::new(Origins::of(origins));
        self
    }

    pub(crate) fn origins(mut self, origins: Origins) -> Self {
        self.origins = Arc::new(origins);
        self
    }

    /// Who asks is what `identify` says of a request's head; it may refuse, with the response to send. It is called for
    /// each request, but for preflights.
    #[must_use]
    pub fn principals<F>(mut self, identify: F) -> Self
    where
        F: Fn(&Parts) -> Result<Principal, Box<Response<Bytes>>> + Send + Sync + 'static,
    {
        self.identify = Some(Arc::new(identify));
        self
    }

    /// The uploads behind it.
    #[must_use]
    pub fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    /// Whether requests on this path are answered here.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        self.place(path).is_some()
    }

    fn place<'a>(&self, path: &'a str) -> Option<Place<'a>> {
        if path == &*self.status {
            return Some(Place { scheme: Scheme::Status, id: None });
        }
        if path == &*self.upload {
            return Some(Place { scheme: Scheme::Upload, id: None });
        }
        let rest = path.strip_prefix(&*self.base)?;
        let id = match rest.strip_prefix('/') {
            Some(id) => Some(id).filter(|id| !id.is_empty()),
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Place { scheme: Scheme::Resource, id })
    }

    /// Answers a request. The body is pulled as far as it is wanted: whoever serves the connection can tell from that
    /// whether it can be used for another request.
    pub async fn answer(
        &self,
        head: &Parts,
        body: &mut dyn Source,
        interim: Option<&mut dyn Interim>,
    ) -> Response<Content> {
        let origin = head.headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
        let verdict = self.origins.judge(origin, host(head));
        let mut response = match self.place(head.uri.path()) {
            None => reason(StatusCode::NOT_FOUND, "there is nothing here"),
            Some(_) if cors::is_preflight(head) => cors::preflight(&verdict),
            Some(_) if verdict == Verdict::Foreign && !is_harmless(&head.method) => {
                reason(StatusCode::FORBIDDEN, "pages of this origin may not upload here")
            }
            Some(place) => self.admit(head, place, body, interim).await,
        };
        let headers = response.headers_mut();
        cors::tell(headers, &verdict);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NOTHING_RUNS));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    }

    /// Finds out who asks.
    async fn admit(
        &self,
        head: &Parts,
        place: Place<'_>,
        body: &mut dyn Source,
        interim: Option<&mut dyn Interim>,
    ) -> Response<Content> {
        let asking = match self.asking(head, place) {
            Ok(asking) => asking,
            Err(refusal) => return refusal.into_response().map(Content::Bytes),
        };
        let mut response = self.serve(head, place, &asking.owner, body, interim).await;
        if let Some(cookie) = asking.cookie {
            response.headers_mut().append(http::header::SET_COOKIE, cookie);
        }
        response
    }

    async fn serve(
        &self,
        head: &Parts,
        place: Place<'_>,
        owner: &Owner,
        body: &mut dyn Source,
        interim: Option<&mut dyn Interim>,
    ) -> Response<Content> {
        let Place { scheme, id } = place;
        if let Some(id) = id.filter(|_| is_plain_get(head)).and_then(UploadId::parse)
            && let Some(response) = download::download(&self.uploads, owner, &id, head).await
        {
            return response;
        }
        // Shortens the life of what is behind the reference, which `Option` alone does not.
        let interim = interim.map(|interim| interim as &mut dyn Interim);
        let call = Call { head, scheme, owner, base: &self.base, id, body, interim };
        let response = front::answer(&self.uploads, call).await;
        let linked = self.linked(head, place, owner, &response).await;
        let mut response = response.map(Content::Bytes);
        if let Some(link) = linked {
            response.headers_mut().append(LINK, link);
        }
        response
    }

    /// The link to where others may follow the upload that an answer is about.
    async fn linked(
        &self,
        head: &Parts,
        place: Place<'_>,
        owner: &Owner,
        response: &Response<Bytes>,
    ) -> Option<HeaderValue> {
        let id = if let Some(id) = located(response.headers()) {
            id
        } else if !response.status().is_success() {
            return None;
        } else if place.scheme == Scheme::Resource {
            UploadId::parse(place.id?)?
        } else {
            let client_id = head.headers.get("x-file-id")?.as_bytes();
            self.uploads.chosen_id(owner, client_id).await.ok()?
        };
        let link = self.uploads.link(&id)?;
        HeaderValue::try_from(format!("<{link}>; rel=\"monitor\"")).ok()
    }

    /// Whose uploads a request may name.
    fn asking(&self, head: &Parts, place: Place<'_>) -> Result<principal::Asking, Refusal> {
        let principal = match &self.identify {
            Some(identify) => identify(head).map_err(Refusal::Theirs)?,
            None => Principal::Anyone,
        };
        match principal {
            Principal::Named(name) => Ok(principal::Asking::named(&name)),
            Principal::Anyone if place.scheme != Scheme::Resource => visitor::recognize(&head.headers),
            // Whoever knows the id, which cannot be guessed, may use it.
            Principal::Anyone => Ok(principal::Asking {
                owner: match place.id.and_then(UploadId::parse) {
                    Some(id) => id.owner(),
                    None => principal::anyone(),
                },
                cookie: None,
            }),
        }
    }
}

/// The upload that a response says where to find.
fn located(headers: &HeaderMap) -> Option<UploadId> {
    let location = headers.get(LOCATION)?.to_str().ok()?;
    UploadId::parse(location.rsplit('/').next()?)
}

/// HTTP/2 has the host in the target.
fn host(head: &Parts) -> &str {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or(head.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

/// Whether a request of a page changes nothing by itself. What it gets, a page of another origin cannot read.
fn is_harmless(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Whether a request asks for a file, and not in one of the protocols how an upload stands.
fn is_plain_get(head: &Parts) -> bool {
    let speaks = |name: &http::HeaderName| {
        let name = name.as_str();
        name.starts_with("upload-") || name.starts_with("tus-") || name == "x-http-method-override"
    };
    head.method == Method::GET && !head.headers.keys().any(speaks)
}
