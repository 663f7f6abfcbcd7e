//! What is asked: who sends what to whom.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use bstr::{BString, ByteSlice};

use super::maillog::{self, Logged};
use crate::mail::header::Header;

/// What is told with a command line that is wrong.
pub(super) const USAGE: &str = "\
usage: sendmail --explain [FLAG ...] [--from SENDER] --to RECIPIENT ...   what becomes of such a message, and why
       sendmail --explain [FLAG ...] --header 'NAME: TEXT'                which ruleset judges a field, and what it says
       sendmail --explain [FLAG ...] 'LINE OF THE MAILLOG'                the same question as then, answered today
  -C FILE.cf           another configuration
  --client ADDRESS     who sends (127.0.0.1)          --client-name NAME   its name, taken as verified
  --helo NAME          what it says in EHLO           --port NAME          a port of the daemon, by name or number
  --full               every rule and every key       --json               for programs";

/// The recipient of a message of which only the header is in question.
pub(super) const SOMEBODY: &str = "postmaster";

/// One envelope and the client that hands it in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in super::super) struct Question {
    /// The client's address.
    pub(in super::super) client: IpAddr,
    /// The client's name, taken as verified; none: it is looked up.
    pub(in super::super) client_name: Option<BString>,
    /// What the client says in EHLO; none: its name or address.
    pub(in super::super) helo: Option<BString>,
    /// The sender; none: the session ends before it.
    pub(in super::super) sender: Option<BString>,
    /// The recipients.
    pub(in super::super) recipients: Vec<BString>,
    /// Fields that stand in the header beside those that every message has.
    pub(in super::super) fields: Vec<Header>,
    /// The port (`DaemonPortOptions`) that the client comes in by, by name or number; none: the first.
    pub(in super::super) port: Option<BString>,
}

impl Question {
    /// Returns the question about a client of this host that says nothing yet.
    pub(in super::super) fn new(client: IpAddr) -> Self {
        let (client_name, helo, sender, port) = (None, None, None, None);
        Self { client, client_name, helo, sender, recipients: Vec::new(), fields: Vec::new(), port }
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) question: Question,
    /// What the question was made of, if it was a line of the maillog.
    pub(super) logged: Option<Logged>,
    pub(super) file: Option<PathBuf>,
    pub(super) json: bool,
    /// Whether every rule and every key is shown.
    pub(super) full: bool,
    /// Only the usage is wanted.
    pub(super) help: bool,
}

impl Request {
    /// Reads the words behind `--explain`; the error is the text for the user.
    pub(super) fn parse(words: &[BString]) -> Result<Self, String> {
        use lexopt::prelude::{Long, Short, Value};
        let mut parser = lexopt::Parser::from_args(words.iter().map(|word| OsString::from_vec(word.to_vec())));
        let mut given = Question::new(Ipv4Addr::LOCALHOST.into());
        let (mut client, mut logged, mut is_recipient) = (None, None, false);
        let (mut file, mut json, mut full, mut help) = (None, false, false, false);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            let was_recipient = std::mem::take(&mut is_recipient);
            match argument {
                Short('C') => file = Some(PathBuf::from(OsString::from_vec(value(&mut parser)?.into()))),
                Long("json") => json = true,
                Long("full") => full = true,
                Long("help") => help = true,
                Long("client") => client = Some(address(&value(&mut parser)?)?),
                Long("client-name") => given.client_name = Some(value(&mut parser)?),
                Long("helo") => given.helo = Some(value(&mut parser)?),
                Long("port") => given.port = Some(value(&mut parser)?),
                Long("from") => given.sender = Some(bare(&value(&mut parser)?)),
                Long("header") => given.fields.push(field(&value(&mut parser)?)?),
                Long("to") => {
                    given.recipients.push(bare(&value(&mut parser)?));
                    is_recipient = true;
                }
                Value(word) if was_recipient => {
                    given.recipients.push(bare(word.as_bytes()));
                    is_recipient = true;
                }
                Value(line) => logged = Some(maillog::read(line.as_bytes())?),
                other => return Err(other.unexpected().to_string()),
            }
        }
        let question = match &logged {
            Some(Logged { question, .. }) => over(question.clone(), given, client),
            None => Question { client: client.unwrap_or(given.client), ..given },
        };
        let mut question = question;
        if question.recipients.is_empty() && !question.fields.is_empty() {
            question.recipients.push(SOMEBODY.into());
        }
        let asks = question.sender.is_some() || !question.recipients.is_empty();
        if !asks && logged.is_none() && !help {
            return Err("nothing is asked: say --from and --to".into());
        }
        Ok(Self { question, logged, file, json, full, help })
    }
}

