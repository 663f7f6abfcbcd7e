//! `sendmail --explain`: what would become of a message, and which lines of the configuration decide it.
//!
//! A whole SMTP session is held in memory with the rules, maps and name service of the site; nobody listens on a port,
//! nothing is queued and nothing sent.

mod asked;
mod closed;
mod condense;
mod deciding;
mod destination;
mod dialogue;
mod fate;
mod fields;
mod json;
mod maillog;
mod port;
mod question;
mod record;
mod remedy;
mod show;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bstr::BString;

use self::closed::Closed;
use self::deciding::Line;
pub(super) use self::dialogue::{Dialogue, Stage};
pub(super) use self::fate::Fate;
use self::fate::Place;
use self::fields::Judgement;
use self::maillog::Logged;
pub(super) use self::question::{Question, address, bare};
use self::question::{Request, USAGE};
use self::remedy::Remedy;
use super::configuration::{DAEMON_FILE, Source, shown};
use super::desk;
use crate::name::Sysexit;
use crate::site::{Site, StartOptions, start};
use crate::sys::safe_file::Listeners;

/// Runs `sendmail --explain`; `argv` begins with the program's name.
pub(super) fn main(argv: &[BString]) -> ExitCode {
    let request = match Request::parse(argv.get(2..).unwrap_or_default()) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("sendmail --explain: {error}\n{USAGE}");
            return Sysexit::Usage.into();
        }
    };
    desk::on_runtime(async || run(&request).await)
}

async fn run(request: &Request) -> Sysexit {
    if request.help {
        println!("{USAGE}");
        return Sysexit::Ok;
    }
    let site = match open(request.file.as_deref()).await {
        Ok((site, _)) => site,
        Err(exit) => return exit,
    };
    let question = match settled(&site, request) {
        Ok(question) => question,
        Err(error) => {
            eprintln!("sendmail --explain: {error}");
            return Sysexit::Usage;
        }
    };
    let answer = Answer::find(&site, &question, request.logged.as_ref()).await;
    let text = match request.json {
        true => json::write(&answer),
        false => {
            let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            show::write(&answer, &show::Style { colour, full: request.full })
        }
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Sysexit::Ok,
        Err(_) => Sysexit::IoErr,
    }
}

/// Returns the question with what only the configuration knows: which field a header check judges, whether there is the port.
fn settled(site: &Site, request: &Request) -> Result<Question, String> {
    let mut question = request.question.clone();
    port::find(site, question.client, question.port.as_ref())?;
    if let Some((ruleset, value)) = request.logged.as_ref().and_then(|logged| logged.header_check.as_ref()) {
        question.fields.push(fields::of_ruleset(site, ruleset, value)?);
    }
    Ok(question)
}

/// All that is told.
struct Answer<'a> {
    site: &'a Arc<Site>,
    question: &'a Question,
    logged: Option<&'a Logged>,
    dialogue: Dialogue,
    /// What becomes of the fields in question.
    fields: Vec<Judgement>,
    /// The rule that decides.
    rule: Option<Place>,
    /// The lines of maps that decide.
    deciding: Vec<Line>,
    remedies: Vec<Remedy>,
    closed: Vec<Closed>,
}

impl<'a> Answer<'a> {
    /// Holds the session, and others to see what its outcome hangs on.
    async fn find(site: &'a Arc<Site>, question: &'a Question, logged: Option<&'a Logged>) -> Self {
        let dialogue = Dialogue::hold(site, question, None).await;
        let asked = asked::all(site, &dialogue);
        let deciding = deciding::find(site, question, &dialogue, &asked).await;
        let remedies = remedy::find(site, question, &dialogue, &asked, &deciding).await;
        let closed = closed::find(site, &dialogue);
        let rule = fate::deciding_rule(&dialogue);
        let fields = fields::judged(site, question, &dialogue);
        Self { site, question, logged, dialogue, fields, rule, deciding, remedies, closed }
    }

    /// Tells whether what became of it in the log is what the configuration says today; none if the log does not tell.
    fn agrees(&self) -> Option<bool> {
        Some(self.logged?.then.as_ref()?.is(&self.dialogue.fate()))
    }
}

/// Puts a configuration to use; what is wrong with it is told on standard error. Returns also what a program ends with whose
/// configuration has such faults.
pub(super) async fn open(file: Option<&Path>) -> Result<(Arc<Site>, Sysexit), Sysexit> {
    let Source { file, text, .. } = file.map_or_else(|| Source::usual(DAEMON_FILE), Source::named);
    let options = StartOptions { file, text, mode: b's', overrides: Vec::new(), listeners: Listeners::default() };
    let started = start(options).await;
    started.errors.iter().for_each(|error| eprintln!("{}", shown(&error.to_string())));
    let exit = started.exit();
    started.site.map(|site| (site, exit)).ok_or(exit)
}
