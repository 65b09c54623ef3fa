//! How a session fails (docs/sessions.md).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tidegate_proto::session::Violation;

/// Why a session did not go on. What was written and not acknowledged may or may not have arrived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotResumed {
    /// The server does not have it, or not any more: it was restarted, or the session has expired.
    #[error("the server does not have it{}", suffix(.0))]
    Gone(String),
    /// The server has it, but not what comes next.
    #[error("the server cannot go on from where it stopped{}", suffix(.0))]
    PositionGone(String),
    /// Nothing could carry it for as long as the server keeps it.
    #[error("nothing could carry it for {0:?}")]
    Expired(Duration),
    /// The server broke a rule of sessions.
    #[error("the server broke the protocol: {0}")]
    Broken(Violation),
    /// The budget of so many bytes was exhausted, and this session was the one that held the most of it.
    #[error("the budget of {0} bytes is exhausted")]
    BudgetExhausted(usize),
    /// The server refused what was sent for good.
    #[error("the server refused what was sent with status {status}{}", suffix(.reason))]
    Refused {
        /// The status of its answer.
        status: u16,
        /// The one line that came with it.
        reason: String,
    },
}

fn suffix(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// Every transport that was tried failed.
#[derive(Debug)]
pub struct NoTransport {
    tried: Vec<(&'static str, Box<dyn Error + Send + Sync>)>,
}

impl NoTransport {
    #[cfg(any(test, feature = "sessions"))]
    pub(crate) fn new(tried: Vec<(&'static str, Box<dyn Error + Send + Sync>)>) -> Self {
        Self { tried }
    }

    /// What was tried, by its name in docs/sessions.md, and how each failed.
    pub fn tried(&self) -> impl Iterator<Item = (&'static str, &(dyn Error + Send + Sync + 'static))> {
        self.tried.iter().map(|(name, error)| (*name, &**error))
    }
}

impl fmt::Display for NoTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no transport works")?;
        for (index, (name, error)) in self.tried.iter().enumerate() {
            write!(f, "{} {name}: {error}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl Error for NoTransport {}

#[test]
fn all_that_was_tried_is_told() {
    let error = |text: &str| text.to_owned().into();
    let none = NoTransport::new(vec![("websocket", error("refused")), ("stream", error("reset"))]);
    assert_eq!(none.to_string(), "no transport works: websocket: refused; stream: reset");
    assert_eq!(none.tried().count(), 2);
}
