//! The command line of `makecf`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::BufRead;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::files::{Files, read_bounded};
use super::library::FOLDER;
use crate::m4::Host;
use crate::sys::errors::reason;

/// What is told with a command line that is wrong.
pub(super) const USAGE: &str = "usage: makecf [-D NAME[=TEXT]] [-U NAME] [-I DIR] [--allow-commands] [--check] [FILE.mc ...]\n       \
     makecf --list-features | --explain NAME | --help";

/// What `--help` tells besides.
pub(super) const HELP: &str = "
Makes a sendmail.cf of a .mc file: makecf sendmail.mc > sendmail.cf. What is wrong is told by file and line, and nothing
is written then.

  --check           tells what is wrong and writes nothing
  --list-features   the features, a line for each
  --explain NAME    the page of a feature, mailer, system, macro, setting or set-up: access_db, MAILER, SMART_HOST,
                    confMAX_HOP, relay ...
  -D NAME[=TEXT]    defines a macro, -U NAME takes one back; -D_CF_DIR_=FOLDER/ uses another cf library
  -I FOLDER         where files are looked for that the .mc file or DOMAIN, FEATURE, HACK ... name
  --allow-commands  lets the file run commands (syscmd, esyscmd)

A first file:

  OSTYPE(`linux')dnl                                the system (makecf --explain OSTYPE)
  FEATURE(`access_db')dnl                           what is wanted (makecf --list-features)
  define(`SMART_HOST', `relay.example.com')dnl      settings (makecf --explain SMART_HOST)
  MAILER(`local')dnl                                ways to deliver, at the end
  MAILER(`smtp')dnl

What sites want most:

  all other mail by one host       define(`SMART_HOST', `relay.example.com')
  with a password                  that, and FEATURE(`authinfo')
  users look like u@example.com    MASQUERADE_AS(`example.com') and FEATURE(`masquerade_envelope')
  names of this host in a file     FEATURE(`use_cw_file'): /etc/mail/local-host-names
  clients that may relay           RELAY_DOMAIN(`192.0.2'), or FEATURE(`access_db')
  second MX of another domain      RELAY_DOMAIN(`example.org')
  spammers by a list in the DNS    FEATURE(`dnsbl', `dnsbl.example.net')
  addresses that are no users      FEATURE(`virtusertable') and VIRTUSER_DOMAIN(`example.org')
  a domain to a host inside        FEATURE(`mailertable')
  one address to listen on         DAEMON_OPTIONS(`Name=MTA, Addr=192.0.2.1')

Whole files are the set-ups, which --explain shows and /etc/mail has:

";

/// The macro that says where the cf library is.
pub(super) const LIBRARY: &[u8] = b"_CF_DIR_";

/// The library's file that is read before all others.
const LIBRARY_FILE: &[u8] = b"m4/cf.m4";

/// Returns the folder of the cf library whose first file has this name, with its slash.
pub(super) fn library_of(name: &[u8]) -> Option<&[u8]> {
    name.strip_suffix(LIBRARY_FILE).filter(|folder| folder.ends_with(b"/"))
}

/// A `-D` or, without text, a `-U`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Definition {
    pub(super) name: BString,
    pub(super) text: Option<BString>,
}

/// What is asked about the library.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Question {
    /// What the program does.
    Help,
    /// Which features there are.
    Features,
    /// What something is.
    Page(String),
}

/// What the command line asks for.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Options {
    /// In the order of the command line.
    pub(super) definitions: Vec<Definition>,
    /// Where included files are looked for, too.
    pub(super) folders: Vec<PathBuf>,
    /// Whether a file may run commands.
    pub(super) allow_commands: bool,
    /// Whether the result is only checked.
    pub(super) only_checks: bool,
    /// What is told of the library instead.
    pub(super) question: Option<Question>,
    /// The folder of the first cf library among them.
    library: Option<BString>,
    /// `-` is standard input.
    files: Vec<PathBuf>,
}

impl Options {
    /// Reads the words behind the program's name; the error is the text for the user.
    pub(super) fn parse(args: &[OsString]) -> Result<Self, String> {
        use lexopt::prelude::{Long, Short, Value};
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_args(args.iter().cloned());
        parser.set_short_equals(false);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Short('D') => {
                    let word = value(&mut parser)?;
                    let (name, text) = word.split_once_str("=").unwrap_or((&word, b""));
                    options.definitions.push(Definition { name: name.into(), text: Some(text.into()) });
                }
                Short('U') => options.definitions.push(Definition { name: value(&mut parser)?, text: None }),
                Short('I') => options.folders.push(OsString::from_vec(value(&mut parser)?.into()).into()),
                Long("allow-commands") => options.allow_commands = true,
                Long("check") => options.only_checks = true,
                Long("help") | Short('h') => options.question = Some(Question::Help),
                Long("list-features") => options.question = Some(Question::Features),
                Long("explain") => {
                    options.question = Some(Question::Page(value(&mut parser)?.to_string()));
                }
                Value(file) => options.files.push(file.into()),
                other => return Err(other.unexpected().to_string()),
            }
        }
        options.library = library_named(&options.files).or_else(|| library_among(&options.folders));
        if options.files.is_empty() {
            options.files.push("-".into());
        }
        Ok(options)
    }

    /// Returns the folder of the cf library, with its slash: what `-D_CF_DIR_=` names, else that of a `m4/cf.m4` among the
    /// files, else a folder of `-I` that holds one, else the library that the program carries; none with `-U_CF_DIR_`.
    pub(super) fn library(&self) -> Option<&[u8]> {
        let named = self.definitions.iter().rev().find(|definition| definition.name == LIBRARY);
        match named {
            Some(definition) => definition.text.as_ref().map(|folder| folder.as_slice()),
            None => Some(self.library.as_ref().map_or(FOLDER.as_bytes(), |folder| folder.as_slice())),
        }
    }

    /// Reads the files in order, the library's first; the error is the text for the user.
    pub(super) fn texts(&self, files: &mut Files, input: &mut dyn BufRead) -> Result<Vec<(BString, Vec<u8>)>, String> {
        let mut texts = Vec::new();
        if let Some(folder) = self.library() {
            let core = BString::from([folder, LIBRARY_FILE].concat());
            let text = files.read(&core).map_err(|error| no_library(folder, &error))?;
            texts.push((core, text));
        }
        for path in &self.files {
            if self.library().is_some() && library_of(path.as_os_str().as_bytes()).is_some() {
                continue;
            }
            let read = match path.as_os_str() == "-" {
                true => read_bounded(input),
                false => File::open(path).map_err(|error| reason(&error)).and_then(|mut file| read_bounded(&mut file)),
            };
            let text = read.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let name = if path.as_os_str() == "-" { "stdin".into() } else { path.clone().into_os_string() };
            texts.push((name.into_vec().into(), text));
        }
        Ok(texts)
    }
}

/// Returns the folder of the library whose first file is among those of the command line, as m4 wants it, if it is there.
fn library_named(files: &[PathBuf]) -> Option<BString> {
    files.iter().filter(|file| file.is_file()).find_map(|file| Some(library_of(file.as_os_str().as_bytes())?.into()))
}

/// Returns the first of the folders that holds a cf library, with a slash at its end.
fn library_among(folders: &[PathBuf]) -> Option<BString> {
    let folder = folders.iter().find(|folder| folder.join(OsStr::from_bytes(LIBRARY_FILE)).is_file())?;
    Some([folder.as_os_str().as_bytes(), b"/"].concat().into())
}

fn value(parser: &mut lexopt::Parser) -> Result<BString, String> {
    let word = parser.value().map_err(|error| error.to_string())?;
    Ok(word.into_vec().into())
}

/// Says that a folder holds no cf library.
fn no_library(folder: &[u8], error: &BString) -> String {
    let named = folder.as_bstr();
    if Path::new(OsStr::from_bytes(&[folder, b"/", LIBRARY_FILE].concat())).is_file() && !folder.ends_with(b"/") {
        return format!("the folder of a library ends in a slash: -D_CF_DIR_={named}/");
    }
    format!("{named} holds no cf library: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &str) -> Vec<OsString> {
        args.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn definitions_keep_their_order() {
        let options = Options::parse(&words("-Da=1 -U a -D b --allow-commands x.mc -Iq y")).expect("correct");
        let definition = |name: &str, text: Option<&str>| Definition { name: name.into(), text: text.map(Into::into) };
        assert_eq!(options.definitions, [definition("a", Some("1")), definition("a", None), definition("b", Some(""))]);
        assert_eq!((options.allow_commands, options.folders.len(), options.files.len()), (true, 1, 2));
    }

    #[test]
    fn the_first_file_of_a_library_names_it() {
        assert_eq!(library_of(b"/usr/share/sendmail/cf/m4/cf.m4"), Some(&b"/usr/share/sendmail/cf/"[..]));
        assert_eq!(library_of(b"../m4/cf.m4"), Some(&b"../"[..]));
        assert_eq!((library_of(b"m4/cf.m4"), library_of(b"/x/m4/cf.m4.old")), (None, None));
        let absent = Options::parse(&words("/nonexistent/m4/cf.m4 x.mc")).expect("correct");
        assert_eq!(absent.library(), Some(FOLDER.as_bytes()));
    }

    #[test]
    fn unknown_options_are_refused() {
        assert!(Options::parse(&words("--nope")).is_err());
        assert!(Options::parse(&words("-D")).is_err());
    }
}
