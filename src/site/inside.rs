//! The beginning of a process that may open no file any more: others have read for it what it needs.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::identity::Identity;
use super::load::{LoadOptions, Site};
use super::name_files::NameFiles;
use super::ports::{self, Services};
use super::start::{Started, ask_names, configured, macros_of_reading};
use crate::cf::{self, Config, Override, ReadEnv, Severity};
use crate::map::Opener;
use crate::net::Resolver;
use crate::sys::host;

/// What others have read for the process.
pub struct Inside<'a> {
    /// The text of the configuration file.
    pub text: &'a [u8],
    /// Its name.
    pub name: &'a str,
    /// What the command line sets.
    pub overrides: Vec<Override>,
    /// The letter of `-b`.
    pub mode: u8,
    /// What the daemon does, `SMTP+queueing@00:15:00` (`${daemon_info}`).
    pub duties: String,
    /// The files that say how host names are looked up.
    pub names: &'a NameFiles,
    /// The services that the configuration names.
    pub services: &'a Services,
    /// The system's time zone.
    pub zone: TimeZone,
}

/// Puts a configuration to use whose files others open: `opener` is made once the configuration is known.
pub async fn start_inside(inside: Inside<'_>, opener: impl FnOnce(&Arc<Config>) -> Arc<dyn Opener>) -> Started {
    let settings = inside.names.settings();
    let mut identity = Identity::find(&Resolver::new(settings.clone())).await;
    let macros = macros_of_reading(&identity, inside.mode, &inside.zone);
    // The users and services of the system cannot be asked here: the keeper has judged their names.
    let (processors, overrides) = (host::processors(), inside.overrides);
    let env = ReadEnv { macros: Arc::new(macros), processors, overrides, ..ReadEnv::default() };
    let (mut config, mut errors) = cf::read(inside.text, inside.name, &env);
    if errors.iter().any(|error| matches!(error.severity(), Severity::Fatal(_))) {
        return Started { site: None, errors };
    }
    let resolver = Arc::new(Resolver::new(configured(settings, inside.names, &config, &identity, inside.mode)));
    errors.extend(ask_names(&mut config, &mut identity, inside.services, &resolver).await);
    let config = Arc::new(config);
    let opener = opener(&config);
    let load = LoadOptions { identity, resolver, zone: inside.zone, mode: inside.mode, duties: Some(inside.duties) };
    // Class files are opened by a hand, which takes a thread that may wait.
    let (site, more) = tokio::task::block_in_place(|| Site::load(config, opener, load));
    errors.extend(more);
    errors.sort_by_key(ports::place);
    Started { site: Some(site), errors }
}
