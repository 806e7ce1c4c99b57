//! What a person is asked about leaves with his yes, once, as he saw it or wrote it; and where a rule asks, he is
//! asked. The trail says who was asked and what he said, the packs' own texts which rules ask, the rows what he
//! saw, and the sandbox's log what was sent.
//!
//! It touches nothing. A question whose row was tidied away is judged by the trail alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::records::ApprovalRow;
use toml::Value;

use super::evidence::Evidence;
use super::order::ANSWER_MS;
use super::quota;
use super::trail::Audit;
use crate::rules::FixedRules;
use crate::sandbox::oracle::Received;

/// What is sent now was mostly asked about so lately: a question waits for three days, and a yes is good for as
/// long. What was asked about earlier is looked for in all of the trail.
const ASKED_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);
/// A text with such a slot is filled in when it is sent.
const SLOT: &str = "{vault:";

/// The ids of the rules that ask, as the packs' own texts say.
pub(super) fn asking(rules: &FixedRules) -> BTreeSet<String> {
    let packs = rules.0.iter().filter_map(|(_, text)| toml::from_str::<Value>(text).ok());
    let rules = packs.flat_map(|mut pack| match pack.as_table_mut().and_then(|pack| pack.remove("rule")) {
        Some(Value::Array(rules)) => rules,
        _ => Vec::new(),
    });
    let text = |rule: &Value, field: &str| rule.get(field).and_then(Value::as_str).map(str::to_owned);
    rules
        .filter(|rule| text(rule, "verdict").as_deref() == Some("ask"))
        .filter_map(|rule| text(&rule, "id"))
        .collect()
}

/// What was said to a question so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'a> {
    /// Nothing.
    None,
    /// Yes.
    Yes,
    /// Yes, and it was sent.
    Used,
    /// Something else, or it is over: this.
    No(&'a str),
}

/// The question about an action that was asked last.
#[derive(Debug, Clone)]
struct Question<'a> {
    approval: &'a str,
    expires: Option<Moment>,
    word: Word<'a>,
}

impl<'a> Question<'a> {
    fn asked(entry: &'a Audit) -> Self {
        let expires = entry.text("expires").parse().ok();
        Self { approval: entry.text("approval"), expires, word: Word::None }
    }

    /// What an entry of the trail makes of it; says what is wrong with that.
    fn take(&mut self, entry: &'a Audit) -> Option<String> {
        let (id, at) = (entry.text("action"), entry.at);
        let its_own = entry.text("approval") == self.approval;
        match entry.kind.as_str() {
            "approval.asked" => *self = Self::asked(entry),
            // What stands otherwise takes no yes, and what is sent after one is found below.
            "approval.approved" if its_own && self.word == Word::None => {
                self.word = Word::Yes;
                let late = self.expires.filter(|expires| at >= *expires);
                return late
                    .map(|ended| format!("{id} was approved at {at}, and the question ended at {ended}"));
            }
            "approval.approved" => {}
            kind if kind.starts_with("approval.") && its_own => {
                self.word = Word::No(kind.trim_start_matches("approval."));
            }
            "action.permitted" => return self.sent(entry),
            // Nothing has left: the yes stands as it was given.
            "action.tried" if entry.payload["status"].is_null() && self.word == Word::Used => {
                self.word = Word::Yes;
            }
            "action.blocked" | "action.failed" | "action.confirmed" | "action.ambiguous" => {
                if matches!(self.word, Word::None | Word::Yes) {
                    self.word = Word::No("over");
                }
            }
            _ => {}
        }
        None
    }

    /// It is being sent.
    fn sent(&mut self, permit: &Audit) -> Option<String> {
        let (id, at, approval) = (permit.text("action"), permit.at, self.approval);
        // What only reads is tried again with the one yes.
        let again = is_read(permit) && permit.payload["try"].as_u64() > Some(1);
        let why = match self.word {
            Word::Yes => {
                self.word = Word::Used;
                return None;
            }
            Word::Used if again => return None,
            Word::Used => "the yes to it was used up",
            Word::None => "nobody had said yes",
            Word::No(what) => what,
        };
        Some(format!("{id} was permitted at {at}, and question {approval} stood so: {why}"))
    }
}

/// A change that was permitted, and the question whose yes it went with.
struct Sent<'a> {
    permit: &'a Audit,
    approval: Option<&'a str>,
}

