//! Recipients as the site knows them: alias files, accounts, ruleset 5.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use bstr::{BString, ByteSlice as _};

use super::address;
use super::service::{Directory, Listed, Listing, Pending, Resident, Standing};
use super::transaction::Key;
use crate::cf::MailerFlag;
use crate::keeper::hands::Hands;
use crate::keeper::request::Account;
use crate::log::Witness;
use crate::mail::address_list::{self, Separator};
use crate::mail::envelope::{Recipient, Route, Special};
use crate::mail::reply::Reply;
use crate::route::account::Found;
use crate::route::alias::Aliases;
use crate::route::local::{self, Local, Progress, Tables};
use crate::route::parse::{self, Parsed};
use crate::route::recipients::Expander;
use crate::route::refusal::Refusal;
use crate::route::role::Role;
use crate::site::Context;
use crate::smtp::server::texts;
use crate::sys::user::User;

/// The most addresses that one VRFY or EXPN tells; each is looked up as a user first.
const LISTED_MAX: usize = 10_000;

/// Alias files and accounts.
pub struct SiteDirectory {
    /// The alias files.
    pub aliases: Arc<Aliases>,
    /// Whom to ask for accounts and their files.
    pub hands: Arc<Hands>,
    /// Whether aliases and `.forward` files count (`-n` says no).
    pub uses_aliases: bool,
}

/// Nobody hears how addresses are expanded: the client is told the result.
static NOBODY: LazyLock<Witness> = LazyLock::new(Witness::default);

/// What a recipient leads to.
enum Destination {
    /// An alias or a name of the user databases.
    Alias(BString),
    /// An account.
    Account(Account),
    /// Neither.
    Unknown,
    /// Nobody can tell now.
    Later,
    /// Not for us to judge: its mailer has no users.
    Elsewhere,
}

/// Whom VRFY or EXPN has found.
struct Met {
    listed: Listed,
    route: Route,
}

impl SiteDirectory {
    fn tables(&self) -> Tables<'_> {
        Tables { aliases: &self.aliases, hands: &self.hands, uses_aliases: self.uses_aliases }
    }

    /// Follows ruleset 5 to where a recipient really goes, and finds out what it is there.
    async fn follow(
        &self,
        ctx: &mut Context,
        recipient: &mut Recipient,
        mut route: Route,
    ) -> Result<Destination, Reply> {
        let mut progress = Progress::default();
        loop {
            recipient.route = Some(route.clone());
            let Some(mailer) = ctx.config().mailers.get(route.mailer.as_bytes()).cloned() else {
                return Ok(Destination::Elsewhere);
            };
            let found = match local::look_up(ctx, self.tables(), &mailer, &route, progress).await {
                Ok(found) => found,
                Err(refusal) if refusal.is_temporary() => return Ok(Destination::Later),
                Err(refusal) => return Err(address::reply(&refusal, &recipient.address)),
            };
            let user = match found {
                Local::Alias { name, .. } | Local::Maildrops(name, _) => return Ok(Destination::Alias(name)),
                Local::Changed(changed) => {
                    recipient.note_alias();
                    progress = progress.changed();
                    route = changed;
                    continue;
                }
                Local::User(user) => user,
            };
            // QUIRK(home-forgotten): the sender's home is no longer told then.
            ctx.clear("z");
            match user {
                // The login name may be an alias, too.
                Found::Called(account) => {
                    progress = progress.called();
                    route.user = account.name;
                }
                Found::Account(account) => {
                    recipient.give_to(account.name.as_bstr(), account.uid, account.gid);
                    return Ok(Destination::Account(account));
                }
                Found::Nobody => return Ok(Destination::Unknown),
                Found::Elsewhere => return Ok(Destination::Elsewhere),
            }
        }
    }

    async fn stand(&self, ctx: &mut Context, spelling: &[u8], parsed: Parsed) -> Standing {
        let mut recipient = Recipient::new(spelling);
        recipient.final_recipient = parse::final_recipient(ctx, spelling, parsed.route()).map(Arc::new);
        let route = match parsed {
            Parsed::Mailer(route) => route,
            // Where it leads is not known: who is there must not be asked yet, nor may it be sent there.
            Parsed::Later(route) => {
                recipient.route = Some(route);
                return Standing::Later(recipient);
            }
        };
        match self.follow(ctx, &mut recipient, route).await {
            Ok(Destination::Alias(_) | Destination::Account(_)) => Standing::Known(recipient),
            Ok(Destination::Elsewhere) => Standing::Elsewhere(recipient),
            Ok(Destination::Later) => Standing::Later(recipient),
            Ok(Destination::Unknown) => Standing::Refused(address::reply(&Refusal::user_unknown(), spelling)),
            Err(reply) => Standing::Refused(reply),
        }
    }

    /// Returns whom one address stands for, without expanding aliases.
    async fn verify(&self, ctx: &mut Context, spelling: &[u8], route: Route) -> Result<Met, Reply> {
        if let Some(reply) = address::special(&route, spelling) {
            return Err(reply);
        }
        let mut recipient = Recipient::new(spelling);
        let found = self.follow(ctx, &mut recipient, route).await?;
        let route = recipient.route.expect("follow always sets it");
        let (route, full_name) = match found {
            Destination::Alias(name) => (Route { user: name, ..route }, None),
            Destination::Account(account) => (route, full_name(&account)),
            Destination::Unknown => return Err(address::reply(&Refusal::user_unknown(), spelling)),
            Destination::Elsewhere | Destination::Later => (route, None),
        };
        Ok(Met { listed: listed(ctx, &route, full_name), route })
    }

    /// Returns whom one address stands for when all aliases are expanded.
    async fn expand(&self, ctx: &mut Context, spelling: &[u8]) -> Result<Vec<Met>, Reply> {
        let mut expander = Expander { ctx, tables: self.tables(), witness: &NOBODY };
        let expanded = expander.expand(Recipient::new(spelling)).await;
        if let Some(refused) = expanded.flaws.first().or(expanded.refused.first()) {
            let about = if refused.recipient.address.is_empty() { spelling } else { &refused.recipient.address };
            return Err(address::reply(&refused.refusal, about));
        }
        if expanded.recipients.len() > LISTED_MAX {
            return Err(texts::list_too_long(LISTED_MAX));
        }
        let mut found = Vec::new();
        for recipient in &expanded.recipients {
            let Some(route) = &recipient.route else { continue };
            let has_users =
                ctx.config().mailers.get(route.mailer.as_bytes()).is_some_and(|m| m.flags.has(MailerFlag::Accounts));
            let name = if has_users { self.resident(&route.user).await.and_then(|user| user.full_name) } else { None };
            let mut listed = listed(ctx, route, name);
            if matches!(route.special(), Some(Special::Program | Special::File)) {
                listed.user = recipient.address.clone();
            }
            found.push(Met { listed, route: route.clone() });
        }
        Ok(found)
    }
}

