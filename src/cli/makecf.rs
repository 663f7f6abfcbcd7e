//! `makecf`: makes a `.cf` out of a `.mc`.

mod faults;
mod files;
mod library;
mod macros;
mod marks;
mod nearest;
mod options;
mod request;

use std::ffi::OsString;
use std::process::ExitCode;

use self::faults::{Fault, Run};
use self::files::Files;
use self::options::{LIBRARY, Options, Question, USAGE};
use super::map_tools::{Streams, with_streams};
use crate::m4::Machine;
use crate::name::Sysexit;

/// Runs `makecf`; `args` begins with the program's name.
pub fn main(args: &[OsString]) -> ExitCode {
    with_streams(|streams| run(args.get(1..).unwrap_or_default(), streams))
}

/// Returns the `.mc` file of a set-up that the program carries; nothing where there is none.
pub(super) fn setup(name: &str) -> &'static str {
    library::text(format!("{}/{name}.mc", library::SETUP).as_bytes()).unwrap_or_default()
}

/// Makes the `.cf` of a set-up that the program carries.
pub(super) fn built_in(name: &str) -> Vec<u8> {
    let options = Options::default();
    let mut files = Files::new(&options);
    let core = options.texts(&mut files, &mut std::io::empty()).expect("the library is part of the program");
    let mut machine = Machine::new(&mut files);
    machine.define(LIBRARY, library::FOLDER.as_bytes());
    for (file, text) in core {
        machine.process(&file, text);
    }
    machine.process(format!("{name}.mc").as_bytes(), setup(name).into());
    machine.finish().text
}

fn run(args: &[OsString], streams: &mut Streams<'_>) -> Sysexit {
    let options = match Options::parse(args) {
        Ok(options) => options,
        Err(error) => {
            streams.complain(format!("makecf: {error}"));
            streams.complain(USAGE);
            return Sysexit::Usage;
        }
    };
    let answer = options.question.as_ref().map(|question| match question {
        Question::Help => Ok(request::help()),
        Question::Features => Ok(request::features()),
        Question::Page(name) => request::explain(name),
    });
    let done = match answer {
        Some(answer) => answer.and_then(|page| write(streams, page.as_bytes())).map(|()| Sysexit::Ok),
        None => process(&options, streams),
    };
    done.unwrap_or_else(|error| {
        streams.complain(format!("makecf: {error}"));
        Sysexit::NoInput
    })
}

/// Reads all files and prints what they make, unless it is wrong; the error is the text for the user.
fn process(options: &Options, streams: &mut Streams<'_>) -> Result<Sysexit, String> {
    let mut files = Files::new(options);
    let mut texts = options.texts(&mut files, streams.input)?;
    let core = usize::from(options.library().is_some());
    let mut early = Vec::new();
    for (name, text) in texts.iter_mut().skip(core).filter(|_| core > 0) {
        let (text_of, fault) = faults::tidied(name, std::mem::take(text));
        *text = text_of;
        early.extend(fault);
    }
    let mut machine = Machine::new(&mut files);
    if let Some(folder) = options.library() {
        machine.define(LIBRARY, folder);
    }
    for definition in &options.definitions {
        match &definition.text {
            Some(text) => machine.define(&definition.name, text),
            None => machine.undefine(&definition.name),
        }
    }
    for (name, text) in &texts[..core] {
        machine.process(name, text.clone());
    }
    for (name, text) in &texts[core..] {
        machine.process_source(name, text.clone());
    }
    let output = machine.finish();
    let given = &texts[core..];
    let run = Run { given, included: &files.read, output: &output };
    for message in output.messages.iter().filter(|message| core == 0 || !run.is_judgement(message)) {
        // Nobody may be listening; the exit status tells as well.
        let _ = write!(streams.errors, "{message}");
    }
    // Without a library this is plain m4: any text will do, and a faulty one is printed as far as it goes.
    if core == 0 {
        write(streams, &output.text)?;
        return Ok(if output.exit == 0 { Sysexit::Ok } else { Sysexit::DataErr });
    }
    for folder in &files.passed_over {
        streams.complain(format!(
            "warning: {folder}m4/cf.m4 is not read: the library of this program is used, and the line \
             that names it can be deleted; makecf -D_CF_DIR_={folder} uses that one"
        ));
    }
    let faults: Vec<Fault> = early.into_iter().chain(run.faults()).collect();
    faults.iter().for_each(|fault| streams.complain(fault.to_string()));
    if output.exit != 0 || faults.iter().any(|fault| fault.is_error) {
        streams.complain("makecf: nothing is written until this is mended");
        return Ok(Sysexit::DataErr);
    }
    write(streams, &if options.only_checks { Vec::new() } else { marks::marked(&output, given) })?;
    Ok(Sysexit::Ok)
}

/// Writes to standard output; the error is the text for the user.
fn write(streams: &mut Streams<'_>, text: &[u8]) -> Result<(), String> {
    let written = streams.output.write_all(text).and_then(|()| streams.output.flush());
    written.map_err(|error| format!("cannot write the output: {error}"))
}
