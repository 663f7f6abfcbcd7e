//! The input: a stack of texts, of which the top one is read first; expansions are pushed back onto it.

use std::rc::Rc;

use bstr::{BString, ByteSlice};

use super::builtin::Builtin;
use super::message::{Place, Whence};

/// One text, or one builtin that `defn` gave.
#[derive(Debug)]
enum Block {
    /// Bytes of a file, or of an expansion, which stays on the line it was made on.
    Text { bytes: Vec<u8>, at: usize, whence: Whence, kind: Kind, line_ended: bool },
    /// A builtin that is no text.
    Builtin(Builtin, Whence),
}

/// What a text is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// A file whose lines are causes.
    Source,
    /// A file that is read because of something else.
    Library,
    /// What a macro stands for.
    Expansion,
}

/// What comes next in the input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// A byte.
    Byte(u8),
    /// A builtin.
    Builtin(Builtin),
    /// Nothing.
    End,
}

/// The stack of texts.
#[derive(Debug)]
pub(super) struct Input {
    blocks: Vec<Block>,
    /// What `m4wrap` keeps for the end; the last is read first.
    wrapped: Vec<Block>,
    /// Where the last byte was read.
    whence: Whence,
    /// Bytes pushed since a byte of a file was last read.
    pushed_bytes: usize,
}

impl Input {
    pub(super) fn new() -> Self {
        let place = Place { file: Rc::default(), line: 0 };
        let whence = Whence { place, cause: None };
        Self { blocks: Vec::new(), wrapped: Vec::new(), whence, pushed_bytes: 0 }
    }

    /// Returns where the last byte was read.
    pub(super) fn whence(&self) -> &Whence {
        &self.whence
    }

    /// Returns how many files are open within one another.
    pub(super) fn files_open(&self) -> usize {
        self.blocks
            .iter()
            .filter(|block| matches!(block, Block::Text { kind: Kind::Source | Kind::Library, .. }))
            .count()
    }

    /// Tells whether a source file is read that has not ended: its lines are the causes of everything then.
    pub(super) fn is_within_source(&self) -> bool {
        matches!(self.blocks.first(), Some(Block::Text { kind: Kind::Source, .. }))
    }

    /// Returns how many bytes expansions have pushed since a byte of a file was last read.
    pub(super) fn pushed_bytes(&self) -> usize {
        self.pushed_bytes
    }

    /// Counts an expansion against the limit of [`Self::pushed_bytes`].
    pub(super) fn count(&mut self, bytes: usize) {
        self.pushed_bytes = self.pushed_bytes.saturating_add(bytes);
    }

    /// Reads the text of a source file next.
    pub(super) fn push_source(&mut self, name: &[u8], bytes: Vec<u8>) {
        let place = Place { file: Rc::new(name.into()), line: 1 };
        let whence = Whence { cause: Some(place.clone()), place };
        self.blocks.push(Block::Text { bytes, at: 0, whence, kind: Kind::Source, line_ended: false });
    }

    /// Reads the text of a file next, which is there for `cause`.
    pub(super) fn push_file(&mut self, name: &[u8], bytes: Vec<u8>, cause: Option<Place>) {
        let whence = Whence { place: Place { file: Rc::new(name.into()), line: 1 }, cause };
        self.blocks.push(Block::Text { bytes, at: 0, whence, kind: Kind::Library, line_ended: false });
    }

    /// Reads `bytes` next, as text of the line that is read now.
    pub(super) fn push(&mut self, bytes: Vec<u8>) {
        self.push_for(bytes, self.whence.cause.clone());
    }

    /// Reads `bytes` next, as text of the line that is read now, which is there for `cause`.
    pub(super) fn push_for(&mut self, bytes: Vec<u8>, cause: Option<Place>) {
        self.count(bytes.len());
        if !bytes.is_empty() {
            let whence = Whence { place: self.whence.place.clone(), cause };
            self.blocks.push(Block::Text { bytes, at: 0, whence, kind: Kind::Expansion, line_ended: false });
        }
    }

