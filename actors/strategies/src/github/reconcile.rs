//! Whether a comment whose answer was lost is there: the own comments on its issue are looked up; and in
//! `pull`, whether the text of a pull request is.
//!
//! First the account's name is asked for, then the comments since a day before it was sent, page by
//! page. A comment of that author with the same text is the one, if it is no older than what was sent. None on all pages, looked for well after
//! it was sent, means that it did not happen. Anything else is unknown: a text of that author that only
//! resembles it may be ours, edited by somebody, and a person must look.

mod pull;

use std::collections::BTreeMap;
use std::time::Duration;

use mm_sdk::{
    Action, ActionKind, Answer, Finding, LogicalUrl, Method, Moment, Reconciler, Request, Sent, Untrusted,
};

use super::answer::{self, Missing, Seen};
use super::ask::{self, kind};
use super::place::API;
use super::shape::{self, Comment};
use crate::asker::checked;

/// A comment sent by us may bear a time so long before ours: two clocks are compared.
const SKEW: Duration = Duration::from_secs(300);

/// So far back is looked: the clock may have been wrong when it was sent, and was set since.
const LOOK_BACK: Duration = Duration::from_secs(24 * 3600);

/// What was sent may still be on its way for so long. The permit of a request ends far sooner.
const SAFE_AFTER: Duration = Duration::from_secs(120);

/// The fact of the second read that names the account.
const LOGIN: &str = "login";

/// The fact of the second read that says whether the look-up began late enough to believe a "no".
const LATE: &str = "late";

/// Looks up comments, and texts of pull requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Comments;

impl Reconciler for Comments {
    fn platform(&self) -> &'static str {
        ask::PLATFORM
    }

    fn look(&self, sent: &Sent) -> Option<Action> {
        // Without an account nothing could be written, and nobody's comments can be looked up.
        sent.action.account.as_ref()?;
        if let Some(read) = pull::look(sent) {
            return Some(read);
        }
        place_of(sent)?;
        let url = checked(&format!("{API}/user"));
        Some(read_for(sent, url, BTreeMap::new(), "see under which name a comment would stand"))
    }

    fn quiet(&self) -> Duration {
        SAFE_AFTER
    }

    fn find(&self, sent: &Sent, asked: &Action, answer: &Answer, now: Moment) -> Finding {
        match asked.facts.get(LOGIN) {
            None if asked.facts.contains_key(pull::PULL) => pull::find(sent, asked, answer, now),
            None => name_found(sent, asked, answer, now),
            Some(login) => comments_found(sent, asked, login, answer, now),
        }
    }
}

/// The comments' URL of the issue that was written to.
fn place_of(sent: &Sent) -> Option<&LogicalUrl> {
    let (request, url) = (&sent.action.request, sent.action.request.url());
    let is_comment = request.method() == Method::Post
        && url.as_str().starts_with(API)
        && url.path().ends_with("/comments")
        && url.path().contains("/issues/")
        && url.path() == url.path_and_query();
    is_comment.then_some(url)
}

/// The text that was sent.
fn text_of(sent: &Sent) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        body: String,
    }
    serde_json::from_slice::<Body>(sent.action.request.body()).ok().map(|sent| sent.body)
}

fn read_for(sent: &Sent, url: LogicalUrl, facts: BTreeMap<String, String>, purpose: &str) -> Action {
    let kind = ActionKind::new(kind::LOOK_UP);
    let action = Action::of(sent.action.platform.clone(), kind, ask::headed(Request::get(url)), purpose);
    Action { account: sent.action.account.clone(), facts, ..action }
}

/// The account's name has come: its comments are next.
fn name_found(sent: &Sent, asked: &Action, answer: &Answer, now: Moment) -> Finding {
    let login = match answer::understood(asked, answer, shape::viewer) {
        Seen::Fresh(fresh) => fresh.value.login.line(100),
        other => return unseen(other, "the account's name"),
    };
    let Some(url) = place_of(sent) else {
        return Finding::Unknown("what was sent is no comment on an issue".to_owned());
    };
    let since = sent.at.minus(LOOK_BACK);
    // A time in whole seconds, rounded down, has no character that a query must encode but `:`, which it may hold.
    let since = Moment::from_unix_ms(since.unix_ms().div_euclid(1000) * 1000);
    let url = checked(&format!("{}?since={since}&per_page=100", url.as_str()));
    let late = now.since(sent.at) > SAFE_AFTER;
    let facts = [(LOGIN, login), (LATE, late.to_string())];
    let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Finding::More(Box::new(read_for(sent, url, facts, "look whether the comment is there")))
}

/// A page of comments has come.
fn comments_found(sent: &Sent, asked: &Action, login: &str, answer: &Answer, now: Moment) -> Finding {
    let (page, next) = match answer::understood(asked, answer, answer::list::<Comment>("a comment")) {
        Seen::Fresh(fresh) => (fresh.value, fresh.next),
        other => return unseen(other, "the comments"),
    };
    let (comments, unread) = page;
    let Some(text) = text_of(sent) else {
        return Finding::Unknown("the text that was sent cannot be read".to_owned());
    };
    let since = sent.at.minus(SKEW);
    let all: Vec<&Comment> = comments.iter().filter(|comment| comment.author.is(login)).collect();
    let own: Vec<&Comment> = all.iter().copied().filter(|comment| comment.created_at >= since).collect();
    if let Some(found) = own.iter().find(|comment| same_text(comment.body.read(), &text)) {
        return Finding::Happened(format!("comment {} of {}", found.id, found.created_at));
    }
    if let Some(older) = all.iter().find(|comment| same_text(comment.body.read(), &text)) {
        let (id, at) = (older.id, older.created_at);
        let why = format!("comment {id} says the same and is of {at}, before it was sent by the clock here");
        return Finding::Unknown(why);
    }
    if let Some(alike) = own.iter().find(|comment| same_start(comment.body.read(), &text)) {
        let why =
            format!("comment {} by {} begins alike and goes on otherwise", alike.id, Untrusted::new(login));
        return Finding::Unknown(why);
    }
    if let Some(bad) = unread.first() {
        return Finding::Unknown(format!("not all comments could be read: {bad}"));
    }
    match next {
        Some(next) => Finding::More(Box::new(next)),
        None if asked.facts.get(LATE).is_some_and(|late| late == "true")
            && now.since(sent.at) > SAFE_AFTER =>
        {
            Finding::DidNot
        }
        None => Finding::Unknown("it is not there yet, and may still come".to_owned()),
    }
}

/// The platform may end lines its own way, and trim the end.
fn same_text(there: &str, sent: &str) -> bool {
    let plain = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
    plain(there) == plain(sent)
}

/// The first line is the claim: nobody makes the same one twice on an issue.
fn same_start(there: &str, sent: &str) -> bool {
    let first = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
    !first(sent).is_empty() && first(there) == first(sent)
}

fn unseen<T>(seen: Seen<T>, what: &str) -> Finding {
    Finding::Unknown(match seen {
        Seen::Failed(failed) => failed.why,
        Seen::Missing(Missing::NotFound) => format!("{what} cannot be seen (404)"),
        Seen::Missing(Missing::Gone) => format!("{what} cannot be seen: the issue was deleted"),
        Seen::Fresh(_) | Seen::Unchanged => format!("{what} came without a body"),
    })
}
