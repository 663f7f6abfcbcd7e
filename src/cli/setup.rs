//! `sendmail --setup`: writes a `.mc` file for a common case.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use bstr::{BString, ByteSlice};

use super::makecf;
use crate::name::Sysexit;

const USAGE: &str = "usage: sendmail --setup relay HOST [FILE.mc]\n       sendmail --setup local-only [FILE.mc]";

/// The file that is written where none is named.
const FILE: &str = "/etc/mail/sendmail.mc";

/// The host in the set-up `relay` whose place the given one takes.
const EXAMPLE: &str = "relay.example.com";

/// Runs `sendmail --setup`; `argv` begins with the program's name.
pub(super) fn main(argv: &[BString]) -> ExitCode {
    let words: Vec<&str> = argv.iter().skip(2).filter_map(|word| word.to_str().ok()).collect();
    let (text, file) = match (&words[..], words.len() + 2 == argv.len()) {
        (["relay", host, rest @ ..], true) if rest.len() < 2 && is_host(host) => (relay(host), rest.first()),
        (["local-only", rest @ ..], true) if rest.len() < 2 => (makecf::setup("local-only").to_owned(), rest.first()),
        _ => {
            eprintln!("{USAGE}");
            return Sysexit::Usage.into();
        }
    };
    let file = Path::new(file.copied().unwrap_or(FILE));
    let written = std::fs::File::create_new(file).and_then(|mut opened| opened.write_all(text.as_bytes()));
    match written {
        Ok(()) => {
            println!("{} is written; make it a .cf in its directory: make sendmail.cf", file.display());
            Sysexit::Ok.into()
        }
        Err(error) => {
            let advice = match error.kind() {
                std::io::ErrorKind::AlreadyExists => ": move it away, or name another file",
                _ => "",
            };
            eprintln!("sendmail --setup: {}: {error}; nothing is changed{advice}", file.display());
            Sysexit::CantCreat.into()
        }
    }
}

/// Tells whether a word can be the name or the address of a host: nothing in it may mean something to m4.
fn is_host(word: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    !word.is_empty() && !word.starts_with('-') && word.bytes().all(is_good)
}

fn relay(host: &str) -> String {
    makecf::setup("relay").replace(&format!("`{EXAMPLE}'"), &format!("`{host}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_takes_its_place() {
        assert!(relay("[192.0.2.1]").contains("\ndefine(`SMART_HOST', `[192.0.2.1]')dnl\n"));
        assert!(makecf::setup("local-only").contains("LOCAL_RULE_0"));
    }

    #[test]
    fn a_host_is_no_macro_and_no_option() {
        assert!(is_host("mail.example.com") && is_host("[IPv6:2001:db8::1]"));
        assert!(!is_host("x'y") && !is_host("a`b") && !is_host("-x") && !is_host("") && !is_host("a b"));
    }
}
