//! What look-ups come to.

use bstr::BString;

/// What a look-up came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer<T> {
    /// There is such a record; lists are never empty.
    Found(T),
    /// There is no such name.
    NotFound,
    /// The name exists, but has no such record.
    NoData,
    /// No answer can be had now; the reason, for logs and replies.
    TempFail(BString),
}

impl<T> Answer<T> {
    /// Returns what was found, if anything was.
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }

    /// Tells whether to ask again later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::TempFail(_))
    }

    /// Changes what was found.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Found(value) => Answer::Found(change(value)),
            Self::NotFound => Answer::NotFound,
            Self::NoData => Answer::NoData,
            Self::TempFail(reason) => Answer::TempFail(reason),
        }
    }
}

impl<T> Answer<T> {
    /// Returns the one that says more: found, then temporary failure, then no data, then no such name.
    pub(in super::super) fn or(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Found(_), _) | (_, Self::NotFound) => self,
            (_, Self::Found(_)) | (Self::NotFound, _) => other,
            (Self::TempFail(_), _) => self,
            (_, Self::TempFail(_)) => other,
            (Self::NoData, Self::NoData) => self,
        }
    }
}

impl<T> Answer<Vec<T>> {
    /// Returns the list as found, or as no data if it is empty.
    pub(super) fn of(list: Vec<T>) -> Self {
        if list.is_empty() { Self::NoData } else { Self::Found(list) }
    }
}
