//! The run: settle what was proposed, read the boards, tell, and propose what was accepted.
//!
//! Everything that decides is in the pure rooms beside this one. What cannot be read is a sentence in the
//! report and never ends the run; only an interruption by the machine does.

use std::time::Duration;

use mm_sdk::{About, Context, Fault, Interrupt, Report, SourceHealth, Strategy, async_trait};

use super::config::Config;
use super::guide::GUIDE;
use super::memory::{First, SNAPSHOT_VERSION, Stage};
use super::round::Round;
use crate::{feeds, freelancer, hackernews, remoteok, snapshots};

/// The strategy. What outlives a run is in the snapshot.
#[derive(Debug, Default)]
pub struct FreelanceLeads {
    config: Config,
}

#[async_trait]
impl Strategy for FreelanceLeads {
    fn about(&self) -> About {
        About {
            name: "freelance-leads",
            description: "Reads boards for work that fits your skills and rate, and prepares what you offer.",
            code_version: 1,
            required_accounts: &[],
            time_to_first_dollar: "weeks to months: an offer in ten is answered, and the work is yours",
            automation_level: 0.3,
            schedule: "every 6h",
            deadline: Duration::from_secs(900),
            proposes: &[
                (hackernews::PLATFORM, hackernews::kind::SEARCH),
                (hackernews::PLATFORM, hackernews::kind::READ),
                (remoteok::PLATFORM, remoteok::READ),
                (feeds::PLATFORM, feeds::READ),
                (freelancer::ask::PLATFORM, freelancer::ask::kind::READ),
                (freelancer::ask::PLATFORM, freelancer::ask::kind::ACCOUNT),
                (freelancer::ask::PLATFORM, freelancer::ask::kind::BID),
            ],
            guide: GUIDE,
        }
    }

    fn initialise(&mut self, config: &serde_json::Value) -> Result<(), String> {
        self.config = Config::read(config)?;
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        let snapshot = snapshots::read_since::<First, _>(cx, "freelance-leads")?;
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
        if self.config.skills.is_empty() {
            let sentence = "nothing is read: write your skills into [strategies.freelance-leads.config]";
            self.source("skills", SourceHealth::Fresh, sentence);
        } else {
            if self.config.hackernews {
                self.hackernews(cx).await?;
            }
            if self.config.remoteok {
                self.remoteok(cx).await?;
            }
            self.feeds(cx).await?;
            self.freelancer(cx).await?;
            self.bid(cx).await?;
        }
        self.age(cx);
        self.redraw(cx);
        let waiting = self.snapshot.bids.values().filter(|bid| bid.stage == Stage::Waiting).count();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let figures = [
            ("read", self.tally.read),
            ("fitting", self.tally.fitting),
            ("told", self.tally.told),
            ("bait", self.tally.bait),
            ("odd_times", self.tally.odd),
            ("known", count(self.snapshot.leads.len())),
            ("bids_waiting", count(waiting)),
        ];
        self.report.metrics.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
        Ok(())
    }
}
