//! From one address to those who get the message: aliases, `:include:` lists, `.forward` files, users and programs.

use std::collections::HashSet;
use std::io::Read;

use bstr::{BString, ByteSlice};

use crate::cf::Mailer;
use crate::keeper::hands::Hands;
use crate::keeper::request::{Account, Source, SourceRoot};
use crate::mail::address_list::{self, Separator};
use crate::mail::envelope::{Controller, Notify, Recipient, Route};
use crate::name::Status;
use crate::route::alias::{Alias, Aliases};
use crate::route::parse::{self, Parsed};
use crate::route::refusal::Refusal;
use crate::site::Context;

/// The most recipients that one address may become; a list of more wants a mailing list manager.
pub const RECIPIENTS_MAX: usize = 200_000;

/// The longest `.forward` or included file that is read, in bytes.
const SOURCE_BYTES_MAX: u64 = 64 << 20;

/// The mailer of what is thrown away.
const DISCARD: &[u8] = b"discard";

/// How often a local user part may be rewritten by ruleset 5 before it is taken as it is.
const LOCAL_REWRITES_MAX: u32 = 5;

/// What an address became.
#[derive(Debug, Default)]
pub struct Expanded {
    /// Who gets the message.
    pub recipients: Vec<Recipient>,
    /// Who cannot get it, and why.
    pub refused: Vec<Refused>,
    /// Whether the address was an alias or was forwarded, so that others stand for it.
    pub aliased: bool,
}

/// A recipient that cannot be served.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The address.
    pub recipient: Recipient,
    /// Why.
    pub refusal: Refusal,
}

/// What the expansion looks things up in.
pub struct Expander<'a> {
    /// Rules and options.
    pub ctx: &'a mut Context,
    /// Aliases.
    pub aliases: &'a Aliases,
    /// Users and their files.
    pub hands: &'a Hands,
    /// Whether aliases and `.forward` files count (`-n` says no).
    pub uses_aliases: bool,
}

/// One address on its way.
struct Item {
    recipient: Recipient,
    depth: i64,
    local_rewrites: u32,
    /// Where the address stands, if not in the envelope: only then it may name a program or a file.
    source: Option<Source>,
    /// What ruleset 0 said already (ruleset 5 has changed it).
    parsed: Option<Route>,
}

/// What one step made of an item.
enum Step {
    Final(Recipient),
    More(Vec<Item>),
    Refused(Refused),
    Nothing,
}

