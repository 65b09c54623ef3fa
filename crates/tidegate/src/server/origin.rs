//! Which pages may connect (RFC 6455 §10.2): a browser names the origin of the page, and the server decides.

use std::fmt;
use std::sync::Arc;

use http::header::HOST;
use http::{HeaderMap, HeaderValue, Uri};

/// Which origins may open a connection. Programs outside browsers name none, and are always let through.
#[derive(Clone, Default)]
pub enum OriginPolicy {
    /// Only pages from the host and port that the request was sent to.
    #[default]
    SameOrigin,
    /// Pages from anywhere: right only where no cookie or network position gives a page any power. What is answered over
    /// HTTP to a request with a cookie or `Authorization` no page of another origin gets to see; who means that writes
    /// a [`Check`](Self::Check).
    Any,
    /// The same host, and these origins, written as browsers do: `https://app.example`.
    List(Vec<String>),
    /// Whatever the function says of the origin and the request's headers.
    Check(Arc<OriginCheck>),
}

/// Judges an origin by itself and the headers of its request.
pub type OriginCheck = dyn Fn(&HeaderValue, &HeaderMap) -> bool + Send + Sync;

impl OriginPolicy {
    /// Whether a request with these headers may open a connection.
    pub(crate) fn allows(&self, origin: Option<&HeaderValue>, headers: &HeaderMap) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Self::SameOrigin => is_same_host(origin, headers),
            Self::Any => true,
            Self::List(origins) => {
                is_same_host(origin, headers)
                    || origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
            }
            Self::Check(check) => check(origin, headers),
        }
    }
}

/// Host and port only: a proxy that ends TLS leaves no trace of the scheme in the request.
fn is_same_host(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
    match (host, origin.as_ref().and_then(Uri::authority)) {
        (Some(host), Some(authority)) => host.eq_ignore_ascii_case(authority.as_str()),
        _ => false,
    }
}

impl fmt::Debug for OriginPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameOrigin => f.write_str("SameOrigin"),
            Self::Any => f.write_str("Any"),
            Self::List(origins) => f.debug_tuple("List").field(origins).finish(),
            Self::Check(_) => f.write_str("Check"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &OriginPolicy, origin: Option<&'static str>, host: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
        policy.allows(origin.map(HeaderValue::from_static).as_ref(), &headers)
    }

    #[test]
    fn same_origin_is_the_default_and_compares_host_and_port() {
        let policy = OriginPolicy::default();
        assert!(allows(&policy, None, "a.example"));
        assert!(allows(&policy, Some("https://a.example"), "a.example"));
        assert!(allows(&policy, Some("http://A.example:8080"), "a.example:8080"));
        assert!(!allows(&policy, Some("http://a.example:8081"), "a.example:8080"));
        assert!(!allows(&policy, Some("https://evil.example"), "a.example"));
        assert!(!allows(&policy, Some("null"), "a.example"));
    }

    #[test]
    fn a_list_adds_to_the_same_origin() {
        let policy = OriginPolicy::List(vec!["https://app.example".into()]);
        assert!(allows(&policy, Some("https://app.example"), "a.example"));
        assert!(allows(&policy, Some("https://a.example"), "a.example"));
        assert!(!allows(&policy, Some("https://app.example.evil"), "a.example"));
    }

    #[test]
    fn a_function_decides_alone() {
        let policy = OriginPolicy::Check(Arc::new(|origin, _| origin == "https://x.example"));
        assert!(allows(&policy, Some("https://x.example"), "a.example"));
        assert!(!allows(&policy, Some("https://a.example"), "a.example"));
    }
}
