//! Values with a spelling: identifiers, names, durations, status codes; each is made by parsing and prints itself back.
