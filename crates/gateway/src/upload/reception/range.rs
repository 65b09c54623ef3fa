//! Parts of a file that are asked for (RFC 9110 §14.2): one range of bytes.

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it: no range, several, or one that breaks the grammar, which may be passed over (§14.2).
    All,
    /// From a byte on, so many.
    Part { from: u64, length: u64 },
    /// What is not there: 416.
    Nothing,
}

/// What the value of `Range` asks for of a file of so many bytes.
pub(super) fn asked(value: &str, length: u64) -> Asked {
    let range = value.trim().strip_prefix("bytes=").filter(|range| !range.contains(','));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else { return Asked::All };
    let (first, last) = (first.trim(), last.trim());
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) || (first.is_empty() && last.is_empty()) {
        return Asked::All;
    }
    // A number that is too large is behind the end of any file.
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    let from = if first.is_empty() { length.saturating_sub(number(last)) } else { number(first) };
    let end =
        if first.is_empty() || last.is_empty() { length } else { number(last).saturating_add(1).min(length) };
    if !first.is_empty() && !last.is_empty() && number(last) < number(first) {
        return Asked::All;
    }
    if from >= end { Asked::Nothing } else { Asked::Part { from, length: end - from } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_understood() {
        let part = |from, length| Asked::Part { from, length };
        for (value, expected) in [
            ("bytes=0-", part(0, 100)),
            ("bytes=0-0", part(0, 1)),
            ("bytes=10-19", part(10, 10)),
            ("bytes=90-1000", part(90, 10)),
            ("bytes=-10", part(90, 10)),
            ("bytes=-1000", part(0, 100)),
            ("bytes=0-99999999999999999999999", part(0, 100)),
            ("bytes=100-", Asked::Nothing),
            ("bytes=99999999999999999999999-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=9-3", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=0-1,3-4", Asked::All),
            ("bytes=a-b", Asked::All),
            ("lines=0-1", Asked::All),
        ] {
            assert_eq!(asked(value, 100), expected, "{value}");
        }
        assert_eq!(asked("bytes=0-", 0), Asked::Nothing);
    }
}
