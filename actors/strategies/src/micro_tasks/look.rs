//! Looking at one issue: the issue itself, its comments, its repository and the repository's rules, in
//! this order, and no further than it takes to refuse it.

use std::time::Duration;

use mm_sdk::{Action, Context, Digest, Interrupt, Moment, Validators};

use super::assess::Known;
use super::facts::{CommentFacts, IssueFacts, RepositoryFacts};
use super::memory::{Kept, KnownIssue};
use super::round::Round;
use super::trap::{Kind, Trap};
use crate::github::answer::{Failed, Fresh, ask, list, one};
use crate::github::shape::{Comment, Issue, Repository};
use crate::github::{RepositoryName, Seen};

/// The most pages of comments that are read: a thousand comments.
const PAGES_MAX: usize = 10;

/// As many comments are on a full page.
const PAGE_COMMENTS: usize = 100;

/// What a repository is, is asked again after a day; and what was read at all refuses nothing for longer.
pub(super) const REPOSITORY_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// How a look ended.
pub(super) enum Looked {
    /// All that is needed is known.
    Whole,
    /// This one could not be looked at.
    Failed(String),
    /// And neither can another, now.
    Stop(String),
}

impl From<Failed> for Looked {
    fn from(failed: Failed) -> Self {
        if failed.for_all { Looked::Stop(failed.why) } else { Looked::Failed(failed.why) }
    }
}

