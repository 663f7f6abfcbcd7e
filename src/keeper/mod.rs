//! The requests that the unprivileged daemon puts to a hand, and the client that puts them.
//!
//! [`request`] is the whole of what may be asked, [`wire`] how a thing lies in a
//! packet, [`packet`] how several do, [`kind`] which hands serve it, [`client`] asks one hand,
//! [`Hands`] is the handle that everyone above uses. Who answers is in `daemon`.

pub mod client;
pub mod hands;
pub mod kind;
pub mod packet;
mod pools;
pub mod request;
pub mod wire;

pub use client::{Answered, HandError};
pub use hands::{Hands, HeldMailbox, ProgramEnd, RunningProgram};
pub use kind::Kind;
pub use request::{Answer, Request};
