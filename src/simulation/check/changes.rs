//! A change is made at most once: of all its tries one may have happened. The others are on record as ones that
//! did not, and what is on record as not sent did not arrive. What the platform has done is not asked for again, under
//! whatever name, nor is it on record as not done.
//!
//! What a platform has done the sandbox says itself: comments and bids are kept there. Of others it is only known
//! what is on record.

use std::collections::BTreeMap;

use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::records::ChangeRow;
use serde_json::Value;

use super::evidence::Evidence;
use super::quota;
use super::trail::Audit;
use crate::sandbox::Sandbox;
use crate::sandbox::oracle::Received;

/// Acts that only read, whatever their method: questions in a query language are sent by POST.
const READS: [&str; 2] = ["read", "account-check"];

/// What a platform of the sandbox has done because it was asked to.
#[derive(Debug, Clone)]
pub struct Made {
    /// When; some platforms say it in whole seconds.
    pub at_ms: i64,
    /// The number of the issue or the project that it is about.
    pub about: u64,
    /// Its text.
    pub text: String,
}

impl Made {
    /// Every comment and every bid.
    pub(super) fn all(sandbox: &Sandbox) -> Vec<Self> {
        let comments = sandbox.github_posted().into_iter().map(|posted| Self {
            at_ms: posted.comment.made_ms,
            about: posted.number,
            text: posted.comment.body,
        });
        let bids = sandbox.freelancer_bids().into_iter();
        let bids = bids.map(|bid| Self { at_ms: bid.at_ms, about: bid.project, text: bid.description });
        comments.chain(bids).collect()
    }

    /// Whether this is what that request asked for.
    fn is_of(&self, request: &Received, said: &Value) -> bool {
        let second = |at_ms: i64| at_ms.div_euclid(1000);
        let is_text = |field: &str| said[field].as_str() == Some(&self.text);
        second(self.at_ms) == second(request.at_ms)
            && (is_text("body") && request.url.ends_with(&format!("/issues/{}/comments", self.about))
                || is_text("description") && said["project_id"].as_u64() == Some(self.about))
    }
}

/// Whether the platform did what it was asked for.
fn was_made(e: &Evidence, request: &Received) -> bool {
    let Some(body) = request.body.as_deref().filter(|_| request.reached) else { return false };
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    e.made.iter().any(|made| made.is_of(request, &said))
}

/// What is wrong with the tries of changes, and with what came of them.
pub fn changes(e: &Evidence) -> Vec<String> {
    let mut wrong = Vec::new();
    // The last try of each change, while it may have happened.
    let mut open: BTreeMap<&str, &Audit> = BTreeMap::new();
    for entry in e.recent() {
        let id = entry.text("action");
        match entry.kind.as_str() {
            "action.permitted" if is_change(e, entry) => {
                if let Some(before) = open.insert(id, entry) {
                    let (first, again) = (before.at, entry.at);
                    wrong
                        .push(format!("{id} was tried at {first} and again at {again}; the first may count"));
                }
            }
            "action.tried" => {
                let status = entry.payload["status"].as_u64();
                // A refusal of the platform's. A time-out that it tells of is none.
                if status.is_some_and(|status| status == 408 || !(400..500).contains(&status)) {
                    continue;
                }
                let permit = open.remove(id).filter(|_| status.is_none());
                if permit.is_some_and(|permit| arrived(e, permit, entry)) {
                    wrong.push(format!(
                        "the try of {id} at {} is on record as not sent, and arrived",
                        entry.at
                    ));
                }
            }
            "action.settled" if entry.text("stage") == "failed" => {
                let permit = open.remove(id);
                if permit.is_some_and(|permit| happened(e, permit, entry)) {
                    wrong.push(format!("{id} was found not to have happened at {}, and was made", entry.at));
                }
            }
            _ => {}
        }
    }
    wrong.extend(asked_again(e));
    wrong
}

/// What was made and is asked for once more, under whatever action's name.
fn asked_again(e: &Evidence) -> Vec<String> {
    let (mut wrong, mut made) = (Vec::new(), BTreeMap::new());
    let arrived = e.recent_requests().iter().filter(|request| request.reached && request.method == "POST");
    for request in arrived {
        let change = (&request.url, &request.body_sha256, &request.account);
        if let Some(first) = made.get(&change) {
            let again = Moment::from_unix_ms(request.at_ms);
            wrong.push(format!(
                "{} was asked at {again} for what was made at {first}",
                quota::shown(&request.url)
            ));
        } else if was_made(e, request) {
            made.insert(change, Moment::from_unix_ms(request.at_ms));
        }
    }
    wrong
}

fn is_change(e: &Evidence, permit: &Audit) -> bool {
    let only_reads = || e.noted.kind(permit.text("action")).is_some_and(|kind| READS.contains(&kind));
    !["GET", "HEAD"].contains(&permit.text("method")) && !only_reads()
}

/// Whether the platform did what was permitted, before it was put on record that it had not. The change that was
/// sent is told from others of the same address by its body; where it is not kept any more nothing is said.
fn happened(e: &Evidence, permit: &Audit, settled: &Audit) -> bool {
    let (method, url) = (permit.text("method"), permit.text("url"));
    let row = e.store.get::<ChangeRow>(&Space::default_owner(), permit.text("action"));
    let sent = row.ok().flatten().and_then(|row| row.value.request);
    let Some(body) = sent.map(|request| Digest::of(request.body()).to_string()) else { return false };
    let meanwhile = permit.at.unix_ms()..=settled.at.unix_ms();
    let came = e.recent_requests().iter().filter(|request| meanwhile.contains(&request.at_ms));
    let of_it = |one: &&Received| {
        (one.method.as_str(), one.body_sha256.as_str()) == (method, body.as_str())
            && quota::shown(&one.url) == url
    };
    came.filter(of_it).any(|request| was_made(e, request))
}

/// Whether the platform acted on what was permitted, before it was put on record that nothing was sent. Where
/// another of the same address was under way nobody can tell which it was.
fn arrived(e: &Evidence, permit: &Audit, tried: &Audit) -> bool {
    let (method, url) = (permit.text("method"), permit.text("url"));
    let meanwhile = |at_ms: i64| (permit.at.unix_ms()..=tried.at.unix_ms()).contains(&at_ms);
    let of_it = |entry: &&Audit| (entry.text("method"), entry.text("url")) == (method, url);
    let permits = e.audit_of("action.permitted").filter(|entry| meanwhile(entry.at.unix_ms())).filter(of_it);
    let came = e.recent_requests().iter().filter(|request| request.reached && meanwhile(request.at_ms));
    permits.count() == 1 && came.filter(|one| one.method == method).any(|one| quota::shown(&one.url) == url)
}
