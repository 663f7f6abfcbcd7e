//! Both programs on the same case.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::case::Case;

/// Where the original lies, all of it.
const ORIGINAL_ROOT: &str = "/opt/oracle/root";
/// Its makemap.
const ORIGINAL_MAKEMAP: &str = "/opt/oracle/root/usr/libexec/sendmail/makemap";
/// The original itself.
pub(super) const ORIGINAL: &str = "/opt/oracle/root/usr/libexec/sendmail/sendmail";
/// Its libraries.
const LIBRARIES: &str = "/opt/oracle/root/usr/lib/x86_64-linux-gnu:/opt/oracle/root/lib/x86_64-linux-gnu";
/// Where the text file of a case lies, as configurations name it.
pub(super) const WORDS: &str = "/run/words";
/// The service switch that configurations name.
const SWITCH: &str = "/run/switch";
/// A configuration of the map makers.
const NO_LINES: &str = "/run/no-lines.cf";
/// How long a program may be silent before the case is given up, in milliseconds.
const SILENT_MILLIS_MAX: u16 = 20_000;
/// How long the original may take: rules with many wildcards keep it busy for hours.
const ORIGINAL_PATIENCE: Duration = Duration::from_secs(60);
/// How often the original is asked before a difference counts.
const STEADY_RUNS: usize = 4;
/// How often a case is run that tells the date.
const DATED_RUNS: usize = 4;
/// Output beyond this is not read, in bytes.
const OUTPUT_BYTES_MAX: usize = 8 << 20;

/// What the programs call themselves.
const VERSIONS: [&str; 2] = ["8.17.1.9", futago::site::VERSION];

/// Errors of the system that the original appends to messages which have nothing to do with them.
const ERRORS: [&str; 7] = [
    ": Invalid argument",
    ": Message too long",
    ": No such file or directory",
    ": Inappropriate ioctl for device",
    ": Bad file descriptor",
    ": Regular files only",
    ": World writable directory",
];

/// What stands before each typed line.
const PROMPT: &[u8] = b"> ";

/// What is told of a rule that could not make an address.
const STRAY_BEHIND: [&str; 5] = [
    "rewrite: expansion too long",
    " out of bounds",
    "... Address too long",
    "... prescan: token too long",
    "... prescan: too many tokens",
];

/// What begins the advice that ours gives behind the complaint about a missing file.
const ADVICE: &str = ": make it, with a ";

/// What is said once of a map whose file cannot be opened.
const UNOPENED: [&str; 2] = [": missing map file ", "Cannot open "];

/// What the original says of configuration lines that it shows.
const SHOWN_LINES: [&str; 3] = ["invalid rewrite line", "unknown configuration line", "missing valid ruleset"];

/// What messages make of the mark before a late macro's name.
const LATE_MARK: u8 = 0x02;

/// A complaint of no more bytes, not counting names, and with no more late macros shows the whole of its text, whatever the
/// names are.
const WHOLE_COMPLAINT_BYTES: usize = 100;
const WHOLE_COMPLAINT_NAMES: usize = 3;

/// A value of fewer bytes, each of its tokens counting one more, is never too long for the rules.
const SCANNED_BYTES_MAX: usize = 1200;

/// Mailers that need no line, and what no mailer is shown as.
const BUILT_IN_MAILERS: [&[u8]; 5] = [b"prog", b"*file*", b"*include*", b"discard", b"*error*"];

/// What came of a case.
pub(super) enum Verdict {
    /// Both answer alike.
    Same,
    /// They differ: their output and ours.
    Different(BString, BString),
    /// They differ only where the original answers another way than it does without the lines before.
    Remembers,
    /// The original died, did not end, or answers now one way, now another.
    OriginalFailed,
}

/// A place to lay configurations, of one thread.
pub(super) struct Desk {
    cf: PathBuf,
    words: PathBuf,
    ours: PathBuf,
}

/// One run of a program.
struct Run<'a> {
    program: &'a Path,
    /// Its name and arguments.
    words: Vec<OsString>,
    /// What is typed into it.
    typed: Vec<u8>,
}

impl Desk {
    /// Returns the desk of thread `number`.
    pub(super) fn new(number: usize, ours: &Path) -> Self {
        std::fs::write(SWITCH, "both one two\nlone one\nhosts files dns\naliases files\npasswd files\n")
            .expect("/run is ours");
        std::fs::write(NO_LINES, "").expect("/run is ours");
        Self {
            cf: format!("/run/case-{number}.cf").into(),
            words: format!("{WORDS}-{number}").into(),
            ours: ours.to_owned(),
        }
    }

