//! Putting a configuration to use: classes filled, maps declared, macros defined.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bstr::{BString, ByteSlice as _};
use jiff::tz::TimeZone;

use super::class::Classes;
use super::class_file;
use super::identity::Identity;
use super::maps::Maps;
use crate::cf::{CfError, ClassFile, ClassSource, Config, Problem};
use crate::macros::MacroTable;
use crate::map::{Definition, Kind, Opener};
use crate::name::{ClassName, Sysexit};
use crate::net::Resolver;

/// The largest class file or program output that is read, in bytes.
const CLASS_BYTES_MAX: u64 = 64 << 20;

/// Members that classes have before the configuration says anything (op guide "C and F -- Define Classes").
const PRESET: &[(&str, &[&str])] = &[
    ("e", &["7bit", "8bit", "binary"]),
    ("n", &["multipart/signed"]),
    ("q", &[]),
    ("s", &["rfc822"]),
    ("b", &[]),
    ("persistentMacros", &["_", "r", "s", "{daemon_flags}", "{if_addr}"]),
    (
        "checkMIMEHeaders",
        &["content-type", "content-disposition", "content-transfer-encoding", "content-id", "mime-version"],
    ),
    ("checkMIMETextHeaders", &["content-description"]),
    ("checkMIMEFieldHeaders", &["content-disposition", "content-type"]),
];

/// What loading needs besides the configuration.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Who this host is.
    pub identity: Identity,
    /// Answers of the name service.
    pub resolver: Arc<Resolver>,
    /// The time zone that dates are written in.
    pub zone: TimeZone,
    /// The letter of `-b`: the mode this process runs in (`${opMode}`).
    pub mode: u8,
    /// What the daemon does (`${daemon_info}`), in a daemon.
    pub duties: Option<String>,
    /// Programs of `F|` lines may be run by this process.
    pub runs_programs: bool,
}

/// A configuration in use; only the state of maps changes.
#[derive(Debug)]
pub struct Site {
    /// What the file says.
    pub config: Arc<Config>,
    /// The classes with all their members.
    pub classes: Arc<Classes>,
    /// The maps.
    pub maps: Maps,
    /// Who opens files.
    pub opener: Arc<dyn Opener>,
    /// Who this host is.
    pub identity: Identity,
    /// The name service.
    pub resolver: Arc<Resolver>,
    /// The time zone that dates are written in.
    pub zone: TimeZone,
    /// Macros of the file and of this host.
    pub(super) macros: Arc<MacroTable>,
}

impl Site {
    /// Puts `config` to use; files are opened by `opener`.
    ///
    /// Returns the site as far as it can be used, and what is wrong, in the order of the file.
    pub fn load(config: Arc<Config>, opener: Arc<dyn Opener>, options: LoadOptions) -> (Arc<Self>, Vec<CfError>) {
        let LoadOptions { identity, resolver, zone, mode, duties, runs_programs } = options;
        let mut loader = Loader { config: &config, opener: &*opener, runs_programs, errors: Vec::new() };
        let classes = loader.classes(&identity);
        let definitions = loader.definitions();
        let mut errors = loader.errors;
        errors.sort_by_key(|error| error.line);
        let mut macros = macros(&config, &identity, mode);
        if let Some(duties) = duties {
            macros.set("daemon_info", duties);
        }
        let maps = Maps::new(definitions, Arc::clone(&opener));
        let (classes, macros) = (Arc::new(classes), Arc::new(macros));
        (Arc::new(Self { config, classes, maps, opener, identity, resolver, zone, macros }), errors)
    }

    /// Opens again every map whose file has changed; to be called once a transaction.
    ///
    /// Opening may wait for another process, so this is done where waiting hurts nobody else.
    pub async fn refresh_maps(self: &Arc<Self>) {
        if !self.maps.any_stale() {
            return;
        }
        let site = Arc::clone(self);
        // A panic there has been told by the thread itself; the maps stay as they are.
        let _ = tokio::task::spawn_blocking(move || site.maps.reopen_stale()).await;
    }
}

/// Returns the macros of a site: those of the host, then those of the file.
fn macros(config: &Config, identity: &Identity, mode: u8) -> MacroTable {
    let mut macros = MacroTable::default();
    identity.define(&mut macros);
    macros.set("p", std::process::id().to_string());
    macros.set("opMode", [mode].as_slice());
    for (name, value) in &config.macros {
        macros.set_template(name.as_bytes(), value.clone());
    }
    macros
}

/// Returns the reason of an error as the system words it.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// What loading gathers.
struct Loader<'a> {
    config: &'a Config,
    opener: &'a dyn Opener,
    runs_programs: bool,
    errors: Vec<CfError>,
}

