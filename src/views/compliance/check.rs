//! What would happen to an act, without doing it.

use std::collections::BTreeMap;
use std::str::FromStr;

use mm_core::action::{ActionKind, Method};
use mm_core::id::{AccountId, PlatformId};
use mm_core::limit::{Quota, QuotaState};
use mm_core::rule::{Format, Inputs, Text, TextPlace};
use mm_core::url::LogicalUrl;
use serde::{Deserialize, Serialize};

use super::{DutyView, InputsView, WordView, rules_of};
use crate::views::{Problem, Question, Reader, unread};

/// What would happen to an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// `permit`, `ask` or `forbid`.
    pub verdict: String,
    /// Whether a person must do it on the platform itself.
    pub by_owner: bool,
    /// What was judged.
    pub inputs: InputsView,
    /// The rules that decide.
    pub rules: Vec<WordView>,
    /// What would go along with it; nothing if it is forbidden.
    pub obligations: DutyView,
    /// The quotas that it would be charged to.
    pub quotas: Vec<ChargeView>,
    /// The version of the rules.
    pub rules_version: String,
}

/// One quota that an act would be charged to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeView {
    pub quota: String,
    /// How much of it is left now.
    pub left: u32,
}

/// `platform, action, method, url, account, country, facts, text, format`; facts are lines of `name=value`.
pub fn check(reader: &Reader, question: &Question) -> Result<CheckView, Problem> {
    question
        .only(&["platform", "action", "method", "url", "account", "country", "facts", "text", "format"])?;
    let rules = rules_of(reader)?;
    let inputs = inputs(reader, question)?;
    let said = inputs.judge(rules);
    let mut quotas = rules.quotas(&inputs.platform, &inputs.kind, inputs.account.as_ref(), &reader.space);
    quotas.extend(reader.daily_actions_max.map(Quota::daily_actions));
    let charged = |quota: &Quota| {
        let row = reader.store.get::<QuotaState>(&quota.space, &quota.key).map_err(|error| unread(&error))?;
        let state = row.map(|row| row.value).unwrap_or_default();
        Ok(ChargeView { quota: quota.to_string(), left: state.remaining(quota, reader.now) })
    };
    let place = |word: WordView| WordView {
        reason: word.reason.replace(mm_core::rule::RULES_FOLDER, &reader.rules_place),
        ..word
    };
    Ok(CheckView {
        verdict: said.verdict.to_string(),
        by_owner: said.by_owner,
        rules: said.deciding.iter().map(WordView::from).map(place).collect(),
        obligations: DutyView::from(&said.obligations),
        quotas: quotas.iter().map(charged).collect::<Result<_, Problem>>()?,
        rules_version: rules.version().to_string(),
        inputs: InputsView::from(&inputs),
    })
}

fn inputs(reader: &Reader, question: &Question) -> Result<Inputs, Problem> {
    let platform: PlatformId = needed(question, "platform")?;
    let kind = ActionKind::new(text(question, "action")?);
    let country = question.text("country").map(str::to_owned).or_else(|| reader.judging.country.clone());
    let account: Option<AccountId> = question.text("account").map(str::parse).transpose().map_err(bad)?;
    Ok(Inputs {
        method: method(question.text("method").unwrap_or("GET"))?,
        url: LogicalUrl::parse(text(question, "url")?).map_err(bad)?,
        account,
        country,
        at: reader.now,
        strict: reader.judging.strict,
        facts: facts(question)?,
        text: published(reader, question, &platform, &kind)?,
        platform,
        kind,
    })
}

fn bad(error: impl ToString) -> Problem {
    Problem::Bad(error.to_string())
}

fn text<'q>(question: &'q Question, name: &str) -> Result<&'q str, Problem> {
    question.text(name).ok_or_else(|| Problem::Bad(format!("`{name}` is needed to judge an act")))
}

fn needed<T: FromStr<Err: ToString>>(question: &Question, name: &str) -> Result<T, Problem> {
    text(question, name)?.parse().map_err(bad)
}

fn method(text: &str) -> Result<Method, Problem> {
    use Method::{Delete, Get, Head, Patch, Post, Put};
    let known = [Get, Head, Post, Put, Patch, Delete];
    let found = known.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| Problem::Bad("the method is GET, HEAD, POST, PUT, PATCH or DELETE".to_owned()))
}

fn facts(question: &Question) -> Result<BTreeMap<String, String>, Problem> {
    let mut facts = BTreeMap::new();
    for line in question.text("facts").unwrap_or_default().lines().filter(|line| !line.is_empty()) {
        let (name, value) =
            line.split_once('=').ok_or_else(|| Problem::Bad("a fact is written NAME=VALUE".to_owned()))?;
        facts.insert(name.to_owned(), value.to_owned());
    }
    Ok(facts)
}

/// The text as it is given; where the rules say that such an act publishes one and none is given, it is
/// unknown, as it would be on the road.
fn published(
    reader: &Reader,
    question: &Question,
    platform: &PlatformId,
    kind: &ActionKind,
) -> Result<Text, Problem> {
    let contents = rules_of(reader)?.pack(platform).map_or(&[][..], |pack| pack.contents.as_slice());
    let own = contents.iter().find(|content| content.kinds.contains(kind));
    let format = match question.text("format") {
        None => own.map(|content| content.format).unwrap_or_default(),
        Some(word) => Format::from_text(word)
            .ok_or_else(|| Problem::Bad("the format is markdown, html or plain".to_owned()))?,
    };
    Ok(match question.text("text") {
        Some(text) => Text::known(format, text.to_owned()),
        None if own.is_some_and(|content| content.place != TextPlace::Nowhere) => {
            Text::Unknown("none was given; --text gives one".to_owned())
        }
        None => Text::Nothing,
    })
}
