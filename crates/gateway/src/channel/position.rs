//! Where a reader stands in a channel.

use std::fmt;
use std::str::FromStr;

/// A place in a channel's history: behind the publication with this offset, which counts from 1.
///
/// An epoch is the life of one history. When the channel is made anew, say after a restart, there is another one, so
/// that an old position is never taken for one of the new history.
///
/// Its text is `EPOCH-OFFSET`, eight hexadecimal digits and a decimal number, as in `5f3a9c01-42`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: u32,
    pub(crate) offset: u64,
}

/// The text is no position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.epoch, self.offset)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (epoch, offset) = text.split_once('-').ok_or(InvalidPosition)?;
        let is_epoch = epoch.len() == 8 && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_offset = !offset.is_empty() && offset.bytes().all(|byte| byte.is_ascii_digit());
        if !is_epoch || !is_offset {
            return Err(InvalidPosition);
        }
        let epoch = u32::from_str_radix(epoch, 16).map_err(|_| InvalidPosition)?;
        let offset = offset.parse().map_err(|_| InvalidPosition)?;
        Ok(Self { epoch, offset })
    }
}

/// Publications that a reader has not been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Those from the offset `from` to the offset `to`, of the epoch `epoch`, are kept no longer.
    Counted { epoch: u32, from: u64, to: u64 },
    /// The reader's position is of another history, so that nobody knows how many there were; it goes on behind `to`.
    Unknown { was: Position, to: Position },
}

impl Gap {
    /// Where the reader stands behind it.
    pub(crate) fn end(&self) -> Position {
        match *self {
            Self::Counted { epoch, to, .. } => Position { epoch, offset: to },
            Self::Unknown { to, .. } => to,
        }
    }

    /// How many publications there were, if anybody knows.
    pub(crate) fn missed(&self) -> Option<u64> {
        match self {
            Self::Counted { from, to, .. } => Some(to - from + 1),
            Self::Unknown { .. } => None,
        }
    }

    /// What the gap is as JSON: the first and the last position that are missing, and how many are.
    pub(crate) fn to_json(self) -> String {
        let (from, missed) = match self {
            Self::Counted { epoch, from, to } => {
                (Position { epoch, offset: from }, (to - from + 1).to_string())
            }
            Self::Unknown { was, .. } => (was, "null".to_owned()),
        };
        format!(r#"{{"from":"{from}","to":"{}","missed":{missed}}}"#, self.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        let position = Position { epoch: 0x0012_abcd, offset: u64::MAX };
        assert_eq!(position.to_string(), "0012abcd-18446744073709551615");
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "-", "0012abcd", "0012abcd-", "12abcd-1", "0012abcd-+1", "0012abcg-1", "0012abcd-1 "]
        {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text:?}");
        }
        assert_eq!("0012abcd-18446744073709551616".parse::<Position>(), Err(InvalidPosition));
    }

    #[test]
    fn a_gap_says_what_is_missing() {
        let gap = Gap::Counted { epoch: 1, from: 3, to: 9 };
        assert_eq!(gap.to_json(), r#"{"from":"00000001-3","to":"00000001-9","missed":7}"#);
        let unknown =
            Gap::Unknown { was: Position { epoch: 9, offset: 4 }, to: Position { epoch: 1, offset: 0 } };
        assert_eq!(unknown.to_json(), r#"{"from":"00000009-4","to":"00000001-0","missed":null}"#);
    }
}
