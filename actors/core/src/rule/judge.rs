//! The verdict: forbid wins over ask, ask over permit, and the rules that decided are named.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AccountNeed, Obligations, Pack, REVIEW_DAYS, RULES_FOLDER, Rule, RuleSet, Verdict};
use crate::action::{Action, ActionKind, Method};
use crate::activity::Check;
use crate::id::{AccountId, PlatformId};
use crate::moment::Moment;
use crate::url::LogicalUrl;

/// What is judged: an action as rules see it, and the moment.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The external service.
    pub platform: &'a PlatformId,
    /// The kind of act.
    pub kind: &'a ActionKind,
    /// The request's method.
    pub method: Method,
    /// Where it would go.
    pub url: &'a LogicalUrl,
    /// The account it would be done with.
    pub account: Option<&'a AccountId>,
    /// The owner's country (ISO 3166-1 alpha-2, upper case), if known.
    pub country: Option<&'a str>,
    /// When.
    pub at: Moment,
}

impl<'a> Judged<'a> {
    /// An action of an owner in `country`, judged at `at`.
    pub fn of(action: &'a Action, country: Option<&'a str>, at: Moment) -> Self {
        Self {
            platform: &action.platform,
            kind: &action.kind,
            method: action.request.method(),
            url: action.request.url(),
            account: action.account.as_ref(),
            country,
            at,
        }
    }
}

/// A rule that decided, or one of the engine's own (`engine/...`), and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidingRule {
    /// The rule's id.
    pub id: String,
    /// What it said here; an old permit says `ask`.
    pub verdict: Verdict,
    /// One sentence.
    pub reason: String,
    /// Where it is written.
    pub source: String,
    /// The quoted clause; empty for the engine's own.
    pub clause: String,
}

impl DecidingRule {
    fn engine(id: &str, verdict: Verdict, reason: String) -> Self {
        let source = "the engine's own: what no rule permits is not permitted".to_owned();
        Self { id: format!("engine/{id}"), verdict, reason, source, clause: String::new() }
    }
}

/// The verdict on an action. Only [`RuleSet::judge`] makes one: a permit is minted from it.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What compliance says.
    pub verdict: Verdict,
    /// The rules that said so, sorted by id; never empty.
    pub deciding: Vec<DecidingRule>,
    /// What goes along with the act; nothing if it is forbidden.
    pub obligations: Obligations,
    /// The hosts that a permit may name; none if it is forbidden.
    pub hosts: Vec<String>,
}

impl Judgement {
    /// One line: why.
    pub fn why(&self) -> String {
        let reasons: Vec<&str> = self.deciding.iter().map(|rule| rule.reason.as_str()).collect();
        reasons.join("; ")
    }

    /// The ids of the rules that decided.
    pub fn rule_ids(&self) -> Vec<String> {
        self.deciding.iter().map(|rule| rule.id.clone()).collect()
    }

    /// The deciding rules as the activity log keeps them.
    pub fn checks(&self) -> Vec<Check> {
        let check = |rule: &DecidingRule| Check {
            rule: rule.id.clone(),
            verdict: rule.verdict.as_str().to_owned(),
            reason: rule.reason.clone(),
        };
        self.deciding.iter().map(check).collect()
    }
}

pub(super) fn judge(rules: &RuleSet, judged: &Judged<'_>, strict: bool) -> Judgement {
    let unspoken = if strict { Verdict::Forbid } else { Verdict::Ask };
    let Some(pack) = rules.pack(judged.platform) else {
        return unknown_platform(rules, judged, unspoken);
    };
    let mut said: Vec<DecidingRule> = Vec::new();
    if !pack.hosts.iter().any(|host| host == judged.url.host()) {
        said.push(wrong_host(pack, judged));
    }
    let own: Vec<&Rule> = pack.rules.iter().filter(|rule| speaks(rule, judged)).collect();
    if own.is_empty() {
        said.push(no_rule(pack, judged, unspoken));
    }
    let laws = laws(rules, judged);
    said.extend(own.iter().map(|rule| word(rule, judged.at)));
    // A law that permits only obliges: its permit decides nothing.
    said.extend(laws.iter().map(|rule| word(rule, judged.at)).filter(|w| w.verdict != Verdict::Permit));

    let matched = own.iter().chain(&laws).filter(|rule| rule.verdict != Verdict::Forbid);
    let (obligations, conflict) = merge(matched.map(|rule| (rule.id.as_str(), &rule.obligations)));
    said.extend(conflict.map(|reason| DecidingRule::engine("obligations-conflict", Verdict::Ask, reason)));
    conclude(said, obligations, pack.hosts.clone())
}

/// Keeps the words of the strictest verdict.
fn conclude(mut said: Vec<DecidingRule>, obligations: Obligations, hosts: Vec<String>) -> Judgement {
    let verdict = said.iter().map(|word| word.verdict).max().unwrap_or(Verdict::Forbid);
    said.retain(|word| word.verdict == verdict);
    said.sort_by(|a, b| a.id.cmp(&b.id));
    if verdict == Verdict::Forbid {
        return Judgement { verdict, deciding: said, obligations: Obligations::default(), hosts: Vec::new() };
    }
    Judgement { verdict, deciding: said, obligations, hosts }
}

