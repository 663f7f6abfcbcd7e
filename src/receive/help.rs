//! The HELP command: the help file's lines for a topic.

use bstr::{BString, ByteSlice};

use crate::mail::reply::Reply;
use crate::name::TrimSpace as _;
use crate::smtp::server::texts;

/// Returns the reply to `HELP topic`; `file` is the help file, `expand` expands macros in its lines.
///
/// A line is a topic, white space and a text; a topic of the file matches if it begins with the one asked for.
pub(super) fn reply(file: Option<&[u8]>, topic: &[u8], version: &str, expand: &dyn Fn(&[u8]) -> BString) -> Reply {
    let Some(file) = file else { return texts::help_not_implemented(version) };
    let wanted = if topic.is_empty() { b"smtp".to_vec() } else { topic.to_ascii_lowercase() };
    let current = file.lines().any(is_current);
    let found = file.lines().filter(|line| !line.starts_with(b"#") && line.starts_with(&wanted));
    let lines: Vec<BString> = found
        .map(|line| {
            let start = line.find_byteset(b" \t").map_or(line.len(), |at| at + 1);
            let text = &line[start..];
            if current { expand(text) } else { text.into() }
        })
        .collect();
    if lines.is_empty() && !topic.is_empty() { texts::help_unknown(&wanted) } else { texts::help(lines) }
}

/// Tells whether a line says that the file is of a version whose texts hold macros.
fn is_current(line: &[u8]) -> bool {
    let version = line.strip_prefix(b"#vers").and_then(|rest| rest.trim_space().to_str().ok());
    version.and_then(|version| version.parse::<u32>().ok()).is_some_and(|version| version >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"#vers\t2\nsmtp\tThis is $v\nsmtp\tmore\nrcpt\tRCPT TO:<x>\n-bt\tnothing\n";

    #[track_caller]
    fn check(file: Option<&[u8]>, topic: &str, expected: &str) {
        let expand = |text: &[u8]| BString::from(text.replace(b"$v", b"8"));
        assert_eq!(reply(file, topic.as_bytes(), "9", &expand).to_string(), expected);
    }

    #[test]
    fn topics_are_looked_up_in_the_file() {
        check(Some(FILE), "", "214-2.0.0 This is 8\n214-2.0.0 more\n214 2.0.0 End of HELP info");
        check(Some(FILE), "RCPT", "214-2.0.0 RCPT TO:<x>\n214 2.0.0 End of HELP info");
        check(Some(FILE), "NoSuchTopic", "504 5.3.0 HELP topic \"nosuchtopi\" unknown");
        check(None, "", "502 5.3.0 Sendmail 9 -- HELP not implemented");
    }
}
