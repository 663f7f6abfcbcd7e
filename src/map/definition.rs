//! What a `K` line says.

use bstr::{BString, ByteSlice};

use super::options::{self, Words};
use super::{DnsRecord, Kind, LdapError, RegexSpec, ldap};
use crate::cf::{ClassFile, MapDecl};
use crate::log::Priority;
use crate::name::{BadUnit, Interval, IntervalUnit, MapName};

/// Why a `K` line cannot be used, or only in part; the texts are the original's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DefinitionError {
    /// Nothing follows the `K`.
    #[error("readcf: config K line: no map name")]
    NoName,
    /// A name and nothing else.
    #[error("readcf: config K line, map {0}: no map class")]
    NoClass(BString),
    /// A class that nobody knows.
    #[error("readcf: map {name}: class {class} not available")]
    ClassNotAvailable {
        /// Name of the map.
        name: BString,
        /// The class that the line asks for.
        class: BString,
    },
    /// Option AliasFile names a class that nobody knows.
    #[error("setalias: unknown alias class {0}")]
    AliasClass(BString),
    /// Option AliasFile names a class whose maps cannot hold aliases.
    #[error("setalias: map class {0} can't handle aliases")]
    NotForAliases(BString),
    /// A class of a directory service that hardly anybody runs any more.
    #[error(
        "readcf: map {name}: class {class} not available (write its data to a file and make a hash map with makemap)"
    )]
    ClassGone {
        /// Name of the map.
        name: BString,
        /// The class that the line asks for.
        class: BString,
    },
    /// A class that this build does not have.
    #[error("readcf: map {name}: class {class} not available (this program was built without the feature ldap)")]
    ClassNotBuilt {
        /// Name of the map.
        name: BString,
        /// The class that the line asks for.
        class: BString,
    },
    /// The flags of an `ldap` map.
    #[error(transparent)]
    Ldap(#[from] LdapError),
    /// The class reads a file, and the line names none.
    #[error("No file name for {class} map {name}")]
    NoFile {
        /// Name of the map.
        name: BString,
        /// Its class.
        class: &'static str,
    },
    /// A flag that the class does not have; it is passed over.
    #[error("Illegal option {}", illegal(*.letter, .name))]
    IllegalOption {
        /// Name of the map.
        name: BString,
        /// The letter of the flag.
        letter: u8,
    },
    /// The unit of `-d` is none; the time is taken in seconds.
    #[error(transparent)]
    Time(#[from] BadUnit),
    /// The regular expression is none.
    #[error("pattern-compile-error: {0}")]
    Pattern(BString),
    /// `-s` asks for a sub-match that the regular expression does not have.
    #[error("field ({field}) out of range, only {groups} substrings in pattern")]
    FieldOutOfRange {
        /// The number asked for.
        field: usize,
        /// How many there are, the whole match counted.
        groups: usize,
    },
    /// `-R` of a dns map names no record type.
    #[error("dns map {name}: wrong type {kind}")]
    RecordType {
        /// Name of the map.
        name: BString,
        /// What stands after `-R`, up to the end of the line.
        kind: BString,
    },
    /// A dns map without `-R`.
    #[error("dns map {0}: missing -R type")]
    NoRecordType(BString),
    /// `-L` of a syslog map names no priority.
    #[error("syslog_map_parseargs: Unknown priority {0}")]
    Priority(BString),
    /// A sequence names a map that no line before it defines; told by who knows the other maps.
    #[error("Sequence map {sequence}: unknown member map {member}")]
    UnknownMember {
        /// Name of the sequence.
        sequence: BString,
        /// Name of the missing map.
        member: BString,
    },
}

/// Classes that are known and refused.
const GONE_CLASSES: [&[u8]; 6] = [b"nis", b"nisplus", b"nis+", b"hesiod", b"ph", b"netinfo"];

/// How the keys of a database end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeyEnd {
    /// Nobody said: both ways are tried.
    #[default]
    Either,
    /// With a NUL (`-N`).
    Nul,
    /// Without a NUL (`-O`).
    Bare,
    /// Both flags: no key is found.
    Neither,
}

