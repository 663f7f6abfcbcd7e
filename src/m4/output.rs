//! Diversions, files and commands.

use bstr::{BString, ByteSlice};

use super::builtin::Builtin;
use super::machine::{Call, Machine};

/// Performs the builtins that have to do with what is outside.
pub(super) fn run(machine: &mut Machine<'_>, builtin: Builtin, call: &Call) {
    match builtin {
        Builtin::Divnum => machine.input.push(machine.diversions.current().to_string().into()),
        Builtin::Divert if call.arguments.is_empty() => machine.diversions.divert(0),
        Builtin::Divert => {
            if let Some(number) = machine.number(call, 0) {
                machine.diversions.divert(number);
            }
        }
        Builtin::Undivert if call.arguments.is_empty() => machine.diversions.undivert_all(),
        Builtin::Undivert => (0..call.arguments.len()).for_each(|index| undivert(machine, call.text(index))),
        Builtin::Include => include(machine, call.text(0), true),
        Builtin::Sinclude => include(machine, call.text(0), false),
        Builtin::Sysval => machine.input.push(machine.command_status.to_string().into()),
        Builtin::Syscmd => {
            if let Some(output) = command(machine, call) {
                let whence = machine.whence().clone();
                machine.diversions.write_output(&output, &whence);
            }
        }
        Builtin::Esyscmd => {
            if let Some(output) = command(machine, call) {
                machine.input.push(output);
            }
        }
        _ => temporary(machine, call),
    }
}

/// Brings back a numbered text, or puts in a file as it is.
fn undivert(machine: &mut Machine<'_>, name: &[u8]) {
    if let Some(number) = name.to_str().ok().and_then(|digits| digits.parse().ok()) {
        return machine.diversions.undivert(number);
    }
    if name.is_empty() {
        return;
    }
    match machine.host.read(name) {
        Ok(text) => {
            let whence = machine.whence().clone();
            machine.diversions.write(&text, &whence);
        }
        Err(why) => machine.complain(&why.to_string()),
    }
}

/// How many files may be open within one another: more is a file that includes itself.
const FILES_OPEN_MAX: usize = 100;

/// How many files may be included at all.
const FILES_MAX: usize = 10_000;

fn include(machine: &mut Machine<'_>, name: &[u8], must_exist: bool) {
    if machine.input.files_open() >= FILES_OPEN_MAX || machine.included.len() >= FILES_MAX {
        return machine
            .give_up(&format!("{} is included without end: it includes itself, or others do", name.as_bstr()));
    }
    match machine.host.read(name) {
        Ok(text) => {
            let whence = machine.whence().clone();
            machine.input.push_file(name, text, whence.cause.clone());
            machine.included.push((name.into(), whence));
        }
        Err(why) if must_exist => machine.fail(&why.to_string()),
        Err(_) => {}
    }
}

/// Runs a command and returns what it printed.
fn command(machine: &mut Machine<'_>, call: &Call) -> Option<Vec<u8>> {
    if call.text(0).is_empty() {
        machine.command_status = 0;
        return None;
    }
    match machine.host.run(call.text(0)) {
        Ok(ran) => {
            machine.command_status = ran.status;
            Some(ran.output)
        }
        Err(why) => {
            machine.command_status = 127;
            machine.fail(&format!("`{}`: {why}", call.name));
            None
        }
    }
}

fn temporary(machine: &mut Machine<'_>, call: &Call) {
    let created: Result<BString, BString> = machine.host.create(call.text(0));
    match created {
        Ok(name) => {
            let mut quoted = Vec::new();
            machine.marks.quote(&name, &mut quoted);
            machine.input.push(quoted);
        }
        Err(why) => machine.fail(&format!("`{}`: {why}", call.name)),
    }
}
