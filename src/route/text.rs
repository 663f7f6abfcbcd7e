//! The text of a `.forward` or an included file, as a hand reads it.

use std::fs::File;
use std::io::Read;
use std::time::Instant;

use bstr::BString;

use crate::keeper::HandError;
use crate::keeper::hands::{Hands, OpenedText};
use crate::keeper::kind::READING_LIMIT;
use crate::keeper::request::{FailureKind, Source, SourceRoot, Standing};
use crate::route::listed::{Numbered, numbered_lines};
use crate::sys::errors::reason;

/// What reading a source came to.
pub(super) enum Text {
    /// It is there.
    Here {
        /// The name of its file.
        path: BString,
        /// Its length.
        len_bytes: u64,
        /// Its lists of addresses.
        lists: Vec<Vec<Numbered>>,
        /// User and group of the file.
        owner: (u32, u32),
        /// What its elements may name.
        standing: Standing,
    },
    /// There is none; the file's name and the system's reason.
    Missing(BString),
    /// It may not be used; the file's name and the reason.
    Refused(BString),
    /// It cannot be read now: why, and whether the only reason is that the hand has ended.
    Later {
        /// Why.
        reason: BString,
        /// Whether the hand has ended, and not because the disk does not answer.
        is_interruption: bool,
    },
}

/// Reads the text that a source names.
pub(super) async fn read_source(hands: &Hands, source: &Source) -> Text {
    let begun = Instant::now();
    let later = |reason: String, is_interruption| Text::Later { reason: reason.into(), is_interruption };
    let opened = match hands.open_source(source.clone()).await {
        Ok(opened) => opened,
        Err(error @ (HandError::TimedOut(..) | HandError::Gone(_))) => {
            let text = format!("{} cannot be read: {error}; does its disk answer?", described(source));
            // A hand ends itself when the disk does not answer.
            return later(text, error.is_interruption() && begun.elapsed() < READING_LIMIT);
        }
        Err(error) if error.is_temporary() => return later(error.to_string(), false),
        Err(error) if error.kind() == Some(&FailureKind::Missing {}) => return Text::Missing(error.to_string().into()),
        Err(error) => return Text::Refused(error.to_string().into()),
    };
    // Long lists hold up nobody else.
    let read = tokio::task::spawn_blocking(move || split(opened)).await;
    read.unwrap_or_else(|_| later(format!("{} was not read", described(source)), false))
}

/// Takes a text apart.
fn split(OpenedText { path, copy, owner, standing }: OpenedText) -> Text {
    let mut text = Vec::new();
    let read = File::from(copy).read_to_end(&mut text).map_err(|error| reason(&error));
    match read.and_then(|_| numbered_lines(&text).map_err(|error| error.to_string())) {
        Ok(lists) => Text::Here { path, len_bytes: text.len() as u64, lists, owner, standing },
        Err(reason) => Text::Later { reason: format!("cannot read {path}: {reason}").into(), is_interruption: false },
    }
}

/// Says which text cannot be told by its name, since nobody has opened it.
fn described(source: &Source) -> String {
    match &source.root {
        SourceRoot::Forward { user, .. } if source.elements.is_empty() => format!("the .forward file of {user}"),
        SourceRoot::Forward { user, .. } => format!("a list that the .forward file of {user} includes"),
        SourceRoot::Alias { key, .. } => format!("a list that the alias {key} includes"),
        SourceRoot::UserDatabase { user, .. } => format!("a list that the maildrops of {user} include"),
    }
}
