//! Locked appending to a mailbox file.
