//! Maps and class files of a process that may open none: it names the line of the configuration, a hand opens.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

use crate::cf::{ClassSource, Config};
use crate::keeper::request::{Failure, FailureKind, NamedFile, Service};
use crate::keeper::{HandError, Hands, ProgramEnd, Request};
use crate::map::{CLASS_BYTES_MAX, Definition, Opener, PROGRAM_BYTES_MAX, ProgramAnswer, ProgramCall, Reached};
use crate::sys::bounded::read_within;
use crate::sys::user::User;

/// Opens the files of a configuration through hands; called from threads that may wait.
pub struct HandOpener {
    hands: Arc<Hands>,
    config: Arc<Config>,
}

impl HandOpener {
    /// Returns an opener of the files that `config` declares.
    pub fn new(hands: Arc<Hands>, config: Arc<Config>) -> Self {
        Self { hands, config }
    }

    fn ask(&self, request: Option<Request>) -> io::Result<File> {
        let request = request.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let answered = self.hands.ask_waiting(request).map_err(io_error)?;
        let descriptor = answered.descriptors.into_iter().next();
        descriptor.map(File::from).ok_or_else(|| io::Error::other(HandError::OutOfTurn("map")))
    }
}

impl Opener for HandOpener {
    fn open(&self, definition: &Definition, path: &[u8]) -> io::Result<File> {
        let suffix = definition.file.as_ref().and_then(|file| path.strip_prefix(file.as_slice()));
        self.ask(suffix.map(|suffix| Request::OpenMap { map: definition.handle(), suffix: suffix.into() }))
    }

    fn open_class(&self, path: &[u8]) -> io::Result<File> {
        let names = |source: &ClassSource| matches!(source, ClassSource::File(file) if file == path);
        let line = self.config.classes.files.iter().position(|file| names(&file.source));
        self.ask(line.and_then(|line| Some(Request::OpenClass { line: u16::try_from(line).ok()? })))
    }

    fn open_switch(&self, _path: &[u8]) -> io::Result<File> {
        self.ask(Some(Request::OpenNamed { file: NamedFile::ServiceSwitch {} }))
    }

    fn run_class(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let names = |source: &ClassSource| matches!(source, ClassSource::Program(program) if program == path);
        let line = self.config.classes.files.iter().position(|file| names(&file.source));
        let line = line.and_then(|line| u16::try_from(line).ok()).ok_or(io::ErrorKind::NotFound)?;
        let runtime = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            let mut program = runtime.block_on(self.hands.start_class(line)).map_err(io_error)?;
            drop(program.input.take());
            let read = program.output.take().map(|pipe| read_within(File::from(pipe), CLASS_BYTES_MAX));
            runtime.block_on(program.wait()).map_err(io_error)?;
            Ok(read.transpose()?.unwrap_or_default())
        })
    }

    fn run<'a>(&'a self, call: ProgramCall<'a>) -> Reached<'a, ProgramAnswer> {
        let map = call.definition.handle();
        Box::pin(async move {
            let mut program = self.hands.start_map(map, call.key.into()).await.map_err(io_error)?;
            drop(program.input.take());
            let mut output = Vec::new();
            if let Some(pipe) = program.output.take() {
                let mut pipe = Receiver::from_owned_fd(pipe)?;
                (&mut pipe).take(PROGRAM_BYTES_MAX).read_to_end(&mut output).await?;
                tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
            }
            let end = match program.wait().await.map_err(io_error)? {
                ProgramEnd::Exited(status) => Ok(status),
                ProgramEnd::Killed(signal) => Err(signal),
            };
            Ok(ProgramAnswer { output: output.into(), end })
        })
    }

    fn connect<'a>(&'a self, definition: &'a Definition) -> Reached<'a, OwnedFd> {
        let map = definition.handle();
        Box::pin(async move { self.hands.connect(Service::Map { map }).await.map_err(io_error) })
    }

    fn user<'a>(&'a self, name: &'a [u8]) -> Reached<'a, Option<User>> {
        Box::pin(async move { Ok(self.hands.user(name).await.map_err(io_error)?.map(User::from)) })
    }

    fn user_called<'a>(&'a self, full_name: &'a [u8]) -> Reached<'a, Option<User>> {
        Box::pin(async move { Ok(self.hands.user_called(full_name).await.map_err(io_error)?.map(User::from)) })
    }
}

