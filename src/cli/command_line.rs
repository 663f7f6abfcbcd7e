//! The command line of `sendmail` (op guide, "Command Line Flags").

use bstr::{BString, ByteSlice};

use crate::cf::{Override, Setting};
use crate::name::Sysexit;
use crate::smtp::server::is_xtext;

use super::getopt::{BadOption, Getopt};
use super::mode::Mode;
use super::queue_run::{BadQueueRun, Quarantine, QueueEntries, QueueRun};

/// The options; a colon behind those that need a value.
const LETTERS: &str = "A:B:b:C:cD:d:e:F:f:Gh:IiL:M:mN:nO:o:p:Q:q:R:r:sTtUV:vX:";
/// What `-d` alone means.
const DEBUG_ALL: &[u8] = b"0-99.1";

/// What is wrong with a command line, in the original's words.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UsageError {
    /// An unknown option, or one without its value.
    #[error("{program}: {error}")]
    Option {
        /// The name the program was called by.
        program: BString,
        /// What is wrong.
        error: BadOption,
    },
    /// `-b` with an unknown letter.
    #[error("Invalid operation mode {}", char::from(*.0))]
    Mode(u8),
    /// `-bz`.
    #[error("Frozen configurations unsupported")]
    Frozen,
    /// Two `-f` or `-r`.
    #[error("More than one \"from\" person")]
    TwoSenders,
    /// `-h` with something that is no number.
    #[error("Bad hop count ({0})")]
    HopCount(BString),
    /// `-B` with an unknown type.
    #[error("Illegal body type {0}")]
    BodyType(BString),
    /// `-N` with an unknown word.
    #[error("Invalid -N argument")]
    Notify,
    /// `-R` with an unknown word.
    #[error("Invalid -R value")]
    Return,
    /// Two `-R`.
    #[error("Duplicate -R flag")]
    TwoReturns,
    /// `-V` with something that is no xtext (RFC 3461 §4).
    #[error("Invalid syntax in -V flag")]
    Envelope,
    /// `-q` with a value that it cannot have.
    #[error(transparent)]
    QueueRun(#[from] BadQueueRun),
    /// `-I` and `-U`, which once meant something: the original ends without a word.
    #[error("")]
    Gone,
    /// `-Q.`, by which the original would mean `-Q` alone.
    #[error("Can not use -Q.")]
    QuarantineDot,
    /// `-Q` beside `-qL`.
    #[error("Can not use -Q with -qL")]
    QuarantineLost,
    /// `-Q` beside a mode.
    #[error("Can not use -Q with -b{}", char::from(.0.letter()))]
    QuarantineMode(Mode),
    /// `-q` beside a mode that runs no queue.
    #[error("Can not use -q with -b{}", char::from(.0.letter()))]
    QueueMode(Mode),
}

impl UsageError {
    /// Returns the exit status.
    pub fn exit(&self) -> Sysexit {
        Sysexit::Usage
    }
}

/// Which configuration file is wanted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum ConfigChoice {
    /// The one that the mode has.
    #[default]
    ByMode,
    /// `-Ac`: submit.cf.
    Submission,
    /// `-Am`: sendmail.cf.
    Daemon,
    /// `-C file`.
    File(BString),
}

/// How much of a message comes back with a report (`-R`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReturnPart {
    /// All of it.
    Full,
    /// Its header.
    Headers,
}

/// When reports are wanted (`-N`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NotifyWhen {
    /// On delivery.
    pub success: bool,
    /// On failure.
    pub failure: bool,
    /// On delay.
    pub delay: bool,
}

