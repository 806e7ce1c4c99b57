//! A period in figures: what was done, what was not let out, and whether anything left that must not.

use std::collections::BTreeMap;

use mm_core::activity::{ActionRecord, Stage};
use mm_core::rule::{Rule, Verdict};
use mm_services::records::DecisionRow;
use serde::{Deserialize, Serialize};

use super::replay::Kept;
use super::rules::{RuleView, view};
use super::{Period, UnreadView, rows};
use crate::views::{Problem, Question, Reader};

/// How violations are looked for.
const METHOD: &str = "Every act on record that may have left (its stage is sending, confirmed or ambiguous, or it has \
    an answer) is held against the decision that was stored for it: it must be a permit, or an ask that an approval \
    answers, and made again by the rules of its day it must come out the same.";

/// Compliance over a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportView {
    pub from: Option<String>,
    pub to: Option<String>,
    /// When the report was made.
    pub made: String,
    pub version: String,
    /// Acts on record in the period.
    pub actions: usize,
    pub by_verdict: Vec<CountView>,
    pub by_status: Vec<CountView>,
    pub by_platform: Vec<CountView>,
    pub by_strategy: Vec<CountView>,
    /// What was proposed and not let out.
    pub attempted: Vec<AttemptView>,
    /// What left though no rule let it; there must be none.
    pub committed: Vec<ViolationView>,
    /// Acts and decisions on record that do not open, of whatever time; there must be none.
    pub damaged: Vec<UnreadView>,
    /// Acts that left and have no decision on record to hold them against; also told among `committed` if
    /// their own checks do not permit them.
    pub without_decision: usize,
    /// How `committed` was determined.
    pub method: String,
    /// Rules that permit no more until a person has reviewed them.
    pub stale: Vec<RuleView>,
    /// Why no rules could be read, if so.
    pub rules_error: Option<String>,
}

impl ReportView {
    /// Whether nothing left that must not, as far as every record says.
    pub fn is_clean(&self) -> bool {
        self.committed.is_empty() && self.damaged.is_empty()
    }
}

/// So many of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountView {
    pub name: String,
    pub count: usize,
}

/// An act that was not let out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    pub id: String,
    pub at: String,
    pub strategy: String,
    pub platform: String,
    pub action: String,
    pub rules: Vec<String>,
    pub why: String,
}

/// An act that left and must not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationView {
    pub id: String,
    pub at: String,
    pub platform: String,
    pub action: String,
    pub why: String,
}

/// Values: `from, to`.
pub fn report(reader: &Reader, question: &Question) -> Result<ReportView, Problem> {
    question.only(&["from", "to"])?;
    let period = Period::of(question)?;
    let (acts, mut damaged) = rows::<ActionRecord>(reader)?;
    let mut acts: Vec<ActionRecord> =
        acts.into_iter().map(|(_, act)| act).filter(|act| period.holds(act.at)).collect();
    acts.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    let (decisions, unread) = rows::<DecisionRow>(reader)?;
    damaged.extend(unread);
    let decisions: BTreeMap<String, DecisionRow> = decisions.into_iter().collect();
    let decision = |act: &ActionRecord| decisions.get(act.id.as_str());
    let mut kept = Kept { reader, sets: BTreeMap::new() };
    let left: Vec<&ActionRecord> = acts.iter().filter(|act| may_have_left(act)).collect();
    let committed = left.iter().filter_map(|act| violation(&mut kept, act, decision(act))).collect();
    let without_decision = left.iter().filter(|act| decision(act).is_none()).count();
    let (from, to) = period.shown();
    let stale = |rule: &&Rule| rule.verdict == Verdict::Permit;
    Ok(ReportView {
        from,
        to,
        made: reader.now.to_string(),
        version: reader.place.version.to_owned(),
        actions: acts.len(),
        by_verdict: counted(acts.iter().map(|act| verdict(act, decision(act)))),
        by_status: counted(acts.iter().map(|act| act.stage.status().to_owned())),
        by_platform: counted(acts.iter().map(|act| act.platform.clone())),
        by_strategy: counted(acts.iter().map(|act| act.strategy.to_string())),
        attempted: acts.iter().filter(|act| is_attempt(act, decision(act))).map(attempt).collect(),
        committed,
        damaged,
        without_decision,
        method: METHOD.split_whitespace().collect::<Vec<_>>().join(" "),
        stale: match &reader.rules {
            Ok(rules) => rules.stale(reader.now).filter(stale).map(|rule| view(reader, rule)).collect(),
            Err(_) => Vec::new(),
        },
        rules_error: reader.rules.as_ref().err().cloned(),
    })
}

/// The names with how often each comes, the most frequent first.
fn counted(names: impl Iterator<Item = String>) -> Vec<CountView> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut views: Vec<CountView> =
        counts.into_iter().map(|(name, count)| CountView { name, count }).collect();
    views.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    views
}

/// The verdict that is on record: the decision's, else the strictest of the checks.
fn verdict(act: &ActionRecord, decision: Option<&DecisionRow>) -> String {
    if let Some(row) = decision {
        return row.verdict.to_string();
    }
    let said = |word: &str| act.checks.iter().any(|check| check.verdict == word);
    let known = ["forbid", "ask", "permit"].into_iter().find(|word| said(word));
    known.unwrap_or("none on record").to_owned()
}

fn may_have_left(act: &ActionRecord) -> bool {
    matches!(act.stage, Stage::Sending | Stage::Confirmed | Stage::Ambiguous) || act.answer_status.is_some()
}

fn is_attempt(act: &ActionRecord, decision: Option<&DecisionRow>) -> bool {
    act.stage == Stage::Blocked && verdict(act, decision) == "forbid"
}

fn attempt(act: &ActionRecord) -> AttemptView {
    let barriers = act.checks.iter().filter(|check| check.verdict == "forbid");
    AttemptView {
        id: act.id.to_string(),
        at: act.at.to_string(),
        strategy: act.strategy.to_string(),
        platform: act.platform.clone(),
        action: act.kind.clone(),
        rules: barriers.map(|check| check.rule.clone()).collect(),
        why: act.error.clone().unwrap_or_default(),
    }
}

/// What is wrong with an act that left, if anything is.
fn violation(kept: &mut Kept<'_>, act: &ActionRecord, row: Option<&DecisionRow>) -> Option<ViolationView> {
    let why = match row {
        None if verdict(act, None) == "permit" => return None,
        None => "it left, no decision on it is kept, and its checks do not permit it".to_owned(),
        Some(row) if row.verdict == Verdict::Forbid => "it left though it was forbidden".to_owned(),
        Some(row) if row.verdict == Verdict::Ask && row.approval.is_none() => {
            "it left though it was asked and no approval is on record".to_owned()
        }
        Some(row) => {
            let deviation = kept.deviation(act.id.as_str(), row)?;
            format!("its decision does not hold by the rules of its day: {}", deviation.why)
        }
    };
    let (id, at) = (act.id.to_string(), act.at.to_string());
    Some(ViolationView { id, at, platform: act.platform.clone(), action: act.kind.clone(), why })
}
