//! `makemap`: makes the database of a map from lines of keys and values, or prints one.

use std::ffi::OsString;
use std::io::{self, BufRead, Read, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use bstr::{BString, ByteSlice};

use super::map_tools::{Failure, Flags, Named, OptionLines, Streams, until_nul, with_streams};
use crate::map::{Records, SaveError, TargetOptions};
use crate::name::{CSpace as _, Sysexit};
use crate::sys::errors::reason;

/// Longest line without its line end, in bytes: what fits the original's buffer of 1024.
const LINE_BYTES_MAX: usize = 1022;
/// The types that can be made.
const TYPES: [&str; 4] = ["hash", "btree", "cdb", "implicit"];
const USAGE: &str = "\
Usage: makemap [-C cffile] [-N] [-c cachesize] [-D commentchar]
               [-d] [-e] [-f] [-i type] [-l] [-o] [-r] [-s] [-t delimiter]
               [-u] [-v] type mapname";

/// Runs `makemap`; `args` begins with the program's name.
pub fn main(args: &[OsString]) -> ExitCode {
    with_streams(|streams| run(args.get(1..).unwrap_or_default(), streams))
}

/// What the command line asks for.
#[derive(Debug, Default)]
struct Options {
    configuration: Option<BString>,
    fallback: Option<BString>,
    comment: Option<u8>,
    separator: Option<u8>,
    with_nul: bool,
    duplicates: bool,
    allow_empty: bool,
    keep_case: bool,
    append: bool,
    replace: bool,
    unsafe_allowed: bool,
    dump: bool,
    verbose: bool,
}

impl Options {
    fn set(&mut self, letter: u8, value: BString) {
        match letter {
            b'C' => self.configuration = Some(value),
            b'i' => self.fallback = Some(value),
            b'D' => self.comment = value.first().copied(),
            b't' => self.separator = value.first().copied(),
            b'N' => self.with_nul = true,
            b'd' => self.duplicates = true,
            b'e' => self.allow_empty = true,
            b'f' => self.keep_case = true,
            b'o' => self.append = true,
            b'r' => self.replace = true,
            b's' => self.unsafe_allowed = true,
            b'u' => self.dump = true,
            b'v' => self.verbose = true,
            // -c: there is no cache whose size matters.
            _ => {}
        }
    }
}

fn run(args: &[OsString], streams: &mut Streams<'_>) -> Sysexit {
    let found = Flags::parse("C:Nc:D:defi:lorst:uv", args);
    let mut options = Options { comment: Some(b'#'), ..Options::default() };
    for (letter, value) in found.flags {
        if letter == b'l' {
            return list_types(streams);
        }
        if letter == b't' && value.is_empty() {
            streams.complain("Invalid separator");
        }
        options.set(letter, value);
    }
    if let Some(error) = &found.error {
        streams.complain(format!("makemap: {error}"));
    }
    let ([kind, name], None) = (&found.operands[..], &found.error) else {
        streams.complain(USAGE);
        return Sysexit::Usage;
    };
    let done = if options.dump { dump(&options, kind, name, streams) } else { make(&options, kind, name, streams) };
    done.unwrap_or_else(|failure| {
        streams.complain(failure.text);
        failure.exit
    })
}

fn list_types(streams: &mut Streams<'_>) -> Sysexit {
    match writeln!(streams.output, "{}", TYPES.join("\n")) {
        Ok(()) => Sysexit::Ok,
        Err(_) => Sysexit::IoErr,
    }
}

/// Prepares the options of the target from sendmail.cf.
fn target_options(options: &Options, streams: &mut Streams<'_>) -> Result<TargetOptions, Failure> {
    let lines = OptionLines::read(options.configuration.as_ref().map(|path| path.as_slice()))
        .map_err(|error| Failure { text: format!("makemap: {error}"), exit: Sysexit::NoInput })?;
    let owner = lines.owner().unwrap_or_else(|error| {
        streams.complain(error);
        None
    });
    Ok(TargetOptions { links_allowed: options.unsafe_allowed, owner })
}

/// Knows the type, or the one that `-i` names in its place.
fn named(options: &Options, kind: &[u8], name: &[u8]) -> Result<Named, Failure> {
    Named::new("makemap", kind, name).or_else(|failure| match &options.fallback {
        Some(fallback) if kind == b"dbm" => Named::new("makemap", fallback, name),
        _ => Err(failure),
    })
}

fn dump(options: &Options, kind: &[u8], name: &[u8], streams: &mut Streams<'_>) -> Result<Sysexit, Failure> {
    let target = target_options(options, streams)?;
    let database = named(options, kind, name)?.read("makemap", target)?;
    let separator = [options.separator.unwrap_or(b'\t')];
    let mut written = Ok(());
    let scanned = database.scan(&mut |key, value| {
        let line = [until_nul(key), &separator, until_nul(value), b"\n"].concat();
        written = streams.output.write_all(&line);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let failure =
        |error: String| Failure { text: format!("makemap: {}: {error}", name.as_bstr()), exit: Sysexit::IoErr };
    scanned.map_err(|error| failure(error.to_string()))?;
    written.map_err(|error| failure(reason(&error)))?;
    Ok(Sysexit::Ok)
}

fn make(options: &Options, kind: &[u8], name: &[u8], streams: &mut Streams<'_>) -> Result<Sysexit, Failure> {
    let target_options = target_options(options, streams)?;
    let named = named(options, kind, name)?;
    let target = named.target("makemap", target_options, streams)?;
    let opened = |error: io::Error| named.not_opened("makemap", reason(&error));
    let mut records = match target.existing().map_err(opened)? {
        Some(file) if options.append => {
            let database = named.database("makemap", file)?;
            if options.duplicates && !database.may_allow_duplicates() {
                return Err(opened(nix::errno::Errno::EINVAL.into()));
            }
            Records::load(&database).map_err(|error| named.not_opened("makemap", error.to_string()))?
        }
        None if options.append => return Err(opened(nix::errno::Errno::ENOENT.into())),
        _ => Records::new(named.method, false),
    };
    if options.duplicates {
        records.allow_duplicates();
    }
    let exit = read_lines(options, name, &mut records, streams)?;
    match records.save(target) {
        Ok(()) => Ok(exit),
        Err(SaveError::Io(error)) => Err(opened(error)),
        Err(error) => Err(Failure { text: format!("makemap: {}: {error}", name.as_bstr()), exit: Sysexit::DataErr }),
    }
}

/// Why a line gives no record.
#[derive(Debug, Eq, PartialEq)]
enum LineError {
    TooLong,
    Nul,
    LeadingSpace,
    NoValue(BString),
    Duplicate(BString),
}

impl LineError {
    /// Returns the text, the original's but for NUL bytes; keys in it keep their bytes, so that it is no `Display`.
    fn text(&self) -> Vec<u8> {
        match self {
            LineError::TooLong => b"line too long (1024 bytes max)".to_vec(),
            LineError::Nul => b"NUL byte in line".to_vec(),
            LineError::LeadingSpace => b"syntax error (leading space)".to_vec(),
            LineError::NoValue(key) => [b"no RHS for LHS ", key.as_slice()].concat(),
            LineError::Duplicate(key) => [b"key ", key.as_slice(), b": duplicate key"].concat(),
        }
    }
}

/// Reads all lines; the status is that of a data error if there was one, the good lines count all the same.
fn read_lines(
    options: &Options,
    name: &[u8],
    records: &mut Records,
    streams: &mut Streams<'_>,
) -> Result<Sysexit, Failure> {
    let mut exit = Sysexit::Ok;
    let mut number = 0_u64;
    let mut line = Vec::new();
    loop {
        let more = next_line(streams.input, &mut line).map_err(|error| Failure {
            text: format!("makemap: {}: line {}: {}", name.as_bstr(), number + 1, reason(&error)),
            exit: Sysexit::IoErr,
        })?;
        if !more {
            return Ok(exit);
        }
        number += 1;
        if let Err(error) = take_line(options, &line, records, streams.output) {
            let place = format!(": line {number}: ");
            streams.complain([b"makemap: ", name, place.as_bytes(), &error.text()].concat());
            exit = Sysexit::DataErr;
        }
    }
}

/// Reads a line without its end into `line`; false at the end. What of a long one does not fit is the next line, as in the
/// original.
fn next_line(input: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if (&mut *input).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    Ok(true)
}

fn take_line(options: &Options, line: &[u8], records: &mut Records, output: &mut dyn Write) -> Result<(), LineError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(LineError::TooLong);
    }
    if line.contains(&0) {
        return Err(LineError::Nul);
    }
    if line.first().is_none_or(|first| Some(*first) == options.comment) {
        return Ok(());
    }
    let separates = |byte: &u8| match options.separator {
        Some(separator) => *byte == separator,
        None => byte.is_c_space(),
    };
    if options.separator.is_none() && line[0].is_c_space() {
        return Err(LineError::LeadingSpace);
    }
    let (key, rest) = line.split_at(line.iter().position(&separates).unwrap_or(line.len()));
    let value = &rest[rest.iter().position(|byte| !separates(byte)).unwrap_or(rest.len())..];
    let mut key = key.to_vec();
    if !options.keep_case {
        key.make_ascii_lowercase();
    }
    if value.is_empty() && !options.allow_empty {
        return Err(LineError::NoValue(key.into()));
    }
    if options.verbose {
        // A broken pipe shows when the output is closed; the database matters more.
        let _ = output.write_all(&[b"key=`", &key[..], b"', val=`", value, b"'\n"].concat());
    }
    put(options, records, &key, value)
}

fn put(options: &Options, records: &mut Records, key: &[u8], value: &[u8]) -> Result<(), LineError> {
    let end: &[u8] = if options.with_nul { b"\0" } else { b"" };
    let (stored, value) = ([key, end].concat(), [value, end].concat());
    if !options.replace && !options.duplicates && records.contains(&stored) {
        return Err(LineError::Duplicate(key.into()));
    }
    records.put(&stored, &value);
    Ok(())
}

#[cfg(test)]
mod tests;
