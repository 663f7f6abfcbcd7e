//! Which configuration file a call uses, and what is said when it cannot be used.

use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::cf::{self, CfError, Config, OptionError, Problem, Severity};
use crate::log::{About, Level, Log};
use crate::name::Sysexit;
use crate::site::{read_env, unreadable};
use crate::submit::Caller;
use crate::sys::safe_file::READ;

use super::command_line::{CommandLine, ConfigChoice};
use super::desk;
use super::makecf;
use super::mode::Mode;

/// The configuration of submission programs.
pub const SUBMISSION_FILE: &str = "/etc/mail/submit.cf";
/// The configuration of the daemon.
pub const DAEMON_FILE: &str = "/etc/mail/sendmail.cf";

/// How many problems of a configuration a call tells; `-bC` tells all.
const TOLD_MAX: usize = 20;

/// The set-up of `etc/mail` that stands for a missing [`SUBMISSION_FILE`].
const SUBMISSION_DEFAULT: &str = "submit";
/// The set-up of `etc/mail` that stands for a missing [`DAEMON_FILE`].
const DAEMON_DEFAULT: &str = "built-in";

/// Tells whether a call hands in mail.
fn is_submission(command: &CommandLine) -> bool {
    command.mode.is_submission() || command.is_gateway || command.reads_recipients
}

/// Returns the file that a call uses; `exists` tells whether a file is there.
///
/// Submission modes take submit.cf where it exists (op guide, "Mail Submission"), or where there is no file at all; all
/// others sendmail.cf.
fn path(command: &CommandLine, exists: impl Fn(&Path) -> bool) -> PathBuf {
    let has_own = || exists(Path::new(SUBMISSION_FILE)) || !exists(Path::new(DAEMON_FILE));
    match &command.config {
        ConfigChoice::File(file) => file.to_path_lossy().into_owned(),
        ConfigChoice::Submission => SUBMISSION_FILE.into(),
        ConfigChoice::ByMode if is_submission(command) && has_own() => SUBMISSION_FILE.into(),
        ConfigChoice::ByMode | ConfigChoice::Daemon => DAEMON_FILE.into(),
    }
}

/// Returns the name of the file that a call uses.
pub fn file(command: &CommandLine) -> PathBuf {
    path(command, Path::exists)
}

/// Returns the text of the built-in default for this host's daemon.
pub fn built_in() -> Vec<u8> {
    makecf::built_in(DAEMON_DEFAULT)
}

/// The text of a configuration: the one place where such a file is read.
#[derive(Debug)]
pub(super) struct Source {
    /// The file.
    pub(super) file: PathBuf,
    /// What stands in it, or in the built-in default in its stead.
    pub(super) text: io::Result<Vec<u8>>,
    /// The set-up that stands for a file that is not there.
    default: Option<&'static str>,
}

impl Source {
    /// Reads a file that somebody names.
    pub(super) fn named(file: &Path) -> Self {
        Self { file: file.to_owned(), text: read_plain(file), default: None }
    }

    /// Reads a file of whatever kind, as makemap and its like do.
    pub(super) fn of_any_kind(file: &Path) -> Self {
        Self { file: file.to_owned(), text: std::fs::read(file), default: None }
    }

    /// Reads a file that nobody names: where there is none, a built-in default stands for it.
    pub(super) fn usual(file: impl AsRef<Path>) -> Self {
        let source = Self::named(file.as_ref());
        let is_missing = source.text.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if !is_missing {
            return source;
        }
        let default = if source.file == Path::new(SUBMISSION_FILE) { SUBMISSION_DEFAULT } else { DAEMON_DEFAULT };
        Self { text: Ok(makecf::built_in(default)), default: Some(default), ..source }
    }

    /// Reads the file that a call uses.
    pub(super) fn of(command: &CommandLine) -> Self {
        match &command.config {
            ConfigChoice::File(_) => Self::named(&file(command)),
            _ => Self::usual(file(command)),
        }
    }

    /// Tells whether a built-in default stands for the file.
    pub(super) fn is_default(&self) -> bool {
        self.default.is_some()
    }

    /// Says on standard error that a default is in force, and in the log where a daemon begins; programs that hand in
    /// mail are not disturbed.
    pub(super) fn tell_default(&self, command: &CommandLine) {
        let Some(default) = self.default.filter(|_| !is_submission(command)) else { return };
        let file = self.file.display();
        let text = format!(
            "{file} is not there: the built-in default is in force ({default}.mc; see `makecf --explain {default}`)"
        );
        eprintln!("{text}");
        if matches!(command.mode, Mode::Daemon | Mode::ForegroundDaemon) || command.runs_queue_again() {
            desk::log(command).say(Level::SETUP, None, text);
        }
    }
}

