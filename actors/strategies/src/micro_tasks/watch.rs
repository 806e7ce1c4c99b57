//! The run: search, look, tell, and propose what was accepted.
//!
//! Everything that decides is in the pure rooms beside this one. What cannot be read is a sentence in the
//! report and never ends the run; only an interruption by the machine does.

use std::time::Duration;

use mm_sdk::{
    About, Context, Decided, Fault, Interrupt, Moment, Report, SourceHealth, SourceReport, Strategy,
    Validators, async_trait,
};

use super::attempt::accepted;
use super::config::Config;
use super::draft::{BOUNTY, digest, draft, over};
use super::guide::GUIDE;
use super::look::{Looked, REPOSITORY_AGE_MAX, kept};
use super::memory::{First, KnownIssue, SNAPSHOT_VERSION, Told};
use super::round::Round;
use super::trap::{Kind, Trap};
use crate::github::answer::ask;
use crate::github::ask::{PLATFORM, kind};
use crate::github::{IssuePlace, RepositoryName, Seen, shape};
use crate::snapshots;

/// Of so many looks one is kept for what was told as open: that it has ended must be seen.
const TOLD_PART: usize = 3;

/// The strategy. What outlives a run is in the snapshot.
#[derive(Debug, Default)]
pub struct MicroTasks {
    config: Config,
}

#[async_trait]
impl Strategy for MicroTasks {
    fn about(&self) -> About {
        About {
            name: "micro-tasks",
            description: "Finds GitHub issues with a bounty, refuses bait, and prepares the comment and the claim.",
            code_version: 3,
            required_accounts: &[PLATFORM],
            time_to_first_dollar: "weeks, if at all: most listed bounties are taken, stale or bait, and the work is yours",
            automation_level: 0.3,
            schedule: "every 2h",
            deadline: Duration::from_secs(900),
            proposes: &[
                (PLATFORM, kind::SEARCH),
                (PLATFORM, kind::READ),
                (PLATFORM, kind::COMMENT),
                (PLATFORM, kind::EDIT_PULL),
            ],
            guide: GUIDE,
        }
    }

    fn initialise(&mut self, config: &serde_json::Value) -> Result<(), String> {
        self.config = Config::read(config)?;
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        let snapshot = snapshots::read_since::<First, _>(cx, "micro-tasks")?;
        let mut round = Round::new(&self.config, snapshot);
        round.run(cx).await?;
        snapshots::write(cx, SNAPSHOT_VERSION, &round.snapshot)?;
        Ok(round.report)
    }
}

