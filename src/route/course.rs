//! The course of one expansion: addresses still to be looked at, and what has come of the others.

use std::collections::HashSet;

use crate::mail::address_list::TEXT_BYTES_MAX;
use crate::mail::envelope::{Recipient, Route};
use crate::name::Status;
use crate::route::listed::Element;
use crate::route::local::{Progress, Stage};
use crate::route::recipients::RECIPIENTS_MAX;
use crate::route::refusal::Refusal;
use crate::route::refused::{Refused, refused};
use crate::route::source::TEXTS_MAX;

/// One address on its way.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) recipient: Recipient,
    pub(super) depth: i64,
    /// Where the address stands, if not in the envelope: only then it may name a program or a file.
    pub(super) element: Option<Element>,
    /// What need not be looked up any more.
    pub(super) progress: Progress,
    /// Its place among the expanded addresses, if it goes on there in case that it is among those that stand for it.
    pub(super) goes_on: Option<usize>,
    /// What ruleset 0 said already (ruleset 5 has changed it).
    pub(super) parsed: Option<Route>,
    /// The place among the expanded addresses of the one that it comes out of.
    pub(super) parent: Option<usize>,
}

impl Item {
    /// Returns the address of an envelope.
    pub(super) fn first(recipient: Recipient) -> Self {
        Self {
            recipient,
            depth: 0,
            element: None,
            progress: Progress::default(),
            goes_on: None,
            parsed: None,
            parent: None,
        }
    }
}

/// What one step made of an item.
pub(super) enum Step {
    Final(Recipient),
    /// The address leads on to another user part of the same mailer.
    Again(Item),
    /// The address is the one that names it, which stays a recipient beside the others: its place.
    Itself(usize),
    More(Recipient, Vec<Item>),
    /// Others stand for the address, and beside them what the next look-ups say if it is itself among them.
    MoreAnd(Item, Vec<Item>),
    Refused(Refused),
    Nothing,
}

/// An address that others stand for.
pub(super) struct Parent {
    pub(super) recipient: Recipient,
    /// Where it stands in the result if it is named among those that stand for it.
    pub(super) place: usize,
    pub(super) parent: Option<usize>,
    /// It is among those that stand for it.
    pub(super) names_itself: bool,
    /// Which look-up said who stands for it.
    pub(super) stage: Stage,
}

/// An expansion on its way.
#[derive(Default)]
pub(super) struct Course {
    /// Addresses still to be looked at; the last is next.
    pub(super) work: Vec<Item>,
    /// Addresses that others stand for.
    pub(super) parents: Vec<Parent>,
    /// Who was found; a parent keeps its place free.
    pub(super) found: Vec<Option<Recipient>>,
    pub(super) seen: HashSet<Option<Route>>,
    /// What others stand for already, and on whose responsibility.
    expanded: HashSet<(Route, Option<u32>)>,
    /// How many texts were read, and their bytes.
    texts: usize,
    text_bytes: u64,
}

impl Course {
    /// Tells whether the address is there already, with others that stand for it: once is enough.
    pub(super) fn is_expanded(&self, recipient: &Recipient) -> bool {
        key(recipient).is_some_and(|key| self.expanded.contains(&key))
    }

    /// Takes note of a text that was read.
    ///
    /// # Errors
    /// One address makes the program read too much.
    pub(super) fn count_text(&mut self, len_bytes: u64) -> Result<(), Refusal> {
        self.texts += 1;
        self.text_bytes += len_bytes;
        if self.texts <= TEXTS_MAX && self.text_bytes <= TEXT_BYTES_MAX {
            return Ok(());
        }
        let text = format!(
            "more than {TEXTS_MAX} included files, or {TEXT_BYTES_MAX} bytes of them: use a mailing list manager"
        );
        Err(Refusal::of_loop(text))
    }

    /// Notes that others stand for an address.
    pub(super) fn expand(&mut self, recipient: Recipient, parent: Option<usize>, items: Vec<Item>) {
        self.expanded.extend(key(&recipient));
        let number = self.parents.len();
        let place = self.found.len();
        self.parents.push(Parent { recipient, place, parent, names_itself: false, stage: Stage::First });
        self.found.push(None);
        self.work.extend(items.into_iter().rev().map(|item| Item { parent: Some(number), ..item }));
    }

