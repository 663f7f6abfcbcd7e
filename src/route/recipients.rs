//! From one address to those who get the message: aliases, `:include:` lists, `.forward` files, users and programs.

use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::role::Role;
use crate::cf::{Mailer, MailerFlag, Principal};
use crate::keeper::request::{Account, Source, SourceRoot, Standing};
use crate::log::Witness;
use crate::mail::address_list;
use crate::mail::envelope::{Controller, Recipient, Route, Special};
use crate::mail::token::{ScanError, ScanOptions};
use crate::name::{Status, TrimSpace as _};
use crate::route::account::{self, Found};
use crate::route::alias::Alias;
use crate::route::course::{Course, Item, Parent, Step};
use crate::route::listed::{Element, List, items, numbered};
use crate::route::local::{self, Local, Progress, Stage, Tables};
use crate::route::parse::{self, Parsed};
use crate::route::refusal::Refusal;
use crate::route::refused::{Refused, refused};
use crate::route::source::{Finder, forward_paths, local_part};
use crate::route::text::{Text, read_source};
use crate::site::{Context, Maildrops};

/// The most recipients that one address may become; a list of more wants a mailing list manager.
pub const RECIPIENTS_MAX: usize = 200_000;

/// What a verbose caller hears of somebody who has the message already.
pub const DUPLICATE: &str = "duplicate suppressed";

/// The mailer of what is thrown away.
const DISCARD: &[u8] = b"discard";

/// What an address became.
#[derive(Debug, Default)]
pub struct Expanded {
    /// Who gets the message, in the order in which they were found.
    pub recipients: Vec<Recipient>,
    /// Who cannot get it, and why.
    pub refused: Vec<Refused>,
    /// What is wrong with the spelling of addresses that are used all the same.
    pub flaws: Vec<Refused>,
    /// What the postmaster should hear of.
    pub warnings: Vec<BString>,
    /// Whether the address was an alias or was forwarded, so that others stand for it.
    pub aliased: bool,
    /// The address itself, if it is a list: it has become several, or has an owner who hears of what fails.
    pub list: Option<Recipient>,
}

/// Where an address leads.
#[derive(Debug)]
pub struct Placed {
    /// What the rules say of it, or why it cannot be used; none if nobody is named.
    pub route: Result<Option<Route>, Refused>,
    /// What is wrong with its spelling, if it is used all the same.
    pub flaw: Option<Refused>,
}

/// What the expansion looks things up in.
pub struct Expander<'a> {
    /// Rules and options.
    pub ctx: &'a mut Context,
    /// Aliases, users and their files.
    pub tables: Tables<'a>,
    /// Who is told of each step.
    pub witness: &'a Witness,
}