fn unknown_platform(rules: &RuleSet, judged: &Judged<'_>, unspoken: Verdict) -> Judgement {
    let reason = format!(
        "no rule file speaks of platform `{0}`; `{RULES_FOLDER}/{0}.toml` would have to permit this",
        judged.platform
    );
    let mut said = vec![DecidingRule::engine("unknown-platform", unspoken, reason)];
    let laws = laws(rules, judged);
    said.extend(laws.iter().map(|rule| word(rule, judged.at)).filter(|w| w.verdict != Verdict::Permit));
    let matched = laws.iter().filter(|rule| rule.verdict != Verdict::Forbid);
    let (obligations, _) = merge(matched.map(|rule| (rule.id.as_str(), &rule.obligations)));
    conclude(said, obligations, vec![judged.url.host().to_owned()])
}

fn wrong_host(pack: &Pack, judged: &Judged<'_>) -> DecidingRule {
    let reason = format!(
        "host `{}` is not among the hosts of `{RULES_FOLDER}/{}`, which are {}",
        judged.url.host(),
        pack.file,
        pack.hosts.join(", ")
    );
    DecidingRule::engine("host", Verdict::Forbid, reason)
}

fn no_rule(pack: &Pack, judged: &Judged<'_>, unspoken: Verdict) -> DecidingRule {
    let reason = format!(
        "no rule of `{RULES_FOLDER}/{}` speaks of `{}` by {} at {}{}; add one there if it is allowed",
        pack.file,
        judged.kind,
        judged.method,
        judged.url.shown(),
        if judged.account.is_some() { " with an account" } else { "" },
    );
    DecidingRule::engine("no-rule", unspoken, reason)
}

fn laws<'r>(rules: &'r RuleSet, judged: &Judged<'_>) -> Vec<&'r Rule> {
    let laws = rules.packs.iter().filter(|pack| pack.platform.is_none());
    laws.flat_map(|pack| &pack.rules).filter(|rule| speaks(rule, judged)).collect()
}

/// What a rule says at `at`.
fn word(rule: &Rule, at: Moment) -> DecidingRule {
    let old = rule.verdict == Verdict::Permit && rule.is_stale(at);
    let reason = if old {
        let days = at.since(rule.reviewed).as_secs() / 86_400;
        format!(
            "rule `{}` permits it but was last reviewed {days} days ago, and after {REVIEW_DAYS} a person \
             decides; compare it with its source and set `reviewed` in `{RULES_FOLDER}/{}`",
            rule.id, rule.file
        )
    } else {
        rule.reason.clone()
    };
    DecidingRule {
        id: rule.id.clone(),
        verdict: if old { Verdict::Ask } else { rule.verdict },
        reason,
        source: rule.source.clone(),
        clause: rule.clause.clone(),
    }
}

/// Whether the rule speaks of the action. The caller has looked at the platform.
fn speaks(rule: &Rule, judged: &Judged<'_>) -> bool {
    let when = &rule.conditions;
    let country = match judged.country {
        _ if when.countries.is_empty() => true,
        Some(country) => when.countries.iter().any(|c| c == country),
        // Unknown: a permit does not hold, a barrier does.
        None => rule.verdict != Verdict::Permit,
    };
    let account = match when.account {
        AccountNeed::Any => true,
        AccountNeed::Required => judged.account.is_some(),
        AccountNeed::None => judged.account.is_none(),
    };
    rule.action.as_ref().is_none_or(|kind| kind == judged.kind)
        && (when.methods.is_empty() || when.methods.contains(&judged.method))
        && (when.hosts.is_empty() || when.hosts.iter().any(|host| host == judged.url.host()))
        && (when.urls.is_empty() || when.urls.iter().any(|url| url.matches(judged.url)))
        && when.mutating.is_none_or(|mutating| mutating == judged.method.is_mutating())
        && country
        && account
}

/// Adds obligations up. Two rules that want different values in one header cannot both be
/// obeyed; the sentence says which.
fn merge<'r>(rules: impl Iterator<Item = (&'r str, &'r Obligations)>) -> (Obligations, Option<String>) {
    let mut headers: BTreeMap<String, (String, &str)> = BTreeMap::new();
    let mut all = Obligations::default();
    let mut conflict = None;
    for (id, duty) in rules {
        for (name, value) in duty.all_headers() {
            let (kept, by) = headers.entry(name.clone()).or_insert((value.clone(), id));
            if *kept != value {
                conflict = Some(format!("rules `{by}` and `{id}` oblige to different values of `{name}`"));
            }
        }
        for text in &duty.disclosures {
            if !all.disclosures.contains(text) {
                all.disclosures.push(text.clone());
            }
        }
        for rel in &duty.rel {
            if !all.rel.contains(rel) {
                all.rel.push(rel.clone());
            }
        }
        all.pause_ms_min = all.pause_ms_min.max(duty.pause_ms_min);
    }
    all.user_agent = headers.remove("user-agent").map(|(value, _)| value);
    all.headers = headers.into_iter().map(|(name, (value, _))| (name, value)).collect();
    (all, conflict)
}
