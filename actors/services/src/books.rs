//! The books: opportunities with the owner's decisions on them, and the ledger of earnings.
//!
//! A run's findings are merged by `merge`, a function of what is stored and what was drafted, and what it
//! reports of earnings is taken in by `ledger`; the run's own commit writes both. The actor is the one
//! that takes the owner's words, so that two said at once cannot both be the last. It calls nobody but the
//! store.

use mm_core::id::{OpportunityId, Space, StrategyId};
use mm_core::ledger::{Earning, Entry};
use mm_core::moment::Moment;
use mm_core::opportunity::{Decision, NotAllowed, Opportunity, State as OpportunityState};
use mm_core::untrusted::Untrusted;
use mm_sdk::Draft;
use mm_store::{Change, ChangeError, CommitError, Key, NewEntry, ReadError, Record, Store};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use serde_json::json;

pub(crate) mod ledger;

pub(crate) use ledger::evidence;
pub use ledger::{NotRecorded, Told};

use self::ledger::Ledger;
use crate::integrity;
use crate::message::kinds;
use crate::shared::{CALL_TIMEOUT, Shared};

/// The way to the books.
#[derive(Clone, Default)]
pub struct Books(Handle<Msg>);

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    /// There is no such opportunity.
    #[error("there is no opportunity `{0}`; `opportunities list` shows the ids")]
    Unknown(OpportunityId),
    /// Its state does not allow it.
    #[error(transparent)]
    NotAllowed(NotAllowed),
    /// Its row does not open.
    #[error("opportunity `{0}` does not open ({1}); restore a backup, or wait until a run finds it again")]
    Damaged(OpportunityId, String),
}

/// What it is sent.
pub enum Msg {
    /// The owner decides.
    Decide {
        /// Whose it is.
        space: Space,
        /// On what.
        id: OpportunityId,
        /// What.
        decision: Decision,
        /// Where the answer goes.
        reply: Reply<Result<Opportunity, Undecided>>,
    },
    /// The owner tells of an earning.
    Record {
        /// Whose it is.
        space: Space,
        /// What he tells.
        told: Box<Told>,
        /// The document that his word rests on.
        document: Vec<u8>,
        /// Who says it, for the record.
        by: String,
        /// Where the answer goes.
        reply: Reply<Result<Recorded, NotRecorded>>,
    },
}

kinds!(Msg { Decide => "decide", Record => "record" });

/// An earning as it is after a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The earning.
    pub earning: Earning,
    /// The entry that the report made; `None` if it said nothing new.
    pub entry: Option<Entry>,
}

impl Books {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Takes the owner's decision; durable when this returns.
    ///
    /// # Errors
    /// The inner error says what stands against it.
    pub async fn decide(
        &self,
        space: &Space,
        id: &OpportunityId,
        decision: Decision,
    ) -> Result<Result<Opportunity, Undecided>, CallError> {
        let (space, id) = (space.clone(), id.clone());
        self.0.call(|reply| Msg::Decide { space, id, decision, reply }, CALL_TIMEOUT).await
    }

    /// Puts into the books what the owner tells of an earning, and keeps his `document`, whose digest the
    /// report names as its evidence; durable when this returns.
    ///
    /// # Errors
    /// The inner error says what stands against it.
    pub async fn record(
        &self,
        space: &Space,
        told: Told,
        document: Vec<u8>,
        by: &str,
    ) -> Result<Result<Recorded, NotRecorded>, CallError> {
        let (space, told, by) = (space.clone(), Box::new(told), by.to_owned());
        self.0.call(|reply| Msg::Record { space, told, document, by, reply }, CALL_TIMEOUT).await
    }
}

/// The service.
pub struct BooksService(pub Shared);

impl Component for BooksService {
    type Msg = Msg;
    type State = ();

    async fn init(&self, _me: Handle<Msg>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, _: &mut ()) -> Result<(), Fault> {
        match msg {
            Msg::Decide { space, id, decision, reply } => {
                reply.send(self.decide(&space, &id, decision).await?);
            }
            Msg::Record { space, told, document, by, reply } => {
                reply.send(self.record(&space, *told, &document, &by).await?);
            }
        }
        Ok(())
    }
}

