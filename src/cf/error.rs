//! What is wrong with a configuration file, in the original's words.

use std::fmt;

use bstr::BString;

use crate::name::{BadName, BadUnit, Status, Sysexit, Told};
use crate::rewrite::{BadRuleset, RuleError};

use super::marks::McLine;

/// What is wrong with the value of an option.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OptionError {
    /// No option has this name.
    #[error("readcf: unknown option name {0}")]
    UnknownName(Told),
    /// There is nothing in front of the `=`.
    #[error("readcf: null option name")]
    NullName,
    /// No option has this letter.
    #[error("readcf: unknown option name {0:#x}")]
    UnknownLetter(u8),
    /// The name is short for several options.
    #[error("readcf: ambiguous option name {given} (matches {first} and {second})")]
    Ambiguous {
        /// The name as written.
        given: Told,
        /// The first option it may mean.
        first: &'static str,
        /// The second.
        second: &'static str,
    },
    /// The name was cut short; it is understood.
    #[error("Option {given} used as abbreviation for {name}")]
    Abbreviation {
        /// The name as written.
        given: Told,
        /// The option's name.
        name: &'static str,
    },
    /// `Timeout.` has no such name.
    #[error("settimeout: invalid timeout {0}")]
    Timeout(Told),
    /// A letter that is no unit of time; what is left is used.
    #[error(transparent)]
    Interval(BadUnit),
    /// `DeliveryMode` has no such value.
    #[error("Unknown delivery mode {}", char::from(*.0 & 0x7f))]
    DeliveryMode(u8),
    /// `DeliveryMode=` of a port has no such value.
    #[error("Unknown delivery mode {}", first_char(.0))]
    PortDeliveryMode(Told),
    /// `EightBitMode` has no such value.
    #[error("Unknown 8-bit mode {}", char::from(*.0 & 0x7f))]
    EightBitMode(u8),
    /// `QueueSortOrder` has no such value.
    #[error("Invalid queue sort order \"{0}\"")]
    QueueSortOrder(Told),
    /// `NoRecipientAction` has no such value.
    #[error("Invalid NoRecipientAction: {0}")]
    NoRecipientAction(Told),
    /// `ResolverOptions` has no such word.
    #[error("readcf: I option value {0} unrecognized")]
    ResolverWord(Told),
    /// `PrivacyOptions` has no such word.
    #[error("readcf: Op line: {0} unrecognized")]
    PrivacyWord(Told),
    /// `DontBlameSendmail` has no such word.
    #[error("readcf: DontBlameSendmail option: {0} unrecognized")]
    BlameWord(Told),
    /// A port has no such field.
    #[error("PortOptions parameter \"{0}\" unknown")]
    PortParameter(Told),
    /// `Family=` has no such value.
    #[error("Unknown address family {0} in Family=option")]
    AddressFamily(Told),
    /// A family that is neither of the internet nor local has an address.
    #[error("address= option unsupported for family {0}")]
    AddressOfFamily(u16),
    /// A family that is not of the internet has a port.
    #[error("Port= option unsupported for family {0}")]
    PortOfFamily(u16),
    /// Nobody knows the host of a port.
    #[error("host \"{0}\" unknown")]
    UnknownHost(Told),
    /// No name server says whether there is the host of a port.
    #[error("host \"{0}\" unknown: Resource temporarily unavailable")]
    UnansweredHost(Told),
    /// The system does not know the service of a port.
    #[error("service \"{0}\" unknown")]
    UnknownService(Told),
    /// `Milter.` has no such name.
    #[error("milter_set_option: invalid Milter option {0}")]
    Milter(Told),
    /// `Milter` stands alone.
    #[error("milter_set_option: invalid Milter option, must specify suboption")]
    MilterAlone,
    /// `ConnectOnlyTo` is no address.
    #[error("readcf: option ConnectOnlyTo: invalid IP address {0}")]
    ConnectOnlyTo(Told),
    /// The system has no such user.
    #[error("readcf: {setting}: unknown user {name}")]
    UnknownUser {
        /// What names the user.
        setting: &'static str,
        /// The user.
        name: Told,
    },
    /// The system has no such group.
    #[error("readcf: {setting}: unknown group {name}")]
    UnknownGroup {
        /// What names the group.
        setting: &'static str,
        /// The group.
        name: Told,
    },
    /// `MailboxDatabase` is no database that is known.
    #[error("Can't initialize mailbox database \"{0}\": there is only \"pw\", the users of this system")]
    MailboxDatabase(Told),
    /// A letter that the option does not know; it is passed over.
    #[error("Warning: Option: {option} unknown parameter '{}'", char::from(*.letter & 0x7f))]
    Letter {
        /// The option's name.
        option: &'static str,
        /// The letter.
        letter: u8,
    },
    /// Operators change after rules were read with the old ones.
    #[error("Warning: OperatorChars is being redefined.\n         It should only be set before ruleset definitions.")]
    OperatorsRedefined,
    /// A very small limit.
    #[error("Warning: {option}: {what} length limit set lower than {limit}")]
    LowLimit {
        /// The option's name.
        option: &'static str,
        /// What is limited.
        what: &'static str,
        /// What should be allowed at least, in bytes.
        limit: i64,
    },
}

