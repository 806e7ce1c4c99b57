//! Parses, runs one verb, exits.
fn main() {}
