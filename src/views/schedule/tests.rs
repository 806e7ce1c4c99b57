//! What the views say of schedules, from rows written by hand.

use std::time::Duration;

use expect_test::expect;
use mm_core::id::RunId;
use mm_core::schedule::{Fate, Schedule};
use mm_store::Change;

use super::*;
use crate::views::tests::{ask, daemon_without_kernel, noon, reader};

const NAME: &str = "bug-bounty";

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// `bug-bounty` every hour by the clock of New York, with these rows; now is `now`.
fn hourly(now: &str, last: &str, rows: &[TickRow], pruned: u64) -> Reader {
    task(Some(Schedule::parse("0 * * * *", "America/New_York").unwrap()), now, last, rows, pruned)
}

fn task(schedule: Option<Schedule>, now: &str, last: &str, rows: &[TickRow], pruned: u64) -> Reader {
    let mut reader = reader();
    reader.now = at(now);
    let space = reader.space.clone();
    let set = TaskRow { task: schedule.map(Task::plain), since: noon(), by: "operator (uid 7)".into() };
    let schedule = ScheduleRow {
        text: "0 * * * *".into(),
        clock: "America/New_York".into(),
        next: None,
        last: Some(at(last)),
        owed: None,
    };
    let own = StrategyRow { ticks: rows.len() as u64, ticks_pruned: pruned, ..StrategyRow::default() };
    let mut change = Change::new().put(&space, NAME, &set).unwrap().put(&space, NAME, &schedule).unwrap();
    change = change.put(&space, NAME, &own).unwrap();
    for row in rows {
        change = change.put(&space, &TickRow::row_id(NAME, row.due), row).unwrap();
    }
    reader.store.commit_blocking(change).unwrap();
    reader
}

fn row(due: &str, fate: Fate) -> TickRow {
    let run = fate.started().then(|| RunId::new("00001-000007-bug-bounty"));
    TickRow { due: at(due), from: at(due), count: 1, fate, run }
}

/// The lines that `schedule why` prints.
fn why(reader: &Reader, time: &str) -> String {
    let view: WhyView =
        serde_json::from_value(ask(reader, &format!("/schedule/{NAME}/why?at={time}"))).unwrap();
    assert!(view.answers.iter().all(|answer| !answer.sentence.contains('\n')));
    let clocks = view.clocks.map(|clocks| format!("{clocks}: ")).unwrap_or_default();
    let lines = view.answers.iter().map(|answer| format!("{clocks}{}\n", answer.sentence));
    lines.collect()
}

