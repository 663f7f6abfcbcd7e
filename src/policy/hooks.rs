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

/// All of them, in small letters.
pub const HOOKS: [(&str, Subject); 22] = [
    ("srv_features", Subject::Client),
    ("greet_pause", Subject::Client),
    ("check_relay", Subject::Client),
    ("check_mail", Subject::Sender),
    ("check_rcpt", Subject::Recipient),
    ("check_compat", Subject::Recipient),
    ("check_data", Subject::Message),
    ("check_eoh", Subject::Message),
    ("check_eom", Subject::Message),
    ("check_vrfy", Subject::Command),
    ("check_expn", Subject::Command),
    ("check_etrn", Subject::Command),
    ("check_other", Subject::Command),
    ("trust_auth", Subject::Peer),
    ("authinfo", Subject::Peer),
    ("clt_features", Subject::Peer),
    ("try_tls", Subject::Peer),
    ("tls_client", Subject::Peer),
    ("tls_server", Subject::Peer),
    ("tls_rcpt", Subject::Peer),
    ("tls_srv_features", Subject::Peer),
    ("queuegroup", Subject::Queue),
];

/// Tells whether a command is refused when rules of `ruleset` meet a value that does not scan; all others go on without a word.
// QUIRK(odd-values)
pub fn refuses_odd_values(ruleset: &str) -> bool {
    let subject = subject(ruleset.as_bytes());
    matches!(subject, Some(Subject::Sender | Subject::Recipient | Subject::Command)) && ruleset != "check_other"
}

/// Returns what the ruleset `name` judges, if the program asks it; capitals do not count.
pub fn subject(name: &[u8]) -> Option<Subject> {
    HOOKS.iter().find(|(hook, _)| hook.as_bytes().eq_ignore_ascii_case(name)).map(|(_, subject)| *subject)
}
