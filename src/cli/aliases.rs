//! `-bi` and `newaliases`: alias databases are built from their texts (op guide, "Rebuilding the alias database").

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use bstr::{BString, ByteSlice};

use super::begin::begin;
use super::command_line::CommandLine;
use super::debug::file_listeners;
use super::desk;
use crate::cf::MailerFlag;
use crate::log::{About, Level, Log};
use crate::mail::address_list::{self, Separator};
use crate::mail::token::ScanOptions;
use crate::map::aliases::{self, Alias, AliasError, AliasTable};
use crate::map::{Method, TargetOptions};
use crate::name::Sysexit;
use crate::queue::Layout;
use crate::route::parse;
use crate::route::role::Role;
use crate::site::{Context, Site};
use crate::submit::{Caller, Terminal};
use crate::sys::safe_file::{Demands, Inspector, Kind, Unsafe};

/// Builds all alias databases of the configuration.
pub fn run(command: &CommandLine) -> ExitCode {
    desk::on_runtime(async || {
        let (log, caller) = (desk::log(command), Caller::find());
        let site = match begin(command).await {
            Ok(begun) => begun.site,
            Err(exit) => return exit,
        };
        log.set_detail(site.config.options.log_level);
        if !desk::is_administrator(&caller, &site, &log, "rebuild the alias map") {
            return Sysexit::Usage;
        }
        let mut out = io::stdout();
        let terminal = Terminal::new(&mut out);
        let inspector = Inspector::of(&site.config.options).telling(file_listeners(command));
        let checks_values = site.config.options.check_aliases;
        Builder { log: &log, by: caller.name, terminal, inspector, rules: Some(Context::new(&site)), checks_values }
            .all(&site)
            .await
    })
}

/// What is to be told of a line.
struct Note {
    line: usize,
    text: String,
    /// What the program ends with if nothing else has been wrong before.
    exit: Sysexit,
}

impl From<(usize, AliasError)> for Note {
    fn from((line, error): (usize, AliasError)) -> Self {
        Self { line, exit: if error.is_warning() { Sysexit::Ok } else { Sysexit::Software }, text: error.to_string() }
    }
}

/// Builds databases, tells and logs of it.
struct Builder<'a> {
    log: &'a Log,
    /// Who builds.
    by: BString,
    terminal: Terminal<'a>,
    inspector: Inspector,
    /// The rules that names, and values where it is wanted, are tried with.
    rules: Option<Context>,
    /// Values are tried, too (CheckAliases).
    checks_values: bool,
}