#[test]
fn every_fate_of_a_tick_is_told_in_one_line() {
    let paused = Fate::Paused { by: "by the owner: moving".into(), until: Some(at("2026-11-01T12:00:00Z")) };
    let rows = [
        row("2026-11-01T06:00:00Z", Fate::Merged { into: at("2026-11-01T07:00:00Z") }),
        row("2026-11-01T07:00:00Z", Fate::Late { by: Duration::from_secs(600) }),
        row("2026-11-01T08:00:00Z", Fate::Ran),
        row("2026-11-01T09:00:00Z", Fate::Skipped { why: "run r was under way".into() }),
        row("2026-11-01T10:00:00Z", Fate::Gated { by: "memory is short".into() }),
        row("2026-11-01T11:00:00Z", paused),
        TickRow {
            from: at("2026-11-01T12:00:00Z"),
            count: 400,
            ..row("2026-11-18T03:00:00Z", Fate::Missed { why: "it passed unseen".into() })
        },
    ];
    let reader = hourly("2026-11-18T04:10:00Z", "2026-11-18T03:00:00Z", &rows, 0);
    let times = [
        "2026-11-01T03:00",
        "2026-11-01T02:00:00",
        "2026-11-01T04:00",
        "2026-11-01T05:00",
        "2026-11-01T06:00",
        // Twice by the clocks, with one answer each.
        "2026-11-01T01:00",
        // None is due at half past, nor before the first.
        "2026-11-01T03:30",
        "2026-10-01T00:00:00Z",
        // In a stretch, on a tick of it and between two.
        "2026-11-05T03:00",
        "2026-11-05T03:30",
        // Due, and no daemon looked; and two to come.
        "2026-11-18T04:00:00Z",
        "2026-11-18T23:00",
        "2026-11-18T23:30",
    ];
    let all: String = times.iter().map(|time| format!("? {time}\n{}", why(&reader, time))).collect();
    expect![[r#"
        ? 2026-11-01T03:00
        bug-bounty at 2026-11-01T03:00:00-05:00 (2026-11-01T08:00:00Z): ran on time, run 00001-000007-bug-bounty
        ? 2026-11-01T02:00:00
        bug-bounty at 2026-11-01T02:00:00-05:00 (2026-11-01T07:00:00Z): late: it started 10m after it was due, run 00001-000007-bug-bounty
        ? 2026-11-01T04:00
        bug-bounty at 2026-11-01T04:00:00-05:00 (2026-11-01T09:00:00Z): skipped: run r was under way
        ? 2026-11-01T05:00
        bug-bounty at 2026-11-01T05:00:00-05:00 (2026-11-01T10:00:00Z): gated: memory is short
        ? 2026-11-01T06:00
        bug-bounty at 2026-11-01T06:00:00-05:00 (2026-11-01T11:00:00Z): paused: by the owner: moving, until 2026-11-01T12:00:00Z
        ? 2026-11-01T01:00
        the clocks of America/New_York show this time twice: bug-bounty at 2026-11-01T01:00:00-04:00 (2026-11-01T05:00:00Z): no tick was due; it has none before; the one after: 2026-11-01T06:00:00Z (merged: the tick of 2026-11-01T07:00:00Z stands for it too)
        the clocks of America/New_York show this time twice: bug-bounty at 2026-11-01T01:00:00-05:00 (2026-11-01T06:00:00Z): merged: the tick of 2026-11-01T07:00:00Z stands for it too
        ? 2026-11-01T03:30
        bug-bounty at 2026-11-01T03:30:00-05:00 (2026-11-01T08:30:00Z): no tick was due; the one before: 2026-11-01T08:00:00Z (ran on time); the one after: 2026-11-01T09:00:00Z (skipped: run r was under way)
        ? 2026-10-01T00:00:00Z
        bug-bounty at 2026-09-30T20:00:00-04:00 (2026-10-01T00:00:00Z): no tick was due; it has none before; the one after: 2026-11-01T06:00:00Z (merged: the tick of 2026-11-01T07:00:00Z stands for it too)
        ? 2026-11-05T03:00
        bug-bounty at 2026-11-05T03:00:00-05:00 (2026-11-05T08:00:00Z): in a stretch of 400 ticks from 2026-11-01T12:00:00Z to 2026-11-18T03:00:00Z, each missed: it passed unseen
        ? 2026-11-05T03:30
        bug-bounty at 2026-11-05T03:30:00-05:00 (2026-11-05T08:30:00Z): by the schedule of now no tick of its own; it lies in a stretch of 400 ticks from 2026-11-01T12:00:00Z to 2026-11-18T03:00:00Z, each missed: it passed unseen
        ? 2026-11-18T04:00:00Z
        bug-bounty at 2026-11-17T23:00:00-05:00 (2026-11-18T04:00:00Z): was due and is not decided yet: no daemon has looked at it yet; the next one decides
        ? 2026-11-18T23:00
        bug-bounty at 2026-11-18T23:00:00-05:00 (2026-11-19T04:00:00Z): is to come: it will be due
        ? 2026-11-18T23:30
        bug-bounty at 2026-11-18T23:30:00-05:00 (2026-11-19T04:30:00Z): no tick is due; the one after: 2026-11-19T05:00:00Z
    "#]].assert_eq(&all);
}

#[test]
fn a_time_that_the_clocks_leave_out_is_said_so_and_what_came_right_after_told() {
    let moved = Fate::Moved { from: "2026-03-08T02:30:00".into() };
    let daily = Schedule::parse("30 2 * * *", "America/New_York").unwrap();
    let rows = [row("2026-03-08T07:00:00Z", moved)];
    let reader = task(Some(daily), "2026-03-08T10:00:00Z", "2026-03-08T07:00:00Z", &rows, 0);
    let told = why(&reader, "2026-03-08T02:30") + &why(&reader, "2027-03-14T02:30");
    expect![[r#"
        2026-03-08T02:30 does not come in America/New_York, the clocks go forward over it; right after: bug-bounty at 2026-03-08T03:00:00-04:00 (2026-03-08T07:00:00Z): moved: 2026-03-08T02:30:00 was left out by daylight saving, so it ran right after, run 00001-000007-bug-bounty
        2027-03-14T02:30 does not come in America/New_York, the clocks go forward over it; right after: bug-bounty at 2027-03-14T03:00:00-04:00 (2027-03-14T07:00:00Z): is to come: it will be due; moved: the clocks leave out 02:30, so it is due right after
    "#]].assert_eq(&told);
    let next = ask(&reader, &format!("/schedule/next?task={NAME}&count=2"));
    assert_eq!(next[0]["local"], "2026-03-09T02:30:00-04:00");
}

#[test]
fn what_is_older_than_is_kept_and_what_was_cancelled_is_said_so() {
    let rows = [row("2026-11-01T08:00:00Z", Fate::Ran)];
    let reader = hourly("2026-11-01T08:30:00Z", "2026-11-01T08:00:00Z", &rows, 1000);
    let old = why(&reader, "2026-10-01T08:00:00Z");
    let none = task(None, "2026-11-01T08:30:00Z", "2026-11-01T08:00:00Z", &rows, 0);
    let told = old + &why(&none, "2026-11-01T09:00:00Z") + &why(&none, "2026-11-01T08:00:00Z");
    expect![[r#"
        bug-bounty at 2026-10-01T04:00:00-04:00 (2026-10-01T08:00:00Z): older than what is kept: of its ticks the last 1 rows are, since 2026-11-01T08:00:00Z
        bug-bounty at 2026-11-01T09:00:00+00:00 (2026-11-01T09:00:00Z): no tick is due; the one before: 2026-11-01T08:00:00Z (ran on time); the task is cancelled
        bug-bounty at 2026-11-01T08:00:00+00:00 (2026-11-01T08:00:00Z): ran on time, run 00001-000007-bug-bounty
    "#]].assert_eq(&told);
    let view: TaskView = serde_json::from_value(ask(&none, &format!("/schedule/{NAME}"))).unwrap();
    assert_eq!((view.state.as_str(), view.schedule, view.next.len()), ("cancelled", None, 0));
    assert_eq!(view.why.unwrap(), "cancelled at 2026-07-22T12:00:00Z by operator (uid 7)");
    assert_eq!(ask(&none, &format!("/strategies/{NAME}"))["schedule"], "cancelled");
}

#[test]
fn the_ticks_to_come_say_what_the_clocks_do_and_what_holds_them_back() {
    let reader = hourly("2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z", &[], 0);
    let space = reader.space.clone();
    let until = Some(at("2026-11-01T06:30:00Z"));
    let pause = mm_services::records::Pause {
        reason: "moving".into(),
        by: "the owner".into(),
        since: Some(at("2026-11-01T04:10:00Z")),
        until,
    };
    let own = StrategyRow { paused: Some(pause), ..StrategyRow::default() };
    let change = Change::new().put(&space, NAME, &own).unwrap();
    reader.store.commit_blocking(change).unwrap();
    let ticks: Vec<TickView> =
        serde_json::from_value(ask(&reader, &format!("/schedule/next?task={NAME}&count=3"))).unwrap();
    let lines: Vec<String> = ticks
        .iter()
        .map(|tick| format!("{} {:?} {:?}", tick.local, tick.shift.as_deref(), tick.note.as_deref()))
        .collect();
    expect![[r#"
        2026-11-01T01:00:00-04:00 Some("the first of two: the clocks show this time twice") Some("paused by the owner: moving, until 2026-11-01T06:30:00Z")
        2026-11-01T01:00:00-05:00 Some("the second of two: the clocks show this time twice") Some("paused by the owner: moving, until 2026-11-01T06:30:00Z")
        2026-11-01T02:00:00-05:00 None None"#]].assert_eq(&lines.join("\n"));
    // Of all tasks, the first first.
    let all: Vec<TickView> = serde_json::from_value(ask(&reader, "/schedule/next?count=4")).unwrap();
    assert!(all.is_sorted_by_key(|tick| tick.at.clone()));
    assert!(all.iter().any(|tick| tick.task != NAME));
}

#[test]
fn a_preview_shows_what_would_hold_and_each_mistake_is_a_sentence() {
    let reader = hourly("2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z", &[], 0);
    let preview = |said: &str| {
        let target = format!("/schedule/{NAME}/preview?{said}");
        crate::views::read(&reader, &Question::parse(&target).unwrap()).unwrap()
    };
    let view: TaskView = serde_json::from_value(
        preview("schedule=30%201%20*%20*%20*&fold=both&jitter=5m&hours=00:00-23:00").unwrap(),
    )
    .unwrap();
    assert_eq!(view.timezone, "America/New_York", "what is not said stays as it is");
    let due: Vec<&str> = view.next.iter().map(|tick| tick.local.as_str()).collect();
    assert_eq!(
        due[..3],
        ["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"]
    );
    assert_eq!((view.next.len(), view.rules.hours.as_deref()), (5, Some("00:00-23:00 America/New_York")));
    let back: TaskView = serde_json::from_value(preview("default=true").unwrap()).unwrap();
    assert_eq!((back.schedule.as_deref(), back.timezone.as_str()), (Some("every 1h"), "UTC"));
    let said = [
        "",
        "default=true&jitter=5m",
        "schedule=often",
        "overlap=allow",
        "missed_cap=1000",
        "timezone=Berlin",
        "schedule=at%202020-01-01T00:00:00Z",
        "often=1",
    ];
    let told: Vec<String> = said.iter().map(|said| preview(said).unwrap_err().to_string()).collect();
    expect![[r#"
        say a schedule, a rule, or that the default holds again
        `default` is the configured schedule whole; leave the rest out
        `often` has 1 fields; cron has 5 (minute hour day month weekday) or 6 (second first), and else there are `every 30m`, `@daily`, `0 9 * * mon-fri` or `at 2026-12-01T09:00:00Z`
        `overlap`: `allow` cannot be, as a strategy has one run at a time; write "skip", "buffer" or "cancel-other"
        `missed_cap`: `1000` is no number from 1 to 100; write a whole number from 1 to 100
        `timezone`: `Berlin` is no time zone; write a name of the IANA time zone database, like "Europe/Berlin", or "" for yours
        `at 2020-01-01T00:00:00Z` is over: it would never be due again; name a time to come
        `often` is no value of this question; it knows default, schedule, timezone, missed, missed_window, missed_cap, missed_spread, overlap, jitter, hours, gap, fold"#]].assert_eq(&told.join("\n"));
}

/// A row of ticks that was written by a later version, so that it does not open here.
#[derive(Serialize, Deserialize)]
struct Unknown;

impl Record for Unknown {
    const KIND: mm_store::Kind = mm_store::Kind::new("tick", 107, 99);
}

#[test]
fn what_a_row_that_does_not_open_would_tell_is_not_said_to_be_nothing() {
    let rows = [row("2026-11-01T06:00:00Z", Fate::Ran), row("2026-11-01T08:00:00Z", Fate::Ran)];
    let reader = hourly("2026-11-01T08:30:00Z", "2026-11-01T08:00:00Z", &rows, 0);
    let id = TickRow::row_id(NAME, at("2026-11-01T07:00:00Z"));
    reader.store.commit_blocking(Change::new().put(&reader.space, &id, &Unknown).unwrap()).unwrap();
    for time in ["2026-11-01T07:00:00Z", "2026-11-01T06:30:00Z"] {
        let told = why(&reader, time);
        assert!(
            told.contains("is not known: the next row of its ticks, bug-bounty/001793516400000"),
            "{told}"
        );
    }
    for time in ["2026-11-01T06:00:00Z", "2026-11-01T08:00:00Z"] {
        assert!(why(&reader, time).contains("ran on time"));
    }
}

/// Whoever asks for a minute asks for its first tick, at whatever second that is.
#[test]
fn a_minute_inside_a_stretch_is_one_of_its_ticks_where_the_schedule_has_seconds() {
    let schedule = Schedule::parse("30 0 * * * *", "UTC").unwrap();
    let rows = [TickRow {
        from: at("2026-11-01T00:00:30Z"),
        count: 30,
        ..row("2026-11-02T05:00:30Z", Fate::Missed { why: "it passed unseen".into() })
    }];
    let reader = task(Some(schedule), "2026-11-02T05:10:00Z", "2026-11-02T05:00:30Z", &rows, 0);
    let told = why(&reader, "2026-11-01T07:00");
    assert!(
        told.starts_with(
            "bug-bounty at 2026-11-01T07:00:30+00:00 (2026-11-01T07:00:30Z): in a stretch of 30"
        ),
        "{told}"
    );
    assert!(why(&reader, "2026-11-01T07:01").contains("no tick of its own"));
}

#[test]
fn a_tick_of_a_task_that_is_put_aside_waits_for_nothing_else() {
    let mut reader = hourly("2026-11-18T04:10:00Z", "2026-11-18T03:00:00Z", &[], 0);
    let up = crate::views::Daemon { kernel_up: true, kernel_cause: None, ..daemon_without_kernel() };
    reader.daemon = Some(up);
    let strategy = reader.strategies.iter_mut().find(|own| own.about.name == NAME).unwrap();
    strategy.live = Some(mm_services::strategies::Standing {
        about: strategy.about.clone(),
        row: StrategyRow::default(),
        running: None,
        put_aside: Some("`feeds` is no list".into()),
        enabled: true,
        priority: 1,
        schedule: "every 1h".into(),
    });
    let told = why(&reader, "2026-11-18T04:00:00Z");
    assert!(
        told.contains("nobody decides it as things stand: the task is put aside: `feeds` is no list"),
        "{told}"
    );
}

#[test]
fn the_field_that_is_no_good_is_named_with_what_it_may_be() {
    let shown = |text: &str| crate::views::schedule::wrong_field(text).unwrap_or_default();
    let said =
        ["61 * * * *", "0 9 * * moo", "0 25 * * *", "0 0 0 32 * *", "0 9 * 13 *"].map(shown).join("\n");
    expect_test::expect![[r#"
        `61 * * * *` is no cron expression: `61` is no minute; write 0 to 59, or `*` for each
        `0 9 * * moo` is no cron expression: `moo` is no weekday; write 0 to 7, or sun to sat, or `*` for each
        `0 25 * * *` is no cron expression: `25` is no hour; write 0 to 23, or `*` for each
        `0 0 0 32 * *` is no cron expression: `32` is no day of the month; write 1 to 31, or `L` for the last, or `*` for each
        `0 9 * 13 *` is no cron expression: `13` is no month; write 1 to 12, or jan to dec, or `*` for each"#]]
    .assert_eq(&said);
    for other in ["* * *", "every 2h", "@dayly", "0 9 * * mon-fri", "0 0 L * *", ""] {
        assert_eq!(shown(other), "", "{other}");
    }
}
