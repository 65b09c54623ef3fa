//! Structured fields (RFC 9651), as far as the draft and digests have them.

use base64::Engine;
use http::{HeaderMap, HeaderName};

use super::metadata::BASE64;

/// A bare item (RFC 9651 §3.3). Of kinds that nobody here wants only the form is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    Integer(i64),
    Boolean(bool),
    Bytes(Vec<u8>),
    Other,
}

/// An Item field: its value, without parameters. `None` if it is not there, is none, or is there twice: "other values
/// MUST cause the entire header field to be ignored" (draft-12 §4.1).
pub(super) fn item(headers: &HeaderMap, name: &HeaderName) -> Option<Bare> {
    let value = super::field::single(headers, name).ok().flatten()?;
    let mut input = Input(value);
    let item = input.item()?;
    input.0.is_empty().then_some(item)
}

/// A whole number of bytes.
pub(super) fn bytes(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    match item(headers, name)? {
        Bare::Integer(bytes) => u64::try_from(bytes).ok(),
        _ => None,
    }
}

/// `?0` or `?1`.
pub(super) fn boolean(headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
    match item(headers, name)? {
        Bare::Boolean(is_true) => Some(is_true),
        _ => None,
    }
}

/// The members of a Dictionary field, from all its lines. Of members of the same key only the last one counts
/// (RFC 9651 §4.2.2); an inner list is [`Bare::Other`].
pub(super) fn dictionary(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<(String, Bare)>> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
    let line = lines.join(&b", "[..]);
    let mut input = Input(line.trim_ascii());
    let mut members: Vec<(String, Bare)> = Vec::new();
    while !input.0.is_empty() {
        let (key, value) = input.member()?;
        members.retain(|(other, _)| *other != key);
        members.push((key, value));
        input.white_space();
        if input.0.is_empty() {
            break;
        }
        input.take(b',')?;
        input.white_space();
        if input.0.is_empty() {
            return None;
        }
    }
    Some(members)
}

/// What is left of a field's value.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn item(&mut self) -> Option<Bare> {
        let bare = self.bare()?;
        self.parameters()?;
        Some(bare)
    }

    fn member(&mut self) -> Option<(String, Bare)> {
        let key = self.key()?;
        let value = match self.peek() {
            Some(b'=') => {
                self.take(b'=')?;
                if self.peek() == Some(b'(') { self.inner_list()? } else { self.bare()? }
            }
            _ => Bare::Boolean(true),
        };
        self.parameters()?;
        Some((key, value))
    }

    fn inner_list(&mut self) -> Option<Bare> {
        self.take(b'(')?;
        loop {
            self.spaces();
            if self.peek()? == b')' {
                self.take(b')')?;
                return Some(Bare::Other);
            }
            self.item()?;
            if !matches!(self.peek()?, b' ' | b')') {
                return None;
            }
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.peek() == Some(b';') {
            self.take(b';')?;
            self.spaces();
            self.key()?;
            if self.peek() == Some(b'=') {
                self.take(b'=')?;
                self.bare()?;
            }
        }
        Some(())
    }

    fn key(&mut self) -> Option<String> {
        let is_first = |byte: u8| byte.is_ascii_lowercase() || byte == b'*';
        self.peek().filter(|byte| is_first(*byte))?;
        let key = self.run(|byte| is_first(byte) || byte.is_ascii_digit() || b"_-.".contains(&byte));
        String::from_utf8(key.to_vec()).ok()
    }

    fn bare(&mut self) -> Option<Bare> {
        match self.peek()? {
            b'?' => {
                self.take(b'?')?;
                let is_true = self.peek().filter(|byte| matches!(byte, b'0' | b'1'))? == b'1';
                self.0 = &self.0[1..];
                Some(Bare::Boolean(is_true))
            }
            b'-' | b'0'..=b'9' => self.number(),
            b':' => self.byte_sequence(),
            b'"' => self.quoted(),
            b'@' => {
                self.take(b'@')?;
                matches!(self.number()?, Bare::Integer(_)).then_some(Bare::Other)
            }
            b'%' => {
                self.take(b'%')?;
                self.quoted()
            }
            byte if byte.is_ascii_alphabetic() || byte == b'*' => {
                let is_token =
                    |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
                self.run(is_token);
                Some(Bare::Other)
            }
            _ => None,
        }
    }

    /// At most 15 digits; with a fraction 12, and 3 of it (RFC 9651 §4.2.4).
    fn number(&mut self) -> Option<Bare> {
        let sign = if self.peek() == Some(b'-') { -1 } else { 1 };
        if sign < 0 {
            self.take(b'-')?;
        }
        let digits = self.run(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() > 15 {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.take(b'.')?;
            let fraction = self.run(|byte| byte.is_ascii_digit());
            return (digits.len() <= 12 && (1..=3).contains(&fraction.len())).then_some(Bare::Other);
        }
        let number: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Bare::Integer(sign * number))
    }

    fn byte_sequence(&mut self) -> Option<Bare> {
        self.take(b':')?;
        let text = self.run(|byte| byte != b':');
        self.take(b':')?;
        BASE64.decode(text).ok().map(Bare::Bytes)
    }

    fn quoted(&mut self) -> Option<Bare> {
        self.take(b'"')?;
        loop {
            match self.peek()? {
                b'"' => {
                    self.take(b'"')?;
                    return Some(Bare::Other);
                }
                b'\\' => {
                    self.take(b'\\')?;
                    self.peek().filter(|byte| matches!(byte, b'"' | b'\\'))?;
                }
                byte if byte.is_ascii_graphic() || byte == b' ' => {}
                _ => return None,
            }
            self.0 = &self.0[1..];
        }
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn run(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.0.iter().position(|byte| !belongs(*byte)).unwrap_or(self.0.len());
        let (run, rest) = self.0.split_at(len);
        self.0 = rest;
        run
    }

    fn spaces(&mut self) {
        self.run(|byte| byte == b' ');
    }

    fn white_space(&mut self) {
        self.run(|byte| matches!(byte, b' ' | b'\t'));
    }
}
