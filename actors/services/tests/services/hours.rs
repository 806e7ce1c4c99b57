//! Hours of a platform, and limits that are nearly used: what they hold, and that nothing is lost by it.

use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord, Trigger};
use mm_core::schedule::{Fate, Hours};
use mm_sdk::{Act, Report};
use mm_services::records::{ChangeRow, Standing, TickRow};
use mm_services::strategies::NotStarted;
use mm_services::testing::{Bench, Machine, PLATFORM, Script, pack, post};

/// A bench whose platform is open for an hour from `from` on, each day of UTC. It begins at noon.
fn open_from(seed: u64, from: u32) -> Bench {
    let mut bench = Bench::new(seed);
    let hours = Hours::parse(&format!("{from:02}:00-{:02}:00", from + 1), "UTC").unwrap();
    bench.settings.platform_hours.insert(PLATFORM.parse().unwrap(), hours);
    bench
}

fn runs(machine: &Machine) -> Vec<RunRecord> {
    machine.rows::<RunRecord>().into_iter().map(|(_, run)| run).collect()
}

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

#[test]
fn a_change_waits_for_the_opening_over_kills_and_leaves_once() {
    let mut bench = open_from(1, 14);
    // It works elsewhere too, so its run is not held.
    bench.install(
        Script::new("poster", |cx| {
            Box::pin(async move {
                assert!(matches!(cx.act("post", post("/post", "x")).await?, Act::Pending(_)));
                Ok(Report::default())
            })
        })
        .proposing(&[(PLATFORM, "post"), ("unruled", "read")]),
    );
    bench.live(async |machine| {
        machine.run("poster").await;
        let kept: Vec<ChangeRow> = machine.rows::<ChangeRow>().into_iter().map(|(_, row)| row).collect();
        let opens = at("2026-11-22T14:00:00Z");
        assert!(
            matches!(&kept[0].standing, Standing::Queued { not_before, .. } if *not_before == opens),
            "{:?}",
            kept[0].standing
        );
    });
    bench.live(async |machine| machine.pass(Duration::from_secs(3600)).await);
    assert_eq!(bench.world.count(), 0);
    bench.live(async |machine| {
        machine.until("it has left", || machine.world.count() > 0).await;
        machine.pass(Duration::from_secs(86_400)).await;
    });
    let log = bench.world.log();
    assert_eq!(log.len(), 1);
    assert!(
        log[0].at >= at("2026-11-22T14:00:00Z") && log[0].at < at("2026-11-22T15:00:00Z"),
        "{}",
        log[0].at
    );
}

#[test]
fn a_run_whose_only_platform_is_closed_is_held_whoever_asks_and_nothing_leaves() {
    let mut bench = open_from(2, 14);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("reader", &["/a"]).proposing(&[(PLATFORM, "read")]), "every 30m");
    bench.live(async |machine| {
        let held = machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().unwrap_err();
        assert!(matches!(&held, NotStarted::Gated(why) if why.contains("14:00-15:00 UTC")), "{held}");
        machine.pass(Duration::from_secs(4 * 3600)).await;
        let started: Vec<Moment> = runs(machine).iter().map(|run| run.started).collect();
        assert_eq!(started.len(), 2, "{started:?}");
        let ticks = machine.rows::<TickRow>();
        let gated = ticks.iter().filter(|(_, row)| matches!(row.fate, Fate::Gated { .. })).count();
        assert_eq!(gated, ticks.len() - 2, "{ticks:?}");
    });
    let (opens, closes) = (at("2026-11-22T14:00:00Z"), at("2026-11-22T15:00:00Z"));
    assert!(bench.world.log().iter().all(|request| opens <= request.at && request.at < closes));
}

#[test]
fn a_read_outside_the_hours_is_refused_with_the_opening() {
    let mut bench = open_from(3, 14);
    bench.install(Script::reads("reader", &["/a"]));
    bench.live(async |machine| {
        let run = machine.run("reader").await;
        assert_eq!(run.outcome, Some(Outcome::Failed));
        assert!(run.errors[0].contains("14:00-15:00 UTC"), "{:?}", run.errors);
    });
    assert_eq!(bench.world.count(), 0);
}

#[test]
fn ticks_are_held_while_a_limit_is_nearly_used_and_a_person_is_not() {
    let mut bench = Bench::new(4);
    bench.rules.put(&format!("{PLATFORM}.toml"), &pack(20, "6h"));
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("reader", &["/a"]).proposing(&[(PLATFORM, "read")]), "every 10m");
    bench.installed("reader").priority = 2;
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(5 * 3600)).await;
        // The first is at once; nine in ten of twenty are eighteen.
        assert_eq!(machine.world.count(), 18);
        assert!(runs(machine).iter().all(|run| run.outcome == Some(Outcome::Succeeded)), "none ran in vain");
        let ticks = machine.rows::<TickRow>();
        let by = |row: &TickRow| matches!(&row.fate, Fate::Gated { by } if by.contains("last share"));
        assert!(ticks.iter().any(|(_, row)| by(row)), "{:?}", ticks.last());
        assert!(machine.services.strategies.start("reader", Trigger::Operator).await.unwrap().is_ok());
        machine.pass(Duration::from_secs(8 * 3600)).await;
        assert!(machine.world.count() > 18, "it is whole enough again");
    });
}