    /// Reads a builtin next.
    pub(super) fn push_builtin(&mut self, builtin: Builtin) {
        self.blocks.push(Block::Builtin(builtin, self.whence.clone()));
    }

    /// Keeps `bytes` until the input has ended.
    pub(super) fn wrap(&mut self, bytes: Vec<u8>) {
        let whence = self.whence.clone();
        self.wrapped.push(Block::Text { bytes, at: 0, whence, kind: Kind::Expansion, line_ended: false });
    }

    /// Goes on with what `m4wrap` kept; tells whether there was any.
    pub(super) fn unwrap_kept(&mut self) -> bool {
        self.blocks = std::mem::take(&mut self.wrapped);
        !self.blocks.is_empty()
    }

    /// Forgets everything that is still to be read.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        self.wrapped.clear();
    }

    /// Returns what comes next, without reading it.
    pub(super) fn peek(&mut self) -> Next {
        loop {
            match self.blocks.last() {
                None => return Next::End,
                Some(Block::Builtin(builtin, _)) => return Next::Builtin(*builtin),
                Some(Block::Text { bytes, at, .. }) => match bytes.get(*at) {
                    Some(byte) => return Next::Byte(*byte),
                    None => self.leave(),
                },
            }
        }
    }

    /// Drops the top text, which is read; the place is then that of the text below.
    fn leave(&mut self) {
        self.blocks.pop();
        match self.blocks.last() {
            Some(Block::Text { whence, .. } | Block::Builtin(_, whence)) => self.whence = whence.clone(),
            None => {}
        }
    }

    /// Reads one byte or builtin.
    pub(super) fn next(&mut self) -> Next {
        let next = self.peek();
        match self.blocks.last_mut() {
            None => {}
            Some(Block::Builtin(..)) => self.leave(),
            Some(Block::Text { bytes, at, whence, kind, line_ended }) => {
                if *kind != Kind::Expansion {
                    if std::mem::replace(line_ended, bytes[*at] == b'\n') {
                        whence.place.line += 1;
                    }
                    self.pushed_bytes = 0;
                }
                if *kind == Kind::Source {
                    whence.cause = Some(whence.place.clone());
                }
                *at += 1;
                if self.whence != *whence {
                    self.whence = whence.clone();
                }
            }
        }
        next
    }

    /// Tells whether `text` comes next; a text may go on in the one below.
    pub(super) fn starts_with(&mut self, text: &[u8]) -> bool {
        let Some((first, rest)) = text.split_first() else { return false };
        if self.peek() != Next::Byte(*first) {
            return false;
        }
        let mut wanted = rest;
        let mut offset = 1;
        for block in self.blocks.iter().rev() {
            let Block::Text { bytes, at, .. } = block else { return wanted.is_empty() };
            let here = &bytes[(*at + offset).min(bytes.len())..];
            let length = here.len().min(wanted.len());
            if here[..length] != wanted[..length] {
                return false;
            }
            wanted = &wanted[length..];
            offset = 0;
            if wanted.is_empty() {
                return true;
            }
        }
        wanted.is_empty()
    }

    /// Reads `text` if it comes next; tells whether it did.
    pub(super) fn take(&mut self, text: &[u8]) -> bool {
        let comes = self.starts_with(text);
        if comes {
            text.iter().for_each(|_| {
                self.next();
            });
        }
        comes
    }

    /// Reads the rest of the line; tells whether it had an end.
    pub(super) fn skip_line(&mut self) -> bool {
        loop {
            match self.next() {
                Next::Byte(b'\n') => return true,
                Next::End => return false,
                _ => {}
            }
        }
    }

    /// Reads the bytes of a name that go on from here.
    pub(super) fn take_name(&mut self, into: &mut BString) {
        while let Next::Byte(byte) = self.peek() {
            if !(byte.is_ascii_alphanumeric() || byte == b'_') {
                return;
            }
            self.next();
            into.push(byte);
        }
    }
}

/// Returns the name of a file as text for messages.
pub(super) fn shown(name: &[u8]) -> String {
    name.as_bstr().to_string()
}
