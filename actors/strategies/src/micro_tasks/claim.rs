//! The claim, `/claim #N`: proposed for the owner's own pull request, never just sent.
//!
//! Once the owner has accepted an opportunity, his open pull request that names the issue is looked for. Where
//! Algora's app is installed the line belongs into the pull request's first text: the app reads it there and
//! nowhere else (algora-io/algora, `webhooks/github_controller.ex`: `pull_request.opened`, `.reopened`,
//! `.edited`). Where it is not, the bot itself asks for a comment there (`notify_bounty.ex`). Either waits in
//! the inbox until the owner has approved it. Where the line stands already nothing is proposed.
//!
//! What cannot be read costs nothing but the proposal, which the next run makes.

mod text;

use std::time::Duration;

use mm_sdk::{
    Act, Action, ActionId, Answer, Context, Digest, ErrorClass, Interrupt, Moment, Refusal, Untrusted,
    Validators,
};

use super::assess::Known;
use super::attempt::{another_token_may, quoted, refused};
use super::board::Board;
use super::memory::{Claim, Stage};
use super::round::Round;
use super::trap::Kind;
use crate::github::answer::{ask, list, one};
use crate::github::shape::{Comment, Issue, found};
use crate::github::{IssuePlace, Seen};
use text::{claims, claims_any, comment, names, with_claim};

/// What was read before a claim was proposed is good for so long; after it, it is read and proposed anew.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// A pull request that was not found is looked for again after so long: the search is hours behind, and has
/// thirty a minute for everything (github/docs, `rest/search`).
const SOUGHT_EVERY: Duration = Duration::from_secs(6 * 3600);

/// What became of a claim is asked for so long.
const ASKED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// The most pages of comments on a pull request that are read.
const PAGES_MAX: usize = 10;

/// What a claim is made for, as far as it is known before its pull request is.
struct Wanted {
    issue: IssuePlace,
    owner: String,
    /// Whether Algora's app is installed, so that the line belongs into the pull request's text.
    by_app: bool,
    stance: String,
    notes: Vec<String>,
}

impl Wanted {
    /// What of all that is known speaks for a claim; `None` while something is missing or stands against it.
    /// That somebody is assigned, or that many try, does not: the work is done.
    fn of(facts: &Known<'_>, by_app: bool) -> Option<Self> {
        let (policy, owner) = (facts.policy?, facts.owner?);
        let against = facts.against().iter().any(|trap| trap.kind != Kind::Taken);
        if against || facts.board() != Some(Board::Algora) || facts.bounties().is_empty() {
            return None;
        }
        let mut notes = policy.notes();
        let bounties = facts.bounties().iter();
        notes.extend(bounties.map(|bounty| format!("bounty: {} by {}", bounty.amount, bounty.sponsor)));
        notes.push("it asks for the money: claim only work that is yours and done".to_owned());
        notes.push("Algora pays by Stripe Connect: only to countries that it supports".to_owned());
        Some(Self {
            issue: facts.issue.place.clone(),
            owner: owner.to_owned(),
            by_app,
            stance: policy.stance.as_str().to_owned(),
            notes,
        })
    }
}

/// What was found of the owner's pull requests.
enum Own {
    /// The one that names the issue, and claims nothing yet.
    Unclaimed(Issue),
    /// It claims the issue; the comment that does, 0 for its own text.
    Claimed(IssuePlace, u64),
    /// None yet, or none that can be read now.
    None,
}

