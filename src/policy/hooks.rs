//! The rulesets that the program asks by their names, and what each of them judges (op guide "Required Rulesets",
//! cf README "ANTI-SPAM CONFIGURATION CONTROL"); some of those about peers are reserved for TLS and AUTH.

/// What a ruleset judges.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subject {
    /// Who connects.
    Client,
    /// Who sends.
    Sender,
    /// A recipient.
    Recipient,
    /// A message as a whole.
    Message,
    /// A command that has nothing to do with a message.
    Command,
    /// The other end of an encrypted or authenticated connection.
    Peer,
    /// Which queue group a recipient waits in.
    Queue,
}

/// Defines the hooks, each with the name of its ruleset and what that judges.
macro_rules! hooks {
    ($($(#[$doc:meta])* $hook:ident = $name:literal, $subject:ident;)*) => {
        /// A ruleset that the program asks by its name.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Hook {
            $($(#[$doc])* $hook,)*
        }

        impl Hook {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$hook),*];

            /// Returns the name of the ruleset, in small letters.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$hook => $name,)*
                }
            }

            /// Returns what the ruleset judges.
            pub const fn subject(self) -> Subject {
                match self {
                    $(Self::$hook => Subject::$subject,)*
                }
            }
        }
    };
}

hooks! {
    /// What a session offers.
    SrvFeatures = "srv_features", Client;
    /// How long the greeting is held back.
    GreetPause = "greet_pause", Client;
    /// Who may connect.
    CheckRelay = "check_relay", Client;
    /// Who may send.
    CheckMail = "check_mail", Sender;
    /// Who may be sent to.
    CheckRcpt = "check_rcpt", Recipient;
    /// Who may send to whom, asked at delivery.
    CheckCompat = "check_compat", Recipient;
    /// Before a message comes.
    CheckData = "check_data", Message;
    /// After the header.
    CheckEoh = "check_eoh", Message;
    /// After the message.
    CheckEom = "check_eom", Message;
    /// VRFY.
    CheckVrfy = "check_vrfy", Command;
    /// EXPN.
    CheckExpn = "check_expn", Command;
    /// ETRN.
    CheckEtrn = "check_etrn", Command;
    /// All other commands.
    CheckOther = "check_other", Command;
    /// Whom AUTH= of MAIL may name.
    TrustAuth = "trust_auth", Peer;
    /// How to log in elsewhere; reserved.
    AuthInfo = "authinfo", Peer;
    /// What is used of what a server offers.
    CltFeatures = "clt_features", Peer;
    /// Whether to encrypt; reserved.
    TryTls = "try_tls", Peer;
    /// How a client encrypts; reserved.
    TlsClient = "tls_client", Peer;
    /// How a server encrypts.
    TlsServer = "tls_server", Peer;
    /// How a server encrypts, for a recipient.
    TlsRcpt = "tls_rcpt", Peer;
    /// How clients may encrypt; reserved.
    TlsSrvFeatures = "tls_srv_features", Peer;
    /// Where a recipient waits.
    QueueGroup = "queuegroup", Queue;
}

impl Hook {
    /// Returns the hook that asks the ruleset `name`; capitals do not count.
    pub fn of_ruleset(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|hook| hook.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Tells whether a command is refused when rules meet a value that does not scan; all others go on without a word.
    // QUIRK(odd-values)
    pub const fn refuses_odd_values(self) -> bool {
        matches!(self, Self::CheckMail | Self::CheckRcpt | Self::CheckVrfy | Self::CheckExpn | Self::CheckEtrn)
    }
}

/// Returns what the ruleset `name` judges, if the program asks it; capitals do not count.
pub fn subject(name: &[u8]) -> Option<Subject> {
    Hook::of_ruleset(name).map(Hook::subject)
}
