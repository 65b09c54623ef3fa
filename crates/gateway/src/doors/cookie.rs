//! A position kept by a browser, for a page that does nothing but repeat its request.
//!
//! A cookie belongs to all tabs of a browser. If they had one position together, what one tab reads would be lost to
//! the other. What tells a page apart from another in every request that it makes is its address, in `Referer`. So the
//! cookie's name is made of that and of the channel, and each page address has a position of its own. Two tabs with the
//! very same address cannot be told apart by anything that a browser sends; a page that is opened by a link with a
//! number of its own (`?tab=7`) can.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::room::Room;
use crate::channel::Position;
use crate::front::Head;

/// What the cookie of a page says, and how to set it.
pub(super) struct Memory {
    /// What its name is made of.
    key: u32,
    /// Where it is sent to, if that is not everywhere.
    path: Option<Box<str>>,
    kept: Option<Kept>,
}

/// What the value of a cookie says: a position, if the page polls, and who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    position: Option<Position>,
    id: u32,
}

/// For how long a browser keeps the cookie. A position that is older would be out of most histories anyway.
const MAX_AGE_SECONDS: u32 = 3600;

impl Memory {
    pub(super) fn of(head: &Head<'_>, channel: &str, room: &Room) -> Self {
        let mut hasher = DefaultHasher::new();
        (channel, head.header("referer")).hash(&mut hasher);
        // Thirty-two bits are enough to tell apart the pages of one browser.
        let key = (hasher.finish() >> 32) as u32;
        let kept = value(head, &name(key)).and_then(Kept::parse);
        // A room that has several doors is known at each of them.
        let path = (!room.is_shared()).then(|| head.path().into());
        Self { key, path, kept }
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.kept?.position
    }

    /// Who this page is, if that is known.
    pub(super) fn id(&self) -> Option<u32> {
        self.kept.map(|kept| kept.id)
    }

    /// The header that keeps a position.
    pub(super) fn keep(&self, position: Position, id: u32) -> String {
        self.set(&format!("{position}.{id:08x}"))
    }

    /// The header that says who this page is, if it does not know.
    pub(super) fn introduce(&self, id: u32) -> Option<String> {
        self.kept.is_none().then(|| self.set(&format!("-.{id:08x}")))
    }

    fn set(&self, value: &str) -> String {
        let (name, path) = (name(self.key), self.path.as_deref().unwrap_or("/"));
        format!("{name}={value}; Path={path}; Max-Age={MAX_AGE_SECONDS}; SameSite=Lax; HttpOnly")
    }
}

impl Kept {
    fn parse(value: &str) -> Option<Self> {
        let (position, id) = value.split_once('.')?;
        let id = u32::from_str_radix(id, 16).ok()?;
        let position = if position == "-" { None } else { Some(position.parse().ok()?) };
        Some(Self { position, id })
    }
}

fn name(key: u32) -> String {
    format!("tidegate-{key:08x}")
}

/// The value of the cookie of this name.
fn value<'a>(head: &Head<'a>, name: &str) -> Option<&'a str> {
    let mut pairs = head.all("cookie").flat_map(|line| line.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::with_head;

    fn memory(lines: &str) -> Memory {
        let text = format!("GET /channels/a HTTP/1.1\r\nhost: x\r\n{lines}\r\n");
        with_head(&text, |head| Memory::of(head, "a", &Room::Plain))
    }

    /// The request of a page that has been answered with this header.
    fn again(set: &str, lines: &str) -> Memory {
        let (pair, _) = set.split_once(';').unwrap();
        memory(&format!("cookie: other=1; {pair}\r\n{lines}"))
    }

    #[test]
    fn a_page_is_remembered_with_its_position() {
        let position = Position { epoch: 0xab, offset: 7 };
        let first = memory("");
        assert_eq!((first.position(), first.id()), (None, None));
        let set = first.keep(position, 9);
        assert!(set.ends_with("; Path=/channels/a; Max-Age=3600; SameSite=Lax; HttpOnly"), "{set}");
        let second = again(&set, "");
        assert_eq!((second.position(), second.id()), (Some(position), Some(9)));
        assert_eq!(second.introduce(9), None);
        let third = again(&first.introduce(8).unwrap(), "");
        assert_eq!((third.position(), third.id()), (None, Some(8)));
    }

    #[test]
    fn pages_with_other_addresses_do_not_share_a_position() {
        let one = "referer: http://x/page?tab=1\r\n";
        let set = memory(one).keep(Position { epoch: 0xab, offset: 7 }, 9);
        assert!(again(&set, one).position().is_some());
        assert!(again(&set, "referer: http://x/page?tab=2\r\n").position().is_none());
        assert!(again(&set, "").position().is_none());
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        let name = name(memory("").key);
        for value in ["", "x", "000000ab-7", "000000ab-x.1", "000000ab-7.zz"] {
            assert_eq!(memory(&format!("cookie: {name}={value}\r\n")).id(), None, "{value}");
        }
        assert_eq!(memory(&format!("cookie: {name}x=-.1\r\n")).id(), None);
    }
}
