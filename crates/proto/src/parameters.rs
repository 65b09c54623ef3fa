//! Parameters: `id, length, value`, one behind the other, none twice (docs/protocol.md, section 3).

use crate::varint::{self, InvalidVarint};

/// Why bytes are no parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidParameters {
    Varint(InvalidVarint),
    /// Cut off, one twice, or too many.
    Malformed,
}

impl From<InvalidVarint> for InvalidParameters {
    fn from(invalid: InvalidVarint) -> Self {
        Self::Varint(invalid)
    }
}

/// More than any version will need: they are compared with each other.
const MAX_PARAMETERS: usize = 64;

/// Appends one.
pub(crate) fn write(out: &mut Vec<u8>, id: u64, value: &[u8]) {
    varint::write(out, id);
    varint::write(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends one whose value is a number.
pub(crate) fn write_number(out: &mut Vec<u8>, id: u64, number: u64) {
    let mut value = Vec::with_capacity(8);
    varint::write(&mut value, number);
    write(out, id, &value);
}

/// Hands each of `payload` to `take`: its id and its value.
pub(crate) fn read<'a, E: From<InvalidParameters>>(
    mut payload: &'a [u8],
    mut take: impl FnMut(u64, &'a [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut seen = Vec::new();
    while !payload.is_empty() {
        let id = number(&mut payload)?;
        let len = usize::try_from(number(&mut payload)?).map_err(|_| InvalidParameters::Malformed)?;
        let (value, rest) = payload.split_at_checked(len).ok_or(InvalidParameters::Malformed)?;
        payload = rest;
        if seen.contains(&id) || seen.len() == MAX_PARAMETERS {
            return Err(InvalidParameters::Malformed.into());
        }
        seen.push(id);
        take(id, value)?;
    }
    Ok(())
}

/// Takes a number off the front.
pub(crate) fn number(bytes: &mut &[u8]) -> Result<u64, InvalidParameters> {
    varint::read(bytes)?.ok_or(InvalidParameters::Malformed)
}

/// A value that is exactly one number.
pub(crate) fn only_number(mut value: &[u8]) -> Result<u64, InvalidParameters> {
    let number = number(&mut value)?;
    if value.is_empty() { Ok(number) } else { Err(InvalidParameters::Malformed) }
}
