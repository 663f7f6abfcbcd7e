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
        Self::of_status_text(status.to_string().as_bytes())
    }

    /// Returns the exit status that fits a text in the place of a status code: numbers between dots, as far as they are there.
    fn of_status_text(text: &[u8]) -> Self {
        let mut parts = text.split(|byte| *byte == b'.').map(number);
        match parts.next() {
            Some(Some(2)) => return Self::Ok,
            Some(Some(4)) => return Self::TempFail,
            Some(Some(5)) => {}
            _ => return Self::Config,
        }
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(1), Some(1 | 6)) => Self::NoUser,
            (Some(1), Some(2 | 8)) => Self::NoHost,
            (Some(1), Some(3 | 7)) => Self::Usage,
            (Some(2), Some(4)) => Self::DataErr,
            (Some(4), Some(0 | 6)) => Self::IoErr,
            (Some(4), Some(3)) => Self::TempFail,
            (Some(1 | 7), _) => Self::DataErr,
            (Some(3), _) => Self::OsErr,
            (Some(4), _) => Self::Config,
            (Some(5), _) => Self::Protocol,
            _ => Self::Unavailable,
        }
    }

    /// Returns the exit status that `$#error $@ host` stands for: a status code, a number or a word, or nothing.
    ///
    // QUIRK(error-hosts)
    pub fn of_error(host: Option<&[u8]>) -> Self {
        let host = host.unwrap_or_default();
        if host.contains(&b'.') {
            return Self::of_status_text(host);
        }
        if let Some(code) = number(host) {
            return Self::from_code(code).unwrap_or(Self::Unavailable);
        }
        match host.to_ascii_lowercase().as_slice() {
            b"usage" => Self::Usage,
            b"nouser" => Self::NoUser,
            b"nohost" => Self::NoHost,
            b"software" => Self::Software,
            b"tempfail" => Self::TempFail,
            b"protocol" => Self::Protocol,
            b"config" => Self::Config,
            _ => Self::Unavailable,
        }
    }
}

/// Returns the number that a text begins with.
fn number(text: &[u8]) -> Option<i32> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
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

    #[test]
    fn the_host_of_an_error_is_read_as_far_as_it_goes() {
        let check = |host: &str, exit| assert_eq!(Sysexit::of_error(Some(host.as_bytes())), exit, "{host}");
        check("5.1.1", Sysexit::NoUser);
        check("5.1", Sysexit::DataErr);
        check("5.x.y", Sysexit::Unavailable);
        check("4.x", Sysexit::TempFail);
        check("mail.example.com", Sysexit::Config);
        check("75", Sysexit::TempFail);
        check("0", Sysexit::Ok);
        check("9", Sysexit::Unavailable);
        check("Software", Sysexit::Software);
        check("ok", Sysexit::Unavailable);
    }
}
