//! The long-running programs: keeper, daemon, hands, queue runner.
//!
//! [`keeper`] starts first and holds ports and pid file. It executes the program again as the process that reads the
//! network (`network`) and as hands ([`hand`]); [`role`] is how those begin. [`runner`] is the queue runner, which also
//! serves the client queue. What a session and a delivery are, [`programs`] is told by the floor above.

mod back_off;
pub mod cage;
pub mod client_queue;
pub mod hand;
pub mod hand_opener;
pub mod hand_spool;
pub mod keeper;
pub mod launch;
mod network;
pub mod order;
pub mod pid_file;
pub mod ports;
pub mod programs;
pub mod role;
pub mod runner;
mod spool_words;
pub mod work_table;
