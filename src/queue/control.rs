//! The control file on the disk: read whole or not at all.

use std::fs::File;
use std::io;

use super::body::Body;
use super::error::LostReason;
use super::format;
use crate::mail::envelope::Envelope;
use crate::name::QueueId;

/// The largest control file that is read, in bytes: a million recipients fit in.
const CONTROL_BYTES_MAX: u64 = 256 << 20;

/// Reads a control file that is open.
///
/// # Errors
/// The disk failed; the inner error: the file is damaged.
pub fn read_control(id: &QueueId, control: &File) -> io::Result<Result<Envelope, LostReason>> {
    let len = control.metadata()?.len();
    if len > CONTROL_BYTES_MAX {
        return Ok(Err(LostReason::TooLarge));
    }
    let body = Body::of(control.try_clone()?);
    let mut text = vec![0; usize::try_from(len).expect("below the limit")];
    let mut filled = 0;
    while filled < text.len() {
        match body.read_at(&mut text[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    text.truncate(filled);
    Ok(format::read(id, &text).map_err(LostReason::from))
}
