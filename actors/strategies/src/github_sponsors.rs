//! The strategy `github-sponsors`: watches who sponsors the owner at GitHub, tells what changes, and drafts
//! thank-you notes that he sends himself.
//!
//! It only reads. What GitHub estimates is shown as a figure and is never put into the books: no interface of
//! GitHub's is documented that shows a payout, so a payout is booked by its owner alone, with the statement that
//! says so (`earnings record`). This strategy reminds him of the day.
//!
//! | room | what it is for |
//! |---|---|
//! | [`config`] | the owner's settings |
//! | [`memory`] | what outlives a run |
//! | [`news`] | in what words something that happened is told |
//! | [`note`] | the thank-you note |
//! | `watch` | the run |
//! | `guide` | from sign-up to money in a bank account |
//!
//! ## Design notes
//!
//! A list is believed whole or not at all: of half a list nobody is told to have left. A sponsor whom GitHub counts
//! and shows as null may stay so for good: until all are shown nothing is counted and the source fails, which the
//! machine tells after some runs; but whoever is shown is thanked. The first run tells of nothing that was there
//! before it, and thanks only those who came in the month before.

pub mod config;
mod guide;
pub mod memory;
pub mod news;
pub mod note;
mod watch;

pub use memory::{SNAPSHOT_VERSION, Snapshot};
pub use watch::GitHubSponsors;
