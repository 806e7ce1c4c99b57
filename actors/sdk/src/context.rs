//! The trait a strategy implements, and all it can do while it runs.

use async_trait::async_trait;
use mm_core::action::Action;
use mm_core::answer::Answer;
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::{ActionId, OpportunityId};
use mm_core::moment::Moment;
use mm_core::opportunity::{Facts, Reward};
use mm_core::run::{Refusal, SourceReport, Trigger};

use crate::about::About;
use crate::details::Details;
use crate::earned::Earned;
use serde::{Deserialize, Serialize};

/// A module that looks for or produces income.
///
/// One value is made per run; what must outlive a run is in the snapshot. The machine calls
/// `initialise`, `validate`, `execute` and `shutdown` in this order, each run anew, on a thread of
/// the run's own.
#[async_trait]
pub trait Strategy: Send {
    /// What it is. Called often; must be cheap and always the same.
    fn about(&self) -> About;

    /// Takes its own part of the configuration, a JSON object (empty if there is none).
    ///
    /// # Errors
    /// One sentence a person can act on. The strategy is put aside, not the daemon.
    fn initialise(&mut self, config: &serde_json::Value) -> Result<(), String>;

    /// Looks whether a run makes sense now. The default says yes.
    ///
    /// # Errors
    /// A [`Fault`] ends the run as failed before anything was done.
    async fn validate(&mut self, _cx: &mut Context<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// Does the work of one run.
    ///
    /// # Errors
    /// A [`Fault`] ends the run as failed: snapshot and drafts of this run are thrown away, its
    /// actions stay on record. A fault of class `Fatal` disables the strategy until a person acts.
    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault>;

    /// Says goodbye after a run, however it ended.
    async fn shutdown(&mut self) {}
}

/// Why a run cannot end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Fault {
    /// What kind of trouble.
    pub class: ErrorClass,
    /// One sentence.
    pub sentence: String,
}

impl Fault {
    /// Trouble that may pass.
    pub fn transient(sentence: impl Into<String>) -> Self {
        Self { class: ErrorClass::Transient, sentence: sentence.into() }
    }

    /// Trouble that a person must look at.
    pub fn fatal(sentence: impl Into<String>) -> Self {
        Self { class: ErrorClass::Fatal, sentence: sentence.into() }
    }
}

impl From<Interrupt> for Fault {
    fn from(interrupt: Interrupt) -> Self {
        // The backend knows that it interrupted the run; the class here only matters to a
        // strategy that looks at its own fault.
        Self { class: ErrorClass::Fatal, sentence: interrupt.to_string() }
    }
}

/// The run cannot go on at all; a strategy passes it up with `?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Interrupt {
    /// The same step name twice in one run: a mistake in the strategy.
    #[error("step `{0}` was used twice in one run; give every act its own step name")]
    DuplicateStep(String),
    /// A resumed run proposed something else than before its interruption.
    #[error("step `{0}` proposes another action than before the interruption")]
    Diverged(String),
    /// The run was fenced off or cancelled.
    #[error("the run was ended: {0}")]
    Ended(String),
}

/// What became of a proposed action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The platform answered, with whatever status.
    Done(Answer),
    /// It was not done (a rule, a limit, a breaker), or no answer came: then a change may have happened
    /// all the same, and the owner is told to look. Do not propose it again by yourself.
    Refused(Refusal),
    /// It waits for a person or a slot. The run should end; when the action settles, a new run
    /// starts with [`Trigger::Settled`].
    Pending(ActionId),
}

/// What the machine is to a running strategy. Authors use [`Context`]; the machine and the test
/// kit implement this.
#[async_trait]
pub trait Backend: Send {
    /// Walks one action down the road.
    async fn act(&mut self, step: &str, action: Action) -> Result<Act, Interrupt>;
    /// Takes an item in hand; `false` if it is set aside, because it crashed too many runs.
    fn take_up(&mut self, item: &str, digest: Digest) -> bool;
    /// The item in hand is finished with.
    fn put_down(&mut self);
    /// The strategy's opportunities that wait to be worked on; see [`Context::decisions`].
    async fn decisions(&mut self) -> Result<Vec<Decided>, Interrupt>;
    /// What became of an action that waited; see [`Context::outcome`].
    async fn outcome(&mut self, action: &ActionId) -> Result<Option<Act>, Interrupt>;
    /// The recorded start of the run.
    fn now(&self) -> Moment;
    /// The next of the run's recorded random numbers.
    fn random(&mut self) -> u64;
    /// Why the run began.
    fn trigger(&self) -> &Trigger;
    /// The latest snapshot, if there is one.
    fn snapshot(&self) -> Option<&[u8]>;
}

/// An opportunity of the strategy's own that its owner has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Which.
    pub id: OpportunityId,
    /// The kind it was drafted with.
    pub kind: String,
    /// The details it was last drafted with, JSON text: a strategy knows it again by what it put there.
    pub details: String,
    /// When it was last found or decided on.
    pub at: Moment,
}

/// A chance to earn, as a strategy proposes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The platform on which it can be earned: `hackerone`.
    pub platform: String,
    /// The strategy's own kind: `targets_added`.
    pub kind: String,
    /// What it is about: the id is a hash of this, of kind, platform and strategy.
    pub about: Vec<String>,
    /// One line.
    pub title: String,
    /// Where a person would look.
    pub url: String,
    /// What it may pay.
    pub reward: Option<Reward>,
    /// 0 to 100.
    pub score: u8,
    /// Why that score, in one line.
    pub reason: String,
    /// The answer it was read from ([`Answer::body_id`]).
    pub evidence: Option<Digest>,
    /// A JSON object. The whole record must stay under 64 KiB.
    pub details: Details,
    /// Whether the owner is told of it.
    pub tell: bool,
    /// When it is of no use any more, if that is known.
    pub deadline: Option<Moment>,
    /// Who would pay, as the platform names him, if that is known.
    pub payer: Option<String>,
    /// What was read in public of whether money comes.
    pub facts: Facts,
}

