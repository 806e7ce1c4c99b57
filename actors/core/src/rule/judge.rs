//! The verdict: forbid wins over ask, ask over permit, and the rules that decided are named.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::condition::Automation;
use super::duty::{self, Kept};
use super::page::Page;
use super::{
    Certainty, Obligations, Pack, REVIEW_DAYS, RULES_FOLDER, Rule, RuleSet, Text, TextConditions, Verdict,
};
use crate::action::{ActionKind, Method};
use crate::activity::Check;
use crate::digest::Digest;
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
    /// What whoever proposes it has looked up and vouches for.
    pub facts: &'a BTreeMap<String, String>,
    /// The text that would be published.
    pub text: &'a Text,
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
    /// How sure that is; `None` for the engine's own.
    pub certainty: Option<Certainty>,
    /// Whether a person must do it on the platform itself.
    pub by_owner: bool,
}

/// How the ids of the engine's own begin.
const ENGINE: &str = "engine/";

impl DecidingRule {
    fn told(&self) -> String {
        if self.id.starts_with(ENGINE) { format!("by `{}`", self.id) } else { self.reason.clone() }
    }

    fn engine(id: &str, verdict: Verdict, reason: String) -> Self {
        let source = "the engine's own: what no rule permits is not permitted".to_owned();
        Self {
            id: format!("{ENGINE}{id}"),
            verdict,
            reason,
            source,
            clause: String::new(),
            certainty: None,
            by_owner: false,
        }
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
    /// With `ask`: a person must not only decide but also do it, on the platform itself.
    pub by_owner: bool,
}

impl Judgement {
    /// One line: why.
    pub fn why(&self) -> String {
        let reasons: Vec<&str> = self.deciding.iter().map(|rule| rule.reason.as_str()).collect();
        reasons.join("; ")
    }

    /// As [`Judgement::why`], for what may leave the machine: the engine's own reasons show where the request would
    /// go, which may be confidential, and are told by their ids.
    pub fn why_told(&self) -> String {
        let reasons: Vec<String> = self.deciding.iter().map(DecidingRule::told).collect();
        reasons.join("; ")
    }

