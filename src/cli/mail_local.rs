//! `mail.local`: puts messages into mailboxes, for sendmail and for any other MTA.
//!
//! Plain mode takes one message from the standard input for the users named as arguments; `-l` speaks
//! LMTP (RFC 2033). As root two processes do the work, joined by a pair of sockets: the *hand* keeps
//! root, reads nothing but small requests of the other, opens and locks mailboxes as their users; the
//! *worker* has no rights at all, reads the messages and writes through the descriptors it is given.

use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::process::ExitCode;

use bstr::{BString, ByteSlice};
use nix::unistd::{geteuid, getuid};

use crate::name::Sysexit;
use crate::sys::process::{Ended, Forked, exit_now, fork};
use crate::sys::user::User;
use crate::sys::{host, passing, privilege, signal};

mod data;
mod deliver;
mod desk;
mod lmtp;
mod options;
mod spool;

use deliver::Delivery;
use desk::{Desk, Hand};
use options::{Options, Refused};
use spool::Spool;

/// Users without rights whom the worker may be; the first that exists is taken.
const WORKERS: [&[u8]; 3] = [b"smmta", b"mailnull", b"nobody"];

/// Runs `mail.local`; `args` begins with the program's name.
pub fn main(args: &[OsString]) -> ExitCode {
    ExitCode::from(run(args).code())
}

fn run(args: &[OsString]) -> Sysexit {
    let options = match Options::parse(args) {
        Ok(options) => options,
        Err(Refused { shown, exit, lmtp }) => {
            for line in shown {
                // Nobody may be listening; the exit status tells as well.
                let _ = if lmtp { writeln!(io::stdout(), "{line}\r") } else { writeln!(io::stderr(), "{line}") };
            }
            return exit;
        }
    };
    start(options).unwrap_or_else(|error| {
        let _ = match &error {
            error if error.lmtp => writeln!(io::stdout(), "421 4.3.0 {}\r", error.reason),
            error => writeln!(io::stderr(), "mail.local: {}", error.reason),
        };
        Sysexit::TempFail
    })
}

/// Why no message could even be read; temporary, as everything about the machine is.
struct NotStarted {
    reason: String,
    lmtp: bool,
}

/// Splits into hand and worker where there are rights to be split.
fn start(mut options: Options) -> Result<Sysexit, NotStarted> {
    let lmtp = options.lmtp;
    // Asked now: the worker is somebody else.
    options.from = options.from.or_else(|| Some(caller()));
    let failed = |reason: String| NotStarted { reason, lmtp };
    let system = |error: io::Error| failed(error.to_string());
    host::open_standard_descriptors().and_then(|()| signal::ignore_write_signals()).map_err(system)?;
    let spool = Spool::create().map_err(|_| failed("Unable to open temporary file".to_owned()))?;
    let hand = Hand::new(options.place.clone());
    let delivery = |desk| Delivery::new(desk, options.final_quota, options.durability, options.biff);
    if !geteuid().is_root() {
        return Ok(work(&options, delivery(Desk::Here(hand)), spool, &mut io::stdin(), &mut io::stdout()));
    }
    let worker = worker_user().map_err(failed)?;
    let (ours, theirs) = passing::pair().map_err(system)?;
    match fork().map_err(system)? {
        Forked::Parent(mut child) => {
            drop((theirs, spool));
            // An error here is the worker's end in the middle of a request; its status tells.
            let _ = desk::serve(hand, ours);
            match child.wait() {
                Ok(Ended::Exited(status)) => Ok(Sysexit::from_code(status).unwrap_or(Sysexit::TempFail)),
                _ => Ok(Sysexit::TempFail),
            }
        }
        Forked::Child => {
            drop(ours);
            let dropped = privilege::drop_to(worker.uid, worker.gid, &[]).and_then(|()| privilege::harden());
            let exit = match dropped {
                Ok(()) => work(&options, delivery(Desk::There(theirs)), spool, &mut io::stdin(), &mut io::stdout()),
                Err(error) => {
                    let _ = writeln!(io::stderr(), "mail.local: {error}");
                    Sysexit::TempFail
                }
            };
            exit_now(exit.code())
        }
    }
}

fn worker_user() -> Result<User, String> {
    for name in WORKERS {
        if let Some(user) = User::by_name(name).map_err(|error| error.to_string())?
            && user.uid != 0
        {
            return Ok(user);
        }
    }
    Err("no user smmta, mailnull or nobody to read messages as; make one".to_owned())
}

/// Reads and delivers; needs no rights.
fn work(
    options: &Options,
    mut delivery: Delivery,
    mut spool: Spool,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Sysexit {
    if options.lmtp {
        return lmtp::run(options, &mut delivery, &mut spool, input, output);
    }
    let sender = options.from.as_ref().map_or(&b"???"[..], |from| from.as_slice());
    if let Err(refusal) = spool_all(&mut spool, sender, input) {
        return refuse(&refusal);
    }
    let mut worst = Sysexit::Ok;
    for user in &options.users {
        if let Err(refusal) = delivery.deliver(user, &mut spool) {
            let exit = refuse(&refusal);
            // One that can be tried again outweighs the others: all are tried again then.
            if worst != Sysexit::TempFail {
                worst = exit;
            }
        }
    }
    worst
}

/// Puts the whole input into the spool file, in mbox form.
fn spool_all(spool: &mut Spool, sender: &[u8], input: &mut dyn Read) -> Result<(), desk::Refusal> {
    let mut reader = BufReader::new(input);
    spool.begin(sender);
    loop {
        let chunk = match io::BufRead::fill_buf(&mut reader) {
            Ok([]) => return spool.end(),
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(desk::Refusal::temporary(format!("Input: {error}"))),
        };
        spool.push(chunk);
        let length = chunk.len();
        io::BufRead::consume(&mut reader, length);
    }
}

/// Shows a refusal to whoever reads the standard error and returns the exit status for it.
fn refuse(refusal: &desk::Refusal) -> Sysexit {
    let _ = io::stderr().write_all(&[b"mail.local: ", refusal.text.as_bytes(), b"\n"].concat());
    refusal.exit()
}

/// Returns the name of the calling user.
fn caller() -> BString {
    match User::by_uid(getuid().as_raw()) {
        Ok(Some(user)) => user.name,
        _ => "???".into(),
    }
}

#[cfg(test)]
mod tests;
