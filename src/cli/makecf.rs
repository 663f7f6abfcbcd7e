//! `makecf`: makes a `.cf` out of a `.mc`.

mod files;
mod library;
mod options;

use std::ffi::OsString;
use std::process::ExitCode;

use self::files::Files;
use self::options::{LIBRARY, Options, USAGE};
use super::map_tools::{Streams, with_streams};
use crate::m4::Machine;
use crate::name::Sysexit;

/// Runs `makecf`; `args` begins with the program's name.
pub fn main(args: &[OsString]) -> ExitCode {
    with_streams(|streams| run(args.get(1..).unwrap_or_default(), streams))
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
    match process(&options, streams) {
        Ok(exit) => exit,
        Err(error) => {
            streams.complain(format!("makecf: {error}"));
            Sysexit::NoInput
        }
    }
}

/// Reads all files and prints what they make; the error is the text for the user.
fn process(options: &Options, streams: &mut Streams<'_>) -> Result<Sysexit, String> {
    let mut files = Files::new(options);
    let texts = options.texts(&mut files, streams.input)?;
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
    for (name, text) in texts {
        machine.process(&name, text);
    }
    let made = machine.finish();
    for message in &made.messages {
        // Nobody may be listening; the exit status tells as well.
        let _ = write!(streams.errors, "{message}");
    }
    let written = streams.output.write_all(&made.text).and_then(|()| streams.output.flush());
    written.map_err(|error| format!("cannot write the output: {error}"))?;
    Ok(if made.exit == 0 { Sysexit::Ok } else { Sysexit::DataErr })
}
