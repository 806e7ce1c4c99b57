//! The run: read five files, compare, draft, remember.
//!
//! Everything that decides is in the pure rooms beside this one. A failed source is a sentence in
//! the report and never ends the run; only an interruption by the machine does.

use crate::bug_bounty::draft::drafts;
use crate::bug_bounty::feed::{Feed, parse};
use crate::bug_bounty::health::{Broken, Standing};
use crate::bug_bounty::memory::Memory;
use crate::bug_bounty::observe::{Observation, Turned};
use crate::bug_bounty::scope::Source;
use crate::snapshots;
use mm_sdk::{
    About, Answer, Check, Context, Digest, Fault, Fetch, Guide, GuideStep, How, LogicalUrl, Payout,
    PlatformId, Report, SourceHealth, SourceReport, Strategy, Validators, async_trait,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The schema of [`Snapshot`], raised when its shape changes.
pub const SNAPSHOT_VERSION: u16 = 1;

/// The platform of the actions: the public data set, not the platforms it speaks of.
const PLATFORM: &str = "bounty-targets-data";

/// What outlives a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// One entry for each source that is watched, in [`Source::ALL`]'s order.
    pub sources: Vec<Watched>,
}

/// What outlives a run, of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// What is known.
    pub memory: Memory,
    /// What makes the next read conditional on the version that `memory` has seen.
    pub validators: Validators,
}

impl Snapshot {
    /// Nothing known yet.
    pub fn new() -> Snapshot {
        let watched = |source| Watched { memory: Memory::new(source), validators: Validators::default() };
        Snapshot { sources: Source::ALL.into_iter().map(watched).collect() }
    }
}

impl Default for Snapshot {
    fn default() -> Snapshot {
        Snapshot::new()
    }
}

/// The strategy. It has no state of its own: all of it is in the snapshot.
#[derive(Debug, Default)]
pub struct BugBounty;

#[async_trait]
impl Strategy for BugBounty {
    fn about(&self) -> About {
        About {
            name: "bug-bounty",
            description: "Watches public bug-bounty scope files and tells what is new: programmes, targets, rewards.",
            code_version: 1,
            required_accounts: &[],
            time_to_first_dollar: "weeks to months, if at all: what is found must still be tested and reported by you",
            automation_level: 0.3,
            schedule: "@hourly",
            deadline: Duration::from_secs(300),
            proposes: &[(PLATFORM, "read")],
            guide: GUIDE,
        }
    }

    fn initialise(&mut self, config: &serde_json::Value) -> Result<(), String> {
        let key = config.as_object().and_then(|keys| keys.keys().next());
        match key {
            None => Ok(()),
            Some(key) => Err(format!(
                "bug-bounty has no settings yet, so `{}` means nothing to it; take it out",
                mm_sdk::Untrusted::new(key.as_str()).line(60)
            )),
        }
    }

    async fn execute(&mut self, cx: &mut Context<'_>) -> Result<Report, Fault> {
        let mut snapshot: Snapshot = snapshots::read(cx, "bug-bounty")?;
        let mut report = Report::default();
        for watched in &mut snapshot.sources {
            read_source(cx, watched, &mut report).await?;
        }
        snapshots::write(cx, SNAPSHOT_VERSION, &snapshot)?;
        Ok(report)
    }
}

/// Reads one source and drafts what it tells.
async fn read_source(cx: &mut Context<'_>, watched: &mut Watched, report: &mut Report) -> Result<(), Fault> {
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
    draft_all(cx, source, observation, evidence, report);
    cx.put_down();
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

fn draft_all(
    cx: &mut Context<'_>,
    source: Source,
    observation: Observation,
    evidence: Option<Digest>,
    report: &mut Report,
) {
    let told = observation.findings.iter().filter(|finding| finding.tell).count();
    let listed = observation.findings.len() - told;
    for (name, count) in [("told", told), ("listed", listed)] {
        report.metrics.push((format!("{source}.{name}"), i64::try_from(count).unwrap_or(i64::MAX)));
    }
    for finding in observation.findings {
        drafts(finding, evidence).for_each(|draft| cx.found(draft));
    }
}

/// From sign-up to money in the bank. Testing and reporting stay with the owner: platforms forbid
/// automated reports (HackerOne's code of conduct) and each programme has rules of its own.
const GUIDE: Guide = Guide {
    steps: &[
        GuideStep {
            title: "Watch scope",
            how: How::Automated { what: "reads five public scope files and ranks what is new" },
            check: Check::HasSucceeded,
        },
        GuideStep {
            title: "Sign up on a platform",
            how: How::Manual {
                place: "hackerone.com, bugcrowd.com, intigriti.com, yeswehack.com or federacy.com",
                what: "open a researcher account with your real name and your own e-mail address",
                why: "platforms want a person, and payment needs an identity",
            },
            check: Check::OwnerSays,
        },
        GuideStep {
            title: "Choose an opportunity",
            how: How::Manual {
                place: "money-machine opportunities list, then accept",
                what: "read the programme's own rules on its page before anything else",
                why: "what is allowed differs by programme, and the scope file does not say",
            },
            check: Check::HasAccepted,
        },
        GuideStep {
            title: "Test and report",
            how: How::Manual {
                place: "the programme's page",
                what: "test within scope, write the report, send it, then mark it as submitted",
                why: "platforms do not tolerate automated delivery of reports",
            },
            check: Check::HasSubmitted,
        },
        GuideStep {
            title: "Be paid",
            how: How::Manual {
                place: "the platform's payment settings",
                what: "set a payout method and answer the tax form, then mark it as paid",
                why: "bank and tax details belong to you alone",
            },
            check: Check::HasBeenPaid,
        },
    ],
    payout: Payout {
        holder: "the platform, after the programme has accepted and rewarded the report",
        minimum: "depends on the platform and the payout method",
        how_long: "days to months after the report, as the programme decides",
        days_max: None,
    },
};
