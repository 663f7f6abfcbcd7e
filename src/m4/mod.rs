//! The macro processor that makes a `.cf` out of a `.mc`.
