//! `sendmail --compare OTHER.cf`: which addresses and envelopes two configurations treat differently.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bstr::io::BufReadExt;
use bstr::{BString, ByteSlice};

use super::desk;
use super::explain::{Dialogue, Question, bare, open};
use crate::name::Sysexit;
use crate::site::Site;

const USAGE: &str = "usage: sendmail --compare OTHER.cf [-C FILE.cf] [ADDRESS ...]\n       without an address, lines of standard \
input: ADDRESS, or SENDER RECIPIENT, or CLIENT SENDER RECIPIENT";

/// A client of no network that exists (RFC 5737): what the world outside gets.
const OUTSIDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The exit status when something differs, as of `diff`.
const DIFFERENT: u8 = 1;

/// What the command line asks for.
#[derive(Debug, Eq, PartialEq)]
struct Request {
    file: Option<PathBuf>,
    other: PathBuf,
    addresses: Vec<BString>,
}

impl Request {
    /// Reads the words behind `--compare`; the error is the text for the user.
    fn parse(words: &[BString]) -> Result<Self, String> {
        use lexopt::prelude::{Short, Value};
        let mut parser = lexopt::Parser::from_args(words.iter().map(|word| OsString::from_vec(word.to_vec())));
        let (mut file, mut operands) = (None, Vec::new());
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Short('C') => file = Some(PathBuf::from(parser.value().map_err(|error| error.to_string())?)),
                Value(word) => operands.push(word),
                other => return Err(other.unexpected().to_string()),
            }
        }
        if operands.is_empty() {
            return Err("the other configuration is missing".into());
        }
        let other = operands.remove(0).into();
        let addresses = operands.into_iter().map(|word| word.into_vec().into()).collect();
        Ok(Self { file, other, addresses })
    }
}

/// Runs `sendmail --compare`; `argv` begins with the program's name.
pub(super) fn main(argv: &[BString]) -> ExitCode {
    let request = match Request::parse(argv.get(2..).unwrap_or_default()) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("sendmail --compare: {error}\n{USAGE}");
            return Sysexit::Usage.into();
        }
    };
    let mut differ = false;
    let exit = desk::on_runtime(async || match run(&request).await {
        Ok(found) => {
            differ = found;
            Sysexit::Ok
        }
        Err(exit) => exit,
    });
    if differ { ExitCode::from(DIFFERENT) } else { exit }
}

/// Compares everything; tells whether anything differs.
async fn run(request: &Request) -> Result<bool, Sysexit> {
    let sites = (open(request.file.as_deref()).await?.0, open(Some(&request.other)).await?.0);
    let cases: Vec<BString> = match request.addresses.is_empty() {
        true => io::stdin().lock().byte_lines().map_while(Result::ok).map(Into::into).collect(),
        false => request.addresses.clone(),
    };
    let mut any = false;
    let mut out = io::stdout().lock();
    for case in cases.iter().filter(|case| !case.trim().is_empty()) {
        for (title, question) in questions(case) {
            let left = treatment(&sites.0, &question).await;
            let right = treatment(&sites.1, &question).await;
            if left != right {
                any = true;
                let report = report(&title, &left, &right);
                out.write_all(report.as_bytes()).map_err(|_| Sysexit::IoErr)?;
            }
        }
    }
    Ok(any)
}

/// Returns what is asked of both configurations about a line.
fn questions(line: &BString) -> Vec<(String, Question)> {
    let words: Vec<&[u8]> = line.fields().collect();
    let question = |client: IpAddr, sender: &[u8], recipient: Option<&[u8]>| Question {
        sender: Some(bare(sender)),
        recipients: recipient.into_iter().map(bare).collect(),
        ..Question::new(client)
    };
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    match words[..] {
        [client, sender, recipient] if client.to_str().is_ok_and(|text| text.parse::<IpAddr>().is_ok()) => {
            let client = client.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(OUTSIDER);
            vec![(line.to_string(), question(client, sender, Some(recipient)))]
        }
        [sender, recipient] => vec![
            (format!("{line} from this host"), question(here, sender, Some(recipient))),
            (format!("{line} from outside"), question(OUTSIDER, sender, Some(recipient))),
        ],
        _ => vec![
            (format!("{line} as recipient, from this host"), question(here, b"", Some(line))),
            (format!("{line} as recipient, from outside"), question(OUTSIDER, b"", Some(line))),
            (format!("{line} as sender, from outside"), question(OUTSIDER, line, None)),
        ],
    }
}

/// Returns what becomes of an envelope, a line for each thing that can be seen from outside.
async fn treatment(site: &Arc<Site>, question: &Question) -> Vec<String> {
    let dialogue = Dialogue::hold(site, question, None).await;
    let mut lines = Vec::new();
    // The greeting and the features tell of the host, not of an address.
    for stage in dialogue.stages.iter().filter(|stage| {
        stage.command.starts_with(b"MAIL") || stage.command.starts_with(b"RCPT") || !stage.is_accepted()
    }) {
        lines.push(stage.reply.to_string());
    }
    for destination in &dialogue.destinations {
        lines.push(match &destination.route {
            Ok((mailer, host, user)) => format!("mailer {mailer}, host {host}, user {user}"),
            Err(text) => text.to_string(),
        });
        if let Some((sender, recipient)) = &destination.envelope {
            lines.push(format!("envelope from {sender} to {recipient}"));
        }
        if let Some((sender, recipient)) = &destination.header {
            lines.push(format!("header From: {sender}, To: {recipient}"));
        }
    }
    lines
}

/// Writes what differs: `<` before what the first configuration does, `>` before the other's.
fn report(title: &str, left: &[String], right: &[String]) -> String {
    let mut text = format!("{title}\n");
    for line in left.iter().filter(|line| !right.contains(line)) {
        text.push_str(&format!("< {}\n", line.replace('\n', "\n< ")));
    }
    for line in right.iter().filter(|line| !left.contains(line)) {
        text.push_str(&format!("> {}\n", line.replace('\n', "\n> ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_address_or_an_envelope() {
        assert_eq!(questions(&"a@b".into()).len(), 3);
        assert_eq!(questions(&"a@b c@d".into()).len(), 2);
        let [(_, question)] = &questions(&"192.0.2.7 <> <c@d>".into())[..] else { panic!("one question") };
        assert_eq!((question.sender.clone(), question.recipients.clone()), (Some("".into()), vec!["c@d".into()]));
    }

    #[test]
    fn only_what_differs_is_told() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(report("t", &lines("a\nb"), &lines("a\nc")), "t\n< b\n> c\n");
    }
}
