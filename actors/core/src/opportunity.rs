//! Opportunities: chances to earn that a strategy found, and the states they go through.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{OpportunityId, StrategyId};
use crate::moment::Moment;

/// Where an opportunity stands with its owner.
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
    /// The money has come.
    Paid,
}

/// What an owner can say of an opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Wants it.
    Accept,
    /// Does not want it.
    Dismiss,
    /// Has handed the work in.
    Submitted,
    /// Was paid.
    Paid,
}

/// A step that this state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an opportunity that is {from} cannot be {wanted}")]
pub struct NotAllowed {
    from: &'static str,
    wanted: &'static str,
}

impl State {
    /// The state as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            State::New => "new",
            State::Accepted => "accepted",
            State::Dismissed => "dismissed",
            State::Submitted => "submitted",
            State::Paid => "paid",
        }
    }

    /// The state after `decision`. Saying the same twice is no error, and a dismissal or an
    /// acceptance can be taken back until the work is handed in.
    ///
    /// # Errors
    /// [`NotAllowed`] for a step backwards from submitted or paid, or a payment of nothing handed in.
    pub fn decide(self, decision: Decision) -> Result<State, NotAllowed> {
        use State::{Accepted, Dismissed, New, Paid, Submitted};
        let (allowed, to) = match decision {
            Decision::Accept => (matches!(self, New | Accepted | Dismissed), Accepted),
            Decision::Dismiss => (matches!(self, New | Accepted | Dismissed), Dismissed),
            Decision::Submitted => (matches!(self, Accepted | Submitted), Submitted),
            Decision::Paid => (matches!(self, Submitted | Paid), Paid),
        };
        if allowed { Ok(to) } else { Err(NotAllowed { from: self.as_str(), wanted: to.as_str() }) }
    }
}

/// A range of payment in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reward {
    /// The least that is paid, if it is said.
    pub min: Option<Decimal>,
    /// The most that is paid, if it is said.
    pub max: Option<Decimal>,
    /// ISO 4217.
    pub currency: String,
}

/// A chance to earn, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opportunity {
    /// Deterministic: the same finding has the same id.
    pub id: OpportunityId,
    /// Who found it.
    pub strategy: StrategyId,
    /// The platform on which it can be earned, in the strategy's word: `hackerone`.
    pub platform: String,
    /// The strategy's own kind: `targets_added`.
    pub kind: String,
    /// One line.
    pub title: String,
    /// Where a person would look; shown, never called.
    pub url: String,
    /// Where it stands.
    pub state: State,
    /// When it was first found.
    pub found_at: Moment,
    /// When it was last found or decided on.
    pub updated_at: Moment,
    /// What it may pay.
    pub reward: Option<Reward>,
    /// 0 to 100: the higher, the sooner worth a look.
    pub score: u8,
    /// Why that score, in one line.
    pub reason: String,
    /// The recorded answer it was read from.
    pub evidence: Option<Digest>,
    /// A JSON object with the strategy's own details, as text.
    pub details: String,
    /// Whether the owner is told of it; a baseline is listed and not told.
    pub tell: bool,
}

impl Opportunity {
    /// The most bytes that one record may take when stored.
    pub const BYTES_MAX: usize = 64 << 10;

    /// The id of a finding: a hash of what it is about.
    pub fn id_of(strategy: &StrategyId, platform: &str, kind: &str, about: &[&str]) -> OpportunityId {
        let head = [strategy.as_str().as_bytes(), platform.as_bytes(), kind.as_bytes()];
        let fields = head.into_iter().chain(about.iter().map(|part| part.as_bytes()));
        OpportunityId::new(Digest::of_fields("mm-opportunity-1", fields).short(24))
    }

    /// What the record is after the same finding came again: the owner's decision and the first
    /// sighting stay, what was found is renewed.
    pub fn found_again(self, earlier: &Opportunity) -> Self {
        Self { state: earlier.state, found_at: earlier.found_at, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_decision_leads_back_from_money() {
        use Decision::*;
        for decision in [Accept, Dismiss, Submitted] {
            assert!(State::Paid.decide(decision).is_err());
        }
        assert!(State::New.decide(Paid).is_err());
        assert_eq!(State::Dismissed.decide(Accept), Ok(State::Accepted));
        for state in [State::Accepted, State::Dismissed] {
            let same = if state == State::Accepted { Accept } else { Dismiss };
            assert_eq!(state.decide(same), Ok(state));
        }
    }
}
