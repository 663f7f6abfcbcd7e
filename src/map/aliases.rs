//! Alias files: their text, and the counts that their rebuilding is reported with.
//!
//! `op guide "The Alias Database"`: a line is `name: value`; a line that begins with white space goes on with the line
//! before it, as does the one after a backslash.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use bstr::{BString, ByteSlice};

use super::{Definition, DefinitionError, Method, Records, SaveError, Target, TargetOptions};
use crate::cf::AliasSpec;
use crate::name::TrimSpace as _;

/// What is wrong with a line of an alias file; the texts are the original's, without file name and line number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AliasError {
    /// The line has no colon.
    #[error("missing colon")]
    NoColon,
    /// White space begins a line where there is no alias that it could go on with.
    #[error("Non-continuation line starts with space")]
    NoStart,
    /// What stands before the colon can be no name; the beginning of the line.
    #[error("{0}... illegal alias name")]
    NoName(BString),
    /// Nothing follows the colon.
    #[error("{0}... missing value for alias")]
    NoValue(BString),
    /// The rules do not lead the name to a mailer that has aliases (`F=A`).
    #[error("{0}... cannot alias non-local names")]
    NotLocal(BString),
    /// The name was there before: the later value counts.
    #[error("{spelling}... Warning: duplicate alias name {}", .name.to_lowercase().as_bstr())]
    Duplicate {
        /// What stands before the colon.
        spelling: BString,
        /// The name that the rules make of it.
        name: BString,
    },
}

/// So much of a line is shown whose name is none, in bytes.
const SHOWN_BYTES_MAX: usize = 40;

impl AliasError {
    /// Says that what begins `line` can be no name.
    pub fn no_name(line: &[u8]) -> Self {
        Self::NoName(line[..line.len().min(SHOWN_BYTES_MAX)].into())
    }

    /// Tells whether the alias is there all the same, so that the exit status stays 0.
    pub fn is_warning(&self) -> bool {
        matches!(self, AliasError::Duplicate { .. })
    }
}

/// One alias as it stands in the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alias {
    /// Number of the line it ends on, from 1.
    pub line: usize,
    /// What stands before the colon, with white space.
    pub spelling: BString,
    /// The name, with its capitals and quotes, without white space around it.
    pub name: BString,
    /// The addresses, continued lines joined without their line ends.
    pub value: BString,
}

/// Reads an alias file; gives the aliases in their order, and what is wrong with its line number.
///
/// Duplicates are all given: [`AliasTable::new`] tells of them.
pub fn parse(text: &[u8]) -> (Vec<Alias>, Vec<(usize, AliasError)>) {
    let mut aliases = Vec::new();
    let mut errors = Vec::new();
    for (line, text) in logical_lines(text) {
        match parse_line(&text) {
            Ok((name, value)) => {
                aliases.push(Alias { line, spelling: name.into(), name: name.trim_space().into(), value: value.into() })
            }
            Err(error) => errors.push((line, error)),
        }
    }
    (aliases, errors)
}

fn parse_line(text: &[u8]) -> Result<(&[u8], &[u8]), AliasError> {
    if is_indented(text) {
        return Err(AliasError::NoStart);
    }
    let colon = name_end(text).ok_or(AliasError::NoColon)?;
    let name = &text[..colon];
    let value = text[colon + 1..].trim_space_start();
    if name.trim_space().is_empty() {
        return Err(AliasError::no_name(text));
    }
    if value.is_empty() {
        return Err(AliasError::NoValue(text.into()));
    }
    Ok((name, value))
}

/// Returns where the name ends: at the first colon outside of quotes.
// QUIRK(alias-quoted-colon): the original cuts `"a:b": c` at the colon in the quotes and so loses the alias.
fn name_end(text: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b':' if !quoted => return Some(at),
            _ => {}
        }
    }
    // A quote that does not end protects nothing.
    if quoted { text.find_byte(b':') } else { None }
}

/// Joins continued lines, which have the number of the last; comments and empty lines are left out.
///
/// Nothing goes on behind an empty line.
fn logical_lines(text: &[u8]) -> Vec<(usize, BString)> {
    let mut lines: Vec<(usize, BString)> = Vec::new();
    let (mut continues, mut is_open) = (false, false);
    for (index, raw) in text.lines_with_terminator().enumerate() {
        let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let (piece, escaped) = match raw.strip_suffix(b"\\") {
            Some(piece) => (piece, true),
            None => (raw, false),
        };
        match lines.last_mut() {
            Some((number, line)) if continues || (is_open && is_indented(piece)) => {
                *number = index + 1;
                line.extend_from_slice(piece);
            }
            // A comment is an entry for now, so that what continues it belongs to it.
            _ => {
                lines.push((index + 1, piece.into()));
                is_open = !raw.is_empty() && !is_indented(piece);
            }
        }
        continues = escaped;
    }
    lines.retain(|(_, line)| !line.starts_with(b"#") && !line.trim_space().is_empty());
    lines
}

