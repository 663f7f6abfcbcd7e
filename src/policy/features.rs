//! What a session offers and how strict it is: options, the port's flags, ruleset srv_features.

use bstr::{BString, ByteSlice};

use crate::cf::{DaemonPort, Options, Privacy};
use crate::mail::token::{Mark, Token};
use crate::smtp::server::{Bare, Features, LineRules};

/// What srv_features may change in a session.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerFeatures {
    /// What EHLO offers.
    pub offered: Features,
    /// How strictly line ends are judged.
    pub line_rules: LineRules,
    /// Whether a client may talk before the replies to HELO, EHLO and DATA.
    pub early_talk_allowed: bool,
}

impl ServerFeatures {
    /// Returns what options and the port's flags say.
    pub fn new(options: &Options, port: Option<&DaemonPort>) -> Self {
        let privacy = options.privacy;
        let etrn =
            !privacy.has(Privacy::NoEtrn) && !options.use_msp && port.is_none_or(|port| !port.flags.contains(b'E'));
        let offered = Features {
            pipelining: true,
            expn: !privacy.has(Privacy::NoExpn),
            verb: !privacy.has(Privacy::NoVerb),
            dsn: options.send_mime_errors && !privacy.has(Privacy::NoReceipts),
            etrn,
            auth: BString::default(),
            start_tls: false,
            deliver_by_min_secs: options.deliver_by_min.map(|min| i64::try_from(min.as_secs()).unwrap_or(i64::MAX)),
        };
        Self { offered, line_rules: LineRules::default(), early_talk_allowed: false }
    }

    /// Applies what srv_features returned: `$#` and letters, each its own token, some with a digit.
    ///
    /// Returns false if the answer cannot be had now (`$# temp`).
    pub fn apply(&mut self, tokens: &[Token]) -> bool {
        let [net, letters @ ..] = tokens else { return true };
        if !net.is(&Mark::Net) {
            return true;
        }
        if letters.first().is_some_and(|token| token.is_text(b"temp")) {
            return false;
        }
        for (_, word) in letters.iter().filter_map(Token::text) {
            for word in word.fields() {
                self.apply_word(word);
            }
        }
        true
    }

    fn apply_word(&mut self, word: &[u8]) {
        let spaces = word.get(1) == Some(&b'2');
        let bare = |on: bool| {
            if spaces {
                Bare::Space
            } else if on {
                Bare::Accept
            } else {
                Bare::Refuse
            }
        };
        let Some(&letter) = word.first() else { return };
        let on = letter.is_ascii_lowercase();
        match letter.to_ascii_lowercase() {
            b'b' => self.offered.verb = on,
            b'd' => self.offered.dsn = on,
            b'e' => self.offered.etrn = on,
            b'p' => self.offered.pipelining = on,
            b'x' => self.offered.expn = on,
            // The checks of line ends are on by default, and capitals turn them off.
            b'f' => self.early_talk_allowed = !on,
            b'g' => self.line_rules.bare_lf = bare(!on),
            b'o' => self.line_rules.loose_end = !on,
            b'u' => self.line_rules.bare_cr = bare(!on),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(words: &[&str]) -> (bool, ServerFeatures) {
        let mut features = ServerFeatures::new(&Options::default(), None);
        let tokens: Vec<Token> = std::iter::once(Mark::Net.into()).chain(words.iter().map(Token::atom)).collect();
        (features.apply(&tokens), features)
    }

    #[test]
    fn letters_turn_features_off_and_on() {
        let (known, features) = applied(&["X", "E", "P", "d"]);
        assert!(known && !features.offered.expn && !features.offered.etrn && !features.offered.pipelining);
        assert!(features.offered.dsn);
        assert!(!applied(&["temp"]).0);
    }

    #[test]
    fn capitals_turn_the_checks_of_line_ends_off() {
        let (_, features) = applied(&["U", "g2", "O", "F"]);
        let expected = LineRules { bare_cr: Bare::Accept, bare_lf: Bare::Space, loose_end: true };
        assert_eq!((features.line_rules, features.early_talk_allowed), (expected, true));
        assert_eq!(applied(&["u", "g"]).1.line_rules, LineRules::default());
    }

    #[test]
    fn a_port_with_flag_e_offers_no_etrn() {
        let mut problems = Vec::new();
        let port = DaemonPort::parse(b"Name=MSA, M=E", true, &mut problems);
        assert!(!ServerFeatures::new(&Options::default(), Some(&port)).offered.etrn);
    }
}
