//! The reader: every line of a file, in order, into one [`Config`].

use std::collections::HashSet;
use std::sync::Arc;

use bstr::BString;

use crate::macros::{HashSign, MacroTable, expand, expand_internal, translate};
use crate::name::{CSpace as _, ClassName, MacroName, MapName, Named, Told, TrimSpace as _};
use crate::rewrite::RuleCompiler;

use super::alias_spec::AliasSpec;
use super::config::{ClassFile, ClassSource, ClassWords, Config, MapDecl};
use super::error::{CfError, OptionError, Problem, Severity};
use super::lines::Lines;
use super::mailer::{Principal, UserSpec};
use super::marks::Marks;
use super::options::Options;
use super::port::PortOptions;
use super::setting::Setting;
use super::{filter_line, header_rule, mailer_line, text};

/// The level of the language that this program knows.
pub const LEVEL_KNOWN: i64 = 10;
/// From this level on a `#` inside a line begins a comment.
const LEVEL_OF_COMMENTS: i64 = 3;
/// From this level on `$w` is the short name.
const LEVEL_OF_SHORT_NAME: i64 = 5;
/// From this level on colons in addresses begin groups, unless an option says otherwise.
const LEVEL_OF_GROUPS: i64 = 6;
/// From this level on `De`, `Dl` and `Do` are ordinary macros.
const LEVEL_OF_NAMED_OPTIONS: i64 = 7;
/// The most mailers: the slots of the statistics file.
const MAILERS_MAX: usize = 25;
/// The most problems told of one file; a file with more is no configuration.
const PROBLEMS_MAX: usize = 500;

/// What reading a file needs to know from outside.
#[derive(Clone, Debug, Default)]
pub struct ReadEnv {
    /// Macros that have values before the file is read: `j`, `w`, `m`, `k`, `v` and others.
    pub macros: Arc<MacroTable>,
    /// Processors, by which the default load limits are multiplied; 0 counts as 1.
    pub processors: i64,
    /// What the command line sets, in its order; such options and macros of the file are passed over.
    pub overrides: Vec<Override>,
    /// The users and groups of this system; none given: any name will do.
    pub accounts: Option<Accounts>,
    /// Tells whether the system has a port for a service; none given: any name will do.
    pub has_service: Option<fn(&[u8]) -> bool>,
}

/// Tells which users and groups the system knows.
#[derive(Clone, Copy, Debug)]
pub struct Accounts {
    /// Tells whether a user of this name may be there.
    pub has_user: fn(&[u8]) -> bool,
    /// Tells whether a group of this name may be there.
    pub has_group: fn(&[u8]) -> bool,
}

/// An option or macro of the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Override {
    /// `-O Name=value`.
    Named(BString),
    /// `-oxvalue`.
    Letter(BString),
    /// `-M{name}value` or `-oMxvalue`.
    Macro(BString),
}

/// Reads the text of a configuration file named `file_name`.
///
/// Returns the configuration as far as it could be read, and all problems in the order of the file.
pub fn read(file: &[u8], file_name: &str, env: &ReadEnv) -> (Config, Vec<CfError>) {
    let mut reader = Reader::new(file_name, env);
    reader.config.marks = Marks::of(file);
    for given in &env.overrides {
        reader.set_from_command_line(given);
    }
    for line in Lines::new(file) {
        if reader.is_over() {
            break;
        }
        reader.line = line.number;
        reader.take(&line.text);
    }
    reader.finish(env)
}

/// A file while it is read.
struct Reader {
    config: Config,
    errors: Vec<CfError>,
    line: usize,
    rules: RuleCompiler,
    macros: MacroTable,
    accounts: Option<Accounts>,
    has_service: Option<fn(&[u8]) -> bool>,
    /// Options (with their second name) that the command line has set.
    sticky_options: HashSet<(&'static str, BString)>,
    /// Whether the level is still to settle this option.
    colon_ok_is_open: bool,
}

impl Reader {
    fn new(file_name: &str, env: &ReadEnv) -> Self {
        let mut config = Config { file: file_name.into(), ..Config::default() };
        config.options.queue_la *= env.processors.max(1);
        config.options.refuse_la *= env.processors.max(1);
        Self {
            config,
            errors: Vec::new(),
            line: 0,
            rules: RuleCompiler::new(),
            macros: MacroTable::over(Arc::clone(&env.macros)),
            accounts: env.accounts,
            has_service: env.has_service,
            sticky_options: HashSet::new(),
            colon_ok_is_open: true,
        }
    }

