//! A loaded configuration with its classes and open maps: what the rules look things up in.
