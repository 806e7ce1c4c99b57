//! Looking up whether a change happened that nobody saw the end of.
//!
//! A change whose answer was lost is *ambiguous*: it is never sent again blindly. Whoever wrote the
//! connector of a platform knows where to look for it there; this is how he says so. The machine walks the
//! reads down the road like any other, and settles the change by what is found. Pure: nothing here waits.

use std::time::Duration;

use mm_core::action::Action;
use mm_core::answer::Answer;
use mm_core::moment::Moment;

/// A change that may have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What was sent, credentials as their slots.
    pub action: Action,
    /// Not before this it left, by our clock.
    pub at: Moment,
}

/// What a read showed of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It happened; where it is to be seen, in one line.
    Happened(String),
    /// It did not, and what was on its way then cannot happen any more.
    DidNot,
    /// This answer does not say; another read is needed.
    More(Box<Action>),
    /// Nothing can be said now, and why.
    Unknown(String),
}

/// Knows where a platform shows what was done there.
pub trait Reconciler: Send + Sync {
    /// The platform it speaks for, as its rule pack names it.
    fn platform(&self) -> &'static str;
    /// Whether a request that its method alone would make a change only reads, such as a query of GraphQL,
    /// which leaves as a POST. What became of it is nobody's to look up then. Say so only of what is plain to see.
    fn only_reads(&self, _action: &Action) -> bool {
        false
    }
    /// The first read that tells whether `sent` happened; `None` if none can, and a person must look.
    fn look(&self, sent: &Sent) -> Option<Action>;
    /// How long after nobody heard of a change any more it may still come to be: what is on the way to the
    /// platform, waits there, or is not shown yet. "It did not happen" is believed only after that.
    fn quiet(&self) -> Duration {
        Duration::from_secs(600)
    }
    /// What the answer to such a read shows; `asked` is the read. `now` is when it came.
    fn find(&self, sent: &Sent, asked: &Action, answer: &Answer, now: Moment) -> Finding;
}
