//! Address test mode (`-bt`): rulesets, maps and macros tried by hand (op guide "Testing Configuration Files").

use std::io::{self, IsTerminal as _, Read, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bstr::{BString, ByteSlice};

use super::command_line::CommandLine;
use super::configuration::{self, Source};
use super::debug::{DebugFlags, REWRITE_CATEGORY, listeners_by};
use super::mode::Mode;
use super::{begin, remarks};
use crate::cf::{CfError, DeliveryMode};
use crate::macros::{HashSign, expand_internal, translate};
use crate::mail::date;
use crate::mail::token::{ScanOptions, Tokens};
use crate::map::Map;
use crate::name::{CSpace as _, ClassName, Named, QueueIdMaker, Status, Sysexit, Told, TrimSpace as _, UnixTime};
use crate::rewrite::Trouble;
use crate::route::parse::check_bytes;
use crate::route::refusal::Refusal;
use crate::route::role::Role;
use crate::site::{Context, Heard, Site, StartOptions, start};
use crate::submit::Caller;
use crate::sys::host::LoadAverage;

mod address;
mod ear;
mod header;
mod lines;
mod list;
mod output;
mod query;

use ear::Ear;
use lines::Lines;
use output::Output;

/// The longest line that is read, in bytes; the rest of a longer one is a line of its own (the original's MAXLINE less
/// one).
const LINE_BYTES_MAX: u64 = 2047;
/// Calls of rulesets are always shown.
const TRACE_LEVEL: u8 = 0;
/// What the original prints first.
const BANNER: &[u8] = b"ADDRESS TEST MODE (ruleset 3 NOT automatically invoked)\nEnter <ruleset> <address>\n";

/// Runs test mode on standard input and output with the configuration that `command` chooses.
pub fn main(command: &CommandLine) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sendmail: cannot start: {error}");
            return Sysexit::OsErr.into();
        }
    };
    runtime.block_on(session(command))
}

/// Loads the configuration, tells what is wrong with it and holds the session.
async fn session(command: &CommandLine) -> ExitCode {
    let source = Source::of(command);
    source.tell_default(command);
    let output = Arc::new(Mutex::new(Output::standard()));
    let warned = Arc::clone(&output);
    // Warnings of files stand between the answers.
    let warn = move |line: std::fmt::Arguments<'_>| {
        // Where nobody reads any more, the next prompt fails and ends the session.
        let _ = writeln!(warned.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
    };
    let options = StartOptions {
        file: source.file,
        text: source.text,
        mode: Mode::Test.letter(),
        overrides: command.overrides.clone(),
        listeners: listeners_by(command, Arc::new(warn)),
    };
    let file = options.file.display().to_string();
    begin::tell_version(command);
    let started = start(options).await;
    if flush(&output).is_err() {
        return Sysexit::IoErr.into();
    }
    let fatal = configuration::report(&started.errors, command);
    let (Some(site), None) = (started.site, fatal) else {
        return fatal.or_else(|| configuration::exit_of(&started.errors)).unwrap_or(Sysexit::Software).into();
    };
    begin::tell_identity(command, &file, &site);
    let exit = started.errors.iter().find_map(CfError::exit).unwrap_or_default();
    if io::stdin().is_terminal() {
        // Who only reads the answers gets those of the original.
        // A file that is not there is told when it is asked, as in the original.
        let meant = |map: &Map| map.is_damaged() || map.told().is_none();
        let remarks = site.config.not_acted_upon().into_iter().chain(remarks::unreadable_maps(&site, meant));
        remarks.for_each(|line| eprintln!("{}", configuration::shown(&line)));
    }
    let mut session = TestMode::new(&site, output, exit);
    session.debug = DebugFlags::parse(&command.debug);
    session.ctx.set_trace_level(session.debug.level(REWRITE_CATEGORY));
    session.publish(SystemTime::now().into());
    session.echoes = command.is_verbose;
    for (name, value) in [("r", &command.protocol), ("s", &command.host)] {
        if let Some(value) = value {
            session.ctx.set(name, value.clone());
        }
    }
    match session.run(Lines::of(io::stdin().lock())).await {
        Ok(status) => ExitCode::from(status),
        Err(_) => Sysexit::IoErr.into(),
    }
}

/// Lets the user see what was written.
fn flush(output: &SharedOutput) -> io::Result<()> {
    output.lock().unwrap_or_else(PoisonError::into_inner).flush()
}

/// Where test mode writes to: the session itself, what it hears of the rules, and warnings of files.
type SharedOutput = Arc<Mutex<Output>>;

