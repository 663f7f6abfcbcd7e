//! `mailstats`: prints the counters of the statistics file.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bstr::{BString, ByteSlice};
use jiff::{Timestamp, tz::TimeZone};

use super::map_tools::{Failure, Flags, Streams, with_streams};
use crate::cf::{self, Config, ReadEnv};
use crate::log::{MAILERS_MAX, Statistics, StatisticsError};
use crate::name::Sysexit;
use crate::sys::errors::reason;

const USAGE: &str = "usage: mailstats [-C cffile] [-c] [-P] [-f stfile] [-o] [-p]";
/// The configuration of the daemon, and with `-c` that of local programs.
const CONFIGURATION: &str = "/etc/mail/sendmail.cf";
const SUBMISSION_CONFIGURATION: &str = "/etc/mail/submit.cf";

/// Runs `mailstats`; `args` begins with the program's name.
pub fn main(args: &[OsString]) -> ExitCode {
    with_streams(|streams| run(args.get(1..).unwrap_or_default(), streams))
}

/// How the counters are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Style {
    /// For people; with the mailers' names or, with `-o`, without.
    Table { has_names: bool },
    /// For programs (`-P`).
    Plain,
}

fn run(args: &[OsString], streams: &mut Streams<'_>) -> Sysexit {
    let found = Flags::parse("C:cPf:op", args);
    if found.error.is_some() || !found.operands.is_empty() {
        if let Some(error) = &found.error {
            streams.complain(format!("mailstats: {error}"));
        }
        streams.complain(USAGE);
        return Sysexit::Usage;
    }
    let has = |wanted: u8| found.flags.iter().any(|(letter, _)| *letter == wanted);
    let last = |wanted: u8| {
        let value = found.flags.iter().rev().find(|(letter, _)| *letter == wanted).map(|(_, value)| value);
        value.map(|value| PathBuf::from(OsStr::from_bytes(value)))
    };
    let usual = if has(b'c') { SUBMISSION_CONFIGURATION } else { CONFIGURATION };
    let style = match has(b'P') || has(b'p') {
        true => Style::Plain,
        false => Style::Table { has_names: !has(b'o') },
    };
    let shown = show(&last(b'C').unwrap_or_else(|| usual.into()), last(b'f'), style, has(b'p'), streams);
    match shown {
        Ok(()) => Sysexit::Ok,
        Err(Failure { text, exit }) => {
            streams.complain(format!("mailstats: {text}"));
            exit
        }
    }
}

/// Prints the counters; with `empties` they begin anew.
fn show(
    configuration: &Path,
    file: Option<PathBuf>,
    style: Style,
    empties: bool,
    streams: &mut Streams<'_>,
) -> Result<(), Failure> {
    let missing = |path: &Path, error: io::Error| Failure {
        text: format!("{}: {}", path.display(), reason(&error)),
        exit: Sysexit::NoInput,
    };
    let text = std::fs::read(configuration).map_err(|error| missing(configuration, error))?;
    let config = cf::read(&text, &configuration.display().to_string(), &ReadEnv::default()).0;
    let named = || Some(&config.options.status_file).filter(|file| !file.is_empty());
    let path = file.or_else(|| named().map(|file| PathBuf::from(OsStr::from_bytes(file))));
    let path = path.ok_or_else(|| Failure { text: "no statistics file located".into(), exit: Sysexit::OsFile })?;
    let file = File::options().read(true).write(empties).open(&path).map_err(|error| missing(&path, error))?;
    let now = Timestamp::now();
    let statistics = match Statistics::read(&file) {
        Ok(statistics) => statistics.unwrap_or_else(|| Statistics::new(now.as_second())),
        Err(StatisticsError::Io(error)) => return Err(missing(&path, error)),
        Err(StatisticsError::Format | StatisticsError::Locked) => {
            return Err(Failure {
                text: format!("incorrect magic number in {}", path.display()),
                exit: Sysexit::OsErr,
            });
        }
    };
    print(&statistics, &names(&config), style, now, streams.output)
        .and_then(|()| streams.output.flush())
        .map_err(|error| Failure { text: reason(&error), exit: Sysexit::IoErr })?;
    if empties {
        file.set_len(0).map_err(|error| missing(&path, error))?;
    }
    Ok(())
}

/// Returns the names of the mailers in the order of their counters.
fn names(config: &Config) -> Vec<BString> {
    config.mailers.iter().map(|mailer| mailer.name.as_bytes().into()).collect()
}