    /// Tells whether a problem ends the reading.
    fn is_over(&self) -> bool {
        self.errors.len() >= PROBLEMS_MAX
            || self.errors.last().is_some_and(|error| matches!(error.severity(), Severity::Fatal(_)))
    }

    /// Notes a problem at the present line.
    fn report(&mut self, problem: impl Into<Problem>) {
        self.errors.push(self.config.error(self.line, problem.into()));
    }

    fn report_all(&mut self, problems: Vec<Problem>) {
        problems.into_iter().for_each(|problem| self.report(problem));
    }

    /// Reads one logical line.
    fn take(&mut self, raw: &[u8]) {
        let hash = if self.config.level < LEVEL_OF_COMMENTS { HashSign::Ordinary } else { HashSign::Comment };
        let translated = translate(raw, hash);
        for error in translated.errors {
            self.report(error);
        }
        let line = translated.text.trim_space_behind_first();
        let Some((&command, rest)) = line.split_first() else { return };
        match command {
            b'R' => self.rule(rest),
            b'S' => self.ruleset(rest),
            b'D' => self.macro_definition(rest),
            b'C' => self.class_words(rest),
            b'F' => self.class_file(rest),
            b'T' => self.add_words(ClassName::new(b"t"), text::words(rest, b"")),
            b'O' => self.option(rest, false),
            b'M' => self.mailer(rest),
            b'H' => self.header(rest),
            b'K' => self.map(rest),
            b'P' => self.precedence(line, rest),
            b'V' => self.level(rest),
            b'E' => self.environment(rest),
            b'Q' => self.queue_group(rest),
            b'X' => self.filter(rest),
            _ => self.report(Problem::UnknownLine(line.into())),
        }
    }

    fn rule(&mut self, rest: &[u8]) {
        for error in self.rules.rule(rest, self.line, &self.macros) {
            self.report(Problem::Rule(error));
        }
    }

    fn ruleset(&mut self, rest: &[u8]) {
        match self.rules.select(rest) {
            Ok(None) => {}
            Ok(Some(label)) => self.report(Problem::RulesetTwice(label.into())),
            Err(error) => self.report(error),
        }
    }

    /// Takes a name of a macro or class off the front of a line.
    fn name<'b>(&mut self, rest: &'b [u8]) -> Option<(BString, &'b [u8])> {
        let named = Named::read(rest);
        named.errors.into_iter().for_each(|error| self.report(error));
        named.name.map(|name| (name, &rest[named.taken..]))
    }

