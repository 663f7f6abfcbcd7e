//! What one session or envelope sees: the site, and macros of its own.

use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::class::Classes;
use super::load::Site;
use super::maps::Entry;
use super::network;
use crate::cf::Config;
use crate::log::{About, Level, Log};
use crate::macros::{self, MacroTable, Value, Values};
use crate::mail::token::{ScanError, ScanOptions, Scanned, Tokens, scan};
use crate::map::{Definition, Kind, Outcome};
use crate::name::{BadName, ClassName, MacroName, Named, Status, Sysexit};
use crate::rewrite::{
    Answer, ClassRef, Found, KeyStyle, Lookup, RewriteError, Rewritten, RulesetId, Rulesets, Trace, Trouble, Workbench,
    rewrite,
};

/// Complaints kept for whoever asks; what comes beyond is dropped until someone takes them.
const COMPLAINTS_MAX: usize = 16;

/// Lines of rules kept for the log; what comes beyond is dropped until they are written.
const NOTES_MAX: usize = 1000;

/// Something that happens while rules run.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// Something is wrong with a rule or an address.
    Trouble(&'a Trouble),
    /// Something is wrong with the configuration.
    Fault(&'a [u8]),
    /// A message that the user of the program should read.
    Message(&'a [u8]),
    /// A map that could not be opened, an address that cannot be.
    Complaint {
        /// What is wrong with it.
        text: &'a [u8],
        /// What a program ends with that only looks.
        exit: Sysexit,
    },
    /// A step of an evaluation.
    Trace(Trace<'a>),
    /// No step follows at once: an evaluation ends or asks a map.
    Pause,
    /// The name service was asked, and not by a rule.
    Asked {
        /// What for.
        question: &'a str,
        /// What it said.
        answer: &'a str,
    },
    /// A rule has asked a map.
    LookedUp {
        /// The map's name.
        map: &'a [u8],
        /// The key.
        key: &'a [u8],
        /// The arguments.
        args: &'a [BString],
        /// What the rule got.
        found: &'a Found,
    },
}

/// What a map is taken to say, whatever its file says: to see what would change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Supposed {
    /// The map's name, in any case.
    pub map: BString,
    /// The key, in any case.
    pub key: BString,
    /// The value; none: the key is not there.
    pub value: Option<BString>,
}

/// Hears at once what else would be kept for the log.
pub type Listener = Box<dyn FnMut(Heard<'_>) + Send + Sync>;

/// The site with the macros of one session or envelope; what rules are evaluated in.
pub struct Context {
    site: Arc<Site>,
    macros: MacroTable,
    classes: Arc<Classes>,
    bench: Workbench,
    listener: Option<Listener>,
    trace_level: Option<u8>,
    complaints: Vec<BString>,
    /// The last look-up that failed for now.
    deferral: Option<BString>,
    /// How the rules themselves failed first, and the status of the refusal that follows.
    failure: Option<(Status, BString)>,
    /// The first value that did not scan cleanly: what is said of it, and what is wrong.
    odd_value: Option<(BString, ScanError)>,
    /// What the log has not heard of: failures, and what maps of class syslog were given.
    notes: Vec<(Level, BString)>,
    /// What a map is taken to say.
    supposed: Option<Supposed>,
    /// For whom the program works: whom lines about failures name.
    pub user: BString,
    /// Maps with `-D` are not asked (delivery mode "deferred").
    pub is_deferred: bool,
    /// `@domain` of the envelope's sender, where its mailer has `F=C`: header addresses without a domain get it.
    pub sender_domain: Option<Tokens>,
    /// Recipients in the header get the names they send under (flag `j` of the sender's mailer).
    pub renames_recipients: bool,
}

/// The macros of a context at some moment.
#[derive(Clone, Debug)]
pub struct Saved(MacroTable);

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("macros", &self.macros).finish_non_exhaustive()
    }
}

impl Context {
    /// Returns a context without macros of its own.
    pub fn new(site: &Arc<Site>) -> Self {
        Self {
            macros: MacroTable::over(Arc::clone(&site.macros)),
            classes: Arc::clone(&site.classes),
            site: Arc::clone(site),
            bench: Workbench::default(),
            listener: None,
            trace_level: None,
            complaints: Vec::new(),
            deferral: None,
            failure: None,
            odd_value: None,
            notes: Vec::new(),
            supposed: None,
            user: "root".into(),
            is_deferred: false,
            sender_domain: None,
            renames_recipients: false,
        }
    }

    /// Returns the site.
    pub fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.site.config
    }

    /// Returns the rulesets.
    pub fn rulesets(&self) -> &Rulesets {
        &self.site.config.rulesets
    }

    /// Defines a macro as data.
    pub fn set(&mut self, name: &str, value: impl Into<BString>) {
        self.macros.set(name, value);
    }

    /// Makes a macro undefined.
    pub fn clear(&mut self, name: &str) {
        self.macros.remove(name);
    }

    /// Returns the value of a macro, expanded.
    pub fn get(&self, name: &str) -> Option<BString> {
        let value = self.macros.get(name.as_bytes())?;
        Some(if value.is_template { macros::expand(&value.text, self) } else { BString::from(&*value.text) })
    }

    /// Returns the macros.
    pub fn macros(&self) -> &MacroTable {
        &self.macros
    }

    /// Returns the macros, to be changed.
    pub fn macros_mut(&mut self) -> &mut MacroTable {
        &mut self.macros
    }

    /// Returns the classes.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// Adds a word, or those of another class, to a class of this context alone, as [`Classes::add`] does.
    pub fn add_to_class(&mut self, name: &ClassName, word: &[u8]) -> Vec<BadName> {
        Arc::make_mut(&mut self.classes).add(name, word)
    }

    /// Tells whether `word` is in the class called `name`, in any case.
    pub fn is_in_class(&self, name: &str, word: &[u8]) -> bool {
        self.classes.contains(name.as_bytes(), word)
    }

    /// Expands a text in internal form.
    pub fn expand(&self, template: &[u8]) -> BString {
        macros::expand(template, self)
    }

    /// Tells whether there is such a ruleset and it has rules.
    pub fn has_ruleset(&self, name: &str) -> bool {
        self.config().rulesets.has_rules(name.as_bytes())
    }

    /// Scans text into tokens under this configuration.
    pub fn scan(&self, text: &[u8], options: ScanOptions) -> Scanned {
        scan(text, self.config().rulesets.scan_rules(), options)
    }

    /// Joins tokens into text under this configuration.
    pub fn join(&self, tokens: &Tokens) -> BString {
        tokens.to_text(self.config().rulesets.scan_rules().blank_sub)
    }

    /// Rewrites `input` by the ruleset called `ruleset`.
    ///
    /// # Errors
    /// There is no such ruleset.
    pub async fn rewrite(&mut self, ruleset: &str, input: Tokens) -> Result<Rewritten, RewriteError> {
        let id = self.config().rulesets.find(ruleset.as_bytes());
        let id = id.ok_or_else(|| RewriteError::NoRuleset(ruleset.into()))?;
        Ok(self.rewrite_by(id, input).await)
    }

    /// Rewrites `input` by a ruleset.
    pub async fn rewrite_by(&mut self, ruleset: RulesetId, input: Tokens) -> Rewritten {
        let config = Arc::clone(&self.site.config);
        let mut bench = std::mem::take(&mut self.bench);
        let rewritten = rewrite(&config.rulesets, ruleset, input, &mut bench, self).await;
        self.bench = bench;
        self.hear(Heard::Pause);
        rewritten
    }

    /// Looks `key` up in a map; an unknown map has no keys.
    pub async fn map_lookup(&mut self, map: &str, key: &[u8], args: &[&[u8]]) -> Outcome {
        let site = Arc::clone(&self.site);
        let Some(entry) = site.maps.entry(map.as_bytes()) else {
            return Outcome::NotFound(Sysexit::Config);
        };
        let leaves = site.maps.leaves(entry);
        if let ([leaf], true) = (leaves, entry.definition.kind.is_alone()) {
            return self.look_up_leaf(leaf, key, args).await;
        }
        let (map, complaint) = site.maps.open(entry);
        self.hear_not_open(entry, complaint);
        if let Some(outcome) = map.failure() {
            return outcome;
        }
        let (mut temporary, mut status) = (None, Sysexit::Ok);
        for leaf in leaves {
            match self.look_up_leaf(leaf, key, args).await {
                Outcome::Found(value) => return Outcome::Found(value),
                Outcome::TempFail(reason) => temporary = Some(reason),
                Outcome::NotFound(last) => status = last,
            }
        }
        let nothing = if status == Sysexit::Ok { Sysexit::NoHost } else { status };
        temporary.map_or(Outcome::NotFound(nothing), Outcome::TempFail)
    }

    async fn look_up_leaf(&mut self, leaf: &Entry, key: &[u8], args: &[&[u8]]) -> Outcome {
        if let Some(outcome) = self.look_up_now(leaf, key, args) {
            return outcome;
        }
        let site = Arc::clone(&self.site);
        if leaf.definition.kind == Kind::User {
            let (map, complaint) = site.maps.open(leaf);
            self.hear_not_open(leaf, complaint);
            if let Some(outcome) = map.failure() {
                return outcome;
            }
        }
        let (outcome, message) = network::look_up(&site, leaf, key, args).await;
        self.hear_message(message);
        outcome
    }

    /// Opens a map if it is not open yet; tells whether it is then, none if there is no such map.
    pub async fn open_map(&mut self, map: &[u8]) -> Option<bool> {
        let site = Arc::clone(&self.site);
        let entry = site.maps.entry(map)?;
        match entry.definition.kind {
            _ if entry.definition.kind.is_local() => {}
            // QUIRK(dns-map-without-type): it counts as open all the same.
            Kind::Dns(_) => return Some(true),
            Kind::User | Kind::Switch(_) => {}
            Kind::Socket if entry.definition.usable => {
                let opened = super::outside::open_socket(&site, entry).await;
                let is_open = opened.is_ok() || !entry.definition.optional;
                self.hear_message(opened.err());
                return Some(is_open);
            }
            #[cfg(feature = "ldap")]
            Kind::Ldap(_) if entry.definition.usable => {
                let reach = super::ldap::Reach { resolver: &site.resolver, opener: site.maps.opener() };
                let opened = super::ldap::open(reach, entry).await;
                let is_open = opened.is_ok() || !entry.definition.optional;
                self.hear_message(opened.err().filter(|_| is_open));
                return Some(is_open);
            }
            _ => return Some(entry.definition.usable),
        }
        let (map, complaint) = site.maps.open(entry);
        self.hear_not_open(entry, complaint);
        Some(map.is_open())
    }

    /// Returns the macros as they are, for [`Self::restore`].
    pub fn snapshot(&self) -> Saved {
        Saved(self.macros.clone())
    }

    /// Makes the macros what they were.
    pub fn restore(&mut self, saved: &Saved) {
        self.macros = saved.0.clone();
    }

    /// Sets who hears at once what happens while rules run, and how much of it (debug category 21).
    pub fn listen(&mut self, listener: Listener, trace_level: u8) {
        self.listener = Some(listener);
        self.trace_level = Some(trace_level);
    }

    /// Changes how much of the evaluation is traced.
    pub fn set_trace_level(&mut self, level: u8) {
        self.trace_level = Some(level);
    }

    /// Takes for granted what a map says of one key.
    pub fn suppose(&mut self, supposed: Supposed) {
        self.supposed = Some(supposed);
    }

    /// Takes what went wrong since the last call, for the log.
    pub fn take_complaints(&mut self) -> Vec<BString> {
        std::mem::take(&mut self.complaints)
    }

    /// Takes how the rules themselves failed since the last call, with the status of the refusal that follows: nobody knows
    /// what they would have said.
    pub fn take_failure(&mut self) -> Option<(Status, BString)> {
        self.failure.take()
    }

    /// Takes what is said of the first value of a macro or map, since the last call, that did not scan cleanly.
    pub fn take_odd_value(&mut self) -> Option<(BString, ScanError)> {
        self.odd_value.take()
    }

    /// Notes that rules have failed, for [`Self::log_notes`].
    pub fn note_failure(&mut self, text: impl std::fmt::Display) {
        let line = format!("SYSERR({}): {text}", self.user);
        self.note(Level::SYSTEM_ERROR, line.into());
    }

    /// Keeps a line for the log.
    fn note(&mut self, level: Level, line: BString) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push((level, line));
        }
    }

    /// Logs what rules have written through maps of class syslog since the last call, and how they failed.
    pub fn log_notes<'a>(&mut self, log: &Log, about: impl Into<About<'a>>) {
        let about = about.into();
        self.site.maps.log_failures(log, about);
        for (level, line) in std::mem::take(&mut self.notes) {
            log.line(level, about, &line);
        }
    }

    /// Takes the last look-up that failed for now: why a message waits.
    pub fn take_deferral(&mut self) -> Option<BString> {
        self.deferral.take()
    }

    /// Returns what a rule sees of an outcome.
    fn found(&mut self, map: &[u8], definition: &Definition, key: &[u8], outcome: Outcome) -> Found {
        let found = found(definition, key, outcome);
        if found.temp_fail {
            self.deferral = Some(format!("{} map: lookup ({}): deferred", map.as_bstr(), key.as_bstr()).into());
        }
        found
    }

    /// Tells of something: to the listener, or to be taken later; a fault of the configuration is noted for the log, too.
    pub fn hear(&mut self, heard: Heard<'_>) {
        if let Heard::Fault(text) = heard {
            self.note_failure(text.as_bstr());
        }
        if let Some(listener) = &mut self.listener {
            listener(heard);
            return;
        }
        let text = match heard {
            Heard::Trouble(trouble) => BString::from(trouble.to_string()),
            Heard::Fault(text) | Heard::Message(text) | Heard::Complaint { text, .. } => text.into(),
            Heard::Trace(_) | Heard::Pause | Heard::Asked { .. } | Heard::LookedUp { .. } => return,
        };
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(text);
        }
    }

    /// Tells that a map could not be opened, if so.
    fn hear_not_open(&mut self, entry: &Entry, complaint: Option<BString>) {
        let Some(text) = complaint else { return };
        self.hear(Heard::Complaint { text: &text, exit: entry.definition.kind.complaint_exit() });
    }

    /// Tells of a message, if there is one.
    fn hear_message(&mut self, message: Option<BString>) {
        if let Some(message) = message {
            self.hear(Heard::Message(&message));
        }
    }

    /// Returns what a map is taken to say of a key.
    fn supposed_of(&self, map: &[u8], key: &[u8]) -> Option<Outcome> {
        let supposed = self.supposed.as_ref()?;
        let is_meant = supposed.map.eq_ignore_ascii_case(map) && supposed.key.eq_ignore_ascii_case(key);
        is_meant.then(|| match &supposed.value {
            Some(value) => Outcome::Found(value.clone()),
            None => Outcome::NotFound(Sysexit::Ok),
        })
    }

    /// Looks a key up in a map that answers at once; none for the others.
    fn look_up_now(&mut self, entry: &Entry, key: &[u8], args: &[&[u8]]) -> Option<Outcome> {
        let definition = &entry.definition;
        match definition.kind {
            _ if self.is_deferred && definition.skip_when_deferred => Some(Outcome::NotFound(Sysexit::Ok)),
            // QUIRK(dns-map-without-type): it counts as open all the same.
            Kind::Dns(_) if !definition.usable => Some(Outcome::NotFound(Sysexit::NoHost)),
            _ if !definition.usable => Some(Outcome::NotFound(Sysexit::Ok)),
            Kind::Macro => Some(self.set_by_map(key, args)),
            Kind::Userdb => Some(self.look_up_userdb(definition, key, args)),
            Kind::Syslog(priority) => {
                self.note(Level { priority, detail: 0 }, key.into());
                Some(Outcome::Found(BString::default()))
            }
            Kind::Switch(_) | Kind::Sequence(_) => Some(Outcome::NotFound(Sysexit::NoHost)),
            _ if definition.kind.is_local() => {
                let site = Arc::clone(&self.site);
                let (outcome, complaint) = site.maps.look_up_local(entry, key, args);
                self.hear_not_open(entry, complaint);
                if outcome.status() == Sysexit::Config
                    && let Some(error) = site.maps.open(entry).0.bad_argument(args)
                {
                    self.hear(Heard::Fault(error.to_string().as_bytes()));
                }
                Some(outcome)
            }
            _ => None,
        }
    }

    /// Sets or clears the macro that a look-up in a macro map names.
    fn set_by_map(&mut self, key: &[u8], args: &[&[u8]]) -> Outcome {
        if key.is_empty() {
            return Outcome::NotFound(Sysexit::NoHost);
        }
        let named = Named::read(key);
        for error in named.errors {
            self.hear(Heard::Fault(error.to_string().as_bytes()));
        }
        match (named.name, args.first()) {
            (Some(name), value) => self.macros.store(&MacroName::new(name), value.copied()),
            (None, _) => return Outcome::NotFound(Sysexit::Ok),
        }
        Outcome::Found(BString::default())
    }
}

