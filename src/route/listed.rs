//! The addresses of one text that stands for another address: an alias, a `.forward` or an included file.

use std::fmt;
use std::sync::Arc;

use bstr::BString;

use crate::keeper::request::{Source, Standing};
use crate::mail::address_list::{self, TooMany, one_line};
use crate::mail::envelope::{Controller, Notify, Recipient};
use crate::route::course::Item;

/// What the addresses of one text have in common.
#[derive(Debug)]
pub(super) struct List {
    pub(super) source: Source,
    /// What they may name besides users, as the text says where it stands.
    pub(super) standing: Standing,
    /// The file, if it is one.
    pub(super) file: Option<Arc<BString>>,
    /// The address that the text stands for.
    pub(super) name: BString,
}

/// An address of a text.
pub(super) struct Numbered {
    /// Its number among all of the text, as hands count them.
    number: u32,
    /// The line of the file.
    line: usize,
    pub(super) address: BString,
}

impl List {
    /// Returns the list that stands for an address, which may name everything.
    pub(super) fn of(item: &Item, source: Source) -> Self {
        Self { source, standing: Standing::Full {}, file: None, name: item.recipient.address.clone() }
    }
}

/// Where an address stands.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) list: Arc<List>,
    /// Its number among all of the text, as hands count them.
    number: u32,
    /// The line of the file.
    line: usize,
}

impl Element {
    /// Returns how a hand finds it.
    pub(super) fn source(&self) -> Source {
        self.list.source.element(self.number)
    }

    /// Returns the line it stands in, if in a file.
    pub(super) fn place(&self) -> Option<Place> {
        self.list.file.clone().map(|file| Place { file, line: self.line })
    }
}

/// A line of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The file.
    pub file: Arc<BString>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}", self.file, self.line)
    }
}

/// Makes the items of the lists of one text; each knows the place it stands at.
///
// QUIRK(lists-backwards): the addresses of one list are taken from the last to the first.
pub(super) fn items(parent: &Item, lists: Vec<Vec<Numbered>>, list: List, controller: Controller) -> Vec<Item> {
    let of = &parent.recipient;
    let list = Arc::new(list);
    let common = Recipient {
        orcpt: of.orcpt.clone(),
        final_recipient: of.final_recipient.clone(),
        notify: of.notify,
        default_notify: Notify::DEFAULT,
        controller: Some(Arc::new(controller)),
        owner: of.owner.clone(),
        alias_of: Some(of.alias_of.clone().unwrap_or_else(|| Arc::new(of.address.clone()))),
        ..Recipient::default()
    };
    let item = |Numbered { number, line, address }: Numbered| Item {
        depth: parent.depth + 1,
        element: Some(Element { list: Arc::clone(&list), number, line }),
        ..Item::first(Recipient { address: one_line(address), ..common.clone() })
    };
    lists.into_iter().flat_map(|list| list.into_iter().rev().map(item)).collect()
}

/// Numbers the addresses of the list of an alias or a maildrop.
pub(super) fn numbered(addresses: Vec<BString>) -> Vec<Numbered> {
    (0..).zip(addresses).map(|(number, address)| Numbered { number, line: 0, address }).collect()
}

/// Returns the lists of a `.forward` or included file, a list on every line.
///
/// # Errors
/// There are too many addresses.
pub(super) fn numbered_lines(text: &[u8]) -> Result<Vec<Vec<Numbered>>, TooMany> {
    let mut lists: Vec<Vec<Numbered>> = Vec::new();
    for (number, (line, address)) in (0..).zip(address_list::split_file(text)?) {
        let numbered = Numbered { number, line, address };
        match lists.last_mut() {
            Some(list) if list.last().is_some_and(|last| last.line == line) => list.push(numbered),
            _ => lists.push(vec![numbered]),
        }
    }
    Ok(lists)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::request::SourceRoot;

    #[test]
    fn what_all_addresses_of_a_list_have_in_common_stands_in_memory_once() {
        let root = SourceRoot::Alias { file: 0, key: "list".into() };
        let source = Source { root, elements: vec![2] };
        let mut parent = Item::first(Recipient::new("list@example.com"));
        parent.recipient.orcpt = Some(Arc::new("rfc822;x".into()));
        parent.recipient.final_recipient = Some(Arc::new("rfc822; list@example.com".into()));
        let list = List { file: Some(Arc::new("/list".into())), ..List::of(&parent, source) };
        let lists = numbered_lines(b"a, b\nc\n").expect("few");
        let items =
            items(&parent, lists, list, Controller { alias: "list@example.com".into(), ..Controller::default() });
        let address = |item: &Item| item.recipient.address.to_string();
        assert_eq!(items.iter().map(address).collect::<Vec<_>>(), ["b", "a", "c"]);
        let [first, .., last] = &items[..] else { panic!("three") };
        let (element, others) = (last.element.as_ref().expect("listed"), first.element.as_ref().expect("listed"));
        assert_eq!(element.source().elements, [2, 2]);
        assert_eq!(element.place().expect("in a file").to_string(), "/list: line 2");
        assert!(Arc::ptr_eq(&element.list, &others.list));
        let shared = |item: &Item| {
            let Recipient { orcpt, final_recipient, controller, alias_of, .. } = item.recipient.clone();
            let of = |text: Option<Arc<BString>>| text.map(|text| Arc::as_ptr(&text));
            (of(orcpt), of(final_recipient), of(alias_of), controller.map(|it| Arc::as_ptr(&it)))
        };
        assert_eq!(shared(first), shared(last));
        // The longest list (100 000 addresses) takes some 50 MB then, however long the ORCPT= of the message is.
        assert!(size_of::<Item>() <= 384, "{}", size_of::<Item>());
    }
}
