//! The run: read by the accounts, read five files, compare, draft, book, remember.
//!
//! Everything that decides is in the pure rooms beside this one. A failed source is a sentence in
//! the report and never ends the run; only an interruption by the machine does.

use crate::bug_bounty::accounts::{Platform, Round};
use crate::bug_bounty::config::Config;
use crate::bug_bounty::draft::drafts;
use crate::bug_bounty::feed::{Feed, parse};
use crate::bug_bounty::guide::GUIDE;
use crate::bug_bounty::health::{Broken, Standing};
use crate::bug_bounty::memory::Memory;
use crate::bug_bounty::observe::{Observation, Turned};
use crate::bug_bounty::scope::Source;
use crate::bug_bounty::snapshot::{SNAPSHOT_VERSION, Snapshot, Watched};
use crate::bug_bounty::{earned, report};
use crate::{hackerone, intigriti, snapshots, yeswehack};
use mm_sdk::{
    About, Answer, Context, Digest, Fault, Fetch, Interrupt, LogicalUrl, PlatformId, Report, SourceHealth,
    SourceReport, Strategy, async_trait,
};
use std::time::Duration;

/// The platform of the actions: the public data set, not the platforms it speaks of.
const PLATFORM: &str = "bounty-targets-data";

/// The strategy. What outlives a run is in the snapshot.
#[derive(Debug, Default)]
pub struct BugBounty {
    config: Config,
}

#[async_trait]
impl Strategy for BugBounty {
    fn about(&self) -> About {
        About {
            name: "bug-bounty",
            description: "Watches bug-bounty scopes, tells what is new, drafts reports that you send, and books what was earned.",
            code_version: 3,
            required_accounts: &[],
            time_to_first_dollar: "weeks to months, if at all: what is found must still be tested and reported by you",
            automation_level: 0.3,
            schedule: "@hourly",
            deadline: Duration::from_secs(900),
            proposes: &[
                (PLATFORM, "read"),
                (hackerone::ask::PLATFORM, hackerone::ask::kind::READ),
                (hackerone::ask::PLATFORM, hackerone::ask::kind::SCOPES),
                (hackerone::ask::PLATFORM, hackerone::ask::kind::REPORTS),
                (hackerone::ask::PLATFORM, hackerone::ask::kind::REPORT),
                (intigriti::ask::PLATFORM, intigriti::ask::kind::READ),
                (intigriti::ask::PLATFORM, intigriti::ask::kind::REPORT),
                (yeswehack::ask::PLATFORM, yeswehack::ask::kind::READ),
                (yeswehack::ask::PLATFORM, yeswehack::ask::kind::REPORT),
            ],
            guide: GUIDE,
        }
    }

    fn initialise(&mut self, config: &serde_json::Value) -> Result<(), String> {
        self.config = Config::read(config)?;
        Ok(())
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        let mut snapshot = Snapshot::of_run(cx)?;
        let mut report = Report::default();
        report::settle(cx, &mut snapshot.reports).await?;
        let Snapshot { sources, accounts, reports, unseen, told } = &mut snapshot;
        let mut round = Round::new(&self.config, accounts, cx.now());
        round.run(cx, &mut report, &|source, key| Snapshot::shows(sources, source, key)).await?;
        for watched in sources {
            read_source(cx, watched, &mut round, &mut report).await?;
        }
        let platforms = Platform::of(&self.config);
        for platform in &platforms {
            if let Platform::HackerOne(api) = platform
                && round.answers(Source::HackerOne)
            {
                earned::run(cx, api, told, &mut report).await?;
            }
        }
        if self.config.report {
            report::draft(cx, &mut round, &platforms, (reports, unseen), &mut report.errors).await?;
        }
        snapshots::write(cx, SNAPSHOT_VERSION, &snapshot)?;
        Ok(report)
    }
}

/// Reads one source and drafts what it tells.
async fn read_source(
    cx: &mut Context<'_>,
    watched: &mut Watched,
    round: &mut Round<'_>,
    report: &mut Report,
) -> Result<(), Fault> {
    let source = watched.memory.source;
    let place = mm_sdk::Source {
        platform: PLATFORM
            .to_owned()
            .try_into()
            .map_err(|e: <PlatformId as TryFrom<String>>::Error| Fault::fatal(e.to_string()))?,
        url: LogicalUrl::parse(source.feed_url()).map_err(|e| Fault::fatal(e.to_string()))?,
        purpose: "look for new programmes and targets in a public scope file",
    };
    let fetched = place.fetch(cx, &format!("read-{source}"), &watched.validators).await?;
    let now = cx.now();
    let (observation, evidence, said) = match fetched {
        Fetch::Fresh(answer) if !cx.take_up(source.name(), answer.body_id()) => {
            let why = "what it answers now crashed three runs and is set aside".to_owned();
            (watched.memory.failed(now), None, Said::Failed(why))
        }
        Fetch::Fresh(answer) => match understand(watched, &answer, cx, report) {
            Ok((observation, said)) => (observation, Some(answer.body_id()), said),
            Err(sentence) => (watched.memory.failed(now), None, Said::Failed(sentence)),
        },
        Fetch::Unchanged => (watched.memory.unchanged(now), None, Said::Unchanged),
        Fetch::Failed(why) => (watched.memory.failed(now), None, Said::Failed(why)),
    };
    report.sources.push(source_report(&watched.memory, &observation, said));
    tell_turn(cx, &watched.memory, &observation);
    cx.put_down();
    draft_all(cx, source, observation, evidence, round, report).await?;
    Ok(())
}