impl Directory for SiteDirectory {
    fn refresh(&self) -> Pending<'_, ()> {
        Box::pin(self.aliases.refresh())
    }

    fn recipient<'a>(&'a self, ctx: &'a mut Context, spelling: &'a [u8], parsed: Parsed) -> Pending<'a, Standing> {
        Box::pin(self.stand(ctx, spelling, parsed))
    }

    fn list<'a>(
        &'a self,
        ctx: &'a mut Context,
        addresses: &'a [u8],
        separator: Separator,
        expand: bool,
    ) -> Pending<'a, Listing> {
        Box::pin(async move {
            let mut parsed = Vec::new();
            for (spelling, rest) in address_list::split_with_rest(addresses, separator) {
                match address::parse(ctx, &spelling, Role::Recipient).await {
                    Ok(found) => {
                        let route = found.into_route();
                        parsed.push((Key::of(&route, &ctx.config().mailers), spelling, route));
                    }
                    Err(refused) => {
                        let refusal = address::misspelt(ctx, &spelling, rest).or(Some(refused.reply));
                        return Listing { refusal, ..Listing::default() };
                    }
                }
            }
            let (mut named, mut seen, mut found, mut refusal) = (HashSet::new(), HashSet::new(), Vec::new(), None);
            // QUIRK(last-address-first): of several addresses, the last one is looked at first.
            for (key, spelling, route) in parsed.into_iter().rev() {
                // A list that is named again and again is worked out once.
                if !named.insert(key) {
                    continue;
                }
                let met = if expand {
                    self.expand(ctx, &spelling).await
                } else {
                    self.verify(ctx, &spelling, route).await.map(|met| vec![met])
                };
                let mailers = &ctx.config().mailers;
                match met {
                    Ok(met) => found.extend(met.into_iter().filter(|met| seen.insert(Key::of(&met.route, mailers)))),
                    Err(reply) => {
                        refusal = Some(reply);
                        break;
                    }
                }
            }
            found.sort_by_cached_key(|met| met.route.host.to_ascii_lowercase());
            Listing { parsed: true, listed: found.into_iter().map(|met| met.listed).collect(), refusal }
        })
    }

    fn resident<'a>(&'a self, user: &'a [u8]) -> Pending<'a, Option<Resident>> {
        Box::pin(async move {
            let account = self.hands.user(user).await.ok().flatten()?;
            Some(Resident { full_name: full_name(&account), home: account.home })
        })
    }
}

/// Returns an entry of the reply to VRFY and EXPN.
fn listed(ctx: &Context, route: &Route, full_name: Option<BString>) -> Listed {
    let mailer = ctx.config().mailers.get(route.mailer.as_bytes());
    let kind = mailer.map(|mailer| mailer.types.address.clone()).unwrap_or_default();
    Listed {
        user: route.user.clone(),
        full_name,
        internet_form: kind.is_empty() || kind.eq_ignore_ascii_case(b"rfc822"),
        certain: mailer.is_some_and(|mailer| mailer.flags.has(MailerFlag::Certain)),
    }
}

/// Returns the full name of an account, if it has one.
fn full_name(account: &Account) -> Option<BString> {
    let name = User::from(account.clone()).full_name();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(login: &str, gecos: &str, expected: Option<&str>) {
        let account = Account {
            name: login.into(),
            uid: 1,
            gid: 1,
            gecos: gecos.into(),
            home: "/".into(),
            shell: "/bin/sh".into(),
        };
        assert_eq!(full_name(&account), expected.map(BString::from));
    }

    #[test]
    fn the_full_name_is_the_first_part_of_the_gecos_field() {
        check("alice", "Alice Liddell,Room 1", Some("Alice Liddell"));
        check("bob", "& Sons", Some("Bob Sons"));
        check("x", "", None);
    }
}