impl Round<'_> {
    async fn run(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        self.settle(cx).await?;
        self.settle_claims(cx).await?;
        let decided = cx.decisions().await?;
        let accepted = accepted(&decided);
        self.who(cx).await?;
        self.search(cx).await?;
        self.recall(&decided);
        for id in self.order(&accepted, cx.now()) {
            let wanted = accepted.contains(&id) && self.is_to_attempt(id, cx.now());
            let waits = accepted.contains(&id) && self.attempt_waits(id);
            match self.look(cx, id, wanted || waits).await? {
                Looked::Whole => {
                    self.tally.looked += 1;
                    if wanted {
                        self.attempt(cx, id).await?;
                    }
                    if waits {
                        self.watch_attempt(cx, id);
                    }
                    if accepted.contains(&id) {
                        self.claim(cx, id).await?;
                    }
                    self.tell(cx, id);
                }
                Looked::Failed(why) => self.tally.failed.push(why),
                Looked::Stop(why) => {
                    self.tally.stopped = Some(why);
                    break;
                }
            }
        }
        self.end_too_many(&accepted);
        for id in std::mem::take(&mut self.redraw) {
            self.tell(cx, id);
        }
        self.snapshot.forget(&accepted);
        self.sum_up();
        Ok(())
    }

    /// What the owner accepted and was forgotten is known again from what he accepted.
    fn recall(&mut self, decided: &[Decided]) {
        for decided in decided {
            let Some((id, place)) = place_of(decided) else { continue };
            let known = self.snapshot.issues.entry(id);
            known
                .or_insert_with(|| KnownIssue { told: Told::Bounty, ..KnownIssue::found(place, decided.at) });
        }
    }

    /// Told ones that are too many to be watched end with a word, so that none stands as open that nobody looks at.
    fn end_too_many(&mut self, accepted: &[u64]) {
        for id in self.snapshot.too_many(accepted) {
            let issue = self.snapshot.issues.get_mut(&id).and_then(|known| known.issue.as_mut());
            let Some(kept) = issue else { continue };
            let why = "so many bounties are told that it is not watched any more";
            kept.value.traps.insert(0, Trap::new(Kind::Closed, why));
            kept.value.open = false;
            kept.validators = Validators::default();
            self.redraw.insert(id);
        }
    }

    /// Asks under which name the account is known: its own comments must be told from others'.
    async fn who(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        if !self.github.has_account() {
            self.snapshot.viewer = None;
            return Ok(());
        }
        let known = self.snapshot.viewer.as_ref().map(|kept| kept.validators.clone()).unwrap_or_default();
        match ask(cx, "viewer", self.github.viewer(&known), shape::viewer).await? {
            Seen::Fresh(fresh) => {
                let login = fresh.value.login.line(60);
                if self.snapshot.owner() != Some(login.as_str()) {
                    self.snapshot.forget_whose_comments();
                }
                self.snapshot.viewer = Some(kept(cx, login, fresh.validators, fresh.evidence));
            }
            Seen::Unchanged => {}
            Seen::Missing(_) => self.report.errors.push("GitHub does not know the account".to_owned()),
            Seen::Failed(failed) => {
                let sentence = format!("under which name the account is known: {}", failed.why);
                let report =
                    SourceReport { name: "account".to_owned(), health: SourceHealth::Failed, sentence };
                self.report.sources.push(report);
                return Ok(());
            }
        }
        let sentence = format!("it is known as {}", self.snapshot.owner().unwrap_or("nobody"));
        self.report.sources.push(SourceReport {
            name: "account".to_owned(),
            health: SourceHealth::Fresh,
            sentence,
        });
        Ok(())
    }

    /// Which issues are looked at, in order: what the owner accepted, what is new or changed, what may be
    /// otherwise by now; of these, those not looked at for longest first. A part of the looks is kept for what was
    /// told and may have ended, however much is new.
    fn order(&self, accepted: &[u64], now: Moment) -> Vec<u64> {
        let mut ranked: Vec<(u8, i64, u64)> = Vec::new();
        let mut told: Vec<(bool, i64, u64)> = Vec::new();
        for (id, known) in &self.snapshot.issues {
            let tried = known.tried_at.map_or(0, |at| at.unix_ms());
            let is_told = known.is_told_open();
            let (rank, within) = match () {
                () if accepted.contains(id) => (0, tried),
                // The newest first: an old bounty that nobody took has a reason.
                () if known.tried_at.is_none() => (1, -known.seen_update.unix_ms()),
                () if self.changed.contains(id) => (1, tried),
                () if is_told || self.is_due(*id, known, now) => (2, tried),
                () => continue,
            };
            if rank > 0 && is_told && self.may_be_kept_for(known, now) {
                told.push((!self.changed.contains(id), tried, *id));
            }
            ranked.push((rank, within, *id));
        }
        ranked.sort_unstable();
        told.sort_unstable();
        let looks = self.config.looks_max;
        let told: Vec<u64> = told.into_iter().map(|(_, _, id)| id).take((looks / TOLD_PART).max(1)).collect();
        let others = ranked.into_iter().map(|(_, _, id)| id).filter(|id| !told.contains(id));
        let mut order: Vec<u64> = others.take(looks.saturating_sub(told.len())).collect();
        // Behind what the owner accepted, and before what is new, which may use up a limit.
        let at = order.iter().take_while(|id| accepted.contains(id)).count();
        order.splice(at..at, told);
        order
    }

    /// A single look to a run is not kept for the same each time.
    fn may_be_kept_for(&self, known: &KnownIssue, now: Moment) -> bool {
        self.config.looks_max > 1 || known.tried_at.is_none_or(|at| now.since(at) >= REPOSITORY_AGE_MAX)
    }

    /// Whether what is known of an issue that is not told as open may be otherwise by now. What refused it in its
    /// repository, its rules or its comments is good for a day, as what is read of a repository is; what is
    /// closed or gone rests, unless a search lists it as open.
    fn is_due(&self, id: u64, known: &KnownIssue, now: Moment) -> bool {
        let issue = known.issue.as_ref().map(|kept| &kept.value);
        match issue.filter(|issue| issue.open) {
            _ if !known.looked => true,
            // A search may have told of a change in a run that had no look left.
            Some(issue) if known.seen_update > issue.updated_at => true,
            Some(_) => known.tried_at.is_none_or(|at| now.since(at) >= REPOSITORY_AGE_MAX),
            None => self.listed.contains(&id),
        }
    }

    /// Drafts an issue, if there is something new to say of it.
    fn tell(&mut self, cx: &mut Context<'_>, id: u64) {
        let Some(known) = self.snapshot.issues.get(&id) else { return };
        let Some(facts) = self.known(known, cx.now()) else { return };
        let assessment = facts.assess();
        // What only ended, or is in somebody else's hands, and was never told is nobody's news.
        let bait = assessment.against.iter().any(|trap| trap.kind.is_bait());
        if known.told == Told::Nothing && !assessment.against.is_empty() && !bait {
            return;
        }
        let refused = assessment.against.first().map(|trap| trap.kind);
        let ours = (self.snapshot.attempts.get(&id), self.snapshot.claims.get(&id));
        let (draft, told) = draft(id, known, &facts, &assessment, ours, self.config.hours);
        let digest = digest(&draft);
        let (same, was) = (known.told_digest == Some(digest), known.told);
        if let Some(kind) = refused {
            *self.tally.refused.entry(kind).or_default() += 1;
        }
        if same {
            return;
        }
        self.tally.told += i64::from(draft.tell && was != Told::Bounty);
        // A kind of its own is another opportunity: the word that it was refused does not stand beside this one.
        let before = (was == Told::Refused && told == Told::Bounty).then(|| over(&draft, &known.place));
        cx.found(draft);
        before.into_iter().for_each(|before| cx.found(before));
        if let Some(known) = self.snapshot.issues.get_mut(&id) {
            (known.told, known.told_digest) = (told, Some(digest));
        }
    }

    fn sum_up(&mut self) {
        let tally = std::mem::take(&mut self.tally);
        let failed = tally.failed.len();
        let mut sentence = format!("looked at {} issues", tally.looked);
        if let Some(first) = tally.failed.first() {
            sentence.push_str(&format!("; {failed} could not be looked at, the first: {first}"));
        }
        if let Some(why) = &tally.stopped {
            sentence.push_str(&format!("; the rest waits for the next run: {why}"));
        }
        let health = match tally.looked {
            0 if failed > 0 || tally.stopped.is_some() => SourceHealth::Failed,
            _ => SourceHealth::Fresh,
        };
        self.report.sources.push(SourceReport { name: "issues".to_owned(), health, sentence });
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let metrics = &mut self.report.metrics;
        metrics.push(("known".to_owned(), count(self.snapshot.issues.len())));
        metrics.push(("looked".to_owned(), count(tally.looked)));
        metrics.push(("told".to_owned(), tally.told));
        metrics.extend(tally.refused.into_iter().map(|(kind, n)| (format!("refused.{}", kind.word()), n)));
    }
}

/// Which issue an accepted opportunity is about, and where it was.
fn place_of(decided: &Decided) -> Option<(u64, IssuePlace)> {
    let details: serde_json::Value = serde_json::from_str(&decided.details).ok()?;
    let repository = RepositoryName::parse(details.get("repository")?.as_str()?).ok()?;
    let place = IssuePlace { repository, number: details.get("number")?.as_u64()? };
    (decided.kind == BOUNTY).then_some((details.get("issue")?.as_u64()?, place))
}