impl KeyEnd {
    /// Returns what a flag that asks for `wanted` alone makes of it; `other` is what it rules out.
    fn and(self, wanted: KeyEnd, other: KeyEnd) -> KeyEnd {
        if self == other || self == KeyEnd::Neither { KeyEnd::Neither } else { wanted }
    }
}

/// One map as its `K` line defines it (`op guide "K — Key File Declaration"`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Definition {
    /// Name, spelled as on the line; the class's, where an `F` line takes its words from the map.
    pub name: BString,
    /// The line of the configuration, if it is an `F` line.
    pub class_line: Option<usize>,
    /// Class.
    pub kind: Kind,
    /// The file (of a switch the service, of a program the path, of a directory the file with the password) as written,
    /// without `.db`.
    pub file: Option<BString>,
    /// What follows the file: the arguments of a program.
    pub arguments: BString,
    /// It is an alias file of the configuration: its text is read where there is no database.
    pub of_aliases: bool,
    /// `-o`: a map that cannot be opened has no keys.
    pub optional: bool,
    /// `-f`: the key keeps its capitals.
    pub keep_case: bool,
    /// `-m`: the result is the key, not the value.
    pub match_only: bool,
    /// `-q`: the key keeps its quotes.
    pub keep_quotes: bool,
    /// `-A`: values of the same key are joined.
    pub join_values: bool,
    /// `-t`: a temporary failure counts as a miss.
    pub temporary_is_miss: bool,
    /// `-D`: not looked up in deferred delivery mode.
    pub skip_when_deferred: bool,
    /// `-a`: put behind every result.
    pub append: BString,
    /// `-T`: put behind the key when the look-up failed temporarily.
    pub append_if_temporary: Option<BString>,
    /// `-N`, `-O`.
    pub key_end: KeyEnd,
    /// `-k`: the column of the key.
    pub key_column: Option<BString>,
    /// `-v`: the column of the value.
    pub value_column: Option<BString>,
    /// `-z`: what separates columns, or joins several results.
    pub separator: Option<u8>,
    /// `-S`, of dequote also `-s`: stands in the key in place of a space.
    pub space: Option<u8>,
    /// `-d`: how long a dns look-up may take.
    pub timeout: Option<Interval>,
    /// `-r`: how often a dns look-up is tried.
    pub retries: Option<u32>,
    /// `-B`: what a dns look-up puts behind the key.
    pub base: Option<BString>,
    /// `-Z`: how many results are joined at most.
    pub results_max: Option<u32>,
    /// False when the line has an error that leaves the map without any key.
    pub usable: bool,
}

impl Definition {
    /// Reads name, class and the rest of a `K` line.
    ///
    /// Gives no definition where the original defines no map, and a definition that is not usable where it
    /// defines one that nothing is found in.
    pub fn parse(name: &[u8], class: &[u8], args: &[u8]) -> (Option<Definition>, Vec<DefinitionError>) {
        if name.is_empty() {
            return (None, vec![DefinitionError::NoName]);
        }
        if class.is_empty() {
            return (None, vec![DefinitionError::NoClass(name.into())]);
        }
        let Some(kind) = Kind::of_class(class) else {
            let (name, class): (BString, BString) = (name.into(), class.into());
            if GONE_CLASSES.iter().any(|gone| gone.eq_ignore_ascii_case(&class)) {
                return (None, vec![DefinitionError::ClassGone { name, class }]);
            }
            return (None, vec![DefinitionError::ClassNotAvailable { name, class }]);
        };
        if matches!(kind, Kind::Ldap(_)) && !cfg!(feature = "ldap") {
            return (None, vec![DefinitionError::ClassNotBuilt { name: name.into(), class: class.into() }]);
        }
        Self::new(name, kind).read(args)
    }

