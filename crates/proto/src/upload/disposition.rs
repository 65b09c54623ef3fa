//! The name of a file in `Content-Disposition` (RFC 6266).

/// The name that a `Content-Disposition` gives, of whatever type it is. `filename*` goes before `filename`
/// (RFC 6266 §4.3). `None` if there is none that can be read.
pub(super) fn file_name(value: &[u8]) -> Option<String> {
    let mut plain = None;
    let mut rest = value.get(value.iter().position(|byte| *byte == b';')?..)?;
    while let Some((name, value, behind)) = parameter(rest) {
        if name.eq_ignore_ascii_case(b"filename*") {
            if let Some(name) = extended(&value) {
                return Some(name);
            }
        } else if name.eq_ignore_ascii_case(b"filename") && plain.is_none() {
            plain = String::from_utf8(value).ok();
        }
        rest = behind;
    }
    plain
}

/// The next parameter behind a semicolon: its name, its value, and what follows.
fn parameter(rest: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let rest = rest.trim_ascii_start().strip_prefix(b";")?.trim_ascii_start();
    let at = rest.iter().position(|byte| *byte == b'=')?;
    let name = rest[..at].trim_ascii();
    let value = rest[at + 1..].trim_ascii_start();
    let Some(quoted) = value.strip_prefix(b"\"") else {
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        return Some((name, value[..end].trim_ascii().to_vec(), &value[end..]));
    };
    let mut text = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((name, text, &quoted[at + 1..])),
            b'\\' => text.push(*bytes.next()?.1),
            _ => text.push(*byte),
        }
    }
    None
}

/// `UTF-8'language'text` with its octets in per cent (RFC 8187 §3.2).
fn extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let is_utf8 = parts.next()?.eq_ignore_ascii_case(b"utf-8");
    let text = parts.nth(1).filter(|_| is_utf8)?;
    let mut name = Vec::new();
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte == b'%' {
            let mut digit = || char::from(*bytes.next()?).to_digit(16);
            name.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            name.push(*byte);
        }
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_all_its_forms() {
        for (value, name) in [
            (
                "inline; filename=\"file name.jpg\"; filename*=UTF-8''file%20n%C3%A4me.jpg",
                Some("file näme.jpg"),
            ),
            ("attachment; filename=a.txt", Some("a.txt")),
            ("attachment;filename=\"a\\\"b;c\";x=y", Some("a\"b;c")),
            ("inline; filename*=iso-8859-1''a; filename=b", Some("b")),
            ("inline; filename*=utf-8'en'%zz; filename=b", Some("b")),
            ("inline; filename*=utf-8'en'%ff", None),
            ("inline; FileName = c ", Some("c")),
            ("inline", None),
            ("inline; filename=\"open", None),
            ("inline; filename", None),
            ("", None),
        ] {
            assert_eq!(file_name(value.as_bytes()).as_deref(), name, "{value}");
        }
    }
}
