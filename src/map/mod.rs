//! Maps: one file per class, and the database files behind them.

pub mod bdb;