impl Expander<'_> {
    /// Expands one address of the envelope.
    pub async fn expand(&mut self, recipient: Recipient) -> Expanded {
        let mut expanded = Expanded::default();
        let mut seen = HashSet::new();
        let mut work = vec![Item { recipient, depth: 0, local_rewrites: 0, source: None, parsed: None }];
        while let Some(item) = work.pop() {
            match self.step(item).await {
                Step::Final(recipient) => {
                    if seen.insert(recipient.route.clone()) {
                        expanded.recipients.push(recipient);
                    }
                }
                Step::More(mut items) => {
                    expanded.aliased = true;
                    items.reverse();
                    work.append(&mut items);
                }
                Step::Refused(refused) => expanded.refused.push(refused),
                Step::Nothing => {}
            }
            if expanded.recipients.len() + work.len() > RECIPIENTS_MAX {
                work.clear();
                let text = format!("more than {RECIPIENTS_MAX} recipients: use a mailing list manager");
                let recipient = Recipient::new("");
                expanded.refused.push(refused(recipient, Refusal::temporary(Status::new(4, 5, 3), text)));
            }
        }
        expanded
    }

    /// Takes one address one step on.
    async fn step(&mut self, mut item: Item) -> Step {
        let mut route = match item.parsed.take() {
            Some(route) => route,
            None => match parse::parse(self.ctx, &item.recipient.address, parse::Role::Recipient).await {
                Ok(Parsed::Mailer(route)) => route,
                Ok(Parsed::Later(_)) => {
                    let text = "Transient parse error -- message queued for future delivery";
                    return Step::Refused(refused(item.recipient, Refusal::temporary(Status::new(4, 4, 3), text)));
                }
                Err(refusal) => return Step::Refused(refused(item.recipient, refusal)),
            },
        };
        let Some(mailer) = self.mailer(&route) else {
            let text = format!("mailer {} is not defined: add an M line for it to the configuration", route.mailer);
            return Step::Refused(refused(item.recipient, Refusal::permanent(Status::new(5, 3, 5), 554, text)));
        };
        if matches!(route.mailer.as_bytes(), b"prog" | b"*file*") {
            route.user = address_list::unquote(&route.user);
        }
        item.recipient.route = Some(route.clone());
        if item.recipient.final_recipient.is_none() && item.recipient.primary {
            item.recipient.final_recipient = Some(parse::final_recipient(self.ctx, &mailer, &item.recipient.address));
        }
        if route.mailer.as_bytes() == DISCARD {
            return Step::Nothing;
        }
        match special(&route) {
            Some(special) => self.special(item, special).await,
            None => self.ordinary(item, &mailer, route).await,
        }
    }

    /// Follows aliases, ruleset 5, users and their `.forward` files.
    async fn ordinary(&mut self, item: Item, mailer: &Mailer, route: Route) -> Step {
        let (user, plain) = match route.user.strip_prefix(b"\\") {
            Some(user) => (BString::from(user), true),
            None => (route.user.clone(), false),
        };
        if mailer.flags.contains(b'A') && !plain && self.uses_aliases {
            match self.aliases.find(&user) {
                Alias::Found { file, value } => return self.alias(item, &user, file, &value),
                Alias::None => {}
                Alias::TempFail(reason) => {
                    return Step::Refused(refused(item.recipient, Refusal::temporary(Status::new(4, 3, 0), reason)));
                }
            }
        }
        if mailer.flags.contains(b'5') && !plain && item.local_rewrites < LOCAL_REWRITES_MAX {
            match parse::local_address(self.ctx, &route).await {
                Ok(Some(changed)) => {
                    let mut next = Item { parsed: Some(changed), local_rewrites: item.local_rewrites + 1, ..item };
                    note_alias(&mut next.recipient);
                    return Step::More(vec![next]);
                }
                Ok(None) => {}
                Err(refusal) => return Step::Refused(refused(item.recipient, refusal)),
            }
        }
        if !mailer.flags.contains(b'w') {
            return Step::Final(item.recipient);
        }
        match self.hands.user(&user).await {
            Ok(Some(account)) if !plain && self.uses_aliases => self.forward(item, route, account).await,
            Ok(Some(account)) => Step::Final(owned(item.recipient, route, account.name)),
            Ok(None) => Step::Refused(refused(item.recipient, Refusal::user_unknown())),
            Err(error) => Step::Refused(refused(
                item.recipient,
                Refusal::temporary(Status::new(4, 3, 0), format!("cannot ask the user database: {error}")),
            )),
        }
    }

    /// Puts the addresses of an alias in the place of its name.
    fn alias(&self, item: Item, name: &[u8], file: u8, value: &[u8]) -> Step {
        if item.depth >= self.ctx.config().options.max_alias_recursion {
            let text = "aliasing/forwarding loop broken";
            return Step::Refused(refused(item.recipient, Refusal::permanent(Status::new(5, 4, 6), 554, text)));
        }
        let key: BString = name.to_lowercase().into();
        let source = Source { root: SourceRoot::Alias { file, key }, elements: Vec::new() };
        let addresses = address_list::split(value, self.separator());
        Step::More(self.items(&item, &addresses, &source, &Controller { alias: name.into(), ..Controller::default() }))
    }

    /// Puts the addresses of a user's `.forward` in the place of the user, if there is one.
    async fn forward(&mut self, item: Item, route: Route, account: Account) -> Step {
        let already = item.recipient.controller.as_ref().is_some_and(|controller| controller.user == account.name);
        let paths = self.ctx.config().options.forward_path.split(|byte| *byte == b':').filter(|path| !path.is_empty());
        let count = u8::try_from(paths.count()).unwrap_or(u8::MAX);
        for path in (0..count).filter(|_| !already) {
            let root = SourceRoot::Forward { user: account.name.clone(), path };
            let source = Source { root, elements: Vec::new() };
            match self.read(&source).await {
                Text::Here(text) => {
                    let addresses = address_list::split_file(&text, self.separator());
                    let controller = Controller {
                        user: account.name.clone(),
                        uid: Some(account.uid),
                        gid: Some(account.gid),
                        alias: item.recipient.address.clone(),
                    };
                    let items = self.items(&item, &addresses, &source, &controller);
                    if !items.is_empty() {
                        return Step::More(items);
                    }
                }
                Text::Missing => {}
                Text::Later(reason) => {
                    return Step::Refused(refused(item.recipient, Refusal::temporary(Status::new(4, 3, 0), reason)));
                }
            }
        }
        Step::Final(owned(item.recipient, route, account.name))
    }

    /// Handles `|program`, `/file` and `:include:`.
    async fn special(&mut self, item: Item, special: Special) -> Step {
        let Some(source) = item.source.clone() else {
            let text = format!("Cannot mail directly to {}", special.noun());
            return Step::Refused(refused(item.recipient, Refusal::permanent(Status::new(5, 7, 1), 550, text)));
        };
        match special {
            Special::Program | Special::File => Step::Final(item.recipient),
            Special::Include => match self.read(&source).await {
                Text::Here(text) => {
                    let addresses = address_list::split_file(&text, self.separator());
                    let controller = item.recipient.controller.clone().unwrap_or_default();
                    Step::More(self.items(&item, &addresses, &source, &controller))
                }
                Text::Missing => {
                    let text = "the included file does not exist or may not be read: check its owner and path";
                    Step::Refused(refused(item.recipient, Refusal::permanent(Status::new(5, 2, 4), 550, text)))
                }
                Text::Later(reason) => {
                    Step::Refused(refused(item.recipient, Refusal::temporary(Status::new(4, 2, 4), reason)))
                }
            },
        }
    }

    /// Reads the text that a source names.
    async fn read(&self, source: &Source) -> Text {
        match read_source(self.hands, source).await {
            Ok(Some(text)) => Text::Here(text),
            Ok(None) => Text::Missing,
            Err(reason) => Text::Later(reason.into()),
        }
    }

    /// Makes the items of a list; each knows the place it stands at.
    fn items(&self, parent: &Item, addresses: &[BString], source: &Source, controller: &Controller) -> Vec<Item> {
        let item = |(number, address): (usize, &BString)| {
            let mut elements = source.elements.clone();
            elements.push(u16::try_from(number).unwrap_or(u16::MAX));
            Item {
                recipient: Recipient {
                    address: address.clone(),
                    primary: false,
                    orcpt: parent.recipient.orcpt.clone(),
                    final_recipient: parent.recipient.final_recipient.clone(),
                    notify: parent.recipient.notify,
                    default_notify: Notify::DEFAULT,
                    controller: Some(controller.clone()),
                    alias_of: Some(
                        parent.recipient.alias_of.clone().unwrap_or_else(|| parent.recipient.address.clone()),
                    ),
                    ..Recipient::default()
                },
                depth: parent.depth + 1,
                local_rewrites: 0,
                source: Some(Source { root: source.root.clone(), elements }),
                parsed: None,
            }
        };
        addresses.iter().enumerate().map(item).collect()
    }

    fn separator(&self) -> Separator {
        if self.ctx.config().options.old_style_headers { Separator::OldStyle } else { Separator::Comma }
    }

    fn mailer(&self, route: &Route) -> Option<Mailer> {
        self.ctx.config().mailers.get(route.mailer.as_bytes()).cloned()
    }
}

