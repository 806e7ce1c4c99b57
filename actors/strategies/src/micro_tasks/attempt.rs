//! The comment that says that the owner works on an issue: proposed, never just sent.
//!
//! It is proposed for an opportunity that the owner has accepted, after everything was read once more.
//! The draft has a blank for his plan; it waits in the inbox until he has filled it in and approved it.
//! One that settled is not proposed again: whether it may be is for him to say. One that ended because its
//! time passed, or that provably never arrived, is: from what is read then; so is, after a day, one that his
//! token may not write.

use std::time::Duration;

use mm_sdk::{
    Act, Action, ActionId, Answer, Context, Decided, ErrorClass, Interrupt, Moment, Refusal, Untrusted,
    blank, words,
};

use super::assess::Known;
use super::board::Board;
use super::memory::{Attempt, Stage};
use super::round::Round;
use crate::github::answer::{one, understood};
use crate::github::shape::Comment;
use crate::github::{IssuePlace, Seen};

/// What was read before a comment was proposed is good for so long; after it, it is read and proposed anew.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// So many characters of what GitHub says of a refusal are shown.
const WORDS_MAX: usize = 100;

/// How the reason begins where a change was refused for its token's sake. It is known again by this, so it stays.
const TOKEN: &str = "the token may not write there";

/// What a token might not write is proposed anew after so long.
const TOKEN_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// What became of an attempt is asked for so long.
const ASKED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// The issues of the opportunities that the owner has accepted.
pub(super) fn accepted(decided: &[Decided]) -> Vec<u64> {
    let issue = |decided: &Decided| {
        let details: serde_json::Value = serde_json::from_str(&decided.details).ok()?;
        details.get("issue")?.as_u64()
    };
    decided.iter().filter(|decided| decided.kind == super::draft::BOUNTY).filter_map(issue).collect()
}

impl Round<'_> {
    /// Asks what became of the comments that were proposed.
    pub(super) async fn settle(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        let now = cx.now();
        let asked: Vec<(u64, ActionId)> = (self.snapshot.attempts.iter())
            .filter(|(_, attempt)| !matches!(attempt.stage, Stage::There(_)))
            .filter(|(_, attempt)| now.since(attempt.at) < ASKED_FOR)
            .filter_map(|(id, attempt)| Some((*id, attempt.action.clone()?)))
            .collect();
        for (id, action) in asked {
            if let Some(act) = cx.outcome(&action).await? {
                self.settled(cx, id, act);
            }
        }
        Ok(())
    }

    /// Takes in what became of a comment.
    fn settled(&mut self, cx: &mut Context<'_>, id: u64, act: Act) {
        let Some(attempt) = self.snapshot.attempts.get_mut(&id) else { return };
        let stage = match act {
            Act::Pending(_) => return,
            // Nobody said no, and nothing was made: it is proposed anew, from fresh reads.
            Act::Refused(Refusal { class: ErrorClass::Transient | ErrorClass::RateLimit, .. }) => {
                self.snapshot.attempts.remove(&id);
                self.redraw.insert(id);
                cx.over(key(id));
                return;
            }
            Act::Done(answer) => {
                stage_of(&answer, &attempt.place, &self.github.comment(&attempt.place, "", ""))
            }
            Act::Refused(Refusal { why, .. }) => Stage::Over(why),
        };
        if stage == attempt.stage {
            return;
        }
        // It waits no longer, whatever came of it.
        cx.over(key(id));
        if let Stage::Over(why) = &stage {
            let why = Untrusted::new(why.as_str()).line(300);
            cx.alert(key(id), format!("the comment on {} was not made: {why}", attempt.place));
        }
        (attempt.stage, attempt.at) = (stage, cx.now());
        self.redraw.insert(id);
    }

    /// Proposes the comment for an accepted issue that was looked at just now.
    pub(super) async fn attempt(&mut self, cx: &mut Context<'_>, id: u64) -> Result<(), Interrupt> {
        if !self.config.attempt || !self.github.has_account() || !self.is_to_attempt(id, cx.now()) {
            return Ok(());
        }
        // While it is not known which comments are the owner's, his own may be there already.
        if self.snapshot.owner().is_none() {
            return Ok(());
        }
        let Some(known) = self.snapshot.issues.get(&id) else { return Ok(()) };
        let Some(facts) = self.known(known, cx.now()) else { return Ok(()) };
        let place = known.place.clone();
        if let Some(first) = facts.against().first() {
            let sentence = format!("no comment on {place} is proposed: {}", first.why);
            cx.alert(key(id), sentence);
            return Ok(());
        }
        let Some(board) = facts.board() else { return Ok(()) };
        if let Some(comment) = facts.comments.and_then(|comments| comments.own) {
            let stage = Stage::There(comment);
            self.note_attempt(cx, id, Attempt { place, board, action: None, stage, at: cx.now() });
            return Ok(());
        }
        // Without the rules of the repository, or the owner's own name, nothing is proposed.
        if facts.policy.is_none() || facts.comments.is_none() || facts.owner.is_none() {
            return Ok(());
        }
        let action = self.proposal(&place, board, &facts, cx.now());
        let asked = action.clone();
        let (action, stage) = match cx.act(&format!("attempt-{id}"), action).await? {
            Act::Pending(action) => (Some(action), Stage::Waiting),
            Act::Done(answer) => (None, stage_of(&answer, &place, &asked)),
            Act::Refused(Refusal { why, class, .. }) => {
                let why = Untrusted::new(why).line(200);
                self.report.errors.push(format!("the comment on {place} was not taken: {why}"));
                if class == ErrorClass::Transient || class == ErrorClass::RateLimit {
                    return Ok(());
                }
                (None, Stage::Over(why))
            }
        };
        // That it waits is told by the inbox, for as long as it does.
        self.note_attempt(cx, id, Attempt { place, board, action, stage, at: cx.now() });
        Ok(())
    }

    /// Whether there is no comment on an issue yet, nor a word on one that still counts.
    pub(super) fn is_to_attempt(&self, id: u64, now: Moment) -> bool {
        let attempt = self.snapshot.attempts.get(&id);
        attempt.is_none_or(|attempt| another_token_may(&attempt.stage, attempt.at, now))
    }

    /// Whether a comment on an issue waits for its owner, or for a slot.
    pub(super) fn attempt_waits(&self, id: u64) -> bool {
        self.snapshot.attempts.get(&id).is_some_and(|attempt| attempt.stage == Stage::Waiting)
    }

    /// Tells the owner what has come up against a comment that waits, from an issue that was looked at just now:
    /// what he approves was judged by what was read when it was proposed.
    pub(super) fn watch_attempt(&self, cx: &mut Context<'_>, id: u64) {
        let (Some(known), Some(attempt)) = (self.snapshot.issues.get(&id), self.snapshot.attempts.get(&id))
        else {
            return;
        };
        let Some(facts) = self.known(known, cx.now()) else { return };
        let against = facts.against().first().map(|first| first.why.clone());
        let twice = || "a comment of yours says so there already".to_owned();
        let own = facts.comments.and_then(|comments| comments.own);
        match against.or_else(|| own.map(|_| twice())) {
            Some(why) => {
                let sentence = format!(
                    "the comment on {} still waits for you, and {why}: reject it (`money-machine approvals list`, then \
                     `money-machine approvals reject ID`)",
                    attempt.place
                );
                cx.alert(key(id), sentence);
            }
            None => cx.over(key(id)),
        }
    }

    fn note_attempt(&mut self, cx: &mut Context<'_>, id: u64, attempt: Attempt) {
        // What stood in its way does not any more.
        cx.over(key(id));
        self.snapshot.attempts.insert(id, attempt);
        self.redraw.insert(id);
    }

    /// The comment with what rules ask for and what the owner should read.
    fn proposal(&self, place: &IssuePlace, board: Board, facts: &Known<'_>, now: Moment) -> Action {
        let purpose = format!("say on {place} that you work on it ({})", board.name());
        let mut action = self.github.comment(place, &text(board, place.number), &purpose);
        action.until = Some(now.plus(GOOD_FOR));
        if let Some(policy) = facts.policy {
            action.facts.insert("repository-policy".to_owned(), policy.stance.as_str().to_owned());
            action.notes = policy.notes();
        }
        for bounty in facts.bounties() {
            action.notes.push(format!("bounty: {} by {}", bounty.amount, bounty.sponsor));
        }
        let others = facts.comments.map_or(0, |comments| comments.attempts.len());
        action.notes.push(format!("others who say that they work on it: {others}"));
        if board == Board::Algora {
            action.notes.push("Algora pays by Stripe Connect: only to countries that it supports".to_owned());
        }
        action
    }
}

