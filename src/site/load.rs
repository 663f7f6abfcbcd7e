//! Putting a configuration to use: classes filled, maps declared, macros defined.

use std::io::ErrorKind;
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice as _};
use jiff::tz::TimeZone;

use super::class::Classes;
use super::class_file;
use super::identity::Identity;
use super::maps::Maps;
use super::user_database::user_database_files;
use crate::cf::{CfError, ClassFile, ClassSource, ClassWords, Config, Problem};
use crate::macros::MacroTable;
use crate::map::aliases::{self, Declared};
use crate::map::{CLASS_BYTES_MAX, Definition, DefinitionError, Kind, Map, Opener, Outcome};
use crate::name::{ClassName, Sysexit};
use crate::net::{Resolver, switched};
use crate::sys::bounded::read_within;
use crate::sys::errors::{is_passing, reason};
use crate::sys::safe_file::remedy;

/// Members that classes have beside those of the configuration (op guide "C and F -- Define Classes"); its lines do not
/// see them yet.
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

/// From this configuration level on, the built-in map `host` ends names with a dot.
const LEVEL_OF_DOTS: i64 = 2;

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
    /// Returns the site of a configuration with this text, on a host of which nothing is known and that has no name servers.
    #[cfg(test)]
    pub(crate) fn for_tests(text: &str) -> Arc<Self> {
        use crate::map::DirectOpener;
        use crate::net::ResolverSettings;
        let (config, errors) = crate::cf::read(text.as_bytes(), "test.cf", &crate::cf::ReadEnv::default());
        assert!(errors.is_empty(), "{errors:?}");
        let options = LoadOptions {
            identity: Identity::default(),
            resolver: Arc::new(Resolver::new(ResolverSettings::with_servers(Vec::new()))),
            zone: TimeZone::UTC,
            mode: b's',
            duties: None,
        };
        let (site, errors) = Self::load(Arc::new(config), Arc::new(DirectOpener::for_tests()), options);
        assert!(errors.is_empty(), "{errors:?}");
        site
    }

    /// Puts `config` to use; files are opened by `opener`.
    ///
    /// Returns the site as far as it can be used, and what is wrong, in the order of the file.
    pub fn load(config: Arc<Config>, opener: Arc<dyn Opener>, options: LoadOptions) -> (Arc<Self>, Vec<CfError>) {
        let LoadOptions { identity, resolver, zone, mode, duties } = options;
        let mut loader = Loader {
            config: &config,
            opener: &*opener,
            #[cfg(feature = "ldap")]
            resolver: &resolver,
            errors: Vec::new(),
        };
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

    /// Looks a key up in a map of the network, without a session.
    pub async fn look_up(&self, map: &[u8], key: &[u8]) -> Outcome {
        match self.maps.entry(map) {
            Some(entry) => super::network::look_up(self, entry, key, &[]).await.0,
            None => Outcome::NotFound(Sysexit::Config),
        }
    }

    /// Opens again every map whose file has changed; to be called for each connection and each transaction.
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

/// The letter of address test mode.
const TEST_MODE: u8 = b't';

/// Returns the macros of a site: those of the host, then those of the file.
pub(super) fn macros(config: &Config, identity: &Identity, mode: u8) -> MacroTable {
    let mut macros = MacroTable::default();
    identity.define(&mut macros);
    // QUIRK(macros-of-test-mode)
    if mode != TEST_MODE {
        macros.set("p", std::process::id().to_string());
    }
    macros.set("opMode", [mode].as_slice());
    for (name, value) in &config.macros {
        macros.set_template(name.as_bytes(), value.clone());
    }
    macros
}

/// Why the words of a class are not to be had, and the exit status that follows.
type Refused = (BString, Sysexit);

/// Returns the exit status of a file that cannot be opened or read.
fn exit_of(error: &std::io::Error) -> Sysexit {
    if is_passing(error) { Sysexit::TempFail } else { Sysexit::OsErr }
}

/// Says what is wrong with the map of an `F` line.
fn of_class(file: &ClassFile, what: impl std::fmt::Display) -> BString {
    format!("fileclass: F{{{}}}: {what}", BStr::new(file.class.as_bytes())).into()
}

/// Returns the map with this name; capitals do not count.
fn named<'d>(definitions: impl IntoIterator<Item = &'d Definition>, name: &[u8]) -> Option<&'d Definition> {
    definitions.into_iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