/// A command line, taken apart.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CommandLine {
    /// All words, the program's name first.
    pub argv: Vec<BString>,
    /// What is to be done.
    pub mode: Mode,
    /// What stands behind the options: recipients, or what the mode makes of them.
    pub recipients: Vec<BString>,
    /// `-A`, `-C`: the configuration file.
    pub config: ConfigChoice,
    /// `-O -o -M` and the letters that stand for options, in their order.
    pub overrides: Vec<Override>,
    /// `-d`: what is traced, each `category.level`.
    pub debug: Vec<BString>,
    /// `-D`: where traces go.
    pub debug_file: Option<BString>,
    /// `-f`, `-r`: the sender; `<>` for the empty one.
    pub from: Option<BString>,
    /// `-F`: the sender's full name.
    pub full_name: Option<BString>,
    /// `-B`: `7BIT` or `8BITMIME`.
    pub body_type: Option<BString>,
    /// `-h`: how often the message has been passed on.
    pub hops: Option<i64>,
    /// `-L`: the name in the log.
    pub tag: Option<BString>,
    /// `-N`: when reports are wanted.
    pub notify: Option<NotifyWhen>,
    /// `-R`: how much of the message they contain.
    pub return_part: Option<ReturnPart>,
    /// `-V`: the envelope identifier, as xtext.
    pub envelope_id: Option<BString>,
    /// `-n`: aliases are not expanded.
    pub without_aliases: bool,
    /// `-t`: recipients are taken from the header.
    pub reads_recipients: bool,
    /// `-G`: the message comes from a gateway.
    pub is_gateway: bool,
    /// `-p protocol:host`: how the message came.
    pub protocol: Option<BString>,
    /// The host of `-p`.
    pub host: Option<BString>,
    /// `-v`: the delivery is told.
    pub is_verbose: bool,
    /// `-X`: the traffic log.
    pub traffic_log: Option<BString>,
    /// `-q`: queue runs.
    pub queue: Option<QueueRun>,
    /// `-Q`: a change of quarantine.
    pub quarantine: Option<Quarantine>,
    /// What is wrong, yet does not keep the rest from being done.
    pub complaints: Vec<UsageError>,
}

