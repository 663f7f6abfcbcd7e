//! `M` lines become mailers.

use bstr::BString;

use crate::name::{CSpace as _, IntervalUnit, RulesetName, Told, TrimSpace as _};
use crate::rewrite::RuleCompiler;

use super::error::Problem;
use super::mailer::{Mailer, MailerTypes, Principal, RECIPIENTS_MAX, UserSpec};
use super::mailer_flag::MailerFlag;
use super::text;
use super::timeout::interval;

/// The longest line of a mailer with `F=L` and no `L=` (RFC 5321 §4.5.3.1.6, without CRLF and a dot).
const SMTP_LINE_BYTES_MAX: usize = 990;
/// What diagnostic codes are taken for where `T=` does not say it.
const DIAGNOSTIC_OF_SMTP: &str = "smtp";
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
    let mut reader = Reader { mailer: Mailer::new(&text[..len]), rules, problems, end_of_line: None };
    reader.mailer.line = line;
    reader.fields(text.get(len + 1..).unwrap_or_default())?;
    let mut mailer = reader.finish(level)?;
    if mailer.name.as_bytes() == b"prog" {
        // QUIRK(prog-one-recipient): whatever its line says, one run of the program mailer serves one recipient.
        mailer.flags.remove(MailerFlag::Many);
    }
    Some(mailer)
}

