//! The commands of test mode that begin with `/`.

use std::io;
use std::sync::atomic::Ordering;

use bstr::{BString, ByteSlice};

use super::TestMode;
use super::list::shown;
use crate::macros::{expand_internal, quote};
use crate::mail::header::Header;
use crate::mail::token::{ScanOptions, Tokens};
use crate::map::Outcome;
use crate::name::{CSpace as _, Sysexit, Told, TrimSpace as _};
use crate::policy::{Ask, HeaderQuestion};
use crate::rewrite::{RulesetId, Trouble};
use crate::route::parse::{
    ADDRESS_BYTES_MAX, BadRoute, FAILS_FOR_NOW, Role, check_bytes, is_code, mended, queue_group, refusal_of, resolve,
    syntax_error,
};
use crate::route::remote_name::{Kind, frame, remote_text};
use crate::site::{Exchanges, Heard, exchangers};
use crate::submit::Caller;

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
/// A host name of so many bytes is too long for `/canon` (the original's MAXHOSTNAMELEN).
const HOST_BYTES_MAX: usize = 256;
/// The flag of a field that ends the header.
const HEADER_ENDS: u32 = 0x01;
/// The flags of fields with senders and recipients.
const HEADER_OF_ADDRESSES: u32 = 0x102;
/// The flag of a field that a user gives.
const HEADER_BY_USER: u32 = 0x40000;
/// The flag of a field whose check sees no comments.
const HEADER_STRIPS_COMMENTS: u32 = 0x10000;

impl TestMode {
    /// Obeys a command; returns false when it ends the session.
    pub(super) async fn command(&mut self, line: &[u8], rest: &[u8]) -> io::Result<bool> {
        let rest = rest.trim_space_end();
        let end = rest.iter().position(is_blank).unwrap_or(rest.len());
        let (word, argument) = (rest[..end].to_ascii_lowercase(), rest[end..].trim_space_start());
        match word.as_slice() {
            b"" => self.say("Usage: /[canon|map|mx|parse|try|tryflags]")?,
            b"quit" => return Ok(false),
            b"mx" => self.exchangers(argument).await?,
            b"canon" => self.canonify(argument).await?,
            b"map" => self.map(argument).await?,
            b"sender" => self.sender(argument).await?,
            b"expand" => self.expand(argument)?,
            b"tryflags" => self.flags(argument)?,
            b"try" => self.try_mailer(argument).await?,
            b"parse" => self.parse(argument).await?,
            b"header" => self.header(argument).await?,
            b"gethostbyname" => {}
            _ => self.say_shown("Unknown \"/\" command ", &line[..=end])?,
        }
        Ok(true)
    }

    /// `/mx domain`.
    async fn exchangers(&mut self, domain: &[u8]) -> io::Result<()> {
        if domain.is_empty() {
            return self.say("Usage: /mx address");
        }
        let site = self.ctx.site().clone();
        let told = |text: &str| [b"getmxrr(", domain, b") returns ", text.as_bytes()].concat();
        let hosts = match exchangers(&site.resolver, domain).await {
            Exchanges::Null => return self.say_bytes(&told("null MX (See RFC7505)")),
            Exchanges::TempFail(_) => return self.say_bytes(&told("-1 value(s):")),
            Exchanges::Nothing | Exchanges::NoDomain => Vec::new(),
            Exchanges::Hosts(hosts) => hosts,
        };
        self.say_bytes(&told(&format!("{} value(s):", hosts.len())))?;
        hosts.iter().try_for_each(|host| self.say(&format!("\t{host}")))
    }

    /// `/canon host`.
    async fn canonify(&mut self, host: &[u8]) -> io::Result<()> {
        if host.is_empty() {
            return self.say("Usage: /canon address");
        }
        if host.len() >= HOST_BYTES_MAX {
            return self.say("Name too long");
        }
        let site = self.ctx.site().clone();
        let found = if host.starts_with(b"[") { None } else { site.resolver.canonify(host).await.found() };
        let name = found.unwrap_or_else(|| host.strip_suffix(b".").unwrap_or(host).into());
        self.say_bytes(&[b"getcanonname(", host, b") returns ", &name[..]].concat())
    }

    /// `/map name key`.
    async fn map(&mut self, argument: &[u8]) -> io::Result<()> {
        if argument.is_empty() {
            return self.say("Usage: /map mapname key");
        }
        let Some(end) = argument.iter().position(u8::is_c_space) else {
            return self.say("No key specified");
        };
        let (name, key) = (&argument[..end], &argument[end + 1..]);
        let shown_name = String::from_utf8_lossy(name).into_owned();
        match self.ctx.open_map(name).await {
            None => return self.say_bytes(&[b"Map named \"", name, b"\" not found"].concat()),
            Some(false) => return self.say_bytes(&[b"Map named \"", name, b"\" not open"].concat()),
            Some(true) => {}
        }
        self.write(&[b"map_lookup: ", name, b" (", key, b") "].concat())?;
        let outcome = self.ctx.map_lookup(&shown_name, key, &[]).await;
        let status = outcome.status();
        match outcome {
            Outcome::Found(value) => {
                self.say_bytes(&[b"returns ", &value[..], format!(" ({status})").as_bytes()].concat())
            }
            Outcome::NotFound(_) | Outcome::TempFail(_) => self.say(&format!("no match ({status})")),
        }
    }

