//! Programs that deliver mail: started as the configuration and the recipient's source say.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BString, ByteSlice};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getegid, geteuid, getgid, pipe2};

use super::errand::Named;
use super::sources::HomeOf;
use super::words::{self, BadWords};
use super::{Charter, Failure, Served, accounts, files, plain, refusal, sources};
use crate::cf::{ClassSource, Config, Mailer, MailerFlag, Principal};
use crate::keeper::client::Answered;
use crate::keeper::request::{Answer, FailureKind, Launch};
use crate::macros::expand;
use crate::name::MapName;
use crate::sys::errors::{reason, reason_of};
use crate::sys::process::{Child, Ended, Identity, Program, StartError};
use crate::sys::user::{Group, User};

/// The most programs of one hand, those included whose end nobody has asked for yet.
const RUNNING_MAX: usize = 256;

/// Programs that run, by the numbers the network process knows.
#[derive(Default)]
pub(super) struct Programs {
    running: HashMap<u32, Running>,
    last: u32,
}

/// A program that runs, or has ended and is not asked about yet.
struct Running {
    child: Child,
    /// Our copy of the pipe to a mailer's program: while it is open, the program sees no end of its input, so that the
    /// death of the network process is never taken for the end of a message.
    input: Option<OwnedFd>,
    /// Who waits for its end.
    waiting: Option<u32>,
    ended: Option<Ended>,
    /// Whether its end was ordered.
    is_given_up: bool,
}

impl Programs {
    /// Gives up the copies of their pipes, for a copy of the hand: only the hand itself says when an input ends.
    pub(super) fn let_inputs_go(&mut self) {
        self.running.values_mut().for_each(|running| running.input = None);
    }

    /// Starts a mailer's program; `named` is what its source names, if it has one.
    pub(super) fn start(&mut self, charter: &Charter, launch: &Launch, named: Option<Named>) -> Served {
        self.run(prepare(charter, launch, named)?, true)
    }

    /// Starts the program of a program map.
    pub(super) fn start_map(&mut self, config: &Config, map: &MapName, key: &[u8]) -> Served {
        self.run(prepare_map(config, map, key)?.into(), false)
    }

    /// Starts the program of an `F` line.
    pub(super) fn start_class(&mut self, config: &Config, line: u16) -> Served {
        let undeclared = || refusal(FailureKind::Undeclared {}, format!("F line {line} names no program"));
        let path = match config.classes.files.get(usize::from(line)).map(|file| &file.source) {
            Some(ClassSource::Program(path)) => path,
            _ => return Err(undeclared()),
        };
        let file = Path::new(OsStr::from_bytes(path));
        crate::map::check_class_program(file).map_err(|error| Failure {
            text: reason(&error).into(),
            ..super::failure_of(&path.to_str_lossy(), &error)
        })?;
        let mut program = Program::new(file, path);
        program.env(b"AGENT", b"sendmail").directory(Path::new("/"));
        self.run(program.into(), false)
    }

