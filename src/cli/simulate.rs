//! `simulate`: the owner's own configuration, rehearsed.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use mm_core::moment::Moment;
use mm_core::seams::Clock as _;

use super::print::{self, span, table};
use super::{Cx, Done, Json, examples, refuse};
use crate::exit::{Exit, Failure};
use crate::rules::FixedRules;
use crate::sandbox::Sandbox;
use crate::seams::SystemClock;
use crate::simulation::history::{Fared, PlatformScore};
use crate::simulation::report::{Report, Used};
use crate::simulation::{Owner, Plan, Rehearsed, Weather, paused, rehearse};
use crate::views::counted;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// So many days are simulated where nothing says how many.
const DAYS: u32 = 7;
/// So long after the last recording what is gone in it has been told.
const AFTER_THE_LAST: Duration = DAY.saturating_mul(5);

/// Rehearses your configuration on simulated time, crashes included
#[derive(Debug, Args)]
#[command(
    long_about = "Rehearses your configuration, as `run` would read it: the whole daemon, on simulated time, against \
        the sandbox's platforms or recorded answers. It tells what would be found, what that offers, what would be \
        permitted, asked, forbidden and waiting, the alerts, how much of each limit would be used, which ticks are \
        merged or missed, and how long the machine is in safe mode.\n\n\
        With --faults answers fail, and the machine is killed and loses its power, in the middle of its work. After \
        each simulated hour and each start a checker that sees only the trace, the sandbox's log and the store looks \
        whether an invariant is broken: if one is, it says so and ends with 1.\n\n\
        Your own rule packs are read as `run` reads them. With --owner what waits for a person is approved or \
        rejected; an owner who is silent lets it wait. Each hour he accepts one in three of the new opportunities; one \
        who is not silent also puts made payments for some of them into the books, renews a credential that a \
        platform did not take, and says of what he does himself that it is done, or is not.\n\n\
        One seed gives the same trace, byte for byte. Nothing outside is touched: nothing is written to your data \
        directory, no socket is opened, no credential of yours is read; where your configuration names an account, \
        the sandbox plays one. What is offered is not what you will earn.",
    after_long_help = examples(
        "money-machine simulate\n\
         money-machine simulate --days 30 --seed 7 --faults storm\n\
         money-machine simulate --recordings answers.jsonl --json\n\
         money-machine simulate --days 2 --trace /tmp/trace.txt"
    )
)]
pub struct Options {
    /// How many days, 1 to 1000 [default: 7; with recordings, up to 5 days after the last]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    days: Option<u32>,
    /// All chance comes from it
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Replay these recorded answers instead of the sandbox's own practice data
    #[arg(long, value_name = "FILE")]
    recordings: Option<PathBuf>,
    /// How much fails: none, light or storm
    #[arg(long, value_name = "PROFILE", default_value = "none", value_parser = ["none", "light", "storm"])]
    faults: String,
    /// How the owner answers what waits for him: approves, rejects or silent
    #[arg(long, value_name = "HABIT", default_value = "silent", value_parser = ["approves", "rejects", "silent"])]
    owner: String,
    /// Write the trace, a line for each thing that happened, to this file
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
}

pub(super) fn execute(cx: &Cx<'_>, options: Options) -> Done {
    let (plan, days, aside) = plan(cx, &options)?;
    let weather = Weather::of(&options.faults).unwrap_or(Weather::Fair);
    let clock = SystemClock::new(None);
    let progress = io::stderr().is_terminal();
    let mut tell = |over: u32| {
        if progress {
            // Nobody reads it: that is no reason to stop.
            let _ = write!(io::stderr(), "\rday {over} of {days}");
        }
    };
    let rehearsed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        rehearse(plan, DAY * days, weather, &mut tell)
    }));
    if progress {
        eprint!("\r{:40}\r", "");
    }
    let rehearsed = rehearsed.map_err(|_| {
        refuse("the simulated machine did not start, or not again: see above, and report it as a mistake")
    })?;
    let took = clock.mono().as_secs_f64();
    let trace = rehearsed.trace();
    if let Some(file) = &options.trace {
        write(file, &trace)?;
    }
    let report = Report::of(&rehearsed, days, weather, &trace);
    if options.json.json {
        print::json(&report)?
    } else {
        print::out(&(idle(&aside) + &text(&report)))?
    }
    eprintln!("{:.2} simulated days per second", lived(&rehearsed) / took.max(0.001));
    if report.findings.is_empty() {
        return Ok(Exit::Done);
    }
    let (more, n) = (report.findings.len().saturating_sub(1), report.findings.first());
    let first = n.map_or("", String::as_str);
    Err(refuse(format!("an invariant is broken: {first} (and {more} more; the report has them all)")))
}