    /// Reads a `K` line; `before` is the map that lines before it have declared under the name.
    pub fn declare(before: Option<&Definition>, line: &MapDecl) -> (Option<Definition>, Vec<DefinitionError>) {
        let (definition, errors) = match before {
            Some(before) => before.parse_again(&line.class, &line.args),
            None => Self::parse(line.name.as_bytes(), &line.class, &line.args),
        };
        (definition.map(|definition| definition.with_blank_sub(line.blank_sub)), errors)
    }

    /// Reads class and arguments of a map that is there already: they are new, but flags come to those it has.
    //
    // QUIRK(redeclared-maps)
    fn parse_again(&self, class: &[u8], args: &[u8]) -> (Option<Definition>, Vec<DefinitionError>) {
        let (fresh, errors) = Self::parse(&self.name, class, b"");
        let Some(fresh) = fresh else { return (None, errors) };
        let keep_quotes = self.keep_quotes || self.kind.is_quoting();
        let space = self.space.filter(|_| fresh.kind.follows_blank_sub());
        let kind = match fresh.kind {
            Kind::Regex(_) => Kind::Regex(RegexSpec::after(self)),
            kind => kind,
        };
        let usable = true;
        let kept = Definition { kind, usable, keep_quotes, space, key_end: KeyEnd::Either, base: None, ..self.clone() };
        kept.read(args)
    }

    /// Reads what stands behind the class.
    fn read(self, args: &[u8]) -> (Option<Definition>, Vec<DefinitionError>) {
        let mut definition = self;
        let errors = match &definition.kind {
            Kind::Regex(_) => definition.read_regex(args),
            Kind::Sequence(_) => definition.read_sequence(args),
            Kind::Dequote => definition.read_dequote(args),
            Kind::Syslog(_) => definition.read_syslog(args),
            Kind::Dns(_) => definition.read_dns(args),
            Kind::Ldap(_) => definition.read_ldap(args),
            _ => definition.read_general(args),
        };
        (Some(definition), errors)
    }

    /// Reads the map that an `F` line takes the words of a class from: its class and the rest, `-v1 /etc/mail/x`.
    pub fn parse_for_class(file: &ClassFile, class: &[u8], args: &[u8]) -> (Option<Definition>, Vec<DefinitionError>) {
        let (definition, errors) = Self::parse(file.class.as_bytes(), class, args);
        (definition.map(|definition| Definition { class_line: Some(file.line), ..definition }), errors)
    }

    /// Keeps what `BlankSub` is where the line stands, unless the map has a substitute of its own or follows the option.
    //
    // QUIRK(blank-sub-of-maps)
    fn with_blank_sub(self, blank_sub: u8) -> Self {
        let kept = Some(blank_sub).filter(|_| !self.kind.follows_blank_sub());
        Self { space: self.space.or(kept), ..self }
    }

    /// Returns what sets the map apart from all others of the configuration: its name, or for an `F` line `F{Name}LINE`, which
    /// no `K` line can have.
    pub fn handle(&self) -> MapName {
        match self.class_line {
            Some(line) => MapName::new(format!("F{{{}}}{line}", self.name).as_bytes()),
            None => MapName::new(&self.name),
        }
    }

    /// Makes a map of this class without any flag.
    pub fn new(name: &[u8], kind: Kind) -> Definition {
        Definition {
            name: name.into(),
            class_line: None,
            kind,
            file: None,
            arguments: BString::default(),
            of_aliases: false,
            optional: false,
            keep_case: false,
            match_only: false,
            keep_quotes: false,
            join_values: false,
            temporary_is_miss: false,
            skip_when_deferred: false,
            append: BString::default(),
            append_if_temporary: None,
            key_end: KeyEnd::Either,
            key_column: None,
            value_column: None,
            separator: None,
            space: None,
            timeout: None,
            retries: None,
            base: None,
            results_max: None,
            usable: true,
        }
    }

