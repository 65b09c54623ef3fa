//! Messages → frames (RFC 6455 §5.4): which stretch of a payload goes into which frame.

use std::ops::Range;

/// One frame of a message to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) range: Range<usize>,
    pub(crate) is_first: bool,
    pub(crate) fin: bool,
}

/// Cuts a payload of `len` bytes into frames of at most `max` (at least 1) bytes; an empty payload is one frame.
pub(crate) fn fragments(len: usize, max: usize) -> impl Iterator<Item = Fragment> {
    let count = len.div_ceil(max).max(1);
    (0..count).map(move |index| Fragment {
        range: index * max..(index * max).saturating_add(max).min(len),
        is_first: index == 0,
        fin: index + 1 == count,
    })
}

#[cfg(test)]
mod tests {
    use super::fragments;

    #[test]
    fn fragments_cover_the_payload_in_order() {
        for (len, max, expected) in
            [(0, 4, 1), (1, 4, 1), (4, 4, 1), (5, 4, 2), (9, 4, 3), (9, usize::MAX, 1)]
        {
            let all: Vec<_> = fragments(len, max).collect();
            assert_eq!(all.len(), expected, "{len} by {max}");
            assert_eq!(all.iter().filter(|f| f.is_first).count(), 1);
            assert!(all[0].is_first);
            assert!(all.last().is_some_and(|f| f.fin) && all.iter().filter(|f| f.fin).count() == 1);
            let bytes: Vec<usize> = all.into_iter().flat_map(|f| f.range).collect();
            assert_eq!(bytes, (0..len).collect::<Vec<_>>());
        }
    }
}
