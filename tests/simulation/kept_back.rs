//! What keeps ticks back, each cause as it comes about and the same told where it is not so.

use std::time::Duration;

use mm_core::schedule::Fate;
use money_machine::sandbox::faults::Fault;
use money_machine::simulation::check::Evidence;
use money_machine::simulation::{End, Plan, Simulation, Weather, paused, rehearse};
use serde_json::{Value, json};

use crate::causes::{DAILY, FULL, assert_came_to, assert_no_lie, gated, newest, told};
use crate::waits::{holds_for, machine};
use crate::{HOUR, MINUTE, assert_right};

#[test]
fn a_run_under_way_and_hours_keep_ticks_back() {
    let mut simulation = machine(93, Some("every 1m"), &[]);
    simulation.run_for(MINUTE * 5).unwrap();
    simulation.sandbox().set_fault("bounty-targets", Fault::Stall { wait: Duration::from_secs(50) });
    holds_for(&mut simulation, MINUTE * 12, 3);
    assert_came_to(&simulation, &["was under way"]);
    let mut simulation = machine(94, None, &[("hours", "08:00-20:00"), ("jitter", "20m")]);
    holds_for(&mut simulation, HOUR * 30, 61);
    assert_came_to(&simulation, &["it lies outside the allowed hours"]);
    let fate = newest(&Evidence::of_busy(&simulation), "outside").1.fate;
    simulation.run_for(HOUR * 4).unwrap();
    assert_no_lie(&simulation, "ran", &[(fate, "they were open")]);
}

#[test]
fn a_disk_that_is_full_gates_and_what_was_cut_off_waits_for_it() {
    let mut simulation = machine(95, Some("every 20m"), &[]);
    simulation.run_for(HOUR).unwrap();
    simulation.fill_disk_for(MINUTE * 50);
    holds_for(&mut simulation, HOUR * 2, 7);
    assert_came_to(&simulation, &["the free room on the disk", "late"]);
    assert_no_lie(&simulation, "ran", &[(gated(FULL), "that was not so")]);
    // A run is cut off, and there is no room to take it up again.
    simulation.run_for(crate::to_the_hour(&simulation) + Duration::from_millis(900)).unwrap();
    simulation.fill_disk_for(MINUTE * 50);
    simulation.restart(End::Killed, MINUTE);
    holds_for(&mut simulation, HOUR * 2, 7);
    assert_came_to(&simulation, &["which was cut off, goes before it"]);
    let fate = newest(&Evidence::of_busy(&simulation), "which was cut off").1.fate;
    assert_no_lie(&simulation, "ran", &[(fate, "that run was not cut off")]);
}

fn say(simulation: &Simulation, verb: &str, body: &Value) {
    let (status, said) = simulation.ask("POST", &format!("/strategies/bug-bounty/{verb}"), body);
    assert_eq!(status, 200, "{said}");
}

#[test]
fn a_pause_is_one_where_it_is_on_record_and_as_long() {
    let mut simulation = machine(96, None, &[]);
    let reason = |word: &str| json!({ "reason": word });
    simulation.run_for(HOUR).unwrap();
    say(&simulation, "pause", &json!({ "reason": "away", "for": "3h" }));
    holds_for(&mut simulation, HOUR * 5, 13);
    say(&simulation, "pause", &reason("ill"));
    simulation.restart(End::Killed, HOUR * 2);
    holds_for(&mut simulation, HOUR * 2, 13);
    say(&simulation, "resume", &Value::Null);
    holds_for(&mut simulation, HOUR * 2, 13);
    say(&simulation, "isolate", &reason("odd"));
    holds_for(&mut simulation, HOUR * 2, 13);
    say(&simulation, "resume", &Value::Null);
    holds_for(&mut simulation, HOUR * 2, 13);
    say(&simulation, "disable", &Value::Null);
    holds_for(&mut simulation, HOUR * 2, 13);
    say(&simulation, "enable", &Value::Null);
    holds_for(&mut simulation, HOUR * 2, 13);
    assert_came_to(&simulation, &["away, until", "ill", "isolated by a person: odd", "it is disabled"]);
    let e = Evidence::of_busy(&simulation);
    let of = |shown: &str| newest(&e, shown).1.fate;
    for shown in ["away", "ill", "isolated"] {
        assert_no_lie(&simulation, "ran", &[(of(shown), "no such pause is on record, or it was over")]);
    }
    let Fate::Paused { by, until } = of("away") else { panic!("not paused") };
    let later = Fate::Paused { by, until: until.map(|at| at.plus(HOUR)) };
    assert_no_lie(&simulation, "away", &[(later, "no such pause is on record, or it was over")]);
    assert_no_lie(&simulation, "ran", &[(of("disabled"), "nobody disabled it")]);
}

/// The watch makes five reads an hour and more at its start.
#[test]
fn a_limit_is_nearly_used_where_so_much_was_spent() {
    let limited = |seed: u64, max: u32| {
        let mut plan = Plan::new(seed, paused::runtime);
        plan.config.limits.max_daily_actions = max;
        plan.config.strategies.get_mut("bug-bounty").unwrap().priority = 2;
        let mut simulation = Simulation::new(plan);
        simulation.run_for(HOUR * 40).unwrap();
        simulation
    };
    let simulation = limited(97, 100);
    assert_came_to(&simulation, &["is nearly used"]);
    // Two in three of it are used.
    let simulation = limited(98, 180);
    assert_right(&Evidence::of_busy(&simulation));
    let by = DAILY.replace("1000", "180");
    assert_no_lie(&simulation, "ran", &[(gated(&by), "that was not so")]);
}

