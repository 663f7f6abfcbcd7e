//! One case: a configuration and what is typed into test mode; and how a case is made small.

use std::fmt;

use bstr::{BString, ByteSlice};

/// How many lists of lines a case has.
const PARTS: usize = 5;

/// A configuration with its files, and the lines typed into test mode.
#[derive(Clone, Default)]
pub(super) struct Case {
    /// Arguments beside `-bt -C FILE`.
    pub(super) args: Vec<BString>,
    /// The lines of the configuration.
    pub(super) lines: Vec<BString>,
    /// Lines of the text file that maps, aliases and class files name.
    pub(super) words: Vec<BString>,
    /// Arguments with which makemap makes a database of them; none makes none.
    pub(super) tables: Vec<BString>,
    /// The lines of the session.
    pub(super) inputs: Vec<BString>,
}

impl Case {
    /// Returns lines as a text.
    pub(super) fn text(lines: &[BString]) -> Vec<u8> {
        lines.iter().flat_map(|line| [line.as_slice(), b"\n"]).collect::<Vec<_>>().concat()
    }

    /// Returns the list of parts number `part`.
    fn part(&mut self, part: usize) -> &mut Vec<BString> {
        match part {
            0 => &mut self.inputs,
            1 => &mut self.lines,
            2 => &mut self.words,
            3 => &mut self.tables,
            _ => &mut self.args,
        }
    }

    /// Returns the smallest case found that `differs` as this one does: lines go first, then bytes.
    pub(super) fn shrink(self, mut differs: impl FnMut(&Self) -> bool) -> Self {
        let mut best = self;
        loop {
            let size = best.size();
            for part in 0..PARTS {
                best = without_lines(best, part, &mut differs);
            }
            for part in 0..3 {
                best = with_shorter_lines(best, part, &mut differs);
            }
            if best.size() == size {
                return best;
            }
        }
    }

    fn size(&self) -> usize {
        [&self.args, &self.lines, &self.words, &self.tables, &self.inputs]
            .into_iter()
            .flatten()
            .map(|line| line.len() + 1)
            .sum()
    }
}

/// Leaves out lines of one part, in ever smaller groups.
fn without_lines(mut best: Case, part: usize, differs: &mut impl FnMut(&Case) -> bool) -> Case {
    let mut group = best.part(part).len();
    while group > 0 {
        let mut start = 0;
        while start < best.part(part).len() {
            let mut smaller = best.clone();
            let end = (start + group).min(smaller.part(part).len());
            smaller.part(part).drain(start..end);
            if differs(&smaller) {
                best = smaller;
            } else {
                start += group;
            }
        }
        group /= 2;
    }
    best
}

/// Leaves out bytes of the lines of one part, in ever smaller groups.
fn with_shorter_lines(mut best: Case, part: usize, differs: &mut impl FnMut(&Case) -> bool) -> Case {
    for line in 0..best.part(part).len() {
        let mut group = best.part(part)[line].len().div_ceil(2);
        while group > 0 {
            // The letter of a configuration line stays, else every case would end as a line that is none.
            let mut start = usize::from(part == 1);
            while start < best.part(part)[line].len() {
                let mut smaller = best.clone();
                let text = &mut smaller.part(part)[line];
                let end = (start + group).min(text.len());
                text.drain(start..end);
                if differs(&smaller) {
                    best = smaller;
                } else {
                    start += group;
                }
            }
            group /= 2;
        }
    }
    best
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, lines) in [
            ("arguments", &self.args),
            ("configuration", &self.lines),
            ("words", &self.words),
            ("makemap", &self.tables),
            ("typed", &self.inputs),
        ] {
            for line in lines.iter() {
                writeln!(f, "{name:>13}: {}", line.as_bstr().escape_ascii())?;
            }
        }
        Ok(())
    }
}
