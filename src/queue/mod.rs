//! The queue: its files, their commit, their order and retry.
