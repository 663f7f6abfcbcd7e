//! Scanning text into tokens (the original's prescan).

use super::mark::Mark;
use super::{Kind, QUOTE_MARK, Token, Tokens, needs_quote};
use crate::name::CSpace as _;

/// The most tokens an address may have; the original's MAXATOM.
pub const TOKENS_MAX: usize = 1000;
/// The longest token, in bytes; the original's MAXNAME.
pub const TOKEN_BYTES_MAX: usize = 256;
/// No byte is taken once an address has so many, with one for the end of each token; the original's PSBUFSIZE less 5.
const BYTES_MAX: usize = TOKENS_MAX + TOKEN_BYTES_MAX - 5;

/// The room that nearly all addresses and what rules make of them are content with, in tokens: no allocation needs to grow
/// while it goes from hand to hand.
pub(crate) const TOKENS_USUAL: usize = 32;
/// The room that most tokens are content with, in bytes.
const TOKEN_BYTES_USUAL: usize = 32;

/// What a byte becomes that could be taken for the quote of marks.
const DELETE: u8 = 0x7f;
/// Operators that no configuration can take away (op guide "OperatorChars").
const ALWAYS_OPERATORS: &[u8] = b"()<>,;";
/// The operators of a configuration that sets none.
const DEFAULT_OPERATORS: &[u8] = b".:@[]";

/// What is wrong with the syntax of an address; the scan goes on as far as it can.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScanError {
    /// A quote that does not end.
    #[error("Unbalanced '\"'")]
    Quote,
    /// A comment that does not end.
    #[error("Unbalanced '('")]
    CommentOpen,
    /// A comment that does not begin.
    #[error("Unbalanced ')'")]
    CommentClose,
    /// A `<` without `>`.
    #[error("Unbalanced '<'")]
    AngleOpen,
    /// A `>` without `<`.
    #[error("Unbalanced '>'")]
    AngleClose,
    /// More text than an address may have; there are no tokens.
    #[error("Address too long")]
    TooLong,
    /// More tokens than an address may have; there are no tokens.
    #[error("prescan: too many tokens")]
    TooManyTokens,
    /// A token that is too long; there are no tokens.
    #[error("prescan: token too long")]
    TokenTooLong,
}

/// What becomes of comments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comments {
    /// They end at `(` and are taken out: real addresses.
    Strip,
    /// Parentheses are operators.
    Keep,
    /// As in the rules of this configuration: its level decides.
    AsInRules,
}

/// Which characters are operators and what joins two atoms; both from the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScanRules {
    operators: [bool; 256],
    /// Which bytes have no meaning but to be part of an atom.
    plain: [bool; 256],
    /// The character that goes between two neighbouring atoms in text (option `BlankSub`).
    pub blank_sub: u8,
    /// Whether rules have comments in parentheses.
    pub has_comments: bool,
}

impl Default for ScanRules {
    fn default() -> Self {
        Self::new(DEFAULT_OPERATORS, b' ')
    }
}

impl ScanRules {
    /// Returns the rules for these operators; those that are always operators need not be among them.
    pub fn new(operators: &[u8], blank_sub: u8) -> Self {
        let mut rules = Self { operators: [false; 256], plain: [false; 256], blank_sub, has_comments: false };
        let has_meaning = |byte: u8| byte.is_c_space() || matches!(byte, b'"' | b'\\');
        for &byte in operators.iter().chain(ALWAYS_OPERATORS) {
            rules.operators[usize::from(byte)] = !has_meaning(byte);
        }
        for byte in (0..0x80).filter(|byte| !has_meaning(*byte)) {
            rules.plain[usize::from(byte)] = !rules.operators[usize::from(byte)];
        }
        rules
    }

    /// Returns the token `text`; how it joins with others is told by its first byte.
    pub(crate) fn token(&self, text: &[u8]) -> Token {
        let kind = match text.first() {
            Some(b'"') => Kind::Quoted,
            Some(byte) if self.is_operator(*byte) => Kind::Operator,
            // What looks like a mark joins like one; white space is there where a name has lost its quotes.
            Some(0x80..0xa0) => Kind::Operator,
            Some(byte) if byte.is_c_space() => Kind::Operator,
            _ => Kind::Atom,
        };
        Token::new(kind, text)
    }

