//! What compliance would say, has said, and by which rules.

mod check;
mod explain;
mod replay;
mod report;
mod rules;

use mm_core::moment::Moment;
use mm_core::rule::{DecidingRule, Inputs, Obligations, Text};
use mm_store::{Record, Span};
use serde::{Deserialize, Serialize};

use super::{Problem, Question, Reader, unread};

pub use check::CheckView;
pub use explain::ExplainView;
pub use replay::{DeviationView, ReplayView};
pub use report::{AttemptView, CountView, ReportView, ViolationView};
pub use rules::{NoteView, RuleView};

pub(super) use check::check;
pub(super) use explain::explain;
pub(super) use replay::replay;
pub(super) use report::report;
pub(super) use rules::{lint, list, test};

/// The owner's part in a verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judging {
    /// His country (ISO 3166-1 alpha-2), if it is known.
    pub country: Option<String>,
    /// Whether what no rule speaks of is forbidden (else it is asked).
    pub strict: bool,
}

/// One rule's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordView {
    pub rule: String,
    pub verdict: String,
    pub reason: String,
    /// Where it is written.
    pub source: String,
    /// The sentence it rests on; empty for the engine's own.
    pub clause: String,
    /// `primary`, `secondary` or `unchecked`; none for the engine's own.
    pub certainty: Option<String>,
    /// Whether a person must do it on the platform itself.
    pub by_owner: bool,
}

impl From<&DecidingRule> for WordView {
    fn from(rule: &DecidingRule) -> Self {
        WordView {
            rule: rule.id.clone(),
            verdict: rule.verdict.to_string(),
            reason: rule.reason.clone(),
            source: rule.source.clone(),
            clause: rule.clause.clone(),
            certainty: rule.certainty.map(|certainty| certainty.as_str().to_owned()),
            by_owner: rule.by_owner,
        }
    }
}

/// What goes along with an act.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyView {
    /// Headers to send, name and value.
    pub headers: Vec<(String, String)>,
    /// The least pause before the next act of its kind, in milliseconds.
    pub pause_ms_min: u64,
    /// What the published text must hold, a sentence each.
    pub text: Vec<String>,
}

impl From<&Obligations> for DutyView {
    fn from(duty: &Obligations) -> Self {
        let (headers, text) = (duty.all_headers(), duty.text_duties());
        DutyView { headers, pause_ms_min: duty.pause_ms_min, text }
    }
}

/// What was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputsView {
    pub platform: String,
    pub action: String,
    pub method: String,
    /// Without its query, which may hold a secret.
    pub url: String,
    pub account: Option<String>,
    pub country: Option<String>,
    pub at: String,
    pub strict: bool,
    pub facts: Vec<(String, String)>,
    /// `nothing`, `unknown` or how it is written.
    pub text_kind: String,
    /// The text that would be published, or why it is not known.
    pub text: Option<String>,
}

impl From<&Inputs> for InputsView {
    fn from(inputs: &Inputs) -> Self {
        let (text_kind, text) = match &inputs.text {
            Text::Nothing => ("nothing", None),
            Text::Unknown(why) => ("unknown", Some(why.clone())),
            Text::Known { format, text } => (format.as_str(), Some(text.clone())),
        };
        InputsView {
            platform: inputs.platform.to_string(),
            action: inputs.kind.to_string(),
            method: inputs.method.to_string(),
            url: inputs.url.shown(),
            account: inputs.account.as_ref().map(ToString::to_string),
            country: inputs.country.clone(),
            at: inputs.at.to_string(),
            strict: inputs.strict,
            facts: inputs.facts.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            text_kind: text_kind.to_owned(),
            text,
        }
    }
}

/// A period: from a moment on, before another; open where none is named.
#[derive(Debug, Clone, Copy)]
struct Period {
    from: Option<Moment>,
    to: Option<Moment>,
}

impl Period {
    fn of(question: &Question) -> Result<Self, Problem> {
        let period = Self { from: question.value("from")?, to: question.value("to")? };
        match (period.from, period.to) {
            (Some(from), Some(to)) if from > to => {
                Err(Problem::Bad("the period ends before it begins; `from` is the earlier time".to_owned()))
            }
            _ => Ok(period),
        }
    }

    fn holds(&self, at: Moment) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }

    fn shown(&self) -> (Option<String>, Option<String>) {
        (self.from.map(|at| at.to_string()), self.to.map(|at| at.to_string()))
    }
}

/// A record that does not open. When it was made is not known either, so it belongs to every period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadView {
    /// `decision` or `action`.
    pub kind: String,
    /// The action.
    pub id: String,
    /// What is wrong with it, in a sentence.
    pub why: String,
}

/// Rows by their action, and those that do not open.
type Read<R> = (Vec<(String, R)>, Vec<UnreadView>);

/// Every row of a kind by its action, and those that do not open: a record that was made unreadable must not
/// look like one that was never made.
fn rows<R: Record>(reader: &Reader) -> Result<Read<R>, Problem> {
    let scanned = reader.store.scan::<R>(&reader.space, Span::all(), usize::MAX);
    let scanned = scanned.map_err(|error| unread(&error))?;
    let kind = R::KIND.name;
    let damaged = scanned.damaged.into_iter().map(|row| UnreadView {
        why: format!("the {kind} on record does not open: {}", crate::exit::chain(&row.what)),
        kind: kind.to_owned(),
        id: row.id,
    });
    let damaged = damaged.collect();
    Ok((scanned.rows.into_iter().map(|(id, row)| (id, row.value)).collect(), damaged))
}

/// The rules, or why there are none.
fn rules_of(reader: &Reader) -> Result<&mm_core::rule::RuleSet, Problem> {
    match &reader.rules {
        Ok(rules) => Ok(rules),
        Err(why) => Err(Problem::Failed(format!("the rules could not be read: {why}"))),
    }
}

#[cfg(test)]
mod tests;