/// Tells whether white space begins the line.
fn is_indented(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// What a rebuilt alias file is reported with: `31 aliases, longest 30 bytes, 393 bytes total`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AliasCounts {
    /// Aliases in the file, duplicates included.
    pub aliases: usize,
    /// Length of the longest value, in bytes.
    pub longest: usize,
    /// Length of all names and values, in bytes.
    pub total: usize,
}

impl fmt::Display for AliasCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} aliases, longest {} bytes, {} bytes total", self.aliases, self.longest, self.total)
    }
}

/// The aliases by name in small letters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AliasTable {
    /// Name and value, in the order of the names.
    pub entries: BTreeMap<BString, BString>,
    /// The counts to report.
    pub counts: AliasCounts,
}

impl AliasTable {
    /// Collects the aliases of a file: of several with one name the last counts, and a warning names its line.
    pub fn new(aliases: &[Alias]) -> (AliasTable, Vec<(usize, AliasError)>) {
        let mut table = AliasTable::default();
        let mut warnings = Vec::new();
        for alias in aliases {
            table.counts.aliases += 1;
            table.counts.longest = table.counts.longest.max(alias.value.len());
            table.counts.total += alias.name.len() + alias.value.len();
            let key = BString::from(alias.name.to_ascii_lowercase());
            if table.entries.insert(key, alias.value.clone()).is_some() {
                let (spelling, name) = (alias.spelling.clone(), alias.name.clone());
                warnings.push((alias.line, AliasError::Duplicate { spelling, name }));
            }
        }
        (table, warnings)
    }

    /// Returns the records of the database: names and values end with a NUL, and `@` shows that it is complete.
    pub fn records(&self, method: Method) -> Records {
        let mut records = Records::new(method, false);
        for (name, value) in &self.entries {
            records.put(&[name.as_slice(), b"\0"].concat(), &[value.as_slice(), b"\0"].concat());
        }
        records.put(MARK, MARK);
        records
    }

    /// Writes the database, `aliases.db` beside `aliases`, in one step that no reader sees half of.
    ///
    /// # Errors
    /// The data are too large for the format, or the file cannot be replaced.
    pub fn save(&self, database: &Path, method: Method, options: TargetOptions) -> Result<(), SaveError> {
        self.records(method).save(Target::open(database, options)?)
    }

    /// Returns the same as a table for look-ups.
    pub(super) fn into_lookup(self) -> HashMap<BString, BString> {
        self.entries.into_iter().collect()
    }
}

/// One alias file as the configuration declares it.
#[derive(Debug)]
pub struct Declared {
    /// Number of the line that names it, from 1; 0 for the command line.
    pub line: usize,
    /// The map; none, if it is no map at all.
    pub definition: Option<Definition>,
    /// What is wrong with it.
    pub errors: Vec<DefinitionError>,
}

/// Reads what option AliasFile declares, in order: maps called `Alias0`, `Alias1`, ….
pub fn declared(specs: &[AliasSpec]) -> Vec<Declared> {
    let mut number = 0;
    let declare = |spec: &AliasSpec| {
        let (definition, errors) = definition(&format!("Alias{number}"), spec);
        number += usize::from(definition.is_some());
        Declared { line: spec.line, definition, errors }
    };
    specs.iter().map(declare).collect()
}

/// Returns the maps that option AliasFile declares, in order; what is wrong, the loading of the configuration has told.
pub fn definitions(specs: &[AliasSpec]) -> Vec<Definition> {
    declared(specs).into_iter().filter_map(|declared| declared.definition).collect()
}

fn definition(name: &str, spec: &AliasSpec) -> (Option<Definition>, Vec<DefinitionError>) {
    let (definition, mut errors) = Definition::parse(name.as_bytes(), spec.class(), &spec.args);
    match definition {
        Some(definition) if !definition.kind.can_hold_aliases() => {
            (None, vec![DefinitionError::NotForAliases(spec.class().into())])
        }
        Some(definition) => (definition.usable.then_some(Definition { of_aliases: true, ..definition }), errors),
        None => {
            for error in &mut errors {
                if let DefinitionError::NoClass(_) | DefinitionError::ClassNotAvailable { .. } = error {
                    *error = DefinitionError::AliasClass(spec.class().into());
                }
            }
            (None, errors)
        }
    }
}

/// The record that a complete alias database has, as key and as value.
pub const MARK: &[u8] = b"@\0";