impl Values for Context {
    fn macro_value(&self, name: &[u8]) -> Option<Value<'_>> {
        self.macros.get(name)
    }
}

impl Lookup for Context {
    fn in_class(&self, class: &ClassRef, phrase: &[u8]) -> bool {
        self.classes.of_rule(class.index).is_some_and(|members| members.contains(phrase))
    }

    fn class_bytes_max(&self, class: &ClassRef, start: Option<u8>) -> usize {
        self.classes.of_rule(class.index).map_or(0, |members| members.bytes_max(start))
    }

    fn key_style(&self, map: &[u8]) -> Option<KeyStyle> {
        self.site.maps.key_style(map)
    }

    fn look_up<'a>(&'a mut self, map: &'a [u8], key: &'a [u8], args: &'a [BString]) -> Answer<'a> {
        self.hear(Heard::Pause);
        let site = Arc::clone(&self.site);
        let Some(entry) = site.maps.entry(map) else {
            return Answer::Now(Found::NOTHING);
        };
        let words: Vec<&[u8]> = args.iter().map(|arg| arg.as_slice()).collect();
        let now = match (self.supposed_of(map, key), site.maps.leaves(entry)) {
            (Some(supposed), _) => Some(supposed),
            (None, [leaf]) if entry.definition.kind.is_alone() => self.look_up_now(leaf, key, &words),
            (None, _) => None,
        };
        if let Some(outcome) = now {
            let found = self.found(map, &entry.definition, key, outcome);
            self.hear(Heard::LookedUp { map, key, args, found: &found });
            return Answer::Now(found);
        }
        Answer::Later(Box::pin(async move {
            let site = Arc::clone(&self.site);
            let name = String::from_utf8_lossy(map);
            let outcome = self.map_lookup(&name, key, &words).await;
            let found = match site.maps.definition(map) {
                Some(definition) => self.found(map, definition, key, outcome),
                None => Found::NOTHING,
            };
            self.hear(Heard::LookedUp { map, key, args, found: &found });
            found
        }))
    }

    fn complain(&mut self, trouble: &Trouble) {
        if let Some(status) = trouble.failure() {
            let text = BString::from(trouble.to_string());
            self.failure.get_or_insert_with(|| (status, text.clone()));
            self.note_failure(text);
        }
        if let Trouble::Scan { error, .. } = trouble {
            self.odd_value.get_or_insert_with(|| (trouble.to_string().into(), *error));
        }
        self.hear(Heard::Trouble(trouble));
    }

    fn trace_level(&self) -> Option<u8> {
        self.trace_level
    }

    fn trace(&mut self, step: Trace<'_>) {
        self.hear(Heard::Trace(step));
    }
}

/// Returns what a rule sees of an outcome.
fn found(definition: &Definition, key: &[u8], outcome: Outcome) -> Found {
    let (value, status) = definition.in_rule(key, outcome);
    Found { value, temp_fail: status == Sysexit::TempFail }
}
