//! The machine: assembly, command line, admin API and sandbox.

pub mod sandbox;
