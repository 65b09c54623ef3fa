//! Pages of other origins: which may read, and send.

/// Pages of which origins may publish to channels and read them, and upload. Programs outside browsers name no origin, and are
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
pub(crate) enum Verdict {
    /// It names none, or that of this server.
    Own,
    /// It may read and send.
    Allowed(String),
    /// It may not.
    Foreign,
}

impl Origins {
    /// These origins beside the own one, written as browsers do; `*` stands for all.
    pub(crate) fn of(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins: Vec<String> = origins.into_iter().map(Into::into).collect();
        match origins.is_empty() {
            _ if origins.iter().any(|origin| origin == "*") => Self::Any,
            true => Self::Same,
            false => Self::List(origins),
        }
    }

    /// What is thought of a request that names this origin, and was sent to this host.
    pub(crate) fn judge(&self, origin: Option<&str>, host: &str) -> Verdict {
        let Some(origin) = origin else { return Verdict::Own };
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

    fn judge(origins: &Origins, origin: &str) -> Verdict {
        origins.judge(Some(origin), "h.example:8080")
    }

    #[test]
    fn the_same_host_is_always_let_in() {
        let list = Origins::List(vec!["https://app.example".into()]);
        for origins in [&Origins::Same, &Origins::Any, &list] {
            assert_eq!(origins.judge(None, "h.example:8080"), Verdict::Own);
            assert_eq!(judge(origins, "https://H.example:8080"), Verdict::Own);
        }
        for origin in ["http://h.example", "null", "https://evil.example", "https://app.example.evil"] {
            assert_eq!(judge(&Origins::Same, origin), Verdict::Foreign);
            assert_eq!(judge(&list, origin), Verdict::Foreign);
            assert_eq!(judge(&Origins::Any, origin), Verdict::Allowed("*".into()));
        }
        assert_eq!(judge(&list, "https://app.example"), Verdict::Allowed("https://app.example".into()));
    }
}
