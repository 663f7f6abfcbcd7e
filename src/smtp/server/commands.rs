//! The commands: one table, and what each of them does.

use std::time::Duration;

use bstr::{BStr, ByteSlice};

use super::event::{CommandRefusal, Effect, FilterMoment, Question};
use super::line::{Line, hello_name, skip_word, split_address};
use super::notes;
use super::params::RcptParams;
use super::session::{ETRN_MAX, HELLO_MAX, Session, VERIFY_MAX};
use super::state::{Denial, Held, State};
use super::texts;
use crate::mail::address_list;
use crate::mail::envelope::BodyType;
use crate::mail::reply::Reply;
use crate::mail::report;
use crate::name::CSpace as _;

/// The longest name after HELO, in bytes (the original's MAXNAME).
const HELLO_BYTES_MAX: usize = 256;

/// How long a RCPT is held back once there were too many bad ones.
const BAD_RECIPIENT_DELAY: Duration = Duration::from_secs(1);

/// Words with which web clients begin.
const HTTP_WORDS: [&[u8]; 4] = [b"GET", b"POST", b"CONNECT", b"USER"];

/// One command.
#[derive(Debug)]
pub(super) struct Command {
    /// Its word.
    pub(super) name: &'static str,
    /// Whether it works for refused clients too.
    pub(super) even_if_refused: bool,
    /// Whether it works also while there is no room for messages.
    pub(super) even_without_room: bool,
    /// Whether it is answered slowly when the machine is loaded.
    pub(super) slowed: bool,
    /// Whether it makes a connection one that wanted something.
    pub(super) asks: bool,
    /// The first digit of its usual reply, for check_other, if that judges it: no other ruleset does.
    pub(super) other: Option<u8>,
    /// What it does.
    pub(super) act: fn(&mut Session, &Line),
}

/// Returns a command as most are; the table says where one differs.
const fn command(name: &'static str, act: fn(&mut Session, &Line)) -> Command {
    Command { name, even_if_refused: false, even_without_room: false, slowed: true, asks: false, other: None, act }
}

/// All commands; what is not here is [`UNKNOWN`].
static COMMANDS: &[Command] = &[
    Command { even_if_refused: true, ..command("helo", Session::helo) },
    Command { even_if_refused: true, ..command("ehlo", Session::ehlo) },
    Command { asks: true, ..command("mail", Session::mail) },
    command("rcpt", Session::rcpt),
    command("data", Session::data_command),
    Command { even_if_refused: true, slowed: false, ..command("rset", Session::rset) },
    Command { even_if_refused: true, other: Some(b'2'), ..command("noop", Session::noop) },
    Command { even_if_refused: true, slowed: false, ..command("quit", Session::quit) },
    Command { asks: true, ..command("vrfy", Session::vrfy) },
    Command { asks: true, ..command("expn", Session::expn) },
    Command { even_without_room: true, asks: true, ..command("etrn", Session::etrn) },
    command("help", Session::help),
    Command { other: Some(b'2'), ..command("verb", Session::verb) },
    command("auth", Session::auth),
    Command { slowed: false, ..command("starttls", Session::starttls) },
    Command { other: Some(b'5'), ..command("send", Session::not_implemented) },
    Command { other: Some(b'5'), ..command("soml", Session::not_implemented) },
    Command { other: Some(b'5'), ..command("saml", Session::not_implemented) },
    Command { other: Some(b'5'), ..command("turn", Session::not_implemented) },
    Command { even_if_refused: true, ..command("debug", Session::bogus) },
    Command { even_if_refused: true, ..command("wiz", Session::bogus) },
    Command { even_if_refused: true, ..command("showq", Session::bogus) },
];

/// What stands for every other word.
static UNKNOWN: Command =
    Command { even_if_refused: true, slowed: false, other: Some(b'5'), ..command("startup", Session::unknown) };

/// Returns the command called `word`.
pub(super) fn find(word: &BStr) -> &'static Command {
    COMMANDS.iter().find(|command| word.eq_ignore_ascii_case(command.name.as_bytes())).unwrap_or(&UNKNOWN)
}

/// Tells whether a line is the request of a web client.
pub(super) fn is_http(line: &[u8]) -> bool {
    HTTP_WORDS.iter().any(|word| {
        line.split_at_checked(word.len())
            .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(word) && rest.first().is_some_and(u8::is_c_space))
    })
}

