//! A change is made at most once: of all its tries one may have happened. The others are on record as ones that
//! did not, and what is on record as not sent did not arrive.

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::quota;
use super::trail::Audit;

/// Acts that only read, whatever their method: questions in a query language are sent by POST.
const READS: [&str; 2] = ["read", "account-check"];

/// What is wrong with the tries of changes.
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
                open.remove(id);
            }
            _ => {}
        }
    }
    wrong
}

fn is_change(e: &Evidence, permit: &Audit) -> bool {
    let only_reads = || e.noted.kind(permit.text("action")).is_some_and(|kind| READS.contains(&kind));
    !["GET", "HEAD"].contains(&permit.text("method")) && !only_reads()
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
