//! The books: opportunities with the owner's decisions on them, and the ledger of earnings.
//!
//! A run's findings are merged by `merging`, a function of what is stored and what was drafted, and what it
//! reports of earnings is taken in by `ledger`; `following` says what that means for opportunities and payers.
//! The run's own commit writes all of it. The actor is the one that takes the owner's words, so that two said
//! at once cannot both be the last. Every change of a state is a row that says who, when and why. What time alone
//! does, `waiting` does. It calls the alerts and the store, and sends nothing to anybody.

use std::future::pending;

use mm_core::id::{OpportunityId, Space};
use mm_core::ledger::{Earning, Entry};
use mm_core::opportunity::{Chase, Decision, NotAllowed, Opportunity, Who};
use mm_core::untrusted::Untrusted;
use mm_store::{CommitError, Key};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};

mod following;
pub(crate) mod ledger;
mod merging;
mod waiting;

pub(crate) use ledger::evidence;
pub use ledger::{NotRecorded, Told};
pub(crate) use merging::{Merged, merge};
pub use waiting::{NotAnswered, Word};

use self::ledger::Ledger;
use crate::alerts::Alerts;
use crate::integrity;
use crate::message::kinds;
use crate::shared::{CALL_TIMEOUT, Shared};
use crate::waking::Waker;

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
        /// Who says it.
        by: Who,
        /// Why, if he says so.
        why: Option<Untrusted>,
        /// Where the answer goes.
        reply: Reply<Result<Opportunity, Undecided>>,
    },
    /// Look what time alone has ended, and which payments are late; from its own timer.
    Look,
    /// The owner says something of a draft to a payer.
    Answer {
        /// Whose it is.
        space: Space,
        /// The draft's id.
        id: String,
        /// What.
        word: Word,
        /// Who says it.
        by: String,
        /// Why, if he says so.
        reason: Option<String>,
        /// Where the answer goes.
        reply: Reply<Result<Chase, NotAnswered>>,
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

kinds!(Msg { Decide => "decide", Look => "look", Answer => "answer", Record => "record" });

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

    /// Takes the owner's decision, as `by` says it, and `why`; durable when this returns.
    ///
    /// # Errors
    /// The inner error says what stands against it.
    pub async fn decide(
        &self,
        space: &Space,
        id: &OpportunityId,
        decision: Decision,
        by: &str,
        why: Option<Untrusted>,
    ) -> Result<Result<Opportunity, Undecided>, CallError> {
        let (space, id, by) = (space.clone(), id.clone(), Who::Owner(by.to_owned()));
        self.0.call(|reply| Msg::Decide { space, id, decision, by, why, reply }, CALL_TIMEOUT).await
    }

    /// Says something of a draft to a payer about a late payment; durable when this returns. Nothing is ever
    /// sent: whatever is said, the owner writes to the payer himself or not at all.
    ///
    /// # Errors
    /// The inner error says what stands against it.
    pub async fn answer(
        &self,
        space: &Space,
        id: &str,
        word: Word,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Result<Chase, NotAnswered>, CallError> {
        let (space, id, by) = (space.clone(), id.to_owned(), by.to_owned());
        let reason = reason.map(str::to_owned);
        self.0.call(|reply| Msg::Answer { space, id, word, by, reason, reply }, CALL_TIMEOUT).await
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
pub struct BooksService {
    /// What every service is handed.
    pub shared: Shared,
    /// Tell the owner of late payments.
    pub alerts: Alerts,
}

/// What it knows.
#[derive(Default)]
pub struct State {
    waker: Waker,
}

impl Component for BooksService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        let mut state = State::default();
        state.waker.set(&me, Msg::Look, Some(waiting::FIRST_AFTER), pending());
        Ok(state)
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        match msg {
            Msg::Decide { space, id, decision, by, why, reply } => {
                reply.send(self.decide(&space, &id, decision, by, why).await?);
            }
            Msg::Look => {
                let wait = self.look().await?;
                state.waker.set(me, Msg::Look, Some(wait), pending());
            }
            Msg::Answer { space, id, word, by, reason, reply } => {
                reply.send(self.answer(&space, &id, word, &by, reason.as_deref()).await?);
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
        by: Who,
        why: Option<Untrusted>,
    ) -> Result<Result<Opportunity, Undecided>, Fault> {
        let store = &self.shared.store;
        loop {
            let row = match integrity::read::<Opportunity>(store, space, id.as_str())? {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Err(Undecided::Unknown(id.clone()))),
                Err(why) => return Ok(Err(Undecided::Damaged(id.clone(), why))),
            };
            let (after, step) = match row.value.after(decision, by.clone(), why.clone(), self.shared.now()) {
                Ok(Some(changed)) => changed,
                Ok(None) => return Ok(Ok(row.value)),
                Err(not_allowed) => return Ok(Err(Undecided::NotAllowed(not_allowed))),
            };
            let change = merging::stepped(space, &step)?
                .expect_version(Key::of::<Opportunity>(space, id.as_str())?, row.version)
                .put(space, id.as_str(), &after)?;
            match store.commit(change).await {
                Ok(_) => return Ok(Ok(after)),
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
        let (store, now) = (&self.shared.store, self.shared.now());
        // Durable together with the entry that names it; without one it is tidied away in time.
        store.put_answer(document, now).await?;
        loop {
            let mut ledger = Ledger::of(store, space, now);
            let (earning, entry) = match ledger.take(told.clone())? {
                Ok(taken) => taken,
                Err(refused) => return Ok(Err(refused)),
            };
            if entry.is_none() {
                // Told before, it is no mistake; what is news to nobody but its owner is.
                let (known, stage) = (earning.newer_than(&told.report), earning.stage());
                return Ok(match known.zip(stage) {
                    Some((known, stage)) => {
                        let (reference, stage) = (told.reference, stage.as_str());
                        Err(NotRecorded::Older { reference, stage, known })
                    }
                    None => Ok(Recorded { earning, entry }),
                });
            }
            let by = Who::Owner(by.to_owned());
            let mut merged = Merged::default();
            merged.follow(&ledger, &by)?;
            match store.commit(ledger.change(&by)?.and(merged.change(space)?)).await {
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
