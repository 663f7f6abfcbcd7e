//! Finding the text again that names a program or a file: an element of an alias, of a `.forward` or of an included file.
//!
//! The queue file keeps who is responsible for a recipient (its `C` line) but not where its text stands. A hand runs a
//! program only because a text that it reads itself says so; here the place of that text is found for it.

use bstr::{BString, ByteSlice};

use crate::keeper::hands::Hands;
use crate::keeper::request::{Source, SourceRoot};
use crate::mail::address_list::{self, Separator};
use crate::mail::envelope::Recipient;
use crate::route::alias::{Alias, Aliases};
use crate::route::text::{Text, read_source};
use crate::site::Site;

/// The most texts that are looked through for one recipient.
const TEXTS_MAX: usize = 1000;

/// The deepest chain of included files.
const DEPTH_MAX: usize = 10;

/// Where the texts are.
pub struct Finder<'a> {
    /// The user databases.
    pub site: &'a Site,
    /// The alias files.
    pub aliases: &'a Aliases,
    /// Whom to ask for other files.
    pub hands: &'a Hands,
    /// How many elements of option ForwardPath there are.
    pub forward_paths: u8,
}

impl Finder<'_> {
    /// Returns where the text `command` (`|program` or `/file`, without quotes) of `recipient` stands; none if no text
    /// that is responsible for the recipient names it any more.
    pub async fn find(&self, recipient: &Recipient, command: &[u8]) -> Option<Source> {
        let controller = recipient.controller.as_ref()?;
        let original =
            recipient.final_recipient.as_ref().map(|value| value.split_once_str("; ").map_or(&b""[..], |it| it.1));
        let names = [&controller.user, local_part(&controller.alias), local_part(original.unwrap_or_default())];
        let mut work = self.roots(&names).await;
        let mut looked_through = 0;
        while let Some((source, text)) = work.pop() {
            looked_through += 1;
            if looked_through > TEXTS_MAX {
                return None;
            }
            let elements = match text {
                Some(value) => address_list::split(&value, Separator::Comma),
                None => match read_source(self.hands, &source).await {
                    Text::Here { text, .. } => {
                        let elements = address_list::split_file(&text);
                        elements.into_iter().map(|(_, address)| address).collect()
                    }
                    _ => continue,
                },
            };
            for (number, element) in elements.iter().enumerate() {
                let place = at(&source, number);
                let plain = address_list::unquote(element);
                if plain == command {
                    return Some(place);
                }
                if plain.starts_with(b":include:") && place.elements.len() < DEPTH_MAX {
                    work.push((place, None));
                } else if let Alias::Found { file, value } = self.aliases.find(&plain).await
                    && source.elements.is_empty()
                {
                    let root = SourceRoot::Alias { file, key: plain.to_ascii_lowercase().into() };
                    work.push((Source { root, elements: Vec::new() }, Some(value)));
                } else if let Ok(Some((file, value))) = self.site.maildrops_of(&plain) {
                    let root = SourceRoot::UserDatabase { file, user: plain };
                    work.push((Source { root, elements: Vec::new() }, Some(value)));
                }
            }
        }
        None
    }

    /// Returns the texts where the search begins: the aliases, maildrops and `.forward` files of these names, each once. What
    /// was found in a database is at hand already.
    async fn roots(&self, names: &[&[u8]]) -> Vec<(Source, Option<BString>)> {
        let mut roots = Vec::new();
        for (number, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if names[..number].contains(name) {
                continue;
            }
            if let Alias::Found { file, value } = self.aliases.find(name).await {
                let root = SourceRoot::Alias { file, key: name.to_ascii_lowercase().into() };
                roots.push((Source { root, elements: Vec::new() }, Some(value)));
            }
            if let Ok(Some((file, value))) = self.site.maildrops_of(name) {
                let root = SourceRoot::UserDatabase { file, user: (*name).into() };
                roots.push((Source { root, elements: Vec::new() }, Some(value)));
            }
            for path in 0..self.forward_paths {
                let root = SourceRoot::Forward { user: (*name).into(), path };
                roots.push((Source { root, elements: Vec::new() }, None));
            }
        }
        roots.reverse();
        roots
    }
}

/// Returns the place of an element of the text that `source` names.
fn at(source: &Source, number: usize) -> Source {
    let mut elements = source.elements.clone();
    elements.push(u16::try_from(number).unwrap_or(u16::MAX));
    Source { root: source.root.clone(), elements }
}

/// Returns what stands before the `@` of an address, without angle brackets.
pub(super) fn local_part(address: &[u8]) -> &[u8] {
    let bare = address.strip_prefix(b"<").unwrap_or(address);
    bare.split(|byte| matches!(byte, b'@' | b'>')).next().unwrap_or_default()
}
