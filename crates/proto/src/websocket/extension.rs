//! The `Sec-WebSocket-Extensions` header (RFC 6455 §9.1).

/// The most extensions and parameters, counted together, that one handshake may name.
pub const MAX_EXTENSION_ITEMS: usize = 32;

/// One extension that a client offered or a server accepted (RFC 6455 §9.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The registered name, a token, as `permessage-deflate`.
    pub name: String,
    /// The parameters in their order, repeats included; a value came as a token or in quotes.
    pub params: Vec<(String, Option<String>)>,
}

impl Extension {
    /// Reads all `Sec-WebSocket-Extensions` lines of one message, which together are one list.
    ///
    /// Empty list elements are skipped (RFC 9110 §5.6.1.2). The time is linear in the bytes, and at most
    /// [`MAX_EXTENSION_ITEMS`] names are kept.
    ///
    /// # Errors
    ///
    /// A line that breaks the grammar, lines that name no extension at all, or too many names.
    pub fn parse_all<L: AsRef<[u8]>>(
        lines: impl IntoIterator<Item = L>,
    ) -> Result<Vec<Self>, InvalidExtensions> {
        let mut extensions = Vec::new();
        let mut budget = MAX_EXTENSION_ITEMS;
        let mut present = false;
        for line in lines {
            present = true;
            parse_line(line.as_ref(), &mut budget, &mut extensions)?;
        }
        if present && extensions.is_empty() {
            return Err(InvalidExtensions::NamedNone);
        }
        Ok(extensions)
    }
}

/// What is wrong with a `Sec-WebSocket-Extensions` header (RFC 6455 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidExtensions {
    /// The header is there and names nothing.
    #[error("no extension is named")]
    NamedNone,
    /// More than [`MAX_EXTENSION_ITEMS`] extensions and parameters.
    #[error("more than {MAX_EXTENSION_ITEMS} extensions and parameters")]
    TooMany,
    /// A name or value is missing, or holds a character that a token may not hold.
    #[error("a token is missing")]
    MissingToken,
    /// Something other than `,` or `;` follows a name or value.
    #[error("a separator is missing")]
    MissingSeparator,
    /// A quoted value does not end.
    #[error("a quoted value does not end")]
    UnclosedQuote,
    /// A quoted value that is no token once the quotes are off.
    #[error("a quoted value is not a token")]
    QuotedNonToken,
}

/// Whether `bytes` is a token: one or more visible ASCII characters, none of them a separator
/// (RFC 6455 §4.1, RFC 9110 §5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn parse_line(
    line: &[u8],
    budget: &mut usize,
    extensions: &mut Vec<Extension>,
) -> Result<(), InvalidExtensions> {
    let mut cursor = Cursor { rest: line };
    loop {
        cursor.skip_whitespace();
        if !matches!(cursor.rest.first(), None | Some(b',')) {
            extensions.push(cursor.extension(budget)?);
        }
        if cursor.rest.is_empty() {
            return Ok(());
        }
        if !cursor.take(b',') {
            return Err(InvalidExtensions::MissingSeparator);
        }
    }
}

/// What is left of one line. Each byte is passed over once.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn extension(&mut self, budget: &mut usize) -> Result<Extension, InvalidExtensions> {
        spend(budget)?;
        let mut extension = Extension { name: self.token()?, params: Vec::new() };
        while self.take(b';') {
            spend(budget)?;
            let name = self.token()?;
            let value = if self.take(b'=') { Some(self.value()?) } else { None };
            extension.params.push((name, value));
        }
        Ok(extension)
    }

    fn value(&mut self) -> Result<String, InvalidExtensions> {
        self.skip_whitespace();
        match self.rest.split_first() {
            Some((b'"', rest)) => {
                self.rest = rest;
                self.quoted()
            }
            _ => self.token(),
        }
    }

    fn token(&mut self) -> Result<String, InvalidExtensions> {
        self.skip_whitespace();
        let len = self.rest.iter().take_while(|byte| is_token_byte(**byte)).count();
        if len == 0 {
            return Err(InvalidExtensions::MissingToken);
        }
        let (token, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.skip_whitespace();
        Ok(token.iter().copied().map(char::from).collect())
    }

    /// The inside of a quoted string, whose opening quote is gone. Unescaped it must be a token, so nothing
    /// else is kept.
    fn quoted(&mut self) -> Result<String, InvalidExtensions> {
        let mut value = String::new();
        loop {
            let byte = match *self.rest {
                [b'"', ref rest @ ..] => {
                    self.rest = rest;
                    self.skip_whitespace();
                    break;
                }
                [b'\\', byte, ref rest @ ..] | [byte, ref rest @ ..] => {
                    self.rest = rest;
                    byte
                }
                [] => return Err(InvalidExtensions::UnclosedQuote),
            };
            if !is_token_byte(byte) {
                return Err(InvalidExtensions::QuotedNonToken);
            }
            value.push(char::from(byte));
        }
        if value.is_empty() { Err(InvalidExtensions::QuotedNonToken) } else { Ok(value) }
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// RFC 6455 §2.1 takes over RFC 2616's implied whitespace, so it may stand around `,`, `;` and `=`.
    fn skip_whitespace(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

fn spend(budget: &mut usize) -> Result<(), InvalidExtensions> {
    *budget = budget.checked_sub(1).ok_or(InvalidExtensions::TooMany)?;
    Ok(())
}