/// What alerts about the comment on an issue are about.
fn key(id: u64) -> String {
    format!("attempt/{id}")
}

/// The draft. The board's bot reads the first line, people read the plan, which only the owner knows.
pub(super) fn text(board: Board, number: u64) -> String {
    format!(
        "{}\n\n{}\n\n_Posted by money-machine, a program; its owner wrote the plan and approved this comment._\n",
        board.claim(number),
        blank::of("your implementation plan: what you will change, where, and how you will test it"),
    )
}

/// What GitHub's answer to the comment means.
fn stage_of(answer: &Answer, place: &IssuePlace, asked: &Action) -> Stage {
    if answer.is_unseen() {
        // It was made, and nobody saw the answer that gives its number.
        return Stage::There(0);
    }
    if answer.status == 201 {
        let made = Answer { status: 200, ..answer.clone() };
        return match understood(asked, &made, one::<Comment>("a comment")) {
            Seen::Fresh(fresh) => Stage::There(fresh.value.id),
            // It is there: GitHub said so. Only its number is not known.
            _ => Stage::There(0),
        };
    }
    let why = match answer.status {
        404 => format!("{place} is not to be seen any more"),
        410 => format!("{place} was deleted"),
        403 => refused(answer).unwrap_or_else(|| {
            format!("GitHub does not let the account comment on {place}{}", quoted(answer))
        }),
        status => format!("GitHub answered with status {status}{}", quoted(answer)),
    };
    Stage::Over(why)
}

/// GitHub's own words on a refusal, in quotation marks; nothing if it has none.
pub(super) fn quoted(answer: &Answer) -> String {
    let words = words(&answer.body).map(|words| words.line(WORDS_MAX));
    words.filter(|words| !words.is_empty()).map_or_else(String::new, |words| format!(": “{words}”"))
}

/// What is said where GitHub refused a change because of what the token may do (docs.github.com, "Troubleshooting the
/// REST API", "Resource not accessible"); `None` where it is about something else.
pub(super) fn refused(answer: &Answer) -> Option<String> {
    let words = words(&answer.body)?;
    words.line(200).to_ascii_lowercase().contains("resource not accessible by").then(|| {
        let quoted = quoted(answer);
        format!("{TOKEN}{quoted}; `account rotate` to a classic one with the scope public_repo: it is proposed anew")
    })
}

/// Whether a change was refused for its token's sake, a day ago: the owner is asked again, as the token may be another
/// by now. Without that day a change that needs no yes would be sent at each run.
pub(super) fn another_token_may(stage: &Stage, at: Moment, now: Moment) -> bool {
    matches!(stage, Stage::Over(why) if why.starts_with(TOKEN)) && now.since(at) >= TOKEN_AGAIN
}
