//! `-bd`, `-bD`, `-q…`: the daemon and its queue runs, and the processes that it executes itself as.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::command_line::{CommandLine, ConfigChoice, base_name};
use super::mode::Mode;
use super::{configuration, daemon_work};
use crate::cf::{self, Config, Override, ReadEnv};
use crate::daemon::order::{Named, Order};
use crate::daemon::programs::Programs;
use crate::daemon::role::{self, Role};
use crate::daemon::{client_queue, keeper};
use crate::log::{Log, Sink, Syslog};
use crate::macros::MacroTable;
use crate::name::Sysexit;
use crate::queue::spool::Spool;
use crate::queue::{DirectSpool, Layout};
use crate::site::VERSION;
use crate::sys::host;

/// The name in the log where `-L` gives none.
const TAG: &str = "sendmail";

/// What the processes of a daemon do that is not theirs.
const PROGRAMS: Programs = Programs { read, log, spool, open: daemon_work::open };

/// Runs the daemon or a queue run that `command` asks for.
pub fn run(command: &CommandLine) -> ExitCode {
    match order(command) {
        Ok(order) if is_client_queue(command) => client_queue::run(order, PROGRAMS),
        Ok(order) => keeper::run(order, PROGRAMS),
        Err(error) => {
            eprintln!("cannot find out what program this is: {error}");
            Sysexit::OsErr.into()
        }
    }
}

/// Plays the role that `argv0` names, if it names one.
pub fn role(argv: &[BString]) -> Option<ExitCode> {
    let role = Role::of(argv.first()?)?;
    Some(role::run(role, argv.get(1).map(|word| word.as_slice()), PROGRAMS))
}

/// Tells whether the queue of submissions is meant (`-Ac`, also beside `-C`).
fn is_client_queue(command: &CommandLine) -> bool {
    command.config == ConfigChoice::Submission || command.argv.iter().any(|word| word == "-Ac")
}

/// Returns what the processes must know of the command line.
fn order(command: &CommandLine) -> io::Result<Order> {
    let node = host::name()?;
    let (short, domain) = node.split_once_str(".").unwrap_or((&node, b""));
    let named = |name: &str, value: &[u8]| Named { name: name.into(), value: value.into() };
    let listen = matches!(command.mode, Mode::Daemon | Mode::ForegroundDaemon);
    let interval = command.queue.as_ref().and_then(|queue| queue.period());
    let file = configuration::path(command, Path::exists);
    Ok(Order {
        program: program(command)?,
        argv: command.argv.clone(),
        config_file: file.as_os_str().as_encoded_bytes().into(),
        macros: vec![
            named("v", VERSION.as_bytes()),
            named("j", &node),
            named("k", &node),
            named("w", short),
            named("m", domain),
        ],
        overrides: command.overrides.iter().map(named_override).collect(),
        processors: std::thread::available_parallelism().map_or(1, |count| i64::try_from(count.get()).unwrap_or(1)),
        tag: command.tag.clone().unwrap_or_else(|| TAG.into()),
        listen,
        queue_secs: interval.map_or(0, |interval| interval.as_secs()),
        once: !listen && interval.is_none(),
        foreground: command.mode == Mode::ForegroundDaemon
            || command.queue.as_ref().is_some_and(|queue| queue.in_foreground),
    })
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
pub(super) fn read_env(order: &Order) -> ReadEnv {
    let mut macros = MacroTable::default();
    for named in &order.macros {
        macros.set(&named.name, named.value.clone());
    }
    ReadEnv {
        macros: Arc::new(macros),
        overrides: overrides(order),
        processors: order.processors,
        ..ReadEnv::default()
    }
}

fn read(order: &Order, text: &[u8]) -> Result<Config, Vec<String>> {
    let (config, errors) = cf::read(text, &order.config_file.to_str_lossy(), &read_env(order));
    let bad: Vec<String> = errors.iter().filter(|error| error.exit().is_some()).map(ToString::to_string).collect();
    if bad.is_empty() { Ok(config) } else { Err(bad) }
}

/// Opens the log while the path to syslogd can still be reached.
fn log(order: &Order, config: &Config) -> Log {
    let mut syslog = Syslog::system();
    syslog.connect();
    Log::new(Sink::Syslog(syslog), &order.tag.to_str_lossy(), config.options.log_level)
}

fn spool(config: &Config) -> Result<Arc<dyn Spool>, String> {
    let mode = config.options.queue_file_mode;
    let spool = DirectSpool::open(&layout(config), mode).map_err(|error| error.to_string())?;
    Ok(Arc::new(spool))
}

fn layout(config: &Config) -> Layout {
    let groups = config.queue_groups.iter().map(|group| (group.name.clone(), group.path.clone())).collect();
    Layout { queue_directory: config.options.queue_directory.clone(), groups }
}
