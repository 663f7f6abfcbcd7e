//! `M` lines become mailers.

use bstr::BString;

use crate::name::{CSpace as _, IntervalUnit, RulesetName, Told, TrimSpace as _};
use crate::rewrite::RuleCompiler;

use super::error::Problem;
use super::mailer::{Mailer, MailerFlags, MailerTypes, UserSpec};
use super::text;
use super::timeout::interval;

/// The longest line of a mailer with `F=L` and no `L=` (RFC 5321 §4.5.3.1.6, without CRLF and a dot).
const SMTP_LINE_BYTES_MAX: usize = 990;
/// From this level on local mailers get no flags of their own.
const LEVEL_OF_LOCAL_FLAGS: i64 = 6;
/// From this level on `F=q` is not implied.
const LEVEL_OF_VERIFY_FLAG: i64 = 7;

/// Reads what stands behind `M`; returns the mailer unless it cannot be used.
pub(super) fn parse(
    text: &[u8],
    line: usize,
    level: i64,
    rules: &mut RuleCompiler,
    problems: &mut Vec<Problem>,
) -> Option<Mailer> {
    let len = text.iter().position(|byte| *byte == b',' || byte.is_c_space()).unwrap_or(text.len());
    if len == 0 {
        problems.push(Problem::MailerName);
        return None;
    }
    let mut reader = Reader { mailer: Mailer::new(&text[..len]), rules, problems, end_of_line: None, types: None };
    reader.mailer.line = line;
    reader.fields(text.get(len + 1..).unwrap_or_default())?;
    let mut mailer = reader.finish(level)?;
    if mailer.name.as_bytes() == b"prog" {
        // QUIRK(prog-one-recipient): whatever its line says, one run of the program mailer serves one recipient.
        mailer.flags.remove(b'm');
    }
    Some(mailer)
}

/// A mailer while its fields are read.
struct Reader<'a> {
    mailer: Mailer,
    rules: &'a mut RuleCompiler,
    problems: &'a mut Vec<Problem>,
    end_of_line: Option<BString>,
    types: Option<BString>,
}