/// How many days were lived.
fn lived(rehearsed: &Rehearsed) -> f64 {
    rehearsed.evidence.now.since(rehearsed.began).as_secs_f64() / DAY.as_secs_f64()
}

fn write(file: &Path, trace: &str) -> Result<(), Failure> {
    std::fs::write(file, trace)
        .map_err(|error| Failure::new(format!("write the trace to `{}`", file.display()), error))
}

/// What is simulated, for how many days, and which strategies do not run, with the reason.
fn plan(cx: &Cx<'_>, options: &Options) -> Result<(Plan, u32, Aside), Failure> {
    let env = super::place::environment();
    let loaded = cx.load_to_run(&env).map_err(|errors| Failure::new("read the configuration", errors))?;
    let (mut config, mut wrong) = (loaded.config, loaded.put_aside);
    for (id, mistakes) in cx.machine.mistakes(&config) {
        wrong.entry(id).or_default().extend(mistakes);
    }
    let aside: Aside =
        wrong.iter().map(|(id, mistakes)| (id.clone(), crate::reload::told(mistakes))).collect();
    for (id, why) in &aside {
        eprintln!("warning: strategy `{id}` is put aside: {why}");
    }
    for (_, own) in config.strategies.iter_mut().filter(|(id, _)| aside.contains_key(*id)) {
        own.enabled = false;
    }
    let mut plan = Plan::new(options.seed, paused::runtime);
    plan.machine = cx.machine.clone();
    plan.config = config;
    let data_dir = cx.whereabouts(&env)?.data_dir;
    plan.rules =
        FixedRules::of_data_dir(&data_dir).map_err(|error| Failure::new("read your rule packs", error))?;
    // By rules that cannot be used nothing is permitted, and no such rehearsal is worth its time.
    crate::rules::parse(&plan.rules.0).map_err(|mistakes| Failure::new("use your rule packs", mistakes))?;
    plan.owner = Owner::of(&options.owner).unwrap_or(Owner::Silent);
    let Some(file) = &options.recordings else { return Ok((plan, options.days.unwrap_or(DAYS), aside)) };
    let sandbox =
        Sandbox::with_recordings(file).map_err(|error| Failure::new("replay the recordings", error))?;
    let span = sandbox.recordings().and_then(|recordings| recordings.span_ms());
    let (first, last) = span.unwrap_or_default();
    let began = Moment::from_unix_ms(first);
    let whole = Moment::from_unix_ms(last).plus(AFTER_THE_LAST).since(began).as_secs() / DAY.as_secs();
    let days = options.days.unwrap_or(u32::try_from(whole).unwrap_or(u32::MAX).clamp(1, 1000));
    Ok((plan.at(sandbox).from(began), days, aside))
}

/// Strategies that are put aside, with the reason.
type Aside = BTreeMap<String, String>;

/// What stands above a report of which they are missing.
fn idle(aside: &Aside) -> String {
    let line = |(id, why): (&String, &String)| format!("{id} does not run: {}\n", print::line(why, 1000));
    let lines: String = aside.iter().map(line).collect();
    if lines.is_empty() { lines } else { lines + "\n" }
}

fn text(report: &Report) -> String {
    let plural = if report.days == 1 { "day" } else { "days" };
    let mut text = format!(
        "{} {plural} from {}, seed {}, faults {}, {} platforms\n\n",
        report.days,
        print::minute(&report.from),
        report.seed,
        report.faults,
        report.platforms
    );
    text.push_str(&found(report));
    text.push_str(&print::fields(&lines(report)));
    text.push('\n');
    text.push_str(&quotas(&report.quotas));
    for platform in &report.scope {
        text.push_str(&scope(platform));
    }
    for finding in &report.findings {
        text.push_str(&format!("\nBROKEN  {}\n", print::line(finding, 600)));
    }
    text.push_str(&format!("\ntrace sha256  {}\n", report.trace_sha256));
    text
}

fn found(report: &Report) -> String {
    if report.opportunities.is_empty() {
        return "Nothing was found.\n\n".to_owned();
    }
    let rows = report.opportunities.iter();
    let rows: Vec<Vec<String>> = rows
        .map(|row| {
            vec![
                row.told.to_string(),
                row.found.to_string(),
                row.strategy.clone(),
                print::line(&row.kind, 40),
            ]
        })
        .collect();
    let mut text = table(&["told", "found", "strategy", "opportunities"], &rows);
    text.push('\n');
    for one in &report.expected {
        text.push_str(&format!(
            "expected, not earned: {} to {} {}, if all {} that offer it were won\n",
            print::amount(&one.least, &one.currency),
            print::amount(&one.most, &one.currency),
            print::line(&one.currency, 8),
            one.opportunities
        ));
    }
    text.push('\n');
    text
}