impl Round<'_> {
    /// Asks what became of the claims that were proposed.
    pub(super) async fn settle_claims(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        let now = cx.now();
        let asked: Vec<(u64, ActionId)> = (self.snapshot.claims.iter())
            .filter(|(_, claim)| claim.stage == Stage::Waiting && now.since(claim.at) < ASKED_FOR)
            .filter_map(|(id, claim)| Some((*id, claim.action.clone()?)))
            .collect();
        for (id, action) in asked {
            let Some(act) = cx.outcome(&action).await? else { continue };
            let Some(claim) = self.snapshot.claims.get_mut(&id) else { continue };
            let stage = match act {
                Act::Pending(_) => continue,
                Act::Refused(Refusal { class: ErrorClass::Transient | ErrorClass::RateLimit, .. }) => {
                    // Nobody said no, and nothing was changed: it is proposed anew, from fresh reads.
                    self.snapshot.claims.remove(&id);
                    self.redraw.insert(id);
                    nothing_waits(cx, id);
                    continue;
                }
                Act::Done(answer) => stage_of(&answer, &claim.pull),
                Act::Refused(Refusal { why, .. }) => Stage::Over(Untrusted::new(why).line(200)),
            };
            nothing_waits(cx, id);
            if let Stage::Over(why) = &stage {
                cx.alert(key(id), format!("the claim in {} was not made: {why}", claim.pull));
            }
            (claim.stage, claim.at) = (stage, now);
            self.redraw.insert(id);
        }
        Ok(())
    }

    /// Proposes the claim for an accepted issue that was looked at just now.
    pub(super) async fn claim(&mut self, cx: &mut Context<'_>, id: u64) -> Result<(), Interrupt> {
        if !self.config.attempt || !self.github.has_account() {
            return Ok(());
        }
        match self.snapshot.claims.get(&id).map(|claim| (&claim.stage, claim.at)) {
            Some((Stage::Waiting, _)) => return self.watch_text(cx, id).await,
            Some((stage, at)) if !another_token_may(stage, at, cx.now()) => return Ok(()),
            _ if self.is_too_early(cx.now(), id) => return Ok(()),
            _ => {}
        }
        let known = self.snapshot.issues.get(&id).and_then(|known| self.known(known, cx.now()));
        let by_app = self.snapshot.by_app.contains(&id);
        let Some(wanted) = known.and_then(|facts| Wanted::of(&facts, by_app)) else { return Ok(()) };
        match self.own_pull(cx, id, &wanted).await? {
            Own::None => Ok(()),
            Own::Claimed(pull, comment) => {
                let claim =
                    Claim { pull, action: None, stage: Stage::There(comment), text: None, at: cx.now() };
                self.note_claim(cx, id, claim);
                Ok(())
            }
            Own::Unclaimed(pull) => self.propose_claim(cx, id, &wanted, &pull).await,
        }
    }

    /// Whether there can be no pull request yet, or it was looked for just now.
    fn is_too_early(&self, now: Moment, id: u64) -> bool {
        let attempt = self.snapshot.attempts.get(&id).map(|attempt| &attempt.stage);
        let sought = self.snapshot.sought.get(&id);
        self.pulls_stopped
            || attempt == Some(&Stage::Waiting)
            || sought.is_some_and(|at| now.since(*at) < SOUGHT_EVERY)
    }

    async fn propose_claim(
        &mut self,
        cx: &mut Context<'_>,
        id: u64,
        wanted: &Wanted,
        pull: &Issue,
    ) -> Result<(), Interrupt> {
        let place = pull.place.clone();
        let action = self.claim_action(wanted, pull, cx.now());
        let (action, stage) = match cx.act(&format!("claim-{id}"), action).await? {
            Act::Pending(action) => (Some(action), Stage::Waiting),
            Act::Done(answer) => (None, stage_of(&answer, &place)),
            Act::Refused(Refusal { why, class, .. }) => {
                let why = Untrusted::new(why).line(200);
                self.report.errors.push(format!("the claim in {place} was not taken: {why}"));
                if class == ErrorClass::Transient || class == ErrorClass::RateLimit {
                    return Ok(());
                }
                (None, Stage::Over(why))
            }
        };
        let text = wanted.by_app.then(|| Digest::of(pull.body.read().as_bytes()));
        self.note_claim(cx, id, Claim { pull: place, action, stage, text, at: cx.now() });
        Ok(())
    }

    fn note_claim(&mut self, cx: &mut Context<'_>, id: u64, claim: Claim) {
        // What stood in its way does not any more.
        cx.over(key(id));
        if claim.stage == Stage::Waiting {
            let sentence =
                format!("the claim in {} waits for your approval (see `approvals list`)", claim.pull);
            cx.alert(key(id), sentence);
        }
        self.snapshot.claims.insert(id, claim);
        self.redraw.insert(id);
    }

    /// The change of the text, or the comment, with what rules ask for and what the owner should read.
    fn claim_action(&self, wanted: &Wanted, pull: &Issue, now: Moment) -> Action {
        let number = wanted.issue.number;
        let purpose = format!("claim the bounty of {} with {}", wanted.issue, pull.place);
        let mut action = if wanted.by_app {
            self.github.describe_pull(&pull.place, &with_claim(pull.body.read(), number), &purpose)
        } else {
            self.github.comment(&pull.place, &comment(number), &purpose)
        };
        action.until = Some(now.plus(GOOD_FOR));
        action.facts.insert("repository-policy".to_owned(), wanted.stance.clone());
        action.notes = wanted.notes.clone();
        if wanted.by_app {
            action.notes.push(format!(
                "it replaces the text of {} with the same text and one line more, as it was read at {now}; if you \
                 have changed it since, reject this and write the line yourself",
                pull.place
            ));
        }
        action
    }

    /// The owner's open pull request in the issue's repository that names the issue.
    async fn own_pull(&mut self, cx: &mut Context<'_>, id: u64, wanted: &Wanted) -> Result<Own, Interrupt> {
        let Some(search) = self.github.open_pulls(&wanted.issue.repository, &wanted.owner) else {
            return Ok(Own::None);
        };
        let mut all = match ask(cx, &format!("pulls-{id}"), search, found).await? {
            Seen::Fresh(fresh) => fresh.value.issues,
            seen => return Ok(self.unread_pulls(&wanted.issue, seen)),
        };
        all.retain(|pull| is_own(pull, wanted));
        self.snapshot.sought.remove(&id);
        if all.len() != 1 {
            self.snapshot.sought.insert(id, cx.now());
        }
        let place = match all.as_slice() {
            [] => return Ok(Own::None),
            [one] => one.place.clone(),
            _ => {
                let sentence = format!(
                    "{} of your pull requests name {}: write `/claim #{}` into the right one yourself",
                    all.len(),
                    wanted.issue,
                    wanted.issue.number
                );
                cx.alert(key(id), sentence);
                return Ok(Own::None);
            }
        };
        // The search is hours behind: what will be changed is read now.
        let action = self.github.issue(&place, &Validators::default());
        let pull = match ask(cx, &format!("pull-{id}"), action, one::<Issue>("a pull request")).await? {
            Seen::Fresh(fresh) if is_own(&fresh.value, wanted) => fresh.value,
            Seen::Fresh(_) => return Ok(Own::None),
            seen => return Ok(self.unread_pulls(&wanted.issue, seen)),
        };
        if claims(pull.body.read(), &wanted.issue) {
            return Ok(Own::Claimed(place, 0));
        }
        if claims_any(pull.body.read()) {
            let sentence =
                format!("{place} claims another issue than {}: no claim is proposed", wanted.issue);
            cx.alert(key(id), sentence);
            return Ok(Own::None);
        }
        if wanted.by_app { Ok(Own::Unclaimed(pull)) } else { self.unclaimed(cx, id, wanted, pull).await }
    }

    /// Whether a comment of the owner's on his pull request claims the issue already.
    async fn unclaimed(
        &mut self,
        cx: &mut Context<'_>,
        id: u64,
        wanted: &Wanted,
        pull: Issue,
    ) -> Result<Own, Interrupt> {
        let mut next = Some(self.github.comments(&pull.place, &Validators::default()));
        for page in 0..PAGES_MAX {
            let Some(action) = next.take() else { return Ok(Own::Unclaimed(pull)) };
            let step = format!("pull-{id}-comments-{page}");
            let fresh = match ask(cx, &step, action, list::<Comment>("a comment")).await? {
                Seen::Fresh(fresh) => fresh,
                seen => return Ok(self.unread_pulls(&wanted.issue, seen)),
            };
            let (comments, unread) = fresh.value;
            let own = comments.iter().find(|comment| {
                comment.author.is(&wanted.owner) && claims(comment.body.read(), &wanted.issue)
            });
            if let Some(comment) = own {
                return Ok(Own::Claimed(pull.place, comment.id));
            }
            if let Some(bad) = unread.first() {
                self.report.errors.push(format!("a comment on {} could not be read: {bad}", pull.place));
                return Ok(Own::None);
            }
            next = fresh.next;
        }
        self.report.errors.push(format!("{} has over a thousand comments", pull.place));
        Ok(Own::None)
    }

    /// Tells the owner if the text that a waiting claim would replace is another by now.
    async fn watch_text(&mut self, cx: &mut Context<'_>, id: u64) -> Result<(), Interrupt> {
        let Some(claim) = self.snapshot.claims.get(&id) else { return Ok(()) };
        let (pull, Some(text)) = (claim.pull.clone(), claim.text) else { return Ok(()) };
        let action = self.github.issue(&pull, &Validators::default());
        match ask(cx, &format!("pull-{id}"), action, one::<Issue>("a pull request")).await? {
            Seen::Fresh(fresh) if Digest::of(fresh.value.body.read().as_bytes()) != text => {
                let sentence = format!(
                    "the text of {pull} is not what its claim would replace any more: reject that claim, and write \
                     the line into the text yourself"
                );
                cx.alert(text_key(id), sentence);
            }
            Seen::Fresh(_) => cx.over(text_key(id)),
            seen => _ = self.unread_pulls(&pull, seen),
        }
        Ok(())
    }

    /// Nothing is known of the pull requests: the next run looks again.
    fn unread_pulls<T>(&mut self, place: &IssuePlace, seen: Seen<T>) -> Own {
        let why = match seen {
            Seen::Failed(failed) => {
                self.pulls_stopped |= failed.for_all;
                failed.why
            }
            Seen::Missing(_) => "it is not there".to_owned(),
            Seen::Fresh(_) | Seen::Unchanged => "it came without a body".to_owned(),
        };
        self.report.errors.push(format!("your pull request for {place} cannot be read: {why}"));
        Own::None
    }
}

