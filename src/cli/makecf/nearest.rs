//! Which known name a misspelt one may stand for.

/// Returns the known name that is nearest to `name`, if it is near enough to be meant.
pub(super) fn nearest(name: &str, known: impl Iterator<Item: AsRef<str>>) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let distances = known.map(|known| {
        let known = known.as_ref();
        (strsim::osa_distance(&lower, &known.to_ascii_lowercase()), known.to_owned())
    });
    // One slip in four letters, three at most.
    let slips_max = (name.len() / 4).clamp(1, 3);
    distances.filter(|(distance, _)| *distance <= slips_max).min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        let known = ["access_db", "accept_unqualified_senders", "relay_entire_domain", "confMAX_HOP", "msp"];
        assert_eq!(nearest(name, known.into_iter()).as_deref(), expected, "{name}");
    }

    #[test]
    fn slips_are_forgiven_by_length() {
        check("acess_db", Some("access_db"));
        check("ACCESS_DB", Some("access_db"));
        check("confMAX_HOPS", Some("confMAX_HOP"));
        check("relay_entier_domian", Some("relay_entire_domain"));
        check("mps", Some("msp"));
        check("nouucp", None);
        check("accept", None);
    }
}
