//! The long-running programs: keeper, daemon, hands, queue runner.
