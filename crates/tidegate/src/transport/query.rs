//! The parameters of a request (docs/sessions.md, section 1).

use std::time::Duration;

use http::{HeaderMap, Uri};
use url::form_urlencoded;

use crate::session::Transport;

/// What a request says of its session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) transport: Option<Transport>,
    pub(crate) session: Option<String>,
    pub(crate) after: Option<u64>,
    pub(crate) wait: Option<Duration>,
    pub(crate) from: Option<u64>,
    pub(crate) received: Option<u64>,
    pub(crate) protocols: Vec<String>,
}

/// A parameter that cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidQuery {
    /// A parameter that stands there twice.
    #[error("the parameter {0} stands there twice")]
    Repeated(&'static str),
    /// A number that is none.
    #[error("the parameter {0} must be a number")]
    NoNumber(&'static str),
    /// Another transport than the five.
    #[error("the parameter transport must be websocket, stream, sse, long-poll or poll")]
    UnknownTransport,
    /// An event's id that no server gave.
    #[error("last-event-id must be the id of an event")]
    MalformedEventId,
}

const WAIT_SECONDS: std::ops::RangeInclusive<u64> = 1..=55;

impl Query {
    /// Reads the parameters of a session. Others are the application's.
    ///
    /// # Errors
    ///
    /// The first one that is wrong.
    pub(crate) fn of(uri: &Uri) -> Result<Self, InvalidQuery> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match &*name {
                "transport" => {
                    let transport = Transport::from_name(&value).ok_or(InvalidQuery::UnknownTransport)?;
                    once(&mut query.transport, "transport", transport)?;
                }
                "session" => once(&mut query.session, "session", value.into_owned())?,
                "after" => number(&mut query.after, "after", &value)?,
                "from" => number(&mut query.from, "from", &value)?,
                "received" => number(&mut query.received, "received", &value)?,
                "wait" => {
                    let mut seconds = None;
                    number(&mut seconds, "wait", &value)?;
                    let seconds =
                        seconds.unwrap_or_default().clamp(*WAIT_SECONDS.start(), *WAIT_SECONDS.end());
                    once(&mut query.wait, "wait", Duration::from_secs(seconds))?;
                }
                "protocols" => {
                    let named = value.split(',').map(str::trim).filter(|protocol| !protocol.is_empty());
                    query.protocols.extend(named.map(str::to_owned));
                }
                _ => {}
            }
        }
        Ok(query)
    }
}

fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), InvalidQuery> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(InvalidQuery::Repeated(name)),
    }
}

fn number(place: &mut Option<u64>, name: &'static str, value: &str) -> Result<(), InvalidQuery> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|_| is_plain).ok_or(InvalidQuery::NoNumber(name))?;
    once(place, name, number)
}

/// The session and the position that a client of event streams has come to.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Result<Option<(String, u64)>, InvalidQuery> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else { return Ok(None) };
    let parts = value.to_str().ok().and_then(|id| id.rsplit_once('.'));
    let (session, position) = parts.ok_or(InvalidQuery::MalformedEventId)?;
    let mut after = None;
    number(&mut after, "after", position).map_err(|_| InvalidQuery::MalformedEventId)?;
    Ok(after.map(|after| (session.to_owned(), after)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(query: &str) -> Result<Query, InvalidQuery> {
        Query::of(&format!("/chat?{query}").parse().unwrap())
    }

    #[test]
    fn the_applications_own_parameters_are_left_alone() {
        let query = of("room=7&transport=long-poll&session=a-_b&after=12&wait=99&protocols=a,%20b").unwrap();
        let expected = Query {
            transport: Some(Transport::LongPoll),
            session: Some("a-_b".into()),
            after: Some(12),
            wait: Some(Duration::from_secs(55)),
            protocols: vec!["a".into(), "b".into()],
            ..Query::default()
        };
        assert_eq!(query, expected);
        assert_eq!(of(""), Ok(Query::default()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(of("transport=pigeon"), Err(InvalidQuery::UnknownTransport));
        assert_eq!(of("after=-1"), Err(InvalidQuery::NoNumber("after")));
        assert_eq!(of("from=+1"), Err(InvalidQuery::NoNumber("from")));
        assert_eq!(of("received="), Err(InvalidQuery::NoNumber("received")));
        assert_eq!(of("session=a&session=b"), Err(InvalidQuery::Repeated("session")));
    }

    #[test]
    fn an_events_id_is_a_session_and_a_position() {
        let read = |value| {
            last_event_id(&HeaderMap::from_iter([(
                "last-event-id".parse().unwrap(),
                HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(read("ab-c.17"), Ok(Some(("ab-c".into(), 17))));
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("17"), Err(InvalidQuery::MalformedEventId));
        assert_eq!(read("a.b"), Err(InvalidQuery::MalformedEventId));
    }
}
