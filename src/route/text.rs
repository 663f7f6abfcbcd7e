//! The text of a `.forward` or an included file, as a hand opens it.

use std::io::Read;
use std::os::unix::fs::MetadataExt;

use bstr::BString;

use crate::keeper::hands::Hands;
use crate::keeper::request::{FailureKind, Source, Standing};

/// The longest `.forward` or included file that is read, in bytes.
const SOURCE_BYTES_MAX: u64 = 64 << 20;

/// What reading a source came to.
pub(super) enum Text {
    /// It is there.
    Here {
        /// The name of its file.
        path: BString,
        /// The whole of it.
        text: Vec<u8>,
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
    let mut text = Vec::new();
    let read = file.metadata().and_then(|metadata| {
        (&file).take(SOURCE_BYTES_MAX).read_to_end(&mut text)?;
        Ok((metadata.uid(), metadata.gid()))
    });
    match read {
        Ok(owner) => Text::Here { path, text, owner, standing },
        Err(error) => Text::Later(format!("cannot read it: {error}").into()),
    }
}
