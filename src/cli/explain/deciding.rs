//! Which lines of maps an outcome hangs on: tried, not guessed.

use std::sync::Arc;

use bstr::BString;

use super::asked::Asked;
use super::fate::Fate;
use super::{Dialogue, Question};
use crate::site::{Site, Supposed};

/// The most sessions that are held to find out.
const TRIALS_MAX: usize = 40;

/// A line of a map's text file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line {
    /// The map.
    pub(super) map: BString,
    /// The text file.
    pub(super) file: BString,
    /// The number of the line, if the text file can be read.
    pub(super) number: Option<usize>,
    /// The key.
    pub(super) key: BString,
    /// What the map says of it.
    pub(super) value: BString,
}

/// Finds the lines without which the outcome is another; for those of a map of permissions behind which a wider one says the
/// same, with another value.
pub(super) async fn find(site: &Arc<Site>, question: &Question, dialogue: &Dialogue, asked: &[Asked]) -> Vec<Line> {
    let mut lines = Vec::new();
    let is_refused = dialogue.fate() != Fate::Accepted;
    let there = asked.iter().filter_map(|asked| Some((asked, asked.value.clone()?)));
    for (asked, value) in there.take(TRIALS_MAX / 2) {
        let mut values = vec![None];
        if asked.is_policy && is_refused {
            values.push(Some("OK"));
        }
        for supposed in values {
            let other = Dialogue::hold(site, question, Some(suppose(asked, supposed))).await;
            if other.outcome() != dialogue.outcome() {
                let (map, file, key) = (asked.map.clone(), asked.file.clone(), asked.key.clone());
                lines.push(Line { map, file, number: asked.line(), key, value });
                break;
            }
        }
    }
    lines
}

/// Returns a key with the value that the map is taken to have for it.
pub(super) fn suppose(asked: &Asked, value: Option<&str>) -> Supposed {
    Supposed { map: asked.map.clone(), key: asked.key.clone(), value: value.map(Into::into) }
}
