//! What stands in the command line beside its options: sizes, times, headers.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tidegate::{CloseCode, CloseOptions, MAX_REASON_BYTES};
use url::{Origin, Url};

/// The Close to send: `CODE[:REASON]`.
pub(crate) fn parse_close(text: &str) -> Result<CloseOptions, String> {
    let (code, reason) = text.split_once(':').unwrap_or((text, ""));
    let code: u16 = code.parse().map_err(|_| format!("{code:?} is not a close code"))?;
    let code = CloseCode::from(code);
    if !code.may_be_sent() {
        return Err(format!("{code} may not be sent: use 1000-1003, 1007-1014 or 3000-4999"));
    }
    if reason.len() > MAX_REASON_BYTES {
        return Err(format!("a reason of {} bytes: at most {MAX_REASON_BYTES} fit", reason.len()));
    }
    Ok(CloseOptions { close_code: Some(code), reason: reason.to_owned() })
}

/// A header, as `Name: value`.
pub(crate) fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("'Name: value' is needed")?;
    let parsed = name.trim().parse().map_err(|_| format!("{name:?} is not a header name"))?;
    let value = value.trim().parse().map_err(|_| format!("the value of {name} cannot be sent"))?;
    Ok((parsed, value))
}

/// A number of bytes that memory holds, with K, M or G behind it or not: at most 4G.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let bytes = parse_volume(text)?;
    if bytes > MAX_BYTES { Err("at most 4G".to_owned()) } else { Ok(bytes) }
}

/// The same, at most 256M.
pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    let bytes = parse_volume(text)?;
    if bytes > MAX_SIZE {
        return Err("at most 256M".to_owned());
    }
    usize::try_from(bytes).map_err(|error| error.to_string())
}

/// A number of bytes from 1 on that a disk holds, with K, M, G or T behind it or not.
pub(crate) fn parse_disk(text: &str) -> Result<u64, String> {
    let bytes = parse_volume(text)?;
    if bytes == 0 { Err("at least 1 byte".to_owned()) } else { Ok(bytes) }
}

fn parse_volume(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        Some((at, 't' | 'T')) => (&text[..at], 40),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "a number is needed, as 65536, 64K or 16M")?;
    number.checked_mul(1 << shift).ok_or_else(|| "at most 16777215T".to_owned())
}

/// A number from 1 on.
pub(crate) fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1 on is needed".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// A time in seconds, with a fraction or not.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is needed")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() && duration <= MAX_TIMEOUT => Ok(duration),
        _ => Err("more than 0 and at most 86400 seconds".to_owned()),
    }
}

/// How long something is kept, with its unit.
pub(crate) fn parse_period(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        Some((at, 'd')) => (&text[..at], 24 * 3600),
        _ => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| "a time is needed, as 90s, 30m, 12h or 7d")?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "from 1s to 3650d".to_owned())
}

/// An origin as browsers write it, or `*` for all of them. What differs only in how it is written is set right: a browser
/// says `https://app.example`, whoever copies it from the address bar `https://app.example/`.
pub(crate) fn parse_origin(text: &str) -> Result<String, String> {
    if matches!(text, "*" | "null") {
        return Ok(text.to_owned());
    }
    let needed = || "an origin is needed, as https://app.example or http://localhost:3000".to_owned();
    let url = Url::parse(text).map_err(|_| needed())?;
    let has_more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
    if url.host_str().is_none() || has_more || !url.username().is_empty() || url.password().is_some() {
        return Err(needed());
    }
    match url.origin() {
        Origin::Tuple(..) => Ok(url.origin().ascii_serialization()),
        // That of an extension.
        Origin::Opaque(_) => Ok(text.trim_end_matches('/').to_owned()),
    }
}

/// The largest limit: what a message may take is held in memory.
const MAX_BYTES: u64 = 4 << 30;

/// The longest message of the fire hose.
const MAX_SIZE: u64 = 256 << 20;

/// The longest timeout: a day.
const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);

/// The longest period: ten years.
const MAX_SECONDS: u64 = 3650 * 24 * 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_is_a_code_with_or_without_a_reason() {
        assert_eq!(parse_close("1000"), Ok(1000.into()));
        assert_eq!(parse_close("4000:so: long"), Ok((4000, "so: long").into()));
        for text in ["", ":bye", "1005", "999", "70000", "x"] {
            assert!(parse_close(text).is_err(), "{text}");
        }
        assert!(parse_close(&format!("1000:{}", "x".repeat(124))).is_err());
    }

    #[test]
    fn headers_are_split_at_the_first_colon() {
        let (name, value) = parse_header("X-Time:  12:30 ").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-time", &b"12:30"[..]));
        for text in ["", "x", ": y", "a b: c", "a: b\nc"] {
            assert!(parse_header(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_may_have_a_unit() {
        assert_eq!(parse_bytes("65536"), Ok(65_536));
        assert_eq!(parse_bytes("64K"), Ok(65_536));
        assert_eq!(parse_bytes("4g"), Ok(4 << 30));
        for text in ["", "K", "-1", "1.5M", "5G", "99999999999999999999", "1é"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert!(parse_size("257M").is_err());
        assert_eq!(parse_disk("1t"), Ok(1 << 40));
        for text in ["", "0", "G", "-1", "1.5G", "99999999T"] {
            assert!(parse_disk(text).is_err(), "{text}");
        }
    }

    #[test]
    fn periods_have_units() {
        assert_eq!(parse_period("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_period("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["", "0s", "d", "4000d", "1w"] {
            assert!(parse_period(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_as_browsers_write_them() {
        for (text, expected) in [
            ("*", "*"),
            ("null", "null"),
            ("https://app.example", "https://app.example"),
            ("https://App.example:443/", "https://app.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("moz-extension://5f3a9c01", "moz-extension://5f3a9c01"),
        ] {
            assert_eq!(parse_origin(text).as_deref(), Ok(expected), "{text}");
        }
        for text in
            ["", "app.example", "localhost:3000", "https://app.example/page", "https://a/?b", "https://u@a"]
        {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_may_be_fractions() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "0", "-1", "nan", "inf", "1e9", "x"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
