//! The texts that decide what is done for a recipient, and as whom: aliases, `.forward`, included files.
//!
//! The network process only says where such a text stands; here it is read again.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bstr::{BString, ByteSlice};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::geteuid;

use super::{Charter, Failure, Served, accounts, failure_of, failure_of_file, refusal};
use crate::cf::{Blame, Config};
use crate::keeper::client::Answered;
use crate::keeper::request::{Answer, FailureKind, INCLUDE_DEPTH_MAX, Source, SourceRoot, Standing};
use crate::macros::{Value, Values, expand};
use crate::mail::address_list::{self, TEXT_BYTES_MAX, TooMany};
use crate::map::aliases;
use crate::map::{DirectOpener, Map, Outcome};
use crate::name::TrimSpace as _;
use crate::site::{maildrop_key, user_database_files};
use crate::sys::bounded::read_within;
use crate::sys::privilege::Acting;
use crate::sys::safe_file::{Reading, TextKind, Trust};
use crate::sys::user::User;

/// An element of a text.
struct Element {
    text: BString,
    /// The user it speaks for; none: the default user.
    user: Option<User>,
    /// What it may name.
    standing: Standing,
}

/// A text that was read.
struct Text {
    path: BString,
    bytes: Vec<u8>,
    /// User and group of the file.
    owner: (u32, u32),
    /// The user its elements speak for; none: the default user.
    user: Option<User>,
    /// What they may name.
    standing: Standing,
}

/// How many bytes of texts may still be read.
struct Budget(u64);

impl Budget {
    /// What the texts may have in all that lead to one address.
    const ALL: Self = Self(TEXT_BYTES_MAX);

    fn read(&mut self, path: &[u8], file: &File) -> Result<Vec<u8>, Failure> {
        let what = || format!("cannot read {}", path.as_bstr());
        let text = read_within(file, self.0).map_err(|error| failure_of(&what(), &error))?;
        self.0 -= text.len() as u64;
        Ok(text)
    }
}

/// Reads the text that `source` names, and returns a copy of it.
pub(super) fn open(charter: &Charter, source: &Source) -> Served {
    let mut budget = Budget::ALL;
    let Text { path, bytes, owner: (uid, gid), standing, .. } = match (&source.root, source.elements.is_empty()) {
        (SourceRoot::Forward { user, path }, true) => {
            open_forward(charter, accounts::existing(user)?, *path, &mut budget)?
        }
        // Whoever asks counts all texts.
        _ => open_included(charter, resolve(charter, source)?, &mut budget)?,
    };
    let copy = in_memory(&bytes).map_err(|error| failure_of("a copy of a list", &error))?;
    Ok(Answered { answer: Answer::Text { path, uid, gid, standing }, descriptors: vec![copy] })
}