/// One session of test mode.
pub struct TestMode {
    ctx: Context,
    output: SharedOutput,
    exit: Arc<AtomicU8>,
    /// What is wrong with values that rules make is not told now.
    is_quiet: Arc<AtomicBool>,
    /// What is traced.
    debug: DebugFlags,
    /// What `/parse` and `/try` take addresses for.
    role: Role,
    /// Each line is repeated (`-v`).
    echoes: bool,
}

impl TestMode {
    /// Returns a session over `site` that writes to `output`; `exit` is what loading the configuration ended with.
    pub fn new(site: &Arc<Site>, output: SharedOutput, exit: Sysexit) -> Self {
        let exit = Arc::new(AtomicU8::new(exit.code()));
        let mut ctx = Context::new(site);
        let is_quiet = Arc::new(AtomicBool::new(false));
        let mut ear = Ear::new(&output, &exit, &is_quiet);
        ctx.listen(Box::new(move |heard| ear.hear(heard)), TRACE_LEVEL);
        Self { ctx, output, exit, is_quiet, debug: DebugFlags::default(), role: Role::Recipient, echoes: false }
    }

    /// Sets the macros that tell of an envelope, as if a message came in now; those of the date and of the load leave
    /// what the configuration says.
    // QUIRK(macros-of-test-mode)
    fn publish(&mut self, now: UnixTime) {
        let date = date::arpa(now, &self.ctx.site().zone);
        for (name, value) in [("b", date), ("load_avg", LoadAverage::open().now().to_string().into())] {
            if self.ctx.get(name).is_none() {
                self.ctx.set(name, value);
            }
        }
        self.ctx.set("_", [Caller::find().name.as_slice(), b"@localhost"].concat());
        self.ctx.macros_mut().settle();
        let id = QueueIdMaker::new(std::process::id(), 0).next(now);
        self.ctx.set("i", id.as_str());
        self.ctx.set("deliveryMode", [DeliveryMode::Interactive.letter()].as_slice());
        self.ctx.set("addr_type", self.role.addr_type());
        self.ctx.set("quarantine", "");
        if let Some(flags) = self.ctx.config().options.direct_submission_flags() {
            self.ctx.set("daemon_flags", flags);
        }
    }

    /// Returns the context, for macros that the caller knows.
    pub fn context(&mut self) -> &mut Context {
        &mut self.ctx
    }

    /// Reads commands until `/quit` or the end of the lines; returns the status to exit with.
    ///
    /// # Errors
    /// Reading or writing fails.
    async fn run(&mut self, mut lines: Lines<impl Read>) -> io::Result<u8> {
        self.write(BANNER)?;
        let output = Arc::clone(&self.output);
        while let Some(line) = lines.next(&output)? {
            if self.echoes {
                self.write(&[&line[..], b"\n"].concat())?;
            }
            if !self.take(&line).await? {
                break;
            }
        }
        flush(&self.output)?;
        Ok(self.exit.load(Ordering::Relaxed))
    }

    /// Obeys one line; returns false when it ends the session.
    async fn take(&mut self, line: &[u8]) -> io::Result<bool> {
        let line = line.trim_start_with(|character| character == ' ');
        let (&first, rest) = line.split_first().unwrap_or((&b'#', b""));
        match first {
            b'#' => {}
            b'?' => self.help()?,
            b'.' => self.define(line, rest)?,
            b'=' => self.show_configuration(line, rest)?,
            b'-' => self.debug(line, rest)?,
            b'$' => self.show_value(rest)?,
            b'/' => return self.command(line, rest).await,
            _ => self.rewrite(line).await?,
        }
        Ok(true)
    }

    /// `.Dxvalue` and `.Cxwords`.
    fn define(&mut self, line: &[u8], rest: &[u8]) -> io::Result<()> {
        match rest.split_first() {
            None => self.say("Usage: .[DC]macro value(s)"),
            Some((b'D', text)) => {
                if let (Some(name), value) = self.named(text)? {
                    let value = self.translated(value.trim_space_behind_first())?;
                    self.ctx.macros_mut().set_template(name, value);
                }
                Ok(())
            }
            Some((b'C', b"")) => Ok(()),
            Some((b'C', text)) => {
                if let (Some(name), words) = self.named(text)? {
                    let name = ClassName::new(name);
                    let words = self.translated(words)?;
                    let words = expand_internal(&words, &self.ctx).0;
                    for word in words.split(u8::is_c_space).filter(|word| !word.is_empty()) {
                        for error in self.ctx.add_to_class(&name, word) {
                            self.fault(&error.to_string())?;
                        }
                    }
                }
                Ok(())
            }
            Some(_) => self.say_shown("Unknown \".\" command ", line),
        }
    }

