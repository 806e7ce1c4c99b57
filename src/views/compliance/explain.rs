//! Why an act was permitted, asked or forbidden.

use mm_core::untrusted::Untrusted;
use mm_services::records::DecisionRow;
use serde::{Deserialize, Serialize};

use super::{DutyView, InputsView, WordView};
use crate::views::action::{self, ActivityView};
use crate::views::{Problem, Reader, unread};

/// A decision, and the act that it was made on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainView {
    pub id: String,
    pub verdict: String,
    /// Whether a person must do it on the platform itself.
    pub by_owner: bool,
    /// The rules that decided, with their clauses.
    pub rules: Vec<WordView>,
    pub obligations: DutyView,
    /// What was judged.
    pub inputs: InputsView,
    /// The version of the rules of that day.
    pub rules_version: String,
    /// The approval that answered, if one did: the beginning of the hash of what was approved, and who said yes.
    pub approval: Option<String>,
    /// The act itself, if it is on record.
    pub activity: Option<ActivityView>,
}

pub fn explain(reader: &Reader, id: &str) -> Result<ExplainView, Problem> {
    let activity = match action::show(reader, id) {
        Ok(view) => Some(view),
        Err(Problem::Unknown(_)) => None,
        Err(problem) => return Err(problem),
    };
    let row = match reader.store.get::<DecisionRow>(&reader.space, id) {
        Ok(row) => row.map(|row| row.value),
        Err(mm_store::ReadError::Key(_)) => None,
        Err(error) => return Err(unread(&error)),
    };
    let Some(row) = row else {
        let shown = Untrusted::new(id).line(80);
        return Err(Problem::Unknown(match activity {
            Some(_) => format!("no decision on `{shown}` was kept; `actions show {shown}` has its checks"),
            None => format!("there is no action `{shown}`; `actions list` shows the ids"),
        }));
    };
    Ok(ExplainView {
        id: id.to_owned(),
        verdict: row.verdict.to_string(),
        by_owner: row.by_owner,
        rules: row.deciding.iter().map(WordView::from).collect(),
        obligations: DutyView::from(&row.obligations),
        inputs: InputsView::from(&row.inputs),
        rules_version: row.rules.to_string(),
        approval: row.approval,
        activity,
    })
}
