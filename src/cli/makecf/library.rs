//! The cf library that the program carries: the files of `etc/cf`, as if they stood in a folder of their own.

use bstr::{BString, ByteSlice};

/// The name of that folder; no file of the system is meant by it.
pub(super) const FOLDER: &str = "<futago>/cf/";

/// Names below the folder, sorted within each kind, and texts.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// Returns the part of a name below the folder.
pub(super) fn below(name: &[u8]) -> Option<&[u8]> {
    name.strip_prefix(FOLDER.as_bytes())
}

/// Returns the text of a file by its name below the folder.
pub(super) fn text(name: &[u8]) -> Option<&'static [u8]> {
    FILES.iter().find(|(file, _)| file.as_bytes() == name).map(|(_, text)| *text)
}

/// Returns the names, without folder and ending, that a kind of file has: `feature`, `mailer`, `ostype` …
pub(super) fn names(kind: &str) -> impl Iterator<Item = &'static str> {
    FILES.iter().filter_map(move |(file, _)| file.strip_prefix(kind)?.strip_prefix('/')?.strip_suffix(".m4"))
}

/// Says that there is no such file, in the words of a `.mc` file, and what there is.
pub(super) fn missing(name: &[u8]) -> BString {
    let name = name.to_str_lossy();
    let (kind, file) = name.split_once('/').unwrap_or(("", &name));
    let file = file.strip_suffix(".m4").unwrap_or(file);
    let known: Vec<&str> = names(kind).collect();
    let word = match kind {
        "siteconfig" => "SITECONFIG".to_owned(),
        _ => kind.to_uppercase(),
    };
    format!("there is no {word}({file}); there are: {}", known.join(" ")).into()
}
