//! What a look-up gives.

use bstr::BString;

use crate::name::Sysexit;

/// What one look-up gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The value, with `%1` filled in and `-a` appended.
    Found(BString),
    /// There is no such key; the status is the one that the test mode shows.
    NotFound(Sysexit),
    /// Nobody knows now; why.
    TempFail(BString),
}

impl Outcome {
    /// Returns the status that the test mode shows behind the result.
    pub fn status(&self) -> Sysexit {
        match self {
            Outcome::Found(_) => Sysexit::Ok,
            Outcome::NotFound(status) => *status,
            Outcome::TempFail(_) => Sysexit::TempFail,
        }
    }
}
