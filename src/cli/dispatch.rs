//! From the program's name and its options to what runs.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use bstr::BString;

use crate::daemon::programs::{Programs, Surroundings, Task};
use crate::daemon::role::{self, Role};
use crate::name::Sysexit;
use crate::sys::{host, privilege};

use super::command_line::{CommandLine, UsageError, base_name};
use super::debug::DebugFlags;
use super::desk::{self, Job};
use super::mode::Mode;
use super::{
    aliases, begin, compare, configuration, daemon_mode, editmap, explain, help, host_status, mail_local, mailstats,
    makecf, makemap, order, praliases, quarantine, queue_list, setup, show, single_run, smtp_stdio, submission,
    test_mode, verify, work,
};

/// What a program's name stands for.
enum Program {
    /// `sendmail` in a mode that `-b` may change.
    Sendmail(Mode),
    /// A program of its own; it gets all words, its name first.
    Own(fn(&[OsString]) -> ExitCode),
    /// A program that this build does not have yet.
    Missing,
}

/// Every name, by the last component of `argv[0]`; any other is `sendmail`.
const PROGRAMS: &[(&str, Program)] = &[
    ("sendmail", Program::Sendmail(Mode::Deliver)),
    ("send-mail", Program::Sendmail(Mode::Deliver)),
    ("mailq", Program::Sendmail(Mode::PrintQueue)),
    ("newaliases", Program::Sendmail(Mode::InitAliases)),
    ("hoststat", Program::Sendmail(Mode::HostStatus)),
    ("purgestat", Program::Sendmail(Mode::PurgeHostStatus)),
    ("smtpd", Program::Sendmail(Mode::Daemon)),
    ("editmap", Program::Own(editmap::main)),
    ("mail.local", Program::Own(mail_local::main)),
    ("makecf", Program::Own(makecf::main)),
    ("makemap", Program::Own(makemap::main)),
    ("mailstats", Program::Own(mailstats::main)),
    ("praliases", Program::Own(praliases::main)),
    ("smrsh", Program::Missing),
    ("vacation", Program::Missing),
];

/// How a mode of `sendmail` is run.
enum Start {
    /// In this process, with the rights that it has.
    Here(fn(&CommandLine) -> ExitCode),
    /// As one thing that is done for the caller.
    AtDesk(Job),
    /// As a daemon.
    Daemon,
}

/// What runs in each mode of `sendmail`; a mode that is not here is not there yet.
const MODES: &[(Mode, Start)] = &[
    (Mode::CheckConfig, Start::Here(begin::check_config)),
    (Mode::CountQueue, Start::Here(queue_list::main_count)),
    (Mode::Daemon, Start::Daemon),
    (Mode::ForegroundDaemon, Start::Daemon),
    (Mode::HostStatus, Start::Here(host_status::main)),
    (Mode::PurgeHostStatus, Start::Here(host_status::main)),
    (Mode::OptionNames, Start::Here(print_option_names)),
    (Mode::PrintQueue, Start::Here(queue_list::main)),
    (Mode::QueueRun, Start::AtDesk(single_run::job)),
    (Mode::Quarantine, Start::AtDesk(quarantine::job)),
    (Mode::Test, Start::Here(test_mode::main)),
    (Mode::Deliver, Start::AtDesk(submission::job)),
    (Mode::Smtp, Start::AtDesk(smtp_stdio::job)),
    (Mode::Arpanet, Start::AtDesk(submission::job)),
    (Mode::Verify, Start::AtDesk(verify::job)),
    (Mode::InitAliases, Start::Here(aliases::run)),
];

/// How the processes that the program executes itself as do what is not theirs.
const PROCESSES: Programs =
    Programs { text: order::text, read: order::read, log: order::log, spool: order::spool, open: work::open, perform };

/// Does in a network process the one thing that its command line asks for.
fn perform(surroundings: Surroundings) -> Task<Sysexit> {
    Box::pin(async move {
        let Ok(command) = order::command_line(&surroundings.order) else { return Sysexit::Usage };
        match start_of(command.mode) {
            Some(Start::AtDesk(job)) => desk::inside(surroundings, command, *job).await,
            _ => Sysexit::Usage,
        }
    })
}

/// Returns how a mode is run.
fn start_of(mode: Mode) -> Option<&'static Start> {
    MODES.iter().find(|(known, _)| *known == mode).map(|(_, start)| start)
}

/// Runs the program that the last component of `argv[0]` names and returns its exit status.
pub fn run() -> ExitCode {
    // Whatever a fault, or a system that starts no thread, has stopped: the caller must not take it for the last word.
    std::panic::catch_unwind(dispatch).unwrap_or_else(|_| Sysexit::TempFail.into())
}

/// Runs the program that the first word of the command line names.
fn dispatch() -> ExitCode {
    // A caller may have closed them; what is opened next must not become standard output.
    if host::open_standard_descriptors().is_err() {
        return Sysexit::OsErr.into();
    }
    let args: Vec<OsString> = std::env::args_os().collect();
    let argv: Vec<BString> = args.iter().map(|word| word.clone().into_vec().into()).collect();
    if let Some(role) = argv.first().and_then(|name| Role::of(name)) {
        return role::run(role, argv.get(1).map(|word| word.as_slice()), PROCESSES);
    }
    let name = argv.first().map_or(&b"sendmail"[..], |word| base_name(word));
    match PROGRAMS.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, program)| program) {
        None => sendmail(&argv, Mode::Deliver),
        Some(Program::Sendmail(mode)) => sendmail(&argv, *mode),
        Some(Program::Own(main)) => without_group(&String::from_utf8_lossy(name), || main(&args)),
        Some(Program::Missing) => {
            complain(format_args!("{}: this build does not have this program", BString::from(name)));
            Sysexit::Unavailable.into()
        }
    }
}

