//! What the world tells a session, and what the session asks of it.

use std::time::Duration;

use bstr::BString;

use super::notes::Note;
use super::params::{MailParams, RcptParams};
use crate::mail::eighth_bits::EighthBits;
use crate::mail::header::Header;
use crate::mail::reply::Reply;

/// Everything the outside world can tell the session.
#[derive(Debug)]
pub enum Event<'a> {
    /// The connection was judged; the first event of all.
    Opened(Opening),
    /// Bytes came in; only after [`Effect::Read`].
    Input(&'a [u8]),
    /// The answer to the last [`Effect::Ask`].
    Answer(Answer),
    /// The end of the handshake that [`Effect::StartTls`] asked for: whether TLS protects the connection now.
    Handshake {
        /// Whether it does; if not, the connection is of no more use.
        done: bool,
    },
    /// The client closed the connection, or it broke.
    HungUp,
    /// The client was silent for too long.
    TimedOut,
    /// The server ends.
    ShutDown,
}

/// How a connection begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Opening {
    /// It is welcome.
    Welcome,
    /// Nearly all commands get this reply; 421 closes the connection instead of the greeting.
    Refused(Reply),
    /// Nearly all commands are rejected, after a greeting that says so.
    NotAccepting,
    /// There is no room for messages: nearly all commands but ETRN get this reply.
    NoRoom(Reply),
    /// The client talked this many seconds after connecting, before the greeting.
    EarlyTalk {
        /// Seconds that the greeting would have been held back.
        seconds: u64,
    },
}

/// Everything the session can ask of the outside world; performed in order by `receive/driver.rs`.
///
/// The last effect of an answer is always [`Effect::Read`], [`Effect::Ask`], [`Effect::StartTls`] or [`Effect::Close`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Append a reply to the output.
    Send(Reply),
    /// Find an answer and come back with it.
    Ask(Question),
    /// Send what is due, then wait before the next effect.
    Wait(Duration),
    /// Append text with LF line ends to the body of the message.
    Body(Vec<u8>),
    /// Write a line to the log.
    Log(Note),
    /// The client speaks ESMTP (it has said EHLO) or SMTP.
    Protocol {
        /// Whether it said EHLO.
        extended: bool,
    },
    /// The client calls itself so.
    Hello {
        /// What it calls itself, if that is a name.
        name: Option<BString>,
    },
    /// Forget sender, recipients and text.
    Reset {
        /// The size of the text that was read in vain, if the message had begun.
        size_bytes: Option<u64>,
        /// The word for the log about recipients that get no message now.
        why: Option<&'static str>,
    },
    /// Replies tell more from now on (VERB).
    Verbose,
    /// Send what is due, then wait for input at most as long as this moment allows.
    Read(Moment),
    /// Send what is due, then make the TLS handshake; bytes that came before belong to nobody.
    StartTls,
    /// Send what is due and close.
    Close,
}

/// What the session waits for: each has its own time limit (`Timeout.*`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// The next command (`Timeout.command`).
    Command,
    /// The rest of a command of which something has come; it gives no more time than the whole command has.
    CommandRest,
    /// The client's next line of an AUTH exchange (`Timeout.auth`).
    Auth,
    /// More of the message (`Timeout.datablock`).
    Data,
}

/// What the session wants to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Question {
    /// Have the mail filters an objection? Answered by yes (they have none) or no.
    Filters(FilterMoment),
    /// AUTH begins. Answered by a challenge, yes or no.
    Auth {
        /// The mechanism, in capitals.
        mechanism: BString,
        /// The initial response in base64, if there is one.
        initial: Option<BString>,
    },
    /// The client answers the last challenge of AUTH. Answered by a challenge, yes or no.
    AuthLine {
        /// The response in base64.
        line: BString,
    },
    /// Is the command allowed (ruleset check_other)? Answered by yes or no.
    Other {
        /// The whole command line.
        line: BString,
        /// The first digit of the reply that it gets otherwise.
        digit: u8,
    },
    /// Is this a sender's address? Answered by yes or no.
    Sender {
        /// The address as it was typed, or the one that a comment stands for.
        address: BString,
        /// What was typed: the address and all that stands behind it.
        argument: BString,
        /// Whether the client said HELO or EHLO.
        after_hello: bool,
    },
    /// May this sender send (ruleset check_mail)? Answered by yes or no.
    SenderCheck {
        /// The address as it was typed.
        address: BString,
        /// The parameters.
        params: MailParams,
        /// Whether the parameters are wrong: then there is nothing to check, only to remember for the log.
        spoiled: bool,
        /// Whether room for the message is looked for; a message that is too large anyway needs none.
        needs_room: bool,
    },
    /// Is this a recipient's address? Answered by yes or no.
    Recipient {
        /// The address as it was typed.
        address: BString,
    },
    /// May and can this recipient be served (ruleset check_rcpt)? Answered by a recipient or no.
    RecipientCheck {
        /// The address as it was typed.
        address: BString,
        /// The parameters.
        params: RcptParams,
    },
    /// May the message come (ruleset check_data)? Answered by yes or no.
    Message {
        /// How many RCPT were accepted.
        recipients: u32,
    },
    /// Is the header good (its checks, check_eoh)? Answered by yes or no.
    Header {
        /// The fields.
        headers: Vec<Header>,
        /// Bytes of them with the line that ends them.
        size_bytes: u64,
    },
    /// Will you take the message? Answered by a reply.
    Finish(Ending),
    /// VRFY or EXPN of an address. Answered by a reply.
    Verify {
        /// The address as it was typed.
        address: BString,
        /// Whether lists are expanded (EXPN).
        expand: bool,
    },
    /// ETRN. Answered by a reply.
    RunQueue {
        /// The argument as it was typed.
        node: BString,
    },
    /// HELP. Answered by a reply.
    Help {
        /// The topic as it was typed; empty for the overview.
        topic: BString,
    },
}

/// What mail filters judge, each time after the site itself has no objection; details are known from the question before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FilterMoment {
    /// The connection.
    Connection,
    /// HELO or EHLO.
    Hello,
    /// MAIL.
    Sender,
    /// RCPT.
    Recipient,
    /// DATA.
    Message,
    /// The header.
    Header,
    /// A command that is none.
    Unknown {
        /// The whole command line.
        line: BString,
    },
}

/// How a message ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// Bytes of header and body, line ends counted as one.
    pub size_bytes: u64,
    /// Where it has bytes above 127.
    pub bits: EighthBits,
    /// How many RCPT were accepted, those that came twice counted twice.
    pub recipients: u32,
    /// The reply that refuses the message.
    pub refused: Option<Reply>,
    /// Log lines that come after the one about its sender.
    pub notes: Vec<Note>,
}

/// The answer to a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Yes; the session goes on.
    Yes,
    /// No.
    No(CommandRefusal),
    /// The recipient is accepted.
    Recipient {
        /// The spelling that the reply repeats: that of the first one if it is a duplicate.
        address: BString,
        /// Whether delivery must wait for a map.
        queued: bool,
    },
    /// What is to be sent.
    Reply(Reply),
    /// AUTH goes on with this challenge, in base64.
    Challenge(BString),
}

/// Why not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommandRefusal {
    /// The reply.
    pub reply: Reply,
    /// Whether the log knows already.
    pub logged: bool,
}

impl CommandRefusal {
    /// Returns a refusal that the log does not know yet.
    pub fn new(reply: Reply) -> Self {
        Self { reply, logged: false }
    }

    /// Returns a refusal that the log knows already.
    pub fn logged(reply: Reply) -> Self {
        Self { reply, logged: true }
    }
}
