//! The loop: reads tokens, gathers the arguments of calls, expands.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BString, ByteSlice};

use super::builtin::Builtin;
use super::diversion::{Diversions, Origin};
use super::host::Host;
use super::input::{Input, shown};
use super::message::{Message, Place, Severity, Whence};
use super::run;
use super::table::{Defined, Definition, Table};
use super::text::{substitute, uses};
use super::token::{Marks, Token};
use crate::name::{CSpace as _, TrimSpace as _};

/// How deep calls may stand in arguments of calls.
const NESTING_MAX: usize = 100_000;

/// How much expansions may push back while no byte of a file is read: more is a macro that calls itself for ever.
const PUSHED_BYTES_MAX: usize = 1 << 26;

/// What an expansion counts at least against that limit.
const EXPANSION_BYTES: usize = 32;

/// One argument of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Argument {
    /// Text.
    Text(Vec<u8>),
    /// A builtin that `defn` gave, alone.
    Builtin(Builtin),
}

/// A call with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    /// The macro's name as it was called.
    pub(super) name: BString,
    /// What it stood for when it was called.
    pub(super) definition: Definition,
    /// Where its name stood.
    pub(super) whence: Whence,
    /// Its arguments.
    pub(super) arguments: Vec<Argument>,
}

impl Call {
    /// Returns an argument's text, from 0; nothing for one that is missing or a builtin.
    pub(super) fn text(&self, index: usize) -> &[u8] {
        match self.arguments.get(index) {
            Some(Argument::Text(text)) => text,
            Some(Argument::Builtin(_)) | None => b"",
        }
    }
}

/// A call whose arguments are being read.
#[derive(Debug)]
struct OpenCall {
    call: Call,
    /// The argument that is read now.
    text: Vec<u8>,
    builtin: Option<Builtin>,
    /// Parentheses open within that argument.
    parentheses: usize,
    /// Whether only space was seen of it.
    is_fresh: bool,
}

impl OpenCall {
    fn new(call: Call) -> Self {
        Self { call, text: Vec::new(), builtin: None, parentheses: 0, is_fresh: true }
    }

    fn end_argument(&mut self) {
        let text = std::mem::take(&mut self.text);
        let argument = match self.builtin.take() {
            // Text behind a builtin is lost.
            Some(builtin) => Argument::Builtin(builtin),
            None => Argument::Text(text),
        };
        self.call.arguments.push(argument);
        self.is_fresh = true;
    }
}

/// What came out in the end.
#[derive(Debug)]
pub struct Output {
    /// The text.
    pub text: Vec<u8>,
    /// What is to be said on standard error, in order.
    pub messages: Vec<Message>,
    /// The exit status.
    pub exit: u8,
    /// Where each part of the text was written.
    pub origins: Vec<Origin>,
    /// The macros that files defined.
    pub defined: Vec<Defined>,
    /// The files that were included, in order, and where.
    pub included: Vec<(BString, Whence)>,
    /// What lines of source files took back that was not defined.
    pub undefined: Vec<(BString, Place)>,
    /// The macros that were asked for while a source file was read, and how that was first done.
    pub asked: BTreeMap<BString, Asked>,
    /// Calls in source files with more arguments than the macro uses.
    pub surplus: Vec<Surplus>,
}

/// How something came to depend on a macro.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// The line of the source file.
    pub place: Place,
    /// Whether the macro was defined then.
    pub was_defined: bool,
}

/// A call with arguments that its macro does not use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Surplus {
    /// The macro.
    pub name: BString,
    /// Where it is called.
    pub place: Place,
    /// How many arguments it uses.
    pub used: usize,
    /// The first argument that is lost.
    pub lost: BString,
}

impl Output {
    /// Returns where the byte at an offset of the text was written.
    pub fn origin(&self, offset: usize) -> Option<&Origin> {
        let after = self.origins.partition_point(|origin| origin.at <= offset);
        self.origins.get(after.checked_sub(1)?)
    }
}

