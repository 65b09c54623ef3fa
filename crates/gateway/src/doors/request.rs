//! What a request on a channel asks for.

use std::time::Duration;

use super::door::Kind;
use super::room::Via;
use crate::channel::{Form, Position};
use crate::front::Head;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) begin: Begin,
    pub(super) wire: Wire,
    /// Who the reader says that it is.
    pub(super) name: Option<String>,
}

/// Where to read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Behind this position.
    After(Position),
    /// Behind everything but the last so many.
    Back(u64),
    /// At the last so many, unless a cookie knows better.
    Last(u64),
}

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// Without an end.
    Stream(Form),
    /// With what there is, once there is something, or nothing for so long.
    Poll { form: Form, wait: Duration },
}

/// A parameter that cannot be understood, and what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidRequest(pub(super) &'static str);

/// The longest that a poll is held. Most proxies wait for a minute.
const MAX_WAIT: Duration = Duration::from_secs(55);

const MAX_NAME_CHARS: usize = 40;

impl Asked {
    pub(super) fn of(head: &Head<'_>, kind: Kind, newcomers: u64) -> Result<Self, InvalidRequest> {
        Ok(Self {
            begin: begin(head, newcomers)?,
            wire: wire(head, kind),
            name: head.parameter("name").map(decode).filter(|name| !name.is_empty()),
        })
    }
}

/// Where a connection begins to read that may change what carries it, and who the reader says that it is. It has no
/// position of the channel's, since what it reads is never lost.
pub(super) fn of_connection(
    head: &Head<'_>,
    newcomers: u64,
) -> Result<(Begin, Option<String>), InvalidRequest> {
    let name = head.parameter("name").map(decode).filter(|name| !name.is_empty());
    Ok((last(head, newcomers)?, name))
}

impl Wire {
    pub(super) fn via(self) -> Via {
        match self {
            Self::Stream(Form::Event) => Via::EventStream,
            Self::Stream(_) => Via::Stream,
            Self::Poll { wait, .. } if wait.is_zero() => Via::Poll,
            Self::Poll { .. } => Via::LongPoll,
        }
    }
}

/// An event source that has lost its connection asks for its first URL again, and tells its position in a header; so
/// the header comes first.
fn begin(head: &Head<'_>, newcomers: u64) -> Result<Begin, InvalidRequest> {
    let after = head.header("last-event-id").filter(|id| !id.is_empty()).or(head.parameter("after"));
    if let Some(after) = after {
        let invalid =
            InvalidRequest("a position looks like 5f3a9c01-42, or like -10 for behind all but the last ten");
        let begin = match after.strip_prefix('-') {
            Some(count) => count.parse().ok().map(Begin::Back),
            None => after.parse().ok().map(Begin::After),
        };
        return begin.ok_or(invalid);
    }
    last(head, newcomers)
}

fn last(head: &Head<'_>, newcomers: u64) -> Result<Begin, InvalidRequest> {
    let last = head.parameter("last").map_or(Ok(newcomers), str::parse);
    last.map(Begin::Last).map_err(|_| InvalidRequest("last is a number of publications"))
}

fn wire(head: &Head<'_>, kind: Kind) -> Wire {
    let wait = match preferred_wait(head) {
        Some(wait) => Some(wait.min(MAX_WAIT)),
        None => (kind == Kind::Subscribe).then_some(MAX_WAIT),
    };
    let form = accepted(head);
    match (form, wait) {
        (Form::Event, _) => Wire::Stream(form),
        (Form::Record, None) => Wire::Stream(form),
        (form, wait) => Wire::Poll { form, wait: wait.unwrap_or_default() },
    }
}

/// The first media type of `Accept` that is served here; text if there is none.
fn accepted(head: &Head<'_>) -> Form {
    let mut types = head.all("accept").flat_map(|value| value.split(','));
    let known = types.find_map(|listed| match listed.split(';').next().unwrap_or_default().trim() {
        "text/event-stream" => Some(Form::Event),
        "application/x-ndjson" => Some(Form::Record),
        "text/plain" => Some(Form::Line),
        _ => None,
    });
    known.unwrap_or(Form::Line)
}

