//! What option AliasFile says: the alias files, each with its class.

use std::fmt;

use bstr::{BString, ByteSlice};

use crate::name::TrimSpace as _;

/// One alias file of option AliasFile (op guide "The Alias Database"): a map, declared without a `K` line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AliasSpec {
    /// Class of the map; none: `implicit`.
    pub class: Option<BString>,
    /// The rest, as on a `K` line.
    pub args: BString,
    /// The line that names it, from 1; 0 for the command line.
    pub line: usize,
}

impl AliasSpec {
    /// Reads the value of the option: files between commas, a comma in quotes is none.
    pub fn split(option: &[u8], line: usize) -> Vec<AliasSpec> {
        let mut specs = Vec::new();
        let mut rest = option.trim_space_start();
        while !rest.is_empty() {
            // A colon behind anything else is part of a file's name.
            let stop = rest.find_byteset(b" ,/:").unwrap_or(rest.len());
            let class_len = (rest.get(stop) == Some(&b':')).then_some(stop);
            let start = class_len.map_or(stop, |len| len + 1);
            let end = start + comma(&rest[start..]);
            let args = &rest[class_len.map_or(0, |len| len + 1)..end];
            let class = class_len.map(|len| rest[..len].into());
            specs.push(AliasSpec { class, args: args.trim_space().into(), line });
            rest = rest.get(end + 1..).unwrap_or_default().trim_space_start();
        }
        specs
    }

    /// Returns the name of the class.
    pub fn class(&self) -> &[u8] {
        self.class.as_deref().map_or(b"implicit", |class| class)
    }
}

impl fmt::Display for AliasSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.class {
            Some(class) => write!(f, "{class}:{}", self.args),
            None => write!(f, "{}", self.args),
        }
    }
}

/// Returns where the first comma outside of quotes is, or the end.
fn comma(text: &[u8]) -> usize {
    let mut quoted = false;
    let ends = |byte: &u8| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    };
    text.iter().position(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(option: &str, expected: &[(&str, &str)]) {
        let specs = AliasSpec::split(option.as_bytes(), 7);
        let found: Vec<_> = specs
            .iter()
            .map(|spec| (spec.class().to_str().expect("text"), spec.args.to_str().expect("text"), spec.line))
            .collect();
        assert_eq!(found, expected.iter().map(|(class, args)| (*class, *args, 7)).collect::<Vec<_>>());
    }

    #[test]
    fn files_stand_between_commas() {
        check("/etc/mail/aliases", &[("implicit", "/etc/mail/aliases")]);
        check("-o /etc/a, btree:-f /etc/b", &[("implicit", "-o /etc/a"), ("btree", "-f /etc/b")]);
        check("", &[]);
        check("/a,", &[("implicit", "/a")]);
        check(",,", &[("implicit", ""), ("implicit", "")]);
        check("aliases", &[("implicit", "aliases")]);
    }

    #[test]
    fn a_class_ends_at_a_colon_that_nothing_precedes() {
        check("a:b:c", &[("a", "b:c")]);
        check("hash :/b", &[("implicit", "hash :/b")]);
        check("/a:b", &[("implicit", "/a:b")]);
        check("-o a:b", &[("implicit", "-o a:b")]);
        check(":x", &[("", "x")]);
    }

    #[test]
    fn commas_in_quotes_are_none() {
        check("ldap:-k \"(x=%0)\" -v \"a,b\",/c", &[("ldap", "-k \"(x=%0)\" -v \"a,b\""), ("implicit", "/c")]);
        check("\"a,b\"", &[("implicit", "\"a"), ("implicit", "b\"")]);
    }

    #[test]
    fn it_is_shown_as_it_is_written() {
        let specs = AliasSpec::split(b"/a, hash:-o /b", 1);
        assert_eq!(specs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/a", "hash:-o /b"]);
    }
}
