//! `praliases`: prints alias databases.

use std::ffi::OsString;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use bstr::{BString, ByteSlice};

use super::map_tools::{Flags, Named, OptionLines, Streams, until_nul, with_streams};
use crate::cf::AliasSpec;
use crate::map::{Database, DatabaseError, Definition, Target, TargetOptions};
use crate::name::Sysexit;
use crate::sys::errors::reason;

const USAGE: &str = "usage: praliases [-C cffile] [-f aliasfile] [key ...]";

/// Runs `praliases`; `args` begins with the program's name.
pub fn main(args: &[OsString]) -> ExitCode {
    with_streams(|streams| run(args.get(1..).unwrap_or_default(), streams))
}

fn run(args: &[OsString], streams: &mut Streams<'_>) -> Sysexit {
    let found = Flags::parse("C:f:", args);
    if let Some(error) = &found.error {
        streams.complain(format!("praliases: {error}"));
        streams.complain(USAGE);
        return Sysexit::Usage;
    }
    let last = |wanted: u8| found.flags.iter().rev().find(|(letter, _)| *letter == wanted).map(|(_, value)| value);
    let specs = match last(b'f') {
        Some(file) => AliasSpec::split(file, 0),
        None => match OptionLines::read(last(b'C').map(|path| path.as_slice())) {
            Ok(lines) => lines.alias_files.iter().flat_map(|option| AliasSpec::split(option, 0)).collect(),
            Err(error) => {
                streams.complain(format!("praliases: {error}"));
                return Sysexit::NoInput;
            }
        },
    };
    // QUIRK(praliases-status): a map that cannot be opened is told, and the status stays 0.
    for spec in specs {
        if let Err(error) = print(&spec, &found.operands, streams) {
            streams.complain(format!("praliases: {error}"));
        }
    }
    Sysexit::Ok
}

/// Prints the aliases of one map, or those called `keys`; the error is the text for the user.
fn print(spec: &AliasSpec, keys: &[BString], streams: &mut Streams<'_>) -> Result<(), String> {
    let class = spec.class();
    let definition = Definition::parse(b"aliases", class, &spec.args).0;
    let Some(definition) = definition.filter(|definition| definition.kind.method().is_some()) else {
        return Err(format!("Skipping non-file based alias type {}", class.as_bstr()));
    };
    let file = definition.file.unwrap_or_default();
    let database = open(class, &file).map_err(|error| format!("{file}: open: {error}"))?;
    let printed = if keys.is_empty() { print_all(&database, streams) } else { print_keys(&database, keys, streams) };
    printed.map_err(|error| format!("{file}: {error}"))
}

fn open(class: &[u8], file: &[u8]) -> Result<Database, String> {
    let named = Named::new("praliases", class, file).map_err(|failure| failure.text)?;
    // QUIRK(praliases-missing): a missing file is an unknown type of database.
    let unknown = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "Unknown database type".to_owned(),
        _ => reason(&error),
    };
    let file = Target::read(&named.path(), TargetOptions::default()).map_err(unknown)?;
    match named.method.open(file) {
        Ok(database) if database.method() == named.method => Ok(database),
        Ok(_) | Err(DatabaseError::NotADatabase) => Err("Invalid argument".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn print_all(database: &Database, streams: &mut Streams<'_>) -> Result<(), DatabaseError> {
    let mut written = Ok(());
    database.scan(&mut |name, value| {
        written = print_alias(name, value, streams.output);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(written?)
}

fn print_keys(database: &Database, keys: &[BString], streams: &mut Streams<'_>) -> Result<(), DatabaseError> {
    for key in keys {
        let found = match database.get(&[key.as_slice(), b"\0"].concat())? {
            None => database.get(key)?,
            found => found,
        };
        match found {
            Some(value) => print_alias(key, &value, streams.output)?,
            None => streams.output.write_all(&[&key[..], b": No such key\n"].concat())?,
        }
    }
    Ok(())
}

fn print_alias(name: &[u8], value: &[u8], output: &mut dyn Write) -> io::Result<()> {
    output.write_all(&[until_nul(name), b":", until_nul(value), b"\n"].concat())
}

#[cfg(test)]
mod tests {
    use super::super::map_tools::testing::{Ran, Room};
    use super::*;
    use crate::map::{Method, aliases};

    #[track_caller]
    fn check(room: &Room, args: &str, expected: (&[&str], &str, Sysexit)) {
        let Ran { output, errors, exit } = room.run(run, args, "");
        let mut lines: Vec<&str> = output.lines().collect();
        lines.sort_unstable();
        assert_eq!((&lines[..], errors.as_str(), exit), expected, "{args}");
    }

    fn room() -> Room {
        let room = Room::new();
        let (table, _) = aliases::AliasTable::new(&aliases::parse(b"Root: alice\nbob: x, y\n").0);
        table.save(&room.path("aliases.db"), Method::Hash, TargetOptions::default()).expect("our folder");
        room.write("cf", "O AliasFile=ROOM/aliases\n");
        room
    }

    #[test]
    fn all_aliases_or_those_named_are_printed() {
        let room = room();
        check(&room, "-f ROOM/aliases", (&["@:@", "bob:x, y", "root:alice"], "", Sysexit::Ok));
        check(&room, "-C ROOM/cf root Root", (&["Root: No such key", "root:alice"], "", Sysexit::Ok));
    }

    #[test]
    fn what_cannot_be_printed_is_told() {
        let room = room();
        let missing = "praliases: ROOM/none: open: Unknown database type\n";
        check(&room, "-f ROOM/none", (&[], missing, Sysexit::Ok));
        room.write("cf", "OAldap:x\n");
        let skipped = "praliases: Skipping non-file based alias type ldap\n";
        check(&room, "-C ROOM/cf", (&[], skipped, Sysexit::Ok));
        check(&room, "-f ldap:x", (&[], skipped, Sysexit::Ok));
        check(&room, "-f hash:ROOM/aliases root", (&["root:alice"], "", Sysexit::Ok));
        let no_file = "praliases: ROOM/no.cf: No such file or directory\n";
        check(&room, "-C ROOM/no.cf", (&[], no_file, Sysexit::NoInput));
        let usage = format!("praliases: invalid option -- 'Z'\n{USAGE}\n");
        check(&room, "-Z", (&[], &usage, Sysexit::Usage));
    }
}
