//! How tokens and internal text are shown to people: always printable ASCII, as the original's test mode does.

use std::fmt::{self, Write as _};

use super::mark::{self, EXPAND, EXPAND_LATE, Mark, name_at};
use super::{Token, Tokens};

/// Writes internal text so that a person can read it: marks as `$x`, other bytes as `M-x` or `\n`.
///
/// # Errors
/// Only those of the formatter.
pub fn show(f: &mut impl fmt::Write, text: &[u8]) -> fmt::Result {
    let mut rest = text;
    loop {
        let printable = rest.iter().take_while(|byte| matches!(byte, b' '..=b'~')).count();
        f.write_str(str::from_utf8(&rest[..printable]).map_err(|_| fmt::Error)?)?;
        rest = &rest[printable..];
        let Some((&byte, after)) = rest.split_first() else { return Ok(()) };
        rest = after;
        match byte {
            EXPAND => {
                f.write_char('$')?;
                if let Some((&kind @ (b'=' | b'~' | b'&' | b'?'), after)) = rest.split_first() {
                    f.write_char(char::from(kind))?;
                    rest = after;
                }
                rest = show_name(f, rest)?;
            }
            EXPAND_LATE => {
                f.write_str("$&")?;
                rest = show_name(f, rest)?;
            }
            code if Mark::is_digit_code(code) => f.write_char('$')?,
            code => match Mark::spelling(code) {
                Some(character) => {
                    write!(f, "${}", char::from(character))?;
                    if matches!(character, b'=' | b'~') {
                        rest = show_name(f, rest)?;
                    }
                }
                None => show_byte(f, byte)?,
            },
        }
    }
}

/// Writes the name at the start of `text` with braces where it needs them; returns what follows it.
fn show_name<'a>(f: &mut impl fmt::Write, text: &'a [u8]) -> Result<&'a [u8], fmt::Error> {
    let (name, taken) = name_at(text);
    if taken > 0 {
        let mut spelled = Vec::with_capacity(name.len() + 2);
        mark::append_name(&mut spelled, name);
        for byte in spelled {
            show_byte(f, byte)?;
        }
    }
    Ok(&text[taken..])
}

/// Writes one byte in printable form.
fn show_byte(f: &mut impl fmt::Write, byte: u8) -> fmt::Result {
    let low = byte & 0x7f;
    if byte >= 0x80 {
        f.write_str("M-")?;
    }
    match low {
        b' '..=b'~' => f.write_char(char::from(low)),
        b'\n' => f.write_str("\\n"),
        b'\r' => f.write_str("\\r"),
        b'\t' => f.write_str("\\t"),
        // QUIRK(control-characters): nothing is shown of them, only `M-` where they have the highest bit.
        _ => Ok(()),
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some((_, text)) => show(f, text),
            None => {
                let mut code = Vec::new();
                self.append_quoted_to(&mut code);
                show(f, &code)
            }
        }
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
