//! The configuration language: lines of a `sendmail.cf` become one immutable [`Config`].

mod alias_spec;
mod choice;
mod config;
mod doubt;
mod error;
mod filter_line;
mod header_rule;
mod lines;
mod loose_ends;
mod mailer;
mod mailer_flag;
mod mailer_line;
mod marks;
mod mc_names;
pub mod option_kind;
mod options;
mod port;
mod read;
mod setting;
mod text;
mod timeout;
mod user_database;
mod word_flags;

pub use alias_spec::AliasSpec;
pub use choice::{DeliveryMode, DontProbe, EightBitMode, ErrorMode, NoRecipientAction, QueueSortOrder, SuperSafe};
pub use config::{
    ClassDecls, ClassFile, ClassSource, ClassWords, Config, DEFAULT_QUEUE_GROUP, Filter, FilterFailure, MapDecl,
    QueueGroup,
};
pub use doubt::doubt;
pub use error::{CfError, OptionError, Problem, Severity};
pub use header_rule::{HeaderCheck, HeaderRule};
pub use loose_ends::{Names, leading_name, loose_ends};
pub use mailer::{Mailer, MailerTypes, Mailers, Principal, UserSpec};
pub use mailer_flag::{MailerFlag, MailerFlags};
pub use marks::{Mark, Marks, McLine, call_of};
pub use mc_names::{McName, mc_names};
pub use option_kind::{MilterOptions, MimeHeaderLimits};
pub use options::{Effect, OPTION_TABLE, OptionRow, Options};
pub use port::{ClientPort, DaemonPort, Family, PortFlags, PortOptions};
pub use read::{Accounts, LEVEL_KNOWN, Override, ReadEnv, read};
pub use setting::Setting;
pub use timeout::{ByAttempt, ByUrgency, Timeouts};
pub use user_database::{UserDatabase, user_databases};
pub use word_flags::{Blame, BlameFlags, Privacy, PrivacyFlags, ResolverFlag, ResolverFlags};