/// A mailer while its fields are read.
struct Reader<'a> {
    mailer: Mailer,
    rules: &'a mut RuleCompiler,
    problems: &'a mut Vec<Problem>,
    end_of_line: Option<BString>,
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
        let null = match letter {
            b'C' => Some("charset"),
            b'D' => Some("working directory"),
            b'E' => Some("end-of-line string"),
            b'Q' => Some("queue"),
            b'/' => Some("root directory"),
            _ => None,
        };
        if let Some(what) = null.filter(|_| value.is_empty()) {
            self.problems.push(Problem::MailerNull(self.name(), what));
            return Some(());
        }
        let mailer = &mut self.mailer;
        match letter {
            b'A' | b'P' if value.is_empty() => {}
            b'A' => mailer.argv = text::words(value, b""),
            b'C' => mailer.charset = value.into(),
            b'D' => mailer.directories = value.split(|byte| *byte == b':').map(BString::from).collect(),
            b'E' => self.end_of_line = Some(value.into()),
            b'F' => mailer.flags.extend(value),
            b'L' => mailer.line_bytes_max = positive(value).and_then(|limit| usize::try_from(limit).ok()),
            b'M' => mailer.size_bytes_max = positive(value),
            b'm' => mailer.messages_max = positive(value).and_then(|limit| u32::try_from(limit).ok()),
            b'N' => mailer.nice = i32::try_from(text::number(value)).unwrap_or(0),
            b'P' => mailer.path = value.into(),
            b'Q' => mailer.queue_group = value.into(),
            b'r' => {
                let limit = positive(value).map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
                mailer.recipients_max = limit.or(Some(RECIPIENTS_MAX));
            }
            b'R' => (self.mailer.envelope_recipient, self.mailer.header_recipient) = self.rulesets(value)?,
            b'S' => (self.mailer.envelope_sender, self.mailer.header_sender) = self.rulesets(value)?,
            b'T' => mailer.types = types(value, DIAGNOSTIC_OF_SMTP),
            b'U' => self.user(value),
            b'W' => self.mailer.wait = self.wait(value),
            b'/' => mailer.root = value.into(),
            _ => self.problems.push(Problem::MailerField(self.name(), char::from(letter & 0x7f))),
        }
        Some(())
    }

    /// Reads `U=`: a number alone leaves the group that an earlier one gave.
    fn user(&mut self, value: &[u8]) {
        let mut spec = UserSpec::of_mailer(value);
        if spec.user.is_none() {
            self.problems.push(Problem::MailerNull(self.name(), "user name"));
            return;
        }
        if let (Some(Principal::Id(_)), None, Some(earlier)) = (&spec.user, &spec.group, self.mailer.user.take()) {
            spec.group = earlier.group;
        }
        self.mailer.user = Some(spec);
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
        let (envelope, rest) = self.ruleset(value)?;
        match rest.strip_prefix(b"/") {
            Some(name) => Some((envelope, self.ruleset(name)?.0)),
            None => Some((envelope.clone(), envelope)),
        }
    }

    /// Finds or makes the ruleset that a text begins with, and returns what follows; 0 stands for none.
    fn ruleset<'b>(&mut self, text: &'b [u8]) -> Option<(Option<RulesetName>, &'b [u8])> {
        match self.rules.name(text) {
            Ok((id, rest)) if id.number() == 0 => Some((None, rest)),
            Ok((_, rest)) => Some((Some(RulesetName::new(text[..text.len() - rest.len()].trim_space())), rest)),
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
        if mailer.types.mta.is_empty() && mailer.is_ipc() {
            let is_file = mailer.argv.first().is_some_and(|word| word == "FILE");
            mailer.types = types(b"", if is_file { "x-unix" } else { DIAGNOSTIC_OF_SMTP });
        }
        let default_end = if mailer.speaks_smtp() { "\r\n" } else { "\n" };
        mailer.end_of_line = self.end_of_line.unwrap_or_else(|| default_end.into());
        if mailer.flags.has(MailerFlag::LimitLines) && mailer.line_bytes_max.is_none() {
            mailer.line_bytes_max = Some(SMTP_LINE_BYTES_MAX);
        }
        if level < LEVEL_OF_VERIFY_FLAG && mailer.flags.has(MailerFlag::Local) {
            mailer.flags.insert(MailerFlag::Certain);
        }
        if level < LEVEL_OF_LOCAL_FLAGS && mailer.name.as_bytes() == b"local" {
            mailer.flags.extend(b"Aw5:|/@");
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

/// Reads `T=`; what is left out is that of the Internet.
fn types(text: &[u8], diagnostic: &str) -> MailerTypes {
    let mut parts = text.splitn(3, |byte| *byte == b'/');
    let mut part = |default: &str| parts.next().filter(|part| !part.is_empty()).unwrap_or(default.as_bytes()).into();
    MailerTypes { mta: part("dns"), address: part("rfc822"), diagnostic: part(diagnostic) }
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
    fn fields_may_be_given_again() {
        let mailer = good("x, P=/a, A=x $u, F=ab, F=c , E=\\r\\n, r=5, A=, P=, r=, U=1:2, U=3");
        assert_eq!(mailer.flags.to_string(), "abc");
        assert_eq!((mailer.end_of_line.as_slice(), mailer.recipients_max), (&b"\r\n"[..], Some(100)));
        assert_eq!((mailer.path.as_slice(), mailer.argv.len()), (&b"/a"[..], 2));
        assert_eq!(mailer.user.expect("given").to_string(), "3:2");
        let (mailer, problems) = read("x, P=/a, A=x, E=xyz, E=, U=bin, U=");
        assert_eq!(problems, ["mailer x: null end-of-line string", "mailer x: null user name"]);
        let mailer = mailer.expect("kept");
        assert_eq!(
            (mailer.end_of_line.as_slice(), mailer.user.expect("kept").to_string()),
            (&b"xyz"[..], "bin".into())
        );
        assert_eq!(good("x, P=[IPC], A=TCP $h, E=\\n").end_of_line, "\n");
    }

    #[test]
    fn types_that_are_left_out_are_those_of_the_internet() {
        let types = |fields: &str| {
            let types = good(&format!("x, {fields}")).types;
            [types.mta, types.address, types.diagnostic].map(|part| part.to_string()).join("/")
        };
        assert_eq!(types("P=/a, A=x"), "//");
        assert_eq!(types("P=/a, A=x, T="), "dns/rfc822/smtp");
        assert_eq!(types("P=/a, A=x, T=A/B"), "A/B/smtp");
        assert_eq!(types("P=/a, A=x, T=A/B/C, T=D"), "D/rfc822/smtp");
        assert_eq!(types("P=/a, A=x, T=//C/D"), "dns/rfc822/C/D");
        assert_eq!(types("P=[IPC], A=FILE /s"), "dns/rfc822/x-unix");
        assert_eq!(types("P=[IPC], A=FILE /s, T=dns"), "dns/rfc822/smtp");
    }

    #[test]
    fn rulesets_end_where_their_names_do() {
        let rulesets = |field: &str| {
            let mailer = good(&format!("x, P=/a, A=x, S={field}"));
            [mailer.envelope_sender, mailer.header_sender].map(|name| name.map_or("0".into(), |name| name.to_string()))
        };
        assert_eq!(rulesets("1/2/3"), ["1", "2"]);
        assert_eq!(rulesets("1 /2"), ["1", "1"]);
        assert_eq!(rulesets("Foo bar/Baz"), ["Foo", "Foo"]);
        assert_eq!(rulesets("Foo /Bar baz"), ["Foo", "Bar"]);
        assert_eq!(rulesets("0/ 1"), ["0", "1"]);
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
        bad("x, P=/a, A=x, E=", "mailer x: null end-of-line string");
        bad("x, P=/a, A=x, Q=", "mailer x: null queue");
        bad("x, P=/a, A=x, D=\"\"", "mailer x: null working directory");
        bad("x, P=/a, A=x, /=", "mailer x: null root directory");
        bad("x, P=/a, A=x, C=", "mailer x: null charset");
        bad("x, P=/a, A=x, U=:bin", "mailer x: null user name");
        bad("x, P=/a, A=x, W=5m , F=a", "Invalid time unit ` '");
        bad("x, P=/a, S=/5, A=x", "invalid ruleset name: \"/5\"");
        bad("x, P=/a, S=Foo/, A=x", "invalid ruleset name: \"\"");
    }
}
