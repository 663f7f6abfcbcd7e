//! What a user part at this host is: the order in which it is looked up.

use bstr::BString;

use crate::cf::{Mailer, MailerFlag};
use crate::keeper::hands::Hands;
use crate::mail::envelope::Route;
use crate::name::Status;
use crate::route::account::{self, Found};
use crate::route::alias::{Alias, Aliases};
use crate::route::parse;
use crate::route::refusal::Refusal;
use crate::site::{Context, Maildrops};

/// How often ruleset 5 may change a user part before it is taken as it is.
const REWRITES_MAX: u32 = 5;

/// Where users of this host are looked up.
#[derive(Clone, Copy)]
pub struct Tables<'a> {
    /// Aliases.
    pub aliases: &'a Aliases,
    /// Users and their files.
    pub hands: &'a Hands,
    /// Whether aliases and `.forward` files count (`-n` says no).
    pub uses_aliases: bool,
}

/// Which look-ups are behind a user part.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// None.
    #[default]
    First,
    /// That of the aliases.
    Aliased,
    /// That of the user databases, too.
    Dropped,
}

/// How far a user part has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Which look-ups are behind it.
    pub stage: Stage,
    /// How often ruleset 5 has changed it.
    rewrites: u32,
    /// It is the login name of a user whose full name was given: nobody else is called so.
    was_called: bool,
}

impl Progress {
    /// Returns how far a user part is that ruleset 5 has changed.
    pub fn changed(self) -> Self {
        Self { rewrites: self.rewrites + 1, was_called: false, ..self }
    }

    /// Returns how far a login name is that has been found by a full name.
    pub fn called(self) -> Self {
        Self { was_called: true, ..self }
    }
}

/// What a user part is.
#[derive(Debug)]
pub enum Local {
    /// An alias.
    Alias {
        /// Its name.
        name: BString,
        /// The number of the file.
        file: u8,
        /// The addresses, as the file has them.
        value: BString,
    },
    /// A name of the user databases.
    Maildrops(BString, Maildrops),
    /// Something that ruleset 5 sends elsewhere.
    Changed(Route),
    /// A user, nobody, or whomever a mailer without users takes.
    User(Found),
}

/// Tells whether the aliases are asked for a user part.
pub fn asks_aliases(tables: Tables<'_>, mailer: &Mailer, route: &Route, progress: Progress) -> bool {
    let is_due = progress.stage < Stage::Aliased && tables.uses_aliases;
    is_due && mailer.flags.has(MailerFlag::Aliases) && !route.plain_user().1
}

/// Looks a user part up: among the aliases (`F=A`), in the user databases (`F=@`), by ruleset 5 (`F=5`), among the users
/// (`F=w`), as far as that is not behind it.
///
/// # Errors
/// A table cannot be asked now, or ruleset 5 refuses.
pub async fn look_up(
    ctx: &mut Context,
    tables: Tables<'_>,
    mailer: &Mailer,
    route: &Route,
    progress: Progress,
) -> Result<Local, Refusal> {
    let (user, is_plain) = route.plain_user();
    let asks = |flag| mailer.flags.has(flag) && !route.is_settled;
    let later = |reason: BString| Refusal::temporary(Status::new(4, 3, 0), reason);
    if asks_aliases(tables, mailer, route, progress) {
        match tables.aliases.find(user).await {
            Alias::Found { file, value } => return Ok(Local::Alias { name: user.into(), file, value }),
            Alias::None => {}
            Alias::TempFail(reason) => return Err(later(reason)),
        }
    }
    if progress.stage < Stage::Dropped
        && asks(MailerFlag::UserDatabase)
        && !is_plain
        && let Some(maildrops) = ctx.maildrops(user).map_err(later)?
    {
        return Ok(Local::Maildrops(user.into(), maildrops));
    }
    if asks(MailerFlag::Ruleset5)
        && progress.rewrites < REWRITES_MAX
        && let Some(changed) = parse::local_address(ctx, route).await?
    {
        return Ok(Local::Changed(changed));
    }
    match account::find(tables.hands, &ctx.config().options, mailer, &route.user).await? {
        Found::Called(_) if progress.was_called => Ok(Local::User(Found::Nobody)),
        found => Ok(Local::User(found)),
    }
}
