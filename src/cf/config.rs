//! What a configuration file says, as values.

use std::time::Duration;

use bstr::BString;

use crate::name::{ClassName, MacroName, MapName};
use crate::rewrite::Rulesets;

use super::error::{CfError, Problem};
use super::header_rule::HeaderRule;
use super::mailer::Mailers;
use super::marks::Marks;
use super::options::{Effect, OPTION_TABLE, Options};
use super::port::DaemonPort;
use super::user_database::{UserDatabase, user_databases};

/// A configuration; it never changes once it is read.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The name of the file, for messages.
    pub file: BString,
    /// `V`: the level of the language.
    pub level: i64,
    /// `V`: the vendor.
    pub vendor: BString,
    /// `D`: macros with their raw values in internal form, in the order of the file; later ones win.
    pub macros: Vec<(MacroName, BString)>,
    /// `C`, `F`, `T`: members of classes.
    pub classes: ClassDecls,
    /// `O`: options.
    pub options: Options,
    /// `M`: mailers.
    pub mailers: Mailers,
    /// `H`: headers, in the order of the file.
    pub headers: Vec<HeaderRule>,
    /// `P`: names and values of message classes.
    pub precedences: Vec<(BString, i64)>,
    /// `K`: maps, in the order of the file; a later one replaces one of the same name.
    pub maps: Vec<MapDecl>,
    /// `S`, `R`: rulesets.
    pub rulesets: Rulesets,
    /// `E`: variables of the environment of programs.
    pub environment: Vec<(BString, BString)>,
    /// `Q`: queue groups.
    pub queue_groups: Vec<QueueGroup>,
    /// `X`: milters.
    pub filters: Vec<Filter>,
    /// Which lines of a `.mc` file the lines come from, where `makecf` made the file.
    pub marks: Marks,
}

impl Config {
    /// Returns a problem of a line; line zero is the command line.
    pub fn error(&self, line: usize, problem: Problem) -> CfError {
        let file = if line == 0 { BString::default() } else { self.file.clone() };
        CfError { file, line, problem, source: self.marks.source(line) }
    }

    /// Returns the queue group called `name`, if a line declares it.
    pub fn queue_group(&self, name: &[u8]) -> Option<&QueueGroup> {
        self.queue_groups.iter().find(|group| group.is_called(name))
    }

    /// Tells whether there is a queue group called `name`: the default one always is.
    pub fn has_queue_group(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(DEFAULT_QUEUE_GROUP.as_bytes()) || self.queue_group(name).is_some()
    }

    /// Returns the value of the message class `name` (case does not count); 0 for an unknown one.
    pub fn precedence(&self, name: &[u8]) -> i64 {
        let found = self.precedences.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(0, |(_, value)| *value)
    }

    /// Returns the raw value of a macro of the file.
    pub fn macro_value(&self, name: &[u8]) -> Option<&BString> {
        self.macros.iter().rev().find(|(known, _)| known.as_bytes() == name).map(|(_, value)| value)
    }

    /// Returns the milters of a session in their order: those of its port, else those of `InputMailFilters`.
    pub fn filters_of<'a>(&'a self, port: Option<&'a DaemonPort>) -> impl Iterator<Item = &'a Filter> {
        let names = port.and_then(|port| port.filters.as_ref()).unwrap_or(&self.options.input_mail_filters);
        names.iter().filter_map(|name| self.filters.iter().find(|filter| filter.name == *name))
    }

    /// Says what this version does not act upon: options; AUTH; of each milter that some session should ask, what becomes of
    /// mail without it; what queue groups say of their runs; line ends of network mailers; and user databases of a kind that
    /// is not there.
    pub fn not_acted_upon(&self) -> Vec<String> {
        let mut told = Vec::new();
        let options = self.options.without_effect();
        if !options.is_empty() {
            told.push(format!("options that this version does not act upon yet: {}", options.join(", ")));
        }
        let trusts = self.classes.words.iter().any(|words| words.class.to_string().contains("TrustAuthMech"));
        if trusts || self.maps.iter().any(|map| map.name.as_bytes() == b"authinfo") {
            told.push("AUTH is not there yet in this version: nobody can log in, and no password is sent".to_owned());
        }
        let ports = self.options.daemon_ports();
        let is_wanted =
            |filter: &&Filter| ports.iter().any(|port| self.filters_of(Some(port)).any(|used| used == *filter));
        told.extend(self.filters.iter().filter(is_wanted).map(|filter| {
            let fate = match filter.failure {
                FilterFailure::Pass => "mail passes without it (F=T would defer mail instead)",
                FilterFailure::Reject => "mail is rejected (F=R)",
                FilterFailure::TempFail => "mail is deferred with 451 (F=T)",
                FilterFailure::Shutdown => "connections are closed with 421 (F=4)",
            };
            format!("Milter ({}): this version has no mail filters yet: {fate}; line {}", filter.name, filter.line)
        }));
        told.extend(self.queue_groups.iter().filter_map(QueueGroup::asked_in_vain));
        told.extend(self.mailers.iter().filter(|mailer| mailer.is_ipc() && mailer.end_of_line != "\r\n").map(
            |mailer| {
                format!(
                    "Mailer {}: E= is not acted upon: lines of SMTP end with CRLF; line {}",
                    mailer.name, mailer.line
                )
            },
        ));
        for database in user_databases(&self.options.user_database_spec) {
            if let UserDatabase::Unknown(name) = database {
                told.push(format!(
                    "UserDatabaseSpec: {name} is neither a file (/...) nor a host (@...); Hesiod is not spoken here"
                ));
            }
        }
        told
    }
}

