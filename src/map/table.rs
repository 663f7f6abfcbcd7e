//! An opened map.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;

use bstr::{BStr, BString, ByteSlice};

use super::keyed::Keyed;
use super::text::{Columns, Text};
use super::{
    DatabaseError, Definition, DefinitionError, Kind, Method, Opener, Outcome, aliases, arith, arpa, dequote, mend,
    regex, user,
};
use crate::name::Sysexit;
use crate::sys::bounded::read_within;
use crate::sys::errors::{is_passing, reason};
use crate::sys::regex::Regex;
use crate::sys::safe_file;

/// Largest alias file that is read, in bytes: it is kept in memory.
const ALIAS_BYTES_MAX: u64 = 64 << 20;

/// A map that was opened, or that could not be: then it says why at every look-up.
#[derive(Debug)]
pub struct Map {
    definition: Definition,
    table: Table,
    complaint: Option<Failure>,
}

#[derive(Debug)]
enum Table {
    Keyed {
        keyed: Box<Keyed>,
        seen: Seen,
    },
    Text {
        text: Text,
        file: File,
        seen: Seen,
    },
    Aliases {
        entries: HashMap<BString, BString>,
        file: File,
        seen: Seen,
    },
    Regex(Box<Regex>),
    /// Needs nothing but its definition.
    Bare,
    /// Has no keys now: an optional map whose file is not there, or a line with an error.
    NotOpen,
    /// Cannot be looked up now.
    Failed,
    /// Another module's.
    Elsewhere,
}

/// What a file looked like when it was opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Seen {
    size: u64,
    modified: (i64, i64),
}

impl Seen {
    fn of(metadata: &Metadata) -> Seen {
        Seen { size: metadata.size(), modified: (metadata.mtime(), metadata.mtime_nsec()) }
    }

    /// Tells whether `file` was removed, or changed since.
    fn is_stale(self, file: &File) -> bool {
        file.metadata().map_or(true, |now| now.nlink() == 0 || Seen::of(&now) != self)
    }
}

/// Why a map could not be opened.
#[derive(Debug)]
struct Failure {
    cause: Cause,
    /// The original's words.
    reason: BString,
    /// The command that mends it.
    remedy: Option<String>,
}

/// What kept a map from being opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    /// There is no such file.
    Missing,
    /// The system, or the owner and mode of the file, keep us from reading it.
    Unsafe,
    /// The file is no database of the kind that it should be.
    NoDatabase,
    /// The file is such a database, but damaged.
    Damaged,
    /// Nothing that the file is to blame for: nobody has opened it, or the system could not.
    Passing,
    /// Its definition, or an error while it is read.
    Other,
}

impl Map {
    /// Opens what the definition names.
    pub fn open(definition: &Definition, files: &dyn Opener) -> Map {
        let definition = definition.clone();
        if !definition.usable {
            return Map { definition, table: Table::NotOpen, complaint: None };
        }
        let opened = Table::open(&definition, files).map(|table| (table, None));
        match opened.or_else(|failure| Table::in_place_of_database(&definition, files, failure)) {
            Ok((table, complaint)) => Map { definition, table, complaint },
            Err(failure) => {
                // Unlike the original, which takes whatever file of an optional map it cannot use for an empty one.
                let may_be_absent = definition.optional && !matches!(failure.cause, Cause::Damaged | Cause::Passing);
                let table = if may_be_absent { Table::NotOpen } else { Table::Failed };
                // Not there is what -o is for; anything else the postmaster should hear of.
                let is_told = !definition.optional || failure.cause != Cause::Missing;
                Map { definition, table, complaint: is_told.then_some(failure) }
            }
        }
    }

    /// The definition that it was opened with.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Returns what went wrong when it was opened, to be logged once.
    pub fn complaint(&self) -> Option<&BStr> {
        self.complaint.as_ref().map(|failure| failure.reason.as_bstr())
    }

    /// Returns the command that mends what keeps it from being opened, or from being read.
    pub fn remedy(&self) -> Option<String> {
        self.complaint.as_ref().map_or_else(|| mend(&self.definition), |failure| failure.remedy.clone())
    }

    /// Returns what the test mode says when it was opened: of alias files, switches and what an optional map has for a database nothing.
    pub fn told(&self) -> Option<&BStr> {
        let failure = self.complaint.as_ref()?;
        let is_told = match self.definition.kind {
            Kind::Implicit | Kind::Stab | Kind::Switch(_) => false,
            // An optional file may be missing or unsafe, but its name and columns must be right.
            Kind::Text => !self.definition.optional || matches!(failure.cause, Cause::Other | Cause::Passing),
            _ => !self.definition.optional || !matches!(failure.cause, Cause::NoDatabase | Cause::Damaged),
        };
        is_told.then_some(failure.reason.as_bstr())
    }