impl Loader<'_> {
    /// Fills all classes.
    fn classes(&mut self, identity: &Identity) -> Classes {
        let mut classes = Classes::for_rules(self.config.rulesets.class_names());
        for (name, words) in PRESET {
            let name = ClassName::new(name);
            words.iter().for_each(|word| classes.insert(&name, word.as_bytes()));
        }
        for word in identity.words() {
            classes.insert(&ClassName::new("w"), &word);
        }
        for (name, word) in [("m", &identity.domain), ("k", &identity.node)] {
            if !word.is_empty() {
                classes.insert(&ClassName::new(name), word);
            }
        }
        for (name, words) in &self.config.classes.words {
            words.iter().for_each(|word| classes.insert(name, word));
        }
        for file in &self.config.classes.files {
            match self.words_of(file) {
                Ok(words) => words.iter().for_each(|word| classes.insert(&file.class, word)),
                Err((text, exit)) => self.report(file.line, text, exit),
            }
        }
        classes
    }

    /// Returns the words of an `F` line.
    fn words_of(&self, file: &ClassFile) -> Result<Vec<BString>, (BString, Sysexit)> {
        let text = match &file.source {
            ClassSource::File(path) => match self.read(path) {
                Ok(text) => text,
                Err(error) if file.optional && error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => {
                    let reason = reason(&error);
                    return Err((format!("fileclass: cannot open '{path}': {reason}").into(), Sysexit::OsErr));
                }
            },
            ClassSource::Program(path) => self.run(path)?,
            ClassSource::Map { class, .. } => {
                let text = format!(
                    "class {}: words from a map of class {class} are not supported; write them to a file",
                    file.class
                );
                return Err((text.into(), Sysexit::Software));
            }
        };
        Ok(class_file::words(&text, &file.pattern))
    }

    /// Reads a class file.
    fn read(&self, path: &BString) -> std::io::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.opener.open_class(path)?.take(CLASS_BYTES_MAX).read_to_end(&mut text)?;
        Ok(text)
    }

    /// Runs the program of an `F|` line; returns what it prints.
    fn run(&self, path: &BString) -> Result<Vec<u8>, (BString, Sysexit)> {
        let refuse = |why: String| Err((format!("fileclass: cannot open '|{path}': {why}").into(), Sysexit::OsErr));
        if !self.runs_programs {
            return refuse("this process runs no programs; write the words to a file".into());
        }
        let program = Path::new(OsStr::from_bytes(path)).to_owned();
        match std::fs::metadata(&program) {
            Ok(metadata)
                if nix::unistd::geteuid().is_root() && !(metadata.uid() == 0 && metadata.mode() & 0o022 == 0) =>
            {
                return refuse("run as root, it must belong to root and be writable by nobody else".into());
            }
            Ok(_) => {}
            Err(error) => return refuse(reason(&error)),
        }
        let started = Command::new(&program).stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => return refuse(reason(&error)),
        };
        let mut text = Vec::new();
        let read = child.stdout.take().map(|output| output.take(CLASS_BYTES_MAX).read_to_end(&mut text));
        match (read, child.wait()) {
            (Some(Ok(_)), Ok(_)) => Ok(text),
            (Some(Err(error)), _) | (_, Err(error)) => refuse(reason(&error)),
            (None, _) => refuse("no output".into()),
        }
    }

    /// Reads all `K` lines; a later one replaces one of the same name.
    fn definitions(&mut self) -> Vec<Definition> {
        let mut definitions: Vec<Definition> = Vec::new();
        let built_in = Definition::parse(b"host", b"host", b"-a. -D").0;
        definitions.extend(built_in);
        for declared in &self.config.maps {
            let (definition, errors) = Definition::parse(declared.name.as_bytes(), &declared.class, &declared.args);
            for error in errors {
                self.report(declared.line, error.to_string().into(), Sysexit::Software);
            }
            let Some(definition) = definition else { continue };
            if let Kind::Sequence(members) = &definition.kind {
                for member in members
                    .iter()
                    .filter(|member| definitions.iter().all(|known| !known.name.eq_ignore_ascii_case(member)))
                {
                    let (sequence, member) = (definition.name.clone(), member.clone());
                    let error = crate::map::DefinitionError::UnknownMember { sequence, member };
                    self.report(declared.line, error.to_string().into(), Sysexit::Software);
                }
            }
            definitions.retain(|known| !known.name.eq_ignore_ascii_case(&definition.name));
            definitions.push(definition);
        }
        for place in 0..definitions.len() {
            if definitions[place].kind == Kind::Switch {
                definitions[place].kind = Kind::Sequence(self.switched(&definitions[place], &definitions));
            }
        }
        definitions
    }

    /// Returns the members of a switch: `name.kind` for each kind that the service switch names for its service, as far as
    /// such maps are defined.
    fn switched(&self, switch: &Definition, known: &[Definition]) -> Vec<BString> {
        let service = switch.file.clone().unwrap_or_default();
        let mut text = Vec::new();
        let opened = self.opener.open_switch(&self.config.options.service_switch_file);
        if let Ok(file) = opened
            && file.take(CLASS_BYTES_MAX).read_to_end(&mut text).is_err()
        {
            text.clear();
        }
        let kinds =
            text.lines().map(|line| line.fields()).find_map(|mut words| (words.next()? == service).then_some(words));
        let kinds: Vec<&[u8]> = kinds.map_or_else(|| vec![&b"files"[..]], Iterator::collect);
        let names = kinds.iter().map(|kind| BString::from([&switch.name[..], b".", kind].concat()));
        names.filter(|name| known.iter().any(|map| map.name.eq_ignore_ascii_case(name))).collect()
    }

    /// Notes what is wrong with a line.
    fn report(&mut self, line: usize, text: BString, exit: Sysexit) {
        let problem = Problem::Outside { text: text.into(), exit };
        self.errors.push(CfError { file: self.config.file.clone(), line, problem });
    }
}