impl Builder<'_> {
    /// Builds every database that AliasFile names.
    async fn all(mut self, site: &Site) -> Sysexit {
        self.look_at_queues(site);
        let owner = &site.config.options.trusted_user;
        let owner = owner.user.as_ref().and_then(desk::uid);
        // What is wrong with the option has been told of where the configuration was read.
        for definition in aliases::definitions(&site.config.options.alias_file) {
            // The texts of other classes are read as they are.
            let Some(method) = definition.kind.method() else { continue };
            let Some(file) = &definition.file else { continue };
            let text = Path::new(OsStr::from_bytes(file));
            if !definition.optional || text.exists() {
                self.build(file, method, TargetOptions { links_allowed: false, owner }).await;
            }
        }
        self.terminal.exit()
    }

    /// Warns of queue directories that others can write.
    fn look_at_queues(&self, site: &Site) {
        // A directory that is not there has been told of where the configuration was read, or will be by the daemon.
        for directory in Layout::of(&site.config).directories().unwrap_or_default() {
            let path = Path::new(OsStr::from_bytes(&directory.path));
            let _ = self.inspector.check_way(path, Demands::ROOT_OK);
        }
    }

    /// Builds one database.
    async fn build(&mut self, file: &BString, method: Method, options: TargetOptions) {
        let text = match self.read(file) {
            Ok(text) => text,
            Err(reason) => {
                // QUIRK(newaliases-missing-file): a missing text is told, and the exit status stays 0.
                self.terminal.tell(format!("newaliases: cannot open {file}: {reason}"));
                return;
            }
        };
        let (parsed, problems) = aliases::parse(&text);
        let mut notes: Vec<Note> = problems.into_iter().map(Note::from).collect();
        let mut entries = Vec::with_capacity(parsed.len());
        for alias in parsed {
            entries.extend(self.named(alias, &mut notes).await);
        }
        let (table, warnings) = AliasTable::new(&entries);
        notes.extend(warnings.into_iter().map(Note::from));
        notes.sort_by_key(|note| note.line);
        let database = method.file_of(file);
        let database = Path::new(OsStr::from_bytes(&database));
        if let Err(reason) = self.inspector.check_before_writing(database, Kind::NewMap) {
            self.terminal.tell(format!("WARNING: cannot open alias database {file}"));
            self.fail(&format!("Cannot create database for alias file {file}: {reason}"));
            return;
        }
        if let Err(error) = table.save(database, method, options) {
            self.fail(&format!("Cannot create database for alias file {file}: {error}"));
            return;
        }
        let rebuilt = format!("alias database {file} rebuilt by {}", self.by);
        self.log.say(Level::REBUILT, About::Program, rebuilt);
        for alias in &entries {
            self.check(file, alias).await;
        }
        for Note { line, text, exit } in notes {
            let text = format!("{file}: line {line}: {text}");
            if exit == Sysexit::Software {
                self.fail(&text);
                continue;
            }
            self.terminal.tell(&text);
            if exit != Sysexit::Ok {
                self.terminal.fail(exit);
            }
        }
        let counts = format!("{file}: {}", table.counts);
        self.terminal.tell(&counts);
        self.log.say(Level::ALIASES, About::Program, counts);
    }

    /// Returns an alias under the user that the rules make of its name; none, with a note, if that is no local user.
    async fn named(&mut self, alias: Alias, notes: &mut Vec<Note>) -> Option<Alias> {
        let Some(ctx) = &mut self.rules else { return Some(alias) };
        let (line, mut note) = (alias.line, |text: String, exit| notes.push(Note { line: alias.line, text, exit }));
        let illegal = || AliasError::no_name(&[&alias.name[..], b": ", &alias.value].concat()).to_string();
        if let Err(refusal) = parse::check_bytes(&alias.name, Role::Recipient) {
            // QUIRK(long-address-status): an address that is too long leaves the exit status alone.
            let exit = if refusal.code == 553 { Sysexit::Ok } else { refusal.exit };
            note(refusal.text.to_string(), exit);
            note(illegal(), Sysexit::Software);
            return None;
        }
        let scanned = ctx.scan(&alias.name, ScanOptions::ADDRESS);
        // What could be made of it is used all the same.
        scanned.errors.iter().for_each(|error| note(format!("{}... {error}", alias.spelling), Sysexit::Ok));
        let Some(tokens) = scanned.tokens.filter(|tokens| !tokens.is_empty()) else {
            note(illegal(), Sysexit::Software);
            return None;
        };
        ctx.set("addr_type", "e r");
        let outcome = parse::resolve(ctx, tokens, Role::Recipient).await.outcome;
        ctx.take_complaints().into_iter().for_each(|text| note(text.to_string(), Sysexit::Software));
        let failed = match outcome {
            Ok(route) => {
                let mailer = ctx.config().mailers.get(route.mailer.as_bytes());
                if mailer.is_some_and(|mailer| mailer.flags.has(MailerFlag::Aliases)) {
                    return Some(Alias { name: route.user, ..alias });
                }
                Sysexit::Software
            }
            Err(bad) if bad.is_told => Sysexit::Software,
            Err(bad) if bad.refusal.exit == Sysexit::TempFail => {
                note(format!("{}... {}", alias.spelling, bad.refusal.text), Sysexit::Ok);
                Sysexit::Ok
            }
            Err(bad) => {
                note(format!("{}... {}", alias.spelling, bad.refusal.text), bad.refusal.exit);
                Sysexit::Software
            }
        };
        notes.push(Note { line, text: AliasError::NotLocal(alias.spelling).to_string(), exit: failed });
        None
    }

    /// Tells of addresses of an alias that the rules do not take, where CheckAliases wants that.
    async fn check(&mut self, file: &BString, alias: &Alias) {
        let Some(ctx) = self.rules.as_mut().filter(|_| self.checks_values) else { return };
        for address in address_list::split(&alias.value, Separator::Comma) {
            let scanned = ctx.scan(&address, ScanOptions::ADDRESS);
            let is_empty = scanned.tokens.is_none_or(|tokens| tokens.is_empty());
            let (text, exit) = match scanned.errors.first() {
                // Nothing could be made of it.
                Some(error) if is_empty => {
                    self.terminal.tell(format!("{file}: line {}: {address}... {error}", alias.line));
                    (format!("{address}... bad address").into(), Sysexit::Ok)
                }
                // What could be made of it is used all the same.
                Some(error) => (error.to_string().into(), Sysexit::Ok),
                None => match parse::parse(ctx, &address, Role::Recipient).await {
                    Ok(_) => continue,
                    Err(refusal) => (refusal.text, refusal.exit),
                },
            };
            self.terminal.tell(format!("{file}: line {}: {address}... {text}", alias.line));
            if exit != Sysexit::Ok {
                self.terminal.fail(exit);
            }
        }
    }

    /// Reads the text of an alias file.
    fn read(&self, file: &BString) -> Result<Vec<u8>, Unsafe> {
        let mut text = Vec::new();
        let mut source = self.inspector.open(Path::new(OsStr::from_bytes(file)), Kind::AliasText)?;
        source.read_to_end(&mut text)?;
        Ok(text)
    }

    /// Tells and logs what is wrong.
    fn fail(&mut self, text: &str) {
        self.terminal.tell(text);
        self.terminal.fail(Sysexit::Software);
        let line = format!("SYSERR({}): {text}", self.by.as_bstr());
        self.log.say(Level::SYSTEM_ERROR, About::NoQueue, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, exit: Sysexit) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = BString::from(folder.path().join("aliases").as_os_str().as_bytes());
        std::fs::write(folder.path().join("aliases"), text).expect("written");
        let mut out = Vec::new();
        let log = Log::nowhere();
        let mut options = crate::cf::Options::default();
        // The folders of tests lie where everybody can write.
        options.dont_blame_sendmail.insert(crate::cf::Blame::TrustStickyBit);
        let inspector = Inspector::of(&options);
        let mut builder = Builder {
            log: &log,
            by: "root".into(),
            terminal: Terminal::new(&mut out),
            inspector,
            rules: None,
            checks_values: false,
        };
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(builder.build(
            &file,
            Method::Hash,
            TargetOptions::default(),
        ));
        assert_eq!(builder.terminal.exit(), exit);
        assert_eq!(String::from_utf8_lossy(&out).replace(&file.to_string(), "F"), expected);
        assert!(folder.path().join("aliases.db").exists());
    }

    #[test]
    fn the_counts_are_told() {
        check("a: b\nlist: a, b\n", "F: 2 aliases, longest 4 bytes, 10 bytes total\n", Sysexit::Ok);
    }

    #[test]
    fn bad_lines_are_told_and_the_others_are_built() {
        let told = "F: line 2: missing colon\nF: line 3: a... Warning: duplicate alias name a\n\
                    F: 2 aliases, longest 1 bytes, 4 bytes total\n";
        check("a: b\nx\na: c\n", told, Sysexit::Software);
    }
}
