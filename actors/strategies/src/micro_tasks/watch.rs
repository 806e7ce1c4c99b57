//! The run: search, look, tell, and propose what was accepted.
//!
//! Everything that decides is in the pure rooms beside this one. What cannot be read is a sentence in the
//! report and never ends the run; only an interruption by the machine does.

use std::time::Duration;

use mm_sdk::{
    About, Context, Fault, Interrupt, Moment, Report, SourceHealth, SourceReport, Strategy, async_trait,
};

use super::attempt::accepted;
use super::config::Config;
use super::draft::{digest, draft};
use super::guide::GUIDE;
use super::look::{Looked, REPOSITORY_AGE_MAX, kept};
use super::memory::{First, KnownIssue, SNAPSHOT_VERSION, Told};
use super::round::Round;
use crate::github::answer::ask;
use crate::github::ask::{PLATFORM, kind};
use crate::github::{Seen, shape};
use crate::snapshots;

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
        round.snapshot.forget();
        snapshots::write(cx, SNAPSHOT_VERSION, &round.snapshot)?;
        Ok(round.report)
    }
}

impl Round<'_> {
    async fn run(&mut self, cx: &mut Context<'_>) -> Result<(), Interrupt> {
        self.settle(cx).await?;
        self.settle_claims(cx).await?;
        let accepted = accepted(&cx.decisions().await?);
        self.who(cx).await?;
        self.search(cx).await?;
        for id in self.order(&accepted, cx.now()) {
            let wanted = accepted.contains(&id) && !self.snapshot.attempts.contains_key(&id);
            match self.look(cx, id, wanted).await? {
                Looked::Whole => {
                    self.tally.looked += 1;
                    if wanted {
                        self.attempt(cx, id).await?;
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
        for id in std::mem::take(&mut self.redraw) {
            self.tell(cx, id);
        }
        self.sum_up();
        Ok(())
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
    /// otherwise by now; of these, those not looked at for longest first.
    fn order(&self, accepted: &[u64], now: Moment) -> Vec<u64> {
        let mut ranked: Vec<(u8, i64, u64)> = Vec::new();
        for (id, known) in &self.snapshot.issues {
            let tried = known.tried_at.map_or(0, |at| at.unix_ms());
            let (rank, within) = match () {
                () if accepted.contains(id) => (0, tried),
                // The newest first: an old bounty that nobody took has a reason.
                () if known.tried_at.is_none() => (1, -known.seen_update.unix_ms()),
                () if self.changed.contains(id) => (1, tried),
                () if known.is_told_open() || self.is_due(*id, known, now) => (2, tried),
                () => continue,
            };
            ranked.push((rank, within, *id));
        }
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, _, id)| id).take(self.config.looks_max).collect()
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
        cx.found(draft);
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