impl Expander<'_> {
    /// Expands one address of the envelope.
    pub async fn expand(&mut self, recipient: Recipient) -> Expanded {
        self.expand_item(Item::first(recipient)).await
    }

    /// Expands one address of the envelope that [`Self::place`] has found the route of.
    pub async fn expand_placed(&mut self, recipient: Recipient, route: Route) -> Expanded {
        self.expand_item(Item { parsed: Some(route), ..Item::first(recipient) }).await
    }

    /// Asks the rules where an address leads, without looking anybody up.
    ///
    // QUIRK(unbalanced-arguments): what is unbalanced is told, and the address is used all the same, balanced.
    pub async fn place(&mut self, recipient: &mut Recipient) -> Placed {
        let (balanced, error) = self.balanced(&recipient.address);
        let flaw = error.map(|error| refused(recipient.clone(), Refusal::of_scan(error)));
        // QUIRK(open-comment): it is nobody.
        if balanced.is_empty() && flaw.is_some() {
            return Placed { route: Ok(None), flaw };
        }
        let spelling = std::mem::replace(&mut recipient.address, balanced);
        let routed = self.route(recipient).await;
        if let Ok(route) = &routed {
            recipient.route = Some(route.clone());
        }
        self.name_finally(recipient);
        recipient.address = spelling;
        Placed { route: routed.map(Some).map_err(|refusal| refused(recipient.clone(), refusal)), flaw }
    }

    /// Returns an address as it can be used, empty if nobody is named, and what is wrong with its spelling.
    fn balanced(&self, address: &BString) -> (BString, Option<ScanError>) {
        let scanned = self.ctx.scan(address, ScanOptions::ADDRESS);
        if let (Some(error), Some(tokens)) = (scanned.errors.first(), scanned.tokens) {
            let text = self.ctx.join(&tokens);
            let is_good = self.ctx.scan(&text, ScanOptions::ADDRESS).errors.is_empty();
            if is_good && text.is_empty() == address_list::is_open_comment(address) {
                return (text, Some(*error));
            }
        }
        (address.clone(), None)
    }

    async fn expand_item(&mut self, item: Item) -> Expanded {
        let recipient = &item.recipient;
        let was_primary = recipient.primary;
        let mut expanded = Expanded::default();
        let mut course = Course::default();
        course.work.push(item);
        while let Some(item) = course.work.pop() {
            if course.is_done(&item) {
                continue;
            }
            let (parent, element) = (item.parent, item.element.clone());
            match self.step(item, &mut course, &mut expanded).await {
                Step::Final(recipient) => {
                    if course.seen.insert(recipient.route.clone()) {
                        course.found.push(Some(recipient));
                    } else {
                        self.witness.tell_about(&recipient.address, DUPLICATE);
                    }
                }
                Step::Again(item) => course.work.push(item),
                Step::Itself(number) => {
                    let Parent { recipient, place, stage, names_itself, .. } = &mut course.parents[number];
                    *names_itself = true;
                    // QUIRK(maildrop-of-oneself): an alias for oneself leads to the mailbox and on, a maildrop on only.
                    if *stage != Stage::Dropped && course.seen.insert(recipient.route.clone()) {
                        course.found[*place] = Some(recipient.clone());
                    }
                }
                Step::More(recipient, items) => {
                    expanded.aliased = true;
                    course.expand(recipient, parent, items);
                }
                Step::MoreAnd(item, items) => {
                    expanded.aliased = true;
                    course.expand_and_go_on(item, items);
                }
                Step::Refused(refused) => {
                    // A user who does not exist is told of once.
                    if !refused.is_missing_user() || course.seen.insert(refused.recipient.route.clone()) {
                        let place = element.and_then(|element| element.place());
                        expanded.refused.push(Refused { place, ..refused });
                    }
                }
                Step::Nothing => {}
            }
            if course.found.len() + course.work.len() > RECIPIENTS_MAX {
                // What was refused on the way comes again with the next try.
                return Expanded { refused: vec![course.too_many()], ..expanded };
            }
        }
        expanded.recipients = course.found.into_iter().flatten().collect();
        if expanded.recipients.is_empty() && expanded.refused.is_empty() && expanded.aliased {
            let text = "aliasing/forwarding loop broken";
            let recipient = Recipient { primary: false, ..course.parents[0].recipient.clone() };
            expanded.refused.push(refused(recipient, Refusal::of_loop(text)));
        }
        let is_owned = course.parents.first().is_some_and(|parent| parent.recipient.owner.is_some());
        // Who stands alone for an address that was named gets its reports too.
        match expanded.recipients.as_mut_slice() {
            [only] if was_primary && !is_owned => only.primary = true,
            [] if was_primary && !is_owned => {
                if let [Refused { recipient, refusal, .. }] = expanded.refused.as_mut_slice() {
                    recipient.primary |= refusal.is_temporary();
                }
            }
            [_] | [] if !is_owned => {}
            _ => expanded.list = course.parents.into_iter().next().map(|parent| parent.recipient),
        }
        expanded
    }

    /// Takes one address one step on.
    async fn step(&mut self, mut item: Item, course: &mut Course, expanded: &mut Expanded) -> Step {
        let route = match item.parsed.take() {
            Some(route) => Ok(Some(route)),
            None => {
                let placed = self.place(&mut item.recipient).await;
                let place = item.element.as_ref().and_then(Element::place);
                expanded.flaws.extend(placed.flaw.map(|flaw| Refused { place, ..flaw }));
                placed.route
            }
        };
        let mut route = match route {
            Ok(Some(route)) => route,
            Ok(None) => return Step::Nothing,
            Err(refused) => return Step::Refused(refused),
        };
        let Some(mailer) = self.mailer(&route) else {
            let text = format!("mailer {} is not defined: add an M line for it to the configuration", route.mailer);
            return Step::Refused(refused(item.recipient, Refusal::permanent(Status::new(5, 3, 5), 554, text)));
        };
        if matches!(route.mailer.as_bytes(), b"prog" | b"*file*") {
            route.user = address_list::unquote(&route.user);
        }
        item.recipient.route = Some(route.clone());
        self.name_finally(&mut item.recipient);
        if route.mailer.as_bytes() == DISCARD {
            return Step::Nothing;
        }
        if let Some(number) = course.ancestor(item.parent, &route) {
            return if item.parent == Some(number) {
                self.itself(&mailer, &route, item, number).await
            } else {
                self.break_loop(item, number, course).await
            };
        }
        if item.progress == Progress::default() && course.is_expanded(&item.recipient) {
            return Step::Nothing;
        }
        match special(&route) {
            Some(special) => self.special(item, special, course).await,
            None => self.ordinary(item, &mailer, route, course, expanded).await,
        }
    }

    /// Notes how reports name a recipient that the sender has named.
    fn name_finally(&self, recipient: &mut Recipient) {
        if let (None, true, Some(route)) = (&recipient.final_recipient, recipient.primary, &recipient.route) {
            recipient.final_recipient = parse::final_recipient(self.ctx, &recipient.address, route).map(Arc::new);
        }
    }

    /// Asks the rules where an address leads.
    async fn route(&mut self, recipient: &mut Recipient) -> Result<Route, Refusal> {
        match parse::parse(self.ctx, &recipient.address, Role::Recipient).await {
            Ok(Parsed::Mailer(route)) => Ok(route),
            Err(refusal) => {
                recipient.route = refusal.error().filter(|_| refusal.is_temporary()).cloned();
                Err(refusal)
            }
            Ok(Parsed::Later(route)) => {
                let text = self.ctx.take_deferral().unwrap_or_else(|| parse::FAILS_FOR_NOW.into());
                recipient.route = Some(route);
                Err(Refusal::temporary(Status::new(4, 4, 3), text))
            }
        }
    }

    /// Keeps an address beside those that stand for it, if there is such a user; else ruleset 5 may know where it leads.
    async fn itself(&mut self, mailer: &Mailer, route: &Route, mut item: Item, number: usize) -> Step {
        item.progress.stage = Stage::Dropped;
        match account::find(self.tables.hands, &self.ctx.config().options, mailer, &route.user).await {
            Ok(Found::Nobody) => match local::look_up(self.ctx, self.tables, mailer, route, item.progress).await {
                Ok(Local::Changed(changed)) => changed_item(item, changed),
                Ok(_) => Step::Refused(refused(item.recipient, Refusal::user_unknown())),
                Err(refusal) => Step::Refused(refused(item.recipient, refusal)),
            },
            Ok(_) => Step::Itself(number),
            Err(refusal) => Step::Refused(refused(item.recipient, refusal)),
        }
    }

    /// Follows aliases, ruleset 5, users and their `.forward` files.
    async fn ordinary(
        &mut self,
        item: Item,
        mailer: &Mailer,
        route: Route,
        course: &mut Course,
        expanded: &mut Expanded,
    ) -> Step {
        let has_told = self.tell_texts(&item, mailer, &route);
        let found = match local::look_up(self.ctx, self.tables, mailer, &route, item.progress).await {
            Ok(found) => found,
            Err(refusal) => return Step::Refused(refused(item.recipient, refusal)),
        };
        match found {
            Local::Alias { name, file, value } => {
                let text = format!("aliased to {}", value.as_bstr());
                // QUIRK(reading-forgets-name)
                if has_told {
                    self.witness.tell(text);
                } else {
                    self.witness.tell_about(&item.recipient.address, text);
                }
                self.alias(item, mailer, &name, file, &value).await
            }
            Local::Maildrops(user, maildrops) => self.maildrops(item, &user, maildrops),
            Local::Changed(changed) => changed_item(item, changed),
            Local::User(Found::Nobody) => Step::Refused(refused(item.recipient, Refusal::user_unknown())),
            Local::User(Found::Elsewhere) => Step::Final(item.recipient),
            Local::User(Found::Called(account)) => {
                let text = format!("sending to login name {}", account.name);
                self.witness.tell_about(&item.recipient.address, text);
                // The login name may be an alias, too.
                let progress = item.progress.called();
                Step::Again(Item { parsed: Some(Route { user: account.name, ..route }), progress, ..item })
            }
            Local::User(Found::Account(account)) if !route.plain_user().1 && self.tables.uses_aliases => {
                self.forward(item, route, account, course, expanded).await
            }
            Local::User(Found::Account(account)) => Step::Final(owned(item.recipient, route, account)),
        }
    }

    /// Tells a verbose caller of alias files that have no database, where they are asked now; tells whether there are any.
    fn tell_texts(&self, item: &Item, mailer: &Mailer, route: &Route) -> bool {
        let is_asked = self.witness.is_verbose() && local::asks_aliases(self.tables, mailer, route, item.progress);
        let texts = if is_asked { self.tables.aliases.texts_to_tell() } else { Vec::new() };
        for (file, counts) in &texts {
            let text = format!("WARNING: cannot open alias database {file}; reading text version");
            self.witness.tell_about(&item.recipient.address, text);
            self.witness.tell(format!("{file}: {counts}"));
        }
        !texts.is_empty()
    }

    /// Puts the addresses of an alias in the place of its name.
    async fn alias(&self, mut item: Item, mailer: &Mailer, name: &[u8], file: u8, value: &[u8]) -> Step {
        let max = self.ctx.config().options.max_alias_recursion;
        if item.depth >= max {
            let text = format!("aliasing/forwarding loop broken ({} aliases deep; {max} max)", item.depth + 1);
            return Step::Refused(refused(item.recipient, Refusal::of_loop(text)));
        }
        let key: BString = name.to_lowercase().into();
        let source = Source { root: SourceRoot::Alias { file, key }, elements: Vec::new() };
        let addresses = match address_list::split_value(value) {
            Ok(addresses) => vec![numbered(addresses)],
            Err(error) => return Step::Refused(later(item.recipient, format!("alias {}: {error}", name.as_bstr()))),
        };
        let (uid, gid) = self.default_ids().await;
        let alias = item.recipient.address.clone();
        let controller = Controller { user: name.into(), uid, gid, alias };
        item.recipient.owner = self.owner(mailer, name).await.map(Arc::new);
        let mut items = items(&item, addresses, List::of(&item, source), controller);
        items.iter_mut().for_each(|item| item.recipient.from_alias = true);
        item.progress.stage = Stage::Aliased;
        Step::MoreAnd(item, items)
    }

    /// Puts a user's maildrops in the place of the user.
    fn maildrops(&self, mut item: Item, user: &[u8], maildrops: Maildrops) -> Step {
        let addresses = match maildrops.list() {
            Ok(addresses) => vec![numbered(addresses)],
            Err(error) => {
                return Step::Refused(later(item.recipient, format!("maildrops of {}: {error}", user.as_bstr())));
            }
        };
        let Maildrops { file, addresses: text, sender } = maildrops;
        item.recipient.owner = sender.map(Arc::new).or(item.recipient.owner);
        self.witness.tell_about(&item.recipient.address, format!("expanded to {text}"));
        // No file has the last number: what another host's address would be turned to is not started.
        let root = SourceRoot::UserDatabase { file: file.unwrap_or(u8::MAX), user: user.into() };
        let source = Source { root, elements: Vec::new() };
        let alias = item.recipient.address.clone();
        let whose = item.recipient.controller.as_deref().filter(|controller| controller.uid.is_some());
        let controlled_by =
            item.recipient.controlled_by.clone().or_else(|| whose.map(|controller| Arc::new(controller.alias.clone())));
        // The queue file names the maildrop, so that the text is found again.
        let controller = Controller { alias, ..whose.cloned().unwrap_or_default() };
        let mut items = items(&item, addresses, List::of(&item, source), controller);
        items.iter_mut().for_each(|item| item.recipient.controlled_by.clone_from(&controlled_by));
        item.progress.stage = Stage::Dropped;
        Step::MoreAnd(item, items)
    }

    /// Returns the address that hears of failures of a list: what `owner-LIST` stands for, or its name if that is no
    /// plain address.
    async fn owner(&self, mailer: &Mailer, list: &[u8]) -> Option<BString> {
        let rest = if list.starts_with(b"owner-") { b"owner" } else { list };
        let mut name = BString::from([b"owner-", rest].concat());
        if !mailer.flags.has(MailerFlag::UserCase) {
            name.make_ascii_lowercase();
        }
        match self.tables.aliases.find(&name).await {
            Alias::Found { value, .. } if value.iter().any(|byte| b",:/|\"".contains(byte)) => Some(name),
            Alias::Found { value, .. } => Some(value.trim_space().into()),
            Alias::None | Alias::TempFail(_) => None,
        }
    }

    /// Returns whose rights hold for what an alias names: the id of DefaultUser, with the group 0 that the original writes down.
    async fn default_ids(&self) -> (Option<u32>, Option<u32>) {
        let uid = match &self.ctx.config().options.default_user.user {
            Some(Principal::Id(uid)) => Some(*uid),
            Some(Principal::Name(name)) => self.tables.hands.user(name).await.ok().flatten().map(|account| account.uid),
            None => None,
        };
        (uid, Some(0))
    }

    /// Puts the addresses of a user's `.forward` in the place of the user, if there is one.
    async fn forward(
        &mut self,
        item: Item,
        route: Route,
        account: Account,
        course: &mut Course,
        expanded: &mut Expanded,
    ) -> Step {
        let already = item.recipient.controller.as_ref().is_some_and(|controller| {
            controller.user == account.name && local_part(&controller.alias) == account.name.as_slice()
        });
        self.ctx.set("z", account.home.clone());
        let count = forward_paths(&self.ctx.config().options);
        for path in (0..count).filter(|_| !already) {
            let root = SourceRoot::Forward { user: account.name.clone(), path };
            let source = Source { root, elements: Vec::new() };
            match read_source(self.tables.hands, &source).await {
                Text::Here { path, len_bytes, lists, standing, .. } => {
                    if let Err(refusal) = course.count_text(len_bytes) {
                        return Step::Refused(refused(item.recipient, refusal));
                    }
                    let controller = Controller {
                        user: account.name.clone(),
                        uid: Some(account.uid),
                        gid: Some(account.gid),
                        alias: item.recipient.address.clone(),
                    };
                    let list = List { standing, file: Some(Arc::new(path)), ..List::of(&item, source) };
                    let items = items(&item, lists, list, controller);
                    // QUIRK(open-comment): it is nobody, and a file of nobody else forwards nothing.
                    if items.iter().any(|item| !address_list::is_open_comment(&item.recipient.address)) {
                        return Step::More(owned(item.recipient, route, account), items);
                    }
                    expanded.flaws.extend(items.iter().filter_map(|item| self.flaw(item)));
                }
                Text::Missing(_) => {}
                Text::Refused(reason) => expanded.warnings.push(format!("forward {reason}").into()),
                Text::Later { reason, is_interruption } => {
                    let refusal = Refusal::temporary(Status::new(4, 3, 0), reason);
                    return Step::Refused(refused(item.recipient, refusal.with_interruption(is_interruption)));
                }
            }
        }
        Step::Final(owned(item.recipient, route, account))
    }

    /// Returns what is wrong with the spelling of an address of a file.
    fn flaw(&self, item: &Item) -> Option<Refused> {
        let (_, error) = self.balanced(&item.recipient.address);
        let place = item.element.as_ref().and_then(Element::place);
        error.map(|error| Refused { place, ..refused(item.recipient.clone(), Refusal::of_scan(error)) })
    }

    /// Handles `|program`, `/file` and `:include:`.
    async fn special(&mut self, item: Item, special: Special, course: &mut Course) -> Step {
        // The queue file tells who is responsible; the text that names the program is looked for when it is started.
        let is_vouched_for = item.recipient.controller.is_some();
        match (&special, item.element.as_ref().map(Element::source)) {
            (Special::Program | Special::File, source) if source.is_some() || is_vouched_for => {
                match self.distrust(&item, &special) {
                    None => Step::Final(item.recipient),
                    Some(text) => Step::Refused(refused(item.recipient, Refusal::own(Status::new(5, 7, 1), 550, text))),
                }
            }
            (Special::Include, Some(source)) => self.include(item, source, course).await,
            (Special::Include, None) if is_vouched_for => match self.find_again(&item.recipient).await {
                Ok(Some(source)) => self.include(item, source, course).await,
                Ok(None) => {
                    let text = format!("no alias, .forward or included file names {} any more", item.recipient.address);
                    Step::Refused(refused(item.recipient, Refusal::permanent(Status::new(5, 2, 4), 550, text)))
                }
                Err(reason) => Step::Refused(later(item.recipient, reason)),
            },
            _ => Step::Refused(refused(item.recipient, Refusal::of_special(special))),
        }
    }

    /// Ends a loop of several addresses at the first that is a user: this one, or one of those between it and `top`, which is
    /// the same address.
    async fn break_loop(&mut self, item: Item, top: usize, course: &Course) -> Step {
        match self.resident(&item.recipient).await {
            Ok(Some(recipient)) => return Step::Final(recipient),
            Ok(None) => {}
            Err(refusal) => return Step::Refused(refused(item.recipient, refusal)),
        }
        let mut next = item.parent;
        while let Some(number) = next.filter(|number| *number != top) {
            match self.resident(&course.parents[number].recipient).await {
                Ok(Some(_)) => return Step::Itself(number),
                Ok(None) => next = course.parents[number].parent,
                Err(refusal) => return Step::Refused(refused(item.recipient, refusal)),
            }
        }
        Step::Nothing
    }

    /// Returns a recipient that is served without asking who else it stands for: a user of this host, or whoever a mailer
    /// without users knows; none if there is no such user.
    async fn resident(&mut self, recipient: &Recipient) -> Result<Option<Recipient>, Refusal> {
        let Some(route) = recipient.route.clone() else { return Ok(None) };
        let Some(mailer) = self.mailer(&route) else { return Ok(None) };
        match account::find(self.tables.hands, &self.ctx.config().options, &mailer, &route.user).await? {
            Found::Account(account) => Ok(Some(owned(recipient.clone(), route, account))),
            Found::Elsewhere => Ok(Some(recipient.clone())),
            Found::Nobody | Found::Called(_) => Ok(None),
        }
    }

    /// Finds where the text stands that names a list of a message that has waited: the queue file does not tell.
    async fn find_again(&self, recipient: &Recipient) -> Result<Option<Source>, BString> {
        let site = Arc::clone(self.ctx.site());
        let finder = Finder { site: &site, aliases: self.tables.aliases, hands: self.tables.hands };
        // The address may stand in quotes, as it does in its list.
        finder.find(recipient, &address_list::unquote(&recipient.address)).await
    }

    /// Puts the addresses of an included file in its place.
    async fn include(&mut self, item: Item, source: Source, course: &mut Course) -> Step {
        let element = address_list::unquote(&item.recipient.address);
        let name = address_list::included(&element).unwrap_or_default();
        self.witness.tell_about(&item.recipient.address, format!("including file {}", name.as_bstr()));
        match read_source(self.tables.hands, &source).await {
            Text::Here { path, len_bytes, lists, owner, standing } => {
                if let Err(refusal) = course.count_text(len_bytes) {
                    return Step::Refused(refused(item.recipient, refusal));
                }
                let alias = item.recipient.address.clone();
                let before = item.recipient.controller.as_deref();
                // An included file speaks for its owner, but never for the superuser.
                let controller = match before {
                    Some(known) if known.uid == Some(owner.0) => Controller { alias, ..known.clone() },
                    _ if owner.0 == 0 => Controller { alias, ..Controller::default() },
                    _ => Controller { user: BString::default(), uid: Some(owner.0), gid: Some(owner.1), alias },
                };
                let list = List { standing, file: Some(Arc::new(path)), ..List::of(&item, source) };
                let items = items(&item, lists, list, controller);
                Step::More(item.recipient, items)
            }
            Text::Missing(reason) | Text::Refused(reason) => {
                let text = format!("Cannot open {reason}");
                let refusal = Refusal::own(Status::new(5, 2, 4), 550, text);
                Step::Refused(refused(item.recipient, refusal))
            }
            Text::Later { reason, is_interruption } => {
                let refusal = Refusal::temporary(Status::new(4, 2, 4), reason);
                Step::Refused(refused(item.recipient, refusal.with_interruption(is_interruption)))
            }
        }
    }

    /// Tells why an address may name no program or file; none if it may.
    fn distrust(&self, item: &Item, special: &Special) -> Option<BString> {
        let noun = special.noun();
        let list = &item.element.as_ref()?.list;
        match &list.standing {
            Standing::Full {} => None,
            Standing::UsersOnly {} => {
                let name = &list.name;
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

    fn mailer(&self, route: &Route) -> Option<Mailer> {
        self.ctx.config().mailers.get(route.mailer.as_bytes()).cloned()
    }
}

/// Tells whether a user part names a program, a file or a list, not a user.
fn special(route: &Route) -> Option<Special> {
    route.special().filter(|special| match special {
        Special::Program => route.user.starts_with(b"|"),
        Special::File => route.user.starts_with(b"/"),
        Special::Include => true,
    })
}

/// Returns the recipient with its own user as the one whose mailbox it is.
fn owned(mut recipient: Recipient, route: Route, account: Account) -> Recipient {
    recipient.give_to(account.name.as_bstr(), account.uid, account.gid);
    recipient.route = Some(Route { user: account.name, ..route });
    recipient
}

/// Refuses an address for now: what it stands for cannot be read, or is too long.
fn later(recipient: Recipient, reason: impl Into<BString>) -> Refused {
    refused(recipient, Refusal::temporary(Status::new(4, 3, 0), reason))
}

/// Goes on with what ruleset 5 has made of an address.
fn changed_item(item: Item, changed: Route) -> Step {
    let mut next = Item { parsed: Some(changed), progress: item.progress.changed(), ..item };
    next.recipient.note_alias();
    Step::More(next.recipient.clone(), vec![next])
}
