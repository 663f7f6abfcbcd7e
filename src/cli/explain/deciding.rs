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

/// Finds the lines without which the outcome is another; where there is none, those of a map of permissions behind which a wider
/// one says the same, so that only another value tells.
pub(super) async fn find(site: &Arc<Site>, question: &Question, dialogue: &Dialogue, asked: &[Asked]) -> Vec<Line> {
    let there: Vec<(&Asked, &BString)> =
        asked.iter().filter_map(|asked| Some((asked, asked.value.as_ref()?))).take(TRIALS_MAX / 2).collect();
    let mut lines = Vec::new();
    for (asked, value) in &there {
        let without = Dialogue::hold(site, question, Some(suppose(asked, None))).await;
        if without.outcome() != dialogue.outcome() {
            lines.push(line(asked, value));
        }
    }
    if !lines.is_empty() || dialogue.fate() == Fate::Accepted {
        return lines;
    }
    for (asked, value) in there.iter().filter(|(asked, _)| asked.is_policy) {
        let with = Dialogue::hold(site, question, Some(suppose(asked, Some("OK")))).await;
        // A value that makes no sense to a rule refuses earlier.
        if with.outcome() != dialogue.outcome() && with.stages.len() >= dialogue.stages.len() {
            lines.push(line(asked, value));
        }
    }
    lines
}

fn line(asked: &Asked, value: &BString) -> Line {
    let (map, file, key) = (asked.map.clone(), asked.file.clone(), asked.key.clone());
    Line { map, file, number: asked.line(), key, value: value.clone() }
}

/// Returns a key with the value that the map is taken to have for it.
pub(super) fn suppose(asked: &Asked, value: Option<&str>) -> Supposed {
    Supposed { map: asked.map.clone(), key: asked.key.clone(), value: value.map(Into::into) }
}