    /// Runs both programs; each reads the database that the other has made.
    pub(super) fn judge(&self, case: &Case) -> Verdict {
        let case = &without_undefined(case);
        // Both have the same date if they run within the same second.
        let times = if names_date(case) { DATED_RUNS } else { 1 };
        (1..times)
            .map(|_| self.compare(case))
            .find(|verdict| !matches!(verdict, Verdict::Different(..)))
            .unwrap_or_else(|| self.compare(case))
    }

    /// Runs both programs on a case that has nothing undefined.
    fn compare(&self, case: &Case) -> Verdict {
        let lines = Case::text(&case.lines).replace(WORDS, self.words.as_os_str().as_encoded_bytes());
        std::fs::write(&self.cf, lines).expect("/run is ours");
        std::fs::write(&self.words, Case::text(&case.words)).expect("/run is ours");
        let our_making = self.make(&self.ours, case);
        let Some(theirs) = self.test(Path::new(ORIGINAL), case).filter(|output| !has_garbage(output, case)) else {
            return Verdict::OriginalFailed;
        };
        let Some(their_making) = self.make(Path::new(ORIGINAL_MAKEMAP), case) else { return Verdict::OriginalFailed };
        let ours = self.test(&self.ours, case);
        let whole = |making: Vec<u8>, tested: Vec<u8>| comparable(&[making, tested].concat());
        let killed = || b"killed\n".to_vec();
        let theirs = whole(their_making, theirs);
        let ours = whole(our_making.unwrap_or_else(killed), ours.unwrap_or_else(killed));
        match () {
            () if ours == theirs => Verdict::Same,
            () if !self.is_steady(case) => Verdict::OriginalFailed,
            () if may_call_value(case, &theirs) => Verdict::OriginalFailed,
            () if self.remembers(case) => Verdict::Remembers,
            () => Verdict::Different(theirs, ours),
        }
    }

    /// Tells whether the original answers alike whenever it is asked: its memory faults show only now and then.
    fn is_steady(&self, case: &Case) -> bool {
        let answer = || self.test(Path::new(ORIGINAL), case).map(|output| comparable(&output));
        let Some(first) = answer() else { return false };
        (1..STEADY_RUNS).all(|_| answer().as_ref() == Some(&first))
    }

    /// Tells whether both answer every line alike when it is alone with the commands before it that are to last, and ours
    /// answers it so in the whole session, too: then the original has kept something of the other lines that it must not.
    // QUIRK(called-in-quotes)
    fn remembers(&self, case: &Case) -> bool {
        let mut lasting = Vec::new();
        for (place, line) in case.inputs.iter().enumerate().take_while(|(_, line)| !is_end(line)) {
            if is_lasting(line) {
                lasting.push(line.clone());
                continue;
            }
            let alone = [&lasting[..], std::slice::from_ref(line)].concat();
            let in_session = self.answer(case, &case.inputs[..place], &case.inputs[..=place]);
            if in_session != self.answer(case, &lasting, &alone) {
                return false;
            }
            if !self.answers_alike(case, &alone) && !self.parts_are_answered_alike(case, &lasting, line) {
                return false;
            }
        }
        true
    }

    /// The same for a line with several addresses, each of them alone.
    fn parts_are_answered_alike(&self, case: &Case, lasting: &[BString], line: &BString) -> bool {
        let parts = parts(line);
        let whole = [lasting, std::slice::from_ref(line)].concat();
        let parted = [lasting, &parts].concat();
        let answers = [whole, parted].map(|inputs| self.answer(case, lasting, &inputs).map(without_prompts));
        let mut each = parts.iter().map(|part| [lasting, std::slice::from_ref(part)].concat());
        parts.len() > 1 && answers[0] == answers[1] && each.all(|alone| self.answers_alike(case, &alone))
    }

    /// Tells whether both answer these lines alike.
    fn answers_alike(&self, case: &Case, inputs: &[BString]) -> bool {
        let session = Case { inputs: inputs.to_vec(), ..case.clone() };
        let [theirs, ours] = [Path::new(ORIGINAL), &self.ours].map(|program| self.test(program, &session));
        theirs.is_some() && theirs.map(|output| comparable(&output)) == ours.map(|output| comparable(&output))
    }

