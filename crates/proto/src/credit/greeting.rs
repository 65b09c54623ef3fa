//! HELLO and WELCOME (docs/protocol.md, section 3).

use super::violation::Violation;
use crate::{parameters, varint};

/// What an endpoint says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    /// The first limit.
    pub(super) limit: u64,
    /// The longest message that it takes.
    pub(super) max_message: u64,
    /// From which length on it wants binary messages apart, if it does.
    pub(super) apart: Option<u64>,
    /// The application's protocol, which only WELCOME tells.
    pub(super) protocol: Option<String>,
}

const VERSION: u64 = 1;

const LIMIT: u64 = 0x01;
const MAX_MESSAGE: u64 = 0x02;
const PROTOCOL: u64 = 0x03;
const APART: u64 = 0x04;

impl Greeting {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint::write(&mut out, VERSION);
        let numbers = [(LIMIT, Some(self.limit)), (MAX_MESSAGE, Some(self.max_message)), (APART, self.apart)];
        for (id, number) in numbers {
            if let Some(number) = number {
                parameters::write_number(&mut out, id, number);
            }
        }
        if let Some(protocol) = &self.protocol {
            parameters::write(&mut out, PROTOCOL, protocol.as_bytes());
        }
        out
    }

    /// Reads a payload. Parameters that are not known are skipped.
    pub(super) fn decode(mut payload: &[u8]) -> Result<Self, Violation> {
        let version = parameters::number(&mut payload)?;
        if version != VERSION {
            return Err(Violation::UnknownVersion);
        }
        let (mut limit, mut max_message, mut apart, mut protocol) = (None, None, None, None);
        parameters::read(payload, |id, value| {
            match id {
                LIMIT => limit = Some(positive(value)?),
                MAX_MESSAGE => max_message = Some(positive(value)?),
                APART => apart = Some(positive(value)?),
                PROTOCOL => {
                    let name = std::str::from_utf8(value).map_err(|_| Violation::BadParameter)?;
                    protocol = Some(name.to_owned());
                }
                _ => {}
            }
            Ok::<_, Violation>(())
        })?;
        Ok(Self {
            limit: limit.ok_or(Violation::BadParameter)?,
            max_message: max_message.ok_or(Violation::BadParameter)?,
            apart,
            protocol,
        })
    }
}

fn positive(value: &[u8]) -> Result<u64, Violation> {
    let number = parameters::only_number(value)?;
    if number > 0 { Ok(number) } else { Err(Violation::BadParameter) }
}
