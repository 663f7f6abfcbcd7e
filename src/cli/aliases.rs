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
use crate::log::{About, Level, Log, Priority};
use crate::mail::address_list::{self, Separator};
use crate::mail::token::ScanOptions;
use crate::map::aliases::{self, Alias, AliasTable, alias_file_maps};
use crate::map::{Definition, Method, TargetOptions};
use crate::name::Sysexit;
use crate::queue::Layout;
use crate::route::parse::{self, Role};
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
        let checks = site.config.options.check_aliases.then(|| Context::new(&site));
        Builder { log: &log, by: caller.name, terminal, inspector, checks }.all(&site).await
    })
}

/// Builds databases, tells and logs of it.
struct Builder<'a> {
    log: &'a Log,
    /// Who builds.
    by: BString,
    terminal: Terminal<'a>,
    inspector: Inspector,
    /// The rules that addresses are tried with (CheckAliases).
    checks: Option<Context>,
}

impl Builder<'_> {
    /// Builds every database that AliasFile names.
    async fn all(mut self, site: &Site) -> Sysexit {
        self.look_at_queues(site);
        let owner = &site.config.options.trusted_user;
        let owner = owner.user.as_ref().and_then(desk::uid);
        for (class, args) in site.config.options.alias_file.iter().flat_map(|option| alias_file_maps(option)) {
            let definition = Definition::parse(b"aliases", &class, &args).0;
            let file = definition.and_then(|definition| definition.file);
            // The texts of other classes are read as they are.
            let method = match class.as_slice() {
                b"implicit" | b"hash" => Some(Method::Hash),
                b"btree" => Some(Method::Btree),
                b"cdb" => Some(Method::Cdb),
                _ => None,
            };
            if let (Some(file), Some(method)) = (file, method) {
                self.build(&file, method, TargetOptions { links_allowed: false, owner }).await;
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
        let (entries, mut problems) = aliases::parse(&text);
        let (table, warnings) = AliasTable::new(&entries);
        problems.extend(warnings);
        problems.sort_by_key(|(line, _)| *line);
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
        self.log.say(Level { priority: Priority::Notice, detail: 6 }, About::Program, rebuilt);
        for alias in &entries {
            self.check(file, alias).await;
        }
        for (line, problem) in problems {
            let text = format!("{file}: line {line}: {problem}");
            if problem.is_warning() { self.terminal.tell(&text) } else { self.fail(&text) }
        }
        let counts = format!("{file}: {}", table.counts);
        self.terminal.tell(&counts);
        self.log.say(Level { priority: Priority::Info, detail: 8 }, About::Program, counts);
    }

    /// Tells of addresses of an alias that the rules do not take, where CheckAliases wants that.
    async fn check(&mut self, file: &BString, alias: &Alias) {
        let Some(ctx) = &mut self.checks else { return };
        for address in address_list::split(&alias.value, Separator::Comma) {
            let misspelt = ctx.scan(&address, ScanOptions::ADDRESS).errors.first().map(ToString::to_string);
            let (text, exit) = match misspelt {
                // What could be made of it is used all the same.
                Some(error) => (error.into(), Sysexit::Ok),
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
        self.log.say(Level { priority: Priority::Critical, detail: 1 }, About::NoQueue, line);
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
        let mut builder =
            Builder { log: &log, by: "root".into(), terminal: Terminal::new(&mut out), inspector, checks: None };
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
