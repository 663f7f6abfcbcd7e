//! What a local program asks for when it submits a message.

use bstr::BString;

use crate::mail::envelope::{BodyType, Notify, Ret};

/// What the command line says about one message.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// The recipients.
    pub recipients: Vec<BString>,
    /// The header names recipients too (`-t`).
    pub reads_recipients: bool,
    /// The sender (`-f`, `-r`).
    pub sender: Option<BString>,
    /// The sender's full name (`-F`).
    pub full_name: Option<BString>,
    /// How often the message was passed on before (`-h`).
    pub hops: usize,
    /// What kind of body is declared (`-B`).
    pub body: Option<BodyType>,
    /// When reports are wanted (`-N`).
    pub notify: Option<Notify>,
    /// How much of the message comes back with them (`-R`).
    pub ret: Option<Ret>,
    /// The envelope identifier, as xtext (`-V`).
    pub envid: Option<BString>,
    /// Aliases and `.forward` files do not count (`-n`).
    pub without_aliases: bool,
    /// The message comes from a gateway and is left as it is (`-G`).
    pub is_gateway: bool,
    /// How the message came here (`-p`).
    pub protocol: Option<BString>,
    /// From where the message came here (`-p`).
    pub host: Option<BString>,
    /// What a reader of the message should know about how it was submitted, before it is known who submits it.
    pub warnings: Vec<BString>,
    /// What is done is told (`-v`).
    pub is_verbose: bool,
}
