//! Macro values and the expansion of `$x` and its conditionals.

mod expand;
mod table;
mod translate;

pub use expand::{ExpandError, Values, expand, expand_internal, value_of};
pub use table::{MacroTable, Value};
pub use translate::{HashSign, Translated, quote, translate, unquote};
