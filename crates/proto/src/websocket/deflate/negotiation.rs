//! Who offers what of permessage-deflate, and what comes of it (RFC 7692 §5, §7.1).

use super::{DeflateConfig, DeflateParams};
use crate::websocket::Extension;

/// What a client puts into `Sec-WebSocket-Extensions`: one offer (RFC 7692 §7.1).
///
/// `client_max_window_bits` is always there, since a server may only limit the client's window when it is.
#[must_use]
pub fn offer(config: &DeflateConfig) -> String {
    let mut offer = String::from(NAME);
    push_flag(&mut offer, SERVER_NO_CONTEXT_TAKEOVER, config.server_no_context_takeover);
    push_flag(&mut offer, CLIENT_NO_CONTEXT_TAKEOVER, config.client_no_context_takeover);
    if config.server_max_window_bits < FULL_WINDOW {
        push_bits(&mut offer, SERVER_MAX_WINDOW_BITS, config.server_max_window_bits);
    }
    if config.client_max_window_bits < FULL_WINDOW {
        push_bits(&mut offer, CLIENT_MAX_WINDOW_BITS, config.client_max_window_bits);
    } else {
        push_flag(&mut offer, CLIENT_MAX_WINDOW_BITS, true);
    }
    offer
}

/// What a server answers: the agreement on the first acceptable offer, with its `Sec-WebSocket-Extensions`, or
/// `None` to go without compression.
///
/// An offer is declined, and the next one looked at, when a parameter is unknown or repeated, when a value is
/// missing, superfluous, not a plain number or outside 8 to 15 (RFC 7692 §7.1), and when it asks the server for
/// a window of 2^8, with which zlib cannot compress. A `client_max_window_bits` set here counts only where the
/// client allows it by its offer (§7.1.2.2); otherwise the client's window has its full 2^15 bytes.
#[must_use]
pub fn accept(offers: &[Extension], config: &DeflateConfig) -> Option<(DeflateParams, String)> {
    offers
        .iter()
        .filter(|offer| offer.name == NAME)
        .find_map(|offer| accept_one(&Named::parse(&offer.params).ok()?, config))
}

/// What a client makes of the server's answer to [`offer`] with the same `config`; `None` when the server goes
/// without compression.
///
/// # Errors
///
/// Any answer that the offer does not allow, or that this end cannot honour. The client must then fail the
/// connection (RFC 7692 §5.1, §7.1).
pub fn confirm(
    extensions: &[Extension],
    config: &DeflateConfig,
) -> Result<Option<DeflateParams>, UnacceptableExtensions> {
    if let Some(other) = extensions.iter().find(|extension| extension.name != NAME) {
        return Err(UnacceptableExtensions::NotOffered(other.name.clone()));
    }
    match extensions {
        [] => Ok(None),
        [answer] => confirm_one(&Named::parse(&answer.params)?, config).map(Some),
        _ => Err(UnacceptableExtensions::Repeated),
    }
}

