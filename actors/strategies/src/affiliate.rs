//! The strategy `affiliate`: what the networks pay comes into the books, and the owner's site is kept in order.
//!
//! It asks Impact, Awin and CJ for the owner's commissions, slice of time by slice of time, and reports how far
//! each is on its way, until it is settled; what is corrected or taken back is reported too. It only reads.
//!
//! | room | what it is for |
//! |---|---|
//! | [`config`] | the owner's settings |
//! | [`known`] | a commission, told in parts and in any order, as it stands |
//! | [`memory`] | what outlives a run |
//! | [`first`] | the first version of it |
//! | `plan` | which slices of time a run asks for |
//! | `sync` | the reads of one network |
//! | `crawl` | the owner's site in one run |
//! | `room` | how much of the site is remembered |
//! | [`report`] | in what words a page is told |
//! | `watch` | the run |
//!
//! ## Design notes
//!
//! No network says when a line last changed, so a line is true as of when it was read, and of two reads the later
//! one holds. What a line was before is remembered only so far as a reversal needs it.

pub mod config;
mod crawl;
pub mod first;
mod guide;
pub mod known;
pub mod memory;
mod plan;
pub mod report;
mod room;
pub mod site_memory;
mod sync;
mod watch;

pub use first::First;
pub use memory::{SNAPSHOT_VERSION, Snapshot};
pub use room::SITE_BYTES_MAX;
pub use watch::Affiliate;
