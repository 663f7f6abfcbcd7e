//! The command lines of all personalities, one file per mode.

pub mod aliases;
pub mod begin;
pub mod command_line;
mod compare;
pub mod configuration;
pub mod daemon_mode;
pub mod debug;
mod desk;
mod dispatch;
mod distant_log;
pub mod editmap;
mod explain;
pub mod getopt;
mod host_status;
pub mod mail_local;
pub mod mailstats;
pub mod makecf;
pub mod makemap;
mod map_tools;
pub mod mode;
mod order;
pub mod praliases;
mod quarantine;
pub mod queue_list;
pub mod queue_run;
mod runs;
mod setup;
pub mod show;
mod single_run;
mod smtp_stdio;
mod submission;
pub mod test_mode;
mod verify;
mod work;

pub use dispatch::run;
