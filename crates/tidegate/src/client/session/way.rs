//! Where a session's server is, and what every request to it says.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;
use url::Url;

use super::super::ClientBuilder;
use crate::http::url::{host, is_secure, port, request_target, set_parameters};
use crate::http::{ConnectOptions, InvalidUrl, redirect};
use crate::session::Transport;
use crate::websocket::WebSocketError;

/// Everything that a request needs but what it is about. A redirect makes another one.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// `ws` or `wss`, without credentials.
    pub(super) url: Url,
    /// What the application asked for; those of the opening handshake of a WebSocket are not among them.
    headers: HeaderMap,
    pub(super) connect: ConnectOptions,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    /// Parameters of docs/sessions.md, section 1.
    pub(super) parameters: Parameters,
    /// What answer is wanted, or what the body is.
    pub(super) type_name: HeaderName,
    pub(super) type_value: &'static str,
    pub(super) body: Bytes,
}

/// The content type of frames.
pub(super) const FRAMES: &str = "application/vnd.tidegate.v1";

/// The content type of event streams.
pub(super) const EVENTS: &str = "text/event-stream";

/// The names of all parameters that are a session's, so that they can be replaced.
const NAMES: [&str; 7] = ["transport", "session", "after", "wait", "from", "received", "protocols"];

pub(super) type Parameters = Vec<(&'static str, String)>;

impl Way {
    /// What a builder says, with the credentials of the URL among the headers.
    ///
    /// # Errors
    ///
    /// A URL or a proxy that cannot be asked for.
    pub(super) fn of(builder: &ClientBuilder) -> Result<Self, WebSocketError> {
        let (url, options) = builder.checked()?;
        let mut headers = options.headers;
        if let Some(origin) = options.origin {
            headers.insert(ORIGIN, origin);
        }
        Ok(Self { url, headers, connect: builder.connect.clone() })
    }

    /// The URL of a request, with the parameters that are its own.
    pub(super) fn url_with(&self, parameters: &Parameters) -> Url {
        set_parameters(&self.url, &NAMES, parameters)
    }

    /// The request, for HTTP/1.1 or HTTP/2.
    ///
    /// # Errors
    ///
    /// A target that is too long, now that it has parameters.
    pub(super) fn request(&self, ask: &Ask, is_http2: bool) -> Result<Request<Full<Bytes>>, InvalidUrl> {
        let url = self.url_with(&ask.parameters);
        let target = request_target(&url)?;
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        let authority = self.authority(headers);
        if is_http2 {
            headers.remove(HOST);
            let scheme = if is_secure(&url) { "https" } else { "http" };
            let whole = Uri::builder().scheme(scheme).authority(authority).path_and_query(target.to_string());
            *request.uri_mut() = whole.build().map_err(|_| InvalidUrl::LongTarget(url.as_str().len()))?;
            *request.version_mut() = Version::HTTP_2;
        } else {
            if let Ok(authority) = HeaderValue::from_str(&authority) {
                headers.insert(HOST, authority);
            }
            *request.uri_mut() = target;
        }
        let type_value = HeaderValue::from_static(ask.type_value);
        request.headers_mut().insert(ask.type_name.clone(), type_value);
        Ok(request)
    }

    fn authority(&self, headers: &HeaderMap) -> String {
        let named = headers.get(HOST).and_then(|host| host.to_str().ok());
        let default = if is_secure(&self.url) { 443 } else { 80 };
        match (named, port(&self.url)) {
            (Some(named), _) => named.to_owned(),
            (None, port) if port == default => host(&self.url).to_owned(),
            (None, port) => format!("{}:{port}", host(&self.url)),
        }
    }

    /// The way that a redirect shows: what was for this server alone stays here.
    pub(super) fn redirected(&self, location: &Url) -> Self {
        let mut way = self.clone();
        way.url = set_parameters(location, &NAMES, &Parameters::new());
        if !redirect::is_same_origin(&self.url, location) {
            redirect::strip(&mut way.headers);
            way.connect.tls = way.connect.tls.without_client_certificate();
        }
        way
    }

    /// A builder of WebSockets this way.
    pub(super) fn websocket(&self, builder: &ClientBuilder, parameters: &Parameters) -> ClientBuilder {
        let mut builder = builder.clone();
        builder.url = self.url_with(parameters).into();
        builder.handshake.headers = self.headers.clone();
        // Among the headers it would be there twice.
        builder.handshake.origin = builder.handshake.headers.remove(ORIGIN);
        builder.connect = self.connect.clone();
        builder.session = Some(parameters.clone());
        builder
    }
}

impl Ask {
    /// For an attachment.
    pub(super) fn attachment(transport: Transport, parameters: Parameters) -> Self {
        let type_value = if transport == Transport::EventStream { EVENTS } else { FRAMES };
        Self { method: Method::GET, parameters, type_name: ACCEPT, type_value, body: Bytes::new() }
    }

    /// For frames of the client.
    pub(super) fn post(parameters: Parameters, body: Bytes) -> Self {
        Self { method: Method::POST, parameters, type_name: CONTENT_TYPE, type_value: FRAMES, body }
    }
}

impl Ask {
    /// For the end of a session.
    pub(super) fn delete(session: String) -> Self {
        let parameters = vec![("session", session)];
        let method = Method::DELETE;
        Self { method, parameters, type_name: ACCEPT, type_value: FRAMES, body: Bytes::new() }
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;
    use crate::WebSocketStream;

    fn way(url: &str) -> Way {
        Way::of(&WebSocketStream::builder(url).origin(HeaderValue::from_static("https://o.example"))).unwrap()
    }

    fn asked() -> Ask {
        let parameters = vec![("transport", "sse".to_owned()), ("after", "7".to_owned())];
        Ask::attachment(Transport::EventStream, parameters)
    }

    #[test]
    fn a_request_has_the_parameters_of_both() {
        let request = way("https://u:p@h.example/chat?room=a%20b&after=3").request(&asked(), false).unwrap();
        assert_eq!(request.uri(), "/chat?room=a%20b&transport=sse&after=7");
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("host"), "h.example");
        assert_eq!(header("accept"), "text/event-stream");
        assert_eq!(header("origin"), "https://o.example");
        assert_eq!(header("authorization"), "Basic dTpw");
        let request = way("http://h.example:8080/").request(&asked(), true).unwrap();
        assert_eq!(request.uri(), "http://h.example:8080/?transport=sse&after=7");
        assert!(!request.headers().contains_key(HOST));
    }

    #[test]
    fn a_redirect_keeps_what_is_not_secret_and_no_parameters() {
        let here = way("https://u:p@h.example/chat?room=1");
        let to = |url: &str| here.redirected(&Url::parse(url).unwrap());
        let same = to("wss://h.example/other?session=x&room=2");
        assert_eq!(same.url.as_str(), "wss://h.example/other?room=2");
        assert!(same.headers.contains_key(AUTHORIZATION));
        let other = to("wss://other.example/?transport=sse");
        assert_eq!(other.url.as_str(), "wss://other.example/");
        assert!(!other.headers.contains_key(AUTHORIZATION) && other.headers.contains_key(ORIGIN));
    }
}
