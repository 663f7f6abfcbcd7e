//! How tokens and internal text are shown to people: always printable ASCII, as the original's test mode does.

use std::fmt::{self, Write as _};

use super::mark::{self, EXPAND, EXPAND_LATE, Mark, name_at};
use super::{Repr, Token, Tokens};

/// Tells whether a text is shown as it is: all of it is printable ASCII.
pub(super) fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Appends internal text so that a person can read it: marks as `$x`, other bytes as `M-x` or `\n`.
pub fn show(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let printable = rest.iter().position(|byte| !matches!(byte, b' '..=b'~')).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..printable]);
        let Some((&byte, after)) = rest[printable..].split_first() else { return };
        rest = after;
        match byte {
            EXPAND => {
                out.push(b'$');
                if let Some((&kind @ (b'=' | b'~' | b'&' | b'?'), after)) = rest.split_first() {
                    out.push(kind);
                    rest = after;
                }
                rest = show_name(out, rest);
            }
            EXPAND_LATE => {
                out.extend_from_slice(b"$&");
                rest = show_name(out, rest);
            }
            code if Mark::is_digit_code(code) => out.push(b'$'),
            code => match Mark::spelling(code) {
                Some(character) => {
                    out.extend_from_slice(&[b'$', character]);
                    if matches!(character, b'=' | b'~') {
                        rest = show_name(out, rest);
                    }
                }
                None => show_byte(out, byte),
            },
        }
    }
}

/// Appends the name at the start of `text` with braces where it needs them; returns what follows it.
fn show_name<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> &'a [u8] {
    let (name, taken) = name_at(text);
    if taken > 0 {
        let mut spelled = Vec::with_capacity(name.len() + 2);
        mark::append_name(&mut spelled, name);
        for byte in spelled {
            // As it is, also where it is none that a name can have; but nothing begins a command to a terminal.
            match byte {
                0x1b => out.push(b'?'),
                0..0x80 => out.push(byte),
                _ => show_byte(out, byte),
            }
        }
    }
    &text[taken..]
}

/// Appends one byte in printable form.
fn show_byte(out: &mut Vec<u8>, byte: u8) {
    let low = byte & 0x7f;
    if byte >= 0x80 {
        out.extend_from_slice(b"M-");
    }
    match low {
        b' '..=b'~' => out.push(low),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        // QUIRK(control-characters): nothing is shown of them, only `M-` where they have the highest bit.
        _ => {}
    }
}

/// Appends a mark in printable form.
fn show_mark(out: &mut Vec<u8>, mark: &Mark) {
    match mark.plain() {
        Some((character, _)) => out.extend_from_slice(&[b'$', character]),
        None => {
            let mut code = Vec::new();
            mark.append_to(&mut code);
            show(out, &code);
        }
    }
}

impl Token {
    /// Appends a space and the token in printable form.
    #[inline]
    pub fn show_after_space(&self, out: &mut Vec<u8>) {
        match &self.repr {
            Repr::Short(bytes) if self.look.is_plain => {
                let end = out.len() + 1 + usize::from(self.look.len);
                // All of the array, since copying what has a fixed size takes no call.
                out.extend_from_slice(bytes);
                out.truncate(end);
            }
            _ => {
                out.push(b' ');
                self.show_to(out);
            }
        }
    }

    /// Appends the token in printable form.
    pub fn show_to(&self, out: &mut Vec<u8>) {
        match (self.text(), self.mark()) {
            (Some((_, text)), _) => show(out, text),
            (None, Some(mark)) => show_mark(out, mark),
            (None, None) => {}
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = Vec::new();
        self.show_to(&mut shown);
        f.write_str(str::from_utf8(&shown).expect("all that is shown is ASCII"))
    }
}

impl fmt::Display for Tokens {
    /// Writes the tokens with one space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, token) in self.iter().enumerate() {
            if place > 0 {
                f.write_char(' ')?;
            }
            fmt::Display::fmt(token, f)?;
        }
        Ok(())
    }
}
