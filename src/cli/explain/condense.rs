//! What of the many things that happen led to an answer: hundreds of rules only bring addresses into form.

use bstr::{BStr, ByteSlice};

use super::record::Event;

/// Rulesets that a check calls so deep, or less, are shown with each of their rules: those below look something up for them.
const CHAIN_DEPTH: usize = 3;

/// How much is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Detail {
    /// Every rule that changed something, every key.
    Everything,
    /// Rules that ended in a mailer or an error, what maps said, and the rules of the checks in the stage that decides.
    Chain {
        /// Whether it is that stage.
        decides: bool,
    },
}

/// Returns the events that are shown one by one, in order; what is repeated stands once.
pub(super) fn events(events: &[Event], detail: Detail) -> Vec<&Event> {
    let Detail::Chain { decides } = detail else { return events.iter().collect() };
    let mut chain: Vec<&Event> = Vec::new();
    let mut in_check = false;
    for event in events {
        let is_shown = match event {
            Event::Rewrote { depth, ruleset, after, .. } => {
                if *depth <= 1 {
                    in_check = ruleset.starts_with("check_");
                }
                after.starts_with("$#") || decides && in_check && *depth <= CHAIN_DEPTH
            }
            Event::LookedUp { value, is_temporary, .. } => value.is_some() || *is_temporary,
            Event::Asked { .. } | Event::Complained { .. } => true,
        };
        if is_shown && !chain.iter().any(|shown| is_again(shown, event)) {
            chain.push(event);
        }
    }
    chain
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
pub(super) fn misses(events: &[Event], detail: Detail) -> Vec<(&BStr, Vec<&BStr>)> {
    let mut misses: Vec<(&BStr, Vec<&BStr>)> = Vec::new();
    if detail == Detail::Everything {
        return misses;
    }
    for event in events {
        let Event::LookedUp { map, key, value: None, is_temporary: false, .. } = event else { continue };
        match misses.iter_mut().find(|(known, _)| *known == map.as_bstr()) {
            None => misses.push((map.as_bstr(), vec![key.as_bstr()])),
            Some((_, keys)) if keys.contains(&key.as_bstr()) => {}
            Some((_, keys)) => keys.push(key.as_bstr()),
        }
    }
    misses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(depth: usize, ruleset: &str, after: &str) -> Event {
        let text = |text: &str| text.to_owned();
        Event::Rewrote {
            depth,
            ruleset: text(ruleset),
            line: 1,
            rule: text("R"),
            before: text("b"),
            after: text(after),
        }
    }

    fn key(key: &str, value: Option<&str>) -> Event {
        let value = value.map(Into::into);
        Event::LookedUp {
            depth: 1,
            map: "access".into(),
            key: key.into(),
            args: Vec::new(),
            value,
            is_temporary: false,
        }
    }

    #[test]
    fn the_chain_is_what_decided() {
        let all = [
            rule(1, "canonify", "a < @ b >"),
            key("b", Some("b.")),
            rule(1, "parse", "$# esmtp $@ b $: a"),
            rule(1, "check_rcpt", "x"),
            rule(4, "D", "y"),
            key("To:b", None),
            key("To:b", None),
            key("b", Some("b.")),
            rule(3, "Rcpt_ok", "z"),
        ];
        let shown = |decides| events(&all, Detail::Chain { decides });
        assert_eq!(shown(false), [&all[1], &all[2]]);
        assert_eq!(shown(true), [&all[1], &all[2], &all[3], &all[8]]);
        assert_eq!(events(&all, Detail::Everything).len(), all.len());
        let missed = misses(&all, Detail::Chain { decides: true });
        assert_eq!(missed, [("access".into(), vec!["To:b".into()])]);
        assert!(misses(&all, Detail::Everything).is_empty());
    }
}
