//! What makemap, editmap and praliases share: flags, the few lines of sendmail.cf they heed, their files.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::configuration::{DAEMON_FILE, Source};
use crate::map::{Database, DatabaseError, Kind, Method, Target, TargetOptions};
use crate::name::{Sysexit, TrimSpace as _};
use crate::sys::errors::reason;
use crate::sys::user::User;

/// The streams of a program, so that tests can give their own.
pub(super) struct Streams<'a> {
    pub(super) input: &'a mut dyn io::BufRead,
    pub(super) output: &'a mut dyn Write,
    pub(super) errors: &'a mut dyn Write,
}

impl Streams<'_> {
    /// Writes a line to the error stream.
    pub(super) fn complain(&mut self, line: impl AsRef<[u8]>) {
        // What was printed before stands before it where both go to the same file.
        let _ = self.output.flush();
        // Nobody may be listening; the exit status tells as well.
        let _ = self.errors.write_all(&[line.as_ref(), b"\n"].concat());
    }
}

/// The flags of a command line, read as getopt does, operands and flags in any order.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Flags {
    /// Letters with their arguments, up to the first error.
    pub(super) flags: Vec<(u8, BString)>,
    /// Words that are no flags.
    pub(super) operands: Vec<BString>,
    /// What is wrong with the first flag that none is.
    pub(super) error: Option<String>,
}

impl Flags {
    /// Reads `args` without the program's name; in `spec` letters with an argument have a colon behind them.
    pub(super) fn parse(spec: &str, args: &[OsString]) -> Flags {
        let mut found = Flags::default();
        let mut words = args.iter().map(|word| word.as_bytes());
        while let Some(word) = words.next() {
            match word {
                b"--" => {
                    found.operands.extend(words.by_ref().map(BString::from));
                    break;
                }
                [b'-', letters @ ..] if !letters.is_empty() => {
                    if let Err(error) = found.take_letters(spec.as_bytes(), letters, &mut words) {
                        found.error = Some(error);
                        break;
                    }
                }
                operand => found.operands.push(operand.into()),
            }
        }
        found
    }

    fn take_letters<'a>(
        &mut self,
        spec: &[u8],
        letters: &'a [u8],
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), String> {
        let mut rest = letters;
        while let [letter, after @ ..] = rest {
            rest = after;
            let place = spec.iter().position(|known| known == letter && *letter != b':');
            let place = place.ok_or_else(|| format!("invalid option -- '{}'", char::from(*letter)))?;
            if spec.get(place + 1) != Some(&b':') {
                self.flags.push((*letter, BString::default()));
                continue;
            }
            let argument = if after.is_empty() { words.next() } else { Some(after) };
            let missing = || format!("option requires an argument -- '{}'", char::from(*letter));
            self.flags.push((*letter, argument.ok_or_else(missing)?.into()));
            rest = b"";
        }
        Ok(())
    }
}

/// What the tools heed of sendmail.cf.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct OptionLines {
    /// `TrustedUser`, the last one.
    pub(super) trusted_user: Option<BString>,
    /// `AliasFile`, all of them.
    pub(super) alias_files: Vec<BString>,
}

impl OptionLines {
    /// Reads the file that `-C` names, or the usual one.
    // QUIRK(makemap-without-cf): the original gives up where the usual file is missing; we need nothing of it.
    pub(super) fn read(named: Option<&[u8]>) -> Result<OptionLines, String> {
        let named = named.map(|named| Source::of_any_kind(Path::new(OsStr::from_bytes(named))));
        let Source { file, text, .. } = named.unwrap_or_else(|| Source::usual(DAEMON_FILE));
        let text = text.map_err(|error| format!("{}: {}", file.display(), reason(&error)))?;
        Ok(OptionLines::parse(&text))
    }

    fn parse(text: &[u8]) -> OptionLines {
        let mut found = OptionLines::default();
        for line in text.lines() {
            let Some(option) = line.strip_prefix(b"O") else { continue };
            if let Some(value) = option.strip_prefix(b"A") {
                found.alias_files.push(value.into());
                continue;
            }
            let Some((name, value)) = option.split_once_str(b"=").or_else(|| option.trim_start().split_once_str(b" "))
            else {
                continue;
            };
            match name.trim_space().to_ascii_lowercase().as_slice() {
                b"trusteduser" => found.trusted_user = Some(value.trim_space().into()),
                b"aliasfile" => found.alias_files.push(value.trim_space().into()),
                _ => {}
            }
        }
        found
    }

    /// Returns who owns new files, if we are root: the error is a name that no user has.
    pub(super) fn owner(&self) -> Result<Option<u32>, String> {
        let Some(name) = self.trusted_user.as_ref().filter(|name| !name.is_empty()) else { return Ok(None) };
        let by_number = name.to_str().ok().and_then(|digits| digits.parse().ok());
        let uid = match by_number {
            Some(uid) => Some(uid),
            None => User::by_name(name).ok().flatten().map(|user| user.uid),
        };
        let uid = uid.ok_or_else(|| format!("TrustedUser: unknown user {name}"))?;
        Ok(Some(uid).filter(|_| nix::unistd::geteuid().is_root()))
    }
}

/// Why a program ends; told to the user, with the exit status.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) text: String,
    pub(super) exit: Sysexit,
}

/// A database on the command line: its type and its name, as written.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) method: Method,
    kind: BString,
    name: BString,
}