impl Session {
    /// Refuses a client that did not wait for a reply; tells whether it did not.
    fn caught_talking(&mut self, phase: &str) -> bool {
        if self.input.is_empty() || self.settings.early_talk_allowed {
            return false;
        }
        self.log(notes::early_talk(self.settings.client.as_bstr(), phase));
        self.denial = Some(Denial::Client(texts::command_rejected()));
        true
    }

    fn helo(&mut self, line: &Line) {
        self.hello(line, false);
    }

    fn ehlo(&mut self, line: &Line) {
        self.hello(line, true);
    }

    /// HELO and EHLO (`RFC 5321 §4.1.1.1`).
    fn hello(&mut self, line: &Line, extended: bool) {
        self.counters.hellos += 1;
        if self.slow_down("HELO/EHLO", self.counters.hellos, HELLO_MAX) {
            return;
        }
        // QUIRK(protocol-first): it counts even if the rest of the command is refused.
        self.effects.push(Effect::Protocol { extended });
        if self.denial.is_none() && self.caught_talking(if extended { "EHLO" } else { "HELO" }) {
            return self.send(texts::protocol_error());
        }
        let (argument, bogus_allowed) = (line.argument(), self.settings.bogus_hello_allowed);
        if argument.is_empty() && !bogus_allowed {
            return self.send(texts::hello_requires_name(line.word()));
        }
        let name = hello_name(argument, bogus_allowed);
        if argument.len() > HELLO_BYTES_MAX || (name.is_none() && !bogus_allowed) {
            return self.send(texts::hello_invalid_name());
        }
        if self.hello_seen || self.transaction.is_some() {
            self.reset_transaction("EHLO");
        }
        self.hello_seen = true;
        let first = texts::hello(self.settings.host.as_bstr(), self.settings.client.as_bstr(), name.is_none());
        // What is no name counts as said, but the message is from the client as we know it.
        self.effects.push(Effect::Hello { name: name.map(Into::into) });
        let mut lines = vec![first];
        if extended {
            lines.extend(self.offers().into_iter().map(Into::into));
        }
        self.filter(FilterMoment::Hello, Held::Hello(Reply::of_lines(250, None, lines)));
    }

    /// Returns what EHLO offers, in the original's order.
    fn offers(&self) -> Vec<String> {
        let mut offers = vec!["ENHANCEDSTATUSCODES".to_owned()];
        if matches!(self.denial, Some(Denial::Client(_))) {
            return offers;
        }
        let (features, size) = (&self.settings.features, self.settings.limits.message_bytes_max);
        let deliver_by = features.deliver_by_min_secs;
        let with_number =
            |name: &str, number: u64| if number > 0 { format!("{name} {number}") } else { name.to_owned() };
        let list = [
            (features.pipelining, "PIPELINING".to_owned()),
            (features.expn, "EXPN".to_owned()),
            (features.expn && features.verb, "VERB".to_owned()),
            (true, "8BITMIME".to_owned()),
            (true, with_number("SIZE", size)),
            (features.dsn, "DSN".to_owned()),
            (features.etrn, "ETRN".to_owned()),
            (!features.auth.is_empty() && !self.is_authenticated, format!("AUTH {}", features.auth)),
            (features.start_tls && !self.is_secure, "STARTTLS".to_owned()),
            (
                deliver_by.is_some(),
                with_number("DELIVERBY", deliver_by.and_then(|s| u64::try_from(s).ok()).unwrap_or(0)),
            ),
            (true, "HELP".to_owned()),
        ];
        offers.extend(list.into_iter().filter(|(offered, _)| *offered).map(|(_, text)| text));
        offers
    }

    /// Forgets sender and recipients because of the command `why`.
    pub(super) fn reset_transaction(&mut self, why: &'static str) {
        self.forget_transaction();
        self.effects.push(Effect::Reset { size_bytes: None, why: Some(why) });
    }