/// What is wrong with questions and with what was sent after them.
pub fn approvals(e: &Evidence) -> Vec<String> {
    let (since, mut wrong) = (e.since_after(Duration::ZERO), Vec::new());
    let first = e.since().map_or(0, |since| {
        let from = since.minus(ASKED_WITHIN);
        e.audit.partition_point(|entry| entry.at < from)
    });
    let mut questions: BTreeMap<&str, Question<'_>> = BTreeMap::new();
    let mut sent = Vec::new();
    for (n, entry) in e.audit.iter().enumerate().skip(first).filter(|(_, entry)| is_of_one(entry)) {
        let (id, is_judged) = (entry.text("action"), entry.at >= since);
        let is_permit = entry.kind == "action.permitted";
        if is_permit && is_judged && !questions.contains_key(id) && is_asked_about(e, entry) {
            match asked_before(e, n, id) {
                Some(question) => drop(questions.insert(id, question)),
                None => wrong.push(format!("{id} was permitted at {} and nobody was asked", entry.at)),
            }
        }
        match questions.get_mut(id) {
            Some(question) => wrong.extend(question.take(entry).filter(|_| is_judged)),
            None if entry.kind == "approval.asked" => {
                questions.insert(id, Question::asked(entry));
            }
            None => {}
        }
        if is_permit && is_judged && !is_read(entry) {
            sent.push(Sent { permit: entry, approval: questions.get(id).map(|question| question.approval) });
        }
        if entry.kind == "approval.approved" && is_judged {
            wrong.extend(shown_otherwise(e, entry));
        }
    }
    wrong.extend(e.recent_requests().iter().filter_map(|request| sent_otherwise(e, request, &sent)));
    wrong
}

fn is_of_one(entry: &Audit) -> bool {
    entry.kind.starts_with("approval.") || entry.kind.starts_with("action.")
}

fn is_read(permit: &Audit) -> bool {
    ["GET", "HEAD"].contains(&permit.text("method"))
}

/// Whether a rule that decided on it asks.
fn is_asked_about(e: &Evidence, permit: &Audit) -> bool {
    let mut rules = permit.payload["rules"].as_array().into_iter().flatten().filter_map(|id| id.as_str());
    rules.any(|id| e.asking.contains(id))
}

/// The question about an action as it stood before an entry of the trail.
fn asked_before<'a>(e: &'a Evidence, end: usize, id: &str) -> Option<Question<'a>> {
    let mut of_it = e.audit.get(..end)?.iter().filter(|entry| is_of_one(entry) && entry.text("action") == id);
    let mut question = Question::asked(of_it.find(|entry| entry.kind == "approval.asked")?);
    // What is wrong with that was said when it was new.
    of_it.for_each(|entry| drop(question.take(entry)));
    Some(question)
}

/// What he was shown, or wrote, is not what the trail says that he approved.
fn shown_otherwise(e: &Evidence, entry: &Audit) -> Option<String> {
    let approval = entry.text("approval");
    let row = row(e, approval)?;
    let same = row.request.asked_hash().to_string() == entry.text("request");
    (!same).then(|| format!("question {approval} is about another request than the trail says was approved"))
}

/// What was received is nothing that was approved, where all that can have led to it was asked about.
fn sent_otherwise(e: &Evidence, request: &Received, sent: &[Sent<'_>]) -> Option<String> {
    let shown = quota::shown(&request.url);
    let before = sent.partition_point(|one| one.permit.at.unix_ms() <= request.at_ms);
    let soon = |one: &&&Sent<'_>| one.permit.at.unix_ms() >= request.at_ms - ANSWER_MS;
    let lately = sent.get(..before)?.iter().rev();
    let led_to_it = lately.take_while(|one| soon(&one)).filter(|one| {
        (one.permit.text("method"), one.permit.text("url")) == (request.method.as_str(), shown.as_str())
    });
    let mut known = 0;
    for one in led_to_it {
        let approved = row(e, one.approval?)?.request;
        let (url, body) = (approved.url().as_str(), approved.body());
        let filled_in = url.contains(SLOT) || String::from_utf8_lossy(body).contains(SLOT);
        if filled_in || (url == request.url && Digest::of(body).to_string() == request.body_sha256) {
            return None;
        }
        known += 1;
    }
    let at = Moment::from_unix_ms(request.at_ms);
    (known > 0).then(|| format!("what {shown} was sent at {at} is not what was approved"))
}

fn row(e: &Evidence, approval: &str) -> Option<ApprovalRow> {
    Some(e.store.get(&Space::default_owner(), approval).ok()??.value)
}
