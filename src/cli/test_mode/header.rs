//! `/header` of test mode: the check of a field, and its flags.

use std::io;
use std::sync::atomic::Ordering;

use bstr::ByteSlice;

use super::TestMode;
use crate::macros::quote;
use crate::mail::header::Header;
use crate::name::{Told, TrimSpace as _};
use crate::policy::{Ask, HeaderQuestion};
use crate::route::parse::refusal_of;

/// Flags of header fields as the original numbers them, for `/header`.
const HEADER_FLAGS: &[(&[&str], u32)] = &[
    (&["resent-sender", "resent-from", "resent-reply-to"], 0x108),
    (&["sender", "from", "reply-to", "disposition-notification-to"], 0x100),
    (&["full-name", "content-length"], 0x20),
    (&["return-receipt-to"], 0x400),
    (&["errors-to"], 0x900),
    (&["resent-to", "resent-cc"], 0x0a),
    (&["resent-bcc"], 0x400a),
    (&["to", "cc", "apparently-to"], 0x02),
    (&["bcc"], 0x4002),
    (&["resent-message-id", "resent-date"], 0x08),
    (&["message", "text"], HEADER_ENDS),
    (&["received", "x400-received", "via", "mail-from"], 0xc0),
    (&["comments"], 0x8040),
    (&["content-transfer-encoding"], 0x1000),
    (&["content-type"], 0x2000),
    (&["subject"], 0x8000),
    (&["x-authentication-warning"], 0x40),
    (&["return-path"], 0x20060),
];
/// The flag of a field that ends the header.
const HEADER_ENDS: u32 = 0x01;
/// The flags of fields with senders and recipients.
const HEADER_OF_ADDRESSES: u32 = 0x102;
/// The flag of a field that a user gives.
const HEADER_BY_USER: u32 = 0x40000;
/// The flag of a field whose check sees no comments.
const HEADER_STRIPS_COMMENTS: u32 = 0x10000;

impl TestMode {
    /// `/header line`: runs the check of a field and shows its flags.
    pub(super) async fn header(&mut self, line: &[u8]) -> io::Result<()> {
        let is_name = |name: &[u8]| !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        // White space may stand before the colon.
        let parts = line.split_once_str(":").map(|(name, value)| (name.trim_space_end(), value));
        let Some((name, value)) = parts.filter(|(name, _)| is_name(name)) else {
            let told = Told::from(quote(line));
            self.fault(&format!("header syntax error, line \"{told}\""))?;
            return self.say("ul = 00000000");
        };
        let config = self.ctx.config();
        let own = config.headers.iter().filter(|rule| rule.name.eq_ignore_ascii_case(name));
        let strips = own.filter_map(|rule| rule.check.as_ref()).next().is_some_and(|check| !check.keeps_comments);
        let known = HEADER_FLAGS
            .iter()
            .find(|(names, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())));
        let flags = known.map_or(0, |(_, flags)| *flags);
        if flags == HEADER_ENDS {
            // Nothing asks about it.
            return self.say(&format!("ul = 0x{flags:08x}"));
        }
        if let Some(question) = HeaderQuestion::of_field(config, &Header::with_value(name, value)) {
            self.check_header(&question, flags & HEADER_OF_ADDRESSES == 0).await?;
        }
        let strips = if strips { HEADER_STRIPS_COMMENTS } else { 0 };
        self.say(&format!("ul = 0x{:08x}", flags | strips | HEADER_BY_USER))
    }

    /// Asks about a field and tells what it is refused with; without values that do not scan, if it `is_quiet`.
    async fn check_header(&mut self, question: &HeaderQuestion, is_quiet: bool) -> io::Result<()> {
        question.publish(&mut self.ctx);
        let args = question.args();
        let Ask { ruleset, comments, .. } = question.ask(&args);
        // What is wrong with it is not told here.
        let tokens = self.ctx.scan(&args.concat(), comments.of_argument()).tokens.unwrap_or_default();
        if tokens.is_empty() {
            return Ok(());
        }
        // A check of a ruleset that does not exist accepts everything.
        self.is_quiet.store(is_quiet, Ordering::Relaxed);
        let judged = self.ctx.rewrite(ruleset, tokens).await;
        self.is_quiet.store(false, Ordering::Relaxed);
        let Ok(judged) = judged else { return Ok(()) };
        match refusal_of(&mut self.ctx, &judged.tokens).await {
            Some(bad) if bad.is_told => Ok(()),
            Some(bad) => {
                self.set_exit(bad.refusal.exit);
                self.say_bytes(Told::from(bad.refusal.text.as_bstr()).to_string().as_bytes())
            }
            None => Ok(()),
        }
    }
}