    /// Starts a program; what a mailer's says as errors is part of its output, and its input ends when it is waited for.
    fn run(&mut self, prepared: Prepared, is_mailer: bool) -> Served {
        self.make_room()?;
        let Prepared { mut program, complaint } = prepared;
        let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|errno| refusal(FailureKind::Temporary {}, errno.to_string()));
        let (its_input, input) = pipe()?;
        let (output, its_output) = pipe()?;
        let copy = |descriptor: &OwnedFd| {
            descriptor.as_fd().try_clone_to_owned().map_err(|error| super::failure_of("a pipe", &error))
        };
        let (passed, its_errors) = (copy(&input)?, copy(&its_output)?);
        program.descriptor(0, its_input).descriptor(1, its_output).new_session();
        if is_mailer {
            program.descriptor(2, its_errors);
        }
        let child = program.start().map_err(|error| start_failure(&error))?;
        self.last = self.last.wrapping_add(1);
        let input = is_mailer.then_some(input);
        self.running.insert(self.last, Running { child, input, waiting: None, ended: None, is_given_up: false });
        Ok(Answered { answer: Answer::Started { program: self.last, complaint }, descriptors: vec![passed, output] })
    }

    /// Forgets what nobody will ask about, and refuses where still too many run.
    fn make_room(&mut self) -> Result<(), Failure> {
        if self.running.len() >= RUNNING_MAX {
            self.running.retain(|_, running| running.ended.is_none() || !running.is_given_up);
        }
        if self.running.len() < RUNNING_MAX {
            return Ok(());
        }
        Err(refusal(FailureKind::Temporary {}, format!("{RUNNING_MAX} programs run already: try again later")))
    }

    /// Lets the program see the end of its input, and answers when it has ended: at once if it has.
    pub(super) fn wait(&mut self, serial: u32, number: u32) -> Option<Served> {
        let Some(running) = self.running.get_mut(&number) else {
            return Some(Err(no_such_program()));
        };
        running.input = None;
        match running.ended {
            Some(ended) => {
                self.running.remove(&number);
                Some(plain(end_answer(ended)))
            }
            None => {
                running.waiting = Some(serial);
                None
            }
        }
    }

    /// Notes the end of a process; returns the answer for whoever waits for it.
    pub(super) fn ended(&mut self, pid: Pid, ended: Ended) -> Option<(u32, Answered)> {
        let (&number, running) = self.running.iter_mut().find(|(_, running)| running.child.pid() == pid)?;
        running.child.has_ended(ended);
        running.ended = Some(ended);
        let serial = running.waiting?;
        self.running.remove(&number);
        Some((serial, Answered { answer: end_answer(ended), descriptors: Vec::new() }))
    }

    /// Ends a program and what it has started.
    pub(super) fn kill(&mut self, number: u32) -> Served {
        let running = self.running.get_mut(&number).ok_or_else(no_such_program)?;
        running.is_given_up = true;
        running.end();
        if running.ended.is_some() {
            self.running.remove(&number);
        }
        plain(Answer::Done {})
    }

    /// Lets the program see the end of its input; returns its process, to be waited for without holding all others.
    pub(super) fn process(&mut self, number: u32) -> Result<Pid, Failure> {
        let running = self.running.get_mut(&number).ok_or_else(no_such_program)?;
        running.input = None;
        Ok(running.child.pid())
    }

    /// Forgets a program that was waited for.
    pub(super) fn forget(&mut self, number: u32) {
        if let Some(running) = self.running.get_mut(&number) {
            running.ended = Some(Ended::Exited(0));
        }
        self.running.remove(&number);
    }
}

impl Running {
    fn end(&self) {
        if self.ended.is_none() {
            // It leads a session of its own; whatever is left of that goes too.
            let _ = killpg(self.child.pid(), Signal::SIGKILL);
        }
    }
}

/// Whoever could say what becomes of the message is gone: half a message must not be taken for a whole one.
impl Drop for Programs {
    fn drop(&mut self) {
        self.running.values().for_each(Running::end);
    }
}

/// Waits for the end of a program on this thread.
pub(super) fn wait_here(pid: Pid) -> Served {
    loop {
        let ended = match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, status)) => Ended::Exited(status),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ended::Killed(signal),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(errno) => {
                return Err(refusal(FailureKind::Temporary {}, format!("a program was lost: {}", reason_of(errno))));
            }
        };
        return plain(end_answer(ended));
    }
}

fn no_such_program() -> Failure {
    refusal(FailureKind::Missing {}, "no such program runs")
}

fn end_answer(ended: Ended) -> Answer {
    match ended {
        Ended::Exited(status) => Answer::Ended { signal: 0, status: u8::try_from(status).unwrap_or(u8::MAX) },
        Ended::Killed(signal) => Answer::Ended { signal: u8::try_from(signal as i32).unwrap_or(u8::MAX), status: 0 },
    }
}

