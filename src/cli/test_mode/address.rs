//! The commands of test mode about addresses: `/parse`, `/try`, `/tryflags`, `/sender`.

use std::io;

use bstr::{BString, ByteSlice};

use super::TestMode;
use super::list::shown;
use super::query::split_word;
use crate::mail::token::{ScanOptions, Tokens};
use crate::name::{Sysexit, Told};
use crate::rewrite::{RulesetId, Trouble};
use crate::route::parse::{
    ADDRESS_BYTES_MAX, BadRoute, FAILS_FOR_NOW, check_bytes, is_code, mended, queue_group, resolve, syntax_error,
};
use crate::route::remote_name::{frame, remote_text};
use crate::route::role::Role;
use crate::site::Heard;
use crate::submit::Caller;

impl TestMode {
    /// `/sender address`: the user that the envelope of a message from there would have.
    pub(super) async fn sender(&mut self, address: &[u8]) -> io::Result<()> {
        let caller = Caller::find().name;
        self.ctx.set("addr_type", Role::Sender.addr_type());
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

    /// `/tryflags letters`.
    pub(super) fn flags(&mut self, letters: &[u8]) -> io::Result<()> {
        if letters.is_empty() {
            return self.say("Usage: /tryflags [Hh|Ee][Ss|Rr]");
        }
        for letter in letters.to_ascii_lowercase() {
            self.role = match (letter, self.role) {
                (b'h', Role::Sender) => Role::HeaderSender,
                (b'h', Role::Recipient) => Role::HeaderRecipient,
                (b'e', Role::HeaderSender) => Role::Sender,
                (b'e', Role::HeaderRecipient) => Role::Recipient,
                (b's', Role::Recipient) => Role::Sender,
                (b's', Role::HeaderRecipient) => Role::HeaderSender,
                (b'r', Role::Sender) => Role::Recipient,
                (b'r', Role::HeaderSender) => Role::HeaderRecipient,
                (_, role) => role,
            };
        }
        self.ctx.set("addr_type", self.role.addr_type());
        Ok(())
    }

    /// `/try mailer address`.
    pub(super) async fn try_mailer(&mut self, argument: &[u8]) -> io::Result<()> {
        let (name, address) = split_word(argument);
        if name.is_empty() || address.is_empty() {
            return self.say("Usage: /try mailer address");
        }
        let Some(mailer) = self.ctx.config().mailers.get(name).cloned() else {
            return self.say_shown("Unknown mailer ", name);
        };
        let start = format!("Trying {} address ", self.role_words());
        self.write(&[start.as_bytes(), address, b" for mailer ", mailer.name.as_bytes(), b"\n"].concat())?;
        self.report_scan(address, ScanOptions::ADDRESS);
        let (code, name) = match remote_text(&mut self.ctx, &mailer, address, self.role).await {
            Ok(name) => (0, name),
            Err(error) => (75, error.name),
        };
        self.say_bytes(&[format!("Rcode = {code}, addr = ").as_bytes(), &name[..]].concat())
    }

    /// `/parse address`.
    pub(super) async fn parse(&mut self, address: &[u8]) -> io::Result<()> {
        if address.is_empty() {
            return self.say("Usage: /parse address");
        }
        self.say(&format!("Cracked address = {}", shown(frame(&self.ctx, address).template())))?;
        self.say(&format!("Parsing {} address", self.role_words()))?;
        let Some(tokens) = self.readable(address)? else {
            return self.say("Cannot parse");
        };
        let resolution = resolve(&mut self.ctx, tokens, self.role).await;
        let (mailer, host, user) = match resolution.outcome {
            Ok(route) => {
                let is_flawed = mended(&route.user).1.is_some();
                if self.role == Role::Recipient && !is_flawed {
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
                let (host, user) =
                    bad.refusal.error().map(|error| (error.host.clone(), error.user.clone())).unwrap_or_default();
                ("*error*".into(), host, user)
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

    /// Returns what addresses are taken for, in words.
    fn role_words(&self) -> &'static str {
        match self.role {
            Role::Sender => "envelope sender",
            Role::Recipient => "envelope recipient",
            Role::HeaderSender => "header sender",
            Role::HeaderRecipient => "header recipient",
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
    let user = bad.refusal.error().map(|error| error.user.as_slice()).unwrap_or_default();
    let text = user.strip_prefix(b"\"").unwrap_or(user);
    let given = text.split_first_chunk::<3>().filter(|(_, rest)| rest.first() == Some(&b' '));
    given.and_then(|(digits, _)| digits.to_str().ok()?.parse().ok()).unwrap_or(bad.refusal.code)
}