#[cfg(test)]
mod tests {
    use super::super::Database;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str, &str)]) {
        let (aliases, errors) = parse(text.as_bytes());
        assert_eq!(errors, []);
        let found: Vec<_> = aliases
            .iter()
            .map(|alias| (alias.line, alias.name.to_str().expect("text"), alias.value.to_str().expect("text")))
            .collect();
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn check_error(text: &str, line: usize, expected: &str) {
        let (aliases, mut errors) = parse(text.as_bytes());
        errors.extend(AliasTable::new(&aliases).1);
        assert_eq!(errors.len(), 1);
        assert_eq!((errors[0].0, errors[0].1.to_string().as_str()), (line, expected));
    }

    #[test]
    fn a_line_is_a_name_and_a_value() {
        check("root: alice\nbob :\tx, y \n", &[(1, "root", "alice"), (2, "bob", "x, y ")]);
        check("foo : \"|/bin/prog arg, x\", /tmp/f\n", &[(1, "foo", "\"|/bin/prog arg, x\", /tmp/f")]);
        check("list: :include:/etc/list", &[(1, "list", ":include:/etc/list")]);
    }

    #[test]
    fn lines_are_continued() {
        check("Post: root,\n\tbob,\n  carol\nz: y\n", &[(3, "Post", "root,\tbob,  carol"), (4, "z", "y")]);
        check("cont: a, b, \\\n c\n", &[(2, "cont", "a, b,  c")]);
        check("cont: a, b, \\\nc\n", &[(2, "cont", "a, b, c")]);
        check("root: alice\n # not a comment\n", &[(2, "root", "alice # not a comment")]);
    }

    #[test]
    fn comments_and_empty_lines_are_left_out() {
        check("# x: y\n\n   \nroot: a # b\n", &[(4, "root", "a # b")]);
        check("# x: y\n continued: comment\n", &[]);
    }

    #[test]
    fn names_may_be_quoted() {
        check("\"quoted name\": dave\n", &[(1, "\"quoted name\"", "dave")]);
        check("\"a:b\": c\n", &[(1, "\"a:b\"", "c")]);
        check("\"|prog2\": x\n", &[(1, "\"|prog2\"", "x")]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        check_error("a: b\nbad\n", 2, "missing colon");
        check_error(" \n x: y\na: b\n", 2, "Non-continuation line starts with space");
        check_error("# c\n x: y\na: b\n\n z: q\n", 5, "Non-continuation line starts with space");
        check_error("empty:\n", 1, "empty:... missing value for alias");
        check_error(": noname\n", 1, ": noname... illegal alias name");
        check_error(":include: x\n", 1, ":include: x... illegal alias name");
        check_error("dup: a\nDUP : b,\n c\n", 3, "DUP ... Warning: duplicate alias name dup");
    }

    #[test]
    fn the_last_duplicate_counts_and_all_are_counted() {
        let (table, _) = AliasTable::new(&parse(b"dup: a\nDup: longer\n").0);
        assert_eq!(table.entries[b"dup".as_bstr()], "longer");
        assert_eq!(table.counts.to_string(), "2 aliases, longest 6 bytes, 13 bytes total");
    }

    #[track_caller]
    fn check_definitions(option: &str, expected: &[&str], told: &[&str]) {
        let specs = AliasSpec::split(option.as_bytes(), 3);
        let found: Vec<_> = definitions(&specs)
            .iter()
            .map(|definition| format!("{} {}", definition.name, definition.kind.class()))
            .collect();
        assert_eq!(found, expected);
        let errors = declared(&specs).into_iter().flat_map(|declared| declared.errors);
        assert_eq!(errors.map(|error| error.to_string()).collect::<Vec<_>>(), told);
    }

    #[test]
    fn every_alias_file_is_a_map() {
        check_definitions("/a, hash:/b,Btree:-o /c", &["Alias0 implicit", "Alias1 hash", "Alias2 btree"], &[]);
        check_definitions("sequence:a b, null:", &["Alias0 sequence", "Alias1 null"], &[]);
    }

    #[test]
    fn what_is_no_alias_file_is_told() {
        check_definitions(
            "/a, hsah:/b, /c",
            &["Alias0 implicit", "Alias1 implicit"],
            &["setalias: unknown alias class hsah"],
        );
        check_definitions(":x", &[], &["setalias: unknown alias class "]);
        check_definitions("dns:-R A", &[], &["setalias: map class dns can't handle aliases"]);
        check_definitions("hash:, /a", &["Alias0 implicit"], &["No file name for hash map Alias0"]);
        check_definitions("-Z /x", &["Alias0 implicit"], &["Illegal option Z map Alias0"]);
    }

    #[test]
    fn a_complete_database_says_so() {
        let room = tempfile::tempdir().expect("a temporary folder");
        let path = room.path().join("aliases.db");
        let (table, _) = AliasTable::new(&parse(b"a: b\n").0);
        table.save(&path, Method::Hash, TargetOptions::default()).expect("our folder");
        let file = std::fs::File::open(path).expect("it was saved");
        let mut pairs = Database::open(file).and_then(|database| database.pairs()).expect("it reads");
        pairs.sort();
        assert_eq!(pairs, [(BString::from(MARK), BString::from(MARK)), ("a\0".into(), "b\0".into())]);
    }
}