/// Returns the members of a switch: `name.kind` for each kind that the service switch names for its service, or that is usual
/// where it does not.
//
// QUIRK(switch-defaults): for hosts that is the order of the name service before the files, and nothing for other services.
fn members(switch: &Definition, service_switch: &[u8]) -> Vec<BString> {
    let service = switch.file.clone().unwrap_or_default();
    let usual: &[&[u8]] = match service.as_slice() {
        b"hosts" => &[b"dns", b"files"],
        b"aliases" => &[b"files"],
        _ => &[],
    };
    let kinds = switched(service_switch, &service).unwrap_or_else(|| usual.to_vec());
    kinds.iter().map(|kind| [&switch.name[..], b".", kind].concat().into()).collect()
}

/// What loading gathers.
struct Loader<'a> {
    config: &'a Config,
    opener: &'a dyn Opener,
    #[cfg(feature = "ldap")]
    resolver: &'a Resolver,
    errors: Vec<CfError>,
}

impl Loader<'_> {
    /// Fills all classes.
    fn classes(&mut self, identity: &Identity) -> Classes {
        let mut classes = Classes::for_rules(self.config.rulesets.class_names());
        for word in identity.words() {
            classes.insert(&ClassName::new("w"), &word);
        }
        if !identity.node.is_empty() {
            classes.insert(&ClassName::new("k"), &identity.node);
        }
        let mut lines = self.config.classes.words.iter().peekable();
        for file in &self.config.classes.files {
            while let Some(line) = lines.next_if(|line| line.line < file.line) {
                self.words_of_line(&mut classes, line);
            }
            let words = match &file.source {
                ClassSource::File(path) => self.words_of_file(file, path),
                ClassSource::Program(path) => self.run(path).map(|text| class_file::words(&text, &file.pattern)),
                ClassSource::Map { key, class, spec } => self.words_of_map(file, key, class, spec),
            };
            match words {
                Ok(words) => words.iter().for_each(|word| classes.insert(&file.class, word)),
                Err((text, exit)) => self.report(file.line, text, exit),
            }
        }
        lines.for_each(|line| self.words_of_line(&mut classes, line));
        self.own_names(&mut classes, identity);
        if !identity.domain.is_empty() {
            classes.insert(&ClassName::new("m"), &identity.domain);
        }
        // QUIRK(class-presets)
        for (name, words) in PRESET {
            let name = ClassName::new(name);
            words.iter().for_each(|word| classes.insert(&name, word.as_bytes()));
        }
        classes
    }

    /// Adds the words of a `C` line.
    fn words_of_line(&mut self, classes: &mut Classes, line: &ClassWords) {
        for word in &line.words {
            for error in classes.add(&line.class, word) {
                self.report(line.line, error.to_string().into(), Sysexit::Software);
            }
        }
    }

    /// Fills class `w` with what this host is called.
    fn own_names(&self, classes: &mut Classes, identity: &Identity) {
        let own = ClassName::new("w");
        for alias in identity.aliases.iter().filter(|alias| !alias.is_empty()) {
            if classes.contains(b"w", alias) {
                continue;
            }
            classes.insert(&own, alias);
            // QUIRK(short-literal): a new name without a domain counts in brackets too.
            if !alias.contains(&b'.') {
                classes.insert(&own, &[b"[", &alias[..], b"]"].concat());
            }
        }
        let defined = self.config.macros.iter().rev().find(|(name, _)| name.as_bytes() == b"j");
        if let Some((_, name)) = defined {
            let macros = macros(self.config, identity, b't');
            classes.insert(&own, &crate::macros::expand(name, &macros));
        }
    }

    /// Returns the words that an `F` line takes from the lines of a file.
    fn words_of_file(&self, file: &ClassFile, path: &BString) -> Result<Vec<BString>, Refused> {
        match self.read(path) {
            Ok(text) => Ok(class_file::words(&text, &file.pattern)),
            Err(error) if file.optional && error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => {
                let reason = reason(&error);
                // The original says no more; who wrote a .mc file need not know what the file is for.
                let is_ours = self.config.marks.source(file.line).is_some();
                let help = match error.kind() {
                    ErrorKind::NotFound if is_ours && file.class.as_bytes() == b"w" => {
                        ": make it, with a name of this host on each line; it may be empty"
                    }
                    ErrorKind::NotFound if is_ours => ": make it, with a word on each line; it may be empty",
                    _ => "",
                };
                let command = remedy(path, reason.as_bytes()).filter(|_| is_ours);
                let command = command.map(|command| format!("; run: {command}")).unwrap_or_default();
                Err((format!("fileclass: cannot open '{path}': {reason}{help}{command}").into(), exit_of(&error)))
            }
        }
    }

    /// Reads a class file.
    fn read(&self, path: &BString) -> std::io::Result<Vec<u8>> {
        read_within(self.opener.open_class(path)?, CLASS_BYTES_MAX)
    }

    /// Runs the program of an `F|` line; returns what it prints.
    fn run(&self, path: &BString) -> Result<Vec<u8>, Refused> {
        self.opener
            .run_class(path)
            .map_err(|error| (format!("fileclass: cannot open '|{path}': {}", reason(&error)).into(), exit_of(&error)))
    }

    /// Returns the words of a map's value: what `key@class:spec` finds.
    fn words_of_map(
        &mut self,
        file: &ClassFile,
        key: &[u8],
        class: &[u8],
        spec: &[u8],
    ) -> Result<Vec<BString>, Refused> {
        let (definition, errors) = Definition::parse_for_class(file, class, spec);
        #[cfg(feature = "ldap")]
        if let Some(definition) = definition.as_ref().filter(|definition| matches!(definition.kind, Kind::Ldap(_))) {
            for error in errors {
                self.report(file.line, error.to_string().into(), Sysexit::Software);
            }
            return if definition.usable { self.words_of_directory(file, definition, key) } else { Ok(Vec::new()) };
        }
        if let [error @ DefinitionError::ClassNotBuilt { .. }] = &errors[..] {
            return Err((error.to_string().into(), Sysexit::Software));
        }
        let Some(definition) = definition.filter(|definition| definition.kind.is_local()) else {
            return Err((of_class(file, format!("class {} not available", class.as_bstr())), Sysexit::Software));
        };
        for error in errors {
            self.report(file.line, error.to_string().into(), Sysexit::Software);
        }
        let map = Map::open(&definition, self.opener);
        if map.complaint().is_some() {
            if map.is_to_be_opened_later() {
                return Err((map.complaint().unwrap_or_default().into(), Sysexit::TempFail));
            }
            if let Some(told) = map.told() {
                self.report(file.line, told.into(), definition.kind.complaint_exit());
            }
            if file.optional {
                return Ok(Vec::new());
            }
            return Err((of_class(file, "map open failed"), Sysexit::OsErr));
        }
        match map.lookup(key, &[]) {
            Outcome::Found(value) => Ok(value.fields().map(BString::from).collect()),
            Outcome::NotFound(Sysexit::Ok | Sysexit::NoHost) => Ok(Vec::new()),
            Outcome::NotFound(_) if file.optional => Ok(Vec::new()),
            Outcome::NotFound(_) => Err((of_class(file, "map lookup failed"), Sysexit::Software)),
            Outcome::TempFail(reason) => Err((reason, Sysexit::OsErr)),
        }
    }

    /// Returns the words that a directory knows.
    #[cfg(feature = "ldap")]
    fn words_of_directory(&mut self, file: &ClassFile, map: &Definition, key: &[u8]) -> Result<Vec<BString>, Refused> {
        let (opener, settings) = (self.opener, self.resolver.settings().clone());
        // What the program's own runtime does may have to wait for the end of loading: this thread has one for itself.
        let ask = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| BString::from(error.to_string()))?;
            let resolver = Resolver::new(settings);
            runtime.block_on(super::ldap::words(super::ldap::Reach { resolver: &resolver, opener }, map, key))
        };
        let asked = std::thread::scope(|scope| scope.spawn(ask).join());
        match asked.unwrap_or_else(|_| Err("the look-up ended early".into())) {
            Ok(words) => Ok(words),
            Err(_) if map.optional || file.optional => Ok(Vec::new()),
            Err(reason) => {
                self.report(file.line, reason, Sysexit::TempFail);
                Err((of_class(file, "map open failed"), Sysexit::OsErr))
            }
        }
    }

    /// Reads all `K` lines.
    fn definitions(&mut self) -> Vec<Definition> {
        let mut definitions: Vec<Definition> = Vec::new();
        for declared in &self.config.maps {
            let before = named(&definitions, declared.name.as_bytes());
            let (definition, errors) = Definition::declare(before, declared);
            errors.iter().for_each(|error| self.report_map(declared.line, error));
            let Some(mut definition) = definition else { continue };
            self.drop_unknown_members(&mut definition, declared.line, &definitions.iter().collect::<Vec<_>>());
            definitions.retain(|known| !known.name.eq_ignore_ascii_case(&definition.name));
            definitions.push(definition);
        }
        if named(&definitions, b"host").is_none() {
            let flags = if self.config.level < LEVEL_OF_DOTS { &b""[..] } else { b"-a. -D" };
            definitions.extend(Definition::parse(b"host", b"host", flags).0);
        }
        definitions.extend(user_database_files(self.config));
        self.alias_maps(&mut definitions);
        let switch = self.service_switch();
        for definition in &mut definitions {
            if let Kind::Switch(_) = definition.kind {
                definition.kind = Kind::Switch(members(definition, &switch));
            }
        }
        definitions
    }

    /// Declares what the original makes of option AliasFile: `Alias0`, `Alias1` … for the files, `aliases.files` for all of
    /// them, and the switch `aliases`; a `K` line may name another map so.
    fn alias_maps(&mut self, definitions: &mut Vec<Definition>) {
        let mut files: Vec<Definition> = Vec::new();
        for Declared { line, definition, errors } in aliases::declared(&self.config.options.alias_file) {
            errors.iter().for_each(|error| self.report_map(line, error));
            let Some(mut definition) = definition else { continue };
            let maps = self.config.maps.iter().take_while(|declared| declared.line < line);
            let maps = maps.filter_map(|declared| named(&*definitions, declared.name.as_bytes()));
            self.drop_unknown_members(&mut definition, line, &maps.chain(&files).collect::<Vec<_>>());
            files.push(definition);
        }
        let names = bstr::join(" ", files.iter().map(|file| &file.name));
        let all = Definition::parse(b"aliases.files", b"sequence", &names).0;
        let switch = Definition::parse(b"aliases", b"switch", b"aliases").0;
        for definition in files.into_iter().chain(all).chain(switch) {
            if named(&*definitions, &definition.name).is_none() {
                definitions.push(definition);
            }
        }
    }

    /// Takes the members of a sequence away that no line before it declares, with a complaint for each.
    fn drop_unknown_members(&mut self, definition: &mut Definition, line: usize, known: &[&Definition]) {
        let Kind::Sequence(members) = &mut definition.kind else { return };
        for member in members.extract_if(.., |member| named(known.iter().copied(), member).is_none()) {
            let error = DefinitionError::UnknownMember { sequence: definition.name.clone(), member };
            self.report_map(line, &error);
        }
    }

    /// Reads the service switch; one that cannot be read says nothing, as with the original, but that is told.
    fn service_switch(&mut self) -> Vec<u8> {
        let path = &self.config.options.service_switch_file;
        let opened = if path.is_empty() { Err(ErrorKind::NotFound.into()) } else { self.opener.open_switch(path) };
        opened.and_then(|file| read_within(file, CLASS_BYTES_MAX)).unwrap_or_else(|error| {
            if error.kind() != ErrorKind::NotFound {
                let text = format!("ServiceSwitchFile {path} is not used: {}", reason(&error));
                self.report(0, text.into(), if is_passing(&error) { Sysexit::TempFail } else { Sysexit::Ok });
            }
            Vec::new()
        })
    }

    /// Notes what is wrong with a map.
    fn report_map(&mut self, line: usize, error: &DefinitionError) {
        let exit = if matches!(error, DefinitionError::Time(_)) { Sysexit::Ok } else { Sysexit::Software };
        self.report(line, error.to_string().into(), exit);
    }

    /// Notes what is wrong with a line.
    fn report(&mut self, line: usize, text: BString, exit: Sysexit) {
        let problem = Problem::Outside { text: text.into(), exit };
        self.errors.push(self.config.error(line, problem));
    }
}