    /// Returns what ours says to `after` beyond what it says to the lines `before` at its start.
    fn answer(&self, case: &Case, before: &[BString], after: &[BString]) -> Option<BString> {
        let output = |inputs: &[BString]| self.test(&self.ours, &Case { inputs: inputs.to_vec(), ..case.clone() });
        let (before, after) = (output(before)?, output(after)?);
        let same = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
        // Neither the last prompt nor the exit status, to which all lines contribute.
        let end = after.rfind("> \nexit ").unwrap_or(after.len());
        let answer = after.get(same..end).unwrap_or_default();
        let is_said_once = |line: &[u8]| UNOPENED.iter().any(|text| line.contains_str(text));
        // Only the first line that needs a map tells that it cannot be opened.
        Some(answer.lines_with_terminator().filter(|line| !is_said_once(line)).collect::<Vec<_>>().concat().into())
    }

    /// Makes the database that a case wants; returns what the program says.
    fn make(&self, program: &Path, case: &Case) -> Option<Vec<u8>> {
        // Nothing may be there.
        let _ = std::fs::remove_file(self.words.with_extension("db"));
        let mut said = Vec::new();
        for table in &case.tables {
            let mut words: Vec<OsString> = ["makemap", "-C", NO_LINES].map(OsString::from).into();
            words.extend(table.split_str(" ").map(|word| word.to_os_str_lossy().into_owned()));
            words.push(self.words.clone().into());
            said.extend(Run { program, words, typed: Case::text(&case.words) }.output()?);
        }
        Some(said)
    }

    /// Types a case into a program's test mode.
    fn test(&self, program: &Path, case: &Case) -> Option<Vec<u8>> {
        let mut words = vec![OsString::from("sendmail")];
        words.extend(case.args.iter().map(|arg| arg.to_os_str_lossy().into_owned()));
        words.extend(["-bt".into(), "-C".into(), self.cf.clone().into()]);
        Run { program, words, typed: Case::text(&case.inputs) }.output()
    }
}

impl Run<'_> {
    /// Returns what a program writes and its exit status; none if it was killed or took too long.
    fn output(self) -> Option<Vec<u8>> {
        let (mut reader, writer) = std::io::pipe().expect("pipes can be had");
        let mut command = Command::new(self.program);
        command
            .arg0(&self.words[0])
            .args(&self.words[1..])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().expect("descriptors can be had"))
            .stderr(writer);
        if self.program.starts_with(ORIGINAL_ROOT) {
            command.env("LD_LIBRARY_PATH", LIBRARIES);
        }
        let mut child = command.spawn().expect("the program can be executed");
        drop(command);
        let mut input = child.stdin.take().expect("piped");
        // A program that ends early does not read everything.
        let feeder = std::thread::spawn(move || drop(input.write_all(&self.typed)));
        let is_theirs = self.program.starts_with(ORIGINAL_ROOT);
        let output = read_until_end(&mut reader, is_theirs.then(|| Instant::now() + ORIGINAL_PATIENCE));
        if output.is_none() {
            // One that has just ended by itself cannot be killed any more.
            let _ = child.kill();
        }
        let status = child.wait().expect("it is ours");
        feeder.join().expect("it only writes");
        let (mut output, code) = (output?, status.code()?);
        output.extend(format!("\nexit {code}\n").bytes());
        Some(output)
    }
}

