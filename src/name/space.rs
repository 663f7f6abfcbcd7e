//! White space as C has it.

/// White space to C's `isspace`: unlike Rust's, with the vertical tab.
pub trait CSpace {
    /// Tells whether this is white space.
    fn is_c_space(&self) -> bool;
}

impl CSpace for u8 {
    fn is_c_space(&self) -> bool {
        matches!(self, b' ' | b'\t'..=b'\r')
    }
}

impl CSpace for char {
    fn is_c_space(&self) -> bool {
        matches!(self, ' ' | '\t'..='\r')
    }
}

/// Texts without the white space around them.
pub trait TrimSpace {
    /// Returns the text without white space in front.
    fn trim_space_start(&self) -> &Self;
    /// Returns the text without white space at the end.
    fn trim_space_end(&self) -> &Self;
    /// Returns the text without white space at the end, but for the first character: what is nothing else keeps that.
    fn trim_space_behind_first(&self) -> &Self;
    /// Returns the text without white space in front and at the end.
    fn trim_space(&self) -> &Self {
        self.trim_space_start().trim_space_end()
    }
}

impl TrimSpace for [u8] {
    fn trim_space_start(&self) -> &Self {
        let start = self.iter().position(|byte| !byte.is_c_space()).unwrap_or(self.len());
        &self[start..]
    }

    fn trim_space_end(&self) -> &Self {
        let end = self.iter().rposition(|byte| !byte.is_c_space()).map_or(0, |last| last + 1);
        &self[..end]
    }

    fn trim_space_behind_first(&self) -> &Self {
        &self[..self.trim_space_end().len().max(1).min(self.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vertical_tab_is_white_space() {
        let all: Vec<u8> = (0..=u8::MAX).filter(u8::is_c_space).collect();
        assert_eq!(all, b"\t\n\x0b\x0c\r ");
        assert!('\x0b'.is_c_space() && !'\u{a0}'.is_c_space());
    }

    #[test]
    fn texts_are_trimmed() {
        assert_eq!(b"\x0b a b\t".trim_space(), b"a b");
        assert_eq!(b" \x0b".trim_space(), b"");
        assert_eq!(b" a\x0b".trim_space_behind_first(), b" a");
        assert_eq!(b"\x0b \t".trim_space_behind_first(), b"\x0b");
        assert_eq!(b"".trim_space_behind_first(), b"");
    }
}