    /// Tells whether its file is not there.
    pub fn is_missing(&self) -> bool {
        self.complaint.as_ref().is_some_and(|failure| failure.cause == Cause::Missing)
    }

    /// Tells whether it could not be opened for a reason that the file is not to blame for.
    pub fn is_to_be_opened_later(&self) -> bool {
        self.complaint.as_ref().is_some_and(|failure| failure.cause == Cause::Passing)
    }

    /// Tells whether its file is damaged, or something else than a database.
    pub fn is_damaged(&self) -> bool {
        self.complaint.as_ref().is_some_and(|failure| matches!(failure.cause, Cause::NoDatabase | Cause::Damaged))
    }

    /// Returns what is wrong with the arguments of a look-up that ended with [`Sysexit::Config`].
    pub fn bad_argument(&self, args: &[&[u8]]) -> Option<DefinitionError> {
        match &self.table {
            Table::Regex(regex) => regex::field_out_of_range(regex, args),
            _ => None,
        }
    }

    /// Tells whether it has been opened; the test mode says `Map named "x" not open` if not. A map that failed and is
    /// not optional counts as open: each look-up fails for now.
    pub fn is_open(&self) -> bool {
        !matches!(self.table, Table::NotOpen)
    }

    /// Returns what each look-up says, if it could not be opened.
    pub fn failure(&self) -> Option<Outcome> {
        matches!(self.table, Table::NotOpen | Table::Failed).then(|| self.lookup(b"", &[]))
    }

    /// Looks `key` up; `args` are what `%1` to `%9` stand for.
    ///
    /// Classes that are not [`Kind::is_local`] have no key here.
    pub fn lookup(&self, key: &[u8], args: &[&[u8]]) -> Outcome {
        let definition = &self.definition;
        match &self.table {
            Table::Keyed { keyed, .. } => keyed.lookup(definition, key, args),
            Table::Text { text, .. } => text.lookup(definition, key, args),
            Table::Aliases { entries, .. } => match entries.get(definition.fold(key).as_bstr()) {
                Some(value) => Outcome::Found(definition.result(key, value, args)),
                None => Outcome::NotFound(Sysexit::NoHost),
            },
            Table::Regex(regex) => match &definition.kind {
                Kind::Regex(spec) => spec.lookup(regex, definition, key, args),
                _ => Outcome::NotFound(Sysexit::Config),
            },
            Table::Bare => self.lookup_bare(key, args),
            Table::NotOpen => Outcome::NotFound(Sysexit::Ok),
            Table::Failed => Outcome::TempFail(self.complaint().unwrap_or_default().to_owned()),
            Table::Elsewhere => Outcome::NotFound(Sysexit::Config),
        }
    }

    /// Returns all records of `key`, as it is, in a database: several may share it.
    ///
    /// # Errors
    /// Why there is no answer now; a file that is not there has no records.
    pub fn records(&self, key: &[u8]) -> Result<Vec<BString>, BString> {
        match (&self.table, &self.complaint) {
            (Table::Keyed { keyed, .. }, _) => keyed.database.values(key).map_err(|error| {
                let (class, name) = (self.definition.kind.class(), &self.definition.name);
                format!("{class} map \"{name}\": {error}").into()
            }),
            (_, Some(failure)) => Err(failure.reason.clone()),
            (_, None) => Ok(Vec::new()),
        }
    }

    fn lookup_bare(&self, key: &[u8], args: &[&[u8]]) -> Outcome {
        let definition = &self.definition;
        match definition.kind {
            Kind::Arith => arith::lookup(key, args),
            Kind::Dequote => match dequote::dequote(key, definition.space) {
                Some(value) => Outcome::Found([&value[..], &definition.append].concat().into()),
                None => Outcome::NotFound(Sysexit::Ok),
            },
            Kind::Arpa => match arpa::reverse(key) {
                // QUIRK(arpa-match-only): -m has no effect here.
                Some(value) => Outcome::Found([value.as_bytes(), &definition.append].concat().into()),
                None => Outcome::NotFound(Sysexit::DataErr),
            },
            _ => Outcome::NotFound(Sysexit::NoHost),
        }
    }

