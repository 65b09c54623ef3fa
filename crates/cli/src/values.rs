//! What stands in the command line beside its options: sizes, times, headers.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tidegate::{CloseCode, CloseOptions, MAX_REASON_BYTES};

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

/// A number of bytes, with K, M or G behind it or not.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "a number is needed, as 65536, 64K or 16M")?;
    match number.checked_mul(1 << shift) {
        Some(bytes) if bytes <= MAX_BYTES => Ok(bytes),
        _ => Err("at most 4G".to_owned()),
    }
}

/// The same, as far as it fits into memory.
pub(crate) fn parse_size(text: &str) -> Result<usize, String> {
    let bytes = parse_bytes(text)?;
    if bytes > MAX_SIZE {
        return Err("at most 256M".to_owned());
    }
    usize::try_from(bytes).map_err(|error| error.to_string())
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

/// The largest limit: what a message may take is held in memory.
const MAX_BYTES: u64 = 4 << 30;

/// The longest message of the fire hose.
const MAX_SIZE: u64 = 256 << 20;

/// The longest timeout: a day.
const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);

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
    }

    #[test]
    fn seconds_may_be_fractions() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "0", "-1", "nan", "inf", "1e9", "x"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
