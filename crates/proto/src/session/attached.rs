//! ATTACHED (docs/sessions.md, section 2).

use std::time::Duration;

use bytes::Bytes;

use super::error::Violation;
use super::frame;
use crate::{parameters, varint};

/// What a server says first in every attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attached {
    pub(super) session: String,
    /// How many frames of the client's flow the server has.
    pub(super) received: u64,
    /// How many frames of the server's flow lie before the next one.
    pub(super) after: u64,
    pub(super) keep: Duration,
}

const SESSION: u64 = 0x01;
const RECEIVED: u64 = 0x02;
const AFTER: u64 = 0x03;
const KEEP: u64 = 0x04;

impl Attached {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        parameters::write(&mut out, SESSION, self.session.as_bytes());
        let keep = u64::try_from(self.keep.as_millis()).unwrap_or(u64::MAX).min(varint::MAX_NUMBER);
        for (id, number) in [(RECEIVED, self.received), (AFTER, self.after), (KEEP, keep)] {
            parameters::write_number(&mut out, id, number);
        }
        frame::encode(frame::ATTACHED, &out)
    }

    /// Reads a payload. Parameters that are not known are skipped.
    pub(super) fn decode(payload: &[u8]) -> Result<Self, Violation> {
        let (mut session, mut received, mut after, mut keep) = (None, None, None, None);
        parameters::read(payload, |id, value| {
            match id {
                SESSION => session = Some(id_of(value)?),
                RECEIVED => received = Some(parameters::only_number(value)?),
                AFTER => after = Some(parameters::only_number(value)?),
                KEEP => keep = Some(Duration::from_millis(parameters::only_number(value)?)),
                _ => {}
            }
            Ok::<_, Violation>(())
        })?;
        let (Some(session), Some(received), Some(after), Some(keep)) = (session, received, after, keep)
        else {
            return Err(Violation::BadParameter);
        };
        Ok(Self { session, received, after, keep })
    }
}

/// An id as it may stand in a query and in an event's `id`.
fn id_of(value: &[u8]) -> Result<String, Violation> {
    let is_id = (1..=128).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let id = std::str::from_utf8(value).ok().filter(|_| is_id);
    id.map(str::to_owned).ok_or(Violation::BadParameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was_sent() {
        let attached = Attached {
            session: "qX3-_9".to_owned(),
            received: 70_000,
            after: 0,
            keep: Duration::from_secs(60),
        };
        let mut bytes = attached.encode();
        let frame = frame::next(&mut bytes).unwrap().unwrap();
        assert_eq!((frame.code, Attached::decode(frame.payload())), (frame::ATTACHED, Ok(attached)));
    }

    #[test]
    fn a_missing_repeated_or_malformed_parameter_is_refused() {
        let parameters: [&[u8]; 4] = [&[1, 1, b'x'], &[2, 1, 0], &[3, 1, 0], &[4, 1, 0]];
        assert!(Attached::decode(&parameters.concat()).is_ok());
        for missing in 0..4 {
            let mut rest = parameters.to_vec();
            rest.remove(missing);
            assert_eq!(Attached::decode(&rest.concat()), Err(Violation::BadParameter));
        }
        for bad in [&[2, 1, 0][..], &[9, 5, 0], &[1, 1, b'/'], &[9]] {
            let payload = [&parameters.concat(), bad].concat();
            assert_eq!(Attached::decode(&payload), Err(Violation::BadParameter), "{bad:?}");
        }
    }
}
