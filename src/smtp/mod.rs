//! The SMTP protocol as machines without I/O: the server's session and the client's transaction.

pub mod client;
pub mod server;