/// What alerts about the claim of an issue are about.
fn key(id: u64) -> String {
    format!("claim/{id}")
}

/// What the alert is about that the text changed which a waiting claim would replace. It is told beside the one that
/// the claim waits.
fn text_key(id: u64) -> String {
    format!("claim-text/{id}")
}

/// The claim of an issue waits no longer, whatever came of it.
fn nothing_waits(cx: &mut Context<'_>, id: u64) {
    cx.over(key(id));
    cx.over(text_key(id));
}

/// Whether a pull request is open, the owner's own, in the issue's repository, and names the issue.
fn is_own(pull: &Issue, wanted: &Wanted) -> bool {
    pull.is_pull_request
        && pull.open
        && pull.author.is(&wanted.owner)
        && pull.place.repository.is_same(&wanted.issue.repository)
        && names(pull.text.read(), &wanted.issue)
}

/// What GitHub's answer means.
fn stage_of(answer: &Answer, pull: &IssuePlace) -> Stage {
    match answer.status {
        // It was made; nobody saw the answer, or it says no more than that.
        200 | 201 => Stage::There(0),
        _ if answer.is_unseen() => Stage::There(0),
        403 => {
            Stage::Over(refused(answer).unwrap_or_else(|| {
                format!("GitHub does not let the account write to {pull}{}", quoted(answer))
            }))
        }
        404 | 410 => Stage::Over(format!("{pull} is not to be seen any more")),
        status => Stage::Over(format!("GitHub answered with status {status}{}", quoted(answer))),
    }
}