impl Named {
    /// Knows `kind` as a type that can be made; `program` is for the message.
    pub(super) fn new(program: &str, kind: &[u8], name: &[u8]) -> Result<Named, Failure> {
        // Unlike in `K` lines, capitals count.
        let found = Kind::of_class(kind).filter(|found| found.class().as_bytes() == kind);
        let method = found.and_then(|found| found.method()).ok_or_else(|| unknown_type(program, kind, name))?;
        Ok(Named { method, kind: kind.into(), name: name.into() })
    }

    /// Returns the file: the name with the method's suffix, once.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(OsString::from_vec(self.method.file_of(&self.name).into()))
    }

    /// Checks and locks the file for replacing it; tells of a folder that others may write to.
    pub(super) fn target(
        &self,
        program: &str,
        options: TargetOptions,
        streams: &mut Streams<'_>,
    ) -> Result<Target, Failure> {
        let target = Target::open(&self.path(), options).map_err(|error| self.not_opened(program, reason(&error)))?;
        if let Some(warning) = target.warning() {
            streams.complain(warning);
        }
        Ok(target)
    }

    /// Opens the file for reading only.
    pub(super) fn read(&self, program: &str, options: TargetOptions) -> Result<Database, Failure> {
        let file = Target::read(&self.path(), options).map_err(|error| self.not_opened(program, reason(&error)))?;
        self.database(program, file)
    }

    /// Reads what kind of database the file is; it must be the kind on the command line.
    pub(super) fn database(&self, program: &str, file: File) -> Result<Database, Failure> {
        match self.method.open(file) {
            Ok(database) if database.method() == self.method => Ok(database),
            Ok(_) | Err(DatabaseError::NotADatabase) => Err(self.not_opened(program, "Invalid argument".into())),
            Err(DatabaseError::Io(error)) => Err(self.not_opened(program, reason(&error))),
            Err(error) => Err(self.not_opened(program, error.to_string())),
        }
    }

    /// The file cannot be opened or replaced.
    pub(super) fn not_opened(&self, program: &str, why: String) -> Failure {
        let text = format!("{program}: error opening type {} map {}: {why}", self.kind, self.name);
        Failure { text, exit: Sysexit::CantCreat }
    }
}

fn unknown_type(program: &str, kind: &[u8], name: &[u8]) -> Failure {
    let (kind, name) = (kind.as_bstr(), name.as_bstr());
    let text = match kind.as_bytes() {
        b"dbm" => format!("{program}: Need to recompile with -DNDBM for dbm support"),
        _ => format!("{program}: error opening type {kind} map {name}: Unknown database type"),
    };
    Failure { text, exit: Sysexit::CantCreat }
}

/// Returns the text before the first NUL, which ends keys and values of some maps.
pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    &text[..text.find_byte(0).unwrap_or(text.len())]
}

/// Runs `run` with the streams of the process.
pub(super) fn with_streams(run: impl FnOnce(&mut Streams<'_>) -> Sysexit) -> std::process::ExitCode {
    let (mut input, mut output) = (io::stdin().lock(), io::BufWriter::new(io::stdout().lock()));
    let mut errors = io::stderr().lock();
    let exit = run(&mut Streams { input: &mut input, output: &mut output, errors: &mut errors });
    match output.flush() {
        Err(_) if exit == Sysexit::Ok => Sysexit::IoErr.into(),
        _ => exit.into(),
    }
}

#[cfg(test)]
pub(super) mod testing;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &str, flags: &[(u8, &str)], operands: &[&str], error: Option<&str>) {
        let args: Vec<OsString> = args.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect();
        let found = Flags::parse("C:Nv", &args);
        let expected: Vec<(u8, BString)> = flags.iter().map(|(letter, value)| (*letter, (*value).into())).collect();
        assert_eq!(found.flags, expected);
        assert_eq!(found.operands, operands);
        assert_eq!(found.error.as_deref(), error);
    }

    #[test]
    fn flags_are_read_as_getopt_does() {
        check("-NC x -vCy hash", &[(b'N', ""), (b'C', "x"), (b'v', ""), (b'C', "y")], &["hash"], None);
        check("hash -v x -- -N", &[(b'v', "")], &["hash", "x", "-N"], None);
        check("- -v", &[(b'v', "")], &["-"], None);
        check("-v -Q -N", &[(b'v', "")], &[], Some("invalid option -- 'Q'"));
        check("-C", &[], &[], Some("option requires an argument -- 'C'"));
        check("-:", &[], &[], Some("invalid option -- ':'"));
    }

    #[test]
    fn option_lines_are_found() {
        let text = b"#O AliasFile=/no\nO AliasFile=/a\nO aliasfile = /b \nOA/c\nO TrustedUser=daemon\nDxO\n";
        let found = OptionLines::parse(text);
        assert_eq!(found.alias_files, ["/a", "/b", "/c"]);
        assert_eq!(found.trusted_user, Some("daemon".into()));
    }

    #[test]
    fn an_unknown_trusted_user_is_told() {
        let lines = OptionLines { trusted_user: Some("no such user".into()), alias_files: Vec::new() };
        assert_eq!(lines.owner().expect_err("there is none"), "TrustedUser: unknown user no such user");
        assert_eq!(OptionLines::default().owner(), Ok(None));
    }
}
