//! Receiving mail: drives the SMTP server's machine over a connection, and answers its questions.

mod address;
mod clerk;
mod connection;
mod directory;
mod driver;
mod help;
mod inquiry;
mod message;
mod recipient;
mod sender;
mod service;
mod transaction;

pub use connection::{Client, Connection, address_text};
pub use directory::SiteDirectory;
pub use driver::serve;
pub use service::{
    Accepted, Deliver, Directory, Judged, Listed, Listing, Pending, Resident, RunQueue, Service, Standing, Study,
};

#[cfg(test)]
mod tests;
