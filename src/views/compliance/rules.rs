//! The rules, what is to be looked at in them, and their examples.

use mm_core::rule::{Lint, Rule};
use serde::{Deserialize, Serialize};

use super::rules_of;
use crate::views::limit::known;
use crate::views::{Problem, Question, Reader};

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    pub id: String,
    /// The platform; none for a law.
    pub platform: Option<String>,
    /// The kind of act; none for every kind.
    pub action: Option<String>,
    pub verdict: String,
    pub by_owner: bool,
    pub reason: String,
    pub source: String,
    pub clause: String,
    pub certainty: String,
    /// The day on which a person last compared it with its source.
    pub reviewed: String,
    /// Whether that is too long ago, so that it permits no more.
    pub stale: bool,
    /// `FILE:LINE`.
    pub place: String,
}

/// Something to look at in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteView {
    pub file: String,
    pub line: usize,
    pub rule: String,
    pub sentence: String,
}

impl From<Lint> for NoteView {
    fn from(lint: Lint) -> Self {
        NoteView { file: lint.file, line: lint.line, rule: lint.rule, sentence: lint.sentence }
    }
}

pub(super) fn view(reader: &Reader, rule: &Rule) -> RuleView {
    RuleView {
        id: rule.id.clone(),
        platform: rule.platform.as_ref().map(ToString::to_string),
        action: rule.action.as_ref().map(ToString::to_string),
        verdict: rule.verdict.to_string(),
        by_owner: rule.by_owner,
        reason: rule.reason.clone(),
        source: rule.source.clone(),
        clause: rule.clause.clone(),
        certainty: rule.certainty.as_str().to_owned(),
        reviewed: rule.reviewed.to_string().chars().take(10).collect(),
        stale: rule.is_stale(reader.now),
        place: format!("{}:{}", rule.file, rule.line),
    }
}

/// `platform` names one.
pub fn list(reader: &Reader, question: &Question) -> Result<Vec<RuleView>, Problem> {
    question.only(&["platform"])?;
    match question.text("platform") {
        Some(name) => Ok(known(reader, name)?.rules.iter().map(|rule| view(reader, rule)).collect()),
        None => Ok(rules_of(reader)?.rules().map(|rule| view(reader, rule)).collect()),
    }
}

pub fn lint(reader: &Reader) -> Result<Vec<NoteView>, Problem> {
    Ok(rules_of(reader)?.lint(reader.now).into_iter().map(NoteView::from).collect())
}

pub fn test(reader: &Reader) -> Result<Vec<NoteView>, Problem> {
    Ok(rules_of(reader)?.run_examples().into_iter().map(NoteView::from).collect())
}
