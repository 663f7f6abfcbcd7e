//! What each builtin does.

use bstr::{BString, ByteSlice, ByteVec};

use super::builtin::Builtin;
use super::input::shown;
use super::machine::{Argument, Call, Machine};
use super::table::Definition;
use super::token::Marks;
use super::{eval, format, output, pattern, text};

/// Performs a call; what it stands for is pushed in front of the input.
pub(super) fn run(machine: &mut Machine<'_>, builtin: Builtin, call: Call) {
    match builtin {
        Builtin::File => {
            let mut quoted = Vec::new();
            machine.marks.quote(&machine.whence().place.file.clone(), &mut quoted);
            machine.input.push(quoted);
        }
        Builtin::Line => machine.input.push(machine.whence().place.line.to_string().into()),
        Builtin::Program => {
            let mut quoted = Vec::new();
            machine.marks.quote(b"m4", &mut quoted);
            machine.input.push(quoted);
        }
        Builtin::ByName => call_builtin(machine, call),
        Builtin::Indir => indir(machine, call),
        Builtin::Changecom => changecom(machine, &call),
        Builtin::Changequote => changequote(machine, &call),
        // Traces are brief here; there is nothing to choose.
        Builtin::Debugmode | Builtin::Debugfile => {}
        Builtin::Traceon => trace(machine, &call, true),
        Builtin::Traceoff => trace(machine, &call, false),
        Builtin::Define => define(machine, &call, false),
        Builtin::Pushdef => define(machine, &call, true),
        Builtin::Undefine => each(&call, |name| machine.take_back(name)),
        Builtin::Popdef => each(&call, |name| machine.table.pop(name)),
        Builtin::Defn => defn(machine, &call),
        Builtin::Dumpdef => dumpdef(machine, &call),
        Builtin::Ifdef => ifdef(machine, &call),
        Builtin::Ifelse => ifelse(machine, &call),
        Builtin::Shift => {
            let mut rest = Vec::new();
            text::join(&call, 1, Some(&machine.marks), &mut rest);
            machine.input.push(rest);
        }
        Builtin::Dnl => {
            if !machine.input.skip_line() {
                machine.warn("the file ends without a line end after `dnl`");
            }
        }
        Builtin::M4exit => {
            let status = if call.arguments.is_empty() { Some(0) } else { machine.number(&call, 0) };
            machine.stop(status.and_then(|status| u8::try_from(status).ok()).unwrap_or(1));
        }
        Builtin::M4wrap => machine.input.wrap(text::spaced(&call)),
        Builtin::Errprint => machine.note(text::spaced(&call).into()),
        Builtin::Incr | Builtin::Decr | Builtin::Len | Builtin::Index | Builtin::Substr | Builtin::Translit => {
            text_of(machine, builtin, &call);
        }
        Builtin::Eval => evaluate(machine, &call),
        Builtin::Format => {
            let formatted = format::format(machine, &call);
            machine.input.push(formatted);
        }
        Builtin::Regexp => pattern::regexp(machine, &call),
        Builtin::Patsubst => pattern::patsubst(machine, &call),
        Builtin::Divert
        | Builtin::Divnum
        | Builtin::Undivert
        | Builtin::Include
        | Builtin::Sinclude
        | Builtin::Syscmd
        | Builtin::Esyscmd
        | Builtin::Sysval
        | Builtin::Maketemp
        | Builtin::Mkstemp => output::run(machine, builtin, &call),
    }
}

fn each(call: &Call, mut act: impl FnMut(&[u8])) {
    (0..call.arguments.len()).for_each(|index| act(call.text(index)));
}

/// Takes the name off the front of the arguments, for `builtin` and `indir`.
fn take_name(machine: &mut Machine<'_>, call: &mut Call) -> Option<BString> {
    match call.arguments.is_empty() {
        true => None,
        false => match call.arguments.remove(0) {
            Argument::Text(name) => Some(name.into()),
            Argument::Builtin(_) => {
                machine.warn(&format!("`{}`: the first argument must be a name", call.name));
                None
            }
        },
    }
}

fn call_builtin(machine: &mut Machine<'_>, mut call: Call) {
    let Some(name) = take_name(machine, &mut call) else { return };
    match Builtin::named(&name) {
        Some(builtin) => machine.expand(Call { name, definition: Definition::Builtin(builtin), ..call }),
        None => machine.complain(&format!("there is no builtin {:?}", shown(&name))),
    }
}