/// What became of the read itself.
enum Said {
    Fresh(String),
    Unchanged,
    Failed(String),
}

/// Takes in an answer. Validators are kept only of a version that was taken in.
fn understand(
    watched: &mut Watched,
    answer: &Answer,
    cx: &Context<'_>,
    report: &mut Report,
) -> Result<(Observation, Said), String> {
    let source = watched.memory.source;
    let feed = parse(source, &answer.body).map_err(|error| error.to_string())?;
    let observation = watched.memory.observe(&feed, cx.now()).map_err(|error| error.to_string())?;
    watched.validators = answer.validators();
    report.errors.extend(skipped(&feed));
    let targets: usize = feed.programmes.iter().map(|programme| programme.targets.len()).sum();
    let said = format!("{} programmes and {targets} targets of both sides", feed.programmes.len());
    Ok((observation, Said::Fresh(said)))
}

/// One sentence for all that could not be read, with the first as an example.
fn skipped(feed: &Feed) -> Option<String> {
    let partial = feed.programmes.iter().filter(|programme| programme.partial).count();
    let partly =
        (partial > 0).then(|| format!("{partial} programmes of {} could be read only in part", feed.source));
    feed.skipped.first().map_or(partly, |first| {
        let (count, source, position) = (feed.skipped.len(), feed.source, first.position);
        Some(format!(
            "{count} programmes of {source} could not be read, the first at {position}: {}",
            first.reason
        ))
    })
}

fn source_report(memory: &Memory, observation: &Observation, said: Said) -> SourceReport {
    let name = memory.source.name().to_owned();
    let (health, sentence) = match (said, observation.standing) {
        // The source did not answer: that outweighs how old the last answer is, which is said too.
        (Said::Failed(why), Standing::Stale(age)) => (SourceHealth::Failed, format!("{why}; {}", old(age))),
        (Said::Failed(why), _) => (SourceHealth::Failed, why),
        (_, Standing::Broken(broken)) => (SourceHealth::Broken, shrunk(&broken)),
        (_, Standing::Stale(age)) => (SourceHealth::Stale, format!("it has not changed for {}", days(age))),
        (Said::Fresh(what), _) => (SourceHealth::Fresh, what),
        (Said::Unchanged, _) => (SourceHealth::Unchanged, "as it was at the last read".to_owned()),
    };
    SourceReport { name, health, sentence }
}

fn old(age: Duration) -> String {
    format!("what is known is {} old", days(age))
}

fn days(age: Duration) -> String {
    match age.as_secs() / 3600 {
        hours @ 0..48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

fn shrunk(broken: &Broken) -> String {
    let (lost, known) = (broken.shrink.lost, broken.shrink.known);
    format!(
        "it lacks {} of {} known programmes and {} of {} known targets, which looks like an outage; \
         nothing is taken as removed",
        lost.programmes, known.programmes, lost.targets, known.targets
    )
}

/// Tells the owner when a source breaks or recovers.
fn tell_turn(cx: &mut Context<'_>, memory: &Memory, observation: &Observation) {
    let source = memory.source;
    let since = memory.health.broken.map(|broken| broken.since).unwrap_or_else(|| cx.now());
    let (what, sentence) = match (observation.turned, observation.standing) {
        (Some(Turned::Broke), Standing::Broken(broken)) => {
            ("broken", format!("the scope file of {source} looks broken: {}", shrunk(&broken)))
        }
        (Some(Turned::Believed), _) => (
            "believed",
            format!(
                "the scope file of {source} stayed shrunk for two weeks and is believed now; removals count again"
            ),
        ),
        (Some(Turned::Recovered), _) => ("recovered", format!("the scope file of {source} has recovered")),
        _ => return,
    };
    cx.alert(format!("source-{what}/{source}/{since}"), sentence);
}

async fn draft_all(
    cx: &mut Context<'_>,
    source: Source,
    observation: Observation,
    evidence: Option<Digest>,
    round: &mut Round<'_>,
    report: &mut Report,
) -> Result<(), Interrupt> {
    let told = observation.findings.iter().filter(|finding| finding.tell).count();
    let listed = observation.findings.len() - told;
    for (name, count) in [("told", told), ("listed", listed)] {
        report.metrics.push((format!("{source}.{name}"), i64::try_from(count).unwrap_or(i64::MAX)));
    }
    for finding in observation.findings {
        // What is news is told with the programme's own words on automated tools, where they can be read.
        if finding.tell && round.asks(source) && round.answers(source) {
            round.know(cx, source, &finding.programme).await?;
        }
        let own = round.own(&finding);
        drafts(finding, evidence, own.as_ref()).for_each(|draft| cx.found(draft));
    }
    Ok(())
}