/// Returns the system's error where a hand told its number; what a hand may tell later is an error that passes.
fn io_error(error: HandError) -> io::Error {
    match error {
        HandError::Failed(Failure { errno, .. }) if errno != 0 => io::Error::from_raw_os_error(errno),
        HandError::Failed(Failure { kind: FailureKind::Missing {}, .. }) => io::Error::from(io::ErrorKind::NotFound),
        other if other.is_temporary() => io::Error::new(io::ErrorKind::TimedOut, other),
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::cf::{self, ReadEnv};
    use crate::daemon::hand;
    use crate::keeper::{Answer, Answered};
    use crate::map::{Map, Outcome};
    use crate::sys::errors::is_passing;
    use crate::sys::safe_file::Listeners;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn only_what_the_configuration_declares_is_opened() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name);
        for name in ["map.db", "names", "other", "one.db", "two.db"] {
            fs::write(path(name), name).expect("written");
        }
        let place = folder.path().display();
        let text = format!(
            "V10\nO DontBlameSendmail=TrustStickyBit\nKmap hash {place}/map\n\
             F{{names}}{place}/names\nF{{A}}k@hash:{place}/one\nF{{A}}k@hash:{place}/two\n"
        );
        let (config, errors) = cf::read(text.as_bytes(), "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        let config = Arc::new(config);
        let opener = HandOpener::new(Arc::new(hand::in_process(&config, Listeners::default())), Arc::clone(&config));
        let mut map = Definition::parse(b"map", b"hash", path("map").as_os_str().as_bytes()).0.expect("good");
        let read = |definition: &Definition, name: &str| {
            let mut text = String::new();
            let opened = opener.open(definition, path(name).as_os_str().as_bytes());
            opened.and_then(|mut file| file.read_to_string(&mut text)).map(|_| text)
        };
        assert_eq!(read(&map, "map.db").expect("declared"), "map.db");
        assert_eq!(read(&map, "map.cdb").expect_err("not there").kind(), io::ErrorKind::NotFound);
        let read_class = |name: &str| {
            let mut text = String::new();
            let opened = opener.open_class(path(name).as_os_str().as_bytes());
            opened.and_then(|mut file| file.read_to_string(&mut text)).map(|_| text)
        };
        assert_eq!(read_class("names").expect("declared"), "names");
        // Two lines may fill one class.
        for (file, name) in config.classes.files[1..].iter().zip(["one", "two"]) {
            let class = Definition::parse_for_class(file, b"hash", path(name).as_os_str().as_bytes()).0.expect("good");
            assert_eq!(read(&class, &format!("{name}.db")).expect("declared"), format!("{name}.db"));
        }
        // A captured process may ask for what it likes.
        map.file = Some(path("other").as_os_str().as_bytes().into());
        read(&map, "other").expect_err("not declared");
        read_class("other").expect_err("not declared");
    }

    #[test]
    fn only_an_answer_tells_of_the_file() {
        let failed = |kind| HandError::Failed(Failure { kind, errno: 0, text: "no".into() });
        let no_answer = [HandError::Gone("map"), HandError::TimedOut("map", std::time::Duration::ZERO)];
        let later = no_answer.into_iter().chain([HandError::DescriptorsLost, failed(FailureKind::Temporary {})]);
        assert!(later.map(io_error).all(|error| is_passing(&error)));
        let answers = [FailureKind::Missing {}, FailureKind::Permanent {}, FailureKind::Undeclared {}];
        assert!(!answers.into_iter().map(failed).map(io_error).any(|error| is_passing(&error)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_optional_map_is_absent_only_if_a_hand_says_so() {
        for (kind, is_open) in [(FailureKind::Temporary {}, true), (FailureKind::Missing {}, false)] {
            let hands = Hands::in_process(Arc::new(move |_| {
                let answer = Answer::failed(kind.clone(), "the map hand has ended");
                Box::pin(async { Answered { answer, descriptors: Vec::new() } })
            }));
            let opener = HandOpener::new(Arc::new(hands), Arc::default());
            for class in ["hash", "btree", "cdb", "text", "implicit", "stab"] {
                let (definition, errors) = Definition::parse(b"m", class.as_bytes(), b"-o /etc/m");
                assert_eq!(errors, []);
                let map = Map::open(&definition.expect("a known class"), &opener);
                assert_eq!(map.is_open(), is_open, "{class}: {:?}", map.complaint());
                assert_eq!(matches!(map.lookup(b"x", &[]), Outcome::TempFail(_)), is_open, "{class}");
                assert!(map.is_stale(), "it is opened again");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_program_runs_only_as_a_map_declares_it() {
        let user = nix::unistd::getuid();
        let default_user = if user.is_root() { "65534:65534".to_owned() } else { format!("{user}:{user}") };
        let text = format!(
            "V10\nO DefaultUser={default_user}\nEWHO=us\n\
             Kecho program /bin/echo a b\nKsay program /bin/sh -c\nKother hash /etc/hosts\n"
        );
        let (config, errors) = cf::read(text.as_bytes(), "x.cf", &ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        let config = Arc::new(config);
        let opener = HandOpener::new(Arc::new(hand::in_process(&config, Listeners::default())), Arc::clone(&config));
        let run = async |name: &str, key: &[u8]| {
            let definition = Definition::new(name.as_bytes(), crate::map::Kind::Program);
            let call = ProgramCall { definition: &definition, key, environment: &[], user: None };
            opener.run(call).await
        };
        let answer = run("echo", b"-c; d").await.expect("declared");
        assert_eq!(answer, ProgramAnswer { output: "a b -c; d\n".into(), end: Ok(0) });
        let answer = run("say", b"exit 7").await.expect("declared");
        assert_eq!(answer, ProgramAnswer { output: "".into(), end: Ok(7) });
        run("other", b"x").await.expect_err("no program map");
        run("none", b"x").await.expect_err("no map");
        run("echo", b"a\0b").await.expect_err("no word of a command line");
        assert_eq!(opener.user(b"root").await.expect("there is a database").expect("root").uid, 0);
    }
}
