//! What test mode lists: values, classes, rules, mailers, help.

use std::fmt::Write as _;
use std::io;

use bstr::{BString, ByteSlice};

use super::TestMode;
use crate::cf::{Mailer, Principal, UserSpec};
use crate::macros::{HashSign, translate, value_of};
use crate::mail::token::show;
use crate::name::{CSpace as _, ClassName, RulesetName, TrimSpace as _};
use crate::site::VERSION;
use crate::sys::user::{Group, User};

/// Returns user and group of a mailer as numbers; what there is not is -1.
fn account(spec: Option<&UserSpec>) -> String {
    let named = |user: &Principal| match user {
        Principal::Id(uid) => Some((i64::from(*uid), -1)),
        Principal::Name(name) => User::by_name(name).ok().flatten().map(|user| (user.uid.into(), user.gid.into())),
    };
    let group = |group: &Principal| match group {
        Principal::Id(gid) => Some(i64::from(*gid)),
        Principal::Name(name) => Group::by_name(name).ok().flatten().map(|group| group.gid.into()),
    };
    let user = spec.and_then(|spec| spec.user.as_ref()).and_then(named);
    let given = spec.filter(|_| user.is_some()).and_then(|spec| spec.group.as_ref()).and_then(group);
    let (uid, gid) = user.unwrap_or((-1, -1));
    format!("{uid}:{}", given.unwrap_or(gid))
}

impl TestMode {
    /// `$x` and `$=x`.
    pub(super) fn show_value(&mut self, rest: &[u8]) -> io::Result<()> {
        if let Some(name) = rest.strip_prefix(b"=") {
            return match self.named(name)?.0 {
                Some(name) => self.show_class(&ClassName::new(name)),
                None => Ok(()),
            };
        }
        let Some(name) = self.named(rest)?.0 else { return Ok(()) };
        let value = value_of(&self.ctx, &name);
        let text = value.map_or_else(|| "Undefined".to_owned(), |value| shown(&value.text));
        self.say(&text)
    }

    /// Writes the members of a class.
    fn show_class(&mut self, name: &ClassName) -> io::Result<()> {
        self.ctx.classes().words(name.as_bytes()).iter().try_for_each(|word| self.say_bytes(word))
    }

    /// `=Sruleset` and `=M`.
    pub(super) fn show_configuration(&mut self, line: &[u8], rest: &[u8]) -> io::Result<()> {
        match rest.split_first() {
            None => self.say("Usage: =Sruleset or =M"),
            Some((b'S', name)) => self.show_ruleset(name),
            Some((b'M', _)) => {
                let list = self.ctx.config().mailers.iter().enumerate();
                let lines: Vec<String> = list.map(|(number, mailer)| self.mailer_line(number, mailer)).collect();
                lines.iter().try_for_each(|line| self.say(line))
            }
            Some(_) => self.say_shown("Unknown \"=\" command ", line),
        }
    }

    /// Writes the rules of a ruleset.
    fn show_ruleset(&mut self, name: &[u8]) -> io::Result<()> {
        let word = name.trim_space_start();
        let end = word.iter().position(u8::is_c_space).unwrap_or(word.len());
        // What cannot be a name at all is shown whole.
        let is_name = word.first().is_some_and(u8::is_ascii_alphanumeric);
        let name = if is_name { &name[..name.len() - word.len() + end] } else { name };
        let id = match self.ctx.rulesets().look(name) {
            Ok(id) => id,
            Err(error) => {
                self.fault(&error.to_string())?;
                None
            }
        };
        let Some(id) = id else {
            return self.say_shown("Undefined ruleset ", name);
        };
        let lines: Vec<String> = self.ctx.rulesets().get(id).rules().iter().map(ToString::to_string).collect();
        lines.iter().try_for_each(|line| self.say(line))
    }

    /// Describes a mailer.
    fn mailer_line(&self, number: usize, mailer: &Mailer) -> String {
        let set = |name: &Option<RulesetName>| {
            let id = name.as_ref().and_then(|name| self.ctx.rulesets().find(name.as_bytes()));
            self.ctx.rulesets().label(id.unwrap_or(crate::rewrite::RulesetId::PARSE)).to_owned()
        };
        let mut line = format!(
            "mailer {number} ({}): P={} S={}/{} R={}/{} M={} U={} F={} L={} E={}",
            mailer.name,
            mailer.path,
            set(&mailer.envelope_sender),
            set(&mailer.header_sender),
            set(&mailer.envelope_recipient),
            set(&mailer.header_recipient),
            mailer.size_bytes_max.unwrap_or(0),
            account(mailer.user.as_ref()),
            mailer.flags,
            mailer.line_bytes_max.unwrap_or(0),
            shown(&mailer.end_of_line),
        );
        let types = [&mailer.types.mta, &mailer.types.address, &mailer.types.diagnostic]
            .map(|kind| if kind.is_empty() { "<undefined>".to_owned() } else { kind.to_string() });
        // Writing to a string cannot fail.
        if !mailer.charset.is_empty() {
            let _ = write!(line, " C={}", mailer.charset);
        }
        let _ = write!(line, " T={}", types.join("/"));
        let _ = write!(line, " r={} A=", mailer.recipients_max.unwrap_or(0));
        let words: Vec<String> = mailer.argv.iter().map(|word| shown(word)).collect();
        line + &words.join(" ")
    }

    /// `?`: what the help file says of test mode.
    pub(super) fn help(&mut self) -> io::Result<()> {
        let path = self.ctx.expand(&self.ctx.config().options.help_file);
        let text = std::fs::read(path.to_path_lossy()).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.strip_prefix(b"-bt")?.strip_prefix(b"\t"));
        let lines: Vec<BString> =
            lines.map(|line| self.ctx.expand(&translate(line, HashSign::Ordinary).text)).collect();
        if lines.is_empty() {
            return self.say(&format!("Sendmail {VERSION} -- HELP not implemented"));
        }
        lines.iter().try_for_each(|line| self.say_bytes(line))?;
        self.say("End of HELP info")
    }
}

/// Returns internal text in printable form.
pub(super) fn shown(text: &[u8]) -> String {
    let mut out = Vec::new();
    show(&mut out, text);
    String::from_utf8(out).expect("all that is shown is ASCII")
}
