//! Finding the text again that names a program or a file: an element of an alias, of a `.forward` or of an included file.
//!
//! The queue file keeps who is responsible for a recipient (its `C` line) but not where its text stands. A hand runs a
//! program only because a text that it reads itself says so; here the place of that text is found for it.

use std::collections::HashSet;

use bstr::{BString, ByteSlice};

use crate::cf::Options;
use crate::keeper::hands::Hands;
use crate::keeper::request::{INCLUDE_DEPTH_MAX, Source, SourceRoot};
use crate::mail::address_list::{self, TooMany};
use crate::mail::envelope::Recipient;
use crate::route::alias::{Alias, Aliases};
use crate::route::recipients::RECIPIENTS_MAX;
use crate::route::text::{Text, read_source};
use crate::site::Site;

/// The most texts that are looked through for one recipient.
pub(super) const TEXTS_MAX: usize = 1000;

/// Where the texts are.
pub struct Finder<'a> {
    /// The user databases.
    pub site: &'a Site,
    /// The alias files.
    pub aliases: &'a Aliases,
    /// Whom to ask for other files.
    pub hands: &'a Hands,
}

/// Returns how many files ForwardPath names for each user.
pub(super) fn forward_paths(options: &Options) -> u8 {
    let paths = options.forward_path.split(|byte| *byte == b':').filter(|path| !path.is_empty());
    u8::try_from(paths.count()).unwrap_or(u8::MAX)
}

impl Finder<'_> {
    /// Returns where the text `command` (`|program` or `/file`, without quotes) of `recipient` stands; none if no text
    /// that is responsible for the recipient names it any more.
    ///
    /// # Errors
    /// A text that may name it cannot be read now.
    pub async fn find(&self, recipient: &Recipient, command: &[u8]) -> Result<Option<Source>, BString> {
        let Some(controller) = recipient.controller.as_deref() else { return Ok(None) };
        let original =
            recipient.final_recipient.as_ref().map(|value| value.split_once_str("; ").map_or(&b""[..], |it| it.1));
        let names = [&controller.user, local_part(&controller.alias), local_part(original.unwrap_or_default())];
        let mut search = Search::default();
        self.begin(&mut search, &names).await;
        while let Some((source, text)) = search.work.pop() {
            if search.is_over() {
                break;
            }
            let elements: Vec<BString> = match text {
                Some(value) => match address_list::split_value(&value) {
                    Ok(elements) => elements,
                    Err(error) => {
                        search.note(later(&source, error));
                        continue;
                    }
                },
                None => match read_source(self.hands, &source).await {
                    Text::Here { lists, .. } => lists.into_iter().flatten().map(|listed| listed.address).collect(),
                    Text::Later { reason, .. } => {
                        search.note(reason);
                        continue;
                    }
                    Text::Missing(_) | Text::Refused(_) => continue,
                },
            };
            search.elements += elements.len();
            for (number, element) in (0..).zip(&elements) {
                let place = source.element(number);
                let plain = address_list::unquote(element);
                if plain == command {
                    return Ok(Some(place));
                }
                if address_list::included(&plain).is_some() && place.elements.len() < INCLUDE_DEPTH_MAX {
                    search.work.push((place, None));
                } else if !source.elements.is_empty() || !self.follow_alias(&mut search, &plain).await {
                    self.follow_maildrops(&mut search, &plain);
                }
            }
        }
        search.unread.map_or(Ok(None), Err)
    }

    /// Begins with the aliases, maildrops and `.forward` files of these names, each once.
    async fn begin(&self, search: &mut Search, names: &[&[u8]]) {
        for (number, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if names[..number].contains(name) {
                continue;
            }
            self.follow_alias(search, name).await;
            self.follow_maildrops(search, name);
            for path in 0..forward_paths(&self.site.config.options) {
                let root = SourceRoot::Forward { user: (*name).into(), path };
                search.work.push((Source { root, elements: Vec::new() }, None));
            }
        }
        search.work.reverse();
    }

    /// Looks through what an alias stands for; tells whether there is such an alias.
    async fn follow_alias(&self, search: &mut Search, name: &[u8]) -> bool {
        match self.aliases.find(name).await {
            Alias::Found { file, value } => {
                search.follow(SourceRoot::Alias { file, key: name.to_ascii_lowercase().into() }, value);
                return true;
            }
            Alias::TempFail(reason) => search.note(reason),
            Alias::None => {}
        }
        false
    }

    /// Looks through the maildrops of a user.
    fn follow_maildrops(&self, search: &mut Search, user: &[u8]) {
        match self.site.maildrops_of(user) {
            Ok(Some((file, value))) => {
                search.follow(SourceRoot::UserDatabase { file, user: user.into() }, value);
            }
            Ok(None) => {}
            Err(reason) => search.note(reason),
        }
    }
}

/// How far a search has come.
#[derive(Default)]
struct Search {
    /// How many texts were looked through, and how many elements they have.
    texts: usize,
    elements: usize,
    /// The aliases and maildrops that were found: each is looked through once.
    known: HashSet<SourceRoot>,
    /// The texts to look through, the next one last; what was found in a database is at hand already.
    work: Vec<(Source, Option<BString>)>,
    /// Why the first text that could not be read is not to be had now.
    unread: Option<BString>,
}

impl Search {
    /// Takes note of a text more; tells whether there were too many.
    fn is_over(&mut self) -> bool {
        self.texts += 1;
        if self.texts > TEXTS_MAX {
            self.note(format!("more than {TEXTS_MAX} texts may name it").into());
        } else if self.elements > RECIPIENTS_MAX {
            self.note(format!("more than {RECIPIENTS_MAX} addresses may lead to it").into());
        } else {
            return false;
        }
        true
    }

    /// Remembers to look through what was found in a database.
    fn follow(&mut self, root: SourceRoot, value: BString) {
        if self.known.insert(root.clone()) {
            self.work.push((Source { root, elements: Vec::new() }, Some(value)));
        }
    }

    /// Takes note of a text that cannot be read now.
    fn note(&mut self, reason: BString) {
        self.unread.get_or_insert(reason);
    }
}

/// Says why the list of an alias or of maildrops is not used.
fn later(source: &Source, error: TooMany) -> BString {
    match &source.root {
        SourceRoot::Alias { key, .. } => format!("alias {key}: {error}").into(),
        SourceRoot::Forward { user, .. } | SourceRoot::UserDatabase { user, .. } => {
            format!("maildrops of {user}: {error}").into()
        }
    }
}

/// Returns what stands before the `@` of an address, without angle brackets.
pub(super) fn local_part(address: &[u8]) -> &[u8] {
    let bare = address.strip_prefix(b"<").unwrap_or(address);
    bare.split(|byte| matches!(byte, b'@' | b'>')).next().unwrap_or_default()
}
