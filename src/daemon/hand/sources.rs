//! The texts that decide what is done for a recipient, and as whom: aliases, `.forward`, included files.
//!
//! The network process only says where such a text stands; here it is read again.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};
use nix::unistd::{Uid, geteuid};

use super::{Refusal, Served, accounts, failure_of, files, refusal, safe_path};
use crate::cf::{Config, Principal};
use crate::keeper::client::Answered;
use crate::keeper::request::{Answer, FailureKind, Source, SourceRoot};
use crate::macros::{Value, Values, expand};
use crate::mail::address_list::{self, Separator};
use crate::map::{DirectOpener, Map, Outcome};
use crate::sys::user::User;

/// The longest `.forward` or included file that is read here, in bytes.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// The deepest chain of included files.
const DEPTH_MAX: usize = 10;

/// What stands before the name of an included file.
const INCLUDE: &[u8] = b":include:";

/// An element of a text, and the user it speaks for.
struct Element {
    text: BString,
    /// None for the default user.
    user: Option<User>,
}

/// Opens the text that `source` names, for reading.
pub(super) fn open(config: &Config, source: &Source) -> Served {
    let (file, owner) = match (&source.root, source.elements.is_empty()) {
        (SourceRoot::Forward { user, path }, true) => open_forward(config, &accounts::existing(user)?, *path)?,
        _ => {
            let element = resolve(config, source)?;
            open_included(&element)?
        }
    };
    Ok(Answered { answer: Answer::Opened { owner }, descriptors: vec![file.into()] })
}

/// Returns the file that is the recipient `source` names, and the user who appends to it.
pub(super) fn file_recipient(config: &Config, source: &Source) -> Result<(PathBuf, Option<User>), Refusal> {
    let element = resolve(config, source)?;
    let path = address_list::unquote(&element.text);
    if !path.starts_with(b"/") || path.contains(&0) || path.contains_str("/../") {
        return Err(refusal(FailureKind::Undeclared {}, "the source names no file"));
    }
    let base = &config.options.safe_file_environment;
    let inside =
        if base.is_empty() || path.starts_with(base) { path } else { [base.as_slice(), &path].concat().into() };
    Ok((PathBuf::from(OsStr::from_bytes(&inside)), with_default(config, element.user)?))
}

/// Returns the command of the recipient `source` names (without `|`), and the user it runs as.
pub(super) fn command(config: &Config, source: &Source) -> Result<(BString, Option<User>), Refusal> {
    let element = resolve(config, source)?;
    let text = address_list::unquote(&element.text);
    match text.strip_prefix(b"|") {
        Some(command) => Ok((command.trim_start().into(), with_default(config, element.user)?)),
        None => Err(refusal(FailureKind::Undeclared {}, "the source names no program")),
    }
}

/// Returns `user`, else the default user; none where there is neither.
fn with_default(config: &Config, user: Option<User>) -> Result<Option<User>, Refusal> {
    match user {
        Some(user) => Ok(Some(user)),
        None => default_user(config).map(Some),
    }
}

/// Returns DefaultUser as the passwd database knows it, or its numbers alone.
pub(super) fn default_user(config: &Config) -> Result<User, Refusal> {
    let spec = &config.options.default_user;
    let failed = |error: crate::sys::user::LookupError| refusal(FailureKind::Temporary {}, error.to_string());
    let found = match &spec.user {
        Some(Principal::Name(name)) => User::by_name(name).map_err(failed)?,
        Some(Principal::Id(uid)) => User::by_uid(*uid).map_err(failed)?,
        None => None,
    };
    let numbers = |principal: &Option<Principal>| match principal {
        Some(Principal::Id(number)) => Some(*number),
        _ => None,
    };
    let gid = numbers(&spec.group);
    let mut user = match (found, numbers(&spec.user)) {
        (Some(user), _) => user,
        (None, Some(uid)) => nameless(uid, gid.unwrap_or(uid)),
        (None, None) => return Err(refusal(FailureKind::Temporary {}, "DefaultUser does not exist; make the user")),
    };
    user.gid = gid.unwrap_or(user.gid);
    Ok(user)
}

