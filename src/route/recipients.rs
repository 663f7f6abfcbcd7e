//! From one address to those who get the message: aliases, `:include:` lists, `.forward` files, users and programs.

use std::collections::HashSet;
use std::fmt;
use std::io::Read;

use bstr::{BString, ByteSlice};

use crate::cf::Mailer;
use crate::keeper::hands::Hands;
use crate::keeper::request::{Account, FailureKind, Source, SourceRoot, Standing};
use crate::mail::address_list::{self, Separator};
use crate::mail::envelope::{Controller, Notify, Recipient, Route};
use crate::name::{Status, Sysexit};
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
    /// What the postmaster should hear of.
    pub warnings: Vec<BString>,
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
    /// Where the address stands, if in a file.
    pub place: Option<Place>,
}

/// A line of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The file.
    pub file: BString,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}", self.file, self.line)
    }
}

/// What the addresses of one text have in common.
struct List<'a> {
    source: &'a Source,
    standing: Standing,
    /// The file, if it is one.
    file: Option<BString>,
    controller: Controller,
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
    /// What it may name besides users, as the text says where it stands.
    standing: Standing,
    /// Which address the text stands for.
    listed_in: BString,
    /// Where the address stands, if in a file.
    place: Option<Place>,
    /// What ruleset 0 said already (ruleset 5 has changed it).
    parsed: Option<Route>,
}

