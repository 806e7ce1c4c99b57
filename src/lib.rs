//! The machine: assembly, command line, admin API and sandbox.

pub mod config;
pub mod exit;
pub mod logs;
pub mod sandbox;
