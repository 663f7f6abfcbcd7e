//! The configuration language: lines of a `.cf` file become one immutable `Config`.
