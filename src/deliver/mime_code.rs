//! Quoted-printable and base64 (`RFC 2045 §6.7, §6.8`), both ways, in pieces of any size.

/// Columns after which a line of quoted-printable is broken.
const QUOTED_COLUMNS: usize = 72;
/// Columns of a line of base64.
const BASE64_COLUMNS: usize = 72;
/// The digits of base64.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Bytes that EBCDIC hosts spoil.
const EBCDIC: &[u8] = b"!\"#$@[\\]^`{|}~";

/// Encodes as quoted-printable; lines in and out end with LF.
#[derive(Debug)]
pub(super) struct QuotedEncoder {
    encode_more: bool,
    column: usize,
    /// The byte before the present one, not yet written: at the end of a line it may need encoding.
    held: Option<u8>,
}

impl QuotedEncoder {
    /// Makes an encoder; `encode_more` also encodes what EBCDIC hosts spoil.
    pub(super) fn new(encode_more: bool) -> Self {
        Self { encode_more, column: 0, held: None }
    }

    /// Encodes a part; `last` is the end.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        for &byte in bytes {
            if let Some(held) = self.held.take() {
                self.put(held, byte == b'\n', out);
            }
            if byte == b'\n' {
                out.push(b'\n');
                self.column = 0;
            } else {
                self.held = Some(byte);
            }
        }
        if let Some(held) = self.held.take_if(|_| last) {
            self.put(held, true, out);
        }
    }

    /// Writes a byte; `ends` tells whether its line ends after it.
    fn put(&mut self, byte: u8, ends: bool, out: &mut Vec<u8>) {
        if self.column > QUOTED_COLUMNS {
            out.extend(b"=\n");
            self.column = 0;
        }
        let encode = match byte {
            b' ' | b'\t' => ends,
            // A line of a dot alone would end the message on a careless host.
            b'.' => ends && self.column == 0,
            b'=' | ..=0x1f | 0x7f.. => true,
            _ => self.encode_more && EBCDIC.contains(&byte),
        };
        if encode {
            out.extend(format!("={byte:02X}").bytes());
            self.column += 3;
        } else {
            out.push(byte);
            self.column += 1;
        }
    }
}

/// Encodes as base64; LF becomes CRLF before.
#[derive(Debug, Default)]
pub(super) struct Base64Encoder {
    group: Vec<u8>,
    column: usize,
}

impl Base64Encoder {
    /// Encodes a part; `last` is the end.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == b'\n' {
                self.add(b'\r', out);
            }
            self.add(byte, out);
        }
        if last {
            if !self.group.is_empty() {
                self.put(out);
            }
            if self.column > 0 {
                out.push(b'\n');
                self.column = 0;
            }
        }
    }

    /// Adds a byte.
    fn add(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.group.push(byte);
        if self.group.len() == 3 {
            self.put(out);
        }
    }

    /// Writes a group of up to three bytes.
    fn put(&mut self, out: &mut Vec<u8>) {
        if self.column >= BASE64_COLUMNS {
            out.push(b'\n');
            self.column = 0;
        }
        let byte = |place: usize| u32::from(self.group.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > self.group.len() { b'=' } else { digit });
        }
        self.group.clear();
        self.column += 4;
    }
}

/// Decodes base64; CRLF becomes LF.
#[derive(Debug, Default)]
pub(super) struct Base64Decoder {
    bits: u32,
    count: u32,
    ended: bool,
    after_cr: bool,
}

impl Base64Decoder {
    /// Decodes a part; `last` is the end.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == b'=' {
                self.ended = true;
            }
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => continue,
            };
            if self.ended {
                continue;
            }
            self.bits = (self.bits << 6 | u32::from(digit)) & 0xff_ffff;
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                self.put((self.bits >> self.count & 0xff) as u8, out);
            }
        }
        if last && std::mem::take(&mut self.after_cr) {
            out.push(b'\r');
        }
    }

    /// Writes a decoded byte; a CR waits for what follows.
    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.after_cr) && byte != b'\n' {
            out.push(b'\r');
        }
        if byte == b'\r' {
            self.after_cr = true;
        } else {
            out.push(byte);
        }
    }
}

