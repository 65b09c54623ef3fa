//! What a client asks of the fire hose.

use std::num::ParseIntError;

/// The query of a request: `?id=HEX24&size=BYTES`, both optional.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Whose meter to read, made up by the client: 96 bits, so that nobody guesses another's.
    pub(crate) id: Option<u128>,
    /// Bytes of each message.
    pub(crate) size: usize,
}

/// Why an order cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InvalidOrder {
    Id,
    Size,
}

const DEFAULT_SIZE: usize = 16 * 1024;
const MAX_SIZE: usize = 1 << 20;
const ID_DIGITS: usize = 24;

impl Order {
    /// Reads a query; parameters of other names are left alone.
    pub(crate) fn parse(query: &str) -> Result<Self, InvalidOrder> {
        let mut order = Self { id: None, size: DEFAULT_SIZE };
        for parameter in query.split('&') {
            match parameter.split_once('=') {
                Some(("id", value)) => order.id = Some(id(value)?),
                Some(("size", value)) => order.size = size(value)?,
                _ => {}
            }
        }
        Ok(order)
    }
}

fn id(value: &str) -> Result<u128, InvalidOrder> {
    if value.len() != ID_DIGITS || !value.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(InvalidOrder::Id);
    }
    u128::from_str_radix(value, 16).map_err(|_: ParseIntError| InvalidOrder::Id)
}

fn size(value: &str) -> Result<usize, InvalidOrder> {
    match value.parse() {
        Ok(size @ 1..=MAX_SIZE) => Ok(size),
        _ => Err(InvalidOrder::Size),
    }
}

impl std::fmt::Display for InvalidOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id => write!(f, "id must be {ID_DIGITS} hexadecimal digits"),
            Self::Size => write!(f, "size must be 1 to {MAX_SIZE} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parameters_are_optional_and_checked() {
        assert_eq!(Order::parse(""), Ok(Order { id: None, size: 16_384 }));
        let order = Order { id: Some(0xab), size: 1 << 20 };
        assert_eq!(Order::parse("size=1048576&x=y&id=0000000000000000000000AB"), Ok(order));
        for size in ["0", "1048577", "-1", "a", "", "99999999999999999999999"] {
            assert_eq!(Order::parse(&format!("size={size}")), Err(InvalidOrder::Size));
        }
        for id in
            ["", "ab", "+00000000000000000000000", "00000000000000000000000g", "0000000000000000000000000"]
        {
            assert_eq!(Order::parse(&format!("id={id}")), Err(InvalidOrder::Id));
        }
    }
}