impl Output {
    /// Returns the line of a source file that the text between two offsets is there for: where it begins, or else the first
    /// one that gave a part of it.
    pub fn cause(&self, start: usize, end: usize) -> Option<&Place> {
        let first = self.origin(start)?;
        let after = self.origins.partition_point(|origin| origin.at <= start);
        let rest = self.origins[after..].iter().take_while(|origin| origin.at < end);
        first.cause.as_ref().or_else(|| rest.filter_map(|origin| origin.cause.as_ref()).next())
    }
}

/// The processor.
pub struct Machine<'host> {
    pub(super) host: &'host mut dyn Host,
    pub(super) input: Input,
    pub(super) marks: Marks,
    pub(super) table: Table,
    pub(super) diversions: Diversions,
    pub(super) traced: BTreeSet<BString>,
    /// The exit status of the last command.
    pub(super) command_status: u8,
    open: Vec<OpenCall>,
    /// Where the call stands that is expanded now.
    whence: Whence,
    messages: Vec<Message>,
    /// See [`Output::included`].
    pub(super) included: Vec<(BString, Whence)>,
    /// See [`Output::undefined`].
    undefined: Vec<(BString, Place)>,
    /// See [`Output::asked`].
    asked: BTreeMap<BString, Asked>,
    /// See [`Output::surplus`].
    surplus: Vec<Surplus>,
    /// Set when nothing more is to be read.
    exit: Option<u8>,
    has_failed: bool,
}

impl<'host> Machine<'host> {
    /// Returns a processor that knows its builtins and has read nothing.
    pub fn new(host: &'host mut dyn Host) -> Self {
        let mut table = Table::default();
        for builtin in Builtin::ALL {
            table.define(builtin.name().as_bytes(), Definition::Builtin(*builtin), None);
        }
        for name in ["__gnu__", "__unix__"] {
            table.define(name.as_bytes(), Definition::text(b""), None);
        }
        let input = Input::new();
        let whence = input.whence().clone();
        Self {
            host,
            input,
            marks: Marks::default(),
            table,
            diversions: Diversions::default(),
            traced: BTreeSet::new(),
            command_status: 0,
            open: Vec::new(),
            whence,
            messages: Vec::new(),
            included: Vec::new(),
            undefined: Vec::new(),
            asked: BTreeMap::new(),
            surplus: Vec::new(),
            exit: None,
            has_failed: false,
        }
    }

    /// Defines a macro, as `-D` does.
    pub fn define(&mut self, name: &[u8], text: &[u8]) {
        self.table.define(name, Definition::text(text), None);
    }

    /// Takes back a macro, as `-U` does.
    pub fn undefine(&mut self, name: &[u8]) {
        self.table.remove(name);
    }

    /// Reads the text of a file to its end.
    pub fn process(&mut self, name: &[u8], text: Vec<u8>) {
        if self.exit.is_none() {
            self.input.push_file(name, text, None);
            self.read();
        }
    }

    /// Reads the text of a file to its end, as one whose lines are the causes of what comes out: see [`Whence`].
    pub fn process_source(&mut self, name: &[u8], text: Vec<u8>) {
        if self.exit.is_none() {
            self.input.push_source(name, text);
            self.read();
        }
    }

    /// Reads what `m4wrap` kept, brings back what was diverted, and returns the output.
    pub fn finish(mut self) -> Output {
        while self.exit.is_none() && self.input.unwrap_kept() {
            self.read();
        }
        if self.exit.is_none() {
            self.diversions.divert(0);
            self.diversions.undivert_all();
        }
        let exit = self.exit.unwrap_or(u8::from(self.has_failed));
        let (text, origins) = self.diversions.into_output();
        let defined = self.table.into_defined();
        let Self { messages, included, undefined, asked, surplus, .. } = self;
        Output { text, messages, exit, origins, defined, included, undefined, asked, surplus }
    }

    /// Reads tokens until the input ends.
    fn read(&mut self) {
        while self.exit.is_none() {
            match self.marks.read(&mut self.input) {
                Ok(Token::End) => return self.end_of_input(),
                Ok(token) => self.token(token),
                Err(unfinished) => return self.fatal(unfinished.whence().clone(), &unfinished.to_string()),
            }
        }
    }

