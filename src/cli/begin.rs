//! How every mode begins: the banner of `-d0`, the configuration, and what is wrong with it.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use crate::cf::CfError;
use crate::log::Log;
use crate::map::Map;
use crate::name::Sysexit;
use crate::site::{Context, Site, StartOptions, Started, start};
use crate::submit::Caller;

use super::command_line::CommandLine;
use super::configuration::Source;
use super::debug::{BANNER_CATEGORY, DebugFlags, file_listeners};
use super::{configuration, desk, remarks, show};

/// A configuration in use.
pub struct Begun {
    /// The site.
    pub site: Arc<Site>,
    /// What was wrong and has been told; only address test mode gets here with errors.
    pub errors: Vec<CfError>,
}

/// Reads the configuration that the command line chooses and tells what the mode tells.
///
/// # Errors
/// The mode cannot go on: everything is told, this is the exit status.
pub async fn begin(command: &CommandLine) -> Result<Begun, Sysexit> {
    let source = Source::of(command);
    source.tell_default(command);
    let options = StartOptions {
        file: source.file,
        text: source.text,
        mode: command.mode.letter(),
        overrides: command.overrides.clone(),
        listeners: file_listeners(command),
    };
    let file = options.file.display().to_string();
    let started = start(options).await;
    begun(command, &file, &started, || (desk::log(command), Caller::find()))?;
    let Started { site, errors } = started;
    site.map_or(Err(Sysexit::Software), |site| Ok(Begun { site, errors }))
}

/// Tells what the mode tells of a configuration that was read from `file`; what keeps the call from going on is logged too.
///
/// # Errors
/// As [`begin`].
pub(super) fn begun(
    command: &CommandLine,
    file: &str,
    started: &Started,
    by: impl FnOnce() -> (Log, Caller),
) -> Result<(), Sysexit> {
    tell_version(command);
    let refused = configuration::report_by(&started.errors, command, by);
    let Some(site) = &started.site else {
        return Err(refused.or_else(|| configuration::exit_of(&started.errors)).unwrap_or(Sysexit::Software));
    };
    tell_identity(command, file, site);
    refused.map_or(Ok(()), Err)
}

/// Tells what this program is, as far as `-d0` asks for it.
pub(super) fn tell_version(command: &CommandLine) {
    let level = DebugFlags::parse(&command.debug).level(BANNER_CATEGORY);
    print(&show::version(level, (configuration::SUBMISSION_FILE, configuration::DAEMON_FILE)));
}

/// Tells what this host is called, as far as `-d0` asks for it.
pub(super) fn tell_identity(command: &CommandLine, file: &str, site: &Arc<Site>) {
    let level = DebugFlags::parse(&command.debug).level(BANNER_CATEGORY);
    let context = Context::new(site);
    let value = |name: &str| context.get(name).unwrap_or_default();
    let (short, official, domain, node) = (value("w"), value("j"), value("m"), value("k"));
    let names = show::Names {
        short: short.as_ref(),
        official: official.as_ref(),
        domain: domain.as_ref(),
        node: node.as_ref(),
    };
    print(&show::host_names(level, names, &site.identity.aliases));
    print(&show::config_in_use(level, file, &site.config.options.pid_file.to_string()));
    print(&show::system_identity(level, names));
    if level > 0 {
        print(&show::options_without_effect(&site.config.options));
    }
}

/// Tells what `-d0` asks for in a mode that needs no more of the configuration than its text.
///
/// # Errors
/// The configuration cannot be used: everything is told, this is the exit status.
pub(super) fn banner(command: &CommandLine) -> Result<(), Sysexit> {
    if DebugFlags::parse(&command.debug).level(BANNER_CATEGORY) == 0 {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|_| Sysexit::OsErr)?;
    runtime.block_on(begin(command)).map(drop)
}

/// Checks the configuration (`-bC`).
pub fn check_config(command: &CommandLine) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Sysexit::OsErr.into();
    };
    let checked = runtime.block_on(begin(command));
    if let Ok(text) = Source::of(command).text
        && let Ok((config, _)) = configuration::read(command)
    {
        let told = remarks::loose_ends(&config, &text).into_iter().chain(config.not_acted_upon());
        told.for_each(|line| print(&format!("{}\n", configuration::shown(&line))));
    }
    // Aliases may be made after the configuration that is checked here.
    let is_told = |map: &Map| !map.definition().of_aliases || !map.is_missing();
    if let Ok(begun) = &checked {
        remarks::unreadable_maps(&begun.site, is_told)
            .iter()
            .for_each(|line| print(&format!("{}\n", configuration::shown(line))));
    }
    checked.map_or_else(|exit| exit, |_| Sysexit::Ok).into()
}

/// Prints; a caller that has gone away learns all from the exit status.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
