//! What the process has counted goes to the statistics file (`StatusFile`), which must be there: without it nothing is kept.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;
use tokio::time::sleep;

use crate::keeper::request::{Failure, FailureKind, NamedFile, Request};
use crate::keeper::{HandError, Hands};
use crate::log::{Level, Log, StatisticsError};

/// How long counting goes on before the file is written.
const PERIOD: Duration = Duration::from_secs(1);

/// Adds to `file` (`StatusFile`) whenever something has been counted; a reason why that cannot be is logged once.
pub async fn keep(file: BString, hands: Arc<Hands>, log: Log) {
    let mut known = None;
    loop {
        log.tally().counted().await;
        sleep(PERIOD).await;
        let reason = post(&hands, &log).await.err();
        if let Some(reason) = reason.as_ref().filter(|reason| known.as_ref() != Some(*reason)) {
            log.say(Level::SETUP, None, format_args!("StatusFile {file}: {reason}"));
        }
        known = reason;
    }
}

/// Adds what was counted to the file, if there is one.
///
/// # Errors
/// The text that tells why the file cannot be used.
pub async fn post(hands: &Hands, log: &Log) -> Result<(), String> {
    let Some(counted) = log.tally().take() else { return Ok(()) };
    let opened = hands.ask_for_one(Request::OpenNamed { file: NamedFile::Statistics {} }).await;
    let file = match opened {
        Ok(file) => File::from(file),
        Err(HandError::Failed(Failure { kind: FailureKind::Missing {} | FailureKind::Undeclared {}, .. })) => {
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    counted.add_to(&file).map_err(|error| {
        if matches!(error, StatisticsError::Locked) {
            log.tally().give_back(&counted);
        }
        error.to_string()
    })
}