    /// Tells whether the file was replaced, removed or written since it was opened, or may be there by now.
    pub fn is_stale(&self) -> bool {
        match &self.table {
            Table::Keyed { keyed, seen } => keyed.database.file().is_none_or(|file| seen.is_stale(file)),
            Table::Text { file, seen, .. } | Table::Aliases { file, seen, .. } => seen.is_stale(file),
            Table::NotOpen | Table::Failed => self.definition.usable && self.definition.kind.has_file(),
            Table::Regex(_) | Table::Bare | Table::Elsewhere => false,
        }
    }

    /// Returns the counts of an alias file whose text is read because it has no database.
    pub fn text_counts(&self) -> Option<aliases::AliasCounts> {
        let Table::Aliases { entries, .. } = &self.table else { return None };
        let total = entries.iter().map(|(name, value)| name.len() + value.len()).sum();
        let longest = entries.values().map(|value| value.len()).max().unwrap_or(0);
        let counts = aliases::AliasCounts { aliases: entries.len(), longest, total };
        (self.definition.kind == Kind::Implicit).then_some(counts)
    }
}

impl Table {
    fn open(definition: &Definition, files: &dyn Opener) -> Result<Table, Failure> {
        match &definition.kind {
            Kind::Hash => Table::open_database(definition, files, Method::Hash),
            Kind::Btree => Table::open_database(definition, files, Method::Btree),
            Kind::Text => Table::open_text(definition, files),
            Kind::Stab => Table::open_aliases(definition, files),
            Kind::Cdb => Table::open_database(definition, files, Method::Cdb),
            Kind::Implicit => Table::open_implicit(definition, files),
            Kind::Regex(spec) => {
                let regex = spec.compile().map_err(|error| Failure::other(error.to_string()))?;
                Ok(Table::Regex(Box::new(regex)))
            }
            Kind::User => match user::Column::parse(definition) {
                Ok(_) => Ok(Table::Elsewhere),
                Err(reason) => Err(Failure::other(reason)),
            },
            Kind::Switch(names) if names.is_empty() => {
                let (name, service) = (&definition.name, definition.file.clone().unwrap_or_default());
                let reason = format!("switch map \"{name}\": no service {service}").into();
                Err(Failure { cause: Cause::Missing, reason, remedy: None })
            }
            Kind::Arith | Kind::Dequote | Kind::Arpa | Kind::Null => Ok(Table::Bare),
            Kind::Sequence(_) | Kind::Switch(_) | Kind::Program | Kind::Socket | Kind::Macro => Ok(Table::Elsewhere),
            Kind::Syslog(_) | Kind::Host | Kind::Dns(_) | Kind::Bestmx | Kind::Userdb => Ok(Table::Elsewhere),
            Kind::Ldap(_) => Ok(Table::Elsewhere),
        }
    }

    /// Reads the text of an alias file of the configuration whose database is not there, or cannot be read, which is worth a
    /// complaint.
    fn in_place_of_database(
        definition: &Definition,
        files: &dyn Opener,
        failure: Failure,
    ) -> Result<(Table, Option<Failure>), Failure> {
        let is_known = failure.cause != Cause::Passing;
        if definition.kind != Kind::Implicit || !definition.of_aliases || !is_known {
            return Err(failure);
        }
        match (Table::open_aliases(definition, files), failure.cause) {
            (Ok(table), Cause::Missing) => Ok((table, None)),
            (Ok(table), _) => {
                let text = definition.file.clone().unwrap_or_default();
                let reason = format!("{}; reading {text} in its place", failure.reason).into();
                Ok((table, Some(Failure { reason, ..failure })))
            }
            (Err(of_text), Cause::Missing) => Err(of_text),
            (Err(_), _) => Err(failure),
        }
    }

    /// Opens the first file of an implicit map that is there: hash, or cdb.
    fn open_implicit(definition: &Definition, files: &dyn Opener) -> Result<Table, Failure> {
        let mut opened = Table::open_database(definition, files, Method::Hash);
        if matches!(&opened, Err(failure) if failure.cause == Cause::Missing) {
            opened = Table::open_database(definition, files, Method::Cdb).or_else(|failure| {
                // The usual kind is the one to tell of.
                if failure.cause == Cause::Missing { opened } else { Err(failure) }
            });
        }
        opened
    }

