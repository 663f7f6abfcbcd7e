//! Policy: what the check_* rulesets decide, how many connections there may be, what a loaded machine still does.

mod check;
mod door;
mod features;
mod gate;
mod header;
mod hooks;
mod rates;
mod verdict;

pub use check::{Ask, check, evaluate, log_verdict};
pub use features::ServerFeatures;
pub use gate::{Admitted, Gate, NotAdmitted};
pub use header::{HeaderQuestion, field_rule, header_questions};
pub use hooks::{Hook, Subject, subject};
pub use rates::{Numbers, Rates};
pub use verdict::{Verdict, error_parts};
