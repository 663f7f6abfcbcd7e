//! Options whose value is a set of words: PrivacyOptions, DontBlameSendmail, ResolverOptions.

use std::fmt;

/// Defines an enum of flags, the set of them, and the words that stand for them in a configuration file.
macro_rules! word_flags {
    (
        $(#[$flag_doc:meta])* flag $flag:ident;
        $(#[$set_doc:meta])* set $set:ident;
        { $( $(#[$doc:meta])* $variant:ident = $word:literal; )* }
        also { $( $also:literal => [$($part:ident),*]; )* }
    ) => {
        $(#[$flag_doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $flag { $( $(#[$doc])* $variant, )* }

        impl $flag {
            /// Every flag with its word, in the order they print.
            pub const ALL: &'static [(Self, &'static str)] = &[ $( (Self::$variant, $word), )* ];

            /// Every word that stands for flags.
            pub const WORDS: &'static [&'static str] = &[ $( $word, )* $( $also, )* ];

            /// Returns the flags that `word` stands for (case does not count), or `None` for an unknown word.
            pub fn named(word: &[u8]) -> Option<&'static [Self]> {
                $( if word.eq_ignore_ascii_case($also.as_bytes()) {
                    return Some(&[$(Self::$part),*]);
                } )*
                $( if word.eq_ignore_ascii_case($word.as_bytes()) {
                    return Some(&[Self::$variant]);
                } )*
                None
            }
        }

        $(#[$set_doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub struct $set(u64);

        impl $set {
            /// Tells whether `flag` is set.
            pub const fn has(self, flag: $flag) -> bool {
                self.0 & 1 << flag as u64 != 0
            }

            /// Sets `flag`.
            pub const fn insert(&mut self, flag: $flag) {
                self.0 |= 1 << flag as u64;
            }

            /// Clears `flag`.
            pub const fn remove(&mut self, flag: $flag) {
                self.0 &= !(1 << flag as u64);
            }
        }

        /// Writes the words, separated by commas.
        impl fmt::Display for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let words: Vec<_> =
                    $flag::ALL.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, word)| *word).collect();
                f.write_str(&words.join(","))
            }
        }
    };
}

word_flags! {
    /// A way of insisting on stricter adherence to SMTP, or of telling less (op guide, "PrivacyOptions").
    flag Privacy;
    /// The set of privacy flags.
    set PrivacyFlags;
    {
        /// HELO or EHLO before MAIL.
        NeedMailHelo = "needmailhelo";
        /// HELO or EHLO before EXPN.
        NeedExpnHelo = "needexpnhelo";
        /// HELO or EHLO before VRFY.
        NeedVrfyHelo = "needvrfyhelo";
        /// No EXPN.
        NoExpn = "noexpn";
        /// No VRFY.
        NoVrfy = "novrfy";
        /// mailq only for those in the group of the queue.
        RestrictMailq = "restrictmailq";
        /// -q only for root and the owner of the queue.
        RestrictQrun = "restrictqrun";
        /// -bv and -v without privileges.
        RestrictExpand = "restrictexpand";
        /// X-Authentication-Warning headers and log lines.
        AuthWarnings = "authwarnings";
        /// No VERB.
        NoVerb = "noverb";
        /// No ETRN.
        NoEtrn = "noetrn";
        /// No success reports, and no DSN at all.
        NoReceipts = "noreceipts";
        /// No body in reports.
        NoBodyReturn = "nobodyreturn";
        /// No X-Actual-Recipient in reports.
        NoActualRecipient = "noactualrecipient";
    }
    also {
        "public" => [];
        "noexpn" => [NoExpn, NoVerb];
        "goaway" => [NeedMailHelo, NeedExpnHelo, NeedVrfyHelo, NoExpn, NoVrfy, AuthWarnings, NoVerb];
    }
}

