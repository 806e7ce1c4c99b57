//! The states of an opportunity, and the one table that says which word leads where.
//!
//! ```text
//! new ── accept ──▶ accepted ── submitted ──▶ submitted ── awarded ──▶ awarded ── paid ──▶ paid
//!  │                   │                          └────────────── paid ────────────────────▲
//!  ├── dismiss ──▶ dismissed (and back, by accept)
//!  ├── time ──▶ expired        (also while it is accepted; and back, by accept or a later deadline)
//!  └── lost ──▶ lost           (once it is accepted, and until it is paid)
//! ```
//!
//! The ledger outweighs what was said before: money that is owed or has come moves every state on, and what
//! was taken back leads back to submitted. Pure: whoever decides writes the [`Step`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{OpportunityId, RunId};
use crate::moment::Moment;
use crate::untrusted::Untrusted;

/// Where an opportunity stands. Stored by its place: new ones come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Found; the owner has not decided.
    New,
    /// The owner wants it.
    Accepted,
    /// The owner does not want it.
    Dismissed,
    /// The work is handed in.
    Submitted,
    /// The money has come, or is on its way.
    Paid,
    /// The work was taken: the money is owed.
    Awarded,
    /// Its deadline passed before work was handed in.
    Expired,
    /// Somebody else got it, or the work was not taken.
    Lost,
}

/// What is said of an opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Decision {
    /// Its owner wants it.
    Accept,
    /// He does not want it.
    Dismiss,
    /// He has handed the work in.
    Submitted,
    /// He was paid.
    Paid,
    /// His work was taken.
    Awarded,
    /// His work was not taken, or somebody was faster.
    Lost,
    /// Its deadline has passed; the machine's own word.
    Expire,
    /// It was found again with a later deadline, and was new when it expired; the machine's own word.
    Reopen,
    /// It was found again with a later deadline, and was accepted when it expired; the machine's own word.
    ReopenAccepted,
    /// The ledger knows it as approved.
    LedgerApproved,
    /// The ledger knows it as paid or cleared.
    LedgerPaid,
    /// The ledger knows it as approved, and knew it as paid.
    LedgerUnpaid,
    /// The ledger knows that what was approved or paid was taken back.
    LedgerTakenBack,
}

/// A step that this state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an opportunity that is {from} cannot be {wanted}")]
pub struct NotAllowed {
    from: &'static str,
    wanted: &'static str,
}

impl State {
    /// Every state, on the way to the money first.
    pub const ALL: [State; 8] = [
        State::New,
        State::Accepted,
        State::Submitted,
        State::Awarded,
        State::Paid,
        State::Dismissed,
        State::Expired,
        State::Lost,
    ];

    /// The state as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            State::New => "new",
            State::Accepted => "accepted",
            State::Dismissed => "dismissed",
            State::Submitted => "submitted",
            State::Paid => "paid",
            State::Awarded => "awarded",
            State::Expired => "expired",
            State::Lost => "lost",
        }
    }

    /// The state after `decision`. Saying the same twice is no error, and a dismissal or an acceptance can be
    /// taken back until the work is handed in. Work that was handed in before a deadline may be said to be after
    /// it, and its owner may know better than a deadline. What the ledger says is never refused: it rests on evidence.
    ///
    /// # Errors
    /// [`NotAllowed`] for a person's step backwards, or over a state that the work must pass.
    pub fn decide(self, decision: Decision) -> Result<State, NotAllowed> {
        use State::{Accepted, Awarded, Dismissed, Expired, Lost, New, Paid, Submitted};
        let (allowed, to) = match decision {
            Decision::Accept => (matches!(self, New | Accepted | Dismissed | Expired), Accepted),
            Decision::Dismiss => (matches!(self, New | Accepted | Dismissed), Dismissed),
            Decision::Submitted => (matches!(self, Accepted | Expired | Submitted), Submitted),
            Decision::Awarded => (matches!(self, Submitted | Lost | Awarded), Awarded),
            Decision::Paid => (matches!(self, Submitted | Awarded | Paid), Paid),
            Decision::Lost => (matches!(self, Accepted | Submitted | Awarded | Lost), Lost),
            Decision::Expire => (matches!(self, New | Accepted | Expired), Expired),
            Decision::Reopen => (matches!(self, New | Expired), New),
            Decision::ReopenAccepted => (matches!(self, Accepted | Expired), Accepted),
            Decision::LedgerApproved => (true, if self == Paid { Paid } else { Awarded }),
            Decision::LedgerPaid => (true, Paid),
            Decision::LedgerUnpaid => (true, if self == Paid { Awarded } else { self }),
            Decision::LedgerTakenBack => {
                (true, if matches!(self, Awarded | Paid) { Submitted } else { self })
            }
        };
        if allowed { Ok(to) } else { Err(NotAllowed { from: self.as_str(), wanted: to.as_str() }) }
    }

    /// Whether time alone can end it.
    pub fn may_expire(self) -> bool {
        matches!(self, State::New | State::Accepted)
    }
}

