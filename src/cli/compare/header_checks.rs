//! Which checks of the header two configurations do not share: no address shows them.

use std::collections::BTreeSet;

use bstr::BString;

use super::Difference;
use crate::policy::{Hook, Subject};
use crate::site::Site;

/// Returns a difference for each field that is checked by other rules, and for each of the rulesets about whole messages.
pub(super) fn differences(first: &Site, other: &Site) -> Vec<Difference> {
    let names: BTreeSet<BString> = [first, other].into_iter().flat_map(checked).collect();
    let fields = names.iter().filter_map(|name| {
        let title = format!("check of the header field {name}");
        Difference::of(title, &of_field(first, name), &of_field(other, name))
    });
    let whole = Hook::ALL.iter().filter(|hook| hook.subject() == Subject::Message).map(|hook| hook.name());
    let whole = whole.filter_map(|ruleset| {
        Difference::of(format!("ruleset {ruleset}"), &rules(first, ruleset), &rules(other, ruleset))
    });
    fields.chain(whole).collect()
}

/// Returns the names of the fields that are checked, in small letters.
fn checked(site: &Site) -> impl Iterator<Item = BString> {
    let rules = site.config.headers.iter().filter(|rule| rule.check.is_some());
    rules.map(|rule| rule.name.to_ascii_lowercase().into())
}

/// Returns the ruleset of a field and its rules.
fn of_field(site: &Site, name: &BString) -> Vec<String> {
    let mut checks = site.config.headers.iter().filter(|rule| rule.name.eq_ignore_ascii_case(name));
    let Some(check) = checks.find_map(|rule| rule.check.as_ref()) else { return vec!["no check".to_owned()] };
    let ruleset = check.ruleset.to_string();
    let call = format!("$>{}{ruleset}", if check.keeps_comments { "+" } else { "" });
    [vec![call], rules(site, &ruleset)].concat()
}

/// Returns the rules of a ruleset, one a line.
fn rules(site: &Site, ruleset: &str) -> Vec<String> {
    let rulesets = &site.config.rulesets;
    let found = rulesets.find(ruleset.as_bytes()).map(|id| rulesets.get(id).rules()).unwrap_or_default();
    if found.is_empty() {
        return vec!["no rules".to_owned()];
    }
    found.iter().map(|rule| rule.to_string().trim().replace("\t\t", "-> ")).collect()
}
