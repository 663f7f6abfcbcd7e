//! The rewriting engine: patterns, rulesets and their evaluation over a `Lookup`.