    fn read_general(&mut self, args: &[u8]) -> Vec<DefinitionError> {
        let mut errors = Vec::new();
        let mut words = Words::new(args);
        let apart = if self.kind == Kind::Host { &b"dr"[..] } else { options::WITH_VALUE_APART };
        while let Some((letter, value)) = words.flag(apart) {
            let value = if letter == b'd' { &words.until_space(value)[..] } else { value };
            if letter == b'd' && !matches!(self.kind, Kind::Arith | Kind::Arpa | Kind::Macro) {
                errors.extend(wrong_time(value));
            }
            if words.is_lone_z(letter, value) {
                continue;
            }
            if !self.set_flag(letter, value) && self.kind.refuses_unknown_flags() {
                errors.push(DefinitionError::IllegalOption { name: self.name.clone(), letter });
            }
        }
        let (file, arguments) = words.file();
        if !file.is_empty() {
            self.file = Some(file.into());
        }
        self.arguments = arguments.into();
        if self.file.is_none() && self.kind.needs_file() {
            self.usable = false;
            errors.push(DefinitionError::NoFile { name: self.name.clone(), class: self.kind.class() });
        }
        errors
    }

    /// Sets what a flag of the general kind says; false if there is no such flag.
    pub(super) fn set_flag(&mut self, letter: u8, value: &[u8]) -> bool {
        match letter {
            b'o' => self.optional = true,
            b'f' => self.keep_case = true,
            b'm' => self.match_only = true,
            b'q' => self.keep_quotes = true,
            b'A' => self.join_values = true,
            b't' => self.temporary_is_miss = true,
            b'D' => self.skip_when_deferred = true,
            b'N' => self.key_end = self.key_end.and(KeyEnd::Nul, KeyEnd::Bare),
            b'O' => self.key_end = self.key_end.and(KeyEnd::Bare, KeyEnd::Nul),
            b'a' => self.append = value.into(),
            b'T' => self.append_if_temporary = Some(value.into()),
            b'k' => self.key_column = Some(value.into()),
            b'v' => self.value_column = Some(value.into()),
            b'z' => self.separator = options::separator(value),
            // A flag without a value is followed by a space, which is taken.
            b'S' => self.space = Some(value.first().copied().unwrap_or(b' ')),
            b'd' => self.timeout = Some(interval(value)),
            _ => return false,
        }
        true
    }

