//! Visitors who are told apart by a cookie, and by nothing else.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::principal::{Asking, Refusal, owner};

const NAME: &str = "tidegate-visitor=";

/// How long a browser keeps the cookie: a year. An upload that is begun again and again makes it no younger.
const MAX_AGE_SECONDS: u32 = 365 * 24 * 3600;

/// The visitor that the cookie says, or a new one.
pub(super) fn recognize(headers: &HeaderMap) -> Result<Asking, Refusal> {
    if let Some(visitor) = known(headers) {
        return Ok(Asking { owner: owner("visitor", visitor), cookie: None });
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::NoRandomness)?;
    let visitor = format!("{:032x}", u128::from_be_bytes(bytes));
    let cookie = format!("{NAME}{visitor}; Path=/; Max-Age={MAX_AGE_SECONDS}; SameSite=Strict; HttpOnly");
    Ok(Asking { owner: owner("visitor", &visitor), cookie: HeaderValue::try_from(cookie).ok() })
}

/// The visitor that a cookie of ours names.
fn known(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';'));
    let visitor = pairs.find_map(|pair| pair.trim().strip_prefix(NAME))?;
    let is_ours = visitor.len() == 32 && visitor.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then_some(visitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(cookie: &str) -> Asking {
        let value = HeaderValue::from_str(cookie).unwrap();
        recognize(&HeaderMap::from_iter([(COOKIE, value)])).ok().unwrap()
    }

    #[test]
    fn a_visitor_is_known_again_and_nobody_else() {
        let first = recognize(&HeaderMap::new()).ok().unwrap();
        let cookie = first.cookie.unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.ends_with("; Path=/; Max-Age=31536000; SameSite=Strict; HttpOnly"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        let again = asking(&format!("a=b; {pair}"));
        assert_eq!((again.owner, again.cookie), (first.owner.clone(), None));
        for other in ["a=b", "tidegate-visitor=", "tidegate-visitor=zz", &format!("{pair}0")] {
            let other = asking(other);
            assert!(other.cookie.is_some() && other.owner != first.owner);
        }
    }
}