/// What reading a source came to.
enum Text {
    Here(Vec<u8>),
    Missing,
    Later(BString),
}

/// A user part that names no user.
enum Special {
    Program,
    File,
    Include,
}

impl Special {
    /// Returns what the refusal calls it.
    fn noun(&self) -> &'static str {
        match self {
            Self::Program => "programs",
            Self::File => "files",
            Self::Include => ":include:s",
        }
    }
}

/// Tells whether a user part names a program, a file or a list, not a user.
fn special(route: &Route) -> Option<Special> {
    match (route.mailer.as_bytes(), route.user.first()) {
        (b"prog", Some(b'|')) => Some(Special::Program),
        (b"*file*", Some(b'/')) => Some(Special::File),
        (b"*include*", _) => Some(Special::Include),
        _ => None,
    }
}

/// Returns the recipient with its own user as the one whose mailbox it is.
fn owned(mut recipient: Recipient, route: Route, user: BString) -> Recipient {
    recipient.route = Some(Route { user, ..route });
    recipient
}

/// Notes that ruleset 5 has put another address in the place of this one.
fn note_alias(recipient: &mut Recipient) {
    let alias = recipient.address.clone();
    recipient.controller.get_or_insert_with(|| Controller { alias, ..Controller::default() });
}

fn refused(recipient: Recipient, refusal: Refusal) -> Refused {
    Refused { recipient, refusal }
}

/// Reads the text that a source names; none if there is none, or it may not be used.
///
/// # Errors
/// It cannot be read now.
pub async fn read_source(hands: &Hands, source: &Source) -> Result<Option<Vec<u8>>, String> {
    let file = match hands.open_source(source.clone()).await {
        Ok((file, _)) => std::fs::File::from(file),
        Err(error) if error.is_temporary() => return Err(error.to_string()),
        Err(_) => return Ok(None),
    };
    let mut text = Vec::new();
    file.take(SOURCE_BYTES_MAX).read_to_end(&mut text).map_err(|error| format!("cannot read it: {error}"))?;
    Ok(Some(text))
}
