//! Opportunities: chances to earn that a strategy found, the states they go through, what is known of who
//! would pay, and what each is worth an hour.
//!
//! Pure: no clock, no store. An amount is an exact decimal in its own currency; none is ever converted, and
//! what is not known is said to be unknown.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{OpportunityId, StrategyId};
use crate::moment::Moment;
use crate::untrusted::Untrusted;

mod late;
mod payer;
mod proof;
mod ranking;
mod state;

pub use late::{Basis, Chase, Late, Patience};
pub use payer::{Payer, Payment};
pub use proof::{ABSURD, Facts, Judged, Proof};
pub use ranking::{Order, Rank, Ranking};
pub use state::{Decision, NotAllowed, State, Step, Who};

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
    /// When it is of no use any more, if that is said; until then the work must be handed in.
    pub deadline: Option<Moment>,
    /// Who would pay, as the platform names him, if that is known: one harmless line.
    pub payer: Option<String>,
    /// What was read in public of whether money comes.
    pub facts: Facts,
    /// How often its state was changed; so many [`Step`]s there are.
    pub steps: u32,
    /// Whether money for it has arrived, by the ledger.
    pub settled: bool,
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

    /// What the record is after the same finding came again: its state, how it came there and the first
    /// sighting stay, what was found is renewed. So it is never new again, whatever became of it.
    #[must_use]
    pub fn found_again(self, earlier: &Opportunity) -> Self {
        let Opportunity { state, found_at, steps, settled, .. } = *earlier;
        Self { state, found_at, steps, settled, ..self }
    }

    /// What it is after `decision`, and the step that says so; `None` if it stands there already.
    ///
    /// # Errors
    /// [`NotAllowed`] if its state does not take the word.
    pub fn after(
        &self,
        decision: Decision,
        by: Who,
        why: Option<Untrusted>,
        now: Moment,
    ) -> Result<Option<(Opportunity, Step)>, NotAllowed> {
        let to = self.state.decide(decision)?;
        if to == self.state {
            return Ok(None);
        }
        let number = self.steps.saturating_add(1);
        let opportunity = self.id.clone();
        let step = Step { opportunity, number, from: self.state, to, by, at: now, why };
        Ok(Some((Opportunity { state: to, updated_at: now, steps: number, ..self.clone() }, step)))
    }

    /// What it is after it was found again and its deadline is still to come, where it had expired, and the
    /// step that says so: it stands again where it stood before `last`, the step by which it expired.
    pub fn reopened(&self, last: &Step, now: Moment) -> Option<(Opportunity, Step)> {
        let deadline = self.deadline.filter(|deadline| now < *deadline)?;
        if self.state != State::Expired || last.to != State::Expired || last.number != self.steps {
            return None;
        }
        let decision = if last.from == State::Accepted { Decision::ReopenAccepted } else { Decision::Reopen };
        let why = Untrusted::new(format!("it was found again with a later deadline, {deadline}"));
        self.after(decision, Who::Machine, Some(why), now).ok().flatten()
    }

    /// Whether its time has passed before work was handed in.
    pub fn is_overdue(&self, now: Moment) -> bool {
        self.state.may_expire() && self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

#[cfg(test)]
pub(crate) mod tests;
