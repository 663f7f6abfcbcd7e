//! Tokens: names, quoted strings, comments and single bytes, with the quotes and comment marks in force.

use bstr::BString;

use super::builtin::Builtin;
use super::input::{Input, Next};
use super::message::Whence;

/// One token of the input.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// The input has ended.
    End,
    /// A name, perhaps of a macro.
    Word(BString),
    /// What stood between quotes, less the outer ones.
    Quoted(Vec<u8>),
    /// A comment with its marks.
    Comment(Vec<u8>),
    /// Any other byte.
    Byte(u8),
    /// A builtin that `defn` gave.
    Builtin(Builtin),
}

/// A token that the input does not finish.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Unfinished {
    #[error("the quoted string that begins here has no end: a closing quote is missing")]
    Quoted(Whence),
    #[error("the comment that begins here has no end")]
    Comment(Whence),
}

impl Unfinished {
    /// Returns where it begins.
    pub(super) fn whence(&self) -> &Whence {
        match self {
            Self::Quoted(whence) | Self::Comment(whence) => whence,
        }
    }
}

/// The quotes and comment marks in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Marks {
    pub(super) quotes: (BString, BString),
    /// An empty first mark: there are no comments.
    pub(super) comment: (BString, BString),
}

impl Default for Marks {
    fn default() -> Self {
        Self { quotes: ("`".into(), "'".into()), comment: ("#".into(), "\n".into()) }
    }
}

impl Marks {
    /// Appends `text` in quotes.
    pub(super) fn quote(&self, text: &[u8], into: &mut Vec<u8>) {
        into.extend_from_slice(&self.quotes.0);
        into.extend_from_slice(text);
        into.extend_from_slice(&self.quotes.1);
    }

    /// Reads one token.
    pub(super) fn read(&self, input: &mut Input) -> Result<Token, Unfinished> {
        let byte = match input.peek() {
            Next::End => return Ok(Token::End),
            Next::Builtin(builtin) => {
                input.next();
                return Ok(Token::Builtin(builtin));
            }
            Next::Byte(byte) => byte,
        };
        if input.take(&self.comment.0) {
            return self.read_comment(input);
        }
        if byte.is_ascii_alphabetic() || byte == b'_' {
            let mut name = BString::default();
            input.take_name(&mut name);
            return Ok(Token::Word(name));
        }
        if input.take(&self.quotes.0) {
            return self.read_quoted(input);
        }
        input.next();
        Ok(Token::Byte(byte))
    }

    /// Tells whether the arguments of a call come next.
    pub(super) fn opens(&self, input: &mut Input) -> bool {
        input.peek() == Next::Byte(b'(') && !input.starts_with(&self.comment.0) && !input.starts_with(&self.quotes.0)
    }

    fn read_comment(&self, input: &mut Input) -> Result<Token, Unfinished> {
        let (start, mut text) = (input.whence().clone(), self.comment.0.to_vec());
        loop {
            if input.take(&self.comment.1) {
                text.extend_from_slice(&self.comment.1);
                return Ok(Token::Comment(text));
            }
            match input.next() {
                Next::Byte(byte) => text.push(byte),
                Next::Builtin(_) => {}
                Next::End => return Err(Unfinished::Comment(start)),
            }
        }
    }

    fn read_quoted(&self, input: &mut Input) -> Result<Token, Unfinished> {
        let (start, mut text) = (input.whence().clone(), Vec::new());
        let mut depth = 1_usize;
        loop {
            if input.take(&self.quotes.1) {
                depth -= 1;
                if depth == 0 {
                    return Ok(Token::Quoted(text));
                }
                text.extend_from_slice(&self.quotes.1);
            } else if input.take(&self.quotes.0) {
                depth += 1;
                text.extend_from_slice(&self.quotes.0);
            } else {
                match input.next() {
                    Next::Byte(byte) => text.push(byte),
                    Next::Builtin(_) => {}
                    Next::End => return Err(Unfinished::Quoted(start)),
                }
            }
        }
    }
}
