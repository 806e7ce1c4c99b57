//! The strategy `micro-tasks`: finds issues on GitHub with a bounty on them, and, where the owner wants one,
//! prepares the comment that says so and the line that asks for the money.
//!
//! It reads with GitHub's own search, looks at each issue before it tells of it, takes amounts from the
//! board's bot alone, and refuses what is bait. Two things it would write: `/attempt #N`, after the owner has
//! accepted the opportunity, and `/claim #N`, once his own pull request names the issue. Each waits for his
//! approval, the first for his words as well, and is sent once.
//! What cannot be read costs nothing but its own news.
//!
//! | room | what it is for |
//! |---|---|
//! | [`config`] | the owner's settings |
//! | [`amount`] | sums of money in a text |
//! | [`board`] | who vouches for a bounty, and what he says |
//! | [`trap`] | what is wrong with an issue |
//! | [`facts`] | what is known of an issue and a repository |
//! | [`assess`] | all that together: refused, or worth how much |
//! | [`memory`] | what outlives a run |
//! | [`draft`] | in what words it is told |
//! | `look`, `search`, `rules` | the reads |
//! | `attempt` | the comment that says that the owner works on it |
//! | `claim` | the line in his pull request that asks for the money |
//! | `round` | what the steps of a run hand on |
//!
//! ## Design notes
//!
//! An issue is known by GitHub's own number, which a rename does not change; its place is taken from the
//! latest answer. Validators stand in the snapshot beside what was taken from that very answer, so that
//! "not modified" speaks of what is known. Where it would not (a page that another follows or may follow, a
//! comment that could not be read), none are kept.
//!
//! Nothing is refused for good but by the words of the issue: what else speaks against it is read again after a
//! day. Of the looks of a run a third is for what was told as open, however much is new, and none of that is
//! forgotten before it has ended.

pub mod amount;
pub mod assess;
mod attempt;
pub mod board;
mod claim;
pub mod config;
pub mod draft;
pub mod facts;
mod guide;
mod look;
pub mod memory;
mod round;
mod rules;
mod search;
pub mod trap;
mod watch;

pub use memory::{SNAPSHOT_VERSION, Snapshot};
pub use watch::MicroTasks;