impl Round<'_> {
    /// Looks at an issue. `again`: also at what was read lately, for something is about to be done.
    pub(super) async fn look(
        &mut self,
        cx: &mut Context<'_>,
        id: u64,
        again: bool,
    ) -> Result<Looked, Interrupt> {
        let Some(mut known) = self.snapshot.issues.remove(&id) else {
            return Ok(Looked::Failed("it is not known any more".to_owned()));
        };
        let looked = self.look_at(cx, id, &mut known, again).await;
        cx.put_down();
        known.tried_at = Some(cx.now());
        known.looked = matches!(looked, Ok(Looked::Whole));
        self.snapshot.issues.insert(id, known);
        looked
    }

    async fn look_at(
        &mut self,
        cx: &mut Context<'_>,
        id: u64,
        known: &mut KnownIssue,
        again: bool,
    ) -> Result<Looked, Interrupt> {
        if let Some(ended) = self.look_at_issue(cx, id, known).await? {
            return Ok(ended);
        }
        look_again_if_changed(known);
        if self.is_refused(cx.now(), known) {
            return Ok(Looked::Whole);
        }
        if let Some(ended) = self.look_at_comments(cx, id, known).await? {
            return Ok(ended);
        }
        let name = known.place.repository.clone();
        if let Some(ended) = self.look_at_repository(cx, &name, again).await? {
            return Ok(ended);
        }
        if self.is_refused(cx.now(), known) {
            return Ok(Looked::Whole);
        }
        Ok(self.look_at_rules(cx, &name, again).await?.unwrap_or(Looked::Whole))
    }

    /// Whether what is known so far is enough to refuse it. What was read long ago is left out: it may be
    /// otherwise by now, and is read before it counts.
    fn is_refused(&self, now: Moment, known: &KnownIssue) -> bool {
        let Some(mut facts) = self.known(known, now) else { return false };
        let repository = self.snapshot.repository(known.place.repository.as_str());
        facts.comments = facts.comments.filter(|_| comments_stand(known, now));
        facts.repository = facts.repository.filter(|_| {
            repository.and_then(|known| known.facts.as_ref()).is_some_and(|kept| is_recent(kept, now))
        });
        facts.policy = facts.policy.filter(|_| {
            repository.and_then(|known| known.policy.as_ref()).is_some_and(|kept| is_recent(kept, now))
        });
        !facts.against().is_empty()
    }

    /// All that is known of an issue, for assessing it.
    pub(super) fn known<'k>(&'k self, known: &'k KnownIssue, now: Moment) -> Option<Known<'k>> {
        let repository = self.snapshot.repository(known.place.repository.as_str());
        Some(Known {
            issue: &known.issue.as_ref()?.value,
            comments: known.comments.as_ref().map(|kept| &kept.value),
            repository: repository.and_then(|known| known.facts.as_ref()).map(|kept| &kept.value),
            policy: repository.and_then(|known| known.policy.as_ref()).map(|kept| &kept.value),
            owner: self.snapshot.owner(),
            attempts_max: self.config.attempts_max,
            now,
        })
    }

    async fn look_at_issue(
        &mut self,
        cx: &mut Context<'_>,
        id: u64,
        known: &mut KnownIssue,
    ) -> Result<Option<Looked>, Interrupt> {
        let action = self.github.issue(&known.place, &validators(&known.issue));
        match ask(cx, &format!("issue-{id}"), action, one::<Issue>("an issue")).await? {
            Seen::Fresh(fresh) => {
                if !cx.take_up(&format!("issue-{id}"), fresh.evidence) {
                    let why = "what it says now crashed three runs and is set aside".to_owned();
                    return Ok(Some(Looked::Failed(why)));
                }
                if fresh.value.id != id {
                    return Ok(Some(moved(known, &fresh.value)));
                }
                // After a rename or a transfer the answer says where it is: it is asked there from now on.
                known.place = fresh.value.place.clone();
                // An earlier version kept those of a full page.
                if fresh.value.comments >= PAGE_COMMENTS as u64
                    && let Some(comments) = &mut known.comments
                {
                    comments.validators = Validators::default();
                }
                known.issue = Some(kept(cx, IssueFacts::of(&fresh.value), fresh.validators, fresh.evidence));
            }
            Seen::Unchanged => still(cx, &mut known.issue),
            Seen::Missing(_) => return Ok(Some(gone(known))),
            Seen::Failed(failed) => return Ok(Some(failed.into())),
        }
        Ok(None)
    }

    async fn look_at_comments(
        &mut self,
        cx: &mut Context<'_>,
        id: u64,
        known: &mut KnownIssue,
    ) -> Result<Option<Looked>, Interrupt> {
        // What was read in part is not confirmed by a 304.
        let half = known.comments.as_ref().is_some_and(|kept| kept.value.unread > 0);
        let earlier = if half { Validators::default() } else { validators(&known.comments) };
        let mut next = Some(self.github.comments(&known.place, &earlier));
        let mut facts = CommentFacts::default();
        let mut first: Option<(Validators, Digest)> = None;
        for page in 1..=PAGES_MAX {
            let Some(action) = next.take() else { break };
            let step = format!("comments-{id}-{page}");
            match ask(cx, &step, action, list::<Comment>("a comment")).await? {
                Seen::Fresh(fresh) => {
                    next = self.take_comments(&mut facts, fresh, &mut first);
                }
                Seen::Unchanged if page == 1 => {
                    still(cx, &mut known.comments);
                    return Ok(None);
                }
                Seen::Unchanged => {
                    return Ok(Some(Looked::Failed("a page of comments came without a body".to_owned())));
                }
                Seen::Missing(_) => return Ok(Some(gone(known))),
                Seen::Failed(failed) => return Ok(Some(failed.into())),
            }
        }
        if next.is_some() {
            let why = "it has over a thousand comments, which are not read";
            self.report.errors.push(format!("{}: {why}; it is set aside until it changes", known.place));
            facts.traps.insert(0, Trap::new(Kind::Crowded, why));
        }
        let (validators, evidence) = first.unwrap_or_default();
        let by_app = &mut self.snapshot.by_app;
        _ = if facts.said.by_app { by_app.insert(id) } else { by_app.remove(&id) };
        known.comments = Some(kept(cx, facts, validators, evidence));
        Ok(None)
    }

    /// Takes in a page of comments; the read of the next one.
    fn take_comments(
        &mut self,
        facts: &mut CommentFacts,
        fresh: Fresh<(Vec<Comment>, Vec<mm_sdk::json::Unreadable>)>,
        first: &mut Option<(Validators, Digest)>,
    ) -> Option<Action> {
        let (comments, unread) = fresh.value;
        for comment in &comments {
            facts.take(comment, self.snapshot.owner());
        }
        facts.unread += u32::try_from(unread.len()).unwrap_or(u32::MAX);
        if let Some(bad) = unread.first() {
            self.report.errors.push(format!("a comment could not be read: {bad}"));
        }
        // The validators of a first page say nothing of a second, and a full one is followed by the next comment's
        // without a change of its own: all are read anew each time.
        let alone = fresh.next.is_none() && comments.len() + unread.len() < PAGE_COMMENTS;
        let validators = if alone { fresh.validators } else { Validators::default() };
        first.get_or_insert((validators, fresh.evidence));
        fresh.next
    }

    async fn look_at_repository(
        &mut self,
        cx: &mut Context<'_>,
        name: &RepositoryName,
        again: bool,
    ) -> Result<Option<Looked>, Interrupt> {
        let facts = self.snapshot.repository(name.as_str()).and_then(|known| known.facts.clone());
        let recent = facts.as_ref().is_some_and(|kept| cx.now().since(kept.at) < REPOSITORY_AGE_MAX);
        if (recent && !again) || !self.read_repositories.insert(name.as_str().to_ascii_lowercase()) {
            return Ok(None);
        }
        let action = self.github.repository(name, &validators(&facts));
        match ask(cx, &format!("repo-{}", short(name)), action, one::<Repository>("a repository")).await? {
            Seen::Fresh(fresh) => {
                let facts = kept(cx, RepositoryFacts::of(&fresh.value), fresh.validators, fresh.evidence);
                self.snapshot.repository_mut(name.as_str()).facts = Some(facts);
            }
            Seen::Unchanged => still(cx, &mut self.snapshot.repository_mut(name.as_str()).facts),
            Seen::Missing(_) => return Ok(Some(Looked::Failed(format!("{name} cannot be seen any more")))),
            Seen::Failed(failed) => return Ok(Some(failed.into())),
        }
        Ok(None)
    }
}