/// Why the server's choice of extensions cannot stand. The names are tokens, as the peer wrote them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnacceptableExtensions {
    /// An extension that was not offered (RFC 6455 §4.1).
    #[error("extension {0} was not offered")]
    NotOffered(String),
    /// permessage-deflate twice.
    #[error("permessage-deflate is accepted more than once")]
    Repeated,
    /// A parameter that RFC 7692 does not define.
    #[error("unknown parameter {0}")]
    UnknownParam(String),
    /// A parameter twice.
    #[error("repeated parameter {0}")]
    RepeatedParam(String),
    /// A value that is missing, superfluous, not a plain number, or outside 8 to 15.
    #[error("invalid value of parameter {0}")]
    InvalidValue(&'static str),
    /// A limit that the client asked for is not confirmed, or a larger window than the one asked for.
    #[error("parameter {0} does not hold what was asked for")]
    IgnoredParam(&'static str),
    /// The client is asked for a window of 2^8, with which zlib cannot compress.
    #[error("a client window of 8 bits is not supported")]
    UnsupportedClientWindow,
}

fn accept_one(offer: &Named, config: &DeflateConfig) -> Option<(DeflateParams, String)> {
    let server_bits = offer.server_max_window_bits;
    let client_bits = offer.client_max_window_bits;
    let params = DeflateParams {
        server_no_context_takeover: offer.server_no_context_takeover || config.server_no_context_takeover,
        client_no_context_takeover: offer.client_no_context_takeover || config.client_no_context_takeover,
        server_max_window_bits: config.server_max_window_bits.min(server_bits.unwrap_or(FULL_WINDOW)),
        client_max_window_bits: match client_bits {
            Some(bits) => config.client_max_window_bits.min(bits.unwrap_or(FULL_WINDOW)),
            None => FULL_WINDOW,
        },
    };
    if params.server_max_window_bits < SMALLEST_COMPRESSOR_WINDOW {
        return None;
    }
    let mut answer = String::from(NAME);
    push_flag(&mut answer, SERVER_NO_CONTEXT_TAKEOVER, params.server_no_context_takeover);
    push_flag(&mut answer, CLIENT_NO_CONTEXT_TAKEOVER, params.client_no_context_takeover);
    // RFC 7692 §7.1.2.1: naming the limit is how a server accepts it, even the limit of 15.
    if server_bits.is_some() || params.server_max_window_bits < FULL_WINDOW {
        push_bits(&mut answer, SERVER_MAX_WINDOW_BITS, params.server_max_window_bits);
    }
    if params.client_max_window_bits < FULL_WINDOW {
        push_bits(&mut answer, CLIENT_MAX_WINDOW_BITS, params.client_max_window_bits);
    }
    Some((params, answer))
}

fn confirm_one(answer: &Named, config: &DeflateConfig) -> Result<DeflateParams, UnacceptableExtensions> {
    if config.server_no_context_takeover && !answer.server_no_context_takeover {
        return Err(UnacceptableExtensions::IgnoredParam(SERVER_NO_CONTEXT_TAKEOVER));
    }
    let server_max_window_bits = answer.server_max_window_bits.unwrap_or(FULL_WINDOW);
    if server_max_window_bits > config.server_max_window_bits {
        return Err(UnacceptableExtensions::IgnoredParam(SERVER_MAX_WINDOW_BITS));
    }
    let client_max_window_bits = match answer.client_max_window_bits {
        // A client's own limit is a promise that holds without an answer (RFC 7692 §7.1.2.2).
        None => config.client_max_window_bits,
        Some(None) => return Err(UnacceptableExtensions::InvalidValue(CLIENT_MAX_WINDOW_BITS)),
        Some(Some(bits)) if bits > config.client_max_window_bits => {
            return Err(UnacceptableExtensions::IgnoredParam(CLIENT_MAX_WINDOW_BITS));
        }
        Some(Some(bits)) if bits < SMALLEST_COMPRESSOR_WINDOW => {
            return Err(UnacceptableExtensions::UnsupportedClientWindow);
        }
        Some(Some(bits)) => bits,
    };
    Ok(DeflateParams {
        server_no_context_takeover: answer.server_no_context_takeover,
        client_no_context_takeover: answer.client_no_context_takeover || config.client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
    })
}

/// The parameters of one offer or answer, by name, before anybody judges them.
#[derive(Default)]
struct Named {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// Present with or without a value: an offer may leave the value out (RFC 7692 §7.1.2.2).
    client_max_window_bits: Option<Option<u8>>,
}

impl Named {
    fn parse(params: &[(String, Option<String>)]) -> Result<Self, UnacceptableExtensions> {
        let mut named = Self::default();
        for (name, value) in params {
            let value = value.as_deref();
            let repeated = match name.as_str() {
                SERVER_NO_CONTEXT_TAKEOVER => {
                    no_value(SERVER_NO_CONTEXT_TAKEOVER, value)?;
                    std::mem::replace(&mut named.server_no_context_takeover, true)
                }
                CLIENT_NO_CONTEXT_TAKEOVER => {
                    no_value(CLIENT_NO_CONTEXT_TAKEOVER, value)?;
                    std::mem::replace(&mut named.client_no_context_takeover, true)
                }
                SERVER_MAX_WINDOW_BITS => {
                    let bits = window_bits(SERVER_MAX_WINDOW_BITS, value.unwrap_or_default())?;
                    named.server_max_window_bits.replace(bits).is_some()
                }
                CLIENT_MAX_WINDOW_BITS => {
                    let bits = value.map(|value| window_bits(CLIENT_MAX_WINDOW_BITS, value)).transpose()?;
                    named.client_max_window_bits.replace(bits).is_some()
                }
                _ => return Err(UnacceptableExtensions::UnknownParam(name.clone())),
            };
            if repeated {
                return Err(UnacceptableExtensions::RepeatedParam(name.clone()));
            }
        }
        Ok(named)
    }
}

fn no_value(name: &'static str, value: Option<&str>) -> Result<(), UnacceptableExtensions> {
    match value {
        None => Ok(()),
        Some(_) => Err(UnacceptableExtensions::InvalidValue(name)),
    }
}

/// A decimal number without leading zeros, 8 to 15 (RFC 7692 §7.1.2).
fn window_bits(name: &'static str, value: &str) -> Result<u8, UnacceptableExtensions> {
    match value {
        "8" => Ok(8),
        "9" => Ok(9),
        "10" => Ok(10),
        "11" => Ok(11),
        "12" => Ok(12),
        "13" => Ok(13),
        "14" => Ok(14),
        "15" => Ok(15),
        _ => Err(UnacceptableExtensions::InvalidValue(name)),
    }
}

fn push_flag(header: &mut String, name: &str, set: bool) {
    if set {
        header.push_str("; ");
        header.push_str(name);
    }
}

fn push_bits(header: &mut String, name: &str, bits: u8) {
    push_flag(header, name, true);
    header.push('=');
    header.push_str(&bits.to_string());
}

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The window without a limit, 2^15 bytes.
const FULL_WINDOW: u8 = 15;

/// zlib refuses 8 for raw deflate; inflating with 8 is fine.
const SMALLEST_COMPRESSOR_WINDOW: u8 = 9;
