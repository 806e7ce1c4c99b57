//! All that a verdict depends on beside the rules, as it is kept with the decision: judged again with
//! the rules of its day it gives the same verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::judge::Judged;
use super::text::Text;
use super::{Judgement, RuleSet};
use crate::action::{Action, ActionKind, Method};
use crate::id::{AccountId, PlatformId};
use crate::moment::Moment;
use crate::url::LogicalUrl;

/// Of so many facts, and each of so many bytes with its name, rules take note. More than that is as if
/// none were told, so that what is kept has an end.
const FACTS_MAX: usize = 32;
const FACT_BYTES_MAX: usize = 256;
/// The longest name of a kind that a rule file can write.
const KIND_BYTES_MAX: usize = 64;

/// What is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The external service.
    pub platform: PlatformId,
    /// The kind of act.
    pub kind: ActionKind,
    /// The request's method.
    pub method: Method,
    /// Where it would go.
    pub url: LogicalUrl,
    /// The account it would be done with.
    pub account: Option<AccountId>,
    /// The owner's country (ISO 3166-1 alpha-2, upper case), if known.
    pub country: Option<String>,
    /// When.
    pub at: Moment,
    /// Whether what no rule speaks of is forbidden (else it is asked).
    pub strict: bool,
    /// What whoever proposes it has looked up and vouches for.
    pub facts: BTreeMap<String, String>,
    /// The text that would be published.
    pub text: Text,
}

impl Inputs {
    /// An action of an owner in `country`, judged at `at` by `rules`, which say where its text stands.
    pub fn of(rules: &RuleSet, action: &Action, country: Option<&str>, at: Moment, strict: bool) -> Self {
        let request = &action.request;
        Self {
            platform: action.platform.clone(),
            kind: spelt(&action.kind),
            method: request.method(),
            url: request.url().clone(),
            account: action.account.clone(),
            country: country.map(str::to_owned),
            at,
            strict,
            facts: kept(&action.facts),
            text: rules.text_of(&action.platform, &action.kind, request),
        }
    }

    /// As the engine sees them.
    pub fn judged(&self) -> Judged<'_> {
        Judged {
            platform: &self.platform,
            kind: &self.kind,
            method: self.method,
            url: &self.url,
            account: self.account.as_ref(),
            country: self.country.as_deref(),
            at: self.at,
            facts: &self.facts,
            text: &self.text,
        }
    }

    /// Judges them by `rules`.
    pub fn judge(&self, rules: &RuleSet) -> Judgement {
        rules.judge(&self.judged(), self.strict)
    }
}

/// The kind, or what of it shows that no rule names it.
fn spelt(kind: &ActionKind) -> ActionKind {
    if kind.as_str().len() <= KIND_BYTES_MAX {
        return kind.clone();
    }
    ActionKind::new(kind.as_str().chars().take(KIND_BYTES_MAX).chain(['…']).collect::<String>())
}

fn kept(facts: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let fits = |(name, value): (&String, &String)| name.len() + value.len() <= FACT_BYTES_MAX;
    if facts.len() > FACTS_MAX || !facts.iter().all(fits) { BTreeMap::new() } else { facts.clone() }
}
