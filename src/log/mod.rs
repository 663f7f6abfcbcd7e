//! The maillog and the statistics file.