    /// Notes that others stand for an address, which goes on after them if it is itself among them.
    pub(super) fn expand_and_go_on(&mut self, item: Item, items: Vec<Item>) {
        let (number, stage, parent) = (self.parents.len(), item.progress.stage, item.parent);
        let recipient = item.recipient.clone();
        self.work.push(Item { goes_on: Some(number), parsed: recipient.route.clone(), ..item });
        self.expand(recipient, parent, items);
        self.parents[number].stage = stage;
    }

    /// Tells whether an item was left behind for an address that turned out not to be among those that stand for it.
    pub(super) fn is_done(&self, item: &Item) -> bool {
        item.goes_on.is_some_and(|number| !self.parents[number].names_itself)
    }

    /// Refuses the address that all others come out of: whole, so that the next try serves nobody twice.
    pub(super) fn too_many(mut self) -> Refused {
        let text = format!("more than {RECIPIENTS_MAX} recipients: use a mailing list manager");
        let first = self.parents.swap_remove(0).recipient;
        refused(first, Refusal::temporary(Status::new(4, 5, 3), text))
    }

    /// Returns the place of the address with this route among those that `from` comes out of.
    pub(super) fn ancestor(&self, mut from: Option<usize>, route: &Route) -> Option<usize> {
        while let Some(number) = from {
            if self.parents[number].recipient.route.as_ref() == Some(route) {
                return Some(number);
            }
            from = self.parents[number].parent;
        }
        None
    }
}

/// Returns what makes two addresses one: where they lead, and on whose responsibility.
fn key(recipient: &Recipient) -> Option<(Route, Option<u32>)> {
    let uid = recipient.controller.as_ref().and_then(|controller| controller.uid);
    recipient.route.clone().map(|route| (route, uid))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bstr::BString;

    use super::*;
    use crate::mail::envelope::Controller;
    use crate::name::MailerName;

    #[test]
    fn an_address_that_becomes_too_many_waits_under_its_own_name() {
        let mut course = Course::default();
        course.expand(Recipient::new("<alice@example.com>"), None, Vec::new());
        course.expand(Recipient::new("<list@example.com>"), Some(0), Vec::new());
        let refused = course.too_many();
        assert_eq!(refused.recipient, Recipient::new("<alice@example.com>"));
        assert_eq!(refused.refusal.text, "more than 200000 recipients: use a mailing list manager");
        assert!(refused.refusal.is_temporary());
    }

    #[test]
    fn what_others_stand_for_is_expanded_once_for_each_on_whose_responsibility() {
        let address = |user: &str, uid: Option<u32>| {
            let (mailer, user) = (MailerName::new("local"), user.into());
            let route = Some(Route { mailer, host: BString::default(), user, is_settled: false });
            let controller = uid.map(|uid| Arc::new(Controller { uid: Some(uid), ..Controller::default() }));
            Recipient { route, controller, ..Recipient::new("<list@example.com>") }
        };
        let mut course = Course::default();
        course.expand(address("list", Some(1)), None, Vec::new());
        assert!(course.is_expanded(&address("list", Some(1))));
        assert!(!course.is_expanded(&address("list", Some(2))));
        assert!(!course.is_expanded(&address("list", None)));
        assert!(!course.is_expanded(&address("other", Some(1))));
        // Nobody knows where such a one leads.
        course.expand(Recipient::new("<list@example.com>"), None, Vec::new());
        assert!(!course.is_expanded(&Recipient::new("<list@example.com>")));
    }

    #[test]
    fn texts_are_counted_and_measured() {
        let read = |count: usize, len_bytes: u64| {
            let mut course = Course::default();
            (0..count).try_for_each(|_| course.count_text(len_bytes)).map_err(|refusal| refusal.text)
        };
        assert_eq!(read(TEXTS_MAX, 1), Ok(()));
        assert_eq!(read(2, TEXT_BYTES_MAX / 2), Ok(()));
        let told = "more than 1000 included files, or 16777216 bytes of them: use a mailing list manager";
        assert_eq!(read(TEXTS_MAX + 1, 1), Err(told.into()));
        assert_eq!(read(2, TEXT_BYTES_MAX / 2 + 1), Err(told.into()));
    }
}