/// What was set aside because more is written on it than is read has its turn when it changed: a comment more, or one
/// less, changes the issue.
fn look_again_if_changed(known: &mut KnownIssue) {
    let (Some(issue), Some(comments)) = (&known.issue, &known.comments) else { return };
    if is_crowded(&comments.value) && issue.value.updated_at > comments.at {
        known.comments = None;
    }
}

/// A name for the steps about a repository.
pub(super) fn short(name: &RepositoryName) -> String {
    Digest::of(name.as_str().to_ascii_lowercase().as_bytes()).short(16)
}

fn validators<T>(kept: &Option<Kept<T>>) -> Validators {
    kept.as_ref().map(|kept| kept.validators.clone()).unwrap_or_default()
}

pub(super) fn kept<T>(cx: &Context<'_>, value: T, validators: Validators, evidence: Digest) -> Kept<T> {
    Kept { value, validators, evidence, at: cx.now() }
}

fn still<T>(cx: &Context<'_>, kept: &mut Option<Kept<T>>) {
    if let Some(kept) = kept {
        kept.at = cx.now();
    }
}

/// Whether what the comments said holds still. Those that are more than is read hold until the issue changes.
fn comments_stand(known: &KnownIssue, now: Moment) -> bool {
    let (Some(issue), Some(comments)) = (&known.issue, &known.comments) else { return false };
    if is_crowded(&comments.value) || comments.at == now {
        return true;
    }
    let changed = issue.value.updated_at > comments.at;
    comments.value.unread == 0 && !changed && is_recent(comments, now)
}

fn is_crowded(comments: &CommentFacts) -> bool {
    comments.traps.iter().any(|trap| trap.kind == Kind::Crowded)
}

fn is_recent<T>(kept: &Kept<T>, now: Moment) -> bool {
    now.since(kept.at) < REPOSITORY_AGE_MAX
}

/// At its place is another issue: it was transferred, which gives it another number of GitHub's (octokit/webhooks,
/// `issues/transferred`), or its repository's name is another's now. Here it ends.
fn moved(known: &mut KnownIssue, found: &Issue) -> Looked {
    let why = match found.place == known.place {
        true => format!("{} is another issue now", known.place),
        false => format!("it was moved to {} and is another issue there", found.place),
    };
    if let Some(kept) = &mut known.issue
        && kept.value.open
    {
        kept.value.traps.insert(0, Trap::new(Kind::Closed, why));
    }
    gone(known)
}

/// An issue that is not there any more is closed; one that never was seen is forgotten by its age.
fn gone(known: &mut KnownIssue) -> Looked {
    if let Some(kept) = &mut known.issue {
        kept.value.open = false;
        kept.validators = Validators::default();
    }
    Looked::Whole
}