/// Reads a plain file, which also root must have the right to read, or a pipe.
// QUIRK(configuration-from-a-pipe)
fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    if !(found.is_file() || found.file_type().is_fifo()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file"));
    }
    if geteuid().is_root() && found.mode() & READ == 0 {
        return Err(Errno::EACCES.into());
    }
    std::fs::read(path)
}

/// Reads the configuration that a call uses, without asking for this host's names; returns also what is wrong with it.
///
/// # Errors
/// There is no such file, which is told; this is the exit status.
pub fn read(command: &CommandLine) -> Result<(Config, Vec<CfError>), Sysexit> {
    let source = Source::of(command);
    let name = source.file.display().to_string();
    let text = match source.text {
        Ok(text) => text,
        Err(error) => {
            let problem = Problem::Outside { text: unreadable(&error).into(), exit: Sysexit::OsFile };
            report(&[CfError { file: name.into(), line: 0, problem, source: None }], command);
            return Err(Sysexit::OsFile);
        }
    };
    Ok(cf::read(&text, &name, &read_env(command.overrides.clone())))
}

/// Returns what is wrong with the options that the command line sets; then no file is looked at.
pub fn faults(command: &CommandLine) -> Vec<CfError> {
    let (_, mut errors) = cf::read(b"", "", &read_env(command.overrides.clone()));
    errors.retain(|error| error.exit().is_some());
    errors
}

/// Tells what is wrong on standard output, as the mode does, and in the log; returns the exit status, if the call cannot go on.
///
/// Address test mode goes on whatever is wrong, unless the reading itself ended.
pub fn report(errors: &[CfError], command: &CommandLine) -> Option<Sysexit> {
    report_by(errors, command, || (desk::log(command), Caller::find()))
}

/// Does the same for a caller and with a log that are known already.
pub(super) fn report_by(
    errors: &[CfError],
    command: &CommandLine,
    by: impl FnOnce() -> (Log, Caller),
) -> Option<Sysexit> {
    note(errors, by);
    let mode = command.mode;
    let talks_smtp = matches!(mode, Mode::Smtp | Mode::Daemon | Mode::ForegroundDaemon);
    let tells_warnings = matches!(mode, Mode::Test | Mode::CheckConfig);
    let line = |error: &CfError| {
        let status = error.status_code();
        match (talks_smtp, status.class()) {
            (false, _) => error.to_string(),
            (true, 4) => format!("451 {status} {error}"),
            (true, _) => format!("554 {status} {error}"),
        }
    };
    let grave = errors.iter().filter(|error| tells_warnings || error.severity() != Severity::Warning).map(line);
    let lines = if tells_warnings { grave.collect() } else { first(grave, if talks_smtp { "554 5.0.0 " } else { "" }) };
    let mut out = io::stdout().lock();
    // Programs that read get the bytes of the original.
    let is_read_by_people = mode == Mode::CheckConfig || out.is_terminal();
    for line in lines {
        // A caller that has gone away learns it from the exit status.
        let _ = match is_read_by_people {
            true => writeln!(out, "{}", shown(&line)),
            false if talks_smtp => write!(out, "{line}\r\n"),
            false => writeln!(out, "{line}"),
        };
    }
    refusal(errors, mode)
}

/// The mark of a macro as messages tell it, like the original: in the file it is a `$`.
const TOLD_MARK: char = '\u{1}';

/// Returns a message as people read it: macros as they stand in the file, and control characters written out, since no terminal
/// obeys a file that is only looked at.
pub(super) fn shown(message: &str) -> String {
    let is_harmless = |letter: char| !letter.is_control() || "\n\t".contains(letter);
    let letters = message.chars().map(|letter| match letter {
        TOLD_MARK => "$".to_owned(),
        letter if is_harmless(letter) => letter.to_string(),
        letter => letter.escape_default().to_string(),
    });
    letters.collect()
}

/// Returns the first lines; where there are more, the last, behind `code`, counts them: a file that is no configuration has hundreds.
fn first(mut lines: impl Iterator<Item = String>, code: &str) -> Vec<String> {
    let mut told: Vec<String> = lines.by_ref().take(TOLD_MAX).collect();
    match lines.count() {
        0 => {}
        more => told.push(format!("{code}problems not told here: {more}; run `sendmail -bC` with the same -C for all")),
    }
    told
}

/// Returns the exit status of a call that cannot go on.
pub fn refusal(errors: &[CfError], mode: Mode) -> Option<Sysexit> {
    let fatal = errors.iter().find_map(|error| match error.severity() {
        Severity::Fatal(exit) => Some(exit),
        _ => None,
    });
    fatal.or_else(|| exit_of(errors).filter(|_| mode != Mode::Test))
}

