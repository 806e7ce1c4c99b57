//! The record of an action in the making: what a walk learns of it, until it is written.
//!
//! It is held by one walk and goes with it: what counts is what `writing` has put on record. It touches
//! nothing but itself; a stage that no action takes is a bug, and nothing is written then.

use mm_core::activity::{ActionRecord, Stage};
use mm_core::answer::Answer;
use mm_core::approval::Approved;
use mm_core::digest::Digest;
use mm_core::id::{ActionId, Space};
use mm_core::moment::Moment;
use mm_core::untrusted::Untrusted;
use mm_store::Change;
use mm_supervision::{Fault, Hop, take_hops_here};
use serde_json::json;

use super::Proposal;
use super::marks::Seen;
use super::proposal::base_step;
use crate::compliance::Ruling;
use crate::records::{ChangeRow, DecisionRow, HOPS_KEPT, WayRow};

/// The longest sentence that a record keeps.
pub(super) const SENTENCE_CHARS_MAX: usize = 1000;

/// The record of an action in the making.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) record: ActionRecord,
    pub(super) rules: Digest,
    pub(super) tries: u32,
    /// How the last try ended, until it is on record.
    pub(super) tried: Option<serde_json::Value>,
    /// Whether its intent is on record and no answer is.
    pub(super) sending: bool,
    /// Whether of the last try provably nothing has left.
    unsent: bool,
    /// The messages that have carried it so far.
    way: Vec<Hop>,
    /// The mark of its change as it was when it began.
    seen: Seen,
    /// The whole change, once it is kept.
    pub(super) change: Option<ChangeRow>,
    /// What compliance decided, until it is on record.
    decision: Option<DecisionRow>,
    /// What stood against it where no rule did, without what was asked for.
    short: Option<String>,
}

impl Draft {
    /// The record of a hop that has not begun.
    pub(super) fn of(p: &Proposal, now: Moment, hops: u32) -> Self {
        let request = &p.action.request;
        let record = ActionRecord {
            id: p.id(),
            space: p.space.clone(),
            strategy: p.strategy.clone(),
            run: p.run.clone(),
            step: p.step.clone(),
            at: now,
            updated_at: now,
            platform: p.action.platform.to_string(),
            kind: p.action.kind.to_string(),
            method: request.method().to_string(),
            url: request.url().shown(),
            purpose: Untrusted::new(p.action.purpose.as_str()).line(300),
            request_hash: request.hash(),
            stage: Stage::Planned,
            checks: Vec::new(),
            answer_status: None,
            answer: None,
            answer_bytes: 0,
            took_ms: 0,
            error: None,
            parent: (hops > 0).then(|| ActionId::new(format!("{}.{}", p.run, base_step(&p.step)))),
        };
        Self {
            record,
            rules: Digest::default(),
            tries: 0,
            tried: None,
            sending: false,
            unsent: false,
            way: Vec::new(),
            seen: Seen::default(),
            change: None,
            decision: None,
            short: None,
        }
    }

    /// How often its intent was put on record.
    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    /// Takes the ruling's checks.
    pub(super) fn judged(&mut self, ruling: &Ruling) {
        self.record.checks = ruling.judgement.checks();
        self.short = None;
        self.rules = ruling.rules;
        let mut decision = DecisionRow::of(ruling);
        if self.record.parent.is_some() {
            // Where a redirect leads its platform says, and a query of its choice may hold a secret.
            decision.inputs.url = decision.inputs.url.without_query();
        }
        self.decision = Some(decision);
    }

    /// Its owner's yes answers what was decided: whose, and to which bytes.
    pub(super) fn approved(&mut self, yes: &Approved) {
        if let Some(decision) = &mut self.decision {
            decision.approval = Some(format!("{} by {}", yes.request().short(16), yes.by()));
        }
    }

