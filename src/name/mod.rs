//! Values with a spelling: identifiers, names, durations, status codes; each is made by parsing and prints itself back.

mod interval;
mod label;
mod queue_id;
mod space;
mod status;
mod sysexit;
mod time;
mod told;

pub use interval::{BadInterval, BadUnit, Elapsed, InWords, Interval, IntervalUnit};
pub use label::{BadName, ClassName, MacroName, MailerName, MapName, Named, RulesetName};
pub use queue_id::{BadQueueId, QueueId, QueueIdMaker};
pub use space::{CSpace, TrimSpace};
pub use status::{BadStatus, Status};
pub use sysexit::Sysexit;
pub use time::UnixTime;
pub use told::Told;
