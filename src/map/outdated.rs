//! Databases that were written before the text that they are made from.

use bstr::ByteSlice;

use super::{Definition, KeyEnd, Kind, Opener};
use crate::sys::shell::quoted;

/// Returns a line for the log where the database of a map is older than its text: which, and what makes it again.
pub fn outdated(definition: &Definition, opener: &dyn Opener) -> Option<String> {
    let method = definition.kind.method()?;
    let text = definition.file.as_ref()?;
    let database = method.file_of(text);
    if database == *text {
        // The text is not named.
        return None;
    }
    let written = |path: &[u8]| opener.open(definition, path).ok()?.metadata().ok()?.modified().ok();
    if written(&database)? >= written(text)? {
        return None;
    }
    Some(format!("{} is older than {}; run: {}", database.as_bstr(), text, mend(definition)?))
}

/// Returns the command that makes the database of a map again from its text.
pub fn mend(definition: &Definition) -> Option<String> {
    let text = definition.file.as_ref()?;
    if definition.of_aliases || definition.kind == Kind::Implicit {
        return Some("newaliases".to_owned());
    }
    definition.kind.method()?;
    let nul = if definition.key_end == KeyEnd::Nul { "-N " } else { "" };
    let case = if definition.keep_case { "-f " } else { "" };
    let text = quoted(text);
    Some(format!("makemap {nul}{case}{} {text} < {text}", definition.kind.class()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::map::DirectOpener;

    #[test]
    fn a_database_older_than_its_text_is_told_with_the_command_that_makes_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().join("access");
        let database = folder.path().join("access.db");
        for path in [&text, &database] {
            fs::write(path, "x").expect("written");
        }
        let name = text.display().to_string();
        let told = |class: &str, args: &str| {
            let definition = Definition::parse(b"m", class.as_bytes(), format!("{args} {name}").as_bytes()).0;
            outdated(&definition.expect("a class"), &DirectOpener::for_tests())
        };
        let set = |path, seconds| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("ours");
        };
        set(&text, 1000);
        set(&database, 1000);
        assert_eq!(told("hash", ""), None);
        set(&text, 2000);
        let expected = format!("{name}.db is older than {name}; run: makemap -N hash {name} < {name}");
        assert_eq!(told("hash", "-N"), Some(expected));
        assert!(told("implicit", "").is_some_and(|line| line.ends_with("run: newaliases")));
        assert_eq!(told("cdb", ""), None);
        assert_eq!(told("text", ""), None);
    }
}