/// Reads what a program writes; none if it writes too much, is silent for too long or does not end until `end`.
fn read_until_end(reader: &mut std::io::PipeReader, end: Option<Instant>) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    let mut chunk = vec![0; 65536];
    loop {
        let mut ready = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        let is_late = end.is_some_and(|end| Instant::now() > end);
        if is_late || output.len() > OUTPUT_BYTES_MAX || poll(&mut ready, PollTimeout::from(SILENT_MILLIS_MAX)) == Ok(0)
        {
            return None;
        }
        match reader.read(&mut chunk).expect("pipes can be read") {
            0 => return Some(output),
            count => output.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Tells whether the original has shown memory of other things: a mailer or a ruleset that no configuration can name.
// QUIRK(names-overwritten)
fn has_garbage(output: &[u8], case: &Case) -> bool {
    let is_step = |line: &[u8]| line.contains_str(" returns: ") || line.contains_str(" input: ");
    if output.lines().any(|line| line.first().is_some_and(|byte| !byte.is_ascii()) && is_step(line)) {
        return true;
    }
    // `=M` shows a number and the name in parentheses.
    let mailers =
        output.lines().filter_map(|line| line.strip_prefix(b"mailer ")).filter(|line| !line.contains_str(" ("));
    let mut names = mailers.filter_map(|line| line.split_str(", ").next());
    let is_defined = |name: &[u8]| {
        let mut lines = case.lines.iter().filter_map(|line| line.strip_prefix(b"M"));
        BUILT_IN_MAILERS.contains(&name) || lines.any(|line| line.starts_with(name))
    };
    names.any(|name| !is_defined(name))
}

/// Leaves out the lines to which the original may answer with memory of other things, and where it expands data.
fn without_undefined(case: &Case) -> Case {
    let mut case = case.clone();
    case.lines.retain(|line| !has_open_name(line) && !looks_up_mark(line) && !names_message(line));
    case.lines.retain(|line| !names_by_number(line) && !calls_by_number(line));
    case.words.retain(|line| !names_by_number(line) && !calls_by_number(line) && !ends_in_percent(line));
    let has_marks = |line: &BString| line.iter().any(|byte| (0x80..0xa0).contains(byte));
    let is_late = |line: &BString| ["$&{Cond}", "$&{Late}", "$&{Self}"].iter().any(|name| line.contains_str(name));
    let tries_marks = case.lines.iter().chain(&case.words).any(|line| has_marks(line) || is_late(line));
    // QUIRK(try-expands)
    let is_expanded = |line: &BString| line.contains_str("/try ") && (tries_marks || has_marks(line));
    case.inputs.retain(|line| !names_by_number(line) && !calls_by_number(line) && !is_expanded(line));
    case.inputs.retain(|line| !defines_too_long(line));
    case
}

/// Parts a typed line into one for each of its addresses.
fn parts(line: &BString) -> Vec<BString> {
    match line.iter().position(u8::is_ascii_whitespace) {
        Some(end) if line.first().is_some_and(u8::is_ascii_alphanumeric) => {
            line[end + 1..].split(|byte| *byte == b',').map(|part| [&line[..=end], part].concat().into()).collect()
        }
        _ => vec![line.clone()],
    }
}

/// Takes the prompts out of an output.
fn without_prompts(output: BString) -> Vec<u8> {
    output.replace("> ", "")
}

/// Tells whether a rule may look up what begins with a byte of the rules: what is found is an operator then, while ours
/// has data.
// QUIRK(values-are-data)
fn looks_up_mark(line: &[u8]) -> bool {
    let mut look_ups = line.find_iter("$(").chain(line.find_iter("$["));
    line.starts_with(b"R") && look_ups.any(|start| asks_for_mark(&line[start + 2..]))
}

/// Tells whether a mailer or a call stands in what is asked for, or any end or part of a look-up in quotes, where it is a part
/// of a key.
fn asks_for_mark(look_up: &[u8]) -> bool {
    let asked = look_up.split_str("$:").next().unwrap_or_default();
    asked.contains_str("$#") || asked.contains_str("$>") || quotes_mark(look_up)
}

/// Tells whether a call that could not be made has stood in a key: what is found for it is called in the original.
// QUIRK(values-are-data)
fn may_call_value(case: &Case, theirs: &[u8]) -> bool {
    let is_matched = |look_up: &[u8]| look_up.windows(2).any(|pair| pair[0] == b'$' && pair[1].is_ascii_digit());
    let mut keys = case.lines.iter().flat_map(|line| line.find_iter("$(").map(|start| &line[start..]));
    theirs.contains_str("Unknown ruleset ") && keys.any(is_matched)
}

fn quotes_mark(text: &[u8]) -> bool {
    let mut is_quoted = false;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => is_quoted = !is_quoted,
            b'$' if is_quoted && bytes.next().is_some_and(|byte| b"()[]@:#>".contains(byte)) => return true,
            _ => {}
        }
    }
    false
}

/// Tells whether a line names the macro that each process has a value of its own of: the queue identifier.
fn names_message(line: &[u8]) -> bool {
    line.contains_str("$i") || line.contains_str("$&i")
}

/// Tells whether a case names the macro that each second has a value of its own of: the date.
fn names_date(case: &Case) -> bool {
    case.lines
        .iter()
        .chain(&case.words)
        .chain(&case.inputs)
        .any(|line| line.contains_str("$b") || line.contains_str("$&b"))
}

/// Tells whether a line of test mode is to change what the lines behind it do.
fn is_lasting(line: &[u8]) -> bool {
    let line = line.trim_start_with(|character| character == ' ');
    matches!(line.first(), Some(b'.' | b'-')) || line.starts_with(b"/tryflags")
}

