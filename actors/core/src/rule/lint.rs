//! What the owner of a rule set should look at: nothing here stops the machine.

use std::fmt;

use super::{Certainty, Judged, Pack, REVIEW_DAYS, Rule, RuleSet, Verdict};
use crate::id::AccountId;
use crate::moment::Moment;

/// Something to look at in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lint {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's id, or what it is about.
    pub rule: String,
    /// What there is to see and do.
    pub sentence: String,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.sentence)
    }
}

pub(super) fn lint(rules: &RuleSet, now: Moment) -> Vec<Lint> {
    let mut lints = Vec::new();
    for pack in &rules.packs {
        lint_pack(pack, &mut lints);
        for rule in &pack.rules {
            lint_rule(rule, now, &mut lints);
        }
    }
    lints
}

fn lint_pack(pack: &Pack, lints: &mut Vec<Lint>) {
    let mut say = |sentence: &str| {
        let (file, rule, sentence) = (pack.file.clone(), "pack".to_owned(), sentence.to_owned());
        lints.push(Lint { file, line: 1, rule, sentence });
    };
    if pack.rules.is_empty() {
        say("there is no rule; nothing of this platform can be done");
    }
    let permits = pack.rules.iter().any(|rule| rule.verdict == Verdict::Permit);
    if permits && pack.examples.is_empty() {
        say("there is no [[example]]; write one of what is permitted and one of what is not");
    }
}

fn lint_rule(rule: &Rule, now: Moment, lints: &mut Vec<Lint>) {
    let mut say = |sentence: String| {
        lints.push(Lint { file: rule.file.clone(), line: rule.line, rule: rule.id.clone(), sentence });
    };
    if rule.is_stale(now) {
        let days = now.since(rule.reviewed).as_secs() / 86_400;
        say(format!("last reviewed {days} days ago; after {REVIEW_DAYS} it no longer permits"));
    }
    if now < rule.reviewed {
        say("its review lies in the future".to_owned());
    }
    if rule.verdict != Verdict::Permit {
        return;
    }
    if rule.certainty == Certainty::Unchecked {
        say("it permits on an unchecked source; ask instead, or read the source".to_owned());
    }
    if !rule.source.contains("://") {
        say("its source is no URL, so nobody can follow it".to_owned());
    }
}

pub(super) fn run_examples(rules: &RuleSet) -> Vec<Lint> {
    let at = rules.rules().map(|rule| rule.reviewed).max().unwrap_or_default();
    let someone: AccountId = "example".parse().expect("a name written here");
    let mut failed = Vec::new();
    for example in rules.packs.iter().flat_map(|pack| &pack.examples) {
        let judged = Judged {
            platform: &example.platform,
            kind: &example.action,
            method: example.method,
            url: &example.url,
            account: example.account.then_some(&someone),
            country: example.country.as_deref(),
            at,
        };
        let said = rules.judge(&judged, true);
        if said.verdict != example.verdict {
            let sentence = format!("expected {} and got {}: {}", example.verdict, said.verdict, said.why());
            let (file, line) = (example.file.clone(), example.line);
            failed.push(Lint { file, line, rule: "example".to_owned(), sentence });
        }
    }
    failed
}