impl Reader<'_> {
    /// Reads all fields; `None` if one is so wrong that the mailer is dropped.
    fn fields(&mut self, rest: &[u8]) -> Option<()> {
        for field in text::fields(rest) {
            let Some((letter, value)) = field else {
                self.problems.push(Problem::MailerEquals(self.name()));
                return None;
            };
            self.set(letter, &value)?;
        }
        Some(())
    }

    /// Sets the field with this letter.
    fn set(&mut self, letter: u8, value: &[u8]) -> Option<()> {
        let mailer = &mut self.mailer;
        match letter {
            b'A' => mailer.argv = text::words(value, b""),
            b'C' => mailer.charset = value.into(),
            b'D' => mailer.directories = value.split(|byte| *byte == b':').map(BString::from).collect(),
            b'E' => self.end_of_line = Some(value.into()),
            b'F' => mailer.flags = MailerFlags::new(value),
            b'L' => mailer.line_bytes_max = positive(value).and_then(|limit| usize::try_from(limit).ok()),
            b'M' => mailer.size_bytes_max = positive(value),
            b'm' => mailer.messages_max = positive(value).and_then(|limit| u32::try_from(limit).ok()),
            b'N' => mailer.nice = i32::try_from(text::number(value)).unwrap_or(0),
            b'P' if value.is_empty() => {}
            b'P' => mailer.path = value.into(),
            b'Q' => mailer.queue_group = value.into(),
            b'r' => {
                mailer.recipients_max =
                    positive(value).and_then(|limit| u32::try_from(limit).ok()).or(mailer.recipients_max)
            }
            b'R' => (self.mailer.envelope_recipient, self.mailer.header_recipient) = self.rulesets(value)?,
            b'S' => (self.mailer.envelope_sender, self.mailer.header_sender) = self.rulesets(value)?,
            b'T' => self.types = Some(value.into()),
            b'U' => mailer.user = Some(UserSpec::of_mailer(value)),
            b'W' => self.mailer.wait = self.wait(value),
            b'/' => mailer.root = value.into(),
            _ => self.problems.push(Problem::MailerField(self.name(), char::from(letter & 0x7f))),
        }
        Some(())
    }

    /// Reads `W=`.
    fn wait(&mut self, value: &[u8]) -> std::time::Duration {
        let mut errors = Vec::new();
        let span = interval(value, IntervalUnit::Seconds, &mut errors);
        self.problems.extend(errors.into_iter().map(Problem::Option));
        span
    }

    /// Reads `env/hdr`, or one ruleset for both; `None` if one cannot be.
    fn rulesets(&mut self, value: &[u8]) -> Option<(Option<RulesetName>, Option<RulesetName>)> {
        let mut parts = value.split(|byte| *byte == b'/');
        let envelope = self.ruleset(parts.next().unwrap_or_default(), value)?;
        match parts.next() {
            Some(part) => Some((envelope, self.ruleset(part, part)?)),
            None => Some((envelope.clone(), envelope)),
        }
    }

    /// Finds or makes one ruleset; 0 stands for none.
    fn ruleset(&mut self, name: &[u8], shown: &[u8]) -> Option<Option<RulesetName>> {
        let name = if name.is_empty() { shown } else { name };
        match self.rules.name(name) {
            Ok((id, _)) if id.number() == 0 => Some(None),
            Ok((_, rest)) => Some(Some(RulesetName::new(name[..name.len() - rest.len()].trim_space()))),
            Err(error) => {
                self.problems.push(Problem::Ruleset(error));
                None
            }
        }
    }

    /// Checks the whole and fills in what was not said.
    fn finish(mut self, level: i64) -> Option<Mailer> {
        if let Some(problem) = self.fault() {
            self.problems.push(problem);
            return None;
        }
        if self.mailer.is_ipc() && !matches!(self.mailer.argv[0].as_slice(), b"TCP" | b"FILE") {
            self.problems.push(Problem::MailerFirstWord(self.name()));
        }
        let mailer = &mut self.mailer;
        mailer.types = types(self.types.as_ref(), mailer);
        let default_end = if mailer.speaks_smtp() { "\r\n" } else { "\n" };
        mailer.end_of_line = self.end_of_line.filter(|end| !end.is_empty()).unwrap_or_else(|| default_end.into());
        if mailer.flags.contains(b'L') && mailer.line_bytes_max.is_none() {
            mailer.line_bytes_max = Some(SMTP_LINE_BYTES_MAX);
        }
        if level < LEVEL_OF_VERIFY_FLAG && mailer.flags.contains(b'l') {
            mailer.flags.insert(b'q');
        }
        if level < LEVEL_OF_LOCAL_FLAGS && mailer.name.as_bytes() == b"local" {
            b"Aw5:|/@".iter().for_each(|letter| mailer.flags.insert(*letter));
        }
        Some(self.mailer)
    }

    /// Returns the first thing that makes the mailer unusable.
    fn fault(&self) -> Option<Problem> {
        let (mailer, name) = (&self.mailer, self.name());
        if mailer.argv.is_empty() {
            return Some(Problem::MailerArgv(name));
        }
        if mailer.path.is_empty() {
            return Some(Problem::MailerPath(name));
        }
        match mailer.path.as_slice() {
            b"[TCP]" => Some(Problem::MailerTcp(name)),
            b"[IPC]" | b"[FILE]" if mailer.argv.len() < 2 => {
                Some(Problem::MailerFewWords(name, mailer.path.clone().into()))
            }
            b"[FILE]" if mailer.argv[0] != "FILE" => Some(Problem::MailerFileWord(name)),
            b"[FILE]" if mailer.argv.len() > 2 => Some(Problem::MailerFileWords(name)),
            _ => None,
        }
    }

    /// Returns the name for a message.
    fn name(&self) -> Told {
        self.mailer.name.as_bytes().into()
    }
}

/// Reads a limit; nothing and less are no limit.
fn positive(value: &[u8]) -> Option<u64> {
    u64::try_from(text::number(value)).ok().filter(|limit| *limit > 0)
}

