//! What test mode hears of the rules while they run, and writes.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, PoisonError};

use super::output::{GATHERED_BYTES, Output};
use super::{SharedOutput, before_byte_128};
use crate::name::Sysexit;
use crate::rewrite::Trouble;
use crate::site::Heard;

/// Hears what happens while rules run; faults of the configuration decide the exit status.
pub(super) struct Ear {
    /// The steps of an evaluation, as lines: there are many, and all are written at once.
    steps: Vec<u8>,
    output: SharedOutput,
    exit: Arc<AtomicU8>,
    is_quiet: Arc<AtomicBool>,
}

impl Ear {
    /// Returns an ear of the session that these belong to.
    pub(super) fn new(output: &SharedOutput, exit: &Arc<AtomicU8>, is_quiet: &Arc<AtomicBool>) -> Self {
        let (output, exit, is_quiet) = (Arc::clone(output), Arc::clone(exit), Arc::clone(is_quiet));
        Self { steps: Vec::new(), output, exit, is_quiet }
    }

    /// Writes what happens.
    pub(super) fn hear(&mut self, heard: Heard<'_>) {
        if let Heard::Trace(step) = heard {
            step.append_to(&mut self.steps);
            self.steps.push(b'\n');
            if self.steps.len() < GATHERED_BYTES {
                return;
            }
        }
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        // Where nobody reads any more, the next prompt fails and ends the session.
        let _ = output.write_all(&self.steps).and_then(|()| self.write(&mut output, heard));
        self.steps.clear();
    }

    /// Writes what is no step.
    fn write(&self, output: &mut Output, heard: Heard<'_>) -> io::Result<()> {
        let (exit, text) = match heard {
            Heard::Trace(_) | Heard::Pause | Heard::Asked { .. } | Heard::LookedUp { .. } => return Ok(()),
            Heard::Trouble(Trouble::Scan { .. }) if self.is_quiet.load(Ordering::Relaxed) => return Ok(()),
            Heard::Trouble(trouble) => {
                let is_of_address = matches!(trouble, Trouble::Scan { .. });
                let told = trouble.to_string();
                (
                    if is_of_address { Sysexit::Ok } else { Sysexit::Software },
                    Cow::from(before_byte_128(&told).as_bytes().to_vec()),
                )
            }
            Heard::Fault(text) => (Sysexit::Software, Cow::from(text)),
            Heard::Message(text) => (Sysexit::Ok, Cow::from(text)),
            Heard::Complaint { text, exit } => (exit, Cow::from(text)),
        };
        // A first status stays: the original keeps it too.
        let _ = self.exit.compare_exchange(0, exit.code(), Ordering::Relaxed, Ordering::Relaxed);
        output.write_all(&text)?;
        output.write_all(b"\n")
    }
}
