//! Delivery to a program: the message on its standard input, its exit status as the verdict.

use std::io;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::time::timeout;

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

/// How long what a program says is waited for when it has ended: what it has left running may keep its output open for ever.
// QUIRK(output-left-open)
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(1);

/// How it is logged that others can have written a program: always.
const UNSAFE_PROGRAM: Level = Level { priority: Priority::Info, detail: 0 };

/// How much of what a program says is kept for the log and the report, in bytes.
const OUTPUT_BYTES_MAX: usize = 4096;

/// How much of what a program says is read at once, in bytes.
const CHUNK_BYTES: usize = 1024;

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

/// Takes the two pipes of a program, its input first; waiting for one holds no thread.
///
/// # Errors
/// They are gone, or no pipes.
pub fn pipes(program: &mut RunningProgram) -> io::Result<(pipe::Sender, pipe::Receiver)> {
    let (Some(input), Some(output)) = (program.input.take(), program.output.take()) else {
        return Err(io::Error::other("the program has no input or output"));
    };
    Ok((pipe::Sender::from_owned_fd(input)?, pipe::Receiver::from_owned_fd(output)?))
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
    let (input, mut output) = match pipes(&mut program) {
        Ok(pipes) => pipes,
        Err(error) => return Outcome::deferred(Status::new(4, 3, 0), error),
    };
    let mut said = BString::default();
    let end = feed(&mut program, input, message, format);
    tokio::pin!(end);
    let ended = tokio::select! {
        ended = &mut end => {
            // Whether it was in time does not matter: what was read is kept.
            let _ = timeout(LAST_WORDS_LIMIT, listen(&mut output, &mut said)).await;
            ended
        }
        () = listen(&mut output, &mut said) => end.await,
    };
    match ended {
        Ok(ended) => verdict(mailer, ended, &said),
        Err(error) => Outcome::deferred(Status::new(4, 3, 0), error),
    }
}

