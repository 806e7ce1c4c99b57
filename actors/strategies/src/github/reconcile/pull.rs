//! Whether the text of a pull request whose change was lost is there: it is read again.
//!
//! The text that was sent is the text that stands there, or it is not: the whole of it was replaced. Where
//! neither that nor what it was before stands there, somebody else wrote meanwhile, and a person must look.

use std::collections::BTreeMap;

use mm_sdk::{Action, Answer, Finding, Method, Moment, Sent};

use super::super::answer::{self, one};
use super::super::place::API;
use super::super::shape::Issue;
use super::{LATE, SAFE_AFTER, read_for, same_text, text_of, unseen};
use crate::asker::checked;
use crate::github::Seen;

/// The fact of the read that says that a pull request is looked at.
pub(super) const PULL: &str = "pull";

/// The read of the pull request that was changed, if it was one.
pub(super) fn look(sent: &Sent) -> Option<Action> {
    let (request, url) = (&sent.action.request, sent.action.request.url());
    let rest = url.as_str().strip_prefix(API)?;
    let (repository, number) = rest.rsplit_once("/pulls/")?;
    let is_change = request.method() == Method::Patch
        && !number.is_empty()
        && number.bytes().all(|c| c.is_ascii_digit())
        && (repository.starts_with("/repos/") || repository.starts_with("/repositories/"));
    // Every pull request is an issue, and is read as one.
    let url = is_change.then(|| checked(&format!("{API}{repository}/issues/{number}")))?;
    let facts = BTreeMap::from([(PULL.to_owned(), number.to_owned())]);
    Some(read_for(sent, url, facts, "look whether the text of the pull request was changed"))
}

/// The pull request has come.
pub(super) fn find(sent: &Sent, asked: &Action, answer: &Answer, now: Moment) -> Finding {
    let pull = match answer::understood(asked, answer, one::<Issue>("a pull request")) {
        Seen::Fresh(fresh) => fresh.value,
        other => return unseen(other, "the pull request"),
    };
    let Some(text) = text_of(sent) else {
        return Finding::Unknown("the text that was sent cannot be read".to_owned());
    };
    if same_text(pull.body.read(), &text) {
        return Finding::Happened(format!("the text of {} as of {}", pull.place, pull.updated_at));
    }
    // The last line is what was added: without it, the text is the one that was read before.
    let before = text.trim_end().rsplit_once('\n').map_or("", |(before, _)| before);
    if !same_text(pull.body.read(), before.trim_end()) {
        return Finding::Unknown(format!("the text of {} is neither the old nor the new one", pull.place));
    }
    if asked.facts.contains_key(LATE) {
        Finding::DidNot
    } else if now.since(sent.at) > SAFE_AFTER {
        // This read may have begun too early to be believed: the next one begins now.
        let mut again = asked.clone();
        again.facts.insert(LATE.to_owned(), true.to_string());
        Finding::More(Box::new(again))
    } else {
        Finding::Unknown("it is not there yet, and may still come".to_owned())
    }
}