/// Gives back the group of the binary, then runs a program that needs none.
fn without_group(name: &str, main: impl FnOnce() -> ExitCode) -> ExitCode {
    match privilege::drop_group() {
        Ok(()) => main(),
        Err(error) => {
            complain(format_args!("{name}: {error}"));
            Sysexit::OsErr.into()
        }
    }
}

/// Runs a program with all words, its name first.
type Ask = fn(&[BString]) -> ExitCode;

/// Programs behind a first word of `sendmail`, which the original takes for a recipient's.
const QUESTIONS: &[(&str, Ask)] =
    &[("--explain", explain::main), ("--compare", compare::main), ("--setup", setup::main), ("--help", help::main)];

/// Finds the question that the first word asks, or the first one behind `-C FILE`; its word comes first in what is returned.
fn question(argv: &[BString]) -> Option<(Ask, Vec<BString>)> {
    let mut at = 1;
    loop {
        let word = argv.get(at)?;
        if let Some((_, main)) = QUESTIONS.iter().find(|(known, _)| known.as_bytes() == word.as_slice()) {
            let mut words = argv.to_vec();
            words[1..=at].rotate_right(1);
            return Some((*main, words));
        }
        match word.strip_prefix(b"-C")? {
            [] => at += 2,
            _ => at += 1,
        }
    }
}

/// Runs `sendmail` in the mode that its options choose.
fn sendmail(argv: &[BString], mode: Mode) -> ExitCode {
    if let Some((main, words)) = question(argv) {
        return without_group("sendmail", || main(&words));
    }
    let command = match CommandLine::parse(argv, mode) {
        Ok(command) => command,
        Err(error) => {
            refuse(&error);
            return error.exit().into();
        }
    };
    command.complaints.iter().for_each(refuse);
    if !command.safe_for_setgid()
        && let Err(error) = privilege::drop_group()
    {
        complain(format_args!("sendmail: {error}"));
        return Sysexit::OsErr.into();
    }
    // Address test mode goes on whatever is wrong, and tells it itself.
    if !matches!(command.mode, Mode::OptionNames | Mode::Test)
        && let Some(exit) = configuration::report(&configuration::faults(&command), &command)
    {
        return exit.into();
    }
    if let Err(exit) = tell_debugging(&command) {
        return exit.into();
    }
    match start_of(command.mode) {
        Some(Start::Here(run)) => run(&command),
        Some(Start::AtDesk(_)) if command.runs_queue_again() => daemon_mode::run(&command, PROCESSES),
        Some(Start::AtDesk(job)) => desk::run(&command, *job, PROCESSES),
        Some(Start::Daemon) => daemon_mode::run(&command, PROCESSES),
        None => {
            let letter = char::from(command.mode.letter());
            complain(format_args!("sendmail: this build does not have mode -b{letter}"));
            Sysexit::Unavailable.into()
        }
    }
}

/// Modes that read the text of the configuration and put it to no use.
const OF_TEXT: [Mode; 4] = [Mode::PrintQueue, Mode::CountQueue, Mode::HostStatus, Mode::PurgeHostStatus];

/// Tells what `-d` asks for before the mode begins, and what is not traced here.
fn tell_debugging(command: &CommandLine) -> Result<(), Sysexit> {
    // Who names a file wants to read it there, where nothing is written.
    for category in DebugFlags::parse(&command.debug).untraced().iter().filter(|_| command.debug_file.is_none()) {
        complain(format_args!("-d{category}: category {category} is not traced"));
    }
    if OF_TEXT.contains(&command.mode) { begin::banner(command) } else { Ok(()) }
}

/// Prints the names of all options.
fn print_option_names(_: &CommandLine) -> ExitCode {
    match io::stdout().write_all(show::option_names().as_bytes()) {
        Ok(()) => Sysexit::Ok.into(),
        Err(_) => Sysexit::IoErr.into(),
    }
}

/// Says what is wrong with the command line: as `getopt` does on standard error, the rest on standard output.
fn refuse(error: &UsageError) {
    match error {
        UsageError::Option { .. } => complain(format_args!("{error}")),
        UsageError::Gone => {}
        _ => drop(writeln!(io::stdout(), "{error}")),
    }
}

/// Says on standard error why nothing is done.
fn complain(text: std::fmt::Arguments<'_>) {
    // Nobody may be listening; the exit status tells as well.
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_may_stand_behind_the_file_it_is_about() {
        let check = |line: &str, expected: Option<&str>| {
            let words: Vec<BString> = line.split(' ').map(BString::from).collect();
            let found = question(&words).map(|(_, words)| bstr::join(" ", &words));
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{line}");
        };
        check("sendmail --explain --to a", Some("sendmail --explain --to a"));
        check("sendmail -C x.cf --explain --to a", Some("sendmail --explain -C x.cf --to a"));
        check("sendmail -Cx.cf --compare y.cf a", Some("sendmail --compare -Cx.cf y.cf a"));
        check("sendmail -C --explain", None);
        check("sendmail -t --explain", None);
        check("sendmail --help", Some("sendmail --help"));
        check("sendmail a --explain", None);
        check("sendmail", None);
    }

    #[test]
    fn every_name_and_mode_stands_once() {
        for (index, (name, _)) in PROGRAMS.iter().enumerate() {
            assert!(PROGRAMS[index + 1..].iter().all(|(other, _)| other != name), "{name}");
        }
        for (index, (mode, _)) in MODES.iter().enumerate() {
            assert!(MODES[index + 1..].iter().all(|(other, _)| other != mode), "{mode:?}");
        }
    }
}