impl CommandLine {
    /// Reads all words, the program's name first; `mode` is that of the name.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(argv: &[BString], mode: Mode) -> Result<Self, UsageError> {
        let words = complete(argv.get(1..).unwrap_or_default())?;
        let mut line = Self { argv: argv.to_vec(), mode, ..Self::default() };
        let mut walk = Getopt::new(&words, LETTERS);
        let program = argv.first().map_or(&b"sendmail"[..], |name| base_name(name));
        let mut last_value = BString::from(" ");
        for opt in walk.by_ref() {
            let opt = match opt {
                Ok(opt) => opt,
                Err(error) => {
                    if error == BadOption::NoValue(b'b') {
                        // QUIRK(mode-without-value): the value of the option before it is taken for the mode.
                        mode_of(&last_value)?;
                    }
                    return Err(UsageError::Option { program: program.into(), error });
                }
            };
            line.take(opt.letter, &opt.value)?;
            if !opt.value.is_empty() {
                last_value = opt.value;
            }
        }
        line.recipients = walk.rest().to_vec();
        line.settle_mode()?;
        Ok(line)
    }

    /// Makes a queue run, or a change of quarantine, of a call that names no other mode but asks for one.
    fn settle_mode(&mut self) -> Result<(), UsageError> {
        if self.quarantine.is_some() {
            let means_lost = self.queue.as_ref().is_some_and(|queue| queue.entries == QueueEntries::Lost);
            return match self.mode {
                Mode::Deliver if means_lost => Err(UsageError::QuarantineLost),
                Mode::Deliver => {
                    self.mode = Mode::Quarantine;
                    Ok(())
                }
                mode => Err(UsageError::QuarantineMode(mode)),
            };
        }
        if self.queue.is_none() {
            return Ok(());
        }
        match self.mode {
            Mode::Deliver => self.mode = Mode::QueueRun,
            Mode::Daemon | Mode::ForegroundDaemon | Mode::PrintQueue | Mode::CountQueue | Mode::OptionNames => {}
            mode => return Err(UsageError::QueueMode(mode)),
        }
        Ok(())
    }

    /// Tells whether queue runs are wanted that begin again and again, by a daemon of their own.
    pub fn runs_queue_again(&self) -> bool {
        self.mode == Mode::QueueRun && self.queue.as_ref().is_some_and(|queue| queue.period().is_some())
    }

    /// Takes one option.
    fn take(&mut self, letter: u8, value: &[u8]) -> Result<(), UsageError> {
        match letter {
            b'A' => self.choose_config(value),
            b'B' => match body_type(value) {
                Ok(kind) => self.body_type = Some(kind),
                Err(error) => self.complaints.push(error),
            },
            b'b' => self.mode = mode_of(value)?,
            b'C' => self.config = ConfigChoice::File(value.into()),
            b'D' => self.debug_file = Some(value.into()),
            b'd' => self.debug.push(value.into()),
            b'F' => self.full_name = Some(value.into()),
            b'f' | b'r' => self.set_from(value)?,
            b'G' => self.is_gateway = true,
            b'h' => self.hops = Some(hops(value)?),
            b'L' => self.tag = Some(tag(value)),
            b'M' => self.overrides.push(Override::Macro(value.into())),
            b'N' => self.notify = Some(notify(value)?),
            b'n' => self.without_aliases = true,
            b'O' => self.overrides.push(Override::Named(value.into())),
            b'o' => self.overrides.push(Override::Letter(value.into())),
            b'p' => self.set_protocol(value),
            b'Q' => self.quarantine = Some(quarantine(value)),
            b'q' => self.queue.get_or_insert_default().add(value)?,
            b'R' => self.set_return(value)?,
            b't' => self.reads_recipients = true,
            b'V' => self.envelope_id = Some(xtext(value)?),
            b'X' => self.traffic_log = Some(value.into()),
            b'e' => self.overrides.push(Override::Letter([b"e", value].concat().into())),
            b'c' | b'i' | b'm' | b's' | b'T' | b'v' => {
                self.is_verbose |= letter == b'v';
                self.overrides.push(Override::Letter(vec![letter, b'T'].into()));
            }
            _ => return Err(UsageError::Gone),
        }
        Ok(())
    }

    /// Takes `-A`; a file named by `-C` goes before it.
    fn choose_config(&mut self, value: &[u8]) {
        match (value.first(), &self.config) {
            (_, ConfigChoice::File(_)) => {}
            (Some(b'c'), _) => self.config = ConfigChoice::Submission,
            (Some(b'm'), _) => self.config = ConfigChoice::Daemon,
            _ => {}
        }
    }

    fn set_from(&mut self, value: &[u8]) -> Result<(), UsageError> {
        if self.from.is_some() {
            return Err(UsageError::TwoSenders);
        }
        self.from = Some(if value.is_empty() { "<>".into() } else { value.into() });
        Ok(())
    }

    fn set_protocol(&mut self, value: &[u8]) {
        let mut parts = value.splitn(2, |byte| *byte == b':');
        self.protocol = parts.next().filter(|part| !part.is_empty()).map(BString::from);
        self.host = parts.next().filter(|part| !part.is_empty()).map(BString::from);
    }

    fn set_return(&mut self, value: &[u8]) -> Result<(), UsageError> {
        if self.return_part.is_some() {
            return Err(UsageError::TwoReturns);
        }
        self.return_part = Some(match value.to_ascii_lowercase().as_slice() {
            b"full" => ReturnPart::Full,
            b"hdrs" => ReturnPart::Headers,
            _ => return Err(UsageError::Return),
        });
        Ok(())
    }

    /// Returns why a caller's options may not be acted upon with the rights of the set-group-id bit.
    ///
    /// Empty: nothing speaks against it. Otherwise the group must be dropped before anything else is done.
    pub fn reasons_against_setgid(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if let ConfigChoice::File(file) = &self.config {
            reasons.push(format!("-C {file}"));
        }
        for (letter, value) in [('X', &self.traffic_log), ('D', &self.debug_file)] {
            reasons.extend(value.iter().map(|value| format!("-{letter} {value}")));
        }
        reasons.extend(self.debug.iter().map(|value| format!("-d{value}")));
        reasons.extend(self.overrides.iter().filter(|given| !is_safe(given)).map(show));
        if !self.mode.uses_client_queue() {
            reasons.push(format!("-b{}", char::from(self.mode.letter())));
        }
        reasons
    }

    /// Tells whether the rights of the set-group-id bit may be kept.
    pub fn safe_for_setgid(&self) -> bool {
        self.reasons_against_setgid().is_empty()
    }
}

/// Returns the name for the system log, which everybody can choose: no line of its own, no longer than a name.
fn tag(value: &[u8]) -> BString {
    const BYTES_MAX: usize = 64;
    let shown = |byte: &u8| if matches!(byte, b' '..=b'~' | 0xa0..) { *byte } else { b'?' };
    value.iter().take(BYTES_MAX).map(shown).collect::<Vec<u8>>().into()
}

