//! The network: listening, connecting, resolving.
