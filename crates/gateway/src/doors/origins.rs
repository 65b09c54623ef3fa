//! Pages of other origins: which may publish and read.

use crate::front::Head;

/// Pages of which origins may publish to channels, and read them. Programs outside browsers name no origin, and are
/// always let through.
#[derive(Clone, Debug, Default)]
pub(crate) enum Origins {
    /// Only pages from the host and port that the request was sent to.
    #[default]
    Same,
    /// Pages from anywhere.
    Any,
    /// The same host, and these, written as browsers do.
    List(Vec<String>),
}

/// What is thought of the origin of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It names none, or that of this server.
    Own,
    /// It may read and publish.
    Allowed(String),
    /// It may not.
    Foreign,
}

impl Origins {
    pub(super) fn judge(&self, head: &Head<'_>) -> Verdict {
        let Some(origin) = head.header("origin") else { return Verdict::Own };
        let host = head.header("host").unwrap_or_default();
        // Host and port only: a proxy that ends TLS leaves no trace of the scheme in the request.
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        if authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) {
            return Verdict::Own;
        }
        match self {
            Self::Any => Verdict::Allowed("*".into()),
            Self::List(list) if list.iter().any(|allowed| allowed == origin) => {
                Verdict::Allowed(origin.into())
            }
            Self::Same | Self::List(_) => Verdict::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::with_head;

    fn judge(origins: &Origins, origin: &str) -> Verdict {
        let text = format!("GET / HTTP/1.1\r\nhost: h.example:8080\r\n{origin}\r\n");
        with_head(&text, |head| origins.judge(head))
    }

    #[test]
    fn the_same_host_is_always_let_in() {
        let list = Origins::List(vec!["https://app.example".into()]);
        for origins in [&Origins::Same, &Origins::Any, &list] {
            assert_eq!(judge(origins, ""), Verdict::Own);
            assert_eq!(judge(origins, "origin: https://H.example:8080\r\n"), Verdict::Own);
        }
        for origin in ["http://h.example", "null", "https://evil.example", "https://app.example.evil"] {
            let line = format!("origin: {origin}\r\n");
            assert_eq!(judge(&Origins::Same, &line), Verdict::Foreign);
            assert_eq!(judge(&list, &line), Verdict::Foreign);
            assert_eq!(judge(&Origins::Any, &line), Verdict::Allowed("*".into()));
        }
        let app = "origin: https://app.example\r\n";
        assert_eq!(judge(&list, app), Verdict::Allowed("https://app.example".into()));
    }
}