/// Tells whether a line defines a macro that the rules may find too long: the original cuts it then, for good.
// QUIRK(long-value-cut)
fn defines_too_long(line: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let words = line.split(|byte| !is_word(byte)).filter(|word| !word.is_empty()).count();
    let others = line.iter().filter(|byte| !is_word(byte)).count();
    line.starts_with(b".D") && line.len() + words + others >= SCANNED_BYTES_MAX
}

/// Tells whether a line ends the session.
fn is_end(line: &[u8]) -> bool {
    line.trim().get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"/quit"))
}

/// Tells whether a byte of a line looks like the number of a long name behind a mark: the original shows that name.
// QUIRK(names-by-number)
fn names_by_number(line: &BString) -> bool {
    // What stands behind a dollar becomes such a byte.
    let is_code = |byte: u8| byte >= 0x80 || byte == b'$';
    let is_numbered = |pair: &[u8]| matches!(pair[0], 0x81 | 0x82 | 0x93..=0x95 | 0x9a) && is_code(pair[1]);
    line.windows(2).any(is_numbered)
}

/// Tells whether a column of a map's line ends in a `%` without a partner: the original reads on behind the value then.
// QUIRK(open-percent)
fn ends_in_percent(line: &BString) -> bool {
    let columns = line.split(|byte| matches!(byte, b':' | b',' | b' ' | b'\t'));
    let mut percents = columns.map(|column| column.iter().rev().take_while(|byte| **byte == b'%').count());
    percents.any(|percents| percents % 2 == 1)
}

/// Tells whether a `$` has a byte for its name that is the number of a long name inside of the original.
// QUIRK(names-by-number)
fn calls_by_number(line: &BString) -> bool {
    ["$", "$&", "$?"]
        .iter()
        .any(|dollar| line.find_iter(dollar).any(|at| line.get(at + dollar.len()).is_some_and(|byte| !byte.is_ascii())))
}

/// Tells whether `$=` or `$~` has no name: the original reads on behind the end of the line then.
// QUIRK(bad-name-cuts)
fn has_open_name(line: &[u8]) -> bool {
    let classes = line.find_iter("$=").chain(line.find_iter("$~"));
    classes.into_iter().any(|at| is_no_name(&line[at + 2..]))
}

/// Tells whether no name of a macro or class stands here.
fn is_no_name(text: &[u8]) -> bool {
    match text {
        [b'{', rest @ ..] => rest.first() == Some(&b'}') || !rest.contains(&b'}'),
        [first, ..] => !first.is_ascii_graphic(),
        [] => true,
    }
}

/// Takes out what the programs cannot have in common: versions, places in memory, lines of rules that nobody wrote.
fn comparable(output: &[u8]) -> BString {
    let text = VERSIONS.iter().fold(output.to_vec(), |text, version| text.replace(version, "VERSION"));
    // As tokens.
    let mut text = VERSIONS.iter().fold(text, |text, version| text.replace(version.replace('.', " . "), "VERSION"));
    // What the library of the original says beside it.
    while let Some(at) = text.find("BDB0") {
        let end = text[at..].find_byte(b'\n').map_or(text.len(), |end| at + end + 1);
        text.drain(at..end);
    }
    without_times(&mut text);
    let mut text = without_stray(&text);
    // A name in quotes that `$>` meets loses them in the original, for good: in the rule itself.
    if let Some(at) = text.find("Unknown ruleset ") {
        let mut place = 0;
        text.retain(|byte| {
            place += 1;
            place <= at || !matches!(byte, b'"' | b'\\')
        });
    }
    let mut has_stray_error = false;
    let mut lines: Vec<BString> = text.split(|byte| *byte == b'\n').map(BString::from).collect();
    for line in &mut lines {
        // The original shows the numbers that long names have inside.
        if let Some(at) = SHOWN_LINES.iter().find_map(|text| line.find(text)) {
            line.truncate(at);
        }
        if line.starts_with(b"Rcode = ") {
            let mut shown = BString::default();
            append_without_names(&mut shown, line);
            *line = shown;
        }
        if let Some(at) = line.find(ADVICE) {
            line.truncate(at);
        }
        if let Some(end) = ERRORS.iter().find_map(|error| line.strip_suffix(error.as_bytes())).map(<[u8]>::len) {
            line.truncate(end);
            has_stray_error = true;
        }
        // So does the complaint about a value that names one late.
        if line.contains_str("... Unbalanced ")
            && let Some(at) = line.find_byte(LATE_MARK)
        {
            line.truncate(at + 1);
        }
        // QUIRK(host-literal-status)
        if line.contains_str("map_lookup: host ([") && line.ends_with(b" no match (69)") {
            *line = line.replace(" (69)", " (68)").into();
        }
        if let Some(at) = line.find(": Unknown error ") {
            line.truncate(at);
            has_stray_error = true;
        }
        if line.starts_with(b"rewrite: ") && line.contains_str("$&{Cond} => ") {
            // It names a macro, for which the original has a number of its own.
            *line = "rewrite: $&{Cond}".into();
        }
        if line.starts_with(b"-----trying rule (line ") && line.ends_with(b"):") {
            // QUIRK(null-left-line)
            *line = "-----trying rule:".into();
        } else if line.starts_with(b"$") && line.get(2) == Some(&b':') {
            *line = without_places(line);
        } else if has_stray_error && line == "exit 71" {
            // With such an error a fault of the rules counts as one of the system.
            *line = "exit 70".into();
        }
    }
    // How many complaints are short enough to be compared depends on those numbers, too.
    lines.dedup_by(|line, before| line == before && line.last() == Some(&LATE_MARK) && !line.starts_with(PROMPT));
    bstr::join("\n", lines).into()
}

