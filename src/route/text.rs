//! The text of a `.forward` or an included file, as a hand opens it.

use std::os::unix::fs::MetadataExt;

use bstr::BString;

use crate::keeper::hands::Hands;
use crate::keeper::request::{FailureKind, Source, Standing};
use crate::mail::address_list::TEXT_BYTES_MAX;
use crate::route::listed::{Numbered, numbered_lines};
use crate::sys::bounded::read_within;
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
    /// It cannot be read now.
    Later(BString),
}

/// Reads the text that a source names.
pub(super) async fn read_source(hands: &Hands, source: &Source) -> Text {
    let (path, file, standing) = match hands.open_source(source.clone()).await {
        Ok((path, file, standing)) => (path, std::fs::File::from(file), standing),
        Err(error) if error.is_temporary() => return Text::Later(error.to_string().into()),
        Err(error) if error.kind() == Some(&FailureKind::Missing {}) => return Text::Missing(error.to_string().into()),
        Err(error) => return Text::Refused(error.to_string().into()),
    };
    let read = file.metadata().and_then(|metadata| {
        let text = read_within(&file, TEXT_BYTES_MAX)?;
        Ok((text, metadata))
    });
    let read = read.map_err(|error| reason(&error));
    let parsed = read.and_then(|(text, metadata)| {
        let lists = numbered_lines(&text).map_err(|error| error.to_string())?;
        Ok((text.len() as u64, lists, (metadata.uid(), metadata.gid())))
    });
    match parsed {
        Ok((len_bytes, lists, owner)) => Text::Here { path, len_bytes, lists, owner, standing },
        Err(reason) => Text::Later(format!("cannot read {path}: {reason}").into()),
    }
}
