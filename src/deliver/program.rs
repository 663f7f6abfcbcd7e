//! Delivery to a program: the message on its standard input, its exit status as the verdict.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use crate::cf::{Mailer, MailerFlag};
use crate::deliver::message::{self, Format, Message, WriteError};
use crate::deliver::outcome::Outcome;
use crate::deliver::services::Services;
use crate::keeper::request::Launch;
use crate::keeper::{HandError, ProgramEnd, RunningProgram};
use crate::log::{Level, Priority};
use crate::name::{QueueId, Status, Sysexit};

/// How long a program may take after it has read the message; mailing list managers and filters take minutes, not hours.
const RUN_LIMIT: Duration = Duration::from_secs(3600);

/// How it is logged that others can have written a program: always.
const UNSAFE_PROGRAM: Level = Level { priority: Priority::Info, detail: 0 };

/// How much of what a program says is kept for the log and the report, in bytes.
const OUTPUT_BYTES_MAX: u64 = 4096;

/// Starts a mailer's program for `entry`; what is wrong with its file is logged.
///
/// # Errors
/// As [`crate::keeper::Hands::start`].
pub async fn start(services: &Services, entry: &QueueId, launch: Launch) -> Result<RunningProgram, HandError> {
    let program = services.hands.start(launch).await?;
    if !program.complaint.is_empty() {
        services.log.line(UNSAFE_PROGRAM, entry, &program.complaint);
    }
    Ok(program)
}

/// Starts a mailer's program and gives it the message of `entry`. What is wrong with a mailer of mailboxes (`F=l`) will be
/// mended: its messages wait.
pub async fn run(
    services: &Services,
    entry: &QueueId,
    (launch, mailer): (Launch, &Mailer),
    message: &Message<'_>,
    format: &Format,
) -> Outcome {
    let mut program = match start(services, entry, launch).await {
        Ok(program) => program,
        Err(error) if error.is_temporary() => return Outcome::deferred(Status::new(4, 3, 0), error),
        Err(error) => {
            services.log.say(Level::SYSTEM_ERROR, entry, format_args!("SYSERR(root): {error}"));
            if mailer.flags.has(MailerFlag::Local) {
                return Outcome::of_exit(Sysexit::OsErr.code(), "");
            }
            return Outcome::failed(Status::new(5, 3, 0), "Service unavailable")
                .with_reply(format!("554 5.3.0 {error}"));
        }
    };
    let output = program.output.take().map(read_all);
    if let Some(input) = program.input.take() {
        let mut input = tokio::fs::File::from_std(File::from(input));
        match message::write(message, format, &mut input, RUN_LIMIT).await {
            // A program that does not read its mail tells by its exit status what it thinks of it.
            Ok(_) | Err(WriteError::Sink(_)) => {}
            Err(error) => {
                program.kill();
                return Outcome::deferred(Status::new(4, 3, 0), error);
            }
        }
    }
    let ended = tokio::time::timeout(RUN_LIMIT, program.wait()).await;
    let said = match output {
        Some(output) if ended.is_ok() => output.await.unwrap_or_default(),
        _ => BString::default(),
    };
    verdict(mailer, ended.ok(), &said)
}

/// Returns what a program's end means; of one that failed for now, its words are told, too.
// QUIRK(mailer-words)
fn verdict(mailer: &Mailer, ended: Option<Result<ProgramEnd, HandError>>, said: &[u8]) -> Outcome {
    match ended {
        None => Outcome::deferred(Status::new(4, 4, 7), format!("the program still runs after {RUN_LIMIT:?}")),
        Some(Err(error)) => Outcome::deferred(Status::new(4, 3, 0), error),
        Some(Ok(ProgramEnd::Killed(signal))) => {
            Outcome::deferred(Status::new(4, 3, 0), format!("mailer died with signal {signal}"))
        }
        Some(Ok(ProgramEnd::Exited(code))) => {
            let words = said.lines().next().map(|line| format!(": {}", line.as_bstr())).unwrap_or_default();
            let (name, path) = (&mailer.name, mailer.path.as_bstr());
            Outcome::of_exit(code, format_args!("{name} mailer ({path}) exited with EX_TEMPFAIL{words}"))
        }
    }
}

/// Reads what a program says; more than is kept is read and thrown away, so that it never blocks.
fn read_all(output: OwnedFd) -> tokio::task::JoinHandle<BString> {
    tokio::task::spawn_blocking(move || {
        let mut file = File::from(output);
        let mut said = Vec::new();
        // A read error ends what it says; the exit status still counts.
        let _ = (&mut file).take(OUTPUT_BYTES_MAX).read_to_end(&mut said);
        let _ = std::io::copy(&mut file, &mut std::io::sink());
        said.into()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::cf::{Config, Mailers};
    use crate::deliver::outcome::Verdict;
    use crate::keeper::{Answer, Answered, Hands};
    use crate::log::{Log, Sink};
    use crate::map::DirectOpener;
    use crate::name::MailerName;
    use crate::net::{Resolver, ResolverSettings};
    use crate::queue::{AbsentSpool, Queue, QueueOptions};
    use crate::site::{Identity, LoadOptions, Site};

    #[tokio::test]
    async fn what_is_wrong_with_a_program_is_logged_with_the_message_it_was_started_for() {
        let options = LoadOptions {
            identity: Identity::default(),
            resolver: Arc::new(Resolver::new(ResolverSettings::with_servers(Vec::new()))),
            zone: jiff::tz::TimeZone::UTC,
            mode: b's',
            duties: None,
        };
        let (site, _) = Site::load(Arc::new(Config::default()), Arc::new(DirectOpener::for_tests()), options);
        let hands = Arc::new(Hands::in_process(Arc::new(|_| {
            let pipes = [(); 2].map(|()| tempfile::tempfile().expect("a folder").into());
            let answer = Answer::Started { program: 1, complaint: "Warning: others can write it".into() };
            Box::pin(async move { Answered { answer, descriptors: pipes.into() } })
        })));
        let queue = Queue::new(Arc::new(AbsentSpool::new(Vec::new())), QueueOptions::default());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log::new(Sink::Memory(Arc::clone(&lines)), "test", 9);
        let services = Services::new(site, hands, queue, log, None);
        let launch = Launch {
            mailer: MailerName::new("prog"),
            words: Vec::new(),
            source: None,
            user: None,
            sender: BString::default(),
        };
        let entry = "6AMAKU11004711".parse().expect("an id");
        start(&services, &entry, launch).await.expect("started");
        assert_eq!(*lines.lock().expect("no panic"), ["6AMAKU11004711: Warning: others can write it"]);
    }

    #[test]
    fn how_a_program_ends_decides() {
        let mailer = Mailers::default().get(b"prog").expect("built in").clone();
        let exited = |status| verdict(&mailer, Some(Ok(ProgramEnd::Exited(status))), b"no room\nmore\n");
        assert_eq!(exited(0).verdict, Verdict::Sent);
        assert_eq!(exited(75).stat, "Deferred: prog mailer (/bin/sh) exited with EX_TEMPFAIL: no room");
        assert_eq!(exited(67).stat, "User unknown");
        assert_eq!(exited(1).stat, "unknown mailer error 1");
        assert_eq!(verdict(&mailer, Some(Ok(ProgramEnd::Killed(9))), b"").verdict, Verdict::Deferred);
        assert_eq!(verdict(&mailer, None, b"").verdict, Verdict::Deferred);
    }
}
