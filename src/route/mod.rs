//! From an address to recipients and mailers: parsing by rules, aliases, .forward.
