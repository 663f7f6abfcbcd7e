//! What of the many things that happen led to an answer: hundreds of rules only bring addresses into form.

use bstr::{BStr, BString, ByteSlice};

use super::fate::makes;
use super::record::Event;
use crate::map::Kind;
use crate::site::Site;

/// How many rules are shown that led to the one that decides, in its ruleset.
const LEAD_MAX: usize = 3;

/// How much is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Detail {
    /// Every rule that changed something, every key.
    Everything,
    /// What maps said, and of the rules the one that decides with those that led to it.
    Stage {
        /// The number of its event, if the rule is among these.
        decides: Option<usize>,
    },
    /// What maps said, and the rules that chose a mailer.
    Way,
}

/// What keys a map has, which tells how it is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Keys {
    /// Lines of a file: of those that are not there, only the number is told.
    Lines,
    /// Names of hosts: nobody wonders at one that is there.
    Hosts,
    /// None: it only computes.
    Nothing,
    /// Others.
    Others,
}

impl Keys {
    /// Returns those of the map called `name`.
    pub(super) fn of(site: &Site, name: &[u8]) -> Self {
        match site.maps.definition(name).map(|definition| &definition.kind) {
            Some(kind) if kind.has_file() => Self::Lines,
            Some(Kind::Host | Kind::Dns(_)) => Self::Hosts,
            Some(Kind::Macro | Kind::Arith | Kind::Dequote | Kind::Syslog(_)) => Self::Nothing,
            _ => Self::Others,
        }
    }
}

/// Returns the events that are shown one by one with their numbers, in order; what is repeated stands once.
pub(super) fn events<'a>(
    events: &'a [Event],
    detail: Detail,
    keys: &dyn Fn(&BString) -> Keys,
) -> Vec<(usize, &'a Event)> {
    let numbered = events.iter().enumerate();
    if detail == Detail::Everything {
        return numbered.collect();
    }
    let chain = match detail {
        Detail::Stage { decides: Some(decides) } => lead(events, decides),
        _ => Vec::new(),
    };
    let mut shown: Vec<(usize, &Event)> = Vec::new();
    for (number, event) in numbered {
        let is_shown = match event {
            Event::Rewrote { .. } => chain.contains(&number) || detail == Detail::Way && makes(events, number, "$#"),
            Event::LookedUp { is_temporary: true, .. } => true,
            Event::LookedUp { map, value, .. } => value.is_some() && !matches!(keys(map), Keys::Hosts | Keys::Nothing),
            Event::Asked { .. } | Event::Judged { .. } | Event::Complained { .. } => true,
        };
        if is_shown && !shown.iter().any(|(_, before)| is_again(before, event)) {
            shown.push((number, event));
        }
    }
    shown
}

/// Returns the numbers of the rule that decides and of those before it in the same call of its ruleset.
fn lead(events: &[Event], decides: usize) -> Vec<usize> {
    let Some(Event::Rewrote { depth: own, ruleset: of, .. }) = events.get(decides) else { return Vec::new() };
    let call = (0..decides).rev().take_while(|at| !matches!(&events[*at], Event::Rewrote { depth, .. } if depth < own));
    let same = call
        .filter(|at| matches!(&events[*at], Event::Rewrote { depth, ruleset, .. } if depth == own && ruleset == of));
    same.take(LEAD_MAX).chain([decides]).collect()
}

/// Tells whether a map said the same before.
fn is_again(before: &Event, event: &Event) -> bool {
    match (before, event) {
        (Event::LookedUp { map, key, value, .. }, Event::LookedUp { map: other, key: again, value: same, .. }) => {
            (map, key, value) == (other, again, same)
        }
        _ => false,
    }
}

/// Returns the keys that each map did not know, in order, for those details that do not show them one by one.
pub(super) fn misses<'a>(
    events: &'a [Event],
    detail: Detail,
    keys: &dyn Fn(&BString) -> Keys,
) -> Vec<(&'a BString, Vec<&'a BStr>)> {
    let mut misses: Vec<(&BString, Vec<&BStr>)> = Vec::new();
    if detail == Detail::Everything {
        return misses;
    }
    for event in events {
        let Event::LookedUp { map, key, value: None, is_temporary: false, .. } = event else { continue };
        match misses.iter_mut().find(|(known, _)| *known == map) {
            None if keys(map) == Keys::Nothing => {}
            None => misses.push((map, vec![key.as_bstr()])),
            Some((_, keys)) if keys.contains(&key.as_bstr()) => {}
            Some((_, keys)) => keys.push(key.as_bstr()),
        }
    }
    misses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(depth: usize, ruleset: &str, before: &str, after: &str) -> Event {
        let (ruleset, rule) = (ruleset.to_owned(), "R".to_owned());
        Event::Rewrote { depth, ruleset, line: 1, rule, before: before.into(), after: after.into() }
    }

    fn key(key: &str, value: Option<&str>) -> Event {
        Event::LookedUp {
            depth: 1,
            root: "check_rcpt".into(),
            map: "access".into(),
            key: key.into(),
            args: Vec::new(),
            value: value.map(Into::into),
            is_temporary: false,
        }
    }

    #[test]
    fn the_chain_is_what_decided() {
        let mailer = "$# esmtp $@ b $: a";
        let all = [
            rule(1, "parse", "a", mailer),
            rule(2, "Parse1", "a", mailer),
            rule(1, "check_rcpt", "a", "$# error $: no"),
            key("b", Some("b.")),
            rule(2, "Basic", "1", "2"),
            rule(3, "D", "2", "3"),
            rule(2, "Basic", "3", "$# error $: no"),
            key("To:b", None),
            key("To:b", None),
            key("b", Some("b.")),
        ];
        let shown = |detail| {
            let shown = events(&all, detail, &|_| Keys::Lines);
            shown.into_iter().map(|(number, _)| number).collect::<Vec<_>>()
        };
        assert_eq!(shown(Detail::Stage { decides: None }), [3]);
        assert_eq!(shown(Detail::Stage { decides: Some(6) }), [3, 4, 6]);
        assert_eq!(shown(Detail::Way), [1, 3, 6]);
        assert_eq!(shown(Detail::Everything).len(), all.len());
        let missed = misses(&all, Detail::Way, &|_| Keys::Lines);
        assert_eq!(missed, [(&"access".into(), vec!["To:b".into()])]);
        assert!(misses(&all, Detail::Everything, &|_| Keys::Lines).is_empty());
    }
}
