//! The mail filter protocol as a machine without I/O.
