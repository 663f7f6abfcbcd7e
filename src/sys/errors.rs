//! The system's words for its errors, as C programs print them, and which of them pass.

use std::io;

use nix::errno::Errno;

/// What Rust adds to the system's words: the number of the error.
const NUMBER: &str = " (os error ";

/// Returns the system's text for an error, without the number that Rust adds.
pub fn reason(error: &io::Error) -> String {
    if error.raw_os_error().is_none() && error.kind() == io::ErrorKind::NotFound {
        return reason_of(Errno::ENOENT);
    }
    without_number(error.to_string())
}

/// Returns the system's text for an error number, without the name that nix adds.
pub fn reason_of(errno: Errno) -> String {
    without_number(io::Error::from(errno).to_string())
}

/// Tells whether an error says nothing of the file that was asked for: there was no answer, or no room for one.
pub fn is_passing(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    let is_lack = matches!(errno, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS));
    let is_silence = matches!(errno, Some(Errno::EIO | Errno::ESTALE));
    let kinds = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
    is_lack || is_silence || kinds.contains(&error.kind())
}

fn without_number(mut text: String) -> String {
    if let Some(end) = text.rfind(NUMBER) {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_words_of_the_system_alone() {
        let check = |error: io::Error, expected: &str| assert_eq!(reason(&error), expected);
        check(Errno::EACCES.into(), "Permission denied");
        check(io::Error::other(io::Error::from(Errno::EACCES)), "Permission denied");
        check(io::ErrorKind::NotFound.into(), "No such file or directory");
        check(io::Error::other("unsafe"), "unsafe");
        assert_eq!(reason_of(Errno::ENOTDIR), "Not a directory");
    }

    #[test]
    fn what_says_nothing_of_the_file_passes() {
        let errnos = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EIO, Errno::ETIMEDOUT, Errno::EAGAIN];
        assert!(errnos.into_iter().all(|errno| is_passing(&errno.into())));
        let errnos = [Errno::ENOENT, Errno::EACCES, Errno::ENOTDIR, Errno::ELOOP, Errno::EISDIR];
        assert!(!errnos.into_iter().any(|errno| is_passing(&errno.into())));
        assert!(is_passing(&io::Error::new(io::ErrorKind::TimedOut, "nobody answers")));
        assert!(!is_passing(&io::Error::other("Group writable file")));
    }
}