    fn mail(&mut self, line: &Line) {
        if !self.hello_seen && self.settings.mail_needs_hello {
            return self.send(texts::say_hello_first());
        }
        if self.transaction.is_some() {
            return self.send(texts::sender_already_specified());
        }
        if self.settings.auth_required && !self.is_authenticated {
            return self.send(texts::authentication_required());
        }
        let rest = match skip_word(line.argument(), "FROM") {
            Ok(rest) => rest,
            Err(word) => return self.send(texts::syntax_error(word)),
        };
        let (address, params) = split_address(rest);
        // QUIRK(comment-as-sender): a comment alone stands for the host itself.
        let address = if address_list::is_comment(address) { report::AUTHOR.as_bytes() } else { address };
        let (argument, after_hello) = (rest.into(), self.hello_seen);
        let question = Question::Sender { address: address.into(), argument, after_hello };
        self.ask(question, State::ExpectSender { address: address.into(), params: params.into() });
    }

    /// Goes on with MAIL whose address is one.
    pub(super) fn check_sender(&mut self, address: bstr::BString, params: &[u8]) {
        // QUIRK(refused-mail-remembered): those of a MAIL that was refused stay until the transaction is reset.
        let earlier_body = self.mail_params.body.take();
        let bad = self.mail_params.read(params, &self.settings.features).err();
        // QUIRK(seven-bit-session): BODY=7BIT clears the eighth bit of all that comes, until another MAIL.
        self.seven_bit = self.settings.seven_bit_input || self.mail_params.body == Some(BodyType::SevenBit);
        self.mail_params.body = self.mail_params.body.or(earlier_body);
        let params = self.mail_params.clone();
        let size_max = self.settings.limits.message_bytes_max;
        let spoiled = bad.is_some();
        let too_large = (size_max > 0 && params.size_bytes > size_max).then(|| texts::size_beyond_limit(size_max));
        let needs_room = too_large.is_none();
        let question = Question::SenderCheck { address: address.clone(), params, spoiled, needs_room };
        self.ask(question, State::ExpectSenderVerdict { address, wrong: bad.or(too_large) });
    }

    fn rcpt(&mut self, line: &Line) {
        if self.has_too_many_bad_recipients() {
            self.log(notes::bad_recipients(self.settings.client.as_bstr()));
            return self.end(texts::too_many_bad_recipients(self.settings.host.as_bstr()));
        }
        let max = self.settings.limits.bad_recipients_max;
        if max > 0 && self.counters.bad_recipients >= max {
            if self.counters.bad_recipients == max {
                self.log(notes::throttling(self.settings.client.as_bstr()));
                self.counters.bad_recipients += 1;
            }
            self.wait(BAD_RECIPIENT_DELAY);
        }
        let Some(transaction) = self.transaction.as_ref() else {
            return self.send(texts::need_mail_before_rcpt());
        };
        let max = self.settings.limits.recipients_max;
        if max > 0 && transaction.recipients >= max {
            return self.refuse_recipient(CommandRefusal::new(texts::too_many_recipients()));
        }
        match skip_word(line.argument(), "TO") {
            Ok(rest) => {
                let (address, params) = split_address(rest);
                let question = Question::Recipient { address: address.into() };
                self.ask(question, State::ExpectRecipient { address: address.into(), params: params.into() });
            }
            Err(word) => self.refuse_recipient(CommandRefusal::new(texts::syntax_error(word))),
        }
    }

    /// Tells whether the session must end because of bad recipients (`BadRcptShutdown`).
    fn has_too_many_bad_recipients(&self) -> bool {
        let (limits, counted) = (&self.settings.limits, self.counters.bad_recipients);
        // The note about throttling has been counted too.
        let noted = limits.bad_recipients_max > 0 && counted > limits.bad_recipients_max;
        let bad = counted - u32::from(noted);
        let good = self.transaction.as_ref().map_or(0, |transaction| transaction.recipients);
        let spared = limits.bad_recipients_good_percent;
        limits.bad_recipients_end > 0
            && bad >= limits.bad_recipients_end
            && (spared == 0 || good == 0 || bad * 100 / (good + counted) >= spared)
    }

    /// Goes on with RCPT whose address is one.
    pub(super) fn check_recipient(&mut self, address: bstr::BString, params: &[u8]) {
        match RcptParams::read(params, &self.settings.features) {
            Ok(params) => self.ask(Question::RecipientCheck { address, params }, State::ExpectRecipientVerdict),
            Err(reply) => self.refuse_recipient(CommandRefusal::new(reply)),
        }
    }

