//! The handle through which everything logs.

use std::fmt::{self, Display};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Zoned;
use tokio::time::{Instant, sleep};

use crate::name::QueueId;

use super::sink::Sink;
use super::tally::Tally;
use super::text::{lines, printable};

/// How long the end of a program waits for a syslogd that does not read.
const PARTING_PATIENCE: Duration = Duration::from_secs(1);

/// How often it looks whether it does.
const PARTING_PERIOD: Duration = Duration::from_millis(10);

/// How urgent a line is for syslog (RFC 3164 §4.1.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(u8)]
pub enum Priority {
    /// Nothing works any more; only rules say so.
    Emergency = 0,
    /// Something must be done at once.
    Alert = 1,
    /// The program cannot do its work.
    Critical = 2,
    /// An error.
    Error = 3,
    /// A warning.
    Warning = 4,
    /// Something unusual, such as a refusal.
    Notice = 5,
    /// Everyday work.
    #[default]
    Info = 6,
    /// For those who look for a fault.
    Debug = 7,
}

/// What kind of line it is: its priority, and the `LogLevel` from which on it is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Level {
    /// The priority for syslog.
    pub priority: Priority,
    /// The smallest `LogLevel` at which the line is written.
    pub detail: i64,
}

/// Defines the levels that have names.
macro_rules! levels {
    ($( $(#[$doc:meta])* $name:ident = $priority:ident $detail:literal; )*) => {
        impl Level {
            $( $(#[$doc])* pub const $name: Self = Self { priority: Priority::$priority, detail: $detail }; )*
        }
    };
}

levels! {
    /// A message that is set aside, a file that cannot be trusted: somebody must look.
    ALERT = Alert 1;
    /// `SYSERR(user): …`.
    SYSTEM_ERROR = Critical 1;
    /// Start, stop and restart of the daemon.
    DAEMON = Info 1;
    /// Something is set up so that it will not work.
    SETUP = Warning 1;
    /// A file that others can have written is not used.
    UNSAFE_FILE = Warning 3;
    /// `setsender: ADDR: invalid or unparsable, …`.
    BAD_SENDER = Notice 3;
    /// An alias database that is out of date, and the like.
    MINOR = Notice 4;
    /// `Milter: …`.
    FILTER = Info 4;
    /// `ruleset=…, reject=…`.
    REJECT = Notice 4;
    /// `discarded`.
    DISCARDED = Info 4;
    /// `Authentication-Warning: …`.
    AUTH_WARNING = Info 4;
    /// `from=…`.
    ACCEPTED = Info 5;
    /// `DSN: …` and `postmaster notify: …`.
    REPORT = Info 6;
    /// `to=…, stat=` with a permanent failure.
    FAILED = Info 7;
    /// `to=…, stat=Sent`.
    DELIVERED = Info 8;
    /// `alias database … rebuilt by …`.
    REBUILT = Notice 6;
    /// `FILE: … aliases, longest … bytes, … bytes total`.
    ALIASES = Info 8;
    /// `to=…, stat=Deferred` or `queued`.
    DEFERRED = Info 9;
    /// Aliases as they are expanded.
    EXPANDED = Info 10;
    /// `connect from …`.
    CONNECTION = Info 12;
    /// Connections refused because of load.
    LOADED = Notice 9;
    /// Connections refused for other reasons, put off, or accepted again.
    DOOR = Info 9;
    /// Connections have been refused for long.
    SHUT = Error 1;
}

/// What a line is about, which stands before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum About<'a> {
    /// A message: `ID: `.
    Message(&'a QueueId),
    /// A session or call that has no message yet: `NOQUEUE: `.
    NoQueue,
    /// The program itself: nothing.
    Program,
}

impl<'a> From<&'a QueueId> for About<'a> {
    fn from(id: &'a QueueId) -> Self {
        Self::Message(id)
    }
}

impl<'a> From<Option<&'a QueueId>> for About<'a> {
    fn from(id: Option<&'a QueueId>) -> Self {
        id.map_or(Self::Program, Self::Message)
    }
}

impl Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(id) => write!(f, "{id}"),
            Self::NoQueue => f.write_str("NOQUEUE"),
            Self::Program => Ok(()),
        }
    }
}

/// A handle for writing log lines; clones write to the same place.
#[derive(Clone, Debug)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tag: String,
    detail: AtomicI64,
    sink: Mutex<Sink>,
    tally: Tally,
}

impl Log {
    /// Returns a handle that writes to `sink` under the name `tag` (`-L`) up to `detail` (`LogLevel`).
    pub fn new(sink: Sink, tag: &str, detail: i64) -> Self {
        let tag = format!("{tag}[{}]", std::process::id());
        Self(Arc::new(Shared { tag, detail: AtomicI64::new(detail), sink: Mutex::new(sink), tally: Tally::default() }))
    }

    /// Returns a handle to nowhere.
    pub fn nowhere() -> Self {
        Self::new(Sink::Nothing, "", 0)
    }

    /// Returns the counters for the statistics file.
    pub fn tally(&self) -> &Tally {
        &self.0.tally
    }

    /// Changes how much is written, for instance after the configuration is read.
    pub fn set_detail(&self, detail: i64) {
        self.0.detail.store(detail, Ordering::Relaxed);
    }

    /// Tells whether a line of this level is written at all.
    pub fn is_written(&self, level: Level) -> bool {
        level.detail <= self.0.detail.load(Ordering::Relaxed)
    }

    /// Writes a line; it is escaped, and split where it is too long for syslog.
    pub fn line<'a>(&self, level: Level, about: impl Into<About<'a>>, text: &[u8]) {
        if !self.is_written(level) {
            return;
        }
        let stamp = stamp();
        let lines = lines(&about.into().to_string(), &printable(text));
        let mut sink = self.0.sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for line in lines {
            sink.write(level.priority, &stamp, &self.0.tag, &line);
        }
    }

    /// Sends what syslogd has not taken yet; tells whether nothing waits any more.
    pub fn flush(&self) -> bool {
        self.0.sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner).flush(&stamp(), &self.0.tag)
    }

    /// Sees the last lines off, when the program ends; a syslogd that does not read delays that by a second at most.
    pub async fn part(&self) {
        let end = Instant::now() + PARTING_PATIENCE;
        while !self.flush() && Instant::now() < end {
            sleep(PARTING_PERIOD).await;
        }
    }

    /// Writes a line that prints itself.
    pub fn say<'a>(&self, level: Level, about: impl Into<About<'a>>, text: impl Display) {
        if self.is_written(level) {
            self.line(level, about, text.to_string().as_bytes());
        }
    }
}

/// Returns the time as syslog has it.
fn stamp() -> String {
    Zoned::now().strftime("%b %e %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_back_below_their_level() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log::new(Sink::Memory(Arc::clone(&lines)), "sendmail", 9);
        let id: QueueId = "6AMN8lKL000034".parse().expect("good");
        log.line(Level::ACCEPTED, &id, b"from=a\nb");
        log.line(Level::CONNECTION, About::NoQueue, b"connect from x");
        log.set_detail(14);
        log.say(Level::CONNECTION, About::NoQueue, format_args!("connect from {}", "y"));
        log.line(Level::DAEMON, None, b"starting daemon");
        let lines = lines.lock().expect("not poisoned").clone();
        assert_eq!(lines, ["6AMN8lKL000034: from=a\\nb", "NOQUEUE: connect from y", "starting daemon"]);
    }
}
