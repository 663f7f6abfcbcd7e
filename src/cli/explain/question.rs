//! What is asked: who sends what to whom.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use bstr::BString;

use super::maillog;

/// What is told with a command line that is wrong.
pub(super) const USAGE: &str = "usage: sendmail --explain [-C FILE.cf] [--full] [--json] [--client ADDRESS] [--client-name NAME] \
[--helo NAME] [--port NAME] [--from SENDER] --to RECIPIENT ...\n       sendmail --explain [-C FILE.cf] [--full] [--json] 'LINE OF THE MAILLOG'";

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
    /// The name of the port (`DaemonPortOptions`) that the client comes in by; none: the first.
    pub(in super::super) port: Option<BString>,
}

impl Question {
    /// Returns the question about a client of this host that says nothing yet.
    pub(in super::super) fn new(client: IpAddr) -> Self {
        Self { client, client_name: None, helo: None, sender: None, recipients: Vec::new(), port: None }
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) question: Question,
    pub(super) file: Option<PathBuf>,
    pub(super) json: bool,
    /// Whether every rule and every key is shown.
    pub(super) full: bool,
}

impl Request {
    /// Reads the words behind `--explain`; the error is the text for the user.
    pub(super) fn parse(words: &[BString]) -> Result<Self, String> {
        use lexopt::prelude::{Long, Short, Value};
        let mut parser = lexopt::Parser::from_args(words.iter().map(|word| OsString::from_vec(word.to_vec())));
        let mut question = Question::new(Ipv4Addr::LOCALHOST.into());
        let (mut file, mut json, mut full) = (None, false, false);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Short('C') => file = Some(PathBuf::from(OsString::from_vec(value(&mut parser)?.into()))),
                Long("json") => json = true,
                Long("full") => full = true,
                Long("client") => question.client = address(&value(&mut parser)?)?,
                Long("client-name") => question.client_name = Some(value(&mut parser)?),
                Long("helo") => question.helo = Some(value(&mut parser)?),
                Long("port") => question.port = Some(value(&mut parser)?),
                Long("from") => question.sender = Some(value(&mut parser)?),
                Long("to") => question.recipients.push(value(&mut parser)?),
                Value(line) => question = maillog::question(line.as_bytes())?,
                other => return Err(other.unexpected().to_string()),
            }
        }
        if question.sender.is_none() && question.recipients.is_empty() {
            return Err("nothing is asked: say --from and --to".into());
        }
        Ok(Self { question, file, json, full })
    }
}

fn value(parser: &mut lexopt::Parser) -> Result<BString, String> {
    let word = parser.value().map_err(|error| error.to_string())?;
    Ok(word.into_vec().into())
}

fn address(text: &BString) -> Result<IpAddr, String> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| format!("{text} is no address of a host: write 192.0.2.1 or 2001:db8::1"))
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
    fn what_cannot_be_asked_is_told() {
        assert_eq!(parse(&[]).expect_err("nothing"), "nothing is asked: say --from and --to");
        assert!(parse(&["--client", "x"]).expect_err("no address").starts_with("x is no address of a host"));
        assert!(parse(&["--nope"]).is_err());
    }
}
