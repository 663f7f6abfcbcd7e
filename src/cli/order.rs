//! What the processes that the program executes itself as must know of the command line, and how they read it again.

use std::io;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::command_line::{CommandLine, UsageError, base_name};
use super::configuration::Source;
use super::mode::Mode;
use crate::cf::{self, Config, Override, ReadEnv};
use crate::daemon::order::{Named, Order};
use crate::log::{Log, Sink, Syslog};
use crate::macros::MacroTable;
use crate::queue::spool::Spool;
use crate::queue::{DirectSpool, Layout};
use crate::site::{self, VERSION};
use crate::sys::host;

/// The name in the log where `-L` gives none.
pub(super) const TAG: &str = "sendmail";

/// How the caller's process and the work belong together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// A daemon, which lives on its own.
    Daemon,
    /// One thing that the caller waits for.
    Task,
    /// One thing that goes on behind the caller's back once that is safe.
    Errand,
}

/// Returns what the processes must know of the command line.
///
/// # Errors
/// The system does not tell the host's name or the program's file.
pub(super) fn order(command: &CommandLine, purpose: Purpose) -> io::Result<Order> {
    let node = host::name()?;
    let (short, domain) = node.split_once_str(".").unwrap_or((&node, b""));
    let named = |name: &str, value: &[u8]| Named { name: name.into(), value: value.into() };
    let is_daemon = purpose == Purpose::Daemon;
    let listens = is_daemon && matches!(command.mode, Mode::Daemon | Mode::ForegroundDaemon);
    let interval = command.queue.as_ref().and_then(|queue| queue.period()).filter(|_| is_daemon);
    let in_foreground = command.queue.as_ref().is_some_and(|queue| queue.in_foreground);
    let source = Source::of(command);
    Ok(Order {
        program: program(command)?,
        argv: command.argv.clone(),
        mode: match command.mode {
            Mode::ForegroundDaemon => Mode::Daemon.letter(),
            mode => mode.letter(),
        },
        config_file: source.file.as_os_str().as_encoded_bytes().into(),
        has_default: source.is_default(),
        macros: vec![
            named("v", VERSION.as_bytes()),
            named("j", &node),
            named("k", &node),
            named("w", short),
            named("m", domain),
        ],
        overrides: command.overrides.iter().map(named_override).collect(),
        processors: host::processors(),
        tag: command.tag.clone().unwrap_or_else(|| TAG.into()),
        listen: listens,
        queue_secs: interval.map_or(0, |interval| interval.as_secs()),
        once: !is_daemon,
        foreground: match purpose {
            Purpose::Daemon => command.mode == Mode::ForegroundDaemon || in_foreground,
            Purpose::Task => true,
            Purpose::Errand => false,
        },
    })
}

/// Reads the command line of an order again.
///
/// # Errors
/// It was changed on the way.
pub(super) fn command_line(order: &Order) -> Result<CommandLine, UsageError> {
    let by_name = match Mode::from_letter(order.mode) {
        Some(mode) => mode,
        // Queue runs and changes of quarantine are what other options make of the usual mode.
        None => Mode::Deliver,
    };
    CommandLine::parse(&order.argv, by_name)
}

/// Returns the file of this program, which is executed again; a wrapper by the caller's name would not do.
fn program(command: &CommandLine) -> io::Result<BString> {
    let found = std::env::current_exe()?;
    let name = command.argv.first().map(|name| base_name(name)).unwrap_or_default();
    if name.is_empty() {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    Ok(found.as_os_str().as_encoded_bytes().into())
}

/// Spells an override of the command line for the order.
fn named_override(given: &Override) -> Named {
    let (name, value) = match given {
        Override::Named(value) => ("O", value),
        Override::Letter(value) => ("o", value),
        Override::Macro(value) => ("M", value),
    };
    Named { name: name.into(), value: value.clone() }
}

/// Reads an override back.
fn override_of(named: &Named) -> Override {
    let value = named.value.clone();
    match named.name.as_slice() {
        b"O" => Override::Named(value),
        b"o" => Override::Letter(value),
        _ => Override::Macro(value),
    }
}

/// Returns what the command line sets.
pub(super) fn overrides(order: &Order) -> Vec<Override> {
    order.overrides.iter().map(override_of).collect()
}

/// Returns what a configuration is read with.
fn read_env(order: &Order) -> ReadEnv {
    let mut macros = MacroTable::default();
    for named in &order.macros {
        macros.set(&named.name, named.value.clone());
    }
    ReadEnv { macros: Arc::new(macros), processors: order.processors, ..site::read_env(overrides(order)) }
}

/// Returns the text of the configuration as it is now.
///
/// # Errors
/// It cannot be read; a file that was there at the start must still be there, lest HUP turn away what the site takes.
pub(super) fn text(order: &Order) -> io::Result<Vec<u8>> {
    let file = order.config_file.to_path_lossy();
    if order.has_default { Source::usual(file).text } else { Source::named(&file).text }
}

/// Reads the text of a configuration; the problems that forbid its use, one a line.
pub(super) fn read(order: &Order, text: &[u8]) -> Result<Config, Vec<String>> {
    let (config, errors) = cf::read(text, &order.config_file.to_str_lossy(), &read_env(order));
    let bad: Vec<String> = errors.iter().filter(|error| error.exit().is_some()).map(ToString::to_string).collect();
    if bad.is_empty() { Ok(config) } else { Err(bad) }
}

/// Opens the log while the path to syslogd can still be reached.
pub(super) fn log(order: &Order, config: &Config) -> Log {
    let mut syslog = Syslog::system();
    syslog.connect();
    Log::new(Sink::Syslog(syslog), &order.tag.to_str_lossy(), config.options.log_level)
}

/// Opens the queue directories of a configuration, for a process that may.
pub(super) fn spool(config: &Config) -> Result<Arc<dyn Spool>, String> {
    let mode = config.options.queue_file_mode;
    let spool = DirectSpool::open(&Layout::of(config), mode).map_err(|error| error.to_string())?;
    Ok(Arc::new(spool))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, purpose: Purpose, mode: Mode) {
        let argv: Vec<BString> =
            std::iter::once("sendmail").chain(words.split_whitespace()).map(BString::from).collect();
        let command = CommandLine::parse(&argv, Mode::Deliver).expect(words);
        let order = order(&command, purpose).expect("an order");
        assert_eq!(command_line(&order).expect("the same"), command, "{words}");
        assert_eq!((command.mode, order.once), (mode, purpose != Purpose::Daemon));
    }

    #[test]
    fn the_command_line_arrives_as_it_was() {
        check("-bd -q15m -OLogLevel=14", Purpose::Daemon, Mode::Daemon);
        check("-L tag -Am -qRbob -qf", Purpose::Task, Mode::QueueRun);
        check("-bs -odb", Purpose::Task, Mode::Smtp);
        check("-Am -v -oi root", Purpose::Errand, Mode::Deliver);
    }
}
