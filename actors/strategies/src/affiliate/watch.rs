//! The run: each network that is set up, one after another, then the owner's site.
//!
//! What cannot be read is a sentence in the report and never ends the run; only an interruption by the machine does.

use std::time::Duration;

use mm_sdk::{About, Context, Fault, Report, SourceHealth, SourceReport, Strategy, async_trait};

use super::config::Config;
use super::crawl::Crawl;
use super::first::First;
use super::guide::GUIDE;
use super::memory::{SNAPSHOT_VERSION, Snapshot};
use super::plan;
use super::sync::{Connector, Sync};
use crate::{awin, cj, impact, site, snapshots};

/// The strategy's name.
const NAME: &str = "affiliate";

/// The strategy. What outlives a run is in the snapshot.
#[derive(Debug, Default)]
pub struct Affiliate {
    config: Config,
}

#[async_trait]
impl Strategy for Affiliate {
    fn about(&self) -> About {
        About {
            name: NAME,
            description: "Puts the commissions of Impact, Awin and CJ into the books, and finds what is wrong with the links of your site.",
            code_version: 1,
            required_accounts: &[],
            time_to_first_dollar: "months: readers must come, buy, and not send back, and networks pay weeks later",
            automation_level: 0.6,
            schedule: "every 6h",
            deadline: Duration::from_secs(1_800),
            proposes: &[
                (impact::PLATFORM, "read"),
                (awin::PLATFORM, "read"),
                (cj::PLATFORM, "read"),
                (site::SITE, site::FETCH_PAGE),
                (site::LINKS, site::FETCH_PAGE),
            ],
            guide: GUIDE,
        }
    }

    fn initialise(&mut self, config: &serde_json::Value) -> Result<(), String> {
        self.config = Config::read(config)?;
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        let mut snapshot: Snapshot = snapshots::read_since::<First, _>(cx, NAME)?;
        let mut report = Report::default();
        if self.config.is_empty() {
            report.sources.push(nothing());
        }
        for connector in self.connectors() {
            let platform = connector.platform();
            let known = snapshot.networks.entry(platform.to_owned()).or_default();
            let told = Sync::new(&connector, known).run(cx, self.config.days_back).await?;
            report.sources.push(told.source);
            report.errors.extend(told.errors);
            report.metrics.extend(told.metrics);
        }
        if let Some(site) = &self.config.site {
            snapshot.judge_by(site.own.judge());
            let told = Crawl::new(site, &mut snapshot.site).run(cx).await?;
            report.sources.push(told.source);
            report.errors.extend(told.errors);
            report.metrics.extend(told.metrics);
        }
        self.forget(cx, &mut snapshot, &mut report);
        snapshots::write(cx, SNAPSHOT_VERSION, &snapshot)?;
        Ok(report)
    }
}

impl Affiliate {
    /// Keeps the memory within its bounds, and says what is forgotten. When all is read: each network has its share.
    fn forget(&self, cx: &Context<'_>, snapshot: &mut Snapshot, report: &mut Report) {
        let connectors = self.connectors();
        // Also of a network that is not set up any more: what it holds, the others cannot.
        for platform in snapshot.networks.keys().cloned().collect::<Vec<_>>() {
            let connector = connectors.iter().find(|one| one.platform() == platform);
            let first =
                connector.map_or(0, |one| plan::first(cx.now(), one.days(), one.back(self.config.days_back)));
            let forgotten = snapshot.forget(&platform, first);
            if forgotten > 0 {
                report.errors.push(format!(
                    "{platform}: there are more commissions than are remembered; {forgotten} were forgotten until \
                     they are told again"
                ));
            }
        }
    }

    fn connectors(&self) -> Vec<Connector> {
        let config = self.config.clone();
        let impact = config.impact.map(Connector::Impact);
        let awin = config.awin.map(Connector::Awin);
        [impact, awin, config.cj.map(Connector::Cj)].into_iter().flatten().collect()
    }
}

/// What a run says that has nothing to read.
fn nothing() -> SourceReport {
    SourceReport {
        name: "settings".to_owned(),
        health: SourceHealth::Failed,
        sentence: "neither a network nor a site is set up; see the guide, then [strategies.affiliate.config]"
            .to_owned(),
    }
}