fn indir(machine: &mut Machine<'_>, mut call: Call) {
    let Some(name) = take_name(machine, &mut call) else { return };
    match machine.table.get(&name).cloned() {
        Some(definition) => machine.expand(Call { name, definition, ..call }),
        None => machine.complain(&format!("there is no macro {:?}", shown(&name))),
    }
}

fn changequote(machine: &mut Machine<'_>, call: &Call) {
    machine.marks.quotes = match call.arguments.is_empty() {
        true => Marks::default().quotes,
        false => marks(call, "'"),
    };
}

fn changecom(machine: &mut Machine<'_>, call: &Call) {
    machine.marks.comment = match call.text(0).is_empty() {
        true => Default::default(),
        false => marks(call, "\n"),
    };
}

/// Returns the two marks that are given; `end` where there is no second one.
fn marks(call: &Call, end: &str) -> (BString, BString) {
    let second = Some(call.text(1)).filter(|mark| !mark.is_empty()).unwrap_or(end.as_bytes());
    (call.text(0).into(), second.into())
}

fn trace(machine: &mut Machine<'_>, call: &Call, on: bool) {
    let names: Vec<BString> = match call.arguments.is_empty() {
        true => machine.table.names().cloned().collect(),
        false => (0..call.arguments.len()).map(|index| call.text(index).into()).collect(),
    };
    for name in names {
        match on {
            true => machine.traced.insert(name),
            false => machine.traced.remove(&name),
        };
    }
}

fn define(machine: &mut Machine<'_>, call: &Call, push: bool) {
    let name = match call.arguments.first() {
        Some(Argument::Text(name)) => name,
        Some(Argument::Builtin(_)) => return machine.warn(&format!("`{}`: the name must be text", call.name)),
        None => return,
    };
    let definition = match call.arguments.get(1) {
        Some(Argument::Builtin(builtin)) => Definition::Builtin(*builtin),
        Some(Argument::Text(text)) => Definition::text(text),
        None => Definition::text(b""),
    };
    match push {
        true => machine.table.push(name, definition, Some(machine.whence().clone())),
        false => machine.table.define(name, definition, Some(machine.whence().clone())),
    }
}

fn defn(machine: &mut Machine<'_>, call: &Call) {
    let mut quoted = Vec::new();
    let mut builtin = None;
    for index in 0..call.arguments.len() {
        match machine.table.get(call.text(index)).cloned() {
            Some(Definition::Text(text)) => machine.marks.quote(&text, &mut quoted),
            Some(Definition::Builtin(found)) if call.arguments.len() == 1 => builtin = Some(found),
            Some(Definition::Builtin(found)) => {
                machine.warn(&format!("`{}` cannot join the builtin `{}` to text", call.name, found.name()));
            }
            None => {}
        }
    }
    match builtin {
        Some(builtin) => machine.input.push_builtin(builtin),
        None => machine.input.push(quoted),
    }
}

fn dumpdef(machine: &mut Machine<'_>, call: &Call) {
    let mut names: Vec<BString> = match call.arguments.is_empty() {
        true => machine.table.names().cloned().collect(),
        false => (0..call.arguments.len()).map(|index| call.text(index).into()).collect(),
    };
    names.sort();
    for name in names {
        let mut line = name.clone();
        line.push_str(":\t");
        match machine.table.get(&name) {
            Some(Definition::Text(text)) => line.push_str(text),
            Some(Definition::Builtin(builtin)) => line.push_str(format!("<{}>", builtin.name())),
            None => {
                machine.complain(&format!("there is no macro {:?}", shown(&name)));
                continue;
            }
        }
        line.push_str("\n");
        machine.note(line);
    }
}

/// Pushes an argument as text, or the builtin it is.
fn push_argument(machine: &mut Machine<'_>, call: &Call, index: usize) {
    match call.arguments.get(index) {
        Some(Argument::Text(text)) => machine.input.push(text.clone()),
        Some(Argument::Builtin(builtin)) => machine.input.push_builtin(*builtin),
        None => {}
    }
}

