//! What a session waits for, and what it remembers of the client.

use bstr::BString;

use super::commands::Command;
use super::event::Opening;
use super::line::Line;
use super::message::Message;
use crate::mail::reply::Reply;

/// What the session waits for.
#[derive(Debug)]
pub(super) enum State {
    /// Judgement of the connection.
    ExpectOpening,
    /// The next command.
    ExpectCommand,
    /// The end of a line that is too long already.
    ExpectLineEnd { bytes: usize },
    /// The verdict of check_other on a command.
    ExpectOther { line: Line, command: &'static Command },
    /// The end of the TLS handshake; with a port for TLS alone, the greeting comes then.
    ExpectTls { greeting: Option<Opening> },
    /// What comes of the last line of an AUTH exchange.
    ExpectAuthVerdict,
    /// The client's next line of an AUTH exchange.
    ExpectAuthLine,
    /// Whether the sender's address is one.
    ExpectSender { address: BString, params: BString },
    /// The verdict of check_mail; after a yes the parameters may still be wrong.
    ExpectSenderVerdict { address: BString, wrong: Option<Reply> },
    /// Whether the recipient's address is one.
    ExpectRecipient { address: BString, params: BString },
    /// The verdict of check_rcpt and of the look-up of the recipient.
    ExpectRecipientVerdict,
    /// The verdict of check_data.
    ExpectMessageVerdict,
    /// More of the message.
    ExpectData(Box<Message>),
    /// The verdict on the header.
    ExpectHeaderVerdict(Box<Message>),
    /// The verdict of the mail filters on something that the site takes.
    ExpectFilters(Held),
    /// The reply to a message or a question.
    ExpectReply { ends_message: bool },
    /// Nothing any more.
    Closed,
}

/// What goes on when the mail filters have no objection.
#[derive(Debug)]
pub(super) enum Held {
    /// The greeting.
    Greeting(Reply),
    /// The reply to HELO or EHLO.
    Hello(Reply),
    /// The reply to MAIL, and the sender.
    Sender { address: BString },
    /// The reply to RCPT.
    Recipient(Reply),
    /// The reply to DATA.
    Message,
    /// The body.
    Header(Box<Message>),
    /// The reply to a command that is none.
    Unknown(Reply),
}

/// Sender and recipients so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Transaction {
    /// The sender as it was typed.
    pub(super) sender: BString,
    /// How many RCPT were accepted, duplicates counted.
    pub(super) recipients: u32,
}

/// How often things happened in this session; bad recipients count for one transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    pub(super) bad_commands: u32,
    pub(super) bad_recipients: u32,
    pub(super) hellos: u32,
    pub(super) idle: u32,
    pub(super) verifies: u32,
    pub(super) queue_runs: u32,
    pub(super) auths: u32,
}

/// Why nearly every command is refused.
#[derive(Clone, Debug)]
pub(super) enum Denial {
    /// Because of the client.
    Client(Reply),
    /// Because there is no room for messages; ETRN is served, and everything is offered.
    NoRoom(Reply),
}

impl Denial {
    /// Returns the reply to a command.
    pub(super) fn reply(&self, command: &Command) -> Option<&Reply> {
        match self {
            Self::NoRoom(_) if command.even_without_room => None,
            Self::Client(reply) | Self::NoRoom(reply) => Some(reply).filter(|_| !command.even_if_refused),
        }
    }
}
