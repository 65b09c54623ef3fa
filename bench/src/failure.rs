//! Why something could not be measured.

use std::fmt;
use std::io;

/// One sentence for the person who asked.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// Puts what was being done before an error's own words.
    pub(crate) fn because<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// `return Err` with a sentence.
macro_rules! fail {
    ($($words:tt)*) => {
        return Err($crate::failure::Failure(format!($($words)*)))
    };
}
pub(crate) use fail;