fn ifdef(machine: &mut Machine<'_>, call: &Call) {
    let is_text = matches!(call.arguments.first(), Some(Argument::Text(_)));
    if call.arguments.len() < 2 {
        return;
    }
    // What is only defined where it is not yet depends on nothing.
    if is_text && !call.text(1).is_empty() {
        machine.ask(call.text(0));
    }
    let is_defined = is_text && machine.table.get(call.text(0)).is_some();
    match call.arguments.get(if is_defined { 1 } else { 2 }) {
        Some(Argument::Text(text)) if is_defined => {
            let cause = machine.cause(call.text(0));
            machine.input.push_for(text.clone(), cause);
        }
        Some(Argument::Text(text)) => machine.input.push(text.clone()),
        Some(Argument::Builtin(builtin)) => machine.input.push_builtin(*builtin),
        None => {}
    }
}

fn ifelse(machine: &mut Machine<'_>, call: &Call) {
    let mut given = call.arguments.len();
    match given {
        0 | 1 => return,
        2 => return machine.warn(&format!("too few arguments of `{}`: 2, must be 3", call.name)),
        _ if given % 3 == 2 => {
            machine.warn(&format!("the last argument of `{}` is ignored", call.name));
            given -= 1;
        }
        _ => {}
    }
    let triples = (0..given - 2).step_by(3);
    let chosen = triples.clone().find(|first| call.text(*first) == call.text(first + 1));
    match (chosen, given % 3) {
        (Some(first), _) => push_argument(machine, call, first + 2),
        (None, 1) => push_argument(machine, call, given - 1),
        (None, _) => {}
    }
}

fn text_of(machine: &mut Machine<'_>, builtin: Builtin, call: &Call) {
    let result = match builtin {
        Builtin::Len => Some(call.text(0).len().to_string().into()),
        Builtin::Incr => machine.number(call, 0).map(|number| number.wrapping_add(1).to_string().into()),
        Builtin::Decr => machine.number(call, 0).map(|number| number.wrapping_sub(1).to_string().into()),
        Builtin::Index if call.arguments.len() < 2 => Some("0".into()),
        Builtin::Index => Some(match call.text(0).find(call.text(1)) {
            Some(at) => at.to_string().into(),
            None => "-1".into(),
        }),
        Builtin::Translit if call.arguments.len() < 2 => Some(call.text(0).into()),
        Builtin::Translit => Some(text::translit(call.text(0), call.text(1), call.text(2))),
        Builtin::Substr if call.arguments.len() < 2 => Some(call.text(0).into()),
        Builtin::Substr => substr(machine, call),
        _ => None,
    };
    machine.input.push(result.unwrap_or_default());
}

fn substr(machine: &mut Machine<'_>, call: &Call) -> Option<Vec<u8>> {
    let start = machine.number(call, 1)?;
    let count = match call.arguments.len() {
        0..=2 => None,
        _ => Some(machine.number(call, 2)?),
    };
    Some(call.text(0)[text::part(call.text(0).len(), start, count)].to_vec())
}

fn evaluate(machine: &mut Machine<'_>, call: &Call) {
    let radix = match call.text(1) {
        b"" => Some(10),
        _ => machine.number(call, 1),
    };
    let width = match call.text(2) {
        b"" => Some(1),
        _ => machine.number(call, 2),
    };
    let (Some(radix), Some(width)) = (radix, width) else { return };
    let Some(radix) = u32::try_from(radix).ok().filter(|radix| (1..=36).contains(radix)) else {
        return machine.complain(&format!("`{}`: the radix {radix} is not from 1 to 36", call.name));
    };
    let Some(width) = usize::try_from(width).ok().filter(|width| *width <= eval::WIDTH_MAX) else {
        return machine.complain(&format!("`{}`: the width {width} is not from 0 to {}", call.name, eval::WIDTH_MAX));
    };
    if call.text(0).is_empty() {
        machine.warn(&format!("an empty argument of `{}` counts as 0", call.name));
        return machine.input.push(eval::spell(0, radix, width));
    }
    match eval::eval(call.text(0)) {
        Ok(value) => machine.input.push(eval::spell(value, radix, width)),
        Err(error) => {
            let text = format!("`{}`: {error}: {}", call.name, shown(call.text(0)));
            match error {
                eval::EvalError::Assignment(_) => machine.fail(&text),
                _ => machine.complain(&text),
            }
        }
    }
}
