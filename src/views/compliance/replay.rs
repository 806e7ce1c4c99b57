//! Every stored decision, made once more by the rules of its day.

use std::collections::BTreeMap;

use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::rule::RuleSet;
use mm_services::records::{DecisionRow, RuleSetRow};
use serde::{Deserialize, Serialize};

use super::{Period, UnreadView, rows};
use crate::views::{Problem, Question, Reader};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayView {
    pub from: Option<String>,
    pub to: Option<String>,
    /// How many decisions were made again.
    pub decisions: usize,
    /// How many do not open, whatever the period: each is a deviation.
    pub damaged: usize,
    /// By how many versions of the rules.
    pub rule_sets: usize,
    /// Those that came out otherwise, or could not be made.
    pub deviations: Vec<DeviationView>,
}

/// A decision that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviationView {
    /// The action.
    pub id: String,
    pub at: String,
    pub rules_version: String,
    /// What is on record.
    pub stored: String,
    /// What it would be; none if it could not be made.
    pub now: Option<String>,
    /// A sentence.
    pub why: String,
}

/// Values: `from, to`.
pub fn replay(reader: &Reader, question: &Question) -> Result<ReplayView, Problem> {
    question.only(&["from", "to"])?;
    let period = Period::of(question)?;
    let mut kept = Kept { reader, sets: BTreeMap::new() };
    let (decisions, damaged) = rows::<DecisionRow>(reader)?;
    let mut found: Vec<DeviationView> = damaged.iter().map(unreadable).collect();
    let mut count = 0;
    for (id, row) in decisions.into_iter().filter(|(_, row)| period.holds(row.inputs.at)) {
        count += 1;
        found.extend(kept.deviation(&id, &row));
    }
    let (from, to) = period.shown();
    let (rule_sets, damaged) = (kept.sets.len(), damaged.len());
    Ok(ReplayView { from, to, decisions: count, damaged, rule_sets, deviations: found })
}

/// A decision that does not open says nothing that could come out the same.
fn unreadable(row: &UnreadView) -> DeviationView {
    DeviationView {
        id: row.id.clone(),
        at: "unknown".to_owned(),
        rules_version: "unknown".to_owned(),
        stored: "nothing that can be read".to_owned(),
        now: None,
        why: row.why.clone(),
    }
}

/// The rules of each day, read once.
pub(super) struct Kept<'r> {
    pub reader: &'r Reader,
    pub sets: BTreeMap<Digest, Result<RuleSet, String>>,
}

impl Kept<'_> {
    /// What is otherwise when a decision is made again, if anything is.
    pub fn deviation(&mut self, id: &str, row: &DecisionRow) -> Option<DeviationView> {
        let deviation = |now: Option<String>, why: String| DeviationView {
            id: id.to_owned(),
            at: row.inputs.at.to_string(),
            rules_version: row.rules.to_string(),
            stored: spelt(row.verdict.as_str(), row.deciding.iter().map(|rule| rule.id.as_str())),
            now,
            why,
        };
        let reader = self.reader;
        let rules = match self.sets.entry(row.rules).or_insert_with(|| read(reader, &row.rules)) {
            Ok(rules) => rules,
            Err(why) => return Some(deviation(None, why.clone())),
        };
        let again = row.inputs.judge(rules);
        let ids = |deciding: &[mm_core::rule::DecidingRule]| -> Vec<String> {
            deciding.iter().map(|rule| rule.id.clone()).collect()
        };
        let why = if again.verdict != row.verdict {
            "the verdict is another"
        } else if ids(&again.deciding) != ids(&row.deciding) {
            "other rules decide"
        } else if again.obligations != row.obligations || again.by_owner != row.by_owner {
            "the obligations are others"
        } else {
            return None;
        };
        let now = spelt(again.verdict.as_str(), again.deciding.iter().map(|rule| rule.id.as_str()));
        Some(deviation(Some(now), why.to_owned()))
    }
}

fn spelt<'a>(verdict: &str, rules: impl Iterator<Item = &'a str>) -> String {
    format!("{verdict} by {}", rules.collect::<Vec<_>>().join(", "))
}

fn read(reader: &Reader, version: &Digest) -> Result<RuleSet, String> {
    let none = RuleSet::parse(&[]).map_err(|_| "no rules cannot be read".to_owned())?;
    // Rules that could not be read are none at all, and are not kept.
    if none.version() == *version {
        return Ok(none);
    }
    let row = reader.store.get::<RuleSetRow>(&Space::machine(), &version.to_string());
    let row = row.map_err(|error| crate::exit::chain(&error))?;
    let row = row.ok_or_else(|| "the rules of that day were not kept".to_owned())?;
    let rules = row.value.rules().map_err(|error| crate::exit::chain(&error))?;
    if rules.version() != *version {
        return Err("the rules that were kept are not those that it was made by".to_owned());
    }
    Ok(rules)
}