    /// Tells whether `byte` is a token of its own.
    pub fn is_operator(&self, byte: u8) -> bool {
        self.operators[usize::from(byte)]
    }
}

/// How to scan one text.
#[derive(Clone, Copy, Debug)]
pub struct ScanOptions {
    /// The character that ends the address outside quotes and brackets.
    pub delimiter: Option<u8>,
    /// What becomes of comments.
    pub comments: Comments,
    /// The text is in internal form: marks are marks.
    pub marks: bool,
    /// Angle brackets and quotes that do not balance are completed and told.
    pub balance: bool,
    /// Bytes that the rules use for themselves are tokens of their own with byte 127 before them, without a meaning.
    pub codes_apart: bool,
    /// No byte is taken once there are so many, with one for the end of each token.
    pub bytes_max: usize,
}

impl ScanOptions {
    /// A real address, as in SMTP and headers; also a value that a macro gives at run time.
    pub const ADDRESS: Self = Self {
        delimiter: None,
        comments: Comments::Strip,
        marks: false,
        balance: true,
        codes_apart: false,
        bytes_max: BYTES_MAX,
    };
    /// What look-ups and macros give in internal form.
    pub const VALUE: Self = Self { marks: true, ..Self::ADDRESS };
    /// A side of a rule, in internal form.
    pub const RULE: Self = Self { comments: Comments::AsInRules, balance: false, bytes_max: usize::MAX, ..Self::VALUE };
    /// An address as test mode takes it.
    pub const TYPED: Self = Self { comments: Comments::AsInRules, ..Self::ADDRESS };
}

impl Comments {
    /// Returns how the argument of a check is scanned: where comments are kept, nothing is completed, as in rules.
    pub fn of_argument(self) -> ScanOptions {
        ScanOptions { comments: self, balance: self != Self::Keep, codes_apart: true, ..ScanOptions::ADDRESS }
    }
}

/// What a scan gives.
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// The tokens; none where the text is too long.
    pub tokens: Option<Tokens>,
    /// How many bytes were read; at the delimiter if that ended the scan.
    pub end: usize,
    /// What was wrong, in the order it was found.
    pub errors: Vec<ScanError>,
}

/// Scans `text` into tokens; what is unbalanced is completed and reported.
pub fn scan(text: &[u8], rules: &ScanRules, options: ScanOptions) -> Scanned {
    let mut scanner = Scanner {
        text,
        rules,
        options,
        at: 0,
        token: Vec::with_capacity(TOKEN_BYTES_USUAL),
        state: State::Atom,
        angles: 0,
        comments: 0,
        escapes: false,
        route: false,
        tokens: Vec::with_capacity(TOKENS_USUAL),
        bytes: 0,
        errors: Vec::new(),
    };
    let outcome = scanner.run();
    let Scanner { at, tokens, mut errors, .. } = scanner;
    let tokens = match outcome {
        Ok(()) => Some(Tokens::from(tokens)),
        Err(error) => {
            errors.push(error);
            None
        }
    };
    Scanned { tokens, end: at, errors }
}

/// What the token under construction is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    /// A complete operator or quoted string: whatever follows is a new token.
    Closed,
    Atom,
    Quoted,
    Space,
    /// Byte 255 or a mark with a name of one character: the next byte belongs to it, whatever it is.
    Protecting,
}

/// One scan.
struct Scanner<'a> {
    text: &'a [u8],
    rules: &'a ScanRules,
    options: ScanOptions,
    at: usize,
    token: Vec<u8>,
    state: State,
    angles: u32,
    comments: u32,
    /// A backslash stands before the next byte.
    escapes: bool,
    /// Inside `<@`: commas belong to the route.
    route: bool,
    tokens: Vec<Token>,
    bytes: usize,
    errors: Vec<ScanError>,
}

