//! Options whose value is one of a few words, told by their first letter.

use std::fmt;

/// Defines an enum of alternatives with the letter and the word of each.
macro_rules! choice {
    ($(#[$enum_doc:meta])* $name:ident { $( $(#[$doc:meta])* $variant:ident = $letter:literal $word:literal; )* }) => {
        $(#[$enum_doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub enum $name { $( $(#[$doc])* $variant, )* }

        impl $name {
            /// Returns the alternative whose letter (case does not count) is `letter`.
            pub fn from_letter(letter: u8) -> Option<Self> {
                match letter.to_ascii_lowercase() {
                    $( $letter => Some(Self::$variant), )*
                    _ => None,
                }
            }

            /// Returns the letter.
            pub const fn letter(self) -> u8 {
                match self { $( Self::$variant => $letter, )* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $( Self::$variant => $word, )* })
            }
        }
    };
}

choice! {
    /// When an accepted message is delivered (op guide, "DeliveryMode").
    DeliveryMode {
        /// Before the answer is given.
        Interactive = b'i' "interactive";
        /// At once, beside the session.
        #[default]
        Background = b'b' "background";
        /// At the next queue run.
        Queue = b'q' "queueonly";
        /// At the next queue run, map look-ups too.
        Defer = b'd' "deferred";
    }
}

choice! {
    /// What is done with 8-bit data that are not declared as such (op guide, "EightBitMode").
    EightBitMode {
        /// Pass them as they are.
        #[default]
        Pass = b'p' "pass8";
        /// Convert them to MIME.
        Mime = b'm' "mimefy";
        /// Refuse them.
        Strict = b's' "strict";
    }
}

choice! {
    /// How errors are told (op guide, "ErrorMode").
    ErrorMode {
        /// On the terminal.
        #[default]
        Print = b'p' "print";
        /// By the exit status only.
        Quiet = b'q' "quiet";
        /// By mail.
        Mail = b'm' "mail";
        /// On the terminal, by mail if the user is not logged in.
        Write = b'w' "write";
        /// By mail, and the exit status is always zero.
        MailAndSucceed = b'e' "berknet";
    }
}

choice! {
    /// What happens to a message without recipient headers (op guide, "NoRecipientAction").
    NoRecipientAction {
        /// Nothing.
        #[default]
        Nothing = b'n' "none";
        /// A `To:` with the recipients of the envelope.
        AddTo = b't' "add-to";
        /// An `Apparently-To:`.
        AddApparentlyTo = b'a' "add-apparently-to";
        /// An empty `Bcc:`.
        AddBcc = b'b' "add-bcc";
        /// `To: undisclosed-recipients:;`.
        AddToUndisclosed = b'u' "add-to-undisclosed";
    }
}

choice! {
    /// In which order a queue run takes its entries (op guide, "QueueSortOrder").
    QueueSortOrder {
        /// By the host of the first recipient.
        Host = b'h' "host";
        /// By priority.
        #[default]
        Priority = b'p' "priority";
        /// By the time of submission.
        Time = b't' "time";
        /// By the name of the file.
        FileName = b'f' "filename";
        /// By the time of the last change.
        ModificationTime = b'm' "modification";
        /// At random.
        Random = b'r' "random";
        /// By the name of the host, shuffled.
        Shuffle = b's' "shuffle";
        /// As the directory has them.
        Nothing = b'n' "none";
    }
}

choice! {
    /// When queue files reach the disk (op guide, "SuperSafe").
    SuperSafe {
        /// Not necessarily.
        No = b'f' "false";
        /// Before the answer is given.
        #[default]
        Always = b't' "true";
        /// As `Always`, without double synchronisation of interactive deliveries.
        Interactive = b'i' "interactive";
        /// As `Always`, but not before the milters have agreed.
        PostMilter = b'p' "postmilter";
    }
}

choice! {
    /// Which interfaces are asked for names of this host (op guide, "DontProbeInterfaces").
    DontProbe {
        /// All are asked.
        #[default]
        Nothing = b'f' "false";
        /// None is asked.
        All = b't' "true";
        /// All but the loopback ones are asked.
        Loopback = b'l' "loopback";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_choose_without_regard_to_case() {
        assert_eq!(DeliveryMode::from_letter(b'Q'), Some(DeliveryMode::Queue));
        assert_eq!(DeliveryMode::from_letter(b'x'), None);
        assert_eq!(QueueSortOrder::default().to_string(), "priority");
        assert_eq!(ErrorMode::MailAndSucceed.letter(), b'e');
    }
}
