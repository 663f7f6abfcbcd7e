//! The commands of a transaction.

use std::sync::Arc;

use bstr::BString;

use super::Capabilities;
use crate::mail::envelope::{BodyType, DeliverBy, DeliverByMode, Notify, Ret};

/// The longest command line that is sent, in bytes; the original's buffers end here, and no server reads more.
const LINE_BYTES_MAX: usize = 2048;

/// One message for some recipients, as the envelope says it.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// The sender, rewritten for the mailer; with or without angle brackets, empty for none.
    pub sender: BString,
    /// The size of the message in bytes (`SIZE=`).
    pub size_bytes: Option<u64>,
    /// The type of the body as it will be sent (`BODY=`).
    pub body: Option<BodyType>,
    /// `RET=`.
    pub ret: Option<Ret>,
    /// `ENVID=`, in xtext.
    pub envid: Option<BString>,
    /// `AUTH=`, in xtext; sent only to a server with AUTH.
    pub auth: Option<BString>,
    /// `BY=`, with the seconds that are left.
    pub deliver_by: Option<DeliverBy>,
    /// The recipients, in order.
    pub targets: Vec<Target>,
}

/// One recipient of a transaction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Target {
    /// The address, rewritten for the mailer; with or without angle brackets.
    pub address: BString,
    /// `NOTIFY=`, if it was given.
    pub notify: Option<Notify>,
    /// `ORCPT=` as it came.
    pub orcpt: Option<Arc<BString>>,
}

impl Transaction {
    /// Returns the MAIL command, without parameters that the server does not offer; `None` if the sender cannot be sent.
    pub(super) fn mail(&self, offered: &Capabilities) -> Option<Vec<u8>> {
        let mut line = path(b"MAIL From:", &self.sender)?;
        if let (Some(size), Some(_)) = (self.size_bytes, offered.size) {
            line.extend(format!(" SIZE={size}").bytes());
        }
        if let (Some(body), true) = (self.body, offered.eight_bit) {
            line.extend(format!(" BODY={body}").bytes());
        }
        if offered.dsn {
            parameter(&mut line, " ENVID=", self.envid.as_ref());
            if let Some(ret) = self.ret {
                line.extend(format!(" RET={ret}").bytes());
            }
        }
        if offered.auth.is_some() {
            parameter(&mut line, " AUTH=", self.auth.as_ref());
        }
        if let (Some(by), Some(_)) = (self.deliver_by, offered.deliver_by) {
            let mode = if by.mode == DeliverByMode::Notify { "N" } else { "R" };
            line.extend(format!(" BY={};{mode}{}", by.seconds, if by.trace { "T" } else { "" }).bytes());
        }
        ended(line)
    }
}

impl Target {
    /// Returns the RCPT command; `None` if the address cannot be sent.
    pub(super) fn rcpt(&self, offered: &Capabilities) -> Option<Vec<u8>> {
        let mut line = path(b"RCPT To:", &self.address)?;
        if offered.dsn {
            if let Some(notify) = self.notify {
                line.extend(format!(" NOTIFY={notify}").bytes());
            }
            parameter(&mut line, " ORCPT=", self.orcpt.as_deref());
        }
        ended(line)
    }
}

/// Begins a command with an address in angle brackets; `None` if the address could end the command.
fn path(verb: &[u8], address: &[u8]) -> Option<Vec<u8>> {
    if address.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return None;
    }
    let bare = address.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(address);
    Some([verb, b"<", bare, b">"].concat())
}

/// Appends a parameter whose value is a word; another value is left out.
fn parameter(line: &mut Vec<u8>, name: &str, value: Option<&BString>) {
    let is_word = |value: &&BString| !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    if let Some(value) = value.filter(is_word) {
        line.extend(name.bytes());
        line.extend(value.iter());
    }
}

/// Ends a command; `None` if it is too long.
fn ended(mut line: Vec<u8>) -> Option<Vec<u8>> {
    line.extend(b"\r\n");
    (line.len() <= LINE_BYTES_MAX).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Capabilities {
        Capabilities {
            size: Some(0),
            eight_bit: true,
            dsn: true,
            auth: Some(vec![]),
            deliver_by: Some(0),
            ..Capabilities::default()
        }
    }

    fn transaction() -> Transaction {
        Transaction {
            sender: "a@b".into(),
            size_bytes: Some(17),
            body: Some(BodyType::EightBitMime),
            ret: Some(Ret::Headers),
            envid: Some("QQ1".into()),
            auth: Some("<>".into()),
            deliver_by: Some(DeliverBy { seconds: 120, mode: DeliverByMode::Return, trace: true }),
            targets: vec![],
        }
    }

    #[track_caller]
    fn check(line: Option<Vec<u8>>, expected: &str) {
        assert_eq!(line.map(BString::from).expect("can be sent"), format!("{expected}\r\n"));
    }

    #[test]
    fn only_what_is_offered_is_sent() {
        check(transaction().mail(&all()), "MAIL From:<a@b> SIZE=17 BODY=8BITMIME ENVID=QQ1 RET=HDRS AUTH=<> BY=120;RT");
        check(transaction().mail(&Capabilities::default()), "MAIL From:<a@b>");
        check(Transaction::default().mail(&all()), "MAIL From:<>");
        check(Transaction { sender: "<>".into(), ..Transaction::default() }.mail(&all()), "MAIL From:<>");
    }

    #[test]
    fn recipients_carry_what_their_sender_asked() {
        let notify = Some(Notify { success: true, failure: true, delay: false });
        let target = Target { address: "c@d".into(), notify, orcpt: Some(Arc::new("rfc822;c@d".into())) };
        check(target.rcpt(&all()), "RCPT To:<c@d> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;c@d");
        check(target.rcpt(&Capabilities::default()), "RCPT To:<c@d>");
    }

    #[test]
    fn what_could_forge_a_command_is_not_sent() {
        let target = Target { address: "c@d>\r\nDATA".into(), ..Target::default() };
        assert_eq!(target.rcpt(&all()), None);
        let target = Target { address: "c@d".into(), orcpt: Some(Arc::new("x y\r\nQUIT".into())), ..Target::default() };
        check(target.rcpt(&all()), "RCPT To:<c@d>");
        assert_eq!(Target { address: vec![b'x'; 4000].into(), ..Target::default() }.rcpt(&all()), None);
    }
}