/// Gives a program its message and waits for its end; `None`: it has not come in time.
async fn feed(
    program: &mut RunningProgram,
    mut input: pipe::Sender,
    message: &Message<'_>,
    format: &Format,
) -> Result<Option<Result<ProgramEnd, HandError>>, WriteError> {
    match message::write(message, format, &mut input, RUN_LIMIT).await {
        // A program that does not read its mail tells by its exit status what it thinks of it.
        Ok(_) | Err(WriteError::Sink(_)) => {}
        Err(error) => {
            program.kill();
            return Err(error);
        }
    }
    drop(input);
    Ok(timeout(RUN_LIMIT, program.wait()).await.ok())
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

/// Reads what a program says into `said`; more than is kept is read and thrown away, so that it never blocks.
async fn listen(output: &mut pipe::Receiver, said: &mut BString) {
    let mut chunk = [0; CHUNK_BYTES];
    // A read error ends what it says; the exit status still counts.
    while let Ok(count @ 1..) = output.read(&mut chunk).await {
        let room = OUTPUT_BYTES_MAX.saturating_sub(said.len());
        said.extend_from_slice(&chunk[..count.min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::os::fd::OwnedFd;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::cf::Mailers;
    use crate::deliver::message::Body;
    use crate::deliver::outcome::Verdict;
    use crate::keeper::{Answer, Answered, Hands, Request};
    use crate::log::{Log, Sink};
    use crate::name::MailerName;
    use crate::queue::{AbsentSpool, Queue, QueueOptions};
    use crate::site::Site;

    /// Returns what deliveries need, with `hands`.
    fn services(hands: Hands, log: Log) -> Services {
        let queue = Queue::new(Arc::new(AbsentSpool::new(Vec::new())), QueueOptions::default());
        Services::new(Site::for_tests("V10\n"), Arc::new(hands), queue, log, None)
    }

    fn launch() -> Launch {
        Launch {
            mailer: MailerName::new("prog"),
            words: Vec::new(),
            source: None,
            user: None,
            sender: BString::default(),
        }
    }

    /// Returns hands whose one program ends with status 75 when it is waited for.
    fn hands_of(program: [OwnedFd; 2]) -> Hands {
        let pipes = Mutex::new(Some(program));
        Hands::in_process(Arc::new(move |request| {
            let answer = match request {
                Request::Start { .. } => Answer::Started { program: 1, complaint: BString::default() },
                Request::Wait { .. } => Answer::Ended { signal: 0, status: 75 },
                _ => Answer::Done {},
            };
            let is_start = matches!(answer, Answer::Started { .. });
            let taken = if is_start { pipes.lock().expect("no panic").take() } else { None };
            let descriptors = taken.map(Vec::from).unwrap_or_default();
            Box::pin(async move { Answered { answer, descriptors } })
        }))
    }

    /// Delivers a message of `size_bytes` to the program of `hands`.
    async fn delivered(hands: Hands, size_bytes: usize) -> Outcome {
        let services = services(hands, Log::new(Sink::Memory(Arc::default()), "test", 9));
        let mailer = Mailers::default().get(b"prog").expect("built in").clone();
        let entry = "6AMAKU11004711".parse().expect("an id");
        let body = vec![b'x'; size_bytes];
        let message = Message::new(b"", Body::Bytes(&body));
        let format = Format::of(&mailer);
        let outcome = run(&services, &entry, (launch(), &mailer), &message, &format);
        timeout(Duration::from_secs(20), outcome).await.expect("the outcome comes")
    }

    #[tokio::test]
    async fn an_output_that_outlives_its_program_holds_up_no_outcome() {
        let (its_input, input) = nix::unistd::pipe().expect("a pipe");
        let (output, its_output) = nix::unistd::pipe().expect("a pipe");
        nix::unistd::write(&its_output, b"no room\n").expect("written");
        let outcome = delivered(hands_of([input, output]), 1).await;
        assert_eq!(outcome.stat, "Deferred: prog mailer (/bin/sh) exited with EX_TEMPFAIL: no room");
        drop((its_input, its_output));
    }

    #[tokio::test]
    async fn a_program_need_not_read_its_message() {
        let (its_input, input) = nix::unistd::pipe().expect("a pipe");
        let (output, its_output) = nix::unistd::pipe().expect("a pipe");
        drop((its_input, its_output));
        let outcome = delivered(hands_of([input, output]), 1 << 20).await;
        assert_eq!(outcome.stat, "Deferred: prog mailer (/bin/sh) exited with EX_TEMPFAIL");
    }

    #[test]
    fn a_program_is_served_where_every_thread_for_files_is_taken() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        let runtime = runtime.expect("a runtime");
        let (end, ended) = std::sync::mpsc::channel::<()>();
        runtime.spawn_blocking(move || ended.recv());
        let (its_input, input) = nix::unistd::pipe().expect("a pipe");
        let (output, its_output) = nix::unistd::pipe().expect("a pipe");
        drop(its_output);
        let outcome = runtime.block_on(delivered(hands_of([input, output]), 1));
        assert_eq!(outcome.verdict, Verdict::Deferred);
        let mut read = Vec::new();
        File::from(its_input).read_to_end(&mut read).expect("a pipe");
        assert_eq!(read, b"\nx\n");
        drop(end);
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_program_is_logged_with_the_message_it_was_started_for() {
        let hands = Hands::in_process(Arc::new(|_| {
            let pipes = [(); 2].map(|()| tempfile::tempfile().expect("a folder").into());
            let answer = Answer::Started { program: 1, complaint: "Warning: others can write it".into() };
            Box::pin(async move { Answered { answer, descriptors: pipes.into() } })
        }));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log::new(Sink::Memory(Arc::clone(&lines)), "test", 9);
        let services = services(hands, log);
        let entry = "6AMAKU11004711".parse().expect("an id");
        start(&services, &entry, launch()).await.expect("started");
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
