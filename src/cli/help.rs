//! `sendmail --help`: what it is called for, and what this version does not do.

use std::io::{self, Write as _};
use std::process::ExitCode;

use bstr::BString;

use crate::name::Sysexit;

const TEXT: &str = "\
usage: sendmail [FLAG ...] [RECIPIENT ...]     takes a message on standard input (-t: recipients from its header)
       sendmail -bd -q15m                      the daemon        sendmail -Ac -q15m    the client queue
       sendmail -bp    lists the queue         sendmail -q       tries it now
       sendmail -bi    makes the aliases       sendmail -bv USER     tells where mail goes
       sendmail -bt    tries rules by hand     sendmail -bC      checks the configuration (-C FILE: another)
       sendmail --explain ...                  tells why mail is taken or refused
       sendmail --compare NEW.cf ADDRESS ...   tells what two configurations treat differently
       sendmail --setup relay HOST | local-only      writes a .mc file

makecf FILE.mc makes a configuration; `makecf --help' tells how.

Not there yet in this version: mail filters (milters), STARTTLS, AUTH, the status of hosts, vacation, smrsh. Configurations
that ask for them load; `sendmail -bC' names what it does not act upon.
";

/// Runs `sendmail --help`.
pub(super) fn main(_: &[BString]) -> ExitCode {
    match io::stdout().write_all(TEXT.as_bytes()) {
        Ok(()) => Sysexit::Ok.into(),
        Err(_) => Sysexit::IoErr.into(),
    }
}
