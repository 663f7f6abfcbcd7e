//! Mail from local programs on the command line or standard input.
