//! The stored forms of core's own types: their kinds, schema numbers and limits.
//!
//! A number is for ever. A change of one of these types in core raises its version here and keeps
//! the old type for `upgrade`; golden files hold every version.

use mm_core::activity::ActionRecord;
use mm_core::breaker::Breaker;
use mm_core::digest::Digest;
use mm_core::id::{OpportunityId, StrategyId};
use mm_core::ledger::{Earning, Entry};
use mm_core::limit::{CoolDown, QuotaState};
use mm_core::mark::Mark;
use mm_core::moment::Moment;
use mm_core::opportunity::{Facts, Opportunity, Payer, Reward, State, Step};
use mm_core::run::{RunRecord, StepRecord};
use serde::Deserialize;

use crate::codec;
use crate::key::Kind;
use crate::record::{Record, Unreadable};

/// The activity log. Row id: the action's id.
impl Record for ActionRecord {
    const KIND: Kind = Kind::new("action", 101, 1);
    const BYTES_MAX: usize = 64 << 10;
}

/// Runs. Row id: the run's id.
impl Record for RunRecord {
    const KIND: Kind = Kind::new("run", 102, 1);
}

/// The journal of a run that is not over. Row id: `RUN/STEP`.
impl Record for StepRecord {
    const KIND: Kind = Kind::new("step", 103, 1);
}

/// Opportunities. Row id: the opportunity's id.
impl Record for Opportunity {
    const KIND: Kind = Kind::new("opportunity", 104, 2);
    const BYTES_MAX: usize = Opportunity::BYTES_MAX;

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => Ok(codec::decode::<OpportunityV1>(bytes).map_err(Unreadable::Codec)?.into()),
            version => Err(Unreadable::Old { version }),
        }
    }
}

/// As it was before a change of its state was a row of its own.
#[derive(Deserialize)]
struct OpportunityV1 {
    id: OpportunityId,
    strategy: StrategyId,
    platform: String,
    kind: String,
    title: String,
    url: String,
    state: State,
    found_at: Moment,
    updated_at: Moment,
    reward: Option<Reward>,
    score: u8,
    reason: String,
    evidence: Option<Digest>,
    details: String,
    tell: bool,
}

impl From<OpportunityV1> for Opportunity {
    fn from(old: OpportunityV1) -> Self {
        Opportunity {
            id: old.id,
            strategy: old.strategy,
            platform: old.platform,
            kind: old.kind,
            title: old.title,
            url: old.url,
            state: old.state,
            found_at: old.found_at,
            updated_at: old.updated_at,
            reward: old.reward,
            score: old.score,
            reason: old.reason,
            evidence: old.evidence,
            details: old.details,
            tell: old.tell,
            deadline: None,
            payer: None,
            facts: Facts::default(),
            steps: 0,
            settled: false,
        }
    }
}

/// The changes of an opportunity's state. Row id: `OPPORTUNITY/NNNN`. Kept for ever.
impl Record for Step {
    const KIND: Kind = Kind::new("opportunity-step", 139, 1);
}

/// What the ledger knows of payers. Row id: [`Payer::id_of`].
impl Record for Payer {
    const KIND: Kind = Kind::new("payer", 141, 1);
    const BYTES_MAX: usize = 128 << 10;
}

/// What is spent of quotas. Row id: the quota's key.
impl Record for QuotaState {
    const KIND: Kind = Kind::new("quota", 108, 2);

    /// Version 1 had no field `wall`.
    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        /// Seen, rows, lowered: as they stood.
        type Old = (Moment, Vec<(Moment, u32)>, Vec<(Moment, u32)>);
        match version {
            1 => {
                let (seen, rows, lowered) = codec::decode::<Old>(bytes).map_err(Unreadable::Codec)?;
                Ok(Self::of_version_1(seen, rows, lowered))
            }
            version => Err(Unreadable::Old { version }),
        }
    }
}

/// Breakers of platforms. Row id: `PLATFORM/ACCOUNT/KIND`.
impl Record for Breaker {
    const KIND: Kind = Kind::new("breaker", 109, 1);
}

/// Cool-downs. Row id: the platform, or `PLATFORM/ACCOUNT`.
impl Record for CoolDown {
    const KIND: Kind = Kind::new("cool-down", 113, 2);

    /// Version 1 had no field `wall`.
    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => {
                let (until, seen, strikes) = codec::decode(bytes).map_err(Unreadable::Codec)?;
                Ok(Self::of_version_1(until, seen, strikes))
            }
            version => Err(Unreadable::Old { version }),
        }
    }
}

/// What became of changes, so that none is made twice. Row id: `STRATEGY/HASH` with the hash of the
/// action in hex. Kept for ever: the very same change is never news.
impl Record for Mark {
    const KIND: Kind = Kind::new("mark", 124, 1);
}

/// Earnings as they stand. Row id: the earning's id. Kept for ever, as are their entries.
impl Record for Earning {
    const KIND: Kind = Kind::new("earning", 137, 1);
}

/// The entries of the ledger. Row id: the entry's id, so that none is made twice.
impl Record for Entry {
    const KIND: Kind = Kind::new("ledger-entry", 138, 1);
    const BYTES_MAX: usize = 64 << 10;
}