    /// `/sender address`: the user that the envelope of a message from there would have.
    async fn sender(&mut self, address: &[u8]) -> io::Result<()> {
        let caller = Caller::find().name;
        self.ctx.set("addr_type", Kind::EnvelopeSender.addr_type());
        let mut from = BString::from(if address.is_empty() { &caller } else { address });
        let mut user = self.sender_user(&from).await?;
        if user.is_none() && !address.is_empty() {
            from = caller;
            user = self.sender_user(&from).await?;
        }
        let mut tokens = self.scan(&from).unwrap_or_default();
        for id in [RulesetId::CANONIFY, RulesetId::SENDER, RulesetId::FINAL] {
            tokens = self.ctx.rewrite_by(id, tokens).await.tokens;
        }
        let text = self.ctx.join(&tokens);
        self.ctx.set("f", text);
        self.ctx.macros_mut().revert("addr_type");
        self.say_shown("addr=", &user.unwrap_or_default())
    }

    /// Returns the user of a sender, unless nobody can send from there.
    async fn sender_user(&mut self, address: &[u8]) -> io::Result<Option<BString>> {
        let Some(tokens) = self.readable(address)? else { return Ok(None) };
        match resolve(&mut self.ctx, tokens, Role::Sender).await.outcome {
            Ok(route) if route.special().is_some() => {
                self.say_bytes(format!("{}... Invalid sender address", Told::shortened(address)).as_bytes())?;
                Ok(None)
            }
            Ok(route) => Ok(Some(route.user)),
            Err(bad) => {
                self.tell(address, &bad)?;
                Ok(None)
            }
        }
    }

    /// Scans an address that is to be parsed; tells why it cannot be.
    fn readable(&mut self, address: &[u8]) -> io::Result<Option<Tokens>> {
        let Some(tokens) = self.scan(address) else { return Ok(None) };
        let Err(refusal) = check_bytes(address, Role::Recipient) else { return Ok(Some(tokens)) };
        if refusal.code == 553 {
            // What the refusal does not show is not shown before it either.
            let shown = &address[..address.len().min(ADDRESS_BYTES_MAX - 1)];
            self.write(format!("{}... ", Told::shortened(shown)).as_bytes())?;
        }
        self.refuse(&refusal)?;
        Ok(None)
    }

    /// Tells of an address that is to be parsed again, if it is.
    fn tell_later(&mut self, address: &[u8], is_later: bool) -> io::Result<()> {
        if is_later { self.say(&format!("{}... {FAILS_FOR_NOW}", Told::shortened(address))) } else { Ok(()) }
    }

    /// Tells why an address leads nowhere.
    fn tell(&mut self, address: &[u8], bad: &BadRoute) -> io::Result<()> {
        self.set_exit(bad.refusal.exit);
        match code_of(bad) {
            _ if bad.is_told => Ok(()),
            // QUIRK(address-prefix): only the texts of these codes are about an address.
            250 | 252 | 450 | 550 | 553 => self.say_bytes(
                format!("{}... {}", Told::shortened(address), Told::from(bad.refusal.text.as_bstr())).as_bytes(),
            ),
            _ => self.say_bytes(Told::from(bad.refusal.text.as_bstr()).to_string().as_bytes()),
        }
    }

    /// `/expand text`.
    fn expand(&mut self, text: &[u8]) -> io::Result<()> {
        if text.is_empty() {
            return self.say("Usage: /expand string");
        }
        let text = shown(&expand_internal(text, &self.ctx).0);
        self.write(text.as_bytes())
    }

    /// `/tryflags letters`.
    fn flags(&mut self, letters: &[u8]) -> io::Result<()> {
        if letters.is_empty() {
            return self.say("Usage: /tryflags [Hh|Ee][Ss|Rr]");
        }
        for letter in letters.to_ascii_lowercase() {
            self.kind = match (letter, self.kind) {
                (b'h', Kind::EnvelopeSender) => Kind::HeaderSender,
                (b'h', Kind::EnvelopeRecipient) => Kind::HeaderRecipient,
                (b'e', Kind::HeaderSender) => Kind::EnvelopeSender,
                (b'e', Kind::HeaderRecipient) => Kind::EnvelopeRecipient,
                (b's', Kind::EnvelopeRecipient) => Kind::EnvelopeSender,
                (b's', Kind::HeaderRecipient) => Kind::HeaderSender,
                (b'r', Kind::EnvelopeSender) => Kind::EnvelopeRecipient,
                (b'r', Kind::HeaderSender) => Kind::HeaderRecipient,
                (_, kind) => kind,
            };
        }
        self.ctx.set("addr_type", self.kind.addr_type());
        Ok(())
    }