/// Reads `T=`, with the defaults of network mailers.
fn types(given: Option<&BString>, mailer: &Mailer) -> MailerTypes {
    let mut parts =
        given.map(|text| text.splitn(3, |byte| *byte == b'/')).into_iter().flatten().filter(|part| !part.is_empty());
    let mut types = MailerTypes {
        mta: parts.next().unwrap_or_default().into(),
        address: parts.next().unwrap_or_default().into(),
        diagnostic: parts.next().unwrap_or_default().into(),
    };
    if types.mta.is_empty() && (given.is_some() || mailer.is_ipc()) {
        types.mta = "dns".into();
    }
    if types.mta.eq_ignore_ascii_case(b"dns") {
        let is_file = mailer.argv.first().is_some_and(|word| word == "FILE");
        fill(&mut types.address, "rfc822");
        fill(&mut types.diagnostic, if is_file { "x-unix" } else { "smtp" });
    }
    types
}

/// Gives `field` a value if it has none.
fn fill(field: &mut BString, value: &str) {
    if field.is_empty() {
        *field = value.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Mailer>, Vec<String>) {
        let mut problems = Vec::new();
        let text: Vec<u8> = text.bytes().map(|byte| if byte == b'$' { 0x81 } else { byte }).collect();
        let mailer = parse(&text, 1, 10, &mut RuleCompiler::new(), &mut problems);
        (mailer, problems.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn good(text: &str) -> Mailer {
        let (mailer, problems) = read(text);
        assert!(problems.is_empty(), "{problems:?}");
        mailer.expect(text)
    }

    #[track_caller]
    fn bad(text: &str, expected: &str) {
        assert_eq!(read(text).1, [expected], "{text}");
    }

    #[test]
    fn a_network_mailer_gets_its_defaults() {
        let mailer =
            good("esmtp, P=[IPC], F=mDFMuXa, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=990, A=TCP $h");
        assert_eq!(mailer.end_of_line, "\r\n");
        assert_eq!((mailer.line_bytes_max, mailer.recipients_max), (Some(990), Some(100)));
        assert_eq!(mailer.header_sender, Some(RulesetName::new("HdrFromSMTP")));
        assert_eq!(mailer.header_recipient, mailer.envelope_recipient);
        assert_eq!((mailer.types.mta.as_slice(), mailer.types.diagnostic.as_slice()), (&b"dns"[..], &b"smtp"[..]));
        assert!(mailer.speaks_smtp() && mailer.is_ipc());
    }

    #[test]
    fn a_program_gets_its_defaults() {
        let mailer = good(
            "local P=/usr/bin/procmail, F=lsDFML, S=0, U=mail:8, W=5m, T=DNS/RFC822/X-Unix, A=procmail -d $u, D=$z:/",
        );
        assert_eq!(mailer.end_of_line, "\n");
        assert_eq!(mailer.argv.len(), 3);
        assert_eq!(mailer.line_bytes_max, Some(990));
        assert_eq!(mailer.envelope_sender, None);
        assert_eq!(mailer.wait.as_secs(), 300);
        assert_eq!(mailer.directories.len(), 2);
        assert!(!mailer.speaks_smtp());
    }

    #[test]
    fn faults_are_told() {
        bad("", "name required for mailer");
        bad("bad", "Mbad: A= argument required");
        bad("x, A=x", "Mx: P= argument required");
        bad("bad6, P=/bin/true, A=x, Z=1", "Mbad6: unknown mailer equate Z=");
        bad("bad7, P=[IPC], A=IPC $h", "Mbad7: Warning: first argument in [IPC] mailer must be TCP or FILE");
        bad("bad8, P=[TCP], A=TCP", "Mbad8: P=[TCP] must be replaced by P=[IPC]");
        bad("x, P=[IPC], A=TCP", "Mx: too few parameters for [IPC] mailer");
        bad("x, P=[FILE], A=FILE $u x", "Mx: too many parameters for [FILE] mailer");
        bad("x, P=[FILE], A=FOO $u", "Mx: first argument in [FILE] mailer must be FILE");
        bad("x, P=/a, F=a,b", "mailer x: `=' expected");
        bad("x, P=/a, A=x, ", "mailer x: `=' expected");
        bad("x, P=/a, S=/5, A=x", "invalid ruleset name: \"/5\"");
        bad("x, P=/a, S=Foo/, A=x", "invalid ruleset name: \"\"");
    }
}
