//! The processes of the program, seen from outside: who they are, and what becomes of them.
//!
//! As root it is seen too that no process that has a connection has any right.

mod daemon;
mod seen;
mod setgid;
mod task;
