//! Files that the configuration declares: of maps, of classes, of options.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use bstr::ByteSlice;
use nix::fcntl::OFlag;

use super::{Served, failure_of, refusal};
use crate::cf::{ClassSource, Config};
use crate::keeper::client::Answered;
use crate::keeper::request::{Answer, FailureKind, NamedFile};
use crate::map::Definition;
use crate::name::MapName;

/// What may follow the declared name of a map in the names of its files.
const MAP_SUFFIXES: [&[u8]; 5] = [b"", b".db", b".cdb", b".dir", b".pag"];

/// The class of an alias file that names none.
const ALIAS_CLASS: &[u8] = b"implicit";

/// Opens a file of a map.
pub(super) fn open_map(config: &Config, map: &MapName, suffix: &[u8]) -> Served {
    let undeclared = || refusal(FailureKind::Undeclared {}, format!("map {map} declares no such file"));
    if !MAP_SUFFIXES.contains(&suffix) {
        return Err(undeclared());
    }
    let definition = definition(config, map).ok_or_else(undeclared)?;
    let file = definition.file.filter(|file| file.starts_with(b"/")).ok_or_else(undeclared)?;
    open_regular(&[file.as_slice(), suffix].concat())
}

/// Returns the definition of a map of a `K` line, of an alias file (`Alias0` …), or of a class's source.
pub(super) fn definition(config: &Config, map: &MapName) -> Option<Definition> {
    if let Some(declared) = config.maps.iter().rev().find(|declared| declared.name == *map) {
        return Definition::parse(map.as_bytes(), &declared.class, &declared.args).0;
    }
    let number: usize = map.as_bytes().strip_prefix(b"Alias")?.to_str().ok()?.parse().ok()?;
    alias_definitions(config).into_iter().nth(number)
}

/// Returns the alias files as maps, in the order of AliasFile.
pub(super) fn alias_definitions(config: &Config) -> Vec<Definition> {
    let files = config.options.alias_file.iter();
    files
        .enumerate()
        .filter_map(|(number, spec)| {
            let (class, file) = match spec.find_byte(b':') {
                Some(colon) if !spec.starts_with(b"/") => (&spec[..colon], &spec[colon + 1..]),
                _ => (ALIAS_CLASS, spec.as_slice()),
            };
            Definition::parse(format!("Alias{number}").as_bytes(), class, file).0
        })
        .collect()
}

/// Opens the file of an `F` line.
pub(super) fn open_class(config: &Config, line: u16) -> Served {
    match config.classes.files.get(usize::from(line)).map(|file| &file.source) {
        Some(ClassSource::File(path)) => open_regular(path),
        _ => Err(refusal(FailureKind::Undeclared {}, format!("F line {line} names no file"))),
    }
}

/// Opens the file that an option names.
pub(super) fn open_named(config: &Config, named: &NamedFile) -> Served {
    let options = &config.options;
    let NamedFile::Help {} = named;
    let path = &options.help_file;
    if !path.starts_with(b"/") {
        return Err(refusal(FailureKind::Undeclared {}, "the option names no file"));
    }
    open_regular(path)
}

/// Opens `path` for reading.
pub(super) fn open_regular(path: &[u8]) -> Served {
    let mut how = OpenOptions::new();
    opened(path, how.read(true).clone())
}

fn opened(path: &[u8], mut how: OpenOptions) -> Served {
    // A FIFO must not hold the hand up before it is seen to be one.
    let file = how.custom_flags(OFlag::O_NONBLOCK.bits()).open(Path::new(OsStr::from_bytes(path)));
    let (file, owner) = file.and_then(regular).map_err(|error| failure_of(&path.to_str_lossy(), &error))?;
    Ok(Answered { answer: Answer::Opened { owner }, descriptors: vec![file.into()] })
}

/// Checks that `file` is a regular one; returns it with its owner.
pub(super) fn regular(file: File) -> io::Result<(File, u32)> {
    let found = file.metadata()?;
    if found.is_file() { Ok((file, found.uid())) } else { Err(io::Error::other("Regular files only")) }
}
