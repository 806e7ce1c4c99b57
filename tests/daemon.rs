//! The daemon from outside: the real binary on a data directory of its own, and what an owner, a
//! script or an accident would do to it.
//!
//! Every child is killed when its test ends, however it ends. Tests wait for states (an answer of the
//! daemon, a line it wrote, a request the sandbox received) and never for a time. What it says is
//! compared whole, with paths, pids and times taken out.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that plays the outside world")]

#[path = "daemon/bad_input.rs"]
mod bad_input;
#[path = "daemon/damage.rs"]
mod damage;
#[path = "daemon/harness.rs"]
#[expect(dead_code, reason = "tests of other files use the rest of it")]
mod harness;
#[path = "daemon/once.rs"]
mod once;
#[path = "daemon/proofs.rs"]
mod proofs;
#[path = "daemon/shapes.rs"]
mod shapes;
#[path = "daemon/stopping.rs"]
mod stopping;