/// Returns the first character of a value.
fn first_char(value: &Told) -> String {
    value.first().map(|letter| char::from(*letter & 0x7f).to_string()).unwrap_or_default()
}

impl OptionError {
    /// Returns how bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Interval(_) | Self::Abbreviation { .. } => Severity::Note,
            Self::Letter { .. } | Self::OperatorsRedefined | Self::LowLimit { .. } => Severity::Warning,
            Self::MailboxDatabase(_) => Severity::Fatal(Sysexit::Unavailable),
            Self::DeliveryMode(_) | Self::EightBitMode(_) => Severity::Fatal(Sysexit::Usage),
            Self::UnansweredHost(_) => Severity::Error(Sysexit::OsErr),
            _ => Severity::Error(Sysexit::Software),
        }
    }
}

/// How bad a problem of a configuration file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// Told without file and line; changes nothing.
    Warning,
    /// Told with file and line; changes nothing.
    Note,
    /// Told with file and line; no mode but address test mode goes on, and that ends with this status.
    Error(Sysexit),
    /// Told with file and line; the program ends at once with this status.
    Fatal(Sysexit),
}

/// What is wrong with a line of a configuration file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// An option.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The name of a macro or class.
    #[error(transparent)]
    Name(#[from] BadName),
    /// No command has this form.
    #[error("unknown configuration line \"{0}\"")]
    UnknownLine(Told),
    /// An `H` line without a colon.
    #[error("header syntax error, line \"{0}\"")]
    Header(Told),
    /// A `V` line without a number.
    #[error("invalid argument to V line: \"{0}\"")]
    Level(Told),
    /// A `V` line with an unknown vendor.
    #[error("invalid V line vendor code: \"{0}\"")]
    Vendor(Told),
    /// An `F` line without a file.
    #[error("fileclass: missing file name")]
    ClassFile,
    /// An `F` line whose file has an open quote.
    #[error("illegal filename '{0}'")]
    ClassFileName(Told),
    /// A `K` line without a name.
    #[error("readcf: config K line: no map name")]
    MapName,
    /// A `K` line without a class.
    #[error("readcf: config K line, map {0}: no map class")]
    MapClass(Told),
    /// The name or number of a ruleset.
    #[error(transparent)]
    Ruleset(#[from] BadRuleset),
    /// Something in a rule.
    #[error(transparent)]
    Rule(RuleError),
    /// A ruleset that is opened a second time.
    #[error("WARNING: Ruleset {0} has multiple definitions")]
    RulesetTwice(Told),
    /// A mailer without a command.
    #[error("M{0}: A= argument required")]
    MailerArgv(Told),
    /// An `M` line without a name.
    #[error("name required for mailer")]
    MailerName,
    /// A field that mailers do not have.
    #[error("M{0}: unknown mailer equate {1}=")]
    MailerField(Told, char),
    /// A field that must say something.
    #[error("mailer {0}: null {1}")]
    MailerNull(Told, &'static str),
    /// An `=` is missing.
    #[error("mailer {0}: `=' expected")]
    MailerEquals(Told),
    /// The old name of the network mailer.
    #[error("M{0}: P=[TCP] must be replaced by P=[IPC]")]
    MailerTcp(Told),
    /// A mailer without a program.
    #[error("M{0}: P= argument required")]
    MailerPath(Told),
    /// Nothing behind `TCP` or `FILE`.
    #[error("M{0}: too few parameters for {1} mailer")]
    MailerFewWords(Told, Told),
    /// A file mailer whose command is not FILE.
    #[error("M{0}: first argument in [FILE] mailer must be FILE")]
    MailerFileWord(Told),
    /// A queue group that is not declared.
    #[error("mailer {0}: unknown queue {1}")]
    MailerQueue(Told, Told),
    /// One mailer more than the statistics have room for.
    #[error("too many mailers defined ({0} max)")]
    MailersMax(usize),
    /// Words behind `FILE $u`.
    #[error("M{0}: too many parameters for [FILE] mailer")]
    MailerFileWords(Told),
    /// A network mailer whose command is neither TCP nor FILE.
    #[error("M{0}: Warning: first argument in [IPC] mailer must be TCP or FILE")]
    MailerFirstWord(Told),
    /// A `Q` line without a name.
    #[error("name required for queue")]
    QueueName,
    /// An `=` is missing.
    #[error("queue {0}: `=' expected")]
    QueueEquals(Told),
    /// A `P=` without a directory.
    #[error("queue {0}: empty path name")]
    QueuePath(Told),
    /// Several runners for a queue group that may not fork.
    #[error("Warning: Q={0}: R={1}: multiple queue runners specified\n\tbut flag 'f' is not set")]
    QueueRunners(Told, i64),
    /// A field of a queue group that does not exist.
    #[error("Q{0}: unknown queue equate {1}=")]
    QueueField(Told, char),
    /// An `X` line without a name.
    #[error("name required for mail filter")]
    FilterName,
    /// A timeout that milters do not have.
    #[error("X{0}: unknown filter timeout {1}")]
    FilterTimeout(Told, char),
    /// A timeout of a milter without a colon.
    #[error("X{0}, T=: `:' expected")]
    FilterColon(Told),
    /// A milter without a socket.
    #[error("X{0}: empty or missing socket information")]
    FilterSocket(Told),
    /// A field that milters do not have.
    #[error("X{0}: unknown filter equate {1}=")]
    FilterField(Told, char),
    /// An `=` is missing.
    #[error("X{0}: `=' expected")]
    FilterEquals(Told),
    /// Something that shows only when the file is put to use: a file, a user, a host, a port that is not there.
    #[error("{text}")]
    Outside {
        /// What is told.
        text: Told,
        /// The exit status it leads to; [`Sysexit::Ok`] where something is assumed and all goes on.
        exit: Sysexit,
    },
    /// No mailer is called `local`.
    #[error("No local mailer defined")]
    NoLocalMailer,
    /// The file is older than this program.
    #[error(
        "Warning: .cf file is out of date: sendmail {version} supports version {known}, .cf file is version {level}"
    )]
    OutOfDate {
        /// The version of this program.
        version: Told,
        /// The level this program knows.
        known: i64,
        /// The level of the file.
        level: i64,
    },
    /// The file is newer than this program.
    #[error("Warning: .cf version level ({level}) exceeds sendmail version {version} functionality ({known})")]
    TooNew {
        /// The version of this program.
        version: Told,
        /// The level this program knows.
        known: i64,
        /// The level of the file.
        level: i64,
    },
}

