//! Which one line of a map would change the outcome: tried, not guessed.

use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::record::Event;
use super::{Dialogue, Question};
use crate::map::Kind;
use crate::site::{Site, Supposed};

/// The most sessions that are held to find out.
const TRIALS_MAX: usize = 60;

/// A line of a map's text file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Remedy {
    /// The map.
    pub(super) map: BString,
    /// The text file.
    pub(super) file: BString,
    /// The line that decides now, if there is one: its number, if the text file can be read.
    pub(super) now: Option<(Option<usize>, BString)>,
    /// The key.
    pub(super) key: BString,
    /// The value with which the outcome is another.
    pub(super) value: BString,
}

/// Whom a key is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Subject {
    Client,
    Recipient,
    Sender,
    /// Nobody in particular, or a whole network or domain.
    Other,
}

/// A key that rules have asked a file for.
struct Asked {
    subject: Subject,
    map: BString,
    key: BString,
    value: Option<BString>,
}

/// Finds lines that would turn a refusal into acceptance, or an acceptance that a map gave into a refusal: one about the
/// client, one about the recipient, one about the sender; about others only if none of these helps.
pub(super) async fn find(site: &Arc<Site>, question: &Question, dialogue: &Dialogue) -> Vec<Remedy> {
    let asked = asked(site, question, dialogue);
    let accepted = dialogue.is_accepted();
    let values: &[&str] = if accepted { &["REJECT"] } else { &["RELAY", "OK"] };
    let mut trials = 0;
    let mut found: Vec<(Subject, Remedy)> = Vec::new();
    for asked in asked.iter().filter(|asked| !accepted || asked.value.is_some()) {
        let is_told = found.iter().any(|(subject, _)| *subject == asked.subject);
        if is_told || asked.subject == Subject::Other && !found.is_empty() {
            continue;
        }
        for value in values {
            trials += 1;
            if trials > TRIALS_MAX {
                break;
            }
            let (map, key) = (asked.map.clone(), asked.key.clone());
            let supposed = Supposed { map, key, value: Some((*value).into()) };
            if Dialogue::hold(site, question, Some(supposed)).await.is_accepted() != accepted {
                found.push((asked.subject, remedy(site, asked, value)));
                break;
            }
        }
    }
    found.into_iter().map(|(_, remedy)| remedy).collect()
}

/// Returns the keys asked for by the stage that decides: what was found first, then by subject, the longest first.
fn asked(site: &Site, question: &Question, dialogue: &Dialogue) -> Vec<Asked> {
    let deciding = |stage: &&super::Stage| dialogue.is_accepted() || !stage.is_accepted();
    let events = dialogue.stages.iter().filter(deciding).flat_map(|stage| &stage.events);
    let mut all: Vec<Asked> = Vec::new();
    for event in events {
        let Event::LookedUp { map, key, value, .. } = event else { continue };
        let is_file = site.maps.definition(map).is_some_and(|definition| {
            matches!(definition.kind, Kind::Hash | Kind::Btree | Kind::Text) && definition.file.is_some()
        });
        if is_file && !all.iter().any(|asked| asked.map == *map && asked.key == *key) {
            let subject = subject(question, key);
            all.push(Asked { subject, map: map.clone(), key: key.clone(), value: value.clone() });
        }
    }
    // A key with a tag is longer, and changes nothing else.
    all.sort_by_key(|asked| (asked.value.is_none(), asked.subject, std::cmp::Reverse(asked.key.len())));
    all
}

/// Tells whom a key is about.
fn subject(question: &Question, key: &[u8]) -> Subject {
    let key = key.to_ascii_lowercase();
    let names = |text: &[u8]| !text.is_empty() && key.ends_with(&text.to_ascii_lowercase());
    let domain = |address: &BString| {
        address.rsplit_once_str("@").map_or(BString::from(&address[..]), |(_, domain)| domain.into())
    };
    let client = crate::receive::address_text(question.client);
    if names(&client) || question.client_name.as_ref().is_some_and(|name| names(name)) {
        Subject::Client
    } else if question.recipients.iter().any(|to| names(&domain(to))) {
        Subject::Recipient
    } else if question.sender.iter().any(|from| names(&domain(from))) {
        Subject::Sender
    } else {
        Subject::Other
    }
}

fn remedy(site: &Site, asked: &Asked, value: &str) -> Remedy {
    let file = site.maps.definition(&asked.map).and_then(|definition| definition.file.clone()).unwrap_or_default();
    let now = asked.value.clone().map(|value| (line_of(&file, &asked.key), value));
    Remedy { map: asked.map.clone(), file, now, key: asked.key.clone(), value: value.into() }
}

/// Returns the number of the line of a text file that begins with `key`.
fn line_of(file: &[u8], key: &[u8]) -> Option<usize> {
    let text = std::fs::read(file.to_path().ok()?).ok()?;
    let is_key = |line: &[u8]| line.fields().next().is_some_and(|word| word.eq_ignore_ascii_case(key));
    text.lines().position(is_key).map(|at| at + 1)
}
