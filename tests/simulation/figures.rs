//! The figures of the report, each of a script whose numbers are known.

use std::time::Duration;

use mm_core::activity::{ActionRecord, Check, Stage};
use mm_core::id::Space;
use mm_core::opportunity::{Opportunity, Reward, State};
use mm_core::run::RunRecord;
use mm_services::records::TickRow;
use mm_store::{Change, Key, Record};
use money_machine::simulation::check::Evidence;
use money_machine::simulation::report::{Report, Ticks};
use money_machine::simulation::{End, Plan, Rehearsed, Simulation, Weather, paused};

use crate::HOUR;

const MINUTE: Duration = Duration::from_secs(60);

/// A machine in fair weather, after so long: it starts at 00:20 and reads five files at once, and each hour.
fn machine(seed: u64, time: Duration) -> Simulation {
    let mut simulation = Simulation::new(Plan::new(seed, paused::runtime));
    simulation.run_for(time).unwrap();
    simulation
}

/// Its report, `alter` of a copy of its disk taken in.
fn report(simulation: Simulation, alter: impl Fn(&Evidence) -> Change) -> Report {
    let evidence = Evidence::of_busy(&simulation);
    evidence.store.commit_blocking(alter(&evidence)).unwrap();
    let began = simulation.plan().began;
    let rehearsed =
        Rehearsed { simulation, evidence, findings: Vec::new(), checks: 0, checks_whole: 0, began };
    Report::of(&rehearsed, 1, Weather::Fair, &rehearsed.trace())
}

#[test]
fn what_is_used_of_a_limit_is_the_most_in_any_window() {
    let report = report(machine(61, HOUR * 3), |_| Change::new());
    assert_eq!((report.actions.permitted, report.actions.waiting, report.actions.forbidden), (20, 0, 0));
    let most = |platform: &str, per: Duration| {
        let per_ms = i64::try_from(per.as_millis()).unwrap();
        let used = report.quotas.iter().find(|used| used.platform == platform && used.per_ms == per_ms);
        used.unwrap().most
    };
    assert_eq!(most("owner", HOUR * 24), 20, "four runs in a day");
    assert_eq!(most("bounty-targets-data", MINUTE), 5, "one run in a minute");
    assert_eq!(report.ticks, Ticks { due: 4, ran: 4, ..Ticks::default() });
}

/// An act that is kept back is counted by what kept it back, and not as forbidden.
#[test]
fn what_is_held_back_is_told_apart_from_what_is_forbidden() {
    let said_no = |rule: &str| vec![check("bounty-targets-data/read", "permit"), check(rule, "forbid")];
    let plants = [
        (Stage::Blocked, said_no("breaker")),
        (Stage::Blocked, said_no("limit")),
        (Stage::Blocked, said_no("limit")),
        (Stage::Blocked, said_no("clock")),
        (Stage::Blocked, said_no("hours")),
        (Stage::Blocked, said_no("no-account")),
        (Stage::Blocked, said_no("robots")),
        (Stage::Blocked, said_no("github/no-automated-comments")),
        (Stage::Blocked, vec![check("approval", "rejected")]),
        (Stage::Blocked, vec![check("approval", "not done")]),
        (Stage::Blocked, vec![check("approval", "expired")]),
        (Stage::Blocked, Vec::new()),
        (Stage::Pending, Vec::new()),
    ];
    let report = report(machine(62, HOUR), |e| {
        let (_, row) = e.rows::<ActionRecord>().pop_first().unwrap();
        plants.iter().enumerate().fold(Change::new(), |change, (n, (stage, checks))| {
            let row = ActionRecord { stage: *stage, checks: checks.clone(), ..row.clone() };
            change.put(&Space::default_owner(), &format!("planted-{n}"), &row).unwrap()
        })
    });
    let held: Vec<(&str, usize)> =
        report.actions.held_back.iter().map(|(by, times)| (by.as_str(), *times)).collect();
    let limits = [("breaker", 1), ("clock", 1), ("hours", 1), ("limit", 2)];
    assert_eq!(held, [&[("account", 1)][..], &limits, &[("other", 1), ("robots", 1)]].concat());
    assert_eq!((report.actions.refused_by_owner, report.actions.expired), (2, 1));
    assert_eq!((report.actions.forbidden, report.actions.waiting, report.actions.permitted), (1, 1, 10));
}

fn check(rule: &str, verdict: &str) -> Check {
    Check { rule: rule.to_owned(), verdict: verdict.to_owned(), reason: String::new() }
}