/// Returns a user without an entry.
pub(super) fn nameless(uid: u32, gid: u32) -> User {
    let name = uid.to_string().into();
    User { name, uid, gid, gecos: BString::default(), home: "/".into(), shell: "/bin/sh".into() }
}

/// Follows `source` to the element it names.
fn resolve(config: &Config, source: &Source) -> Result<Element, Refusal> {
    if source.elements.len() > DEPTH_MAX {
        return Err(refusal(FailureKind::Permanent {}, "included files are nested too deeply"));
    }
    let separator = if config.options.old_style_headers { Separator::OldStyle } else { Separator::Comma };
    let mut numbers = source.elements.iter();
    let mut pick = |elements: Vec<BString>| {
        let number = numbers.next().map(|number| usize::from(*number));
        let missing = || refusal(FailureKind::Missing {}, "the text has changed since: try again");
        number.and_then(|number| elements.into_iter().nth(number)).ok_or_else(missing)
    };
    let (text, user) = match &source.root {
        SourceRoot::Alias { file, key } => (pick(address_list::split(&alias(config, *file, key)?, separator))?, None),
        SourceRoot::Forward { user, path } => {
            let user = accounts::existing(user)?;
            let (file, _) = open_forward(config, &user, *path)?;
            (pick(address_list::split_file(&read(file)?, separator))?, Some(user))
        }
    };
    let mut element = Element { text, user };
    for _ in 1..source.elements.len() {
        let (file, owner) = open_included(&element)?;
        element.text = pick(address_list::split_file(&read(file)?, separator))?;
        if element.user.is_none() && owner != 0 {
            // An included file speaks for its owner.
            element.user =
                User::by_uid(owner).map_err(|error| refusal(FailureKind::Temporary {}, error.to_string()))?;
        }
    }
    Ok(element)
}

/// Looks an alias up in one of the alias files.
fn alias(config: &Config, file: u8, key: &[u8]) -> Result<BString, Refusal> {
    let definitions = files::alias_definitions(config);
    let definition = definitions.get(usize::from(file));
    let definition = definition.ok_or_else(|| refusal(FailureKind::Undeclared {}, "no such alias file"))?;
    match Map::open(definition, &DirectOpener).lookup(key, &[]) {
        Outcome::Found(value) => Ok(value),
        Outcome::NotFound(_) => Err(refusal(FailureKind::Missing {}, "no such alias any more")),
        Outcome::TempFail(reason) => Err(refusal(FailureKind::Temporary {}, reason)),
    }
}

/// Opens an element of ForwardPath for a user.
fn open_forward(config: &Config, user: &User, number: u8) -> Result<(File, u32), Refusal> {
    let template = config.options.forward_path.split(|byte| *byte == b':').nth(usize::from(number));
    let template = template.ok_or_else(|| refusal(FailureKind::Undeclared {}, "no such element of ForwardPath"))?;
    let path = expand(template, &HomeOf(user));
    if !path.starts_with(b"/") {
        return Err(refusal(FailureKind::Missing {}, "the user has no home directory"));
    }
    let path = Path::new(OsStr::from_bytes(&path));
    with_rights_of(user, || safe_path::open(path, user.uid))
        .map_err(|error| failure_of(&path.display().to_string(), &error))
}

/// Opens the file that an element `:include:/file` names.
fn open_included(element: &Element) -> Result<(File, u32), Refusal> {
    let text = address_list::unquote(&element.text);
    let path = text.strip_prefix(INCLUDE).map(|path| path.trim()).filter(|path| path.starts_with(b"/"));
    let path = path.ok_or_else(|| refusal(FailureKind::Undeclared {}, "the source includes no file"))?;
    let path = Path::new(OsStr::from_bytes(path));
    let opened = match &element.user {
        Some(user) => with_rights_of(user, || safe_path::open(path, user.uid)),
        None => {
            // In an alias the administrator vouches for the file; it speaks for whoever owns it.
            let owner = std::fs::metadata(path).map(|found| std::os::unix::fs::MetadataExt::uid(&found));
            owner.and_then(|owner| safe_path::open(path, owner))
        }
    };
    opened.map_err(|error| failure_of(&path.display().to_string(), &error))
}

