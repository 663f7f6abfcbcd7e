//! White space as C has it.

/// Tells whether a byte is white space to C's `isspace`: unlike Rust's, with the vertical tab.
pub const fn is_c_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_that_of_the_c_library() {
        let all: Vec<u8> = (0..=u8::MAX).filter(|byte| is_c_space(*byte)).collect();
        assert_eq!(all, b"\t\n\x0b\x0c\r ");
    }
}
