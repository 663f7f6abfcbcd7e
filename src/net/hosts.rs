//! `/etc/hosts`, read once.

use std::collections::HashMap;
use std::net::IpAddr;

use bstr::{BString, ByteSlice};

/// The most lines kept: hosts files with block lists are long, and every line costs memory.
const LINES_MAX: usize = 200_000;

/// The text of a hosts file, by name and by address.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Lines in file order.
    entries: Vec<Entry>,
    /// Lower-case name to the lines that have it.
    by_name: HashMap<BString, Vec<usize>>,
}

/// One line.
#[derive(Clone, Debug)]
struct Entry {
    address: IpAddr,
    names: Vec<BString>,
}

impl Hosts {
    /// Reads `address name alias…` lines; `#` starts a comment, lines with a bad address are passed over.
    pub fn parse(text: &[u8]) -> Self {
        let mut hosts = Self::default();
        for line in text.lines().take(LINES_MAX) {
            let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            let mut words = line.fields();
            let address = words.next().and_then(|word| word.to_str().ok()?.split('%').next()?.parse().ok());
            let names: Vec<_> = words.map(BString::from).collect();
            if let Some(address) = address.filter(|_| !names.is_empty()) {
                hosts.push(Entry { address, names });
            }
        }
        hosts
    }

    /// Adds a line.
    fn push(&mut self, entry: Entry) {
        for name in &entry.names {
            self.by_name.entry(name.to_ascii_lowercase().into()).or_default().push(self.entries.len());
        }
        self.entries.push(entry);
    }

    /// Returns the lines with `name`.
    fn lines(&self, name: &[u8]) -> impl Iterator<Item = &Entry> {
        let lines = self.by_name.get(name.to_ascii_lowercase().as_bstr());
        lines.into_iter().flatten().map(|line| &self.entries[*line])
    }

    /// Returns the addresses of `name` in file order.
    pub fn addresses(&self, name: &[u8]) -> Vec<IpAddr> {
        self.lines(name).map(|entry| entry.address).collect()
    }

    /// Returns the first name of `address`.
    pub fn name(&self, address: IpAddr) -> Option<&BString> {
        self.entries.iter().find(|entry| entry.address == address)?.names.first()
    }

    /// Returns every name of `address` in its first line.
    pub fn names(&self, address: IpAddr) -> &[BString] {
        self.entries.iter().find(|entry| entry.address == address).map_or(&[], |entry| &entry.names)
    }

    /// Returns the canonical name of `name`: of the first line that has it the first name with a dot, else the first name.
    pub fn canonical(&self, name: &[u8]) -> Option<&BString> {
        let entry = self.lines(name).next()?;
        entry.names.iter().find(|name| name.contains(&b'.')).or(entry.names.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"127.0.0.1 localhost\n::1 ip6-localhost # x\n192.0.2.10\thoge hoge.foo.jp\n2001:db8::10 hoge.foo.jp\nbad line\n";

    #[test]
    fn names_and_addresses_are_found_without_case() {
        let hosts = Hosts::parse(TEXT);
        assert_eq!(hosts.addresses(b"HOGE.foo.jp").len(), 2);
        assert_eq!(hosts.name("192.0.2.10".parse().expect("valid")).expect("there"), "hoge");
        assert!(hosts.addresses(b"line").is_empty());
    }

    #[test]
    fn the_canonical_name_is_the_one_with_a_dot() {
        let hosts = Hosts::parse(TEXT);
        assert_eq!(hosts.canonical(b"hoge").expect("there"), "hoge.foo.jp");
        assert_eq!(hosts.canonical(b"localhost").expect("there"), "localhost");
        assert!(hosts.canonical(b"nosuch").is_none());
    }
}
