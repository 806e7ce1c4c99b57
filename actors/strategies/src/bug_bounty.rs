//! The strategy `bug-bounty`, first half: watches five public, keyless scope files and tells what
//! is new in them.
//!
//! It reads, compares and proposes; it never tests a target and never sends a report. A source
//! that cannot be read, understood or believed costs nothing but its own news: what was known of
//! it stays, the report of the run says what is wrong with it, and the other sources go on.
//!
//! | room | what it is for |
//! |---|---|
//! | [`scope`] | the model: programme, target, payout |
//! | [`feed`] | bytes into the model, one parser a source, what happens to bad input |
//! | [`memory`] | what is remembered of a source: its snapshot |
//! | [`observe`] | a read against the memory: new, back, gone |
//! | [`flap`] | how long to wait before "gone", learned per source |
//! | [`health`] | broken, stale, well |
//! | [`finding`] | what a comparison finds; its identity |
//! | [`score`] | how well it told, held against a real history |
//! | [`rank`], [`draft`] | how soon worth a look, and in what words |
//!
//! ## Design notes
//!
//! The snapshot holds each source's validators (ETag, Last-Modified) beside its memory, so that
//! "not modified" always speaks of a version whose consequences are committed. A version that was
//! refused leaves the old validators, and is asked for again.

pub mod digest;
pub mod draft;
pub mod feed;
pub mod finding;
pub mod flap;
pub mod health;
pub mod memory;
pub mod observe;
pub mod rank;
pub mod scope;
pub mod score;
mod watch;

pub use watch::{BugBounty, SNAPSHOT_VERSION, Snapshot};