fn start_failure(error: &StartError) -> Failure {
    let kind = if error.is_temporary() { FailureKind::Temporary {} } else { FailureKind::Permanent {} };
    refusal(kind, error.to_string())
}

/// A program that may be started.
struct Prepared {
    program: Program,
    /// What is wrong with its file, if anything.
    complaint: BString,
}

impl From<Program> for Prepared {
    fn from(program: Program) -> Self {
        Self { program, complaint: BString::default() }
    }
}

/// Returns what the source of `launch` names, if it has one.
pub(super) fn named(charter: &Charter, launch: &Launch) -> Result<Option<Named>, Failure> {
    launch.source.as_ref().map(|source| sources::command(charter, source)).transpose()
}

/// Returns what the source of `launch` names, which must have one.
pub(super) fn named_by_source(charter: &Charter, launch: &Launch) -> Result<Named, Failure> {
    named(charter, launch)?.ok_or_else(|| refusal(FailureKind::Undeclared {}, "no source"))
}

/// Makes the program that `launch` asks for, if the configuration declares it.
fn prepare(charter: &Charter, launch: &Launch, named: Option<Named>) -> Result<Prepared, Failure> {
    let config = &charter.config;
    let undeclared = |text: &str| refusal(FailureKind::Undeclared {}, format!("mailer {}: {text}", launch.mailer));
    let mailer = config.mailers.get(launch.mailer.as_bytes()).ok_or_else(|| undeclared("not declared"))?;
    if !mailer.path.starts_with(b"/") {
        return Err(undeclared("its P= is no program"));
    }
    let (command, owner) = match named {
        Some((command, user)) => (Some(command), Some(user)),
        None if mailer.name.as_bytes() == b"prog" => {
            return Err(undeclared("a command without a source is not run"));
        }
        None => (None, None),
    };
    words::check(mailer, &launch.words, command.as_ref().map(|command| command.as_slice())).map_err(
        |bad| match bad {
            BadWords::Undeclared => undeclared(&bad.to_string()),
            BadWords::Option(_) => refusal(FailureKind::Permanent {}, format!("mailer {}: {bad}", launch.mailer)),
        },
    )?;
    if !geteuid().is_root() && getegid() != getgid() {
        // The program would have the group of the client queue.
        return Err(refusal(FailureKind::Temporary {}, "a setgid sendmail starts no program: let the daemon deliver"));
    }
    let user = user_of(config, mailer, launch, owner)?;
    let words = &launch.words;
    let path = Path::new(OsStr::from_bytes(&mailer.path));
    let is_safe = charter.inspector.acting_as(&user).check_program(path);
    let complaint = is_safe.err().map(|reason| format!("Warning: program {} unsafe: {reason}", mailer.path));
    let mut program = Program::new(path, &words[0]);
    for word in &words[1..] {
        program.arg(word);
    }
    surroundings(config, mailer, &user, &mut program);
    if geteuid().is_root() {
        let groups = sources::groups_of(config, &user)?;
        program.identity(Identity { uid: user.uid, gid: user.gid, groups });
    }
    Ok(Prepared { program, complaint: complaint.unwrap_or_default().into() })
}

