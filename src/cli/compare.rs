//! `sendmail --compare OTHER.cf`: which addresses and envelopes two configurations treat differently.

mod header_checks;
mod treatment;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bstr::io::BufReadExt;
use bstr::{BString, ByteSlice};
use serde_json::{Value, json};

use self::treatment::treatment;
use super::desk;
use super::explain::{Question, address, bare, open};
use crate::mail::header::Header;
use crate::name::Sysexit;
use crate::site::Site;

const USAGE: &str = "\
usage: sendmail --compare OTHER.cf [-C FILE.cf] [--json] [--header 'NAME: TEXT'] [ADDRESS ...]
       without an address, lines of standard input: ADDRESS, or SENDER RECIPIENT, or CLIENT SENDER RECIPIENT; # begins a comment
       exit status: 0 nothing differs, 1 something does, above if a configuration has errors or cannot be read";

/// A client of no network that exists (RFC 5737): what the world outside gets.
const OUTSIDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A user that every host has, to whom a sender writes of whom alone is asked.
const SOMEBODY: &str = "root";

/// A user of a host elsewhere (RFC 2606).
const FOREIGNER: &str = "somebody@example.com";

/// The exit status when something differs, as of `diff`.
const DIFFERENT: u8 = 1;

/// What the command line asks for.
#[derive(Debug, Default, Eq, PartialEq)]
struct Request {
    file: Option<PathBuf>,
    other: PathBuf,
    addresses: Vec<BString>,
    /// Fields that stand in the header of every message that is thought of.
    fields: Vec<Header>,
    json: bool,
    help: bool,
}

impl Request {
    /// Reads the words behind `--compare`; the error is the text for the user.
    fn parse(words: &[BString]) -> Result<Self, String> {
        use lexopt::prelude::{Long, Short, Value};
        let mut parser = lexopt::Parser::from_args(words.iter().map(|word| OsString::from_vec(word.to_vec())));
        let (mut request, mut operands) = (Self::default(), Vec::new());
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Short('C') => request.file = Some(PathBuf::from(value(&mut parser)?)),
                Long("json") => request.json = true,
                Long("help") => request.help = true,
                Long("header") => {
                    let text = BString::from(value(&mut parser)?.into_vec());
                    let field = Header::parse(&text).ok_or_else(|| format!("{text} is no field of a header"))?;
                    request.fields.push(field);
                }
                Value(word) => operands.push(word),
                other => return Err(other.unexpected().to_string()),
            }
        }
        if !operands.is_empty() {
            request.other = operands.remove(0).into();
        } else if !request.help {
            return Err("the other configuration is missing".into());
        }
        request.addresses = operands.into_iter().map(|word| word.into_vec().into()).collect();
        Ok(request)
    }
}

fn value(parser: &mut lexopt::Parser) -> Result<OsString, String> {
    parser.value().map_err(|error| error.to_string())
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
    if request.help {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let mut differ = false;
    let exit = desk::on_runtime(async || match run(&request).await {
        Ok((found, exit)) => {
            differ = found && exit == Sysexit::Ok;
            exit
        }
        Err(exit) => exit,
    });
    if differ { ExitCode::from(DIFFERENT) } else { exit }
}

/// Something that the two configurations treat differently.
#[derive(Debug, Eq, PartialEq)]
struct Difference {
    /// What is asked.
    title: String,
    /// What only the first configuration does with it.
    left: Vec<String>,
    /// What only the other does.
    right: Vec<String>,
}

impl Difference {
    /// Returns what differs between the lines of both, if anything does.
    fn of(title: String, left: &[String], right: &[String]) -> Option<Self> {
        let only = |these: &[String], others: &[String]| -> Vec<String> {
            these.iter().filter(|line| !others.contains(line)).cloned().collect()
        };
        (left != right).then(|| Self { title, left: only(left, right), right: only(right, left) })
    }

    /// Returns the text for a person: `<` before what the first configuration does, `>` before the other's.
    fn told(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for (mark, lines) in [("<", &self.left), (">", &self.right)] {
            for line in lines {
                text.push_str(&format!("{mark} {}\n", line.replace('\n', &format!("\n{mark} "))));
            }
        }
        text
    }

    fn value(&self) -> Value {
        json!({ "case": self.title, "first": self.left, "other": self.right })
    }
}

/// Compares everything; tells whether anything differs, and what the faults of a configuration lead to.
async fn run(request: &Request) -> Result<(bool, Sysexit), Sysexit> {
    let (first, first_exit) = open(request.file.as_deref()).await?;
    let (other, other_exit) = open(Some(&request.other)).await?;
    let mut exit = Sysexit::Ok;
    for (site, fault) in [(&first, first_exit), (&other, other_exit)] {
        if fault != Sysexit::Ok {
            eprintln!("sendmail --compare: {} has errors, and mail would not be taken at all", site.config.file);
            exit = fault;
        }
    }
    let cases: Vec<BString> = match request.addresses.is_empty() {
        true => io::stdin().lock().byte_lines().map_while(Result::ok).map(Into::into).collect(),
        false => request.addresses.clone(),
    };
    let mut differences = header_checks::differences(&first, &other);
    for case in cases.iter().filter(|case| !case.trim().is_empty() && !case.trim().starts_with(b"#")) {
        differences.extend(differences_of(&first, &other, case, &request.fields).await);
    }
    let text = match request.json {
        true => format!(
            "{:#}\n",
            json!({
                "first": first.config.file.to_string(), "other": other.config.file.to_string(),
                "differences": differences.iter().map(Difference::value).collect::<Vec<_>>(),
            })
        ),
        false => differences.iter().map(Difference::told).collect(),
    };
    io::stdout().write_all(text.as_bytes()).map_err(|_| Sysexit::IoErr)?;
    Ok((!differences.is_empty(), exit))
}

/// Returns what differs about one line of input.
async fn differences_of(first: &Arc<Site>, other: &Arc<Site>, case: &BString, fields: &[Header]) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (title, question) in questions(case) {
        let question = Question { fields: fields.to_vec(), ..question };
        let (left, right) = (treatment(first, &question).await, treatment(other, &question).await);
        differences.extend(Difference::of(title, &left, &right));
    }
    differences
}

