//! Options as C's `getopt` reads them: clusters, values in the same or the next word, an end at the first other word.

use bstr::BString;

/// A command line that `getopt` would refuse.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadOption {
    /// A letter that is no option.
    #[error("illegal option -- {}", char::from(*.0))]
    Illegal(u8),
    /// An option at the end that needs a value.
    #[error("option requires an argument -- {}", char::from(*.0))]
    NoValue(u8),
}

/// An option and its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opt {
    /// The letter.
    pub letter: u8,
    /// The value; empty for options that have none.
    pub value: BString,
}

/// Walks over the words behind the program's name.
#[derive(Debug)]
pub struct Getopt<'a> {
    words: &'a [BString],
    /// What is left of a word of clustered letters.
    cluster: &'a [u8],
    letters: &'static str,
}

impl<'a> Getopt<'a> {
    /// Starts at the first word; `letters` are the options, each with a colon behind it that needs a value.
    pub fn new(words: &'a [BString], letters: &'static str) -> Self {
        Self { words, cluster: &[], letters }
    }

    /// Returns the words that are no options; complete when the walk has ended.
    pub fn rest(&self) -> &'a [BString] {
        self.words
    }

    /// Tells whether `letter` is an option, and whether it needs a value.
    fn needs_value(&self, letter: u8) -> Option<bool> {
        let at = self.letters.bytes().position(|known| known == letter && letter != b':')?;
        Some(self.letters.as_bytes().get(at + 1) == Some(&b':'))
    }

    /// Takes the next word if it begins options; one that begins with `--` ends them.
    fn next_word(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.words.split_first()?;
        match first.as_slice() {
            [b'-', b'-', ..] => {
                self.words = rest;
                None
            }
            [b'-', cluster @ ..] if !cluster.is_empty() => {
                self.words = rest;
                Some(cluster)
            }
            _ => None,
        }
    }
}

impl Iterator for Getopt<'_> {
    type Item = Result<Opt, BadOption>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cluster.is_empty() {
            self.cluster = self.next_word()?;
        }
        let (&letter, rest) = self.cluster.split_first()?;
        self.cluster = rest;
        Some(match self.needs_value(letter) {
            None => Err(BadOption::Illegal(letter)),
            Some(false) => Ok(Opt { letter, value: BString::default() }),
            Some(true) if !rest.is_empty() => {
                self.cluster = &[];
                Ok(Opt { letter, value: rest.into() })
            }
            Some(true) => match self.words.split_first() {
                Some((value, words)) => {
                    self.words = words;
                    Ok(Opt { letter, value: value.clone() })
                }
                None => Err(BadOption::NoValue(letter)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expected: &[&str], rest: &[&str]) {
        let words: Vec<BString> = words.iter().map(|word| BString::from(*word)).collect();
        let mut walk = Getopt::new(&words, "ab:c");
        let mut shown = Vec::new();
        for opt in walk.by_ref() {
            match opt {
                Ok(opt) if opt.value.is_empty() => shown.push(char::from(opt.letter).to_string()),
                Ok(opt) => shown.push(format!("{}={}", char::from(opt.letter), opt.value)),
                Err(error) => {
                    shown.push(error.to_string());
                    break;
                }
            }
        }
        assert_eq!(shown, expected);
        assert_eq!(walk.rest(), rest);
    }

    #[test]
    fn letters_cluster_and_values_follow() {
        check(&["-acb5", "-b", "6", "x", "-a"], &["a", "c", "b=5", "b=6"], &["x", "-a"]);
        check(&["-b", "-a", "--", "-c"], &["b=-a"], &["-c"]);
        check(&["-b=x"], &["b==x"], &[]);
        check(&["-", "-a"], &[], &["-", "-a"]);
        check(&["-b", ""], &["b"], &[]);
    }

    #[test]
    fn faults_are_told() {
        check(&["-z"], &["illegal option -- z"], &[]);
        check(&["-:"], &["illegal option -- :"], &[]);
        check(&["-ab"], &["a", "option requires an argument -- b"], &[]);
        check(&["-a", "--long", "-c"], &["a"], &["-c"]);
    }
}