impl BooksService {
    async fn decide(
        &self,
        space: &Space,
        id: &OpportunityId,
        decision: Decision,
    ) -> Result<Result<Opportunity, Undecided>, Fault> {
        let store = &self.0.store;
        loop {
            let row = match integrity::read::<Opportunity>(store, space, id.as_str())? {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Err(Undecided::Unknown(id.clone()))),
                Err(why) => return Ok(Err(Undecided::Damaged(id.clone(), why))),
            };
            let state = match row.value.state.decide(decision) {
                Ok(state) => state,
                Err(not_allowed) => return Ok(Err(Undecided::NotAllowed(not_allowed))),
            };
            if state == row.value.state {
                return Ok(Ok(row.value));
            }
            let now = self.0.now();
            let decided = Opportunity { state, updated_at: now, ..row.value };
            let kind = format!("opportunity.{}", state.as_str());
            let payload = json!({ "opportunity": id.as_str(), "by": "owner" });
            let change = Change::new()
                .expect_version(Key::new(space, Opportunity::KIND, id.as_str())?, row.version)
                .put(space, id.as_str(), &decided)?
                .audit(NewEntry::new(now, space, &kind, &payload)?);
            match store.commit(change).await {
                Ok(_) => return Ok(Ok(decided)),
                // A run renewed it meanwhile: decide on what it is now.
                Err(CommitError::Refused { .. }) => {}
                Err(error @ CommitError::Damaged { .. }) => {
                    return Ok(Err(Undecided::Damaged(id.clone(), error.to_string())));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl BooksService {
    async fn record(
        &self,
        space: &Space,
        told: Told,
        document: &[u8],
        by: &str,
    ) -> Result<Result<Recorded, NotRecorded>, Fault> {
        let (store, now) = (&self.0.store, self.0.now());
        // Durable together with the entry that names it; without one it is tidied away in time.
        store.put_answer(document, now).await?;
        loop {
            let mut ledger = Ledger::of(store, space, now);
            let (earning, entry) = match ledger.take(told.clone())? {
                Ok(taken) => taken,
                Err(refused) => return Ok(Err(refused)),
            };
            if entry.is_none() {
                return Ok(Ok(Recorded { earning, entry }));
            }
            match store.commit(ledger.change(by)?).await {
                Ok(_) => return Ok(Ok(Recorded { earning, entry })),
                // A run told of it meanwhile: take it in as it is now.
                Err(CommitError::Refused { .. }) => {}
                Err(error @ CommitError::Damaged { .. }) => {
                    return Ok(Err(NotRecorded::Damaged(earning.id, error.to_string())));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What a run's drafts make of the books.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// The rows as they will be, each with the version it has now.
    pub(crate) rows: Vec<(Opportunity, Option<u64>)>,
    /// How many are there for the first time.
    pub(crate) found: u32,
    /// The titles of those the owner is told of, best first.
    pub(crate) told: Vec<String>,
}

impl Merged {
    /// The rows as a change.
    pub(crate) fn change(&self, space: &Space) -> Result<Change, ChangeError> {
        let mut change = Change::new();
        for (row, version) in &self.rows {
            let key = Key::new(space, Opportunity::KIND, row.id.as_str())?;
            change = match version {
                Some(version) => change.expect_version(key, *version),
                None => change.expect_absent(key),
            };
            change = change.put(space, row.id.as_str(), row)?;
        }
        Ok(change)
    }
}

/// Merges drafts into the books: the same finding again renews its record and keeps the owner's
/// decision.
pub(crate) fn merge(
    store: &Store,
    space: &Space,
    strategy: &StrategyId,
    drafts: &[Draft],
    now: Moment,
) -> Result<Merged, ReadError> {
    let mut merged = Merged::default();
    let mut told: Vec<(u8, String)> = Vec::new();
    for draft in drafts {
        let fresh = opportunity(strategy, draft, now);
        if merged.rows.iter().any(|(row, _)| row.id == fresh.id) {
            continue;
        }
        match store.get::<Opportunity>(space, fresh.id.as_str())? {
            Some(earlier) => merged.rows.push((fresh.found_again(&earlier.value), Some(earlier.version))),
            None => {
                merged.found += 1;
                if fresh.tell {
                    told.push((fresh.score, fresh.title.clone()));
                }
                merged.rows.push((fresh, None));
            }
        }
    }
    told.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    merged.told = told.into_iter().map(|(_, title)| title).collect();
    Ok(merged)
}

fn opportunity(strategy: &StrategyId, draft: &Draft, now: Moment) -> Opportunity {
    let about: Vec<&str> = draft.about.iter().map(String::as_str).collect();
    // A strategy builds these from what it read: they are made one harmless line, whoever wrote them.
    let line = |text: &str, max| Untrusted::new(text).line(max);
    Opportunity {
        id: Opportunity::id_of(strategy, &draft.platform, &draft.kind, &about),
        strategy: strategy.clone(),
        platform: line(&draft.platform, 64),
        kind: line(&draft.kind, 64),
        title: line(&draft.title, 200),
        url: line(&draft.url, 2048),
        state: OpportunityState::New,
        found_at: now,
        updated_at: now,
        reward: draft.reward.clone(),
        score: draft.score.min(100),
        reason: line(&draft.reason, 300),
        evidence: draft.evidence,
        details: draft.details.to_string(),
        tell: draft.tell,
    }
}