/// Something the owner should know that is no opportunity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is about, so that the same is not told twice: `source-broken/intigriti`.
    pub about: String,
    /// One sentence.
    pub sentence: String,
}

/// What a run has drafted so far. Committed in one piece when it ends well.
#[derive(Debug, Default)]
pub struct Drafts {
    /// Opportunities, in the order found.
    pub opportunities: Vec<Draft>,
    /// The new snapshot, if it changed, with its schema version.
    pub snapshot: Option<(u16, Vec<u8>)>,
    /// Alerts.
    pub alerts: Vec<Alert>,
    /// What earlier alerts were about that is over.
    pub over: Vec<String>,
    /// What platforms say of payments, in the order told.
    pub earnings: Vec<Earned>,
}

/// How a run went, in the strategy's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What went wrong without ending the run, a sentence each.
    pub errors: Vec<String>,
    /// What it read, and what to think of it.
    pub sources: Vec<SourceReport>,
    /// Its own figures.
    pub metrics: Vec<(String, i64)>,
}

/// All that a running strategy can do.
pub struct Context<'a> {
    backend: &'a mut dyn Backend,
    drafts: Drafts,
}

impl<'a> Context<'a> {
    /// A context over a backend. The machine makes it, or [`testing`](crate::testing).
    pub fn new(backend: &'a mut dyn Backend) -> Self {
        Self { backend, drafts: Drafts::default() }
    }

    /// Proposes an action. `step` names it, once in a run; a run that resumes after a crash gets
    /// the outcomes of its finished steps again and does not repeat them.
    ///
    /// # Errors
    /// [`Interrupt`] if the run cannot go on: pass it up.
    pub async fn act(&mut self, step: &str, action: Action) -> Result<Act, Interrupt> {
        self.backend.act(step, action).await
    }

    /// Begins with `item`, the strategy's own name of one piece of its input; `digest` is that of the
    /// item's bytes. `false`: it crashed three runs with these very bytes and is set aside, so pass over it.
    ///
    /// A crash of the run (a panic, or never yielding) is laid to the item that was taken up last, until
    /// [`put_down`](Context::put_down). Where none is in hand it is laid to the answer of the last step,
    /// which is given as a refusal of class `Fatal` once it is set aside.
    #[must_use = "an item that is set aside must be passed over"]
    pub fn take_up(&mut self, item: &str, digest: Digest) -> bool {
        self.backend.take_up(item, digest)
    }

    /// Is finished with the item that was taken up: what crashes from here on is none of its.
    pub fn put_down(&mut self) {
        self.backend.put_down();
    }

    /// The opportunities of this strategy that its owner has accepted and not yet marked as submitted,
    /// sorted by id. As they were when the run first asked: the same again later in it and when it resumes.
    ///
    /// # Errors
    /// [`Interrupt`] if the run cannot go on: pass it up.
    pub async fn decisions(&mut self) -> Result<Vec<Decided>, Interrupt> {
        self.backend.decisions().await
    }

    /// What became of an action of this strategy that was [`Act::Pending`], as it was when this run began.
    /// `None` while it waits, and once nothing is kept of it any more.
    ///
    /// # Errors
    /// [`Interrupt`] if the run cannot go on: pass it up.
    pub async fn outcome(&mut self, action: &ActionId) -> Result<Option<Act>, Interrupt> {
        self.backend.outcome(action).await
    }

    /// When this run began. It stays the same throughout the run and when the run resumes.
    pub fn now(&self) -> Moment {
        self.backend.now()
    }

    /// A random number; the same again when the run resumes. Not for secrets.
    pub fn random(&mut self) -> u64 {
        self.backend.random()
    }

    /// Why the run began.
    pub fn trigger(&self) -> &Trigger {
        self.backend.trigger()
    }

    /// The snapshot of the last run that ended well, as bytes; see [`decode`](crate::decode).
    pub fn snapshot(&self) -> Option<&[u8]> {
        self.backend.snapshot()
    }

    /// Replaces the snapshot when this run ends well. `version` is the schema's.
    pub fn keep(&mut self, version: u16, bytes: Vec<u8>) {
        self.drafts.snapshot = Some((version, bytes));
    }

    /// Drafts an opportunity. Finding the same again later renews it.
    pub fn found(&mut self, draft: Draft) {
        self.drafts.opportunities.push(draft);
    }

    /// Reports what a platform says of a payment. It is put into the books when this run ends well; one that
    /// contradicts itself, or rests on no recorded answer, is left out and told as an error of the run.
    pub fn earned(&mut self, earned: Earned) {
        self.drafts.earnings.push(earned);
    }

    /// Tells the owner something that is no opportunity.
    pub fn alert(&mut self, about: impl Into<String>, sentence: impl Into<String>) {
        self.drafts.alerts.push(Alert { about: about.into(), sentence: sentence.into() });
    }

    /// Says that what an earlier alert was about is over. An alert about the same in this run is told anew.
    pub fn over(&mut self, about: impl Into<String>) {
        self.drafts.over.push(about.into());
    }

    /// What was drafted. The machine calls this when the run has ended.
    pub fn into_drafts(self) -> Drafts {
        self.drafts
    }
}