/// Returns what is asked of both configurations about a line.
fn questions(line: &BString) -> Vec<(String, Question)> {
    let words: Vec<&[u8]> = line.fields().collect();
    let question = |client: IpAddr, sender: &[u8], recipient: &[u8]| Question {
        sender: Some(bare(sender)),
        recipients: vec![bare(recipient)],
        ..Question::new(client)
    };
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let line = line.trim().as_bstr();
    match words[..] {
        [client, sender, recipient] if address(client).is_ok() => {
            let client = address(client).unwrap_or(OUTSIDER);
            vec![(line.to_string(), question(client, sender, recipient))]
        }
        [sender, recipient] => vec![
            (format!("{line} from this host"), question(here, sender, recipient)),
            (format!("{line} from outside"), question(OUTSIDER, sender, recipient)),
        ],
        _ => vec![
            (format!("{line} as recipient, from this host"), question(here, b"", line)),
            (format!("{line} as recipient, from outside"), question(OUTSIDER, b"", line)),
            // Rules may judge the sender only when they hear of a recipient (FEATURE(delay_checks)).
            (format!("{line} as sender to {SOMEBODY}, from outside"), question(OUTSIDER, line, SOMEBODY.as_bytes())),
            // What other hosts see of a sender.
            (format!("{line} as sender to {FOREIGNER}, from this host"), question(here, line, FOREIGNER.as_bytes())),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_address_or_an_envelope() {
        assert_eq!(questions(&"a@b".into()).len(), 4);
        assert_eq!(questions(&"a@b c@d".into()).len(), 2);
        let [(_, question)] = &questions(&"192.0.2.7 <> <c@d>".into())[..] else { panic!("one question") };
        assert_eq!((question.sender.clone(), question.recipients.clone()), (Some("".into()), vec!["c@d".into()]));
    }

    #[test]
    fn a_client_is_written_as_elsewhere() {
        let [(_, question)] = &questions(&"[2001:db8::5] a@b c@d".into())[..] else { panic!("one question") };
        assert_eq!(question.client.to_string(), "2001:db8::5");
    }

    #[test]
    fn only_what_differs_is_told() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let difference = Difference::of("t".into(), &lines("a\nb"), &lines("a\nc")).expect("one");
        assert_eq!(difference.told(), "t\n< b\n> c\n");
        assert_eq!(Difference::of("t".into(), &lines("a"), &lines("a")), None);
    }

    #[test]
    fn the_command_line_may_name_fields() {
        let words = ["--json", "--header", "Subject: x", "new.cf", "a@b"].map(BString::from);
        let request = Request::parse(&words).expect("correct");
        assert_eq!((request.json, request.fields.len(), request.addresses), (true, 1, vec!["a@b".into()]));
        assert!(Request::parse(&["--header".into(), "nothing".into(), "new.cf".into()]).is_err());
    }
}
