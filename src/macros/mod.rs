//! Macro values and the expansion of `$x` and its conditionals.