/// Up to 00:50 all is well; a start in safe mode lasts 25 minutes, and 5 seconds more until the next.
#[test]
fn time_in_safe_mode_runs_from_its_alert_to_its_end() {
    let in_safe_mode = || {
        let mut simulation = machine(63, MINUTE * 30);
        simulation.restart_after_failures(End::Killed, Duration::from_secs(10));
        simulation.run_for(MINUTE * 25).unwrap();
        simulation
    };
    let before = report(machine(63, MINUTE * 30), |_| Change::new());
    assert_eq!((before.safe_mode_s, before.alerts["stops"]), (0, 0));
    let meanwhile = in_safe_mode();
    // Beside safe mode itself the owner is told that the machine was killed.
    let raised = raised(&meanwhile);
    let stops: Vec<_> = raised.iter().filter(|about| !about.starts_with("strategy/")).collect();
    assert_eq!(raised.iter().filter(|about| *about == "safe-mode").count(), 1, "{raised:?}");
    let meanwhile = report(meanwhile, |_| Change::new());
    assert_eq!((meanwhile.safe_mode_s, meanwhile.alerts["stops"]), (1_500, stops.len()), "{raised:?}");
    let mut simulation = in_safe_mode();
    simulation.restart(End::Killed, Duration::from_secs(5));
    simulation.run_for(MINUTE * 15).unwrap();
    let after = report(simulation, |_| Change::new());
    assert_eq!((after.safe_mode_s, after.ends.killed), (1_505, 2));
}

/// What the owner was told of, in order.
fn raised(simulation: &Simulation) -> Vec<String> {
    let evidence = Evidence::of_busy(simulation);
    evidence.audit_of("alert.raised").map(|entry| entry.text("about").to_owned()).collect()
}

/// The disk is full from 00:50 to 01:20: one tick waits for it, and the owner is told once.
#[test]
fn a_full_disk_is_one_alert_and_the_tick_in_it_waits() {
    let mut simulation = machine(64, MINUTE * 30);
    simulation.fill_disk_for(MINUTE * 30);
    simulation.run_for(HOUR * 2).unwrap();
    let raised = raised(&simulation);
    assert_eq!(raised.iter().filter(|about| *about == "disk").count(), 1, "{raised:?}");
    let report = report(simulation, |_| Change::new());
    assert_eq!(report.ticks, Ticks { due: 3, ran: 3, ..Ticks::default() });
    assert_eq!(report.alerts.values().sum::<usize>(), raised.len());
}

/// The first row of a kind is taken away, as what is old is tidied away.
fn tidied<R: Record>(e: &Evidence) -> Key {
    let (id, _) = e.rows::<R>().pop_first().unwrap();
    Key::of::<R>(&Space::default_owner(), &id).unwrap()
}

#[test]
fn ticks_and_runs_that_were_seen_count_when_their_rows_are_gone() {
    let report = report(machine(65, HOUR * 3), |e| {
        Change::new().delete(tidied::<TickRow>(e)).delete(tidied::<RunRecord>(e))
    });
    assert_eq!(report.ticks, Ticks { due: 4, ran: 4, ..Ticks::default() });
    assert_eq!(report.runs["bug-bounty"], 4);
}

/// Each offers 10 to 20 US dollars: one is new, one accepted, one a trap, and the others are over.
#[test]
fn what_is_over_and_what_is_a_trap_is_not_expected() {
    let states =
        [State::New, State::Accepted, State::New, State::Dismissed, State::Expired, State::Lost].into_iter();
    let report = report(machine(66, HOUR), |e| {
        let (_, row) = e.rows::<Opportunity>().pop_first().unwrap();
        states.clone().enumerate().fold(Change::new(), |change, (n, state)| {
            let reward = Reward { min: Some(10.into()), max: Some(20.into()), currency: "USD".to_owned() };
            let url = format!("https://example.org/{n}");
            let mut row =
                Opportunity { state, url, tell: true, settled: false, reward: Some(reward), ..row.clone() };
            row.facts.bait = if n == 2 { vec!["it is bait".to_owned()] } else { Vec::new() };
            change.put(&Space::default_owner(), &format!("planted-{n}"), &row).unwrap()
        })
    });
    let [expected] = &report.expected[..] else { panic!("{:?}", report.expected) };
    assert_eq!(expected.opportunities, 2);
    assert_eq!((expected.least.as_str(), expected.most.as_str()), ("20", "40"));
}
