//! What a person is asked about an act, with everything he needs to decide.

use mm_core::action::Request;
use mm_core::approval::Approval;
use mm_core::id::{ActionId, StrategyId};
use mm_core::rule::Verdict;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// An item of the inbox. Row id: made of what is asked and when, so that a question that is asked anew is
/// another item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// The action it is about.
    pub action: ActionId,
    /// Who proposes it.
    pub strategy: StrategyId,
    /// The platform.
    pub platform: String,
    /// The account it would be done with.
    pub account: Option<String>,
    /// The kind of act.
    pub kind: String,
    /// What it is for, in its strategy's words.
    pub purpose: String,
    /// Exactly what would be sent, credentials as their slots; the edited one, once it is edited.
    pub request: Request,
    /// The rules that ask, quoted.
    pub rules: Vec<QuotedRule>,
    /// What its strategy wants its owner to read first.
    pub notes: Vec<String>,
    /// Where the question stands, and what was said to it.
    pub item: Approval,
}

impl Record for ApprovalRow {
    const KIND: Kind = Kind::new("approval", 122, 1);
    const BYTES_MAX: usize = 2 << 20;
}

/// A rule as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedRule {
    /// The rule's id.
    pub id: String,
    /// What it says here.
    pub verdict: Verdict,
    /// Why, in one line.
    pub reason: String,
    /// Where it is written.
    pub source: String,
    /// The sentence it rests on.
    pub clause: String,
}
