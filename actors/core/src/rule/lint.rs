//! What the owner of a rule set should look at: nothing here stops the machine.

use std::collections::BTreeSet;
use std::fmt;

use super::judge::judge_traced;
use super::{Certainty, Inputs, Pack, REVIEW_DAYS, Rule, RuleSet, Verdict};
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
    lints.extend(without_example(rules));
    lints.sort();
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
    if rule.verdict == Verdict::Ask && rule.platform.is_some() && !rule.opens() {
        say("it asks and names no URL, so it only tightens what other rules speak of; name the URLs"
            .to_owned());
    }
    // A law permits nothing.
    if rule.verdict != Verdict::Permit || rule.platform.is_none() {
        return;
    }
    if rule.certainty == Certainty::Unchecked {
        say("it permits on an unchecked source; ask instead, or read the source".to_owned());
    }
    if !rule.source.contains("://") {
        say("its source is no URL, so nobody can follow it".to_owned());
    }
}

/// The examples as they are judged: on the day of the newest review.
fn examples(rules: &RuleSet) -> impl Iterator<Item = (&super::Example, Inputs)> {
    let at = rules.rules().map(|rule| rule.reviewed).max().unwrap_or_default();
    let all = rules.packs.iter().flat_map(|pack| &pack.examples);
    all.map(move |example| (example, Inputs { at, ..example.inputs.clone() }))
}

/// The rules that no example makes speak.
fn without_example(rules: &RuleSet) -> Vec<Lint> {
    let mut spoken: BTreeSet<&str> = BTreeSet::new();
    for (_, inputs) in examples(rules) {
        judge_traced(rules, &inputs.judged(), true, &mut |id| {
            spoken.insert(id);
        });
    }
    let silent = rules.rules().filter(|rule| !spoken.contains(rule.id.as_str()));
    let lint = |rule: &Rule| Lint {
        file: rule.file.clone(),
        line: rule.line,
        rule: rule.id.clone(),
        sentence: "no [[example]] shows what it means; write one in which it speaks".to_owned(),
    };
    silent.map(lint).collect()
}

pub(super) fn run_examples(rules: &RuleSet) -> Vec<Lint> {
    let mut failed = Vec::new();
    for (example, inputs) in examples(rules) {
        let said = inputs.judge(rules);
        let mut say = |sentence: String| {
            let (file, line) = (example.file.clone(), example.line);
            failed.push(Lint { file, line, rule: "example".to_owned(), sentence });
        };
        if said.verdict != example.verdict {
            say(format!("expected {} and got {}: {}", example.verdict, said.verdict, said.why()));
        } else if example.by_owner.is_some_and(|by_owner| by_owner != said.by_owner) {
            let who = if said.by_owner { "the owner" } else { "the machine" };
            say(format!("it is done by {who}: {}", said.why()));
        }
    }
    failed
}
