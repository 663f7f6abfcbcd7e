//! Policy: what the check_* rulesets decide, how many connections there may be, what a loaded machine still does.

mod gate;
mod rates;
mod verdict;

pub use gate::{Admitted, Gate, NotAdmitted, Throttle};
pub use rates::{Counted, Numbers, Rates};
pub use verdict::{Verdict, error_reply};