    fn open_database(definition: &Definition, files: &dyn Opener, method: Method) -> Result<Table, Failure> {
        let (class, name) = (definition.kind.class(), &definition.name);
        let path = method.file_of(&definition.file.clone().unwrap_or_default());
        let file = files.open(definition, &path).map_err(|error| {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "missing",
                _ if is_passing(&error) => "cannot open",
                _ => "unsafe",
            };
            let told = format!("{class} map \"{name}\": {what} map file {path}: {}", reason(&error));
            Failure::of_file(definition, &path, &error, told)
        })?;
        let opened = file.metadata().map_err(DatabaseError::Io).and_then(|metadata| {
            let database = method.open(file)?;
            Ok((database, Seen::of(&metadata)))
        });
        match opened {
            Ok((database, seen)) if database.method() == method => {
                Ok(Table::Keyed { keyed: Box::new(Keyed::new(database, definition.key_end)), seen })
            }
            Ok(_) => Err(Failure::no_database(definition, &path, &"Invalid argument")),
            Err(error @ DatabaseError::Corrupt { .. }) => {
                Err(Failure { cause: Cause::Damaged, ..Failure::no_database(definition, &path, &error) })
            }
            Err(DatabaseError::Io(error)) if is_passing(&error) => {
                Err(Failure { cause: Cause::Passing, ..Failure::no_database(definition, &path, &error) })
            }
            Err(error) => Err(Failure::no_database(definition, &path, &error)),
        }
    }

    fn open_text(definition: &Definition, files: &dyn Opener) -> Result<Table, Failure> {
        let (file, path) = open_plain(definition, files)?;
        let columns = Columns::parse(definition, &path).map_err(Failure::other)?;
        let read = file.metadata().and_then(|metadata| Ok((Text::read(&file, columns)?, Seen::of(&metadata))));
        match read {
            Ok((text, seen)) => Ok(Table::Text { text, file, seen }),
            Err(error) => Err(unreadable(definition, &path, &error)),
        }
    }

    fn open_aliases(definition: &Definition, files: &dyn Opener) -> Result<Table, Failure> {
        let (file, path) = open_plain(definition, files)?;
        let read = file.metadata().and_then(|metadata| Ok((read_within(&file, ALIAS_BYTES_MAX)?, Seen::of(&metadata))));
        match read {
            Ok((text, seen)) => {
                let (table, _) = aliases::AliasTable::new(&aliases::parse(&text).0);
                Ok(Table::Aliases { entries: table.into_lookup(), file, seen })
            }
            Err(error) => Err(unreadable(definition, &path, &error)),
        }
    }
}

fn open_plain(definition: &Definition, files: &dyn Opener) -> Result<(File, BString), Failure> {
    let (class, name) = (definition.kind.class(), &definition.name);
    let path = definition.file.clone().unwrap_or_default();
    if !path.starts_with(b"/") {
        return Err(Failure::other(format!("{class} map \"{name}\": file name must be fully qualified")));
    }
    match files.open(definition, &path) {
        Ok(file) => Ok((file, path)),
        // QUIRK(text-map-missing): a missing text file is told as an unsafe one, and without a reason.
        Err(error) if is_passing(&error) => {
            let told = format!("{class} map \"{name}\": cannot open map file {path}: {}", reason(&error));
            Err(Failure::of_file(definition, &path, &error, told))
        }
        Err(error) => {
            let told = format!("{class} map \"{name}\": unsafe map file {path}");
            Err(Failure::of_file(definition, &path, &error, told))
        }
    }
}

fn unreadable(definition: &Definition, path: &BString, error: &io::Error) -> Failure {
    let (class, name) = (definition.kind.class(), &definition.name);
    let cause = if is_passing(error) { Cause::Passing } else { Cause::Other };
    let told = format!("{class} map \"{name}\": cannot read {path}: {}", reason(error)).into();
    Failure { cause, reason: told, remedy: None }
}

impl Failure {
    /// The file is not there, or may not be read.
    fn of_file(definition: &Definition, path: &[u8], error: &io::Error, reason: String) -> Failure {
        let (cause, remedy) = match error.kind() {
            io::ErrorKind::NotFound => (Cause::Missing, mend(definition)),
            _ if is_passing(error) => (Cause::Passing, None),
            _ => (Cause::Unsafe, safe_file::remedy(path, error.to_string().as_bytes())),
        };
        Failure { cause, reason: reason.into(), remedy }
    }

    /// The file is something else, or damaged.
    fn no_database(definition: &Definition, path: &BString, why: &dyn std::fmt::Display) -> Failure {
        let reason = format!("Cannot open {} database {path}: {why}", definition.kind.class()).into();
        Failure { cause: Cause::NoDatabase, reason, remedy: mend(definition) }
    }

    fn other(reason: impl Into<BString>) -> Failure {
        Failure { cause: Cause::Other, reason: reason.into(), remedy: None }
    }
}
