//! What the processes of a pair serve.

use std::rc::Rc;

use bstr::ByteSlice;

use super::start::{StartError, look_at_queues};
use crate::cf::Config;
use crate::daemon::cage;
use crate::daemon::order::{Cage, Order};
use crate::daemon::programs::Programs;
use crate::queue::problem::SpoolProblem;

/// A configuration with the cage that it asks for.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) order: Order,
    pub(super) text: Vec<u8>,
    pub(super) config: Rc<Config>,
    pub(super) cage: Option<Cage>,
}

impl Generation {
    /// Reads the configuration as it is now, under the order of the one before.
    ///
    /// What is odd about its queue directories is returned too.
    pub(super) fn read_anew(order: &Order, programs: Programs) -> Result<(Self, Vec<SpoolProblem>), StartError> {
        let (text, config) = read_config(order, programs)?;
        let odd = look_at_queues(&config)?;
        let cage = cage::find(&config)?;
        Ok((Self { order: order.clone(), text, config: Rc::new(config), cage }, odd))
    }
}

/// Reads the configuration file: its text and what it says.
pub(super) fn read_config(order: &Order, programs: Programs) -> Result<(Vec<u8>, Config), StartError> {
    let path = order.config_file.to_path_lossy();
    let text =
        (programs.text)(order).map_err(|error| StartError::NoConfig { file: path.display().to_string(), error })?;
    let config = (programs.read)(order, &text).map_err(StartError::BadConfig)?;
    // A file that somebody is just writing, or that was cut off, may have nothing wrong in what is there.
    let problems: Vec<String> = [
        (config.options.queue_directory.is_empty(), "QueueDirectory (Q) option must be set"),
        (config.mailers.get(b"local").is_none(), "No local mailer defined"),
    ]
    .into_iter()
    .filter(|(is_missing, _)| *is_missing)
    .map(|(_, text)| format!("{}: {text}", path.display()))
    .collect();
    if problems.is_empty() { Ok((text, config)) } else { Err(StartError::BadConfig(problems)) }
}
