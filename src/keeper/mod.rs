//! The requests that the unprivileged daemon puts to a hand, and the client that puts them.
