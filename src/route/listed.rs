//! The addresses of one text that stands for another address: an alias, a `.forward` or an included file.

use bstr::BString;

use crate::keeper::request::{Source, Standing};
use crate::mail::address_list::{self, TooMany};
use crate::mail::envelope::{Controller, Notify, Recipient};
use crate::route::course::Item;
use crate::route::recipients::Place;

/// What the addresses of one text have in common.
pub(super) struct List<'a> {
    pub(super) source: &'a Source,
    pub(super) standing: Standing,
    /// The file, if it is one.
    pub(super) file: Option<BString>,
    pub(super) controller: Controller,
}

/// An address of a text.
pub(super) struct Numbered {
    /// Its number among all of the text, as hands count them.
    number: u32,
    /// The line of the file.
    line: usize,
    pub(super) address: BString,
}

/// Makes the items of the lists of one text; each knows the place it stands at.
///
// QUIRK(lists-backwards): the addresses of one list are taken from the last to the first.
pub(super) fn items(parent: &Item, lists: &[Vec<Numbered>], list: &List<'_>) -> Vec<Item> {
    let List { source, standing, file, controller } = list;
    let of = &parent.recipient;
    let item = |Numbered { number, line, address }: &Numbered| {
        let mut elements = source.elements.clone();
        elements.push(*number);
        let recipient = Recipient {
            address: address.clone(),
            primary: false,
            orcpt: of.orcpt.clone(),
            final_recipient: of.final_recipient.clone(),
            notify: of.notify,
            default_notify: Notify::DEFAULT,
            controller: Some(controller.clone()),
            owner: of.owner.clone(),
            alias_of: Some(of.alias_of.clone().unwrap_or_else(|| of.address.clone())),
            ..Recipient::default()
        };
        Item {
            depth: parent.depth + 1,
            source: Some(Source { root: source.root.clone(), elements }),
            standing: standing.clone(),
            listed_in: of.address.clone(),
            place: file.clone().map(|file| Place { file, line: *line }),
            ..Item::first(recipient)
        }
    };
    lists.iter().flat_map(|list| list.iter().rev().map(item)).collect()
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
