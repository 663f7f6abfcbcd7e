//! `editmap`: asks for, sets or removes one record of a map's database.

use std::ffi::OsString;
use std::process::ExitCode;

use bstr::BString;

use super::map_tools::{Failure, Flags, Named, OptionLines, Streams, until_nul, with_streams};
use crate::map::{Records, SaveError, TargetOptions};
use crate::name::Sysexit;
use crate::sys::errors::reason;

const USAGE: &str = "Usage: editmap [-C cffile] [-N] [-f] [-q|-u|-x] maptype mapname key [ \"value ...\" ]";

/// Runs `editmap`; `args` begins with the program's name.
pub fn main(args: &[OsString]) -> ExitCode {
    with_streams(|streams| run(args.get(1..).unwrap_or_default(), streams))
}

/// What becomes of the record.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Action {
    Query,
    Update(BString),
    Remove,
}

/// What the command line asks for.
#[derive(Debug)]
struct Request {
    configuration: Option<BString>,
    action: Action,
    kind: BString,
    name: BString,
    /// As written, for messages.
    key: BString,
    /// As stored.
    stored_key: BString,
    with_nul: bool,
}

impl Request {
    /// Reads the command line; `None` where it is none of the three forms.
    fn parse(found: Flags) -> Option<Request> {
        let mut configuration = None;
        let (mut with_nul, mut keep_case) = (false, false);
        let mut actions = Vec::new();
        for (letter, value) in found.flags {
            match letter {
                b'C' => configuration = Some(value),
                b'N' => with_nul = true,
                b'f' => keep_case = true,
                action => actions.push(action),
            }
        }
        let (action, [kind, name, key]) = match (&actions[..], &found.operands[..]) {
            ([b'q'], [kind, name, key]) => (Action::Query, [kind, name, key]),
            ([b'x'], [kind, name, key]) => (Action::Remove, [kind, name, key]),
            // QUIRK(editmap-extra-words): words after the value are passed over.
            ([b'u'], [kind, name, key, value, ..]) => (Action::Update(value.clone()), [kind, name, key]),
            _ => return None,
        };
        let mut key = key.clone();
        if !keep_case {
            key.make_ascii_lowercase();
        }
        let mut stored_key = key.clone();
        if with_nul {
            stored_key.push(0);
        }
        let (kind, name) = (kind.clone(), name.clone());
        Some(Request { configuration, action, kind, name, key, stored_key, with_nul })
    }
}

fn run(args: &[OsString], streams: &mut Streams<'_>) -> Sysexit {
    let mut found = Flags::parse("C:fquxN", args);
    let error = found.error.take();
    if let Some(error) = &error {
        streams.complain(format!("editmap: {error}"));
    }
    let (Some(request), None) = (Request::parse(found), error) else {
        streams.complain(USAGE);
        return Sysexit::Usage;
    };
    perform(&request, streams).unwrap_or_else(|failure| {
        streams.complain(failure.text);
        failure.exit
    })
}

fn perform(request: &Request, streams: &mut Streams<'_>) -> Result<Sysexit, Failure> {
    let lines = OptionLines::read(request.configuration.as_ref().map(|path| path.as_slice()))
        .map_err(|error| Failure { text: format!("editmap: {error}"), exit: Sysexit::NoInput })?;
    let owner = lines.owner().unwrap_or_else(|error| {
        streams.complain(error);
        None
    });
    let options = TargetOptions { links_allowed: false, owner };
    let named = Named::new("editmap", &request.kind, &request.name)?;
    match &request.action {
        Action::Query => query(request, &named, options, streams),
        Action::Update(value) => {
            edit(request, &named, options, streams, &mut |records| {
                let end: &[u8] = if request.with_nul { b"\0" } else { b"" };
                records.put(&request.stored_key, &[value.as_slice(), end].concat());
                true
            })?;
            Ok(Sysexit::Ok)
        }
        Action::Remove => {
            if !edit(request, &named, options, streams, &mut |records| records.remove(&request.stored_key))? {
                let (key, name) = (&request.key, &request.name);
                streams.complain([b"editmap: key ", &key[..], b" doesn't exist in map ", name].concat());
            }
            Ok(Sysexit::Ok)
        }
    }
}

