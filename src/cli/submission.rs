//! `-bm`, `-t` and recipients as words: a local program submits a message.

use std::io;

use bstr::BString;

use super::command_line::{CommandLine, ConfigChoice, ReturnPart};
use super::desk::{Desk, client_queue_problem, standard};
use crate::daemon::programs::Task;
use crate::mail::envelope::{Notify, Ret};
use crate::name::Sysexit;
use crate::submit::{self, Caller, Party, Submission, Terminal};

/// Submits the message on standard input.
pub(super) fn job(desk: Desk, command: CommandLine) -> Task<Sysexit> {
    Box::pin(async move {
        let mut out = io::stdout();
        let mut terminal = Terminal::new(&mut out);
        let submission = submission(&command, &desk.caller);
        let mut input = match standard(io::stdin()) {
            Ok(input) => input,
            Err(error) => return desk.failed(&error),
        };
        let party = Party { caller: &desk.caller, release: desk.release.as_deref() };
        let exit = submit::submit(&desk.services, &submission, party, &mut input, &mut terminal).await;
        if exit == Sysexit::NoPerm
            && let Some(problem) = client_queue_problem(&desk.services.site.config)
        {
            terminal.tell(problem.to_string());
        }
        exit
    })
}

/// Tells that nobody is named.
pub(super) fn no_recipients() -> Sysexit {
    Terminal::new(&mut io::stdout()).tell("Recipient names must be specified");
    Sysexit::Usage
}

/// Returns what the command line asks for.
pub(super) fn submission(command: &CommandLine, caller: &Caller) -> Submission {
    let notify = |when: super::command_line::NotifyWhen| Notify {
        success: when.success,
        failure: when.failure,
        delay: when.delay,
    };
    Submission {
        recipients: command.recipients.clone(),
        reads_recipients: command.reads_recipients,
        sender: command.from.clone(),
        full_name: command.full_name.clone(),
        hops: command.hops.and_then(|hops| usize::try_from(hops).ok()).unwrap_or(0),
        body: command.body_type.as_ref().and_then(|kind| kind.to_string().parse().ok()),
        notify: command.notify.map(notify),
        ret: command.return_part.map(|part| match part {
            ReturnPart::Full => Ret::Full,
            ReturnPart::Headers => Ret::Headers,
        }),
        envid: command.envelope_id.clone(),
        without_aliases: command.without_aliases,
        is_gateway: command.is_gateway,
        protocol: command.protocol.clone(),
        host: command.host.clone(),
        warnings: warnings(command, caller),
        is_verbose: command.is_verbose,
    }
}

/// Returns what readers should know about a configuration that the caller has chosen.
fn warnings(command: &CommandLine, caller: &Caller) -> Vec<BString> {
    match &command.config {
        ConfigChoice::File(file) if caller.uid != 0 => {
            vec![format!("Processed by {} with -C {file}", caller.name).into()]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::mode::Mode;

    fn caller(uid: u32) -> Caller {
        Caller { name: "alice".into(), uid, gid: uid, full_name: None }
    }

    #[track_caller]
    fn read(words: &str, uid: u32) -> Submission {
        let argv: Vec<BString> =
            std::iter::once("sendmail").chain(words.split_whitespace()).map(BString::from).collect();
        submission(&CommandLine::parse(&argv, Mode::Deliver).expect(words), &caller(uid))
    }

    #[test]
    fn options_become_what_is_asked_for() {
        let asked = read("-N success -R hdrs -V id -B8BITMIME -h 3 -t -f a@b alice bob", 1);
        assert_eq!(asked.notify, Some(Notify { success: true, failure: false, delay: false }));
        assert_eq!((asked.ret, asked.hops, asked.reads_recipients), (Some(Ret::Headers), 3, true));
        assert_eq!(asked.recipients, ["alice", "bob"]);
        assert_eq!(asked.sender, Some("a@b".into()));
        assert!(asked.body.is_some() && asked.warnings.is_empty());
    }

    #[test]
    fn a_configuration_of_the_callers_choice_is_told() {
        assert_eq!(read("-C /x.cf bob", 1).warnings, ["Processed by alice with -C /x.cf"]);
        assert!(read("-C /x.cf bob", 0).warnings.is_empty());
    }
}
