//! Marks: what became of a change, so that the same change is not made twice.
//!
//! A change is known again by the hash of its action ([`Action::hash`](crate::action::Action::hash)),
//! whoever proposes it: a later run of the same strategy that proposes the very same bytes gets what
//! became of the first. Pure; the services keep a mark in every change that moves it.

use serde::{Deserialize, Serialize};

use crate::id::ActionId;
use crate::moment::Moment;
use crate::run::StepOutcome;

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marked {
    /// It waits for a person or a slot; nothing has left.
    Held,
    /// It may be leaving at this moment.
    Sending,
    /// It was answered.
    Done,
    /// It may or may not have happened.
    Ambiguous,
    /// It provably did not happen.
    NotDone,
    /// Its owner said no.
    Declined,
}

impl Marked {
    /// Every standing, in the order in which it is stored.
    pub const ALL: [Marked; 6] =
        [Marked::Held, Marked::Sending, Marked::Done, Marked::Ambiguous, Marked::NotDone, Marked::Declined];
}

/// The mark of one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The action that made, or makes, the change.
    pub action: ActionId,
    /// Where it stands.
    pub state: Marked,
    /// Since when.
    pub at: Moment,
    /// What came of it, once something has.
    pub outcome: Option<StepOutcome>,
}

/// What whoever proposes a change that has a mark is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// Nothing has happened: go on.
    Go,
    /// Another action waits with it.
    Pending(ActionId),
    /// This came of it the first time.
    Recorded(StepOutcome),
    /// It is not done again, and why.
    Refuse(String),
}

impl Mark {
    /// What `by` is told when it proposes the change that this is the mark of.
    pub fn again(&self, by: &ActionId) -> Again {
        let (first, at) = (&self.action, self.at);
        match (self.state, &self.outcome) {
            (Marked::NotDone, _) => Again::Go,
            (Marked::Held, _) if first == by => Again::Go,
            (Marked::Held, _) => Again::Pending(first.clone()),
            (Marked::Done, Some(done @ StepOutcome::Done { .. })) => Again::Recorded(done.clone()),
            (Marked::Done, _) => Again::Refuse(format!(
                "the very same change was made at {at} by action {first}, and its answer is not kept any more"
            )),
            (Marked::Sending, _) => Again::Refuse(format!(
                "the very same change is being sent by action {first}, and may have happened"
            )),
            (Marked::Ambiguous, _) => Again::Refuse(format!(
                "the very same change may have happened at {at}, as action {first}; it is not sent again before \
                 that is known"
            )),
            (Marked::Declined, _) => {
                Again::Refuse(format!("the owner said no to the very same change at {at}, as action {first}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    /// Exhaustive: a change goes on only where nothing can have happened.
    #[test]
    fn only_what_cannot_have_happened_is_made_again() {
        let (own, other) = (ActionId::new("1-1.a"), ActionId::new("1-2.a"));
        let done = StepOutcome::Done {
            status: 201,
            headers: Vec::new(),
            body: Digest::of(b""),
            at: Moment::default(),
        };
        for state in Marked::ALL {
            for by in [&own, &other] {
                for outcome in [None, Some(done.clone())] {
                    let mark = Mark { action: own.clone(), state, at: Moment::default(), outcome };
                    let again = mark.again(by);
                    let may = state == Marked::NotDone || (state == Marked::Held && *by == own);
                    assert_eq!(again == Again::Go, may, "{state:?}");
                    let told = matches!(again, Again::Recorded(_));
                    assert_eq!(told, state == Marked::Done && mark.outcome.is_some(), "{state:?}");
                    let waits = matches!(&again, Again::Pending(id) if *id == own);
                    assert_eq!(waits, state == Marked::Held && *by != own, "{state:?}");
                }
            }
        }
    }
}
