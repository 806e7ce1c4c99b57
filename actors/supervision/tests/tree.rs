//! The tree from outside: every way to fail, and what follows. One binary, so that it links once.

#![allow(clippy::unwrap_used, reason = "what helps a test is a test")]

#[path = "tree/budgets.rs"]
mod budgets;
#[path = "tree/crash.rs"]
mod crash;
#[path = "tree/debits.rs"]
mod debits;
#[path = "tree/disk.rs"]
mod disk;
#[path = "tree/handles.rs"]
mod handles;
#[path = "tree/hops.rs"]
mod hops;
#[path = "tree/kit.rs"]
mod kit;
#[path = "tree/lives.rs"]
mod lives;
#[path = "tree/masked.rs"]
mod masked;
#[path = "tree/otp.rs"]
mod otp;
#[path = "tree/progress.rs"]
mod progress;
#[path = "tree/reports.rs"]
mod reports;
#[path = "tree/sabotage.rs"]
mod sabotage;
#[path = "tree/seeing.rs"]
mod seeing;
#[path = "tree/status.rs"]
mod status;
#[path = "tree/stopping.rs"]
mod stopping;
#[path = "tree/tracing.rs"]
mod tracing;
#[path = "tree/twice.rs"]
mod twice;
