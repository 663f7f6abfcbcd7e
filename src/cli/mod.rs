//! The command lines of all personalities, one file per mode.

pub mod aliases;
pub mod begin;
pub mod command_line;
mod compare;
pub mod configuration;
pub mod daemon_mode;
mod daemon_work;
pub mod debug;
mod desk;
mod dispatch;
pub mod editmap;
mod explain;
pub mod getopt;
pub mod mail_local;
pub mod makecf;
pub mod makemap;
mod map_tools;
pub mod mode;
pub mod praliases;
mod quarantine;
pub mod queue_list;
pub mod queue_run;
pub mod show;
pub mod smtp_stdio;
pub mod submission;
pub mod test_mode;
pub mod verify;

pub use dispatch::run;
