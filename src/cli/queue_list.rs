//! Queue listings: `mailq`, `-bp`, `-bp -v`, `-bP` (op guide, "Printing the queue").

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use std::process::ExitCode;

use bstr::{BString, ByteSlice};
use jiff::tz::TimeZone;

use super::command_line::CommandLine;
use super::configuration;
use super::queue_run::{QueueEntries, QueueRun, SelectorField};
use crate::cf::{Config, Privacy};
use crate::mail::date;
use crate::mail::envelope::Envelope;
use crate::name::{Sysexit, UnixTime};
use crate::queue::format::{BadControl, Damage};
use crate::queue::problem::{Expected, examine};
use crate::queue::schedule::{Facts, Terms};
use crate::queue::select::{Condition, Field, Selection};
use crate::queue::spool::{EntryName, FileKind, Hold, OpenEntry, Opened, Spool, SpoolError};
use crate::queue::{DirectSpool, Layout, LayoutError, LostReason, read_control};
use crate::site::zone_of;
use crate::sys::errors::reason;
use crate::sys::host::LoadAverage;

/// Entries that are read with one request: bounds the open files.
const BATCH_LEN: usize = 64;

/// Who asks for a listing, by real ids.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The user.
    pub uid: u32,
    /// The group and the supplementary groups.
    pub groups: Vec<u32>,
}

/// What is to be listed.
#[derive(Debug)]
pub struct ListRequest<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Which entries.
    pub selection: Selection,
    /// `-v`.
    pub verbose: bool,
    /// Who asks.
    pub caller: Caller,
    /// Now.
    pub now: UnixTime,
    /// The zone of dates.
    pub zone: &'a TimeZone,
    /// The load average.
    pub load_avg: i64,
}