    fn end_of_input(&mut self) {
        if let Some(OpenCall { call, .. }) = self.open.pop() {
            let text =
                format!("the file ends within the arguments of `{}`: a closing parenthesis is missing", call.name);
            self.fatal(call.whence, &text);
        }
    }

    fn token(&mut self, token: Token) {
        if let Some(open) = self.open.last_mut() {
            match &token {
                Token::Byte(byte) if open.is_fresh && byte.is_c_space() => return,
                Token::Byte(b',') if open.parentheses == 0 => return open.end_argument(),
                Token::Byte(b')') if open.parentheses == 0 => {
                    open.end_argument();
                    return self.expand_last();
                }
                Token::Byte(b'(') => open.parentheses += 1,
                Token::Byte(b')') => open.parentheses -= 1,
                Token::Builtin(builtin) if open.text.is_empty() => open.builtin = Some(*builtin),
                _ => {}
            }
            open.is_fresh = false;
        }
        match token {
            Token::Word(name) => self.word(name),
            Token::Byte(byte) => self.write(&[byte]),
            Token::Quoted(text) | Token::Comment(text) => self.write(&text),
            Token::Builtin(_) | Token::End => {}
        }
    }

    /// Appends text to the argument that is read, or to the output.
    fn write(&mut self, text: &[u8]) {
        match self.open.last_mut() {
            Some(open) => open.text.extend_from_slice(text),
            None => self.diversions.write(text, self.input.whence()),
        }
    }

    /// Begins a call if `name` is a macro's.
    fn word(&mut self, name: BString) {
        let Some(definition) = self.table.get(&name).cloned() else { return self.write(&name) };
        let opens = self.marks.opens(&mut self.input);
        if let Definition::Builtin(builtin) = &definition
            && builtin.needs_arguments()
            && !opens
        {
            return self.write(&name);
        }
        let call = Call { name, definition, whence: self.input.whence().clone(), arguments: Vec::new() };
        if !opens {
            return self.expand(call);
        }
        self.input.next();
        if self.open.len() >= NESTING_MAX {
            let text = format!("`{}`: more than {NESTING_MAX} calls stand in each other's arguments", call.name);
            return self.fatal(call.whence, &text);
        }
        self.open.push(OpenCall::new(call));
    }

    fn expand_last(&mut self) {
        if let Some(open) = self.open.pop() {
            self.expand(open.call);
        }
    }

    /// Puts what a call stands for in front of the input.
    pub(super) fn expand(&mut self, call: Call) {
        self.whence = call.whence.clone();
        if self.traced.contains(&call.name) {
            self.note(format!("m4trace: -{}- {}\n", self.open.len() + 1, call.name).into());
        }
        if self.input.pushed_bytes() > PUSHED_BYTES_MAX {
            let text = format!(
                "`{}` expands without end: a macro calls itself, directly or through others; a definition takes up \
                 an older value, where there is one, by defn(`{}')",
                call.name, call.name
            );
            return self.fatal(call.whence, &text);
        }
        self.input.count(EXPANSION_BYTES);
        match &call.definition {
            Definition::Text(text) => {
                if let (Some(place), None) = (self.source_line(), self.table.cause(&call.name))
                    && let Some(used) = uses(text).filter(|used| *used < call.arguments.len())
                {
                    let (name, place, lost) = (call.name.clone(), place.clone(), call.text(used).into());
                    self.surplus.push(Surplus { name, place, used, lost });
                }
                let text = substitute(text, &call, &self.marks);
                self.ask(&call.name);
                let cause = self.cause(&call.name);
                self.input.push_for(text, cause);
            }
            Definition::Builtin(builtin) => {
                let builtin = *builtin;
                self.check_arity(builtin, &call);
                // Only `builtin` and `indir` can call without any argument what needs some.
                if !(call.arguments.is_empty() && builtin.needs_arguments()) {
                    run::run(self, builtin, call);
                }
            }
        }
    }