impl Options {
    /// Returns the options that are set to something else than their default and do nothing yet, as `NAME=VALUE`.
    pub fn without_effect(&self) -> Vec<String> {
        let defaults = Self::default();
        let rows = OPTION_TABLE.iter().filter(|row| row.effect == Effect::Inert && !row.name.is_empty());
        let set = rows.filter(|row| row.show(self) != row.show(&defaults));
        set.map(|row| format!("{}={}", row.name, row.show(self))).collect()
    }
}

/// The members of classes as declared.
#[derive(Clone, Debug, Default)]
pub struct ClassDecls {
    /// `C` (and `T` for class `t`): words, macros expanded, in the order of the file.
    pub words: Vec<ClassWords>,
    /// `F`: files, programs and maps.
    pub files: Vec<ClassFile>,
}

/// A `C` or `T` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClassWords {
    /// The class.
    pub class: ClassName,
    /// The words; one that begins with [`ClassWords::OF_CLASS`] stands for the words that the class behind it has here.
    pub words: Vec<BString>,
    /// The line of the file.
    pub line: usize,
}

impl ClassWords {
    /// What `$=` is once the line has been read.
    pub const OF_CLASS: u8 = 0x93;
}

/// An `F` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClassFile {
    /// The class.
    pub class: ClassName,
    /// `-o`: no complaint if there is no such file.
    pub optional: bool,
    /// Where the words come from.
    pub source: ClassSource,
    /// The scanf pattern; empty: the first word of each line (`%s`).
    pub pattern: BString,
    /// The line of the file.
    pub line: usize,
}

/// Where an `F` line takes its words from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClassSource {
    /// The lines of a file.
    File(BString),
    /// The output of a program (`|/path`).
    Program(BString),
    /// A map: `key@class:spec`, `class:spec`, `@ldap:…`.
    Map {
        /// The key; empty: all keys.
        key: BString,
        /// The class of the map.
        class: BString,
        /// The rest.
        spec: BString,
    },
}

/// A `K` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MapDecl {
    /// The name that rules use; case counts.
    pub name: MapName,
    /// The class.
    pub class: BString,
    /// Flags and file, as they stand.
    pub args: BString,
    /// What `BlankSub` was where the line stands.
    pub blank_sub: u8,
    /// The line of the file.
    pub line: usize,
}

/// The queue group of what has no other.
pub const DEFAULT_QUEUE_GROUP: &str = "mqueue";

/// A queue group (op guide, "Q -- Queue Group Declaration").
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct QueueGroup {
    /// The name.
    pub name: BString,
    /// The directory; `*` at the end takes all that match.
    pub path: BString,
    /// `F=`: single-letter flags; `f`: several runners.
    pub flags: BString,
    /// The change of the scheduling priority.
    pub nice: i64,
    /// The time between two runs; `None`: that of `-q`.
    pub interval: Option<Duration>,
    /// Concurrent runners; `None`: `MaxRunnersPerQueue`.
    pub runners: Option<i64>,
    /// Entries of one run; `None`: `MaxQueueRunSize`.
    pub jobs_max: Option<i64>,
    /// Recipients of one envelope; 0: any.
    pub recipients_max: i64,
    /// The line of the file.
    pub line: usize,
}

impl QueueGroup {
    /// Tells whether `name` means this group: case does not count.
    pub fn is_called(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Says which of its fields are not acted upon: every group is run with the others.
    fn asked_in_vain(&self) -> Option<String> {
        let fields = [
            ("I=", self.interval.is_some()),
            ("J=", self.jobs_max.is_some()),
            ("R=", self.runners.is_some()),
            ("N=", self.nice != 0),
            ("F=f", self.flags.contains(&b'f')),
        ];
        let given: Vec<&str> = fields.iter().filter(|(_, given)| *given).map(|(field, _)| *field).collect();
        (!given.is_empty()).then(|| {
            let (name, fields, line) = (&self.name, given.join(", "), self.line);
            format!(
                "Queue group {name}: this version does not act upon {fields}: all groups are run together, at the interval \
                 of -q and under the options for the whole queue; line {line}"
            )
        })
    }
}

/// A milter (op guide, "X -- Mail Filter (Milter) Definitions").
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Filter {
    /// The name.
    pub name: BString,
    /// `inet:port@host`, `inet6:port@host`, `local:path` or `unix:path`.
    pub socket: BString,
    /// What happens to mail if the filter does not answer.
    pub failure: FilterFailure,
    /// `T=C:`: for connecting; zero: the system's.
    pub connect_timeout: Duration,
    /// `T=S:`: for sending.
    pub send_timeout: Duration,
    /// `T=R:`: for an answer.
    pub read_timeout: Duration,
    /// `T=E:`: for the answer to the end of the message.
    pub end_timeout: Duration,
    /// The line of the file.
    pub line: usize,
}

/// `F=` of a milter.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FilterFailure {
    /// The mail passes as if there were no filter.
    #[default]
    Pass,
    /// The session is refused (`R`).
    Reject,
    /// The session is refused for now (`T`).
    TempFail,
    /// The connection is closed with 421 (`4`).
    Shutdown,
}