fn query(
    request: &Request,
    named: &Named,
    options: TargetOptions,
    streams: &mut Streams<'_>,
) -> Result<Sysexit, Failure> {
    let database = named.read("editmap", options)?;
    let found = database.get(&request.stored_key).map_err(|error| named.not_opened("editmap", error.to_string()))?;
    let Some(value) = found else {
        let (key, name) = (&request.key, &request.name);
        streams.complain([b"editmap: couldn't find key ", &key[..], b" in map ", name].concat());
        return Ok(Sysexit::Unavailable);
    };
    match streams.output.write_all(&[until_nul(&value), b"\n"].concat()) {
        Ok(()) => Ok(Sysexit::Ok),
        Err(_) => Ok(Sysexit::IoErr),
    }
}

/// Changes the records and replaces the file; when `change` gives false, nothing was to be done.
fn edit(
    request: &Request,
    named: &Named,
    options: TargetOptions,
    streams: &mut Streams<'_>,
    change: &mut dyn FnMut(&mut Records) -> bool,
) -> Result<bool, Failure> {
    let target = named.target("editmap", options, streams)?;
    let existing = target.existing().map_err(|error| named.not_opened("editmap", reason(&error)))?;
    let mut records = match existing {
        None => Records::new(named.method, false),
        Some(file) => Records::load(&named.database("editmap", file)?)
            .map_err(|error| named.not_opened("editmap", error.to_string()))?,
    };
    if !change(&mut records) {
        return Ok(false);
    }
    records.save(target).map_err(|error| match error {
        SaveError::Io(error) => named.not_opened("editmap", reason(&error)),
        SaveError::Build(error) => {
            Failure { text: format!("editmap: {}: {error}", request.name), exit: Sysexit::IoErr }
        }
    })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::map_tools::testing::{Ran, Room};
    use super::*;

    #[track_caller]
    fn check(room: &Room, args: &str, expected: (&str, &str, Sysexit)) {
        let Ran { output, errors, exit } = room.run(run, args, "");
        assert_eq!((output.as_str(), errors.as_str(), exit), expected, "{args}");
    }

    #[test]
    fn a_record_is_set_asked_for_and_removed() {
        let room = Room::new();
        check(&room, "-u hash x Key value", ("", "", Sysexit::Ok));
        check(&room, "-q hash x KEY", ("value\n", "", Sysexit::Ok));
        check(&room, "-q -f hash x KEY", ("", "editmap: couldn't find key KEY in map ROOM/x\n", Sysexit::Unavailable));
        check(&room, "-u hash x key other more", ("", "", Sysexit::Ok));
        check(&room, "-q hash x.db key", ("other\n", "", Sysexit::Ok));
        check(&room, "-x hash x key", ("", "", Sysexit::Ok));
        check(&room, "-x hash x Key", ("", "editmap: key key doesn't exist in map ROOM/x\n", Sysexit::Ok));
        check(&room, "-u -N btree n key v", ("", "", Sysexit::Ok));
        check(&room, "-q -N btree n key", ("v\n", "", Sysexit::Ok));
        check(&room, "-q btree n key", ("", "editmap: couldn't find key key in map ROOM/n\n", Sysexit::Unavailable));
    }

    #[test]
    fn what_cannot_be_opened_is_told() {
        let room = Room::new();
        let missing = "editmap: error opening type hash map ROOM/none: No such file or directory\n";
        check(&room, "-q hash none a", ("", missing, Sysexit::CantCreat));
        let unknown = "editmap: error opening type nosuch map ROOM/x: Unknown database type\n";
        check(&room, "-q nosuch x a", ("", unknown, Sysexit::CantCreat));
    }

    #[test]
    fn one_action_with_its_words_is_needed() {
        let room = Room::new();
        let usage = format!("{USAGE}\n");
        for args in ["", "hash x a", "-q hash x", "-q -x hash x a", "-u hash x a", "-x hash x a b"] {
            check(&room, args, ("", &usage, Sysexit::Usage));
        }
        let error = format!("editmap: invalid option -- 'Z'\n{USAGE}\n");
        check(&room, "-Z", ("", &error, Sysexit::Usage));
    }
}