/// A problem of a configuration file with its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CfError {
    /// The name of the file; empty for the command line.
    pub file: BString,
    /// The number of the line, from 1; the last of the lines that continue each other.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
    /// The line of the `.mc` file that the line comes from.
    pub source: Option<McLine>,
}

impl CfError {
    /// Returns how bad it is.
    pub fn severity(&self) -> Severity {
        match &self.problem {
            Problem::Option(error) => error.severity(),
            Problem::RulesetTwice(_)
            | Problem::MailerFirstWord(_)
            | Problem::QueueRunners(..)
            | Problem::OutOfDate { .. } => Severity::Warning,
            Problem::Outside { exit: Sysexit::Ok, .. } => Severity::Note,
            Problem::Outside { exit, .. } => Severity::Error(*exit),
            _ => Severity::Error(Sysexit::Software),
        }
    }

    /// Returns the status code that goes with it where replies of SMTP are expected.
    pub fn status_code(&self) -> Status {
        let detail = match &self.problem {
            Problem::Option(OptionError::UnknownHost(_) | OptionError::UnansweredHost(_)) => (3, 0),
            Problem::Option(
                OptionError::AddressFamily(_)
                | OptionError::AddressOfFamily(_)
                | OptionError::PortDeliveryMode(_)
                | OptionError::PortOfFamily(_)
                | OptionError::PortParameter(_)
                | OptionError::UnknownService(_),
            ) => (3, 5),
            _ => (0, 0),
        };
        let is_temporary = self.exit().is_some_and(|exit| exit.is_temporary() || exit == Sysexit::OsFile);
        Status::new(if is_temporary { 4 } else { 5 }, detail.0, detail.1)
    }

    /// Returns the exit status it leads to; `None` for a warning.
    pub fn exit(&self) -> Option<Sysexit> {
        match self.severity() {
            Severity::Error(exit) | Severity::Fatal(exit) => Some(exit),
            Severity::Warning | Severity::Note => None,
        }
    }
}

/// Writes `FILE: line N: text`, as the original does; warnings stand alone. The line of the `.mc` file follows.
impl fmt::Display for CfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.severity(), &self.problem) {
            (Severity::Warning, _) | (_, Problem::TooNew { .. } | Problem::NoLocalMailer) => {
                write!(f, "{}", self.problem)
            }
            _ if self.file.is_empty() => write!(f, "{}", self.problem),
            _ => write!(f, "{}: line {}: {}", self.file, self.line, self.problem),
        }?;
        self.source.as_ref().map_or(Ok(()), |source| write!(f, " ({source})"))
    }
}

impl std::error::Error for CfError {}
