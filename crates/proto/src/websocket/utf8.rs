//! UTF-8 as it arrives (RFC 6455 §8.1): a wrong byte is found when it comes, not when the message ends.

use super::PeerMisbehaved;

/// Text under construction, checked chunk by chunk; at most three bytes of a split character wait.
#[derive(Clone, Default, Debug)]
pub(crate) struct TextBuilder {
    text: String,
    carried: [u8; 4],
    carried_len: u8,
}

impl TextBuilder {
    /// Bytes taken so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + usize::from(self.carried_len)
    }

    /// Appends `bytes`, which may begin and end inside a character.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), PeerMisbehaved> {
        while self.carried_len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            self.carried[usize::from(self.carried_len)] = byte;
            self.carried_len += 1;
            self.settle_carried()?;
        }
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.push_up_to_split(bytes)?,
        }
        Ok(())
    }

    /// Whether any character is complete.
    pub(crate) fn has_whole(&self) -> bool {
        !self.text.is_empty()
    }

    /// Takes the text that is complete so far; a split character stays.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The text, once all of it has come. A character that lacks bytes is an error.
    pub(crate) fn finish(self) -> Result<String, PeerMisbehaved> {
        if self.carried_len > 0 { Err(PeerMisbehaved::SentInvalidUtf8) } else { Ok(self.text) }
    }

    fn settle_carried(&mut self) -> Result<(), PeerMisbehaved> {
        let carried = &self.carried[..usize::from(self.carried_len)];
        match std::str::from_utf8(carried) {
            Ok(character) => {
                self.text.push_str(character);
                self.carried_len = 0;
                Ok(())
            }
            Err(error) if error.error_len().is_none() => Ok(()),
            Err(_) => Err(PeerMisbehaved::SentInvalidUtf8),
        }
    }

    fn push_up_to_split(&mut self, bytes: &[u8]) -> Result<(), PeerMisbehaved> {
        // The slow path: only the compat flavour tells a character cut off at the end from a wrong byte.
        let error = match simdutf8::compat::from_utf8(bytes) {
            Ok(text) => {
                self.text.push_str(text);
                return Ok(());
            }
            Err(error) if error.error_len().is_none() => error,
            Err(_) => return Err(PeerMisbehaved::SentInvalidUtf8),
        };
        let (whole, cut) = bytes.split_at(error.valid_up_to());
        let whole = simdutf8::basic::from_utf8(whole).map_err(|_| PeerMisbehaved::SentInvalidUtf8)?;
        self.text.push_str(whole);
        self.carried[..cut.len()].copy_from_slice(cut);
        self.carried_len = cut.len() as u8;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::TextBuilder;

    const SAMPLES: &[&[u8]] = &[
        "Grüße, 世界 🌊 \u{10FFFF}".as_bytes(),
        b"\xED\xA0\x80",         // a surrogate
        b"\xF4\x90\x80\x80",     // above U+10FFFF
        b"\xC0\xAF",             // overlong
        b"ok \xE4\xB8",          // cut off
        b"\x80",                 // a lone continuation byte
        b"\xF0\x9F\x8C\x8A\xFF", // wrong behind a good character
    ];

    #[test]
    fn every_split_gives_the_verdict_of_the_whole() {
        for sample in SAMPLES {
            let expected = std::str::from_utf8(sample).ok();
            for first in 0..=sample.len() {
                for second in first..=sample.len() {
                    let mut text = TextBuilder::default();
                    let got = text
                        .push(&sample[..first])
                        .and_then(|()| text.push(&sample[first..second]))
                        .and_then(|()| text.push(&sample[second..]))
                        .and_then(|()| text.finish());
                    assert_eq!(got.ok().as_deref(), expected, "{sample:x?} split at {first}, {second}");
                }
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_found_when_it_comes() {
        for sample in &SAMPLES[1..] {
            let mut text = TextBuilder::default();
            let first_bad = sample.iter().position(|byte| text.push(&[*byte]).is_err());
            let expected = match std::str::from_utf8(sample) {
                // std reports the length of the longest good prefix; the byte behind it is the wrong one.
                Err(error) => error.error_len().map(|len| error.valid_up_to() + len.max(1)),
                Ok(_) => None,
            };
            match (first_bad, expected) {
                (Some(at), Some(end)) => assert!(at <= end, "{sample:x?}: found at {at}, expected by {end}"),
                (got, want) => assert_eq!(got.is_some(), want.is_some(), "{sample:x?}"),
            }
        }
    }
}
