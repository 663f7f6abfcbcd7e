//! Files that the configuration declares: of maps, of classes, of options.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::ByteSlice;

use super::{Charter, Served, failure_of_file, refusal};
use crate::cf::{ClassSource, Config};
use crate::keeper::client::Answered;
use crate::keeper::request::{Answer, FailureKind, NamedFile};
use crate::map::Definition;
use crate::map::aliases;
use crate::name::MapName;
use crate::sys::safe_file::{Kind, remedy};

/// What may follow the declared name of a map in the names of its files.
const MAP_SUFFIXES: [&[u8]; 5] = [b"", b".db", b".cdb", b".dir", b".pag"];

/// Opens a file of a map.
pub(super) fn open_map(charter: &Charter, map: &MapName, suffix: &[u8]) -> Served {
    let undeclared = || refusal(FailureKind::Undeclared {}, format!("map {map} declares no such file"));
    if !MAP_SUFFIXES.contains(&suffix) {
        return Err(undeclared());
    }
    let definition = definition(&charter.config, map).ok_or_else(undeclared)?;
    let file = definition.file.filter(|file| file.starts_with(b"/")).ok_or_else(undeclared)?;
    open(charter, &[file.as_slice(), suffix].concat(), Kind::Map)
}

/// Returns the definition of a map of a `K` line, of an alias file (`Alias0` …), or of a class's source.
pub(super) fn definition(config: &Config, map: &MapName) -> Option<Definition> {
    let lines = config.maps.iter().filter(|line| line.name.as_bytes().eq_ignore_ascii_case(map.as_bytes()));
    let declared = lines.fold(None, |before, line| Definition::declare(before.as_ref(), line).0.or(before));
    if declared.is_some() {
        return declared;
    }
    for file in &config.classes.files {
        if let ClassSource::Map { class, spec, .. } = &file.source
            && let Some(definition) = Definition::parse_for_class(file, class, spec).0
            && definition.handle() == *map
        {
            return Some(definition);
        }
    }
    if let Some(definition) =
        crate::site::user_database_files(config).into_iter().find(|found| found.name == map.as_bytes())
    {
        return Some(definition);
    }
    let number: usize = map.as_bytes().strip_prefix(b"Alias")?.to_str().ok()?.parse().ok()?;
    aliases::definitions(&config.options.alias_file).into_iter().nth(number)
}

/// Opens the file of an `F` line.
pub(super) fn open_class(charter: &Charter, line: u16) -> Served {
    match charter.config.classes.files.get(usize::from(line)).map(|file| &file.source) {
        Some(ClassSource::File(path)) => open(charter, path, Kind::Class),
        _ => Err(refusal(FailureKind::Undeclared {}, format!("F line {line} names no file"))),
    }
}

/// Opens the file that an option names.
pub(super) fn open_named(charter: &Charter, named: &NamedFile) -> Served {
    let options = &charter.config.options;
    let (path, kind) = match named {
        NamedFile::Help {} => (&options.help_file, Kind::Help),
        NamedFile::ServiceSwitch {} => (&options.service_switch_file, Kind::Switch),
        NamedFile::Statistics {} => (&options.status_file, Kind::Statistics),
        NamedFile::ErrorHeader {} => (&options.error_header, Kind::ErrorHeader),
    };
    if !path.starts_with(b"/") {
        return Err(refusal(FailureKind::Undeclared {}, "the option names no file"));
    }
    open(charter, path, kind)
}

/// Opens `path` for reading; statistics for writing, too.
fn open(charter: &Charter, path: &[u8], kind: Kind) -> Served {
    let place = Path::new(OsStr::from_bytes(path));
    let file = charter.inspector.open(place, kind).map_err(|reason| {
        let mut failure = failure_of_file(path, reason);
        // Who asks cannot look there himself.
        if let Some(command) = remedy(path, &failure.text) {
            failure.text = format!("{}; run: {command}", failure.text).into();
            // The words tell more than the number.
            failure.errno = 0;
        }
        failure
    })?;
    Ok(Answered { answer: Answer::Opened {}, descriptors: vec![file.into()] })
}
