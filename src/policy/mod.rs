//! The check rulesets, connection limits and rates.
