//! Faults of mailers' flags: letters that mean nothing, and mailers that there are not.

use bstr::{BStr, ByteSlice};

use super::super::nearest::nearest;
use super::calls::{Call, calls};
use super::{Fault, Run};
use crate::cf::MailerFlag;
use crate::m4::Place;

/// The letters beside [`MailerFlag`] that mean something: conventional ones of header lines, and those that older programs
/// heeded (op guide, "Mailer Flags").
const OTHER_FLAGS: &[u8] = b"dDFgIKMNOPx!+";

/// The names that MODIFY_MAILER_FLAGS knows, each with that of the MAILER.
const MAILERS: &[&str] = &[
    "LOCAL", "SHELL", "SMTP", "ESMTP", "SMTP8", "DSMTP", "RELAY", "UUCP", "USENET", "PROCMAIL", "CYRUS", "CYRUSV2",
    "MAIL11", "PH", "POP", "QPAGE",
];

impl Run<'_> {
    /// Finds flags of mailers that nobody knows.
    pub(super) fn faults_of_flags(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (file, text) in self.given {
            for call in calls(text) {
                let place = Place { file: file.clone().into(), line: call.line };
                faults.extend(self.flags_of(&call).map(|told| Fault::warning(&place, told)));
            }
        }
        let own = self.lines().filter_map(|(at, line)| {
            let origin = self.output.origin(at).filter(|origin| self.is_given(&origin.place))?;
            let flags = field(line.strip_prefix(b"M")?)?;
            Some(Fault::warning(&origin.place, self.unknown_flag(flags)?))
        });
        faults.extend(own);
        faults
    }

    /// Says what is wrong with the flags that a call gives to a mailer.
    fn flags_of(&self, call: &Call<'_>) -> Option<String> {
        let name = call.text(0).to_str().ok()?;
        let flags = call.text(1).as_bytes();
        match call.name {
            "define" if name.ends_with("_MAILER_FLAGS") => self.unknown_flag(flags),
            "MODIFY_MAILER_FLAGS" => {
                let near = nearest(name, MAILERS.iter()).filter(|_| !MAILERS.contains(&name));
                let told = near.map(|near| format!("there is no mailer {name} to modify; did you mean {near}?"));
                told.or_else(|| {
                    self.unknown_flag(flags.strip_prefix(b"+").or(flags.strip_prefix(b"-")).unwrap_or(flags))
                })
            }
            _ => None,
        }
    }

    /// Says which flag means nothing: no mailer has it, and no header asks for it.
    fn unknown_flag(&self, flags: &[u8]) -> Option<String> {
        let asked = || self.lines().filter_map(|(_, line)| line.strip_prefix(b"H?")?.split_once_str("?"));
        let has_meaning = |flag: u8| MailerFlag::LETTERS.contains(&flag) || OTHER_FLAGS.contains(&flag);
        let is_known = |flag: u8| has_meaning(flag) || asked().any(|(letters, _)| letters.contains(&flag));
        let odd = flags.iter().find(|flag| flag.is_ascii_graphic() && !is_known(**flag))?;
        Some(format!("a mailer knows no flag {} (they are listed in the op guide, \"Mailer Flags\")", char::from(*odd)))
    }
}

/// Returns the flags of a mailer's line.
fn field(line: &[u8]) -> Option<&BStr> {
    line.split_str(",").find_map(|field| field.trim().strip_prefix(b"F=")).map(BStr::new)
}