/// Makes the program of a program map, with the key as one word more.
fn prepare_map(config: &Config, map: &MapName, key: &[u8]) -> Result<Program, Failure> {
    let undeclared = |text: &str| refusal(FailureKind::Undeclared {}, format!("map {map}: {text}"));
    let definition = files::definition(config, map).filter(|definition| definition.kind == crate::map::Kind::Program);
    let definition = definition.ok_or_else(|| undeclared("no such program map is declared"))?;
    let path = definition.file.filter(|path| path.starts_with(b"/"));
    let path = path.ok_or_else(|| undeclared("write the full path of its program"))?;
    if key.contains(&0) {
        return Err(undeclared("a key with a NUL byte is no word of a command line"));
    }
    let mut program = Program::new(Path::new(OsStr::from_bytes(&path)), &path);
    for word in definition.arguments.fields().chain([key]) {
        program.arg(word);
    }
    program.env(b"AGENT", b"sendmail").directory(Path::new("/"));
    for (name, value) in &config.environment {
        program.env(name, value);
    }
    if geteuid().is_root() {
        let user = sources::default_user(config)?;
        if user.uid == 0 {
            return Err(undeclared("DefaultUser is root: no program is run for a key from outside"));
        }
        let groups = sources::groups_of(config, &user)?;
        program.identity(Identity { uid: user.uid, gid: user.gid, groups });
    }
    Ok(program)
}

/// Returns the user a mailer's program runs as (op guide, "The run time environment", and the mailer flags `S`, `o`).
fn user_of(config: &Config, mailer: &Mailer, launch: &Launch, owner: Option<User>) -> Result<User, Failure> {
    let declared = mailer.user.as_ref().and_then(|spec| spec.user.as_ref().map(|user| (user, &spec.group)));
    if mailer.flags.has(MailerFlag::KeepUser) {
        return match declared {
            Some((user, group)) => declared_user(user, group.as_ref()),
            None => declared_user(&Principal::Id(geteuid().as_raw()), None),
        };
    }
    // Whoever asks names the recipient of a mailbox, never whom a command speaks for, and never the superuser.
    let recipient = match &launch.user {
        Some(name) if mailer.flags.has(MailerFlag::AsRecipient) && launch.source.is_none() => {
            Some(accounts::existing(name)?)
        }
        _ => None,
    };
    match (owner.or(recipient), declared) {
        (Some(owner), _) if owner.uid != 0 => Ok(owner),
        (_, Some((user, group))) if *user != Principal::Id(0) => declared_user(user, group.as_ref()),
        _ => sources::default_user(config),
    }
}

/// Looks up `U=`.
fn declared_user(user: &Principal, group: Option<&Principal>) -> Result<User, Failure> {
    let failed = |error: crate::sys::user::LookupError| refusal(FailureKind::Temporary {}, error.to_string());
    let mut found = match user {
        Principal::Name(name) => accounts::existing(name)?,
        Principal::Id(uid) => User::by_uid(*uid).map_err(failed)?.unwrap_or_else(|| User::nameless(*uid, *uid)),
    };
    match group {
        Some(Principal::Id(gid)) => found.gid = *gid,
        Some(Principal::Name(name)) => {
            let group = Group::by_name(name).map_err(failed)?;
            let missing = || refusal(FailureKind::Temporary {}, format!("U=: group {name} unknown"));
            found.gid = group.ok_or_else(missing)?.gid;
        }
        None => {}
    }
    Ok(found)
}

