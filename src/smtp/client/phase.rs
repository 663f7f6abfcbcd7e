//! What a client waits for.

use std::time::Duration;

use crate::cf::Timeouts;

/// The step of a conversation; each has its own time limit and its own reading of the replies.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Phase {
    /// The greeting of the server.
    Greeting,
    /// The answer to EHLO.
    Ehlo,
    /// The answer to HELO.
    Helo,
    /// The answer to LHLO.
    Lhlo,
    /// The answer to STARTTLS.
    StartTls,
    /// The answer to AUTH.
    Auth,
    /// The answer to MAIL.
    Mail,
    /// The answer to RCPT.
    Rcpt,
    /// The answer to DATA.
    DataInit,
    /// The message on its way.
    DataBlock,
    /// The answer to the final dot.
    DataFinal,
    /// The answer to RSET.
    Rset,
    /// The answer to QUIT.
    Quit,
}

impl Phase {
    /// Returns the words in which the original tells the log where a server went silent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "client greeting",
            Self::Ehlo => "client EHLO",
            Self::Helo => "client HELO",
            Self::Lhlo => "client LHLO",
            Self::StartTls => "client STARTTLS",
            Self::Auth => "client AUTH",
            Self::Mail => "client MAIL",
            Self::Rcpt => "client RCPT",
            Self::DataInit => "client DATA 354",
            Self::DataBlock => "client DATA text",
            Self::DataFinal => "client DATA status",
            Self::Rset => "client RSET",
            Self::Quit => "client QUIT",
        }
    }

    /// Returns the time limit (`Timeout.*`).
    pub const fn limit(self, timeouts: &Timeouts) -> Duration {
        match self {
            Self::Greeting => timeouts.initial,
            Self::Ehlo | Self::Helo => timeouts.helo,
            Self::Lhlo => timeouts.lhlo,
            Self::StartTls => timeouts.starttls,
            Self::Auth => timeouts.auth,
            Self::Mail => timeouts.mail,
            Self::Rcpt => timeouts.rcpt,
            Self::DataInit => timeouts.datainit,
            Self::DataBlock => timeouts.datablock,
            Self::DataFinal => timeouts.datafinal,
            Self::Rset => timeouts.rset,
            Self::Quit => timeouts.quit,
        }
    }

    /// Tells whether a failure here says nothing about the message, only about the host.
    pub const fn is_opening(self) -> bool {
        matches!(self, Self::Greeting | Self::Ehlo | Self::Helo | Self::Lhlo | Self::StartTls | Self::Auth)
    }
}