/// Logs what keeps a call from going on.
fn note(errors: &[CfError], by: impl FnOnce() -> (Log, Caller)) {
    let lines = first(errors.iter().filter(|error| error.exit().is_some()).map(ToString::to_string), "");
    if lines.is_empty() {
        return;
    }
    let (log, Caller { name, .. }) = by();
    for line in lines {
        log.say(Level::SYSTEM_ERROR, About::NoQueue, format_args!("SYSERR({name}): {line}"));
    }
}

/// Returns the exit status of a call that goes on although something is wrong: a span of time, for instance.
pub fn exit_in_spite_of(errors: &[CfError], command: &CommandLine) -> Sysexit {
    let is_misspelt = |error: &CfError| matches!(error.problem, Problem::Option(OptionError::Interval(_)));
    let is_bad = !command.complaints.is_empty() || errors.iter().any(is_misspelt);
    if is_bad { Sysexit::Usage } else { Sysexit::Ok }
}

/// Returns the exit status that the problems lead to at the end: that of the last one.
pub fn exit_of(errors: &[CfError]) -> Option<Sysexit> {
    errors.iter().rev().find_map(CfError::exit)
}

#[cfg(test)]
mod tests {
    use bstr::BString;

    use super::*;
    use crate::cf::ReadEnv;

    #[track_caller]
    fn check(words: &str, submit_exists: bool, expected: &str) {
        let argv: Vec<BString> =
            std::iter::once("sendmail").chain(words.split_whitespace()).map(BString::from).collect();
        let command = CommandLine::parse(&argv, Mode::Deliver).expect(words);
        let exists = |file: &Path| submit_exists || file == Path::new(DAEMON_FILE);
        assert_eq!(path(&command, exists), Path::new(expected), "{words}");
    }

    #[test]
    fn submission_takes_its_own_file_where_it_exists() {
        check("root", true, SUBMISSION_FILE);
        check("root", false, DAEMON_FILE);
        check("-t -i", true, SUBMISSION_FILE);
        check("-bs", true, SUBMISSION_FILE);
        check("-Am root", true, DAEMON_FILE);
        check("-Ac -q15m", false, SUBMISSION_FILE);
        for words in ["-bd -q15m", "-bp", "-bi", "-bt", "-bv root", "-q"] {
            check(words, true, DAEMON_FILE);
        }
        check("-C /tmp/x.cf -Ac root", true, "/tmp/x.cf");
        check("-Ac -C /tmp/x.cf root", true, "/tmp/x.cf");
    }

    #[test]
    fn without_any_file_each_call_has_a_default() {
        let command = |words: &str| {
            let argv: Vec<BString> = words.split(' ').map(BString::from).collect();
            CommandLine::parse(&argv, Mode::Deliver).expect("good")
        };
        assert_eq!(path(&command("sendmail root"), |_| false), Path::new(SUBMISSION_FILE));
        assert_eq!(path(&command("sendmail -bd"), |_| false), Path::new(DAEMON_FILE));
        for name in [SUBMISSION_DEFAULT, DAEMON_DEFAULT] {
            let text = makecf::built_in(name);
            let (config, errors) = cf::read(&text, name, &ReadEnv::default());
            assert!(errors.is_empty(), "{errors:?}");
            assert_eq!(config.options.use_msp, name == SUBMISSION_DEFAULT);
        }
        let missing = Source::named(Path::new("/nonexistent/sendmail.cf"));
        assert!(missing.text.is_err() && missing.default.is_none());
        assert!(Source::usual("/nonexistent/sendmail.cf").text.is_ok());
    }

    #[test]
    fn people_read_rules_as_they_stand_in_the_file() {
        assert_eq!(shown("\"R\u{1}* \u{1}{name}\""), "\"R$* ${name}\"");
        assert_eq!(shown("a\tb\u{1b}[31m"), "a\tb\\u{1b}[31m");
    }

    #[test]
    fn very_many_problems_are_counted() {
        let lines = |count: usize| (0..count).map(|number| format!("line {number}"));
        assert_eq!(first(lines(TOLD_MAX), "").len(), TOLD_MAX);
        let told = first(lines(678), "554 5.0.0 ");
        assert_eq!((told.len(), told[TOLD_MAX - 1].as_str()), (TOLD_MAX + 1, "line 19"));
        assert!(told[TOLD_MAX].starts_with("554 5.0.0 problems not told here: 658; run"), "{}", told[TOLD_MAX]);
    }

    #[test]
    fn a_wrong_option_of_the_command_line_stands_alone() {
        let argv: Vec<BString> = ["sendmail", "-C", "/nonexistent/x.cf", "-OBad=1"].map(BString::from).to_vec();
        let command = CommandLine::parse(&argv, Mode::Deliver).expect("good");
        let errors: Vec<_> = faults(&command).iter().map(ToString::to_string).collect();
        assert_eq!(errors, ["readcf: ambiguous option name Bad (matches BadRcptThrottle and BadRcptShutdown)"]);
    }
}
