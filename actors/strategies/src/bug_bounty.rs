//! The strategy `bug-bounty`: watches five public, keyless scope files and, with the owner's accounts at
//! HackerOne, Intigriti and YesWeHack, his private programmes; tells what is new; drafts the skeleton of a
//! report for what he accepted; and books what HackerOne says that he earned.
//!
//! It reads, compares and proposes; it never tests a target and never sends a report. A source
//! that cannot be read, understood or believed costs nothing but its own news: what was known of
//! it stays, the report of the run says what is wrong with it, and the other sources go on. Without
//! an account it is the watch of the public files, and nothing else.
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
//! | [`accounts`] | what the owner's accounts show: private programmes, and every programme's rules |
//! | [`automation`] | whether automated tools are allowed, quoted |
//! | [`earned`] | what HackerOne says of money, for the books |
//! | [`report`] | the skeleton of a report, which the owner sends |
//! | [`config`], [`snapshot`] | the owner's settings; what outlives a run |
//!
//! ## Design notes
//!
//! The snapshot holds each source's validators (ETag, Last-Modified) beside its memory, so that
//! "not modified" always speaks of a version whose consequences are committed. A version that was
//! refused leaves the old validators, and is asked for again.

pub mod accounts;
pub mod automation;
pub mod config;
pub mod digest;
pub mod draft;
pub mod earned;
pub mod feed;
pub mod finding;
pub mod flap;
mod guide;
pub mod health;
pub mod memory;
pub mod observe;
pub mod rank;
pub mod report;
pub mod scope;
pub mod score;
pub mod snapshot;
mod watch;

pub use snapshot::{SNAPSHOT_VERSION, Snapshot};
pub use watch::BugBounty;
