//! What a call of `sendmail` is to do (`-b`).

/// Defines the modes with their letters.
macro_rules! modes {
    ($( $(#[$doc:meta])* $name:ident = $letter:literal; )*) => {
        /// A mode of operation.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        pub enum Mode {
            $( $(#[$doc])* $name, )*
            /// `-q` without `-b`: queue runs.
            QueueRun,
            /// `-Q` without `-b`: entries are quarantined or released.
            Quarantine,
        }

        impl Mode {
            /// Returns the mode of `-b` with this letter.
            pub const fn from_letter(letter: u8) -> Option<Self> {
                match letter {
                    $( $letter => Some(Self::$name), )*
                    _ => None,
                }
            }

            /// Returns the letter, the value of `${opMode}`.
            pub const fn letter(self) -> u8 {
                match self {
                    $( Self::$name => $letter, )*
                    Self::QueueRun | Self::Quarantine => b'q',
                }
            }
        }
    };
}

modes! {
    /// Deliver the message on standard input.
    #[default]
    Deliver = b'm';
    /// Speak SMTP on standard input and output.
    Smtp = b's';
    /// Read SMTP commands, answer only errors.
    BatchSmtp = b'S';
    /// Test addresses.
    Test = b't';
    /// Verify addresses.
    Verify = b'v';
    /// Print the queue.
    PrintQueue = b'p';
    /// Print the number of queue entries.
    CountQueue = b'P';
    /// Build the alias database.
    InitAliases = b'i';
    /// Print the status of hosts.
    HostStatus = b'h';
    /// Forget old status of hosts.
    PurgeHostStatus = b'H';
    /// Be the daemon, in the background.
    Daemon = b'd';
    /// Be the daemon, in the foreground.
    ForegroundDaemon = b'D';
    /// Deliver as the ARPANET once did.
    Arpanet = b'a';
    /// Check the configuration.
    CheckConfig = b'C';
    /// Print the names of options.
    OptionNames = b'O';
}

impl Mode {
    /// Tells whether the mode may read or write the client queue, the one thing that the set-group-id bit is for.
    pub const fn uses_client_queue(self) -> bool {
        !matches!(
            self,
            Self::Test
                | Self::Verify
                | Self::InitAliases
                | Self::OptionNames
                | Self::CheckConfig
                | Self::HostStatus
                | Self::PurgeHostStatus
        )
    }

    /// Tells whether users submit mail in this mode, for which submit.cf is made.
    pub const fn is_submission(self) -> bool {
        matches!(self, Self::Deliver | Self::Arpanet | Self::Smtp)
    }
}