impl Item {
    /// Returns the address of an envelope.
    fn first(recipient: Recipient) -> Self {
        let standing = Standing::Full {};
        let listed_in = BString::default();
        Self { recipient, depth: 0, local_rewrites: 0, source: None, standing, listed_in, place: None, parsed: None }
    }
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
        let mut work = vec![Item::first(recipient)];
        while let Some(item) = work.pop() {
            let place = item.place.clone();
            match self.step(item, &mut expanded.warnings).await {
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
                Step::Refused(refused) => expanded.refused.push(Refused { place, ..refused }),
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
    async fn step(&mut self, mut item: Item, warnings: &mut Vec<BString>) -> Step {
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
            None => self.ordinary(item, &mailer, route, warnings).await,
        }
    }

    /// Follows aliases, ruleset 5, users and their `.forward` files.
    async fn ordinary(&mut self, item: Item, mailer: &Mailer, route: Route, warnings: &mut Vec<BString>) -> Step {
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
            Ok(Some(account)) if !plain && self.uses_aliases => self.forward(item, route, account, warnings).await,
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
        let addresses = addresses.into_iter().map(|address| (0, address)).collect();
        let controller = Controller { alias: name.into(), ..Controller::default() };
        Step::More(items(
            &item,
            addresses,
            List { source: &source, standing: Standing::Full {}, file: None, controller },
        ))
    }

    /// Puts the addresses of a user's `.forward` in the place of the user, if there is one.
    async fn forward(&mut self, item: Item, route: Route, account: Account, warnings: &mut Vec<BString>) -> Step {
        let already = item.recipient.controller.as_ref().is_some_and(|controller| controller.user == account.name);
        let paths = self.ctx.config().options.forward_path.split(|byte| *byte == b':').filter(|path| !path.is_empty());
        let count = u8::try_from(paths.count()).unwrap_or(u8::MAX);
        for path in (0..count).filter(|_| !already) {
            let root = SourceRoot::Forward { user: account.name.clone(), path };
            let source = Source { root, elements: Vec::new() };
            match read_source(self.hands, &source).await {
                Text::Here { path, text, standing } => {
                    let addresses = address_list::split_file(&text, self.separator());
                    let controller = Controller {
                        user: account.name.clone(),
                        uid: Some(account.uid),
                        gid: Some(account.gid),
                        alias: item.recipient.address.clone(),
                    };
                    let list = List { source: &source, standing, file: Some(path), controller };
                    let items = items(&item, addresses, list);
                    if !items.is_empty() {
                        return Step::More(items);
                    }
                }
                Text::Missing(_) => {}
                Text::Refused(reason) => warnings.push(format!("forward {reason}").into()),
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
            Special::Program | Special::File => match self.distrust(&item, &special) {
                None => Step::Final(item.recipient),
                Some(text) => Step::Refused(refused(
                    item.recipient,
                    Refusal::permanent(Status::new(5, 7, 1), 550, text).with_exit(Sysexit::Usage),
                )),
            },
            Special::Include => match read_source(self.hands, &source).await {
                Text::Here { path, text, standing } => {
                    let addresses = address_list::split_file(&text, self.separator());
                    let controller = item.recipient.controller.clone().unwrap_or_default();
                    Step::More(items(
                        &item,
                        addresses,
                        List { source: &source, standing, file: Some(path), controller },
                    ))
                }
                Text::Missing(reason) | Text::Refused(reason) => {
                    let text = format!("Cannot open {reason}");
                    let refusal = Refusal::permanent(Status::new(5, 2, 4), 550, text).with_exit(Sysexit::Usage);
                    Step::Refused(refused(item.recipient, refusal))
                }
                Text::Later(reason) => {
                    Step::Refused(refused(item.recipient, Refusal::temporary(Status::new(4, 2, 4), reason)))
                }
            },
        }
    }

    /// Tells why an address may name no program or file; none if it may.
    fn distrust(&self, item: &Item, special: &Special) -> Option<BString> {
        let noun = special.noun();
        match &item.standing {
            Standing::Full {} => None,
            Standing::UsersOnly {} => {
                let name = &item.listed_in;
                Some(format!("Address {name} is unsafe for mailing to {noun}").into())
            }
            Standing::NoShell { user } => {
                let host = self.ctx.get("j").unwrap_or_default();
                let host = host.as_bstr();
                Some(format!("User {user}@{host} doesn't have a valid shell for mailing to {noun}").into())
            }
            Standing::NoUser { uid } => Some(format!("UID {uid} is an unknown user: cannot mail to {noun}").into()),
        }
    }

    fn separator(&self) -> Separator {
        if self.ctx.config().options.old_style_headers { Separator::OldStyle } else { Separator::Comma }
    }

    fn mailer(&self, route: &Route) -> Option<Mailer> {
        self.ctx.config().mailers.get(route.mailer.as_bytes()).cloned()
    }
}

/// Makes the items of a list; each knows the place it stands at.
fn items(parent: &Item, addresses: Vec<(usize, BString)>, list: List<'_>) -> Vec<Item> {
    let List { source, standing, file, controller } = list;
    let of = &parent.recipient;
    let item = |(number, (line, address)): (usize, (usize, BString))| {
        let mut elements = source.elements.clone();
        elements.push(u16::try_from(number).unwrap_or(u16::MAX));
        Item {
            recipient: Recipient {
                address,
                primary: false,
                orcpt: of.orcpt.clone(),
                final_recipient: of.final_recipient.clone(),
                notify: of.notify,
                default_notify: Notify::DEFAULT,
                controller: Some(controller.clone()),
                alias_of: Some(of.alias_of.clone().unwrap_or_else(|| of.address.clone())),
                ..Recipient::default()
            },
            depth: parent.depth + 1,
            local_rewrites: 0,
            source: Some(Source { root: source.root.clone(), elements }),
            standing: standing.clone(),
            listed_in: of.address.clone(),
            place: file.clone().map(|file| Place { file, line }),
            parsed: None,
        }
    };
    addresses.into_iter().enumerate().map(item).collect()
}

/// What reading a source came to.
pub enum Text {
    /// It is there.
    Here {
        /// The name of its file.
        path: BString,
        /// The whole of it.
        text: Vec<u8>,
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
    Refused { recipient, refusal, place: None }
}

/// Reads the text that a source names.
pub async fn read_source(hands: &Hands, source: &Source) -> Text {
    let (path, file, standing) = match hands.open_source(source.clone()).await {
        Ok((path, file, standing)) => (path, std::fs::File::from(file), standing),
        Err(error) if error.is_temporary() => return Text::Later(error.to_string().into()),
        Err(error) if error.kind() == Some(&FailureKind::Missing {}) => return Text::Missing(error.to_string().into()),
        Err(error) => return Text::Refused(error.to_string().into()),
    };
    let mut text = Vec::new();
    match file.take(SOURCE_BYTES_MAX).read_to_end(&mut text) {
        Ok(_) => Text::Here { path, text, standing },
        Err(error) => Text::Later(format!("cannot read it: {error}").into()),
    }
}