impl Scanner<'_> {
    /// Reads to the end of the text or to the delimiter.
    fn run(&mut self) -> Result<(), ScanError> {
        loop {
            self.take_plain()?;
            let Some((byte, taken)) = self.next_byte() else { break };
            self.at += taken;
            if std::mem::take(&mut self.escapes) {
                self.escaped(byte)?;
            } else if byte == b'\\' {
                self.backslash()?;
            } else {
                self.special(byte)?;
            }
        }
        self.finish_token()
    }

    /// Takes bytes without a meaning into an atom all at once; nearly all of an address are such.
    fn take_plain(&mut self) -> Result<(), ScanError> {
        let is_open = self.comments == 0 && !self.escapes && !matches!(self.state, State::Quoted | State::Protecting);
        if !is_open {
            return Ok(());
        }
        let is_plain = |byte: &&u8| self.rules.plain[usize::from(**byte)] && self.options.delimiter != Some(**byte);
        let len = self.text[self.at..].iter().take_while(is_plain).count();
        if len == 0 {
            return Ok(());
        }
        if self.state != State::Atom {
            self.finish_token()?;
            self.state = State::Atom;
        }
        self.check_room(self.token.len() + len - 1)?;
        self.token.extend_from_slice(&self.text[self.at..self.at + len]);
        self.at += len;
        Ok(())
    }

    /// Returns the byte at hand and how many bytes of the text it takes; none, if one is supplied to close what is open.
    fn next_byte(&mut self) -> Option<(u8, usize)> {
        let is_plain = self.comments == 0 && self.state != State::Quoted;
        match self.text.get(self.at) {
            Some(&byte) if self.options.delimiter == Some(byte) && is_plain => {
                // QUIRK(backslash-delimiter): a backslash does not protect the delimiter; it is dropped.
                if self.angles == 0 {
                    return None;
                }
                if byte != b',' || self.route || !self.options.balance {
                    return Some((byte, 1));
                }
            }
            Some(&byte) => return Some((byte, 1)),
            None => {}
        }
        let (error, byte) = match () {
            // QUIRK(open-quote-in-rule): in rules nothing is completed.
            () if !self.options.balance => return None,
            () if self.state == State::Quoted => (ScanError::Quote, b'"'),
            () if self.comments > 0 => (ScanError::CommentOpen, b')'),
            () if self.angles > 0 => (ScanError::AngleOpen, b'>'),
            () => return None,
        };
        self.errors.push(error);
        Some((byte, 0))
    }

    /// Takes a backslash, outside quotes as a part of an atom.
    fn backslash(&mut self) -> Result<(), ScanError> {
        self.escapes = true;
        match self.state {
            State::Protecting => self.state = State::Closed,
            State::Closed | State::Space if self.comments == 0 => {
                self.finish_token()?;
                self.state = State::Atom;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the byte that a backslash protects; outside quotes the backslash stays too, but for `\!`.
    // QUIRK(backslash-at-the-end): it protects what is supplied to close a quote or bracket, which is told twice.
    fn escaped(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.comments > 0 {
            return Ok(());
        }
        if byte == b'!' && self.state != State::Quoted {
            return self.special(byte);
        }
        self.take(b'\\')?;
        self.take(byte)
    }

    /// Handles the characters that nest, then takes the byte into a token.
    fn special(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.state == State::Quoted {
            self.take(byte)?;
            if byte == b'"' {
                self.state = State::Closed;
            }
            return Ok(());
        }
        let strips = match self.options.comments {
            Comments::Strip => true,
            Comments::Keep => false,
            Comments::AsInRules => self.rules.has_comments,
        };
        match byte {
            b'(' if strips => {
                self.comments += 1;
                return Ok(());
            }
            b')' if strips => return self.close_comment(),
            _ if self.comments > 0 => return Ok(()),
            b'<' => {
                self.angles += 1;
                self.route |= self.text[self.at..].iter().find(|byte| !byte.is_c_space()) == Some(&b'@');
            }
            b'>' => {
                self.route = false;
                if self.angles == 0 && self.options.balance {
                    self.errors.push(ScanError::AngleClose);
                    return Ok(());
                }
                self.angles = self.angles.saturating_sub(1);
            }
            _ => {}
        }
        self.put(byte)
    }

    /// Ends a comment; it parts tokens as a space does.
    fn close_comment(&mut self) -> Result<(), ScanError> {
        if self.comments == 0 && self.options.balance {
            self.errors.push(ScanError::CommentClose);
            return Ok(());
        }
        self.comments = self.comments.saturating_sub(1);
        if self.state == State::Protecting {
            return self.put(b')');
        }
        self.finish_token()?;
        self.state = State::Space;
        Ok(())
    }

    /// Adds a byte to the token under construction.
    fn take(&mut self, byte: u8) -> Result<(), ScanError> {
        self.check_room(self.token.len())?;
        if self.options.codes_apart && needs_quote(byte) {
            self.token.push(DELETE);
        }
        // QUIRK(byte-255): in an address it becomes 127.
        self.token.push(if byte == QUOTE_MARK { DELETE } else { byte });
        Ok(())
    }

    /// Refuses one more byte of a token that has so many already, if there is no room.
    fn check_room(&self, token_bytes: usize) -> Result<(), ScanError> {
        if self.bytes + token_bytes >= self.options.bytes_max { Err(ScanError::TooLong) } else { Ok(()) }
    }

    /// Takes one byte outside quotes into the token it belongs to.
    fn put(&mut self, byte: u8) -> Result<(), ScanError> {
        if self.state == State::Protecting {
            self.state = State::Closed;
            return self.take(byte);
        }
        let is_typed = self.options.comments == Comments::AsInRules && !self.rules.has_comments;
        if byte == QUOTE_MARK && (self.options.marks || is_typed) {
            // QUIRK(quoted-mark): byte 255 and what it protects are a token of their own.
            self.finish_token()?;
            self.take(byte)?;
            self.state = State::Protecting;
            return Ok(());
        }
        if self.options.marks && (0x80..0xa0).contains(&byte) {
            return self.mark();
        }
        let next = match byte {
            _ if byte.is_c_space() => State::Space,
            b'"' => State::Quoted,
            0x80..0xa0 | QUOTE_MARK if self.options.codes_apart => State::Closed,
            _ if self.rules.is_operator(byte) => State::Closed,
            _ => State::Atom,
        };
        if next != State::Atom || self.state != State::Atom {
            self.finish_token()?;
        }
        self.state = next;
        if next == State::Space {
            return Ok(());
        }
        self.take(byte)
    }

    /// Begins the token of a mark, of which the code has been read.
    fn mark(&mut self) -> Result<(), ScanError> {
        self.finish_token()?;
        let text = &self.text[self.at - 1..];
        self.state = State::Closed;
        match Mark::split(text) {
            // A bracket is one, also where it is a name.
            Some((_, 2)) => self.state = State::Protecting,
            // The original has one byte for a name in braces.
            Some((mark, taken @ 3..)) => {
                self.at += taken - 1;
                return self.add(mark.into(), 2);
            }
            _ => {}
        }
        self.take(text[0])
    }

    /// Ends the token under construction, if there is one.
    fn finish_token(&mut self) -> Result<(), ScanError> {
        if self.token.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.token);
        let mark = if self.options.marks { Mark::split(&text) } else { None };
        let token = mark.map_or_else(|| self.rules.token(&text), |(mark, _)| mark.into());
        self.add(token, text.len())?;
        self.token = text;
        self.token.clear();
        Ok(())
    }

    /// Adds a token within the limits; there must be room for its end.
    fn add(&mut self, token: Token, bytes: usize) -> Result<(), ScanError> {
        self.check_room(bytes)?;
        self.bytes += bytes + 1;
        if self.tokens.len() >= TOKENS_MAX {
            return Err(ScanError::TooManyTokens);
        }
        if bytes > TOKEN_BYTES_MAX {
            return Err(ScanError::TokenTooLong);
        }
        self.tokens.push(token);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