/// Decodes quoted-printable; lines in and out end with LF.
#[derive(Debug, Default)]
pub(super) struct QuotedDecoder {
    /// `=` and what followed it so far.
    escape: Vec<u8>,
    /// White space that vanishes if the line ends after it.
    blanks: Vec<u8>,
}

/// White space kept in case the line goes on; more is written at once.
const BLANKS_MAX: usize = 1000;

impl QuotedDecoder {
    /// Decodes a part; `last` is the end.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        for &byte in bytes {
            if self.escape.is_empty() {
                self.plain(byte, out);
            } else {
                self.escaped(byte, out);
            }
        }
        if last {
            out.append(&mut self.blanks);
            out.append(&mut self.escape);
        }
    }

    /// Takes in a byte outside an escape.
    fn plain(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b' ' | b'\t' if self.blanks.len() < BLANKS_MAX => return self.blanks.push(byte),
            b'\n' => self.blanks.clear(),
            _ => out.append(&mut self.blanks),
        }
        if byte == b'=' {
            self.escape.push(byte);
        } else {
            out.push(byte);
        }
    }

    /// Takes in a byte after `=`.
    fn escaped(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.escape.as_slice(), byte) {
            (_, b'\n') => self.escape.clear(),
            ([b'='], b' ' | b'\t' | b'\r') => {}
            ([b'='], _) if byte.is_ascii_hexdigit() => self.escape.push(byte),
            ([b'=', high], _) if byte.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(byte));
                self.escape.clear();
            }
            _ => {
                // No escape at all: the bytes mean themselves.
                out.append(&mut self.escape);
                self.plain(byte, out);
            }
        }
    }
}

/// Returns the value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use bstr::BString;

    use super::*;

    /// Runs `push` over pieces of several sizes; all must give the same.
    #[track_caller]
    fn check<T>(make: impl Fn() -> T, push: fn(&mut T, &[u8], bool, &mut Vec<u8>), input: &[u8], expected: &str) {
        for size in [1, 2, 5, 10_000] {
            let mut code = make();
            let mut out = Vec::new();
            input.chunks(size).for_each(|chunk| push(&mut code, chunk, false, &mut out));
            push(&mut code, b"", true, &mut out);
            assert_eq!(BString::from(out), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn quoted_printable_encodes_what_does_not_travel() {
        let quoted =
            |input: &[u8], expected: &str| check(|| QuotedEncoder::new(false), QuotedEncoder::push, input, expected);
        quoted("hello é = x \nline\t\nFrom me\n.dot\n".as_bytes(), "hello =C3=A9 =3D x=20\nline=09\nFrom me\n.dot\n");
        quoted(b".\n..x\nend=\na b", "=2E\n..x\nend=3D\na b");
        quoted(&[b'x'; 80], &format!("{}=\n{}", "x".repeat(73), "x".repeat(7)));
        check(|| QuotedEncoder::new(true), QuotedEncoder::push, b"a@b", "a=40b");
    }

    #[test]
    fn base64_has_lines_of_72_and_crlf_inside() {
        let base64 = |input: &[u8], expected: &str| check(Base64Encoder::default, Base64Encoder::push, input, expected);
        base64("hello é\n".as_bytes(), "aGVsbG8gw6kNCg==\n");
        base64("hello é".as_bytes(), "aGVsbG8gw6k=\n");
        base64(b"", "");
        base64(&[0; 55], &format!("{}\nAA==\n", "A".repeat(72)));
    }

    #[test]
    fn decoders_undo_encoders() {
        check(Base64Decoder::default, Base64Decoder::push, b"aGVsbG8gw6kNCg==\n", "hello é\n");
        check(Base64Decoder::default, Base64Decoder::push, b"DQ0=\nAAAA", "\r\r");
        check(QuotedDecoder::default, QuotedDecoder::push, b"a=C3=a9 =3D x=20  \nso=\nft =xy=4", "aé = x \nsoft =xy=4");
    }
}
