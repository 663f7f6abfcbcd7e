//! The operating system: the only room with `unsafe` and libc.