    /// The change that puts on record what was decided, unless it is there already.
    pub(super) fn decided(&self, space: &Space) -> Result<Change, Fault> {
        Ok(match &self.decision {
            Some(decision) => Change::new().put(space, self.record.id.as_str(), decision)?,
            None => Change::new(),
        })
    }

    /// What was to be put on record with the intent is there.
    pub(super) fn intended(&mut self) {
        self.tried = None;
        self.decision = None;
        self.sending = true;
        self.unsent = false;
    }

    /// Of the try whose intent is on record nothing has left.
    pub(super) fn not_sent(&mut self) {
        self.unsent = true;
    }

    /// Whether an intent is on record of which provably nothing has left.
    pub(super) fn is_unsent(&self) -> bool {
        self.unsent
    }

    /// Notes how a try ended that is not the last word; it is audited with the next change.
    pub(super) fn tried(&mut self, status: Option<u16>, what: &str) -> Result<(), Fault> {
        if self.record.stage != Stage::Failed {
            self.stage(Stage::Failed)?;
        }
        self.record.answer_status = status.or(self.record.answer_status);
        let what: String = what.chars().take(SENTENCE_CHARS_MAX).collect();
        self.tried = Some(json!({
            "action": self.record.id.as_str(), "try": self.tries, "status": status, "what": what,
        }));
        Ok(())
    }

    /// Whether something can have left, as far as this walk knows.
    pub(super) fn may_have_left(&self) -> bool {
        self.sending
    }

    /// The row of its way up to here.
    pub(super) fn way(&mut self) -> WayRow {
        self.way.extend(take_hops_here(self.record.id.as_str()));
        // What was in hand when it was looked at before is told again, whole.
        let mut hops: Vec<Hop> = Vec::with_capacity(self.way.len());
        for hop in self.way.drain(..) {
            let same = |other: &Hop| {
                (other.at_ms, other.queue_ns, &other.path, &other.kind)
                    == (hop.at_ms, hop.queue_ns, &hop.path, &hop.kind)
            };
            match hops.iter_mut().find(|other| same(other)) {
                Some(known) => *known = hop,
                None => hops.push(hop),
            }
        }
        hops.truncate(HOPS_KEPT);
        self.way.clone_from(&hops);
        WayRow { hops }
    }

    /// Moves it on; a step that no action takes is a bug, and nothing is written.
    pub(super) fn stage(&mut self, next: Stage) -> Result<(), Fault> {
        self.record.stage = self
            .record
            .stage
            .then(next, self.is_mutating())
            .map_err(|no_way| Fault::bug(no_way.to_string()))?;
        Ok(())
    }

    fn is_mutating(&self) -> bool {
        self.record.is_mutating()
    }

    /// Takes the mark of its change as it is before anything is done.
    pub(super) fn saw(&mut self, seen: Seen) {
        self.seen = seen;
    }

    /// The mark as it was.
    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    /// Where it stands.
    pub(super) fn record(&self) -> &ActionRecord {
        &self.record
    }

    /// Says that it waits, and for what.
    pub(super) fn waits(&mut self, why: String, now: Moment) -> Result<(), Fault> {
        if self.record.stage == Stage::Failed {
            self.stage(Stage::Planned)?;
        }
        self.stage(Stage::Pending)?;
        self.record.updated_at = now;
        self.record.error = Some(why.chars().take(SENTENCE_CHARS_MAX).collect());
        Ok(())
    }

    /// Notes what stands against it, in words that may leave the machine.
    pub(super) fn stands_against(&mut self, short: impl Into<String>) {
        self.short = Some(short.into());
    }

    /// What stands against it, if that was noted.
    pub(super) fn short(&self) -> Option<&str> {
        self.short.as_deref()
    }

    /// What was answered, where the answer is not the end.
    pub(super) fn answered(&mut self, answer: &Answer) {
        self.record.answer_status = Some(answer.status);
        self.record.updated_at = answer.at;
    }

    /// The whole change, if it is kept.
    pub(super) fn kept(&self) -> Option<&ChangeRow> {
        self.change.as_ref()
    }
}