/// Who changed a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// Its owner, as whoever said it is known: `operator (uid 1000)`.
    Owner(String),
    /// A strategy's run, by what it reports.
    Run(RunId),
    /// The machine itself.
    Machine,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Owner(by) => f.write_str(by),
            Who::Run(run) => write!(f, "run {run}"),
            Who::Machine => f.write_str("the machine"),
        }
    }
}

/// One change of an opportunity's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Whose.
    pub opportunity: OpportunityId,
    /// 1 for the first; there is none missing between.
    pub number: u32,
    /// From which state.
    pub from: State,
    /// To which.
    pub to: State,
    /// Who changed it.
    pub by: Who,
    /// When.
    pub at: Moment,
    /// Why, in half a sentence, if it was said.
    pub why: Option<Untrusted>,
}

impl Step {
    /// The row id of a step: those of one opportunity stand in their order.
    pub fn row_id(opportunity: &OpportunityId, number: u32) -> String {
        format!("{opportunity}/{number:04}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECISIONS: [Decision; 13] = [
        Decision::Accept,
        Decision::Dismiss,
        Decision::Submitted,
        Decision::Awarded,
        Decision::Paid,
        Decision::Lost,
        Decision::Expire,
        Decision::LedgerApproved,
        Decision::LedgerPaid,
        Decision::LedgerUnpaid,
        Decision::LedgerTakenBack,
        Decision::Reopen,
        Decision::ReopenAccepted,
    ];

    /// Every state and every word, against the table written out again: a column a word, in the order of
    /// [`DECISIONS`]; `-` is refused.
    #[test]
    fn every_word_leads_where_the_table_says() {
        #[rustfmt::skip]
        let table = [
            //                 acc  dis  sub  awa  pai  los  exp  l-app l-pai l-unp l-back re re-acc
            (State::New,       "A    D    -    -    -    -    E    W     P     N     N      N  -"),
            (State::Accepted,  "A    D    S    -    -    L    E    W     P     A     A      -  A"),
            (State::Submitted, "-    -    S    W    P    L    -    W     P     S     S      -  -"),
            (State::Awarded,   "-    -    -    W    P    L    -    W     P     W     S      -  -"),
            (State::Paid,      "-    -    -    -    P    -    -    P     P     W     S      -  -"),
            (State::Dismissed, "A    D    -    -    -    -    -    W     P     D     D      -  -"),
            (State::Expired,   "A    -    S    -    -    -    E    W     P     E     E      N  A"),
            (State::Lost,      "-    -    -    W    -    L    -    W     P     L     L      -  -"),
        ];
        assert_eq!(table.map(|(state, _)| state), State::ALL);
        for (state, row) in table {
            let row: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(row.len(), DECISIONS.len());
            for (decision, wanted) in DECISIONS.into_iter().zip(row) {
                let to = match state.decide(decision) {
                    Err(_) => "-",
                    Ok(State::New) => "N",
                    Ok(State::Accepted) => "A",
                    Ok(State::Dismissed) => "D",
                    Ok(State::Submitted) => "S",
                    Ok(State::Awarded) => "W",
                    Ok(State::Paid) => "P",
                    Ok(State::Expired) => "E",
                    Ok(State::Lost) => "L",
                };
                assert_eq!(to, wanted, "{state:?} {decision:?}");
                // Said again, it changes nothing.
                if let Ok(after) = state.decide(decision) {
                    assert_eq!(after.decide(decision), Ok(after), "{state:?} {decision:?}");
                }
            }
        }
    }

    /// Whatever people and time say, in whatever order: what is paid stays so, and nothing is new again.
    #[test]
    fn no_decision_leads_back_from_money() {
        let of_people = &DECISIONS[..7];
        for state in State::ALL {
            for decision in of_people {
                let Ok(after) = state.decide(*decision) else { continue };
                assert!(state != State::Paid || after == State::Paid);
                assert_ne!(after, State::New);
            }
            assert_eq!(state.may_expire(), state.decide(Decision::Expire).is_ok() && state != State::Expired);
        }
        let refused = State::New.decide(Decision::Paid).unwrap_err();
        assert_eq!(refused.to_string(), "an opportunity that is new cannot be paid");
    }
}
