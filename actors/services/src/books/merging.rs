//! What a run's drafts make of the opportunities: new rows, and those that were found again.
//!
//! It reads the store and writes nothing: the run's own commit does, of all of it or of nothing.

use std::collections::BTreeMap;

use mm_core::id::{Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::opportunity::{Facts, Opportunity, Payer, State, Step};
use mm_core::untrusted::Untrusted;
use mm_sdk::Draft;
use mm_store::{Change, ChangeError, Key, NewEntry, ReadError, Record, Span, Store};
use serde_json::json;

use crate::integrity;

/// What a run's drafts make of the books.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// The rows as they will be, each with the version it has now.
    pub(crate) rows: Vec<(Opportunity, Option<u64>)>,
    /// What changed their states.
    pub(crate) steps: Vec<Step>,
    /// Payers as they will be, each with the version its row has now.
    pub(crate) payers: BTreeMap<String, (Payer, Option<u64>)>,
    /// How many are there for the first time.
    pub(crate) found: u32,
    /// The titles of those the owner is told of, best first.
    pub(crate) told: Vec<String>,
}

impl Merged {
    /// The rows as a change, each step on the audit trail.
    pub(crate) fn change(&self, space: &Space) -> Result<Change, ChangeError> {
        let mut change = Change::new();
        for step in &self.steps {
            change = change.and(stepped(space, step)?);
        }
        for (id, (payer, version)) in &self.payers {
            let key = Key::of::<Payer>(space, id)?;
            change = match version {
                Some(version) => change.expect_version(key, *version),
                None => change.expect_absent(key),
            };
            change = change.put(space, id, payer)?;
        }
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

impl Merged {
    /// What had expired and was found again with a later deadline stands again as it did before. Where the step
    /// by which it expired does not open it stays as it is: its owner can still accept it.
    fn reopened(
        &mut self,
        store: &Store,
        space: &Space,
        again: Opportunity,
        now: Moment,
    ) -> Result<Opportunity, ReadError> {
        if again.state != State::Expired {
            return Ok(again);
        }
        let last = integrity::read::<Step>(store, space, &Step::row_id(&again.id, again.steps))?;
        let last = last.ok().flatten();
        Ok(match last.and_then(|last| again.reopened(&last.value, now)) {
            Some((after, step)) => {
                self.steps.push(step);
                after
            }
            None => again,
        })
    }
}

/// A change of a state: its row, and its entry on the audit trail. What somebody else wrote stays out of it.
pub(super) fn stepped(space: &Space, step: &Step) -> Result<Change, ChangeError> {
    let id = Step::row_id(&step.opportunity, step.number);
    let payload = json!({
        "opportunity": step.opportunity.as_str(),
        "step": step.number,
        "from": step.from,
        "to": step.to,
        "by": step.by.to_string(),
    });
    let kind = format!("opportunity.{}", step.to.as_str());
    Ok(Change::new()
        .expect_absent(Key::of::<Step>(space, &id)?)
        .put(space, &id, step)?
        .audit(NewEntry::new(step.at, space, &kind, &payload)?))
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
            Some(earlier) => {
                let again = fresh.found_again(&earlier.value);
                let again = merged.reopened(store, space, again, now)?;
                merged.rows.push((again, Some(earlier.version)));
            }
            None => {
                merged.found += 1;
                let fresh = known(store, space, fresh)?;
                if fresh.tell && fresh.state == State::New {
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

/// A row that was lost, or erased, while the steps that led to its state are there: it goes on from them.
fn known(store: &Store, space: &Space, fresh: Opportunity) -> Result<Opportunity, ReadError> {
    let steps = store.scan::<Step>(space, Span::prefix(&format!("{}/", fresh.id)), usize::MAX)?;
    Ok(match steps.into_values().last() {
        Some(last) => Opportunity { state: last.to, steps: last.number, ..fresh },
        None => fresh,
    })
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
        state: State::New,
        found_at: now,
        updated_at: now,
        reward: draft.reward.clone(),
        score: draft.score.min(100),
        reason: line(&draft.reason, 300),
        evidence: draft.evidence,
        details: draft.details.to_string(),
        tell: draft.tell,
        deadline: draft.deadline,
        payer: draft.payer.as_ref().map(|payer| line(payer, 120)).filter(|payer| !payer.is_empty()),
        facts: facts(&draft.facts),
        steps: 0,
        settled: false,
    }
}

/// So many lines of a sort are kept.
const LINES_MAX: usize = 8;

/// What was read in public, each of it one harmless line.
fn facts(facts: &Facts) -> Facts {
    let lines = |texts: &[String]| {
        let lines = texts.iter().take(LINES_MAX).map(|text| Untrusted::new(text).line(200));
        lines.filter(|text| !text.is_empty()).collect::<Vec<_>>()
    };
    // Bait without words is bait.
    let mut bait = lines(&facts.bait);
    if bait.is_empty() && !facts.bait.is_empty() {
        bait.push("it is bait".to_owned());
    }
    Facts { bait, against: lines(&facts.against), said: lines(&facts.said), ..facts.clone() }
}