/// Runs `mailq` and `-bp`; name service and maps are not needed, so a listing comes whatever is down.
pub fn main(command: &CommandLine) -> ExitCode {
    with_output(command, |config, out| {
        let request = ListRequest {
            config,
            selection: command.queue.as_ref().map(Selection::from).unwrap_or_default(),
            verbose: command.is_verbose,
            caller: Caller::of_process(),
            now: UnixTime::from(std::time::SystemTime::now()),
            zone: &zone_of(&config.options),
            load_avg: LoadAverage::open().now(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(list(&request, out))
    })
}

/// Runs `-bP`.
pub fn main_count(command: &CommandLine) -> ExitCode {
    with_output(command, |config, out| match open(config) {
        Ok(_) => count(out),
        Err(error) => cannot_open(&error, out),
    })
}

/// Gives the configuration and standard output to `work`; returns the exit status.
fn with_output(command: &CommandLine, work: impl FnOnce(&Config, &mut dyn Write) -> io::Result<Sysexit>) -> ExitCode {
    let (config, errors) = match configuration::read(command) {
        Ok(read) => read,
        Err(exit) => return exit.into(),
    };
    if let Some(exit) = configuration::report(&errors, command) {
        return exit.into();
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    match work(&config, &mut out).and_then(|exit| out.flush().map(|()| exit)) {
        Ok(exit) => exit.into(),
        // A pager that was left early is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Sysexit::Ok.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "mailq: {error}");
            Sysexit::IoErr.into()
        }
    }
}

impl Caller {
    /// Returns the real ids of this process.
    pub fn of_process() -> Self {
        let mut groups = vec![nix::unistd::getgid().as_raw()];
        groups.extend(nix::unistd::getgroups().unwrap_or_default().iter().map(|group| group.as_raw()));
        Self { uid: nix::unistd::getuid().as_raw(), groups }
    }
}

/// Takes what `-q…` chooses.
impl From<&QueueRun> for Selection {
    fn from(run: &QueueRun) -> Self {
        let conditions = run.selectors.iter().map(|selector| Condition {
            field: match selector.field {
                SelectorField::Id => Field::Id,
                SelectorField::Recipient => Field::Recipient,
                SelectorField::Sender => Field::Sender,
                SelectorField::Quarantine => Field::Quarantine,
            },
            text: selector.text.clone(),
            negated: selector.is_negated,
        });
        let kind = match run.entries {
            QueueEntries::Normal => FileKind::Control,
            QueueEntries::Quarantined => FileKind::Quarantined,
            QueueEntries::Lost => FileKind::Lost,
        };
        Self { group: run.group.clone(), kind, conditions: conditions.collect() }
    }
}

/// Prints the listing of all queue directories; returns the exit status.
///
/// # Errors
/// The output cannot be written.
pub async fn list(request: &ListRequest<'_>, out: &mut dyn Write) -> io::Result<Sysexit> {
    let spool = match open(request.config) {
        Ok(spool) => spool,
        Err(error) => return cannot_open(&error, out),
    };
    let mut total = 0;
    let places: Vec<u16> = (0_u16..)
        .zip(spool.directories())
        .filter(|(_, directory)| request.selection.has_group(&directory.group))
        .map(|(place, _)| place)
        .collect();
    if let (Some(group), true) = (&request.selection.group, places.is_empty()) {
        writeln!(out, "Queue group {group} unknown")?;
        return Ok(Sysexit::Ok);
    }
    for place in places {
        if !request.may_see(&spool.directories()[usize::from(place)].path) {
            writeln!(out, "You are not permitted to see the queue")?;
            continue;
        }
        total += request.directory(&spool, place, out).await?;
    }
    if request.selection.group.is_none() {
        writeln!(out, "\t\tTotal requests: {total}")?;
    }
    Ok(Sysexit::Ok)
}

/// Prints the number of entries (`-bP`): the original keeps it in shared memory, which we do not have.
///
/// # Errors
/// The output cannot be written.
pub fn count(out: &mut dyn Write) -> io::Result<Sysexit> {
    writeln!(out, "Data unavailable: shared memory not updated")?;
    Ok(Sysexit::Ok)
}

fn open(config: &Config) -> Result<DirectSpool, LayoutError> {
    DirectSpool::open(&Layout::of(config), config.options.queue_file_mode)
}

/// Says why the queue cannot be opened, as the original does, and what mends it if that can be seen.
fn cannot_open(error: &LayoutError, out: &mut dyn Write) -> io::Result<Sysexit> {
    writeln!(out, "{error}")?;
    if error.source.kind() == io::ErrorKind::PermissionDenied {
        writeln!(out, "Program mode requires special privileges, e.g., root or TrustedUser.")?;
        let path = error.path.trim_end_with(|c| c == '/');
        let client = path.contains_str("client");
        let expected = if client { Expected::CLIENT_QUEUE } else { Expected::DAEMON_QUEUE };
        if let Err(problem) = examine(path, &expected) {
            writeln!(out, "{problem}")?;
        }
    }
    Ok(Sysexit::Config)
}

/// Tells why an entry cannot be opened: a queue that shows less than it holds would be taken for an empty one.
fn unreadable(error: &SpoolError) -> Known {
    let reason = match error {
        SpoolError::Io { source, .. } => reason(source).to_lowercase(),
        other => other.to_string(),
    };
    Known { mark: ' ', size_bytes: None, envelope: Err(reason) }
}

/// Returns the facts of an entry of which nothing is known; it stands at the end of the listing.
fn last_of_all(name: &EntryName) -> Facts {
    Facts { priority: i64::MAX, ..Facts::of(&Envelope::new(name.id.clone(), UnixTime::default(), "")) }
}

/// An entry as it is shown: of hundreds of thousands, no more is kept.
struct Row {
    name: EntryName,
    facts: Facts,
    text: BString,
}

/// What is known of an entry.
struct Known {
    /// The letter behind the identifier.
    mark: char,
    /// Size of the body in bytes, if there is one.
    size_bytes: Option<u64>,
    /// The envelope; none if the control file is empty; else why there is none.
    envelope: Result<Option<Envelope>, String>,
}

impl ListRequest<'_> {
    /// Tells whether the caller may see a directory (`restrictmailq`: only its group).
    fn may_see(&self, path: &[u8]) -> bool {
        if self.caller.uid == 0 || !self.config.options.privacy.has(Privacy::RestrictMailq) {
            return true;
        }
        let metadata = std::fs::metadata(std::path::Path::new(std::ffi::OsStr::from_bytes(path)));
        metadata.is_ok_and(|metadata| self.caller.groups.contains(&metadata.gid()))
    }

    /// Prints one directory; returns how many entries are meant.
    async fn directory(&self, spool: &DirectSpool, place: u16, out: &mut dyn Write) -> io::Result<usize> {
        let path = spool.listed_path(place);
        let mut rows = self.rows(spool, place).await?;
        let count = rows.len();
        if count == 0 {
            writeln!(out, "{path} is empty")?;
            return Ok(0);
        }
        let limit = usize::try_from(self.config.options.max_queue_run_size).unwrap_or(0);
        let plural = if count == 1 { "" } else { "s" };
        write!(out, "\t\t{path} ({count} request{plural}")?;
        if limit > 0 && count > limit {
            rows.truncate(limit);
            write!(out, ", only {limit} printed")?;
        }
        writeln!(out, ")")?;
        writeln!(out, "{}", if self.verbose { HEAD_VERBOSE } else { HEAD })?;
        let terms = Terms::new(&self.config.options, None);
        rows.sort_by_cached_key(|row| terms.rank(&row.name, &row.facts));
        for row in &rows {
            out.write_all(&row.text)?;
        }
        Ok(count)
    }

    /// Reads the entries that are meant.
    async fn rows(&self, spool: &DirectSpool, place: u16) -> io::Result<Vec<Row>> {
        let files = spool.list(place).await.map_err(io::Error::other)?;
        let meant = files.into_iter().filter(|(kind, _)| *kind == self.selection.kind);
        let names: Vec<EntryName> = meant.map(|(_, id)| EntryName { directory: place, id }).collect();
        let hold = if self.selection.kind == FileKind::Lost { Hold::LookLost } else { Hold::Look };
        let mut rows = Vec::new();
        for batch in names.chunks(BATCH_LEN) {
            let answers = spool.open(batch.to_vec(), hold).await;
            for (name, answer) in batch.iter().zip(answers) {
                match answer {
                    Ok(Opened::Open(open)) => {
                        if let Some((facts, known)) = self.read(name, &open) {
                            rows.push(self.row(name, facts, &known)?);
                        }
                    }
                    // It went while we looked.
                    Ok(Opened::Gone | Opened::Busy) => {}
                    Err(error) if self.selection.conditions.is_empty() => {
                        rows.push(self.row(name, last_of_all(name), &unreadable(&error))?);
                    }
                    Err(_) => {}
                }
            }
        }
        Ok(rows)
    }

    /// Reads one entry, if it is meant.
    fn read(&self, name: &EntryName, open: &OpenEntry) -> Option<(Facts, Known)> {
        let mut envelope = match read_control(&name.id, &open.control).ok()? {
            Err(LostReason::Damaged(BadControl { reason: Damage::Empty, .. })) => Ok(None),
            Err(reason) => Err(format!("damaged control file: {reason}")),
            Ok(envelope) => Ok(Some(envelope)),
        };
        let mut facts = last_of_all(name);
        if let Ok(Some(envelope)) = &mut envelope {
            envelope.classify(&self.config.precedences);
            if !self.selection.matches(envelope) {
                return None;
            }
            facts = Facts::of(envelope);
        } else if !self.selection.conditions.is_empty() {
            return None;
        }
        facts.modified = open.control.metadata().and_then(|data| data.modified()).ok().map(UnixTime::from);
        let terms = Terms::new(&self.config.options, None);
        let mark = match self.selection.kind {
            _ if open.busy => '*',
            FileKind::Lost => '?',
            _ if terms.is_too_young(&facts, self.now) => '-',
            _ if terms.must_wait(facts.priority, self.load_avg) => 'X',
            _ => ' ',
        };
        let size_bytes = open.data.as_ref().and_then(|data| data.metadata().ok()).map(|data| data.len());
        Some((facts, Known { mark, size_bytes, envelope }))
    }

    /// Returns one entry as it is shown.
    fn row(&self, name: &EntryName, facts: Facts, known: &Known) -> io::Result<Row> {
        let mut text = Vec::new();
        self.print(name, known, &mut text)?;
        text.shrink_to_fit();
        Ok(Row { name: name.clone(), facts, text: text.into() })
    }

    /// Prints one entry.
    fn print(&self, name: &EntryName, known: &Known, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{name}{}", known.mark)?;
        let envelope = match &known.envelope {
            Ok(Some(envelope)) => envelope,
            Ok(None) => return writeln!(out, " (no control file)"),
            Err(reason) => return writeln!(out, " ({reason})"),
        };
        let size = known.size_bytes.map_or_else(|| "-1".to_owned(), |size| size.to_string());
        let date = date::ctime(envelope.created, self.zone);
        let width = if self.verbose { &WIDTHS_VERBOSE } else { &WIDTHS };
        if self.verbose {
            let warned = if envelope.flags.warned { '+' } else { ' ' };
            write!(out, "{size:>8} {:>10}{warned}{} ", envelope.priority, part(&date[4..], 12))?;
        } else {
            write!(out, "{size:>8} {} ", part(&date, 16))?;
        }
        out.write_all(&part(&shown(envelope.named_sender()), width.sender))?;
        if let Some(reason) = &envelope.quarantine {
            out.write_all(b"\n     QUARANTINE: ")?;
            out.write_all(&part(&harmless(reason), width.text))?;
        }
        if envelope.body.is_some() || envelope.message.is_some() {
            let body = envelope.body.map(|body| body.to_string()).unwrap_or_default();
            write!(out, "\n    {body:>10}")?;
        }
        if let Some(message) = &envelope.message {
            self.message(b"   (", message, width.text, out)?;
        }
        self.recipients(envelope, width.recipient, out)?;
        writeln!(out)
    }

    /// Prints why something waits, in parentheses.
    fn message(&self, before: &[u8], text: &[u8], width: usize, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(before)?;
        out.write_all(&part(&harmless(text), width))?;
        out.write_all(b")")
    }

    /// Prints the recipients of an entry; `-v` also shows whose rights hold and why each waits.
    fn recipients(&self, envelope: &Envelope, width: usize, out: &mut dyn Write) -> io::Result<()> {
        let indent: &[u8] = if self.verbose { b"\n\t\t\t\t\t\t" } else { b"\n\t\t\t\t\t " };
        let mut controller = None;
        for recipient in &envelope.recipients {
            if self.verbose && controller != recipient.controller.as_ref() {
                controller = recipient.controller.as_ref();
                if let Some(controller) = controller {
                    out.write_all(indent)?;
                    write!(out, "(---{}---)", shown(&controller.text()))?;
                }
            }
            out.write_all(indent)?;
            out.write_all(&part(&shown(&recipient.address), width))?;
            if let (true, Some(message)) = (self.verbose, &recipient.message) {
                self.message(b"\n\t\t (", message, WIDTHS_VERBOSE.text, out)?;
            }
        }
        Ok(())
    }
}

/// How much of each text is shown.
struct Widths {
    sender: usize,
    recipient: usize,
    text: usize,
}

const WIDTHS: Widths = Widths { sender: 39, recipient: 38, text: 60 };
const WIDTHS_VERBOSE: Widths = Widths { sender: 78, recipient: 71, text: 100 };

const HEAD: &str = "-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------";
const HEAD_VERBOSE: &str = "-----Q-ID----- --Size-- -Priority- ---Q-Time--- --------Sender/Recipient--------";

/// Returns at most `len` bytes of a text.
fn part(text: &[u8], len: usize) -> BString {
    text[..text.len().min(len)].into()
}

/// Returns an address with everything unprintable in octal.
// QUIRK(listed-backslash): a backslash is shown as two.
fn shown(address: &[u8]) -> BString {
    let mut out = BString::default();
    for &byte in address {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    out
}

/// Returns a text (it may be a remote server's) that does nothing to a terminal.
fn harmless(text: &[u8]) -> BString {
    text.iter()
        .map(|&byte| if byte.is_ascii_control() && byte != b'\t' { b'?' } else { byte })
        .collect::<Vec<u8>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cf::{self, ReadEnv};
    use std::fs;

    const HEAD_PART: &str = "V8\nT1795387387\nK0\nN0\n";

    /// Makes a queue as the listings of the original below were made from.
    fn room() -> tempfile::TempDir {
        let room = tempfile::tempdir().expect("a directory");
        let put = |name: &str, text: String| fs::write(room.path().join(name), text).expect("written");
        let end = "H??Subject: x\n.\n";
        put(
            "qf6AMAKU11004711",
            format!(
                "{HEAD_PART}P1\nMDeferred: \"q\" \\ back end {}\nF\nS<a@example.com>\nRPFD:<\"a\\\"b c\"@x.y>\nRPFD:tab\there\n{end}",
                "y".repeat(200)
            ),
        );
        put(
            "qf6AMAKU11004712",
            format!(
                "{HEAD_PART}P2\nFw\nS<{}@example.com>\nRPFD:<{}@example.com>\n{end}",
                "a".repeat(100),
                "b".repeat(120)
            ),
        );
        put(
            "qf6AMAKU11004713",
            format!("{HEAD_PART}P3\nB8BITMIME\nMhost down\nF\nS<a@example.com>\nRPFD:alice\n{end}"),
        );
        put(
            "qf6AMAKU11004718",
            format!("{HEAD_PART}P4\nB7BIT\nF\nS<a@example.com>\nMPer rcpt\nRPFD:one\nRPFD:two\n{end}"),
        );
        put("qf6AMAKU11004719", format!("{HEAD_PART}P-7\nF\nS<a@example.com>\nCbob:1002:1002:list\nRPFD:one\n{end}"));
        put("qf6AMAKU11004721", String::new());
        put(
            "hf6AMAKU11004717",
            format!("{HEAD_PART}P1\nF\nqsome reason {}\nS<a@example.com>\nRPFD:alice\n{end}", "z".repeat(100)),
        );
        put("Qf6AMAKU11004716", format!("{HEAD_PART}P1\nF\nS<a@example.com>\nRPFD:alice\n"));
        for id in ["11", "12", "13", "18", "19", "17", "16"] {
            put(&format!("df6AMAKU110047{id}"), "x\n".into());
        }
        room
    }

    /// Returns the listing of a directory, whose path is written DIR.
    fn listed(room: &tempfile::TempDir, verbose: bool, selection: Selection, load_avg: i64) -> String {
        let path = room.path().to_str().expect("plain");
        let text = format!("V10/Berkeley\nO QueueDirectory={path}\nO QueueLA=8\n");
        let (config, _) = cf::read(text.as_bytes(), "test", &ReadEnv::default());
        let request = ListRequest {
            config: &config,
            selection,
            verbose,
            caller: Caller::default(),
            now: UnixTime::from_secs(1_795_387_390),
            zone: &TimeZone::UTC,
            load_avg,
        };
        let mut out = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(list(&request, &mut out)).expect("written"), Sysexit::Ok);
        out.to_str().expect("plain").replace(path, "DIR")
    }

    #[test]
    fn a_listing_is_that_of_the_original() {
        let expected = "\
\t\tDIR (6 requests)
-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------
6AMAKU11004719        2 Sun Nov 22 22:43 <a@example.com>
\t\t\t\t\t one
6AMAKU11004711        2 Sun Nov 22 22:43 <a@example.com>
                 (Deferred: \"q\" \\ back end yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy)
\t\t\t\t\t <\"a\\\\\"b c\"@x.y>
\t\t\t\t\t tab\\011here
6AMAKU11004712        2 Sun Nov 22 22:43 <aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
\t\t\t\t\t <bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
6AMAKU11004713        2 Sun Nov 22 22:43 <a@example.com>
      8BITMIME   (host down)
\t\t\t\t\t alice
6AMAKU11004718        2 Sun Nov 22 22:43 <a@example.com>
          7BIT
\t\t\t\t\t one
\t\t\t\t\t two
6AMAKU11004721  (no control file)
\t\tTotal requests: 6
";
        assert_eq!(listed(&room(), false, Selection::default(), 0), expected);
    }

    #[test]
    fn a_verbose_listing_tells_priority_controller_and_reasons() {
        let text = listed(&room(), true, Selection::default(), 0);
        assert!(text.contains("-----Q-ID----- --Size-- -Priority- ---Q-Time--- --------Sender/Recipient--------\n"));
        assert!(text.contains("6AMAKU11004719        2         -7 Nov 22 22:43 <a@example.com>\n\t\t\t\t\t\t(---bob:1002:1002:list---)\n\t\t\t\t\t\tone\n"));
        assert!(text.contains("6AMAKU11004712        2          2+Nov 22 22:43 <a"));
        assert!(text.contains("\t\t\t\t\t\tone\n\t\t (Per rcpt)\n\t\t\t\t\t\ttwo\n"));
    }

    #[test]
    fn quarantined_and_lost_entries_are_listed_apart() {
        let of = |kind| Selection { kind, ..Selection::default() };
        let text = listed(&room(), false, of(FileKind::Quarantined), 0);
        assert!(
            text.contains(&format!("\n     QUARANTINE: some reason {}\n\t\t\t\t\t alice\n", "z".repeat(48))),
            "{text}"
        );
        let text = listed(&room(), false, of(FileKind::Lost), 0);
        assert!(
            text.contains("6AMAKU11004716? (damaged control file: line 8: file ends without its end mark)\n"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_queue_is_told_with_its_path() {
        let room = tempfile::tempdir().expect("a directory");
        assert_eq!(listed(&room, false, Selection::default(), 0), "DIR is empty\n\t\tTotal requests: 0\n");
    }

    #[test]
    fn an_entry_that_cannot_be_opened_is_listed_with_the_reason() {
        let room = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("/etc/passwd", room.path().join("qf6AMAKU11004711")).expect("made");
        let text = listed(&room, false, Selection::default(), 0);
        let row = "6AMAKU11004711  (qf6AMAKU11004711: is a symbolic link; look who made it and move it away)\n";
        assert!(text.starts_with("\t\tDIR (1 request)\n") && text.contains(row), "{text}");
    }

    #[test]
    fn locked_and_waiting_entries_are_marked() {
        let room = room();
        let file = fs::File::open(room.path().join("qf6AMAKU11004713")).expect("there");
        file.lock().expect("locked");
        let text = listed(&room, false, Selection::default(), 700_000);
        assert!(text.contains("6AMAKU11004713*       2 ") && text.contains("6AMAKU11004718X       2 "), "{text}");
        let conditions = vec![Condition { field: Field::Recipient, text: "alice".into(), negated: false }];
        let text = listed(&room, false, Selection { conditions, ..Selection::default() }, 0);
        assert!(text.starts_with("\t\tDIR (1 request)\n"), "{text}");
    }

    #[test]
    fn an_unknown_group_is_told() {
        let selection = Selection { group: Some("none".into()), ..Selection::default() };
        assert_eq!(listed(&room(), false, selection, 0), "Queue group none unknown\n");
    }
}