    fn read_sequence(&mut self, args: &[u8]) -> Vec<DefinitionError> {
        // QUIRK(sequence-words): a member is a run of letters, digits, `_` and `.`; whatever else stands between
        // members is passed over, so that `-o` is a member named `o`.
        let members = args
            .split(|&byte| !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'))
            .map(|word| word.trim_start_with(|c| !c.is_ascii_alphanumeric()))
            .filter(|word| !word.is_empty());
        self.kind = Kind::Sequence(members.map(BString::from).collect());
        Vec::new()
    }

    fn read_dequote(&mut self, args: &[u8]) -> Vec<DefinitionError> {
        // QUIRK(dequote-first-flag): only the first flag of a dequote map counts.
        match Words::new(args).flag(b"") {
            Some((b's' | b'S', value)) => self.space = value.first().copied(),
            Some((b'a', value)) => self.append = value.into(),
            Some((b'D', _)) => self.skip_when_deferred = true,
            _ => {}
        }
        Vec::new()
    }

    fn read_regex(&mut self, args: &[u8]) -> Vec<DefinitionError> {
        let spec = RegexSpec::parse(args, self);
        let error = spec.compile().err();
        self.usable = error.is_none();
        self.kind = Kind::Regex(spec);
        error.into_iter().collect()
    }

    fn read_syslog(&mut self, args: &[u8]) -> Vec<DefinitionError> {
        let (mut errors, mut unknown) = (Vec::new(), None);
        let mut words = Words::new(args);
        while let Some((letter, value)) = words.flag(b"L") {
            match letter {
                b'L' => match priority(value) {
                    Some(priority) => (self.kind, unknown) = (Kind::Syslog(priority), None),
                    None => unknown = Some(DefinitionError::Priority(value.into())),
                },
                b'S' => {
                    self.set_flag(letter, value);
                }
                b'D' => self.skip_when_deferred = true,
                // QUIRK(syslog-map-name): the class stands here where other classes give the map's name.
                _ => errors.push(DefinitionError::IllegalOption { name: "syslog".into(), letter }),
            }
            // QUIRK(syslog-map-flags): what is joined to a flag that takes nothing ends the flags.
            if !matches!(letter, b'L' | b'S') && !value.is_empty() {
                break;
            }
        }
        self.usable = unknown.is_none();
        errors.extend(unknown);
        errors
    }

    fn read_ldap(&mut self, args: &[u8]) -> Vec<DefinitionError> {
        let (spec, errors) = ldap::parse(args, self);
        self.kind = Kind::Ldap(Box::new(spec));
        errors
    }

    fn read_dns(&mut self, args: &[u8]) -> Vec<DefinitionError> {
        let mut errors = Vec::new();
        let mut record = None;
        let mut words = Words::new(args);
        while let Some((letter, value)) = words.flag(b"rRBZ") {
            match letter {
                b'R' => {
                    record = DnsRecord::parse(&words.until_space(value));
                    if record.is_none() {
                        let kind = [value, words.unread()].concat().into();
                        errors.push(DefinitionError::RecordType { name: self.name.clone(), kind });
                    }
                }
                b'B' => self.base = Some(value.into()),
                b'Z' => self.results_max = Some(number(value)),
                b'r' => self.retries = Some(number(value)),
                b'd' => {
                    let time = words.until_space(value);
                    errors.extend(wrong_time(&time));
                    self.set_flag(letter, &time);
                }
                _ if words.is_lone_z(letter, value) => {}
                _ => {
                    self.set_flag(letter, value);
                }
            }
        }
        let (file, arguments) = words.file();
        if !file.is_empty() {
            self.file = Some(file.into());
        }
        self.arguments = arguments.into();
        match record {
            Some(record) => self.kind = Kind::Dns(record),
            None => {
                self.usable = false;
                errors.push(DefinitionError::NoRecordType(self.name.clone()));
            }
        }
        errors
    }
}

/// Tells which flag is illegal; a dash without a letter ends what the original says.
fn illegal(letter: u8, map: &BString) -> String {
    if letter == 0 { String::new() } else { format!("{} map {map}", char::from(letter)) }
}

/// Reads the name of an urgency, with or without `LOG_` before it.
fn priority(text: &[u8]) -> Option<Priority> {
    let upper = text.to_ascii_uppercase();
    Some(match upper.strip_prefix(b"LOG_").unwrap_or(&upper) {
        b"EMERG" => Priority::Emergency,
        b"ALERT" => Priority::Alert,
        b"CRIT" => Priority::Critical,
        b"ERR" => Priority::Error,
        b"WARNING" => Priority::Warning,
        b"NOTICE" => Priority::Notice,
        b"INFO" => Priority::Info,
        b"DEBUG" => Priority::Debug,
        _ => return None,
    })
}

/// Tells of units of time that are none.
fn wrong_time(value: &[u8]) -> Vec<DefinitionError> {
    let units = Interval::parse(value, IntervalUnit::Seconds).err().map_or_else(Vec::new, |bad| bad.units);
    units.into_iter().map(DefinitionError::Time).collect()
}

fn interval(value: &[u8]) -> Interval {
    Interval::parse(value, IntervalUnit::Seconds).unwrap_or_else(|bad| bad.assumed)
}

/// Reads the digits at the beginning; none are 0.
fn number(value: &[u8]) -> u32 {
    value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |sum: u32, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests;
