//! The cf library that the program carries: the files of `etc/cf`, as if they stood in a folder of their own, and the
//! `.mc` files of `etc/mail`.

use bstr::{BString, ByteSlice};

use super::macros;
use super::nearest::nearest;

/// The name of that folder; no file of the system is meant by it.
pub(super) const FOLDER: &str = "<futago>/cf/";

/// Names below the folder, sorted within each kind, and texts.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// Returns the part of a name below the folder.
pub(super) fn below(name: &[u8]) -> Option<&[u8]> {
    name.strip_prefix(FOLDER.as_bytes())
}

/// Returns the text of a file by its name below the folder.
pub(super) fn text(name: &[u8]) -> Option<&'static str> {
    FILES.iter().find(|(file, _)| file.as_bytes() == name).map(|(_, text)| *text)
}

/// Returns the names, without folder and ending, that a kind of file has: `feature`, `mailer`, `ostype` …
pub(super) fn names(kind: &str) -> impl Iterator<Item = &'static str> {
    FILES.iter().filter_map(move |(file, _)| Some(file.strip_prefix(kind)?.strip_prefix('/')?.rsplit_once('.')?.0))
}

/// Returns the texts of all files that m4 reads.
pub(super) fn texts() -> impl Iterator<Item = &'static str> {
    FILES.iter().filter(|(file, _)| file.ends_with(".m4")).map(|(_, text)| *text)
}

/// Returns the comment at the head of a file: its page.
pub(super) fn page(kind: &str, name: &str) -> Option<String> {
    let ending = if kind == SETUP { "mc" } else { "m4" };
    let text = text(format!("{kind}/{name}.{ending}").as_bytes())?;
    let head = text.lines().skip_while(|line| line.starts_with("divert(-1)"));
    let comment = head.map_while(|line| line.strip_prefix("dnl").or_else(|| line.strip_prefix('#')));
    Some(comment.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect())
}

/// The kind of the `.mc` files.
pub(super) const SETUP: &str = "mail";

/// Says that a library has no such file, in the words of a `.mc` file, and which one may be meant. The library is that of the
/// program, but for `folder`, which names the files that one elsewhere has of a kind.
pub(super) fn missing(name: &[u8], folder: &dyn Fn(&str) -> Vec<String>) -> BString {
    let name = name.to_str_lossy();
    let (kind, file) = name.split_once('/').unwrap_or(("", &name));
    let file = file.strip_suffix(".m4").unwrap_or(file);
    let word = kind.to_uppercase();
    let mut known = folder(kind);
    known.sort();
    let told = match nearest(file.trim(), known.iter()) {
        _ if file.contains(['`', '\'']) => format!("{word}({file}): a quote has no partner: write {word}(`NAME')"),
        // The last one is for all that came after it.
        Some(_) if kind == "ostype" && file.to_ascii_lowercase().starts_with("freebsd") => {
            format!("there is no OSTYPE({file}); write OSTYPE(`freebsd6') for it and all later ones")
        }
        Some(near) => format!("there is no {word}({file}); did you mean {word}(`{near}')?"),
        None if file.is_empty() => format!("{word}() names nothing: write {word}(`NAME')"),
        None if file.contains([',', ' ']) => {
            format!("there is no {word}({file}): each has a line of its own, {word}(`NAME')")
        }
        None if kind == "feature" && macros::is_known(file) => {
            format!("there is no FEATURE({file}); did you mean define(`{file}', `...')?")
        }
        None if kind == "feature" => {
            format!("there is no FEATURE({file}): `makecf --list-features' names those that there are")
        }
        None if kind == "m4" => format!("there is no file {name} in it"),
        None if ["domain", "hack"].contains(&kind) => format!(
            "there is no {word}({file}): for one of your own write {kind}/{file}.m4 below a folder, and call makecf -I FOLDER; \
             there are: {}",
            if known.is_empty() { "none".to_owned() } else { known.join(" ") }
        ),
        None => format!("there is no {word}({file}); there are: {}", known.join(" ")),
    };
    told.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_and_mailer_begins_with_its_page() {
        for kind in ["feature", "mailer", "ostype", "domain"] {
            for name in names(kind) {
                let page = page(kind, name).expect("is there");
                let called = format!("{}({name})", kind.to_uppercase());
                let begins = page.starts_with(name) || page.starts_with(&called);
                assert!(begins, "{kind}/{name}.m4 must begin with a comment `# {name}…: what it does.`");
                assert!(page.contains(": ") && page.trim_end().ends_with('.'), "{kind}/{name}.m4: {page}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named_with_what_is_near() {
        let missing = |name: &[u8]| missing(name, &|kind| names(kind).map(str::to_owned).collect());
        assert_eq!(
            missing(b"feature/acess_db.m4"),
            "there is no FEATURE(acess_db); did you mean FEATURE(`access_db')?"
        );
        assert!(missing(b"ostype/plan9.m4").starts_with(b"there is no OSTYPE(plan9); there are: aix5 bsd4.4 "));
    }
}