/// Does `work` with the rights of `user`, where this process is root.
fn with_rights_of<T>(user: &User, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if !geteuid().is_root() || Uid::from_raw(user.uid).is_root() {
        return work();
    }
    let groups = user.groups().map_err(io::Error::other)?;
    let acting = crate::sys::privilege::Acting::start(user.uid, user.gid, &groups).map_err(io::Error::other)?;
    let done = work();
    drop(acting);
    done
}

fn read(file: File) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::new();
    file.take(TEXT_BYTES_MAX).read_to_end(&mut text).map_err(|error| failure_of("a list of addresses", &error))?;
    Ok(text)
}

/// The macros of ForwardPath and of directories: `$z` the home directory, `$u` the user.
pub(super) struct HomeOf<'a>(pub(super) &'a User);

impl Values for HomeOf<'_> {
    fn macro_value(&self, name: &[u8]) -> Option<Value<'_>> {
        let text = match name {
            b"z" => self.0.home.as_os_str().as_bytes(),
            b"u" => &self.0.name,
            _ => return None,
        };
        Some(Value { text: text.into(), is_template: false })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns a configuration whose alias file has `text`.
    fn with_aliases(folder: &Path, text: &str) -> Config {
        let path = folder.join("aliases");
        fs::write(&path, text).expect("written");
        let mut config = Config::default();
        config.options.alias_file = vec![path.as_os_str().as_bytes().into()];
        config.options.default_user = crate::cf::UserSpec::parse(b"1:1");
        config
    }

    fn alias_element(key: &str, elements: &[u16]) -> Source {
        Source { root: SourceRoot::Alias { file: 0, key: key.into() }, elements: elements.to_vec() }
    }

    #[test]
    fn the_command_is_read_where_it_stands() {
        let folder = tempfile::tempdir().expect("a directory");
        let config = with_aliases(folder.path(), "list: joe, \"|/bin/cat -n\"\n");
        let (command, user) = command(&config, &alias_element("list", &[1])).expect("a command");
        assert_eq!((command, user.map(|user| user.uid)), ("/bin/cat -n".into(), Some(1)));
        assert!(super::command(&config, &alias_element("list", &[0])).is_err());
        assert!(super::command(&config, &alias_element("list", &[7])).is_err());
        assert!(super::command(&config, &alias_element("other", &[0])).is_err());
    }

    #[test]
    fn an_included_file_speaks_for_its_owner() {
        let folder = tempfile::tempdir().expect("a directory");
        let list = folder.path().join("list");
        fs::write(&list, "# the list\n|/bin/true\n").expect("written");
        let config = with_aliases(folder.path(), &format!("all: :include:{}\n", list.display()));
        let found = command(&config, &alias_element("all", &[0, 0]));
        match geteuid().is_root() {
            // What root owns runs as the default user.
            true => assert_eq!(found.expect("a command").1.map(|user| user.uid), Some(1)),
            false => assert_eq!(found.expect("a command").1.map(|user| user.uid), Some(geteuid().as_raw())),
        }
    }

    #[test]
    fn what_root_wrote_is_done_as_the_default_user_and_in_no_folder_above() {
        let folder = tempfile::tempdir().expect("a directory");
        let mut config = with_aliases(folder.path(), "run: |/bin/cat\nclimb: /tmp/../etc/passwd\n");
        config.options.default_user = crate::cf::UserSpec::parse(b"4242:4243");
        let (text, user) = command(&config, &alias_element("run", &[0])).expect("a command");
        let user = user.expect("the default user");
        assert_eq!((text, user.uid, user.gid), ("/bin/cat".into(), 4242, 4243));
        assert!(file_recipient(&config, &alias_element("climb", &[0])).is_err());
    }
}