#[test]
fn platforms_that_are_closed_keep_ticks_back() {
    let mut plan = Plan::new(99, paused::runtime);
    for platform in ["bounty-targets-data", "hackerone", "intigriti", "yeswehack"] {
        plan.config.platforms.insert(platform.parse().unwrap(), "08:00-20:00".to_owned());
    }
    let mut simulation = Simulation::new(plan);
    holds_for(&mut simulation, HOUR * 30, 61);
    assert_came_to(&simulation, &["is open from 08:00-20:00"]);
    let fate = newest(&Evidence::of_busy(&simulation), "is open from").1.fate;
    simulation.run_for(HOUR * 4).unwrap();
    assert_no_lie(&simulation, "ran", &[(fate, "that was not so")]);
}

/// Without the entries of the trail that bear it out, a fate is believed no more.
#[track_caller]
fn assert_hangs_on(simulation: &Simulation, kind: &str, shown: &str) {
    let mut e = Evidence::of_busy(simulation);
    e.audit.retain(|entry| entry.kind != kind);
    let wrong = told(&e);
    assert!(wrong.iter().any(|line| line.contains(shown) && line.contains("that was not so")), "{wrong:#?}");
}

/// Sponsorships need the name of an account: without one each run fails, and three open the breaker.
#[test]
fn a_breaker_is_open_where_runs_failed() {
    let mut plan = Plan::new(100, paused::runtime);
    let sponsors = plan.config.strategies.get_mut("github-sponsors").unwrap();
    (sponsors.enabled, sponsors.schedule) = (true, Some("every 10m".to_owned()));
    let mut simulation = Simulation::new(plan);
    holds_for(&mut simulation, HOUR * 30, 61);
    assert_came_to(&simulation, &["its breaker is open"]);
    assert_hangs_on(&simulation, "run.failed", "its breaker is open");
}

/// GitHub does not take the token that there is, until there is another.
#[test]
fn an_account_is_held_where_its_token_was_refused() {
    let mut plan = Plan::new(101, paused::runtime);
    plan.config.strategies.get_mut("bug-bounty").unwrap().enabled = false;
    let tasks = plan.config.strategies.get_mut("micro-tasks").unwrap();
    (tasks.enabled, tasks.schedule) = (true, Some("every 1h".to_owned()));
    let own = json!({ "account": "main", "looks_max": 8, "queries": ["label:bug state:open type:issue"] });
    tasks.config.table.extend(own.as_object().unwrap().clone());
    let mut simulation = Simulation::new(plan);
    let account = |verb: &str, token: &str| json!([verb, { "kind": "Bearer", "email": "me@example.org", "secrets": { "token": token } }]);
    let say = |simulation: &Simulation, said: &Value| {
        let target = format!("/accounts/github/main/{}", said[0].as_str().unwrap());
        let (status, said) = simulation.ask("POST", &target, &said[1]);
        assert_eq!(status, 200, "{said}");
    };
    say(&simulation, &account("add", "sandbox-octo.github_main"));
    holds_for(&mut simulation, HOUR * 4, 29);
    simulation.sandbox().set_fault("api.github.com", Fault::BadCredentials);
    holds_for(&mut simulation, HOUR * 8, 29);
    simulation.sandbox().clear_faults();
    let renewed = json!(["rotate", { "secrets": { "token": "sandbox-octo.github_main" } }]);
    say(&simulation, &renewed);
    holds_for(&mut simulation, HOUR * 8, 29);
    let shown = "`account list` shows how accounts stand";
    assert_came_to(&simulation, &[shown]);
    assert_hangs_on(&simulation, "account.standing", shown);
    let fate = newest(&Evidence::of_busy(&simulation), shown).1.fate;
    assert_no_lie(&simulation, "ran", &[(fate, "that was not so")]);
}

/// Rules of a task, each with something that makes it tell.
const RULES: [&[(&str, &str)]; 8] = [
    &[("jitter", "40m")],
    &[("missed", "all"), ("missed_cap", "2"), ("missed_spread", "10m")],
    &[("missed", "skip"), ("jitter", "5m")],
    &[("overlap", "buffer")],
    &[("overlap", "cancel-other"), ("missed_window", "2h")],
    &[("hours", "06:00-20:00"), ("jitter", "10m")],
    &[("hours", "22:00-13:00"), ("missed", "all"), ("overlap", "buffer")],
    &[("missed", "skip"), ("overlap", "buffer"), ("hours", "03:00-21:30")],
];

/// A stormy day by each of these, or as many days as `MONEY_MACHINE_TEST_SEEDS` says; in every other a limit of a day
/// is small, the machine's or the task's own, and in every third ticks come often.
#[test]
fn stormy_days_hold_by_whatever_rules_a_task_keeps() {
    let seeds = std::env::var("MONEY_MACHINE_TEST_SEEDS").ok().and_then(|text| text.parse().ok());
    for seed in 0..seeds.unwrap_or(RULES.len() as u64) {
        let mut plan = Plan::new(300 + seed, paused::runtime);
        let rules = RULES[seed as usize % RULES.len()];
        let most = 60 + 20 * (seed as u32 % 7);
        if seed % 4 == 1 {
            plan.config.limits.max_daily_actions = most;
        }
        let watch = plan.config.strategies.get_mut("bug-bounty").unwrap();
        watch.max_daily_actions = (seed % 4 == 3).then_some(most);
        watch.priority = 2;
        watch.schedule = (seed % 3 == 1).then(|| "every 15m".to_owned());
        rules.iter().for_each(|(key, text)| watch.rules.say(key, text).unwrap());
        let rehearsed = rehearse(plan, HOUR * 30, Weather::Storm, &mut |_| {});
        let wrong = &rehearsed.findings;
        assert!(wrong.is_empty(), "seed {seed}, {rules:?}: {:#?}", &wrong[..wrong.len().min(10)]);
    }
}