fn lines(report: &Report) -> Vec<(&'static str, String)> {
    let (actions, ticks, ends) = (&report.actions, &report.ticks, &report.ends);
    let held_back: Vec<String> =
        actions.held_back.iter().map(|(by, times)| format!("{times} by {by}")).collect();
    let earnings: Vec<String> =
        report.earnings.iter().map(|(stage, count)| format!("{count} {stage}")).collect();
    let runs: Vec<String> =
        report.runs.iter().map(|(strategy, count)| format!("{count} {strategy}")).collect();
    let missed_as: Vec<String> =
        ticks.missed_as.iter().map(|(why, count)| format!("{count} {why}")).collect();
    let alerts: Vec<String> = report.alerts.iter().map(|(sort, times)| format!("{times} {sort}")).collect();
    vec![
        ("ran well", if runs.is_empty() { "none".to_owned() } else { runs.join(", ") }),
        (
            "actions",
            format!(
                "{} permitted, {} asked, {} forbidden, {} refused by their owner, {} too late, {} waiting",
                actions.permitted,
                actions.asked,
                actions.forbidden,
                actions.refused_by_owner,
                actions.expired,
                actions.waiting
            ),
        ),
        ("held back", if held_back.is_empty() { "none".to_owned() } else { held_back.join(", ") }),
        (
            "earnings",
            match report.entries {
                0 => "none".to_owned(),
                entries => format!("{}, in {entries} entries", earnings.join(", ")),
            },
        ),
        ("alerts", alerts.join(", ")),
        (
            "ticks",
            format!(
                "{} due: {} ran, {} merged into a later one, {} missed, {} gated, {} paused, {} skipped",
                ticks.due, ticks.ran, ticks.merged, ticks.missed, ticks.gated, ticks.paused, ticks.skipped
            ),
        ),
        ("missed as", if missed_as.is_empty() { "none".to_owned() } else { missed_as.join("; ") }),
        ("safe mode", span(report.safe_mode_s)),
        (
            "survived",
            format!(
                "{}, {}, {}",
                counted(ends.killed, "kill", "kills"),
                counted(ends.power_losses, "power loss", "power losses"),
                counted(ends.stopped, "stop", "stops")
            ),
        ),
        (
            "checked",
            format!(
                "{}, {} of them whole: {}",
                counted(report.checks, "time", "times"),
                report.checks_whole,
                counted(report.findings.len(), "finding", "findings")
            ),
        ),
    ]
}

fn quotas(quotas: &[Used]) -> String {
    let rows: Vec<Vec<String>> = quotas
        .iter()
        .map(|used| {
            let per = u64::try_from(used.per_ms / 1000).unwrap_or(0);
            let kinds = if used.kinds.is_empty() { "all".to_owned() } else { used.kinds.join(", ") };
            let (most, max) = (used.most.to_string(), used.max.to_string());
            vec![most, max, span(per), used.platform.clone(), kinds]
        })
        .collect();
    table(&["most used", "of", "in any", "platform", "acts"], &rows)
}

fn scope(platform: &PlatformScore) -> String {
    let told: Vec<String> =
        platform.told.iter().map(|(kind, times)| format!("{times} {}", print::line(kind, 40))).collect();
    let told = if told.is_empty() { "nothing".to_owned() } else { told.join(", ") };
    let mut text = format!("\n{}: {} versions; told: {told}\n", platform.platform, platform.versions);
    for (what, fared) in [("programmes", &platform.programmes), ("targets", &platform.targets)] {
        text.push_str(&format!("  {what}\n"));
        for line in fares(fared) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

fn fares(fared: &Fared) -> Vec<String> {
    vec![
        format!("{} flaps, of which {} were told gone", fared.flaps, fared.flaps_told),
        format!(
            "{} told gone, of which {} were back within 72 hours",
            fared.removals_told, fared.removals_false
        ),
        format!(
            "{} lasting removals, {} not told within 96 hours; told after {} hours (median), {} (most)",
            fared.removals_lasting, fared.removals_late, fared.delay_h_median, fared.delay_h_most
        ),
        format!(
            "{} additions: {} told late, {} not told, {} told twice",
            fared.additions, fared.additions_late, fared.additions_untold, fared.additions_twice
        ),
    ]
}