    /// What an approval holds for: the same verdict by the same rules and clauses, with the same
    /// obligations. The moment is no part of it, and so the sentences are not.
    pub fn digest(&self) -> Digest {
        let mut fields: Vec<Vec<u8>> = vec![self.verdict.as_str().into()];
        for rule in &self.deciding {
            fields.push(rule.id.as_bytes().to_vec());
            fields.push(rule.verdict.as_str().into());
            fields.push(rule.clause.as_bytes().to_vec());
            fields.push(vec![u8::from(rule.by_owner)]);
        }
        fields.push(serde_json::to_vec(&self.obligations).expect("lists of texts have a JSON form"));
        fields.push(vec![u8::from(self.by_owner)]);
        Digest::of_fields("mm-judgement-1", fields.iter().map(Vec::as_slice))
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
    judge_traced(rules, judged, strict, &mut |_| {})
}

/// As [`judge`], and names every rule that spoke, whether it decided or not.
pub(super) fn judge_traced<'r>(
    rules: &'r RuleSet,
    judged: &Judged<'_>,
    strict: bool,
    spoke: &mut dyn FnMut(&'r str),
) -> Judgement {
    let unspoken = if strict { Verdict::Forbid } else { Verdict::Ask };
    let page = Page::of(judged.text);
    let pack = rules.pack(judged.platform);
    let mut said: Vec<DecidingRule> = Vec::new();
    let mut matched: Vec<&Rule> = Vec::new();
    let laws = rules.packs.iter().filter(|pack| pack.platform.is_none()).flat_map(|pack| &pack.rules);
    for rule in pack.iter().flat_map(|pack| &pack.rules).chain(laws) {
        if let Some(unknown) = speaks(rule, judged, page.as_ref()) {
            spoke(&rule.id);
            said.extend(word(rule, judged, page.as_ref(), &unknown));
            matched.push(rule);
        }
    }
    let hosts = match pack {
        None => {
            said.push(unknown_platform(judged, unspoken));
            vec![judged.url.host().to_owned()]
        }
        Some(pack) => {
            if !pack.hosts.iter().any(|host| host == judged.url.host()) {
                said.push(wrong_host(pack, judged));
            }
            if !matched.iter().any(|rule| rule.opens()) {
                said.push(no_rule(pack, judged, unspoken, &matched));
            }
            pack.hosts.clone()
        }
    };
    let duties = matched.iter().filter(|rule| rule.verdict != Verdict::Forbid);
    let (obligations, conflict) = merge(duties.map(|rule| (rule.id.as_str(), &rule.obligations)));
    said.extend(conflict.map(|reason| DecidingRule::engine("obligations-conflict", Verdict::Ask, reason)));
    conclude(said, obligations, hosts)
}

/// Keeps the words of the strictest verdict.
fn conclude(mut said: Vec<DecidingRule>, obligations: Obligations, hosts: Vec<String>) -> Judgement {
    let verdict = said.iter().map(|word| word.verdict).max().unwrap_or(Verdict::Forbid);
    said.retain(|word| word.verdict == verdict);
    said.sort_by(|a, b| a.id.cmp(&b.id));
    if verdict == Verdict::Forbid {
        let (obligations, hosts) = (Obligations::default(), Vec::new());
        return Judgement { verdict, deciding: said, obligations, hosts, by_owner: false };
    }
    let by_owner = verdict == Verdict::Ask && said.iter().any(|word| word.by_owner);
    Judgement { verdict, deciding: said, obligations, hosts, by_owner }
}

fn unknown_platform(judged: &Judged<'_>, unspoken: Verdict) -> DecidingRule {
    let reason = format!(
        "no rule file speaks of platform `{0}`; a rule such as `{0}/{1}` in `{RULES_FOLDER}/{0}.toml` would have to \
         permit this",
        judged.platform, judged.kind
    );
    DecidingRule::engine("unknown-platform", unspoken, reason)
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

fn no_rule(pack: &Pack, judged: &Judged<'_>, unspoken: Verdict, matched: &[&Rule]) -> DecidingRule {
    let wide = matched.iter().find(|rule| rule.platform.is_some());
    let wide = wide.map(|rule| format!(" (`{}` asks, but names no URL)", rule.id)).unwrap_or_default();
    let reason = format!(
        "no rule of `{RULES_FOLDER}/{}` speaks of `{}` by {} at {}{}{wide}; add a rule such as `{}/{}` there if it is \
         allowed",
        pack.file,
        judged.kind,
        judged.method,
        judged.url.shown(),
        if judged.account.is_some() { " with an account" } else { "" },
        judged.platform,
        judged.kind,
    );
    DecidingRule::engine("no-rule", unspoken, reason)
}

/// What a rule that speaks says, with what it finds of its duties in the text. A law that permits only
/// obliges: its permit says nothing.
fn word(rule: &Rule, judged: &Judged<'_>, page: Option<&Page>, unknown: &[String]) -> Option<DecidingRule> {
    let (mut verdict, mut reason) = (rule.verdict, rule.reason.clone());
    if !unknown.is_empty() && rule.verdict != Verdict::Permit {
        reason = format!("{reason} (it holds here since {} is not known)", unknown.join(" and "));
    }
    if rule.verdict == Verdict::Permit && rule.is_stale(judged.at) {
        (verdict, reason) = (Verdict::Ask, old(rule, judged.at));
    }
    let kept = if rule.verdict == Verdict::Forbid { Kept::Yes } else { duty::check(rule, judged.text, page) };
    let more = match kept {
        Kept::Yes => None,
        Kept::Unknown(why) => Some((Verdict::Ask, why)),
        Kept::No(why) => Some((Verdict::Forbid, why)),
    };
    match more {
        Some((found, why)) if found > verdict => (verdict, reason) = (found, why),
        Some((found, why)) if found == verdict => reason = format!("{reason}; {why}"),
        _ => {}
    }
    if verdict == Verdict::Permit && rule.platform.is_none() {
        return None;
    }
    Some(DecidingRule {
        id: rule.id.clone(),
        verdict,
        reason,
        source: rule.source.clone(),
        clause: rule.clause.clone(),
        certainty: Some(rule.certainty),
        by_owner: rule.by_owner,
    })
}

fn old(rule: &Rule, at: Moment) -> String {
    let days = at.since(rule.reviewed).as_secs() / 86_400;
    format!(
        "rule `{}` permits it but was last reviewed {days} days ago, and after {REVIEW_DAYS} a person \
         decides; compare it with its source and set `reviewed` in `{RULES_FOLDER}/{}`",
        rule.id, rule.file
    )
}

/// Whether a condition holds.
enum Holds {
    Yes,
    No,
    /// Nobody knows, since this is not known.
    Unknown(String),
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Holds::Yes } else { Holds::No }
    }
}

/// Whether the rule speaks of the action; if it does, with what it would have had to know. The caller
/// has looked at the platform.
fn speaks(rule: &Rule, judged: &Judged<'_>, page: Option<&Page>) -> Option<Vec<String>> {
    let when = &rule.conditions;
    let plain = rule.action.as_ref().is_none_or(|kind| kind == judged.kind)
        && (when.methods.is_empty() || when.methods.contains(&judged.method))
        && (when.hosts.is_empty() || when.hosts.iter().any(|host| host == judged.url.host()))
        && (when.urls.is_empty() || when.urls.iter().any(|url| url.matches(judged.url)))
        && when.mutating.is_none_or(|mutating| mutating == judged.method.is_mutating())
        && when.account.fits(judged.account.is_some())
        && (when.automation.is_empty() || when.automation.contains(&Automation::of(judged.facts)));
    if !plain {
        return None;
    }
    let facts = when.facts.iter().map(|(name, values)| match judged.facts.get(name) {
        Some(value) => values.contains(value).into(),
        None => Holds::Unknown(format!("the fact `{name}`")),
    });
    let mut unknown = Vec::new();
    for holds in [country(rule, judged), text(&when.text, judged.text, page)].into_iter().chain(facts) {
        match holds {
            Holds::Yes => {}
            Holds::No => return None,
            Holds::Unknown(what) => unknown.push(what),
        }
    }
    // Unknown: a permit does not hold; a barrier does, and so does a law, whose permit is a duty.
    let holds = unknown.is_empty() || rule.verdict != Verdict::Permit || rule.platform.is_none();
    holds.then_some(unknown)
}

fn country(rule: &Rule, judged: &Judged<'_>) -> Holds {
    let when = &rule.conditions;
    if when.countries.is_empty() && when.countries_not.is_empty() {
        return Holds::Yes;
    }
    match judged.country {
        None => Holds::Unknown("the owner's country".to_owned()),
        Some(country) => {
            let named = |list: &[String]| list.iter().any(|c| c == country);
            ((when.countries.is_empty() || named(&when.countries)) && !named(&when.countries_not)).into()
        }
    }
}

fn text(when: &TextConditions, text: &Text, page: Option<&Page>) -> Holds {
    match (text, page) {
        _ if when.is_empty() => Holds::Yes,
        // It speaks of what is published, and nothing is.
        (Text::Nothing, _) => Holds::No,
        (Text::Known { .. }, Some(page)) => page.meets(when).into(),
        _ => Holds::Unknown("the text that would be published".to_owned()),
    }
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
        add(&mut all.disclosures, &duty.disclosures);
        add(&mut all.disclosures_any, &duty.disclosures_any);
        add(&mut all.rel, &duty.rel);
        add(&mut all.rel_any, &duty.rel_any);
        add(&mut all.rel_not, &duty.rel_not);
        add(&mut all.link_to, &duty.link_to);
        add(&mut all.link_query, &duty.link_query);
        all.pause_ms_min = all.pause_ms_min.max(duty.pause_ms_min);
    }
    all.user_agent = headers.remove("user-agent").map(|(value, _)| value);
    all.headers = headers.into_iter().map(|(name, (value, _))| (name, value)).collect();
    (all, conflict)
}

/// Adds what is not there yet.
fn add<T: Clone + PartialEq>(all: &mut Vec<T>, more: &[T]) {
    for item in more {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
}