    /// `-dX`.
    fn debug(&mut self, line: &[u8], rest: &[u8]) -> io::Result<()> {
        match rest.split_first() {
            None => self.say("Usage: -d{debug arguments}"),
            Some((b'd', text)) => {
                self.debug.read(text);
                self.ctx.set_trace_level(self.debug.level(REWRITE_CATEGORY));
                Ok(())
            }
            Some(_) => self.say_shown("Unknown \"-\" command ", line),
        }
    }

    /// `ruleset[,ruleset...] address[, address...]`.
    async fn rewrite(&mut self, line: &[u8]) -> io::Result<()> {
        let line = line.trim_space_start();
        let Some(end) = line.iter().position(u8::is_c_space) else {
            return self.say("No address!");
        };
        let (rulesets, mut rest) = (&line[..end], &line[end + 1..]);
        if let Err(refusal) = check_bytes(rest, Role::Recipient) {
            return self.refuse(&refusal);
        }
        loop {
            let options = ScanOptions { delimiter: Some(b','), ..ScanOptions::TYPED };
            let scanned = self.ctx.scan(rest, options);
            for error in &scanned.errors {
                let error = *error;
                self.ctx.hear(Heard::Trouble(&Trouble::Scan { text: Told::shortened(rest), error }));
            }
            if let Some(tokens) = scanned.tokens.filter(|tokens| !tokens.is_empty()) {
                self.rewrite_one(rulesets, tokens).await?;
            }
            match rest.get(scanned.end..) {
                Some([_, after @ ..]) => rest = after,
                _ => return Ok(()),
            }
        }
    }

    /// Rewrites one address by each of the rulesets in turn.
    async fn rewrite_one(&mut self, rulesets: &[u8], mut tokens: Tokens) -> io::Result<()> {
        let mut rest = rulesets;
        while !rest.is_empty() {
            let id = match self.ctx.rulesets().look(rest) {
                Ok(id) => id,
                Err(error) => {
                    self.fault(&error.to_string())?;
                    None
                }
            };
            let Some(id) = id else {
                return self.say_shown("Undefined ruleset ", rest);
            };
            let rewritten = self.ctx.rewrite_by(id, tokens).await;
            tokens = rewritten.tokens;
            if rewritten.status != Sysexit::Ok {
                let shown = String::from_utf8_lossy(rest).into_owned();
                self.say(&format!("== Ruleset {shown} ({}) status {}", id.number(), rewritten.status))?;
            }
            rest = rest.iter().position(|byte| *byte == b',').map_or(b"", |comma| &rest[comma + 1..]);
        }
        Ok(())
    }

    /// Tells what no address can have.
    fn refuse(&mut self, refusal: &Refusal) -> io::Result<()> {
        // QUIRK(long-address-status): an address that is too long leaves the exit status alone.
        if refusal.status != Status::new(5, 1, 0) {
            self.set_exit(refusal.exit);
        }
        self.say_bytes(&refusal.text)
    }

    /// Reads text as a line of the configuration; tells what is wrong with the names in it.
    fn translated(&mut self, text: &[u8]) -> io::Result<BString> {
        let translated = translate(text, HashSign::Comment);
        translated.errors.iter().try_for_each(|error| self.fault(&error.to_string()))?;
        Ok(translated.text)
    }

    /// Takes a name off the front of a text; tells what is wrong with it.
    fn named<'a>(&mut self, text: &'a [u8]) -> io::Result<(Option<BString>, &'a [u8])> {
        let named = Named::read(text);
        named.errors.iter().try_for_each(|error| self.fault(&error.to_string()))?;
        Ok((named.name, &text[named.taken..]))
    }

    /// Notes a status to exit with, unless there is one that matters.
    fn set_exit(&self, exit: Sysexit) {
        // What may pass is none in the end.
        if exit == Sysexit::TempFail {
            return;
        }
        // A first status stays: the original keeps it too.
        let _ = self.exit.compare_exchange(0, exit.code(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Writes a message about the configuration, which decides the exit status.
    fn fault(&mut self, text: &str) -> io::Result<()> {
        self.set_exit(Sysexit::Software);
        self.say(before_byte_128(text))
    }

    /// Writes a line.
    fn say(&self, text: &str) -> io::Result<()> {
        self.say_bytes(text.as_bytes())
    }

    /// Writes a line whose end is text from outside, as it is.
    fn say_shown(&self, text: &str, outside: &[u8]) -> io::Result<()> {
        self.say_bytes(&[text.as_bytes(), outside].concat())
    }

    /// Writes bytes as a line.
    fn say_bytes(&self, text: &[u8]) -> io::Result<()> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(text)?;
        output.write_all(b"\n")
    }

    /// Writes bytes.
    fn write(&self, text: &[u8]) -> io::Result<()> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).write_all(text)
    }
}

/// Returns what is shown of a message.
// QUIRK(messages-are-seven-bit): byte 128 ends the message.
fn before_byte_128(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}