/// Tells whether any user may set this without losing rights (op guide, "O -- Set Option", last paragraph).
fn is_safe(given: &Override) -> bool {
    let setting = match given {
        Override::Named(text) => Setting::parse_long(text),
        Override::Letter(text) if text.first() == Some(&b'M') => return is_safe_macro(&text[1..]),
        Override::Letter(text) => Setting::parse(text),
        Override::Macro(text) => return is_safe_macro(text),
    };
    setting.is_ok_and(|setting| setting.row.is_safe)
}

/// Tells whether the macro is `r` or `s`, the protocol and the peer.
fn is_safe_macro(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'r' | b's'))
}

/// Shows an override as it may have been written.
fn show(given: &Override) -> String {
    match given {
        Override::Named(text) => format!("-O {text}"),
        Override::Letter(text) => format!("-o{text}"),
        Override::Macro(text) => format!("-M{text}"),
    }
}

/// Gives options that may stand alone the value they then have.
///
/// The walk ends at the first word that is no option; a value in the next word is kept.
fn complete(words: &[BString]) -> Result<Vec<BString>, UsageError> {
    let mut out = words.to_vec();
    let mut at = 0;
    while let Some([b'-', letter, rest @ ..]) = out.get(at).map(|word| word.as_slice()) {
        let letter = *letter;
        if letter == b'-' {
            break;
        }
        let quarantines = letter == b'Q';
        if quarantines && (rest.first() == Some(&b'.') || out.get(at + 1).is_some_and(|word| word == ".")) {
            return Err(UsageError::QuarantineDot);
        }
        if rest.is_empty() {
            let next_is_value = out.get(at + 1).is_some_and(|word| !word.starts_with(b"-"));
            if next_is_value && letter != b'd' && takes_value(letter) {
                at += 2;
                continue;
            }
            match letter {
                b'C' => out[at] = "-Csendmail.cf".into(),
                b'q' => out[at] = "-q0".into(),
                b'Q' => out[at] = "-Q.".into(),
                b'd' => out[at] = [b"-d", DEBUG_ALL].concat().into(),
                _ => {}
            }
        }
        at += 1;
    }
    Ok(out)
}

/// Tells whether an option needs a value.
fn takes_value(letter: u8) -> bool {
    LETTERS.as_bytes().windows(2).any(|pair| pair == [letter, b':'])
}

/// Returns the last component of a path.
pub fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit_once_str("/").map_or(path, |(_, name)| name)
}

/// Returns the mode whose letter begins the value of `-b`.
fn mode_of(value: &[u8]) -> Result<Mode, UsageError> {
    let letter = value.first().copied().unwrap_or(b' ');
    match Mode::from_letter(letter) {
        Some(mode) => Ok(mode),
        None if letter == b'z' => Err(UsageError::Frozen),
        None => Err(UsageError::Mode(letter)),
    }
}

fn body_type(value: &[u8]) -> Result<BString, UsageError> {
    let upper = value.to_ascii_uppercase();
    match upper.as_slice() {
        b"7BIT" | b"8BITMIME" => Ok(upper.into()),
        _ => Err(UsageError::BodyType(value.into())),
    }
}

fn hops(value: &[u8]) -> Result<i64, UsageError> {
    value
        .to_str()
        .ok()
        .and_then(|text| text.trim_start().parse().ok())
        .ok_or_else(|| UsageError::HopCount(value.into()))
}

fn notify(value: &[u8]) -> Result<NotifyWhen, UsageError> {
    let mut when = NotifyWhen::default();
    if value.eq_ignore_ascii_case(b"never") {
        return Ok(when);
    }
    for word in value.split(|byte| *byte == b',') {
        match word.to_ascii_lowercase().as_slice() {
            b"success" => when.success = true,
            b"failure" => when.failure = true,
            b"delay" => when.delay = true,
            _ => return Err(UsageError::Notify),
        }
    }
    Ok(when)
}

fn quarantine(value: &[u8]) -> Quarantine {
    if value == b"." { Quarantine::Release } else { Quarantine::Set(value.into()) }
}

/// Checks that a text is xtext.
fn xtext(value: &[u8]) -> Result<BString, UsageError> {
    if is_xtext(value) { Ok(value.into()) } else { Err(UsageError::Envelope) }
}

#[cfg(test)]
#[path = "command_line_tests.rs"]
mod tests;
