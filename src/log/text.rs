//! How text is made fit for one line of a log: escaped, shortened, split.

use bstr::BString;

use crate::name::CSpace as _;

/// The longest line handed to syslog, with what syslog puts before it.
pub(super) const LINE_BYTES_MAX: usize = 1024;

/// What syslog puts before a line, as the original reckons it: date, tag, pid.
const PREFIX_BYTES: usize = 42;

/// The bytes that `[999]` behind the identifier takes.
const COUNTER_BYTES: usize = 5;

/// The bytes of ` ...` and the like.
const ELLIPSIS_BYTES: usize = 7;

/// Makes every byte visible: controls and 8-bit bytes as `\n`, `\t`, `\r` or in octal, a backslash doubled.
pub fn printable(text: &[u8]) -> BString {
    let mut shown = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'\\' => shown.extend_from_slice(b"\\\\"),
            b'\n' => shown.extend_from_slice(b"\\n"),
            b'\r' => shown.extend_from_slice(b"\\r"),
            b'\t' => shown.extend_from_slice(b"\\t"),
            0x20..=0x7e => shown.push(byte),
            _ => shown.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    shown.into()
}

/// Shortens text to at most `bytes_max` bytes: its beginning, `...`, its end.
pub fn shorten(text: &[u8], bytes_max: usize) -> BString {
    if text.len() <= bytes_max {
        return text.into();
    }
    let half = bytes_max.saturating_sub(3) / 2;
    [&text[..half], b"...", &text[text.len() - half..]].concat().into()
}

/// Splits escaped text into the lines that syslog gets, each with its identifier before it.
///
/// A line that is too long is cut behind a comma or white space, and its parts are numbered: `ID[1]: … ...`.
pub(super) fn lines(id: &str, text: &[u8]) -> Vec<BString> {
    // QUIRK(syslog-split): lengths are reckoned with a prefix of 42 bytes, whatever the tag is.
    let fixed = id.len() + PREFIX_BYTES;
    if text.len() + fixed + 1 < LINE_BYTES_MAX {
        return vec![join(id, None, text, "")];
    }
    let fixed = fixed + COUNTER_BYTES;
    let mut out = Vec::new();
    let mut rest = text;
    while rest.len() + fixed > LINE_BYTES_MAX {
        let end = cut(rest, LINE_BYTES_MAX - fixed - ELLIPSIS_BYTES);
        out.push(join(id, Some(out.len() + 1), &rest[..end], " ..."));
        rest = &rest[end..];
    }
    out.push(join(id, Some(out.len() + 1), rest, ""));
    out
}

/// Returns where to cut: behind the last comma or white space up to `limit`, or at `limit`.
fn cut(text: &[u8], limit: usize) -> usize {
    let limit = limit.min(text.len() - 1);
    (1..=limit).rev().find(|at| text[*at] == b',' || text[*at].is_c_space()).map_or(limit, |at| at + 1)
}

/// Puts identifier, counter, text and ending together.
fn join(id: &str, counter: Option<usize>, text: &[u8], ending: &str) -> BString {
    let mut line = BString::from(id);
    if let Some(counter) = counter {
        line.extend_from_slice(format!("[{counter}]").as_bytes());
    }
    if !line.is_empty() {
        line.extend_from_slice(b": ");
    }
    line.extend_from_slice(text);
    line.extend_from_slice(ending.as_bytes());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6AMN8lKL000034";

    fn noop(count: usize) -> Vec<u8> {
        [b"<-- NOOP ".as_slice(), &vec![b'x'; count]].concat()
    }

    #[test]
    fn every_byte_is_visible() {
        assert_eq!(printable(b"VRFY \x01\xe9\\\t\"x\r\n"), "VRFY \\001\\351\\\\\\t\"x\\r\\n");
    }

    #[test]
    fn long_values_keep_both_ends() {
        assert_eq!(shorten(&[b'x'; 203], 203).len(), 203);
        let short = shorten(&[b'x'; 240], 83);
        assert_eq!(short, format!("{}...{}", "x".repeat(40), "x".repeat(40)));
        assert_eq!(shorten(b"abc", 2), "...");
    }

    #[test]
    fn lines_up_to_the_limit_stay_whole() {
        assert_eq!(lines(ID, &noop(957)).len(), 1);
        assert_eq!(lines(ID, &noop(958)).len(), 2);
        assert_eq!(lines("", b"starting daemon"), ["starting daemon"]);
    }

    #[test]
    fn longer_lines_are_cut_and_numbered() {
        let parts = lines(ID, &noop(1990));
        assert_eq!(parts.iter().map(|line| line.len()).collect::<Vec<_>>(), [32, 979, 979, 97]);
        assert_eq!(parts[0], format!("{ID}[1]: <-- NOOP  ..."));
        assert_eq!(lines(ID, &noop(963)).len(), 2);
        assert_eq!(lines(ID, &noop(964)).len(), 3);
        let parts = lines(ID, &[b"<-- NOOP ".as_slice(), &b"ab, ".repeat(480)].concat());
        assert_eq!(parts.iter().map(|line| line.len()).collect::<Vec<_>>(), [980, 979, 35]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_by_splitting(text in proptest::collection::vec(0x20_u8..0x7f, 0..4000)) {
            let whole: Vec<u8> = lines(ID, &text)
                .iter()
                .flat_map(|line| {
                    let start = line.windows(2).position(|pair| pair == b": ").expect("an identifier") + 2;
                    line[start..].to_vec()
                })
                .collect();
            proptest::prop_assert!(lines(ID, &text).iter().all(|line| line.len() <= LINE_BYTES_MAX));
            proptest::prop_assert!(whole.len() >= text.len());
        }
    }
}