    /// `/try mailer address`.
    async fn try_mailer(&mut self, argument: &[u8]) -> io::Result<()> {
        let (name, address) = split_word(argument);
        if name.is_empty() || address.is_empty() {
            return self.say("Usage: /try mailer address");
        }
        let Some(mailer) = self.ctx.config().mailers.get(name).cloned() else {
            return self.say_shown("Unknown mailer ", name);
        };
        let start = format!("Trying {} address ", self.kind_words());
        self.write(&[start.as_bytes(), address, b" for mailer ", mailer.name.as_bytes(), b"\n"].concat())?;
        self.report_scan(address, ScanOptions::ADDRESS);
        let (code, name) = match remote_text(&mut self.ctx, &mailer, address, self.kind).await {
            Ok(name) => (0, name),
            Err(error) => (75, error.name),
        };
        self.say_bytes(&[format!("Rcode = {code}, addr = ").as_bytes(), &name[..]].concat())
    }

    /// `/parse address`.
    async fn parse(&mut self, address: &[u8]) -> io::Result<()> {
        if address.is_empty() {
            return self.say("Usage: /parse address");
        }
        self.say(&format!("Cracked address = {}", shown(frame(&self.ctx, address).template())))?;
        self.say(&format!("Parsing {} address", self.kind_words()))?;
        let Some(tokens) = self.readable(address)? else {
            return self.say("Cannot parse");
        };
        let role = match self.kind {
            Kind::EnvelopeSender => Role::Sender,
            Kind::EnvelopeRecipient => Role::Recipient,
            Kind::HeaderSender => Role::HeaderSender,
            Kind::HeaderRecipient => Role::HeaderRecipient,
        };
        let resolution = resolve(&mut self.ctx, tokens, role).await;
        let (mailer, host, user) = match resolution.outcome {
            Ok(route) => {
                let is_flawed = mended(&route.user).1.is_some();
                if role == Role::Recipient && !is_flawed {
                    // Only the steps are shown: test mode queues nothing.
                    let _ = queue_group(&mut self.ctx, &route.user).await;
                }
                let is_bad = is_flawed || route.user.len() >= ADDRESS_BYTES_MAX;
                self.tell_later(address, resolution.temp_fail && !is_bad)?;
                (BString::from(route.mailer.as_bytes()), route.host, route.user)
            }
            Err(bad) => {
                self.tell(address, &bad)?;
                self.tell_later(address, resolution.temp_fail && code_of(&bad) / 100 == 4)?;
                ("*error*".into(), bad.host, bad.user)
            }
        };
        // QUIRK(flaw-status): of the flaws of a user, only these decide the exit status.
        if user.iter().any(|byte| is_code(*byte)) {
            self.set_exit(Sysexit::Usage);
        }
        let (mut user, flaw) = mended(&user);
        if let Some(flaw) = flaw {
            self.say(&syntax_error(&user, flaw))?;
        }
        if user.len() >= ADDRESS_BYTES_MAX {
            user.truncate(ADDRESS_BYTES_MAX - 1);
            let told = format!("{}... ", Told::shortened(address));
            self.write(told.as_bytes())?;
            self.say(&format!(
                "Address \"{}\" too long ({} bytes max)",
                Told::from(user.clone()),
                ADDRESS_BYTES_MAX - 1
            ))?;
        }
        let host = if host.is_empty() { BString::default() } else { [b", host ", &host[..]].concat().into() };
        self.say_bytes(&[b"mailer ", &mailer[..], &host, b", user ", &user].concat())
    }

    /// `/header line`: runs the check of a field and shows its flags.
    async fn header(&mut self, line: &[u8]) -> io::Result<()> {
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

    /// Returns what addresses are taken for, in words.
    fn kind_words(&self) -> &'static str {
        match self.kind {
            Kind::EnvelopeSender => "envelope sender",
            Kind::EnvelopeRecipient => "envelope recipient",
            Kind::HeaderSender => "header sender",
            Kind::HeaderRecipient => "header recipient",
        }
    }

    /// Scans a real address and tells what is wrong with it.
    fn scan(&mut self, address: &[u8]) -> Option<Tokens> {
        self.report_scan(address, ScanOptions::ADDRESS).filter(|tokens| !tokens.is_empty())
    }

    /// Tells what is wrong with the spelling of an address; returns its tokens, if it is not too long.
    fn report_scan(&mut self, text: &[u8], options: ScanOptions) -> Option<Tokens> {
        let scanned = self.ctx.scan(text, options);
        for error in scanned.errors {
            self.ctx.hear(Heard::Trouble(&Trouble::Scan { text: Told::shortened(text), error }));
        }
        scanned.tokens
    }
}

/// Returns the reply code that the rules gave, whatever it becomes in a reply.
fn code_of(bad: &BadRoute) -> u16 {
    let text = bad.user.strip_prefix(b"\"").unwrap_or(&bad.user);
    let given = text.split_first_chunk::<3>().filter(|(_, rest)| rest.first() == Some(&b' '));
    given.and_then(|(digits, _)| digits.to_str().ok()?.parse().ok()).unwrap_or(bad.refusal.code)
}

/// Tells whether a byte ends a word of a command: no other white space does.
fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Parts the first word of a text from the rest.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(is_blank).unwrap_or(text.len());
    (&text[..end], text[end..].trim_space_start())
}
