//! Files and pipes that are read whole, if they are not too large.

use std::io::{self, Read};

/// Reads `input` to its end.
///
/// # Errors
/// It cannot be read, or has more than `max` bytes: then nothing of it counts, and the error tells the limit.
pub fn read_within(input: impl Read, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(len) if len <= max => Ok(bytes),
        _ if max.is_multiple_of(MEBIBYTE) => Err(io::Error::other(format!("it has more than {} MiB", max / MEBIBYTE))),
        _ => Err(io::Error::other(format!("it has more than {max} bytes"))),
    }
}

const MEBIBYTE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_no_text_at_all() {
        assert_eq!(read_within(&b"1234"[..], 4).expect("it fits"), b"1234");
        let told = |input: &mut dyn Read, max| read_within(input, max).expect_err("too large").to_string();
        assert_eq!(told(&mut &b"12345"[..], 4), "it has more than 4 bytes");
        assert_eq!(told(&mut io::repeat(b'x'), 2 << 20), "it has more than 2 MiB");
    }
}