/// `Prefer: wait=SECONDS` (RFC 7240 §4.3).
fn preferred_wait(head: &Head<'_>) -> Option<Duration> {
    let mut preferences = head.all("prefer").flat_map(|value| value.split(','));
    preferences.find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let seconds = value.trim().trim_matches('"').parse().ok()?;
        name.trim().eq_ignore_ascii_case("wait").then(|| Duration::from_secs(seconds))
    })
}

/// A parameter as text: percent-encoding and plus signs undone, and no more characters than a name may have.
fn decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let escaped = (first == b'%').then(|| behind.get(..2)).flatten();
        let escaped =
            escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(match (first, escaped) {
            (_, Some(byte)) => byte,
            (b'+', _) => b' ',
            (first, _) => first,
        });
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes)
        .trim()
        .chars()
        .filter(|char| !char.is_control())
        .take(MAX_NAME_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::with_head;

    fn asked(target: &str, lines: &str, kind: Kind) -> Result<Asked, InvalidRequest> {
        with_head(&format!("GET {target} HTTP/1.1\r\nhost: x\r\n{lines}\r\n"), |head| {
            Asked::of(head, kind, 50)
        })
    }

    fn wire_of(lines: &str, kind: Kind) -> Wire {
        asked("/", lines, kind).unwrap().wire
    }

    #[test]
    fn the_door_is_negotiated() {
        let poll = |form, wait| Wire::Poll { form, wait: Duration::from_secs(wait) };
        for (lines, wire) in [
            ("", poll(Form::Line, 0)),
            ("accept: */*\r\n", poll(Form::Line, 0)),
            ("accept: text/event-stream\r\n", Wire::Stream(Form::Event)),
            ("accept: text/html, application/x-ndjson;q=0.9, */*\r\n", Wire::Stream(Form::Record)),
            ("prefer: wait=30\r\n", poll(Form::Line, 30)),
            ("prefer: respond-async, Wait=\"7\"; x=y\r\n", poll(Form::Line, 7)),
            ("prefer: wait=3600\r\n", poll(Form::Line, 55)),
            ("prefer: wait=soon\r\n", poll(Form::Line, 0)),
            ("accept: application/x-ndjson\r\nprefer: wait=0\r\n", poll(Form::Record, 0)),
            ("accept: application/x-ndjson\r\nprefer: wait=9\r\n", poll(Form::Record, 9)),
        ] {
            assert_eq!(wire_of(lines, Kind::Any), wire, "{lines}");
        }
        assert_eq!(wire_of("", Kind::Subscribe), poll(Form::Line, 55));
        assert_eq!(wire_of("prefer: wait=1\r\n", Kind::Subscribe), poll(Form::Line, 1));
    }

    #[test]
    fn where_to_begin() {
        let begin = |target: &str, lines: &str| asked(target, lines, Kind::Any).map(|asked| asked.begin);
        let after = |offset| Ok(Begin::After(Position { epoch: 0xab, offset }));
        assert_eq!(begin("/", ""), Ok(Begin::Last(50)));
        assert_eq!(begin("/?last=3", ""), Ok(Begin::Last(3)));
        assert_eq!(begin("/?after=-3&last=9", ""), Ok(Begin::Back(3)));
        assert_eq!(begin("/?after=000000ab-7&last=3", ""), after(7));
        assert_eq!(begin("/?after=000000ab-7", "last-event-id: 000000ab-9\r\n"), after(9));
        assert_eq!(begin("/", "last-event-id: \r\n"), Ok(Begin::Last(50)));
        assert!(begin("/?after=7", "").is_err() && begin("/?last=x", "").is_err());
    }

    #[test]
    fn a_name_is_text_and_not_too_long() {
        let name = |value: &str| asked(&format!("/?name={value}"), "", Kind::Any).unwrap().name;
        assert_eq!(name("Ann+B%20%C3%A9%"), Some("Ann B é%".into()));
        assert_eq!(name(""), None);
        assert_eq!(name("%0A%00x"), Some("x".into()));
        assert_eq!(name(&"n".repeat(50)), Some("n".repeat(40)));
    }
}