word_flags! {
    /// One check of files and directories that may be turned off (op guide, "DontBlameSendmail").
    flag Blame;
    /// The checks that are turned off.
    set BlameFlags;
    {
        /// chown is taken to be safe.
        AssumeSafeChown = "assumesafechown";
        /// Alias files may be group writable.
        GroupWritableAliasFile = "groupwritablealiasfile";
        /// Alias files may be world writable.
        WorldWritableAliasFile = "worldwritablealiasfile";
        /// Directories may be group writable.
        GroupWritableDirPathSafe = "groupwritabledirpathsafe";
        /// .forward files may be group writable.
        GroupWritableForwardFile = "groupwritableforwardfile";
        /// Group-writable .forward files may name programs and files.
        GroupWritableForwardFileSafe = "groupwritableforwardfilesafe";
        /// :include: files may be group writable.
        GroupWritableIncludeFile = "groupwritableincludefile";
        /// Group-writable :include: files may name programs and files.
        GroupWritableIncludeFileSafe = "groupwritableincludefilesafe";
        /// .forward files may be world writable.
        WorldWritableForwardFile = "worldwritableforwardfile";
        /// :include: files may be world writable.
        WorldWritableIncludeFile = "worldwritableincludefile";
        /// .forward files may lie below a group-writable directory.
        ForwardFileInGroupWritableDirPath = "forwardfileingroupwritabledirpath";
        /// :include: files may lie below a group-writable directory.
        IncludeFileInGroupWritableDirPath = "includefileingroupwritabledirpath";
        /// .forward files may lie below an unsafe directory.
        ForwardFileInUnsafeDirPath = "forwardfileinunsafedirpath";
        /// :include: files may lie below an unsafe directory.
        IncludeFileInUnsafeDirPath = "includefileinunsafedirpath";
        /// .forward files below an unsafe directory may name programs and files.
        ForwardFileInUnsafeDirPathSafe = "forwardfileinunsafedirpathsafe";
        /// :include: files below an unsafe directory may name programs and files.
        IncludeFileInUnsafeDirPathSafe = "includefileinunsafedirpathsafe";
        /// Maps may lie below an unsafe directory.
        MapInUnsafeDirPath = "mapinunsafedirpath";
        /// Class files may lie below an unsafe directory.
        ClassFileInUnsafeDirPath = "classfileinunsafedirpath";
        /// The error header file may lie below an unsafe directory.
        ErrorHeaderInUnsafeDirPath = "errorheaderinunsafedirpath";
        /// The help file may lie below an unsafe directory.
        HelpFileInUnsafeDirPath = "helpfileinunsafedirpath";
        /// Alias files may be links in a writable directory.
        LinkedAliasFileInWritableDir = "linkedaliasfileinwritabledir";
        /// Class files may be links in a writable directory.
        LinkedClassFileInWritableDir = "linkedclassfileinwritabledir";
        /// .forward files may be links in a writable directory.
        LinkedForwardFileInWritableDir = "linkedforwardfileinwritabledir";
        /// :include: files may be links in a writable directory.
        LinkedIncludeFileInWritableDir = "linkedincludefileinwritabledir";
        /// Maps may be links in a writable directory.
        LinkedMapInWritableDir = "linkedmapinwritabledir";
        /// The service switch may be a link in a writable directory.
        LinkedServiceSwitchFileInWritableDir = "linkedserviceswitchfileinwritabledir";
        /// Mail may be delivered to a file with several links.
        FileDeliveryToHardLink = "filedeliverytohardlink";
        /// Mail may be delivered to a symbolic link.
        FileDeliveryToSymLink = "filedeliverytosymlink";
        /// Maps may be written through hard links.
        WriteMapToHardLink = "writemaptohardlink";
        /// Maps may be written through symbolic links.
        WriteMapToSymLink = "writemaptosymlink";
        /// Statistics may be written through hard links.
        WriteStatsToHardLink = "writestatstohardlink";
        /// Statistics may be written through symbolic links.
        WriteStatsToSymLink = "writestatstosymlink";
        /// Programs that others may write are run.
        RunWritableProgram = "runwritableprogram";
        /// Programs below an unsafe directory are run.
        RunProgramInUnsafeDirPath = "runprograminunsafedirpath";
        /// Without root, programs and files are not marked unsafe.
        NonRootSafeAddr = "nonrootsafeaddr";
        /// The sticky bit makes a group- or world-writable directory safe.
        TrustStickyBit = "truststickybit";
        /// No warning about .forward files below an unsafe directory.
        DontWarnForwardFileInUnsafeDirPath = "dontwarnforwardfileinunsafedirpath";
        /// TLS may run with little entropy.
        InsufficientEntropy = "insufficiententropy";
        /// SASL passwords may be group readable.
        GroupReadableSaslDbFile = "groupreadablesasldbfile";
        /// SASL passwords may be group writable.
        GroupWritableSaslDbFile = "groupwritablesasldbfile";
        /// The file of DefaultAuthInfo may be group readable.
        GroupReadableDefaultAuthInfoFile = "groupreadabledefaultauthinfofile";
        /// TLS keys may be group readable.
        GroupReadableKeyFile = "groupreadablekeyfile";
    }
    also { "safe" => []; }
}

word_flags! {
    /// A property of DNS look-ups (op guide, "ResolverOptions").
    flag ResolverFlag;
    /// The set of resolver properties.
    set ResolverFlags;
    {
        /// Print what is asked.
        Debug = "debug";
        /// Authoritative answers only.
        AaOnly = "aaonly";
        /// TCP instead of UDP.
        UseVc = "usevc";
        /// The primary server only.
        Primary = "primary";
        /// Truncation does not matter.
        IgnTc = "igntc";
        /// Ask for recursion.
        Recurse = "recurse";
        /// Append the default domain to names without dots.
        DefNames = "defnames";
        /// Keep the TCP connection open.
        StayOpen = "stayopen";
        /// Search the parents of the domain.
        DnsSrch = "dnsrch";
        /// Ask for IPv6 addresses too.
        UseInet6 = "use_inet6";
        /// Do not match MX records while canonifying.
        HasWildcardMx = "HasWildcardMX";
        /// SERVFAIL for AAAA is no answer rather than a failure.
        WorkAroundBrokenAaaa = "WorkAroundBrokenAAAA";
    }
    also { "" => []; }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goaway_leaves_reports_and_local_restrictions_alone() {
        let mut flags = PrivacyFlags::default();
        for flag in Privacy::named(b"GoAway").expect("known") {
            flags.insert(*flag);
        }
        assert!(flags.has(Privacy::NoVrfy) && flags.has(Privacy::NoVerb));
        assert!(!flags.has(Privacy::NoReceipts) && !flags.has(Privacy::RestrictMailq));
    }

    #[test]
    fn sets_print_their_words() {
        let mut flags = ResolverFlags::default();
        flags.insert(ResolverFlag::DnsSrch);
        flags.insert(ResolverFlag::Recurse);
        flags.remove(ResolverFlag::DnsSrch);
        flags.insert(ResolverFlag::WorkAroundBrokenAaaa);
        assert_eq!(flags.to_string(), "recurse,WorkAroundBrokenAAAA");
    }

    #[test]
    fn unknown_words_are_none() {
        assert_eq!(Privacy::named(b"nonsense"), None);
        assert_eq!(Blame::named(b"safe"), Some(&[][..]));
    }
}
