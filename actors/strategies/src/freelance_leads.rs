//! The strategy `freelance-leads`: reads boards for work that fits its owner's skills and rate, and, at
//! Freelancer.com, prepares the bid for what he has accepted.
//!
//! It reads Hacker News ("Who is hiring?" and "Freelancer?"), Remote OK, the feeds that its owner named, and,
//! with his account, the active projects of Freelancer.com. A bid is proposed only for an accepted opportunity,
//! has a blank for his words, and waits for his approval. Everywhere else he writes himself: the opportunity
//! holds a draft. A source that cannot be read changes nothing of what is known.
//!
//! | room | what it is for |
//! |---|---|
//! | [`config`] | the owner's settings |
//! | [`lead`] | what a board offers, in one shape |
//! | [`pay`] | what a text says of pay |
//! | [`matching`] | whether it fits: the reasons, in one line |
//! | [`memory`] | what outlives a run |
//! | `draft` | in what words it is told |
//! | `sources`, `threads` | the reads |
//! | `closing` | when a project is called gone |
//! | `bid` | the bid |
//! | `round` | what the steps of a run hand on |
//!
//! ## Design notes
//!
//! Nothing of this is income: what a board offers is a reward that may be paid, in its own currency, and sums
//! in different currencies are never compared. A sum that nobody pays is bait, and is told as such.

mod bid;
mod closing;
pub mod config;
mod draft;
mod guide;
pub mod lead;
pub mod matching;
pub mod memory;
pub mod pay;
mod round;
mod sources;
mod threads;
mod watch;

pub use memory::{SNAPSHOT_VERSION, Snapshot};
pub use watch::FreelanceLeads;