/// Returns a file in memory with these bytes, to be read from its beginning.
fn in_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(c"list", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// Returns the file that is the recipient `source` names, and the user who appends to it.
pub(super) fn file_recipient(charter: &Charter, source: &Source) -> Result<(BString, User), Failure> {
    let element = resolve(charter, source)?;
    check_standing(&element, "files")?;
    let path = address_list::unquote(&element.text);
    if !path.starts_with(b"/") || path.contains(&0) {
        return Err(refusal(FailureKind::Undeclared {}, "the source names no file"));
    }
    Ok((path, with_default(&charter.config, element.user)?))
}

/// Returns the command of the recipient `source` names (without `|`), and the user it runs as.
pub(super) fn command(charter: &Charter, source: &Source) -> Result<(BString, User), Failure> {
    let element = resolve(charter, source)?;
    check_standing(&element, "programs")?;
    let text = address_list::unquote(&element.text);
    match text.strip_prefix(b"|") {
        Some(command) => Ok((command.trim_space_start().into(), with_default(&charter.config, element.user)?)),
        None => Err(refusal(FailureKind::Undeclared {}, "the source names no program")),
    }
}

/// Refuses what an element may not name.
fn check_standing(element: &Element, what: &str) -> Result<(), Failure> {
    match &element.standing {
        Standing::Full {} => Ok(()),
        _ => Err(refusal(FailureKind::Permanent {}, format!("its source is not trusted for mailing to {what}"))),
    }
}

/// Returns `user`, else the default user.
fn with_default(config: &Config, user: Option<User>) -> Result<User, Failure> {
    user.map_or_else(|| default_user(config), Ok)
}

/// Returns DefaultUser.
pub(super) fn default_user(config: &Config) -> Result<User, Failure> {
    match crate::site::default_user(config) {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(refusal(FailureKind::Temporary {}, "DefaultUser does not exist; make the user")),
        Err(error) => Err(refusal(FailureKind::Temporary {}, error.to_string())),
    }
}

/// Follows `source` to the element it names.
fn resolve(charter: &Charter, source: &Source) -> Result<Element, Failure> {
    if source.elements.len() > INCLUDE_DEPTH_MAX {
        return Err(refusal(FailureKind::Permanent {}, "included files are nested too deeply"));
    }
    let mut numbers = source.elements.iter();
    let mut budget = Budget::ALL;
    let mut pick = |elements: Vec<BString>| {
        let number = numbers.next().and_then(|number| usize::try_from(*number).ok());
        let missing = || refusal(FailureKind::Missing {}, "the text has changed since: try again");
        number.and_then(|number| elements.into_iter().nth(number)).ok_or_else(missing)
    };
    let mut element = match &source.root {
        SourceRoot::Alias { file, key } => {
            let text = pick(address_list::split_value(&alias(charter, *file, key)?).map_err(too_many)?)?;
            Element { text, user: None, standing: Standing::Full {} }
        }
        SourceRoot::UserDatabase { file, user } => {
            let text = pick(address_list::split_value(&maildrops(charter, *file, user)?).map_err(too_many)?)?;
            Element { text, user: None, standing: Standing::Full {} }
        }
        SourceRoot::Forward { user, path } => {
            let text = open_forward(charter, accounts::existing(user)?, *path, &mut budget)?;
            Element { text: pick(elements_of(&text.bytes)?)?, user: text.user, standing: text.standing }
        }
    };
    for _ in 1..source.elements.len() {
        let text = open_included(charter, element, &mut budget)?;
        element = Element { text: pick(elements_of(&text.bytes)?)?, user: text.user, standing: text.standing };
    }
    Ok(element)
}

/// Looks an alias up in one of the alias files.
fn alias(charter: &Charter, file: u8, key: &[u8]) -> Result<BString, Failure> {
    let definitions = aliases::definitions(&charter.config.options.alias_file);
    let definition = definitions.get(usize::from(file));
    let definition = definition.ok_or_else(|| refusal(FailureKind::Undeclared {}, "no such alias file"))?;
    match Map::open(definition, &DirectOpener::new(charter.inspector.clone())).lookup(key, &[]) {
        Outcome::Found(value) => Ok(value),
        Outcome::NotFound(_) => Err(refusal(FailureKind::Missing {}, "no such alias any more")),
        Outcome::TempFail(reason) => Err(refusal(FailureKind::Temporary {}, reason)),
    }
}

/// Reads the maildrops of a user in one of the user databases.
///
// QUIRK(maildrop-owner): what they name is the default user's.
fn maildrops(charter: &Charter, file: u8, user: &[u8]) -> Result<BString, Failure> {
    let files = user_database_files(&charter.config);
    let definition = files.get(usize::from(file));
    let definition = definition.ok_or_else(|| refusal(FailureKind::Undeclared {}, "no such user database"))?;
    match Map::open(definition, &DirectOpener::new(charter.inspector.clone())).records(&maildrop_key(user)) {
        Ok(records) if records.is_empty() => Err(refusal(FailureKind::Missing {}, "no such maildrop any more")),
        Ok(records) => Ok(bstr::join(",", records).into()),
        Err(reason) => Err(refusal(FailureKind::Temporary {}, reason)),
    }
}

/// Opens an element of ForwardPath for a user.
fn open_forward(charter: &Charter, user: User, number: u8, budget: &mut Budget) -> Result<Text, Failure> {
    let template = charter.config.options.forward_path.split(|byte| *byte == b':').nth(usize::from(number));
    let template = template.ok_or_else(|| refusal(FailureKind::Undeclared {}, "no such element of ForwardPath"))?;
    let path = expand(template, &HomeOf(&user));
    if !path.starts_with(b"/") {
        return Err(refusal(FailureKind::Missing {}, "the user has no home directory"));
    }
    let opened = open_text(charter, &path, TextKind::Forward, &user);
    let Reading { file, trust, .. } = opened.map_err(|failure| without_warning(charter, &path, failure))?;
    let standing = if !user.may_log_in() { Standing::NoShell { user: user.name.clone() } } else { standing_of(trust) };
    read_text(path, &file, Some(user), standing, budget)
}

/// Returns `failure`, or that there is no such file where the postmaster does not want to hear more of one.
fn without_warning(charter: &Charter, path: &[u8], failure: Failure) -> Failure {
    let is_silent = charter.config.options.dont_blame_sendmail.has(Blame::DontWarnForwardFileInUnsafeDirPath);
    if is_silent && !Path::new(OsStr::from_bytes(path)).exists() {
        return Failure { kind: FailureKind::Missing {}, ..failure };
    }
    failure
}

/// Opens the file that an element `:include:/file` names.
///
/// It speaks for whom the element speaks for, in an alias for its owner.
///
// QUIRK(include-forgets): what the element may not name, its own elements
// may not either; in the original, who writes a user's `.forward` can run programs in his name.
fn open_included(charter: &Charter, element: Element, budget: &mut Budget) -> Result<Text, Failure> {
    let text = address_list::unquote(&element.text);
    let path = address_list::included(&text).map(|path| path.trim_space()).filter(|path| path.starts_with(b"/"));
    let path = path.ok_or_else(|| refusal(FailureKind::Undeclared {}, "the source includes no file"))?;
    let reader = with_default(&charter.config, element.user.clone())?;
    let Reading { file, owner, trust } = open_text(charter, path, TextKind::Include, &reader)?;
    let mut standing = standing_of(trust);
    let mut user = element.user;
    if user.is_none() && owner != 0 {
        user = User::by_uid(owner).map_err(|error| refusal(FailureKind::Temporary {}, error.to_string()))?;
        standing = match &user {
            None => Standing::NoUser { uid: owner },
            Some(user) if !user.may_log_in() => Standing::NoShell { user: user.name.clone() },
            Some(_) => standing,
        };
    }
    let standing = if element.standing == (Standing::Full {}) { standing } else { element.standing };
    read_text(path.into(), &file, user, standing, budget)
}

/// Reads a text that was opened.
fn read_text(
    path: BString,
    file: &File,
    user: Option<User>,
    standing: Standing,
    budget: &mut Budget,
) -> Result<Text, Failure> {
    let bytes = budget.read(&path, file)?;
    let found = file.metadata().map_err(|error| failure_of(&path.to_str_lossy(), &error))?;
    Ok(Text { path, bytes, owner: (found.uid(), found.gid()), user, standing })
}

fn standing_of(trust: Trust) -> Standing {
    match trust {
        Trust::Full => Standing::Full {},
        Trust::UsersOnly => Standing::UsersOnly {},
    }
}

/// Opens a text with the rights of `user`.
fn open_text(charter: &Charter, path: &[u8], kind: TextKind, user: &User) -> Result<Reading, Failure> {
    let inspector = charter.inspector.acting_as(user);
    let opened =
        with_rights_of(&charter.config, user, || inspector.open_text(Path::new(OsStr::from_bytes(path)), kind))?;
    opened.map_err(|reason| {
        let failure = failure_of_file(path, reason);
        Failure { text: format!("{}: {reason}", path.as_bstr()).into(), ..failure }
    })
}

/// Does `work` with the rights of `user`, where this process is root.
pub(super) fn with_rights_of<T>(config: &Config, user: &User, work: impl FnOnce() -> T) -> Result<T, Failure> {
    if !geteuid().is_root() || user.uid == 0 {
        return Ok(work());
    }
    let failed = |error: &dyn std::fmt::Display| refusal(FailureKind::Temporary {}, error.to_string());
    let groups = groups_of(config, user)?;
    let acting = Acting::start(user.uid, user.gid, &groups).map_err(|error| failed(&error))?;
    let done = work();
    drop(acting);
    Ok(done)
}

/// Returns the groups that whatever runs as `user` has: his own alone where DontInitGroups says so.
pub(super) fn groups_of(config: &Config, user: &User) -> Result<Vec<u32>, Failure> {
    if config.options.dont_init_groups {
        return Ok(vec![user.gid]);
    }
    user.groups().map_err(|error| refusal(FailureKind::Temporary {}, error.to_string()))
}

/// Returns the elements of a `.forward` or included file.
fn elements_of(text: &[u8]) -> Result<Vec<BString>, Failure> {
    Ok(address_list::split_file(text).map_err(too_many)?.into_iter().map(|(_, address)| address).collect())
}

/// Refuses a list that may be shorter with the next try.
fn too_many(error: TooMany) -> Failure {
    refusal(FailureKind::Temporary {}, format!("a list of addresses: {error}"))
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
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cf::AliasSpec;
    use crate::sys::process::alone;
    use crate::sys::safe_file::Listeners;

    /// Returns a charter whose alias file has `text`.
    fn with_aliases(folder: &Path, text: &str) -> Charter {
        let path = folder.join("aliases");
        fs::write(&path, text).expect("written");
        let mut config = Config::default();
        config.options.alias_file = AliasSpec::split(path.as_os_str().as_bytes(), 0);
        // The folders of tests lie where everybody can write.
        config.options.dont_blame_sendmail.insert(Blame::TrustStickyBit);
        config.options.default_user = crate::cf::UserSpec::parse(b"1:1");
        Charter::new(config, false, Listeners::default())
    }

    fn alias_element(key: &str, elements: &[u32]) -> Source {
        Source { root: SourceRoot::Alias { file: 0, key: key.into() }, elements: elements.to_vec() }
    }

    #[test]
    fn the_command_is_read_where_it_stands() {
        let folder = tempfile::tempdir().expect("a directory");
        let mut config = with_aliases(folder.path(), "list: joe, \"|/bin/cat -n\"\nplain: |/bin/cat -n\n");
        let (command, user) = command(&config, &alias_element("list", &[1])).expect("a command");
        assert_eq!((command, user.uid), ("/bin/cat -n".into(), 1));
        // Blanks separate only what a header or a command line names.
        config.config.options.old_style_headers = true;
        let (plain, _) = super::command(&config, &alias_element("plain", &[0])).expect("a command");
        assert_eq!(plain, "/bin/cat -n");
        assert!(super::command(&config, &alias_element("list", &[0])).is_err());
        assert!(super::command(&config, &alias_element("list", &[7])).is_err());
        assert!(super::command(&config, &alias_element("other", &[0])).is_err());
    }

    #[test]
    fn every_element_of_a_long_list_has_a_number_of_its_own() {
        let folder = tempfile::tempdir().expect("a directory");
        let list: String = (0..70_000).map(|number| format!("|/bin/echo {number}\n")).collect();
        let path = folder.path().join("list");
        fs::write(&path, list).expect("written");
        let user = User::by_uid(geteuid().as_raw()).expect("a list of users").expect("there is one");
        let user = format!("{}:{}", user.uid, user.gid);
        let mut charter = with_aliases(folder.path(), &format!("all: :Include:{}\n", path.display()));
        charter.config.options.default_user = crate::cf::UserSpec::parse(user.as_bytes());
        let command =
            |number| super::command(&charter, &alias_element("all", &[0, number])).map(|(command, _)| command);
        for number in [65_534, 65_535, 65_536, 69_999] {
            assert_eq!(command(number).expect("a command"), format!("/bin/echo {number}"));
        }
        assert_eq!(command(70_000).expect_err("no more").kind, FailureKind::Missing {});
        fs::write(&path, "x\n".repeat(100_001)).expect("written");
        assert_eq!(command(0).expect_err("too many").kind, FailureKind::Temporary {});
    }

    #[test]
    fn all_lists_that_lead_to_a_program_together_have_bounds() {
        let folder = tempfile::tempdir().expect("a directory");
        let user = User::by_uid(geteuid().as_raw()).expect("a list of users").expect("there is one");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let write = |remark: usize| {
            let remark = "#".repeat(remark);
            fs::write(path("outer"), format!("{remark}\n:include:{}\n", path("inner"))).expect("written");
            fs::write(path("inner"), format!("{remark}\n|/bin/true\n")).expect("written");
        };
        let mut charter = with_aliases(folder.path(), &format!("all: :include:{}\n", path("outer")));
        charter.config.options.default_user =
            crate::cf::UserSpec::parse(format!("{}:{}", user.uid, user.gid).as_bytes());
        let half = usize::try_from(TEXT_BYTES_MAX / 2).expect("small");
        write(half - 100);
        assert_eq!(command(&charter, &alias_element("all", &[0, 0, 0])).expect("a command").0, "/bin/true");
        write(half);
        let failure = command(&charter, &alias_element("all", &[0, 0, 0])).expect_err("too much");
        assert_eq!(failure.kind, FailureKind::Temporary {});
        assert!(failure.text.starts_with(format!("cannot read {}: ", path("inner")).as_bytes()), "{}", failure.text);
        // Each for itself may be read: whoever includes them counts.
        let served = open(&charter, &alias_element("all", &[0, 0])).expect("opened");
        let Answer::Text { uid, .. } = served.answer else { panic!("{:?}", served.answer) };
        assert_eq!(uid, user.uid);
        let mut text = Vec::new();
        File::from(served.descriptors.into_iter().next().expect("a copy")).read_to_end(&mut text).expect("readable");
        assert!(text.ends_with(b"#\n|/bin/true\n"));
    }

    #[test]
    fn an_included_file_speaks_for_its_owner() {
        // Root reads it with the rights of another, which all threads of a process share.
        alone(|| {
            let folder = tempfile::tempdir().expect("a directory");
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
            let list = folder.path().join("list");
            fs::write(&list, "# the list\n|/bin/true\n").expect("written");
            let config = with_aliases(folder.path(), &format!("all: :include:{}\n", list.display()));
            let found = command(&config, &alias_element("all", &[0, 0])).map(|(_, user)| user.uid);
            let owner = User::by_uid(geteuid().as_raw()).expect("a list of users");
            let expected = match owner {
                // What root owns runs as the default user.
                _ if geteuid().is_root() => Some(1),
                Some(owner) if owner.may_log_in() => Some(owner.uid),
                _ => None,
            };
            assert_eq!(found.ok(), expected);
        });
    }

    #[test]
    fn what_root_wrote_is_done_as_the_default_user() {
        let folder = tempfile::tempdir().expect("a directory");
        let mut config = with_aliases(folder.path(), "run: |/bin/cat\n");
        config.config.options.default_user = crate::cf::UserSpec::parse(b"4242:4243");
        let (text, user) = command(&config, &alias_element("run", &[0])).expect("a command");
        assert_eq!((text, user.uid, user.gid), ("/bin/cat".into(), 4242, 4243));
    }
}
