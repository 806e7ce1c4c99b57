//! Decides. Types and pure decisions: no clock, no disk, no socket and no async.
//!
//! Everything the machine decides is decided here, by functions of what they are handed: a moment
//! in time, a state, an event. The names pair up with the other rooms: `core::limit` decides, the
//! service `limiter` runs it, the store's `limits` remembers.

pub mod action;
pub mod activity;
pub mod answer;
pub mod approval;
pub mod audit;
pub mod backoff;
pub mod blank;
pub mod breaker;
pub mod digest;
pub mod error;
pub mod gate;
pub mod id;
pub mod ledger;
pub mod limit;
pub mod mark;
pub mod moment;
pub mod opportunity;
pub mod policy;
pub mod retry;
pub mod robots;
pub mod rule;
pub mod run;
pub mod schedule;
pub mod seams;
pub mod secret;
pub mod trust;
pub mod untrusted;
pub mod url;
pub mod vault;

pub use rust_decimal::Decimal;
