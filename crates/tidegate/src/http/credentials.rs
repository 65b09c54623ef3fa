//! A user name and a password, from a URL to where a protocol takes them.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

/// A user name and a password; the bytes that percent-encoding stood for, which is UTF-8 in practice.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Vec<u8>,
    pub(crate) password: Vec<u8>,
}

/// A user name with a colon, which would end it: basic authentication has no way to carry it (RFC 7617 §2).
pub(crate) struct ColonInUser;

impl Credentials {
    /// Those of a URL, if it has any.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let password = url.password();
        if url.username().is_empty() && password.is_none() {
            return None;
        }
        let decode = |text: &str| percent_decode_str(text).collect();
        Some(Self { user: decode(url.username()), password: decode(password.unwrap_or_default()) })
    }

    /// The value of `Authorization` or `Proxy-Authorization` (RFC 7617), marked as sensitive.
    pub(crate) fn basic(&self) -> Result<HeaderValue, ColonInUser> {
        if self.user.contains(&b':') {
            return Err(ColonInUser);
        }
        let pair = [&self.user, &b":"[..], &self.password].concat();
        let text = format!("Basic {}", BASE64_STANDARD.encode(pair));
        // Base64 is within what a header value may hold.
        let mut value = HeaderValue::from_str(&text).map_err(|_| ColonInUser)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(url: &str) -> Option<String> {
        let credentials = Credentials::of(&Url::parse(url).unwrap())?;
        let value = credentials.basic().ok().expect("no colon in the user name");
        assert!(value.is_sensitive());
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn credentials_are_decoded_and_encoded() {
        assert_eq!(basic("ws://h/"), None);
        assert_eq!(basic("ws://@h/"), None);
        // RFC 7617 §2 and §2.1.
        let aladdin = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(basic("ws://Aladdin:open%20sesame@h/").unwrap(), aladdin);
        assert_eq!(basic("ws://test:123%C2%A3@h/").unwrap(), "Basic dGVzdDoxMjPCow==");
        assert_eq!(basic("ws://test:123£@h/").unwrap(), "Basic dGVzdDoxMjPCow==");
        assert_eq!(basic("ws://user@h/").unwrap(), "Basic dXNlcjo=");
        assert_eq!(basic("ws://:pass@h/").unwrap(), "Basic OnBhc3M=");
        assert_eq!(basic("ws://u:a%3Ab@h/").unwrap(), "Basic dTphOmI=");
    }

    #[test]
    fn a_colon_cannot_be_part_of_a_user_name() {
        let credentials = Credentials::of(&Url::parse("ws://a%3Ab:c@h/").unwrap()).unwrap();
        assert!(credentials.basic().is_err());
        assert_eq!(format!("{credentials:?}"), "Credentials");
    }
}
