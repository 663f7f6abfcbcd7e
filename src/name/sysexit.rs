//! Exit statuses of `<sysexits.h>`, which mail programs use as verdicts.

use std::fmt;

use super::Status;

/// An exit status of a mail program; also the verdict of a delivery or of a look-up.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Sysexit {
    /// Success.
    #[default]
    Ok = 0,
    /// The command line was wrong.
    Usage = 64,
    /// The input was wrong.
    DataErr = 65,
    /// An input file cannot be read.
    NoInput = 66,
    /// No such user.
    NoUser = 67,
    /// No such host.
    NoHost = 68,
    /// A service is not available.
    Unavailable = 69,
    /// An error inside the program or its configuration file.
    Software = 70,
    /// An error of the operating system.
    OsErr = 71,
    /// A system file is missing or unreadable.
    OsFile = 72,
    /// An output file cannot be created.
    CantCreat = 73,
    /// Reading or writing failed.
    IoErr = 74,
    /// A failure that may pass: try again later.
    TempFail = 75,
    /// The peer broke the protocol.
    Protocol = 76,
    /// Permission denied.
    NoPerm = 77,
    /// A configuration error.
    Config = 78,
}

impl Sysexit {
    const ALL: [Self; 16] = [
        Self::Ok,
        Self::Usage,
        Self::DataErr,
        Self::NoInput,
        Self::NoUser,
        Self::NoHost,
        Self::Unavailable,
        Self::Software,
        Self::OsErr,
        Self::OsFile,
        Self::CantCreat,
        Self::IoErr,
        Self::TempFail,
        Self::Protocol,
        Self::NoPerm,
        Self::Config,
    ];

    /// Returns the status with this number, if `<sysexits.h>` knows it.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| i32::from(exit.code()) == code)
    }

    /// Returns the number a process exits with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Tells whether trying again later makes sense.
    ///
    /// The original queues after `EX_TEMPFAIL`, `EX_IOERR` and `EX_OSERR`.
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::TempFail | Self::IoErr | Self::OsErr)
    }

    /// Returns the exit status that fits a status code.
    pub fn of_status(status: Status) -> Self {
        let text = status.to_string();
        let (class, rest) = text.split_once('.').unwrap_or_default();
        match (class, rest) {
            ("2", _) => Self::Ok,
            ("4", _) => Self::TempFail,
            (_, "1.1" | "1.6") => Self::NoUser,
            (_, "1.2" | "1.8") => Self::NoHost,
            (_, "1.3" | "1.7") => Self::Usage,
            (_, "2.4") => Self::DataErr,
            (_, "4.0" | "4.6") => Self::IoErr,
            (_, "4.3") => Self::TempFail,
            _ => match rest.split('.').next() {
                Some("1" | "7") => Self::DataErr,
                Some("3") => Self::OsErr,
                Some("5") => Self::Protocol,
                Some("4") => Self::Config,
                _ => Self::Unavailable,
            },
        }
    }

    /// Returns the exit status that `$#error $@ host` stands for: a status code or a word, or nothing.
    pub fn of_error(host: Option<&[u8]>) -> Self {
        let host = host.unwrap_or_default();
        if let Some(status) = std::str::from_utf8(host).ok().and_then(|host| host.parse().ok()) {
            return Self::of_status(status);
        }
        match host.to_ascii_lowercase().as_slice() {
            b"usage" => Self::Usage,
            b"nouser" => Self::NoUser,
            b"nohost" => Self::NoHost,
            b"tempfail" => Self::TempFail,
            b"protocol" => Self::Protocol,
            b"config" => Self::Config,
            _ => Self::Unavailable,
        }
    }
}

impl fmt::Display for Sysexit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())
    }
}

impl From<Sysexit> for std::process::ExitCode {
    fn from(exit: Sysexit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_found_by_its_number() {
        for exit in Sysexit::ALL {
            assert_eq!(Sysexit::from_code(i32::from(exit.code())), Some(exit));
        }
        assert_eq!(Sysexit::from_code(1), None);
    }
}