    fn check_arity(&mut self, builtin: Builtin, call: &Call) {
        let (given, arity) = (call.arguments.len(), builtin.arity());
        if given < arity.min {
            self.warn(&format!("too few arguments of `{}`: {given}, must be {}", call.name, arity.min));
        } else if let Some(max) = arity.max.filter(|max| given > *max) {
            self.warn(&format!("`{}` takes {max} arguments; the others are ignored", call.name));
        }
    }

    /// Returns where the call stands that is expanded now.
    pub(super) fn whence(&self) -> &Whence {
        &self.whence
    }

    /// Returns what text is there for that the call brings: the line of the source file that is read, and once all are, the
    /// line that defined the macro `name`.
    pub(super) fn cause(&self, name: &[u8]) -> Option<Place> {
        let defined = if self.input.is_within_source() { None } else { self.table.cause(name) };
        defined.or(self.whence.cause.as_ref()).cloned()
    }

    /// Returns the line of the call that is expanded now, if it stands in a source file.
    fn source_line(&self) -> Option<&Place> {
        self.whence.cause.as_ref().filter(|cause| **cause == self.whence.place)
    }

    /// Takes note that something depends on a macro.
    pub(super) fn ask(&mut self, name: &[u8]) {
        let cause = self.whence.cause.as_ref().filter(|_| self.input.is_within_source());
        if let Some(cause) = cause.filter(|_| !self.asked.contains_key(name.as_bstr())) {
            let asked = Asked { place: cause.clone(), was_defined: self.table.get(name).is_some() };
            self.asked.insert(name.into(), asked);
        }
    }

    /// Takes back a macro that a call names.
    pub(super) fn take_back(&mut self, name: &[u8]) {
        if let Some(place) = self.source_line().filter(|_| self.table.get(name).is_none()).cloned() {
            self.undefined.push((name.into(), place));
        }
        self.table.remove(name);
    }

    /// Ends the work with an exit status; what is still diverted is lost.
    pub(super) fn stop(&mut self, exit: u8) {
        self.exit = Some(exit);
        self.open.clear();
        self.input.clear();
    }

    /// Ends the work because of an error.
    fn fatal(&mut self, whence: Whence, text: &str) {
        self.messages.push(Message { whence, severity: Severity::Error, text: text.into() });
        self.stop(1);
    }

    /// Ends the work because of an error of the call that is expanded now.
    pub(super) fn give_up(&mut self, text: &str) {
        self.fatal(self.whence.clone(), text);
    }

    /// Says something as it is.
    pub(super) fn note(&mut self, text: BString) {
        let whence = self.whence.clone();
        self.messages.push(Message { whence, severity: Severity::Note, text });
    }

    pub(super) fn warn(&mut self, text: &str) {
        let whence = self.whence.clone();
        self.messages.push(Message { whence, severity: Severity::Warning, text: text.into() });
    }

    /// Says that a call has no result.
    pub(super) fn complain(&mut self, text: &str) {
        let whence = self.whence.clone();
        self.messages.push(Message { whence, severity: Severity::Complaint, text: text.into() });
    }

    /// Says that the result as a whole is wrong; reading goes on.
    pub(super) fn fail(&mut self, text: &str) {
        let whence = self.whence.clone();
        self.messages.push(Message { whence, severity: Severity::Error, text: text.into() });
        self.has_failed = true;
    }

    /// Returns an argument as a number, with a complaint if it is none.
    pub(super) fn number(&mut self, call: &Call, index: usize) -> Option<i32> {
        let text = call.text(index);
        if text.is_empty() {
            self.warn(&format!("an empty argument of `{}` counts as 0", call.name));
            return Some(0);
        }
        let number = parse_number(text);
        if number.is_none() {
            self.complain(&format!("`{}`: {:?} is no number", call.name, shown(text)));
        }
        number
    }
}

/// Reads a decimal number with or without space and a sign in front; too large ones lose their upper bits, as in the original.
fn parse_number(text: &[u8]) -> Option<i32> {
    let text = text.trim_space_start();
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value: i64 = digits.to_str().ok()?.parse().unwrap_or(i64::MAX);
    let value = if negative { -value } else { value };
    #[expect(clippy::cast_possible_truncation, reason = "the original keeps the lower bits")]
    Some(value as i32)
}
