//! A test kit: runs a strategy against answers written by hand.
//!
//! ```
//! use mm_sdk::testing::Bench;
//! let mut bench = Bench::at("2026-07-22T12:00:00Z");
//! bench.answer("https://example.com/feed", 200, "[]");
//! assert_eq!(bench.asked().len(), 0);
//! ```

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use mm_core::action::Action;
use mm_core::answer::Answer;
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::ActionId;
use mm_core::moment::Moment;
use mm_core::run::{Refusal, Trigger};
use mm_core::seams::SplitMix64;

use crate::context::{Act, Backend, Context, Decided, Drafts, Fault, Interrupt, Report, Strategy};

/// A machine in miniature: canned answers, a hand-moved clock, a snapshot that is kept between runs.
#[derive(Debug)]
pub struct Bench {
    now: Moment,
    random: SplitMix64,
    answers: BTreeMap<String, Act>,
    asked: Vec<Action>,
    steps: BTreeSet<String>,
    set_aside: BTreeSet<(String, Digest)>,
    taken_up: Vec<String>,
    snapshot: Option<Vec<u8>>,
    decided: Vec<Decided>,
    outcomes: BTreeMap<ActionId, Act>,
    trigger: Trigger,
}

impl Bench {
    /// A bench at a moment written as RFC 3339.
    ///
    /// # Panics
    /// If `now` is not such a time.
    pub fn at(now: &str) -> Self {
        Self {
            now: now.parse().expect("a time like 2026-07-22T12:00:00Z"),
            random: SplitMix64(1),
            answers: BTreeMap::new(),
            asked: Vec::new(),
            steps: BTreeSet::new(),
            set_aside: BTreeSet::new(),
            taken_up: Vec::new(),
            snapshot: None,
            decided: Vec::new(),
            outcomes: BTreeMap::new(),
            trigger: Trigger::Operator,
        }
    }

    /// Moves the clock.
    pub fn set_now(&mut self, now: Moment) {
        self.now = now;
    }

    /// From now on `url` is answered like this. An URL without an answer is refused as unreachable.
    pub fn answer(&mut self, url: &str, status: u16, body: impl Into<Vec<u8>>) {
        let answer = Answer { status, headers: Vec::new(), body: body.into(), at: self.now };
        self.answers.insert(url.to_owned(), Act::Done(answer));
    }

    /// From now on `act` on `url` gives this.
    pub fn act_is(&mut self, url: &str, act: Act) {
        self.answers.insert(url.to_owned(), act);
    }

    /// From now on `item` with these bytes is set aside, as if it had crashed three runs.
    pub fn set_aside(&mut self, item: &str, digest: Digest) {
        self.set_aside.insert((item.to_owned(), digest));
    }

    /// The items taken up so far, in order; those that are set aside are not among them.
    pub fn taken_up(&self) -> &[String] {
        &self.taken_up
    }

    /// The actions proposed so far, in order.
    pub fn asked(&self) -> &[Action] {
        &self.asked
    }

    /// The snapshot that the next run will see.
    pub fn snapshot(&self) -> Option<&[u8]> {
        self.snapshot.as_deref()
    }

    /// Replaces the snapshot, as if an earlier run had kept it.
    pub fn set_snapshot(&mut self, bytes: Option<Vec<u8>>) {
        self.snapshot = bytes;
    }

    /// From now on these are the opportunities that the owner has accepted.
    pub fn decide(&mut self, decided: Vec<Decided>) {
        self.decided = decided;
    }

    /// From now on `action`, which was pending, has come to this end, and the next run begins for it.
    pub fn settle(&mut self, action: ActionId, act: Act) {
        self.trigger = Trigger::Settled(action.clone());
        self.outcomes.insert(action, act);
    }

    /// One run. Its snapshot is kept only if it ends well, as in the machine.
    ///
    /// # Errors
    /// The strategy's own fault.
    pub async fn run(&mut self, strategy: &mut dyn Strategy) -> Result<(Report, Drafts), Fault> {
        self.steps.clear();
        let mut cx = Context::new(self);
        strategy.validate(&mut cx).await?;
        let report = strategy.execute(&mut cx).await?;
        let drafts = cx.into_drafts();
        if let Some((_, bytes)) = &drafts.snapshot {
            self.snapshot = Some(bytes.clone());
        }
        strategy.shutdown().await;
        Ok((report, drafts))
    }
}

#[async_trait]
impl Backend for Bench {
    async fn act(&mut self, step: &str, action: Action) -> Result<Act, Interrupt> {
        if !self.steps.insert(step.to_owned()) {
            return Err(Interrupt::DuplicateStep(step.to_owned()));
        }
        let act = self.answers.get(action.request.url().as_str()).cloned().unwrap_or_else(|| {
            Act::Refused(Refusal {
                class: ErrorClass::Transient,
                why: format!("{} could not be reached", action.request.url()),
                rules: Vec::new(),
            })
        });
        self.asked.push(action);
        Ok(act)
    }

    fn take_up(&mut self, item: &str, digest: Digest) -> bool {
        let taken = !self.set_aside.contains(&(item.to_owned(), digest));
        if taken {
            self.taken_up.push(item.to_owned());
        }
        taken
    }

    fn put_down(&mut self) {}

    async fn decisions(&mut self) -> Result<Vec<Decided>, Interrupt> {
        Ok(self.decided.clone())
    }

    async fn outcome(&mut self, action: &ActionId) -> Result<Option<Act>, Interrupt> {
        Ok(self.outcomes.get(action).cloned())
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn random(&mut self) -> u64 {
        self.random.next_u64()
    }

    fn trigger(&self) -> &Trigger {
        &self.trigger
    }

    fn snapshot(&self) -> Option<&[u8]> {
        self.snapshot.as_deref()
    }
}