/// Sets environment, directory, root and niceness.
fn surroundings(config: &Config, mailer: &Mailer, user: &User, program: &mut Program) {
    program.env(b"AGENT", b"sendmail");
    for (name, value) in &config.environment {
        program.env(name, value);
    }
    let path = |text: BString| Path::new(OsStr::from_bytes(&text)).to_owned();
    for directory in &mailer.directories {
        program.directory(&path(expand(directory, &HomeOf(user))));
    }
    if !mailer.root.is_empty() {
        program.root(&path(expand(&mailer.root, &HomeOf(user))));
    }
    if mailer.nice != 0 {
        program.nice(mailer.nice);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{Read, Write};
    use std::time::Duration;

    use nix::unistd::getuid;

    use super::*;
    use crate::cf::{self, ReadEnv};
    use crate::daemon::hand::in_process;
    use crate::keeper::request::{Source, SourceRoot};
    use crate::keeper::{HandError, Hands, ProgramEnd, Request};
    use crate::name::MailerName;
    use crate::sys::safe_file::Listeners;

    /// Returns hands of a site with a mailer for programs and one of its own.
    fn hands(folder: &Path) -> Hands {
        let user = getuid();
        let aliases = folder.join("aliases");
        fs::write(&aliases, "count: \"|cat; exit 7\"\ntrue: |true\n").expect("written");
        let text = format!(
            "V10\nO DefaultUser={user}:{user}\nO DontBlameSendmail=TrustStickyBit\nO AliasFile={}\n\
             Mprog, P=/bin/sh, F=lsDFMoqeu9, A=sh -c $u\n\
             Mcount, P=/bin/sh, F=lsDFMoqeu9, A=sh -c cat;exit\\ 7 $u\nF{{X}}|./p\n",
            aliases.display()
        );
        let (config, errors) = cf::read(text.as_bytes(), "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        in_process(&config, Listeners::default())
    }

    /// Returns an order to run `words` because an alias says so.
    fn command(words: &[&str], alias: &str) -> Launch {
        Launch {
            mailer: MailerName::new("prog"),
            words: words.iter().map(|word| BString::from(*word)).collect(),
            source: Some(Source { root: SourceRoot::Alias { file: 0, key: alias.into() }, elements: vec![0] }),
            user: None,
            sender: "a@example.com".into(),
        }
    }

    #[tokio::test]
    async fn a_program_reads_the_message_and_tells_by_its_status() {
        let folder = tempfile::tempdir().expect("a directory");
        let hands = hands(folder.path());
        let launch = command(&["sh", "-c", "cat; exit 7"], "count");
        let mut program = hands.start(launch).await.expect("started");
        let mut input = File::from(program.input.take().expect("a pipe"));
        input.write_all(b"the message").expect("written");
        drop(input);
        assert_eq!(program.wait().await.expect("ended"), ProgramEnd::Exited(7));
        let mut said = String::new();
        File::from(program.output.take().expect("a pipe")).read_to_string(&mut said).expect("readable");
        assert_eq!(said, "the message");
    }

    #[tokio::test]
    async fn half_a_message_has_no_end_and_a_killed_program_is_told() {
        let folder = tempfile::tempdir().expect("a directory");
        let hands = hands(folder.path());
        let launch = command(&["sh", "-c", "cat; exit 7"], "count");
        let started = hands.ask(Request::Start { launch }).await.expect("started");
        let Answer::Started { program, .. } = started.answer else { panic!("{:?}", started.answer) };
        // The writer dies: the program must not take that for the end of the message.
        drop(started.descriptors);
        hands.ask(Request::Kill { program }).await.expect("killed");
        let ended = tokio::time::timeout(Duration::from_secs(20), hands.ask(Request::Wait { program })).await;
        let ended = ended.expect("in time").expect("told").answer;
        assert!(matches!(ended, Answer::Ended { signal: 9, .. }), "{ended:?}");
    }

    #[tokio::test]
    async fn the_program_of_a_class_has_a_full_path() {
        let folder = tempfile::tempdir().expect("a directory");
        let refused = hands(folder.path()).start_class(0).await.err().expect("refused");
        assert_eq!(refused.to_string(), "write the full path of the program");
    }

    #[tokio::test]
    async fn nothing_runs_that_neither_mailer_nor_source_names() {
        let folder = tempfile::tempdir().expect("a directory");
        let hands = hands(folder.path());
        let refused = |launch| async { hands.start(launch).await.err().expect("refused") };
        let is_undeclared = |error: HandError| error.kind() == Some(&FailureKind::Undeclared {});
        assert!(is_undeclared(refused(command(&["sh", "-c", "id"], "true")).await));
        assert!(is_undeclared(refused(command(&["sh", "-x", "true"], "true")).await));
        assert!(is_undeclared(refused(Launch { source: None, ..command(&["sh", "-c", "id"], "") }).await));
        let unknown = Launch { mailer: MailerName::new("none"), ..command(&["sh"], "true") };
        assert!(is_undeclared(refused(unknown).await));
    }
}