/// Returns the question of a line with what the command line says beside it.
fn over(of_line: Question, given: Question, client: Option<IpAddr>) -> Question {
    Question {
        client: client.unwrap_or(of_line.client),
        client_name: given.client_name.or(of_line.client_name.filter(|_| client.is_none())),
        helo: given.helo.or(of_line.helo),
        sender: given.sender.or(of_line.sender),
        recipients: if given.recipients.is_empty() { of_line.recipients } else { given.recipients },
        fields: [of_line.fields, given.fields].concat(),
        port: given.port.or(of_line.port),
    }
}

/// Returns an address without the angle brackets around it.
pub(in super::super) fn bare(address: &[u8]) -> BString {
    let address = address.trim();
    address.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).unwrap_or(address).into()
}

fn field(text: &BString) -> Result<Header, String> {
    Header::parse(text).ok_or_else(|| format!("{text} is no field of a header: write 'Subject: make money fast'"))
}

fn value(parser: &mut lexopt::Parser) -> Result<BString, String> {
    let word = parser.value().map_err(|error| error.to_string())?;
    Ok(word.into_vec().into())
}

/// Reads an address, also as the maillog and `${client_addr}` write it: `[192.0.2.1]`, `IPv6:2001:db8::1`.
pub(in super::super) fn address(text: &[u8]) -> Result<IpAddr, String> {
    let inner = text.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(text);
    let is_tagged = inner.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case(b"IPv6:"));
    let inner = if is_tagged { &inner[5..] } else { inner };
    let parsed = inner.to_str().ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| format!("{} is no address of a host: write 192.0.2.1 or 2001:db8::1", text.as_bstr()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Request, String> {
        Request::parse(&words.iter().map(|word| BString::from(*word)).collect::<Vec<_>>())
    }

    #[test]
    fn an_envelope_is_read() {
        let request =
            parse(&["--client=192.0.2.9", "--helo", "h", "--from", "", "--to", "a@b", "--to", "c"]).expect("correct");
        assert_eq!(request.question.client, IpAddr::from([192, 0, 2, 9]));
        assert_eq!((request.question.sender, request.question.recipients.len()), (Some("".into()), 2));
        assert_eq!(request.file, None);
    }

    #[test]
    fn addresses_may_be_written_as_the_log_writes_them() {
        let request =
            parse(&["--client", "[192.0.2.9]", "--from", "<>", "--to", "<a@b>", "c@d", "--full"]).expect("correct");
        assert_eq!(request.question.client, IpAddr::from([192, 0, 2, 9]));
        assert_eq!(request.question.sender, Some("".into()));
        assert_eq!(request.question.recipients, ["a@b", "c@d"]);
        let request = parse(&["--client", "IPv6:2001:db8::5", "--header", "Subject: x", "--help"]).expect("correct");
        assert_eq!(request.question.client.to_string(), "2001:db8::5");
        assert_eq!((request.question.fields[0].name.to_string(), request.help), ("Subject".to_owned(), true));
    }

    #[test]
    fn the_command_line_adds_to_a_line_of_the_log() {
        let line = "ruleset=check_rcpt, arg1=<x@y>, relay=a.b [192.0.2.1], reject=550 no";
        let request = parse(&["--from", "s@t", line]).expect("correct");
        assert_eq!((request.question.sender, request.question.recipients), (Some("s@t".into()), vec!["x@y".into()]));
        assert_eq!(request.question.client, IpAddr::from([192, 0, 2, 1]));
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        assert_eq!(parse(&[]).expect_err("nothing"), "nothing is asked: say --from and --to");
        assert!(parse(&["--client", "x"]).expect_err("no address").starts_with("x is no address of a host"));
        assert!(parse(&["--nope"]).is_err());
    }
}
