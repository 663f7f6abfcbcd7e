//! What is asked about a header: each field by the ruleset of its line (`HName: $>ruleset`), then all of it by check_eoh.

use bstr::BString;

use super::check::Ask;
use super::hooks::Hook;
use crate::cf::{Config, HeaderRule};
use crate::mail::address_field::Party;
use crate::mail::header::{self, Header};
use crate::mail::token::Comments;
use crate::site::Context;

/// One question about a header.
#[derive(Clone, Debug)]
pub struct HeaderQuestion {
    ruleset: String,
    args: Vec<BString>,
    comments: Comments,
    /// The field in question; none for the header as a whole.
    field: Option<Header>,
}

/// Returns what is asked about a header, in order; `size_bytes` is that of the whole.
pub fn header_questions(config: &Config, headers: &[Header], size_bytes: u64) -> Vec<HeaderQuestion> {
    let fields = headers.iter().filter_map(|field| HeaderQuestion::of_field(config, field));
    let args = vec![headers.len().to_string().into(), size_bytes.to_string().into()];
    let whole =
        HeaderQuestion { ruleset: Hook::CheckEoh.name().to_owned(), args, comments: Comments::Strip, field: None };
    fields.chain([whole]).collect()
}

impl HeaderQuestion {
    /// Returns the question about `field`, if there is one.
    pub fn of_field(config: &Config, field: &Header) -> Option<Self> {
        let check = field_rule(config, field)?.check.as_ref()?;
        Some(Self {
            ruleset: check.ruleset.to_string(),
            args: vec![field.value.clone()],
            comments: if check.keeps_comments { Comments::Keep } else { Comments::Strip },
            field: Some(field.clone()),
        })
    }

    /// Sets the macros that tell of the field; they stay as they are for check_eoh and check_eom.
    pub fn publish(&self, ctx: &mut Context) {
        let Some(field) = &self.field else { return };
        ctx.set("hdr_name", field.name.clone());
        ctx.set("hdrlen", field.value.len().to_string());
        ctx.set("currHeader", header::quoted(&field.value));
        let kind = match Party::of_field(&field.name) {
            Some(Party::Sender) => "h s",
            Some(Party::Recipient) => "h r",
            None => "h",
        };
        ctx.set("addr_type", kind);
    }

    /// Returns the arguments of the ruleset.
    pub fn args(&self) -> Vec<&[u8]> {
        self.args.iter().map(|arg| arg.as_slice()).collect()
    }

    /// Returns the question to the ruleset, with the arguments that [`Self::args`] gives.
    pub fn ask<'a>(&'a self, args: &'a [&'a [u8]]) -> Ask<'a> {
        Ask { ruleset: &self.ruleset, args, about: b"", comments: self.comments }
    }
}

/// Returns the line that says how a field is checked: its own, or that of all fields without one.
pub fn field_rule<'a>(config: &'a Config, field: &Header) -> Option<&'a HeaderRule> {
    let checks = || config.headers.iter().filter(|rule| rule.check.is_some());
    let own = checks().find(|rule| rule.name.eq_ignore_ascii_case(&field.name));
    own.or_else(|| checks().find(|rule| rule.name == "*"))
}