fn print(
    statistics: &Statistics,
    names: &[BString],
    style: Style,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let has_names = style != Style::Table { has_names: false };
    match style {
        Style::Plain => writeln!(out, "{} {}", statistics.since_secs, now.as_second())?,
        Style::Table { .. } => {
            let since = Timestamp::from_second(statistics.since_secs).unwrap_or(now).to_zoned(TimeZone::system());
            let heading = " M   msgsfr  bytes_from   msgsto    bytes_to  msgsrej msgsdis msgsqur";
            writeln!(out, "Statistics from {}", since.strftime("%a %b %e %H:%M:%S %Y"))?;
            writeln!(out, "{heading}{}", if has_names { "  Mailer" } else { "" })?;
        }
    }
    let mut total = [0; 7];
    for slot in 0..MAILERS_MAX {
        let row = row(statistics, slot);
        if row.iter().all(|counter| *counter == 0) {
            continue;
        }
        total.iter_mut().zip(row).for_each(|(total, more)| *total += more);
        print_row(&format!("{slot:2}"), row, style, out)?;
        if has_names {
            write!(out, "  {}", names.get(slot).map_or(b"".as_bstr(), |name| name.as_bstr()))?;
        }
        writeln!(out)?;
    }
    if style != Style::Plain {
        writeln!(out, "{}", "=".repeat(69))?;
    }
    print_row(" T", total, style, out)?;
    let (from, to, rejected) =
        (statistics.connections_from, statistics.connections_to, statistics.connections_rejected);
    match style {
        Style::Plain => writeln!(out, "\n C {from:8} {to:8} {rejected:6}"),
        Style::Table { .. } => writeln!(out, "\n C {from:8} {to:20} {rejected:20}"),
    }
}

/// Returns a mailer's counters in the order of the columns.
fn row(statistics: &Statistics, slot: usize) -> [i64; 7] {
    [
        statistics.messages_from[slot],
        statistics.kbytes_from[slot],
        statistics.messages_to[slot],
        statistics.kbytes_to[slot],
        statistics.rejected[slot],
        statistics.discarded[slot],
        statistics.quarantined[slot],
    ]
}

fn print_row(label: &str, row: [i64; 7], style: Style, out: &mut dyn Write) -> io::Result<()> {
    let unit = if style == Style::Plain { "" } else { "K" };
    let [from, kbytes_from, to, kbytes_to, rejected, discarded, quarantined] = row;
    write!(out, "{label} {from:8} {kbytes_from:10}{unit} {to:8} {kbytes_to:10}{unit}")?;
    write!(out, "   {rejected:6}  {discarded:6}  {quarantined:6}")
}

#[cfg(test)]
mod tests {
    use super::super::map_tools::testing::Room;
    use super::*;
    use crate::log::Event;

    /// Prints counters as the style says; the time is fixed.
    #[track_caller]
    fn check(style: Style, expected: &str) {
        let mut statistics = Statistics::new(1_795_947_793);
        statistics.count(Event::Received { mailer: Some(3), size_bytes: 18 });
        statistics.count(Event::Sent { mailer: Some(5), size_bytes: 5000 });
        statistics.count(Event::ConnectionFrom);
        statistics.count(Event::Rejected { mailer: None });
        let names = ["prog", "*file*", "*include*", "local", "smtp", "esmtp"].map(BString::from);
        let mut out = Vec::new();
        let now = Timestamp::from_second(1_795_947_794).expect("a time");
        print(&statistics, &names, style, now, &mut out).expect("written");
        let text = out.as_bstr().to_string();
        assert_eq!(text.split_once('\n').expect("a first line").1, expected);
    }

    #[test]
    fn lines_are_those_of_the_original() {
        let plain = " 3        1          1        0          0        0       0       0  local\n \
                      5        0          0        1          5        0       0       0  esmtp\n \
                      T        1          1        1          5        0       0       0\n \
                      C        1        0      1\n";
        check(Style::Plain, plain);
        let table = " M   msgsfr  bytes_from   msgsto    bytes_to  msgsrej msgsdis msgsqur\n \
                      3        1          1K        0          0K        0       0       0\n \
                      5        0          0K        1          5K        0       0       0\n\
                     =====================================================================\n \
                      T        1          1K        1          5K        0       0       0\n \
                      C        1                    0                    1\n";
        check(Style::Table { has_names: false }, table);
    }

    #[track_caller]
    fn check_failure(args: &str, expected: &str, exit: Sysexit) {
        let room = Room::new();
        room.write("odd", "x\n");
        let ran = room.run(run, args, "");
        assert_eq!((ran.output.as_str(), ran.errors.as_str(), ran.exit), ("", expected, exit), "{args}");
    }

    #[test]
    fn what_cannot_be_shown_is_told_as_by_the_original() {
        check_failure("", "mailstats: no statistics file located\n", Sysexit::OsFile);
        check_failure("-f ROOM/none", "mailstats: ROOM/none: No such file or directory\n", Sysexit::NoInput);
        check_failure("-f ROOM/odd", "mailstats: incorrect magic number in ROOM/odd\n", Sysexit::OsErr);
        check_failure("extra", &format!("{USAGE}\n"), Sysexit::Usage);
        check_failure("-z", &format!("mailstats: invalid option -- 'z'\n{USAGE}\n"), Sysexit::Usage);
    }

    #[test]
    fn a_file_that_is_read_out_begins_anew() {
        let room = Room::new();
        room.write("st", "");
        let file = File::options().write(true).read(true).open(room.path("st")).expect("there");
        let mut statistics = Statistics::new(0);
        statistics.count(Event::ConnectionTo);
        statistics.add_to(&file).expect("added");
        let ran = room.run(run, "-f ROOM/st -p", "");
        assert!(ran.output.ends_with(" C        0        1      0\n"), "{}", ran.output);
        assert_eq!(Statistics::read(&file).expect("empty"), None);
    }
}
