//! A publication in each wire format.

use std::fmt::Write as _;
use std::io::Write as _;

use bytes::Bytes;

use super::position::{Gap, Position};

/// A line of `text/plain`. Line breaks within it become spaces, so that a message stays one line.
pub(super) fn line(text: &str) -> Bytes {
    let mut out = String::with_capacity(text.len() + 1);
    for (index, part) in lines(text).enumerate() {
        if index > 0 {
            out.push(' ');
        }
        out.push_str(part);
    }
    out.push('\n');
    out.into()
}

/// An event of an event stream, whose ID is the position behind it.
pub(super) fn event(position: Position, text: &str) -> Bytes {
    let mut out = String::with_capacity(text.len() + 64);
    // Writing into memory does not fail.
    let _ = writeln!(out, "id: {position}");
    for part in lines(text) {
        out.push_str("data: ");
        out.push_str(part);
        out.push('\n');
    }
    out.push('\n');
    out.into()
}

/// A line of NDJSON.
pub(super) fn record(position: Position, text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 64);
    // A string always has a JSON form, and memory takes everything.
    let _ = write!(out, r#"{{"position":"{position}","data":"#);
    if is_plain(text) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let _ = serde_json::to_writer(&mut out, text);
    }
    out.extend_from_slice(b"}\n");
    out.into()
}

/// Whether a text stands in JSON as it is (RFC 8259 §7): nothing in it has to be escaped. Most texts are plain, and to see
/// that is many times quicker than to look for each byte's escape.
fn is_plain(text: &str) -> bool {
    let needs_escape = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    // Without a way out of the inner loop the compiler makes it of vectors.
    text.as_bytes()
        .chunks(64)
        .all(|chunk| !chunk.iter().fold(false, |found, byte| found | needs_escape(byte)))
}

/// A gap as an event of the type `gap`.
pub(crate) fn gap_event(gap: Gap) -> Bytes {
    format!("id: {}\nevent: gap\ndata: {}\n\n", gap.end(), gap.to_json()).into()
}

/// A gap as a line of NDJSON.
pub(crate) fn gap_record(gap: Gap) -> Bytes {
    format!("{{\"gap\":{}}}\n", gap.to_json()).into()
}

/// The lines of a text as event streams tell them apart: by CR LF, LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = memchr::memchr2(b'\r', b'\n', text.as_bytes()) else {
            rest = None;
            return Some(text);
        };
        let (line, behind) = text.split_at(end);
        rest = behind.strip_prefix("\r\n").or_else(|| behind.get(1..));
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { epoch: 0xab, offset: 7 };

    #[test]
    fn a_message_is_one_line_of_text() {
        assert_eq!(line("hi"), "hi\n");
        assert_eq!(line(""), "\n");
        assert_eq!(line("a\nb\r\nc\rd\n\n"), "a b c d  \n");
    }

    #[test]
    fn an_event_has_a_data_field_for_each_line() {
        assert_eq!(event(AT, "hi"), "id: 000000ab-7\ndata: hi\n\n");
        assert_eq!(event(AT, "a\r\nb\rc\n"), "id: 000000ab-7\ndata: a\ndata: b\ndata: c\ndata: \n\n");
    }

    #[test]
    fn a_record_is_json_on_one_line() {
        assert_eq!(record(AT, "a\n\"b\""), "{\"position\":\"000000ab-7\",\"data\":\"a\\n\\\"b\\\"\"}\n");
    }

    #[test]
    fn a_record_is_what_json_makes_of_its_text() {
        let long = "ü".repeat(100);
        for code in 0..=u8::MAX {
            for text in [char::from(code).to_string(), format!("{long}{}{long}", char::from(code))] {
                let expected =
                    format!("{{\"position\":\"000000ab-7\",\"data\":{}}}\n", serde_json::json!(text));
                assert_eq!(record(AT, &text), expected, "{code}");
            }
        }
    }

    #[test]
    fn a_gap_is_told_on_every_wire() {
        let gap = Gap::Counted { epoch: 0xab, from: 1, to: 7 };
        let json = r#"{"from":"000000ab-1","to":"000000ab-7","missed":7}"#;
        assert_eq!(gap_event(gap), format!("id: 000000ab-7\nevent: gap\ndata: {json}\n\n"));
        assert_eq!(gap_record(gap), format!("{{\"gap\":{json}}}\n"));
    }
}