    fn data_command(&mut self, _line: &Line) {
        let Some(transaction) = self.transaction.as_ref() else {
            return self.send(texts::need_mail());
        };
        let recipients = transaction.recipients;
        if recipients == 0 {
            return self.send(texts::need_rcpt());
        }
        if self.caught_talking("DATA") {
            return self.end(texts::protocol_error());
        }
        self.ask(Question::Message { recipients }, State::ExpectMessageVerdict);
    }

    fn rset(&mut self, _line: &Line) {
        self.reset_transaction("RSET");
        self.send(texts::reset());
    }

    /// Slows a client down, or sends it away, that sends commands which do nothing; tells whether it did that.
    fn idle_command(&mut self, name: &str) -> bool {
        self.counters.idle += 1;
        self.slow_down(name, self.counters.idle, self.settings.limits.noop_max)
    }

    fn noop(&mut self, _line: &Line) {
        if !self.idle_command("NOOP") {
            self.send(texts::ok());
        }
    }

    fn quit(&mut self, _line: &Line) {
        if self.transaction.is_some() {
            self.reset_transaction("aborted by sender");
        }
        self.end(texts::closing(self.settings.host.as_bstr()));
    }

    fn vrfy(&mut self, line: &Line) {
        self.verify(line, false);
    }

    fn expn(&mut self, line: &Line) {
        self.verify(line, true);
    }

    /// VRFY and EXPN (`RFC 5321 §3.5`).
    fn verify(&mut self, line: &Line, expand: bool) {
        self.counters.verifies += 1;
        if self.slow_down(if expand { "EXPN" } else { "VRFY" }, self.counters.verifies, VERIFY_MAX) {
            return;
        }
        let rejected = if expand { !self.settings.features.expn } else { self.settings.vrfy_refused };
        let needs_hello = if expand { self.settings.expn_needs_hello } else { self.settings.vrfy_needs_hello };
        if rejected {
            self.send(if expand { texts::not_allowed() } else { texts::cannot_verify() });
        } else if needs_hello && !self.hello_seen {
            return self.send(texts::introduce_yourself());
        }
        self.log(notes::asked(self.settings.client.as_bstr(), line.text(), rejected));
        if rejected {
            return;
        }
        if line.argument().is_empty() {
            return self.send(texts::argument_required());
        }
        let question = Question::Verify { address: line.argument().into(), expand };
        self.ask(question, State::ExpectReply { ends_message: false });
    }

    /// ETRN (`RFC 1985`).
    fn etrn(&mut self, line: &Line) {
        if !self.settings.features.etrn {
            self.send(texts::not_allowed());
            return self.log(notes::asked(self.settings.client.as_bstr(), line.text(), true));
        }
        if line.argument().is_empty() {
            return self.send(texts::parameter_required());
        }
        self.counters.queue_runs += 1;
        if self.slow_down("ETRN", self.counters.queue_runs, ETRN_MAX) {
            return;
        }
        let question = Question::RunQueue { node: line.argument().into() };
        self.ask(question, State::ExpectReply { ends_message: false });
    }

    fn help(&mut self, line: &Line) {
        if self.idle_command("HELP") {
            return;
        }
        let question = Question::Help { topic: line.argument().into() };
        self.ask(question, State::ExpectReply { ends_message: false });
    }

    fn verb(&mut self, _line: &Line) {
        if !(self.settings.features.expn && self.settings.features.verb) {
            return self.send(texts::verbose_unavailable());
        }
        if self.idle_command("VERB") {
            return;
        }
        self.effects.push(Effect::Verbose);
        self.send(texts::verbose());
    }

    fn not_implemented(&mut self, line: &Line) {
        self.send(texts::not_implemented(line.text()));
    }

    /// A command of the worm of 1988: logged, otherwise unknown.
    fn bogus(&mut self, line: &Line) {
        let (client, address) = (self.settings.client.as_bstr(), self.settings.client_address.as_bstr());
        let note = notes::bogus_command(self.last_command, client, address);
        self.log(note);
        self.unknown(line);
    }

    fn unknown(&mut self, line: &Line) {
        let reply = texts::unrecognized(line.text());
        self.filter(FilterMoment::Unknown { line: line.text().into() }, Held::Unknown(reply));
    }
}
