//! What the gateway's front makes of bytes: heads of requests, and bodies in chunks.
//!
//! The two are private to the gateway, and pure; so they are built into this target from their sources, without the
//! runtime that the rest of the gateway needs.
#![no_main]

mod common;

#[allow(dead_code, reason = "the front uses all of it")]
#[path = "../../crates/gateway/src/front/body_error.rs"]
mod body_error;
#[allow(dead_code, reason = "the front uses all of it")]
#[path = "../../crates/gateway/src/front/chunks.rs"]
mod chunks;
#[allow(dead_code, reason = "the front uses all of it")]
#[path = "../../crates/gateway/src/front/head.rs"]
mod head;

use body_error::BodyError;
use chunks::Chunks;
use common::Choices;
use head::{Framing, Head, MAX_HEADERS, find_end};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    match choices.byte() % 3 {
        0 => a_head(&mut choices),
        1 => chunks_in_pieces(&mut choices),
        _ => chunks_of_ours(&mut choices),
    }
});

/// An arbitrary head, searched for its end in pieces.
fn a_head(choices: &mut Choices<'_>) {
    let cuts = [choices.byte(), choices.byte()].map(usize::from);
    let bytes = choices.rest();
    let found = find_end(bytes, 0);
    // What was searched before and did not end there need not be searched again.
    for cut in cuts.into_iter().filter(|cut| *cut <= bytes.len()) {
        if find_end(&bytes[..cut], 0) == Ok(None) {
            assert_eq!(find_end(bytes, cut), found, "cut at {cut}");
        }
    }
    let Ok(Some(end)) = found else { return };
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    match Head::parse(&bytes[..end], &mut headers) {
        Ok(head) => judge(&head),
        Err(error) => assert!((400..600).contains(&error.status()) && !error.reason().contains('\n')),
    }
}

/// What other parsers would read in another way must not have come through.
fn judge(head: &Head<'_>) {
    assert!(head.path().starts_with('/') || (head.path() == "*" && head.method() == "OPTIONS"));
    assert!(!head.path().contains(['?', '#']) && !head.query().contains('#'));
    let lengths: Vec<_> = head.all("content-length").collect();
    let codings: Vec<_> = head.all("transfer-encoding").collect();
    assert!(lengths.len() <= 1 && codings.len() <= 1, "told twice");
    match head.framing() {
        Framing::None => {
            assert!(codings.is_empty() && lengths.iter().all(|length| length.parse() == Ok(0_u64)))
        }
        Framing::Length(length) => assert!(codings.is_empty() && lengths[0].parse() == Ok(length)),
        Framing::Chunked => assert!(lengths.is_empty() && codings[0].eq_ignore_ascii_case("chunked")),
    }
    assert!(head.all("host").count() <= 1);
    for name in ["host", "connection", "expect", "last-event-id", "cookie"] {
        let lines = head.all(name).all(|value| !value.contains(['\r', '\n', '\0']));
        assert!(lines, "a line within a line");
    }
    let _ =
        (head.keeps_alive(), head.expects_continue(), head.parameter("session"), head.lists("upgrade", "x"));
    if let Some(request) = head.to_request() {
        assert_eq!(request.method().as_str(), head.method());
    }
}

/// What came of a body: its data, how much of the input it was, and whether it is whole.
type Decoded = Result<(Vec<u8>, usize, bool), BodyError>;

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Decoded {
    let (mut chunks, mut data, mut ahead, mut total) = (Chunks::default(), Vec::new(), Vec::new(), 0);
    for piece in pieces {
        ahead.extend_from_slice(piece);
        loop {
            let found = chunks.advance(&ahead)?;
            assert!(found.used <= ahead.len() && found.data.end <= found.used);
            data.extend_from_slice(&ahead[found.data.clone()]);
            ahead.drain(..found.used);
            total += found.used;
            if found.data.is_empty() {
                break;
            }
        }
    }
    if chunks.is_over() {
        let _ = chunks.trailers();
    }
    Ok((data, total, chunks.is_over()))
}

/// Arbitrary bytes come to the same, whatever the pieces.
fn chunks_in_pieces(choices: &mut Choices<'_>) {
    let step = usize::from(choices.byte()).max(1);
    let bytes = choices.rest();
    let whole = decode(std::iter::once(bytes));
    assert_eq!(decode(bytes.chunks(step)), whole, "in pieces of {step}");
    if let Ok((data, used, _)) = whole {
        assert!(data.len() <= used && used <= bytes.len());
    }
}

/// A body that is right comes out as it was, and nothing behind it is touched.
fn chunks_of_ours(choices: &mut Choices<'_>) {
    let step = usize::from(choices.byte()).max(1);
    let (mut data, mut body) = (Vec::new(), Vec::new());
    while !choices.is_over() {
        let (flags, len) = (choices.byte(), choices.byte());
        let part = choices.bytes(usize::from(len));
        if part.is_empty() {
            continue;
        }
        let extension = if flags & 1 == 0 { "" } else { ";name=\"x\"" };
        let size = if flags & 2 == 0 { format!("{:x}", part.len()) } else { format!("{:04X}", part.len()) };
        body.extend_from_slice(format!("{size}{extension}\r\n").as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
        data.extend_from_slice(part);
    }
    body.extend_from_slice(b"0\r\nchecksum: x\r\n\r\n");
    let len = body.len();
    body.extend_from_slice(b"GET / HTTP/1.1\r\n");
    assert_eq!(decode(body.chunks(step)), Ok((data, len, true)));
}