/// Takes out the digits of times, `20:47:14` as text or as tokens: the original may be busy for longer than a second.
fn without_times(text: &mut [u8]) {
    for form in [&b"00:00:00"[..], b"00 : 00 : 00"] {
        let is_time = |part: &[u8]| {
            part.iter().zip(form).all(|(byte, like)| if *like == b'0' { byte.is_ascii_digit() } else { byte == like })
        };
        for start in 0..text.len().saturating_sub(form.len() - 1) {
            if is_time(&text[start..][..form.len()]) {
                text[start..][..form.len()].copy_from_slice(form);
            }
        }
    }
}

/// Takes out what is said of an address that a rule could not make, up to the next prompt, and the exit status with it:
/// it is made of memory of other things.
// QUIRK(long-values)
fn without_stray(output: &[u8]) -> Vec<u8> {
    let (mut kept, mut is_inside, mut is_stray, mut has_stray) = (Vec::new(), false, false, false);
    for line in output.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(PROMPT) {
            (is_inside, is_stray) = (false, false);
        }
        is_stray |= is_inside && is_cut_at_name(line);
        let is_left_out = is_stray || has_stray && line.starts_with(b"exit ");
        if !is_left_out {
            kept.extend_from_slice(line);
        }
        is_stray |= is_inside && STRAY_BEHIND.iter().any(|text| line.contains_str(text));
        is_inside |= line.contains_str(" input: ");
        has_stray |= is_stray;
    }
    kept
}

/// Tells whether a line complains of a long text that names a macro late: where that is cut decides what it lacks.
// QUIRK(long-names-count)
fn is_cut_at_name(line: &[u8]) -> bool {
    let mut parts = line.split(|byte| *byte == LATE_MARK);
    let before = parts.next().map_or(0, <[u8]>::len);
    let behind_name = |part: &[u8]| match part {
        [b'{', ..] => part.find_byte(b'}').map_or(0, |end| part.len() - end - 1),
        _ => part.len(),
    };
    let (names, bytes) = parts.fold((0, before), |(names, bytes), part| (names + 1, bytes + behind_name(part)));
    let is_whole = names <= WHOLE_COMPLAINT_NAMES && bytes <= WHOLE_COMPLAINT_BYTES;
    names > 0 && !is_whole && line.contains_str("... ")
}

/// Takes the digits out of `0x7ffed76ba270="x"`, and long names, which the original shows as numbers there.
fn without_places(line: &[u8]) -> BString {
    let mut words = line.split_str(" 0x");
    let mut out = BString::from(words.next().unwrap_or_default());
    for word in words {
        let digits = word.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        out.extend_from_slice(b" 0x");
        append_without_names(&mut out, &word[digits..]);
    }
    out
}

/// Appends text with all names of more than one letter behind marks alike.
// QUIRK(long-names-in-messages)
fn append_without_names(out: &mut BString, mut text: &[u8]) {
    const BEFORE_NAMES: [u8; 4] = [0x81, 0x82, 0x93, 0x94];
    while let Some((&byte, rest)) = text.split_first() {
        out.push(byte);
        let name = match rest {
            [b'{', ..] => rest.find_byte(b'}').map_or(0, |end| end + 1),
            [0x80..=u8::MAX, ..] => 1,
            _ => 0,
        };
        text = if BEFORE_NAMES.contains(&byte) { &rest[name..] } else { rest };
    }
}
