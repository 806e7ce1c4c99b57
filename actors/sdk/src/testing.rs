//! A test kit: runs a strategy against answers written by hand, at a time set by hand, and, with
//! [`Bench::with_rules`], judges what it proposes by a rule file as the machine would. It touches nothing,
//! and what it does not like it says by a panic: that is a failed test.
//!
//! ```
//! use mm_sdk::testing::Bench;
//! let mut bench = Bench::at("2026-07-22T12:00:00Z");
//! bench.answer("https://example.com/feed", 200, "[]");
//! assert_eq!(bench.asked().len(), 0);
//! ```

mod judging;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use mm_core::action::Action;
use mm_core::answer::Answer;
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::ActionId;
use mm_core::moment::Moment;
use mm_core::run::{Refusal, Trigger};
use mm_core::seams::SplitMix64;

use judging::Judging;

pub use judging::Ruled;
pub use mm_core::rule::Verdict;

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
    judging: Judging,
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
            judging: Judging::default(),
        }
    }

    /// From now on what is proposed is judged by these rules too, strictly, and by nothing else: `file` is the
    /// file's name, which is its platform's (`practice.toml`) or begins with `law-`, `text` what it holds. A
    /// forbidden act is refused with the rules that decided, one that asks is [`Act::Pending`] until
    /// [`approve`](Bench::approve) or [`reject`](Bench::reject), and only a permitted one gets its answer.
    /// What the strategy does not list in `proposes` is refused. Limits are not counted.
    ///
    /// # Panics
    /// With every mistake in the files, and if one of their own examples comes out otherwise.
    #[must_use]
    pub fn with_rules(mut self, file: &str, text: &str) -> Self {
        self.judging.add(file, text);
        self
    }

    /// From now on the owner lives there (ISO 3166-1 alpha-2, upper case); some rules ask for it.
    pub fn live_in(&mut self, country: &str) {
        self.judging.country = Some(country.to_owned());
    }

    /// What the rules said of each act that was judged, in order, over all runs.
    pub fn ruled(&self) -> &[Ruled] {
        &self.judging.ruled
    }

    /// Holds the newest judgement of `step` against a verdict and one of the rules that decided.
    ///
    /// # Panics
    /// If it is otherwise, with what was judged.
    #[track_caller]
    pub fn assert_ruled(&self, step: &str, verdict: Verdict, rule: &str) {
        let ruled = self.ruled().iter().rfind(|ruled| ruled.step == step);
        let ruled = ruled.unwrap_or_else(|| panic!("no act of step `{step}` was judged"));
        let as_said = ruled.judgement.verdict == verdict && ruled.rules().any(|own| own == rule);
        assert!(as_said, "step `{step}` is not {verdict} by `{rule}`: {ruled}");
    }

    /// The acts that wait for the owner, in order.
    pub fn waiting(&self) -> impl Iterator<Item = (&ActionId, &Action)> {
        self.judging.waiting.iter().map(|(id, action)| (id, action))
    }

    /// The owner says yes: the act gets the answer of its URL, and the next run begins for it.
    ///
    /// # Panics
    /// If it does not wait.
    pub fn approve(&mut self, action: &ActionId) {
        let approved = self.judging.take(action);
        let act = self.answer_to(&approved);
        self.settle(action.clone(), act);
    }

    /// The owner says no: the act is refused, and the next run begins for it.
    ///
    /// # Panics
    /// If it does not wait.
    pub fn reject(&mut self, action: &ActionId) {
        self.judging.take(action);
        let no = Refusal::new(ErrorClass::Compliance, "its owner said no");
        self.settle(action.clone(), Act::Refused(no));
    }

    /// Moves the clock.
    pub fn set_now(&mut self, now: Moment) {
        self.now = now;
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
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
        self.judging.begins(&strategy.about());
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

    /// As [`run`](Bench::run), without a runtime.
    ///
    /// # Errors
    /// The strategy's own fault.
    ///
    /// # Panics
    /// If the strategy waits for anything but its context, which answers at once here.
    pub fn run_now(&mut self, strategy: &mut dyn Strategy) -> Result<(Report, Drafts), Fault> {
        let run = pin!(self.run(strategy));
        match run.poll(&mut std::task::Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => ended,
            Poll::Pending => panic!("a strategy may wait for nothing but its context"),
        }
    }

    /// What stands ready for an act.
    fn answer_to(&self, action: &Action) -> Act {
        self.answers.get(action.request.url().as_str()).cloned().unwrap_or_else(|| {
            let why = format!("{} could not be reached", action.request.url());
            Act::Refused(Refusal::new(ErrorClass::Transient, why))
        })
    }
}

#[async_trait]
impl Backend for Bench {
    async fn act(&mut self, step: &str, action: Action) -> Result<Act, Interrupt> {
        if !self.steps.insert(step.to_owned()) {
            return Err(Interrupt::DuplicateStep(step.to_owned()));
        }
        let ruled = self.judging.judge(step, &action, self.now);
        let act = ruled.unwrap_or_else(|| self.answer_to(&action));
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