    /// Takes a class name off the front of a line.
    fn class_name<'b>(&mut self, rest: &'b [u8]) -> Option<(ClassName, &'b [u8])> {
        self.name(rest).map(|(name, rest)| (ClassName::new(name), rest))
    }

    fn macro_definition(&mut self, rest: &[u8]) {
        let Some((name, value)) = self.name(rest) else { return };
        self.define(MacroName::new(name), text::unquoted(value, None).0);
    }

    fn define(&mut self, name: MacroName, value: BString) {
        if self.config.level < LEVEL_OF_NAMED_OPTIONS {
            match name.as_bytes() {
                b"e" => self.config.options.smtp_greeting_message = value.clone(),
                b"l" => self.config.options.unix_from_line = value.clone(),
                b"o" => self.config.options.operator_chars = value.clone(),
                _ => {}
            }
        }
        self.macros.set_template(name.as_bytes(), value.clone());
        self.config.macros.push((name, value));
    }

    fn class_words(&mut self, rest: &[u8]) {
        if let Some((class, words)) = self.class_name(rest) {
            // Marks in words, and bytes that look like some, stay as they are in rules.
            let words = expand_internal(words, &self.macros).0;
            self.add_words(class, text::words(&words, b""));
        }
    }

    fn add_words(&mut self, class: ClassName, words: Vec<BString>) {
        self.config.classes.words.push(ClassWords { class, words, line: self.line });
    }

    fn class_file(&mut self, rest: &[u8]) {
        let Some((class, rest)) = self.class_name(rest) else { return };
        let rest = rest.trim_space_start();
        let optional = rest.starts_with(b"-o");
        let rest = if optional { rest[word_len(rest)..].trim_space_start() } else { rest };
        match self.class_source(&class, rest) {
            Ok((source, pattern)) => {
                self.config.classes.files.push(ClassFile { class, optional, source, pattern, line: self.line });
            }
            Err(problem) => self.report(problem),
        }
    }

    /// Reads where the words of a class come from, and by which pattern.
    fn class_source(&self, class: &ClassName, text: &[u8]) -> Result<(ClassSource, BString), Problem> {
        if let Some(map) = self.class_map(class, text) {
            return Ok((map, BString::default()));
        }
        let (path, rest) = text::quoted_word(text).ok_or_else(|| Problem::ClassFileName(text.into()))?;
        match path.strip_prefix(b"|") {
            _ if path.is_empty() => Err(Problem::ClassFile),
            // QUIRK(class-program-alone): a program gets no arguments, and its output is read by no pattern.
            Some(program) => Ok((ClassSource::Program(program.into()), BString::default())),
            None => Ok((ClassSource::File(path), rest.trim_space_start().into())),
        }
    }

    fn mailer(&mut self, rest: &[u8]) {
        let mut problems = Vec::new();
        let mailer = mailer_line::parse(rest, self.line, self.config.level, &mut self.rules, &mut problems);
        if let Some(mailer) = mailer {
            if !mailer.queue_group.is_empty() && !self.config.has_queue_group(&mailer.queue_group) {
                problems.push(Problem::MailerQueue(mailer.name.as_bytes().into(), mailer.queue_group.clone().into()));
            }
            if let Some(spec) = &mailer.user {
                self.check_account("mailer U= flag", spec);
            }
            let is_new = self.config.mailers.get(mailer.name.as_bytes()).is_none();
            if is_new && self.config.mailers.iter().count() >= MAILERS_MAX {
                problems.push(Problem::MailersMax(MAILERS_MAX));
            } else {
                self.config.mailers.insert(mailer);
            }
        }
        self.report_all(problems);
    }

    fn header(&mut self, rest: &[u8]) {
        let mut problems = Vec::new();
        self.config.headers.extend(header_rule::parse(rest, self.line, (&mut self.rules, &self.macros), &mut problems));
        self.report_all(problems);
    }

    fn map(&mut self, rest: &[u8]) {
        let rest = expand(rest, &self.macros);
        let rest = rest.trim_space_start();
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
        if !rest.first().is_some_and(u8::is_ascii_alphanumeric) {
            self.report(Problem::MapName);
            return;
        }
        let (name, rest) = (&rest[..len], rest.get(len + 1..).unwrap_or_default().trim_space_start());
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if len == 0 {
            self.report(Problem::MapClass(name.into()));
            return;
        }
        let (class, args) = (&rest[..len], rest.get(len + 1..).unwrap_or_default().trim_space_start());
        let line = self.line;
        let args = self.map_args(class, args);
        let blank_sub = self.config.options.blank_sub;
        self.config.maps.push(MapDecl { name: MapName::new(name), class: class.into(), args, blank_sub, line });
    }

    /// Gives aliases of a directory what all its maps have in common, and the original's own schema where they name none.
    fn complete_alias_files(&mut self) {
        let own = expand(b"(sendmailMTACluster=\x81{sendmailMTACluster})(sendmailMTAHost=\x81j)", &self.macros);
        for place in 0..self.config.options.alias_file.len() {
            let AliasSpec { class, args, .. } = &self.config.options.alias_file[place];
            if !class.as_ref().is_some_and(|class| is_ldap(class)) {
                continue;
            }
            let schema = format!(
                "-k (&(objectClass=sendmailMTAAliasObject)(sendmailMTAAliasGrouping=aliases)(|{own})(sendmailMTAKey=%0)) \
                 -v sendmailMTAAliasValue,sendmailMTAAliasSearch:FILTER:sendmailMTAAliasObject,\
                 sendmailMTAAliasURL:URL:sendmailMTAAliasObject"
            );
            let args = if args.is_empty() { schema.as_bytes() } else { args };
            self.config.options.alias_file[place].args = self.map_args(b"ldap", &[b"-z, ", args].concat());
        }
    }

    /// Reads `key@class:spec` or `@LDAP`; a path or a program is none.
    fn class_map(&self, name: &ClassName, text: &[u8]) -> Option<ClassSource> {
        if matches!(text.first(), Some(b'/' | b'|')) {
            return None;
        }
        if text == b"@LDAP" {
            return Some(self.class_of_directory(name));
        }
        let at = memchr::memchr(b'@', text)?;
        let colon = at + memchr::memchr(b':', &text[at..])?;
        let class = &text[at + 1..colon];
        if class.is_empty() {
            return None;
        }
        let mut spec = self.map_args(class, &text[colon + 1..]);
        if is_ldap(class) {
            // All values are members.
            spec.extend_from_slice(b" -z\\n");
        }
        Some(ClassSource::Map { key: text[..at].into(), class: class.into(), spec })
    }

    /// Returns the arguments of a map; those of an `ldap` map begin with what all of them have in common.
    fn map_args(&self, class: &[u8], args: &[u8]) -> BString {
        match is_ldap(class) {
            true => [&self.config.options.ldap_default_spec, &b" "[..], args].concat().into(),
            false => args.into(),
        }
    }

    /// Returns the map of `F{Name}@LDAP`: words of a directory with the original's own schema.
    fn class_of_directory(&self, class: &ClassName) -> ClassSource {
        let own = expand(b"(sendmailMTACluster=\x81{sendmailMTACluster})(sendmailMTAHost=\x81j)", &self.macros);
        let search = format!(
            "-k (&(objectClass=sendmailMTAClass)(sendmailMTAClassName={class})(|{own})) \
             -v sendmailMTAClassValue,sendmailMTAClassSearch:FILTER:sendmailMTAClass,\
             sendmailMTAClassURL:URL:sendmailMTAClass -z\\n"
        );
        let spec = self.map_args(b"ldap", search.as_bytes());
        ClassSource::Map { key: BString::default(), class: "ldap".into(), spec }
    }

    fn precedence(&mut self, line: &[u8], rest: &[u8]) {
        match memchr::memchr(b'=', rest) {
            Some(at) => self.config.precedences.push((rest[..at].trim_space().into(), text::number(&rest[at + 1..]))),
            None => self.report(Problem::UnknownLine(line.into())),
        }
    }

    fn level(&mut self, rest: &[u8]) {
        let number = rest.trim_space_start();
        if !number.first().is_some_and(u8::is_ascii_digit) {
            self.report(Problem::Level(rest[..rest.len().min(20)].into()));
            return;
        }
        self.config.level = text::number(number);
        self.rules.set_level(u32::try_from(self.config.level).unwrap_or(u32::MAX));
        if self.config.level >= LEVEL_OF_SHORT_NAME {
            self.shorten_name();
        }
        let end = number.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(number.len());
        if let Some(vendor) = number[end..].strip_prefix(b"/") {
            let len = vendor.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            if vendor[..len].eq_ignore_ascii_case(b"Berkeley") {
                self.config.vendor = vendor[..len].into();
            } else {
                self.report(Problem::Vendor(vendor[..vendor.len().min(20)].into()));
            }
        }
    }

    /// Makes `$w` the first component of the name that it has by now.
    fn shorten_name(&mut self) {
        use crate::macros::Values;
        let name = self.macros.macro_value(b"w").map(|value| value.text.into_owned()).unwrap_or_default();
        if let Some(end) = memchr::memchr(b'.', &name) {
            self.define(MacroName::new("w"), name[..end].into());
        }
    }

    fn environment(&mut self, rest: &[u8]) {
        if let Some(at) = memchr::memchr(b'=', rest) {
            self.config.environment.push((rest[..at].into(), rest[at + 1..].into()));
        }
    }

    fn queue_group(&mut self, rest: &[u8]) {
        let mut problems = Vec::new();
        if let Some(group) = filter_line::parse_queue_group(rest, self.line, &mut problems) {
            self.config.queue_groups.retain(|known| !known.is_called(&group.name));
            self.config.queue_groups.push(group);
        }
        self.report_all(problems);
    }

    fn filter(&mut self, rest: &[u8]) {
        let mut problems = Vec::new();
        self.config.filters.extend(filter_line::parse_filter(rest, self.line, &mut problems));
        self.report_all(problems);
    }

    /// Sets what the command line says, for good.
    fn set_from_command_line(&mut self, given: &Override) {
        match given {
            Override::Named(text) => {
                let text = [b" ", text.as_slice()].concat();
                self.option(&text, true);
            }
            Override::Letter(text) => self.option(text, true),
            Override::Macro(text) => self.given_macro(text),
        }
    }

    /// Defines a macro that the command line gives.
    //
    // QUIRK(macros-of-the-file): what the file says of the macro counts, unlike with options.
    fn given_macro(&mut self, text: &[u8]) {
        if let Some((name, value)) = self.name(text) {
            self.define(MacroName::new(name), value.into());
        }
    }

    /// Reads what stands behind `O`.
    fn option(&mut self, rest: &[u8], is_sticky: bool) {
        if let [b'M', definition @ ..] = rest {
            return if is_sticky { self.given_macro(definition) } else { self.macro_definition(definition) };
        }
        let setting = match Setting::parse(rest) {
            Ok(setting) => setting,
            Err(error) => return self.report(Problem::Option(error)),
        };
        if let Some(note) = &setting.note {
            self.report(note.clone());
        }
        let key = (setting.row.name, BString::from(setting.sub.unwrap_or_default()));
        if is_sticky {
            self.sticky_options.insert(key);
        } else if self.sticky_options.contains(&key) {
            // Privacy only ever grows: what the file asks for is added to what the command line asks for.
            if setting.row.name != "PrivacyOptions" {
                return;
            }
        }
        let errors = setting.apply(&mut self.config.options, self.line);
        for error in errors {
            self.report(Problem::Option(error));
        }
        self.after_option(&setting);
    }

    /// Does what some options mean beyond their value.
    fn after_option(&mut self, setting: &Setting<'_>) {
        match setting.row.name {
            "OperatorChars" => self.set_operators(setting.value.into()),
            "BlankSub" => self.rules.set_blank_sub(self.config.options.blank_sub),
            "ColonOkInAddr" => self.colon_ok_is_open = false,
            "DefaultUser" => self.check_account("option u", &UserSpec::parse(setting.value)),
            "RunAsUser" => self.check_account("option RunAsUser", &UserSpec::parse(setting.value)),
            "TrustedUser" => self.check_account("option TrustedUser", &UserSpec::of_user(setting.value)),
            "DaemonPortOptions" => self.check_service(|options| &options.daemon_port_options),
            "ClientPortOptions" => self.check_service(|options| &options.client_port_options),
            "DeliveryMode" => {
                self.macros.set("deliveryMode", [self.config.options.delivery_mode.letter()].as_slice());
            }
            _ => {}
        }
    }

    /// Reports a user or group of an option or mailer that the system does not know.
    fn check_account(&mut self, setting: &'static str, spec: &UserSpec) {
        let Some(accounts) = self.accounts else { return };
        match (&spec.user, &spec.group) {
            (None, _) => self.report(OptionError::UnknownUser { setting, name: b"".as_slice().into() }),
            (Some(Principal::Name(name)), _) if !(accounts.has_user)(name) => {
                self.report(OptionError::UnknownUser { setting, name: name.as_slice().into() });
            }
            (_, Some(Principal::Name(name))) if !(accounts.has_group)(name) => {
                self.report(OptionError::UnknownGroup { setting, name: name.as_slice().into() });
            }
            _ => {}
        }
    }

    /// Reports the service of the last of some ports if the system does not know it.
    fn check_service(&mut self, ports: fn(&Options) -> &Vec<PortOptions>) {
        let Some(has_service) = self.has_service else { return };
        let service = ports(&self.config.options).last().and_then(PortOptions::service);
        if let Some(name) = service.filter(|name| !has_service(name)).cloned() {
            self.report(OptionError::UnknownService(name.as_slice().into()));
        }
    }

    fn set_operators(&mut self, operators: BString) {
        if self.rules.set_operators(&operators).is_err() {
            self.report(Problem::Option(OptionError::OperatorsRedefined));
        }
        self.config.options.operator_chars = operators;
    }

    /// Settles what only the whole file decides.
    fn finish(mut self, env: &ReadEnv) -> (Config, Vec<CfError>) {
        if self.colon_ok_is_open {
            self.config.options.colon_ok_in_addr = self.config.level < LEVEL_OF_GROUPS;
        }
        let version = Told::from(expand(b"\x81v", &*env.macros));
        let (known, level) = (LEVEL_KNOWN, self.config.level);
        // What is said of the whole file comes after all that is said of its lines.
        self.line = usize::MAX;
        if level < known {
            self.report(Problem::OutOfDate { version, known, level });
        } else if level > known {
            self.report(Problem::TooNew { version, known, level });
        }
        self.complete_alias_files();
        self.rules.settle_operators(&self.macros);
        self.config.rulesets = self.rules.finish();
        (self.config, self.errors)
    }
}

/// Tells whether a map of this class is looked up in a directory.
fn is_ldap(class: &[u8]) -> bool {
    class.eq_ignore_ascii_case(b"ldap")
}

/// Returns how long the first word is.
fn word_len(text: &[u8]) -> usize {
    text.iter().position(u8::is_c_space).unwrap_or(text.len())
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
