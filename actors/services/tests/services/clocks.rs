//! Limits and pauses while the wall clock is set forward and back: real time counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mm_core::id::Space;
use mm_core::limit::CoolDown;
use mm_core::moment::Moment;
use mm_core::run::Outcome;
use mm_services::testing::{Bench, Machine, Said, Script, pack, post};

const DAY_MS: i64 = 86_400_000;

fn bench(seed: u64, rules: &str) -> Bench {
    let mut bench = Bench::new(seed);
    bench.rules.put("sim.toml", rules);
    bench.install(Script::reads("reader", &["/a"]));
    bench
}

async fn ok(machine: &Machine) -> bool {
    machine.run("reader").await.outcome == Some(Outcome::Succeeded)
}

#[test]
fn a_clock_set_forward_refills_nothing_early_and_time_that_passes_does() {
    let mut bench = bench(1, &pack(3, "1d"));
    bench.live(async |machine| {
        for _ in 0..3 {
            assert!(ok(machine).await);
        }
        for step in [3 * DAY_MS, -2 * DAY_MS, 40 * DAY_MS] {
            machine.world.jump(step);
            assert!(!ok(machine).await, "after a step of {step} ms");
        }
        assert_eq!(machine.world.count(), 3);
        machine.pass(Duration::from_secs(86_401)).await;
        assert!(ok(machine).await);
    });
}

/// The time to come back at is the wall clock's, though it is counted in another.
#[test]
fn a_wait_after_a_step_is_as_long_as_without_it() {
    for step in [0, DAY_MS, -DAY_MS] {
        let mut bench = bench(2, &pack(2, "30s"));
        bench.live(async |machine| {
            let began = tokio::time::Instant::now();
            assert!(ok(machine).await && ok(machine).await);
            machine.world.jump(step);
            assert!(ok(machine).await, "it is waited for");
            let waited = began.elapsed();
            assert!(
                waited > Duration::from_secs(30) && waited < Duration::from_secs(31),
                "{step}: {waited:?}"
            );
        });
    }
}

fn with_a_pause() -> String {
    pack(1000, "1d").replace("[rule.obligations]", "[rule.obligations]\npause_ms_min = 40000")
}

#[test]
fn the_least_pause_holds_over_kills() {
    let mut bench = bench(3, &with_a_pause());
    for _ in 0..4 {
        bench.live(async |machine| assert!(ok(machine).await));
    }
    let log = bench.world.log();
    assert_eq!(log.len(), 4);
    for pair in log.windows(2) {
        let pause = pair[1].at.since(pair[0].at);
        assert!(pause >= Duration::from_secs(40) && pause < Duration::from_secs(45), "{pause:?}");
    }
}

#[test]
fn the_least_pause_holds_however_the_clock_is_set() {
    for step in [-DAY_MS, -1_000, 1_000, DAY_MS] {
        let mut bench = bench(4, &with_a_pause());
        bench.live(async |machine| {
            assert!(ok(machine).await);
            let began = tokio::time::Instant::now();
            machine.world.jump(step);
            assert!(ok(machine).await);
            let pause = began.elapsed();
            assert!(pause >= Duration::from_secs(39) && pause < Duration::from_secs(45), "{step}: {pause:?}");
        });
        assert_eq!(bench.world.count(), 2);
    }
}

/// By a clock that went back between two lives nobody knows how long ago the last act was.
#[test]
fn after_a_restart_with_a_clock_set_back_the_whole_pause_is_waited() {
    let mut bench = bench(5, &with_a_pause());
    bench.live(async |machine| {
        assert!(ok(machine).await);
        machine.world.jump(-DAY_MS);
    });
    bench.live(async |machine| {
        let began = tokio::time::Instant::now();
        assert!(ok(machine).await);
        let pause = began.elapsed();
        assert!(pause >= Duration::from_secs(40) && pause < Duration::from_secs(45), "{pause:?}");
    });
}

fn cool_down(bench: &Bench) -> Option<(u64, CoolDown)> {
    let row = bench.look().get::<CoolDown>(&Space::machine(), "sim").unwrap();
    row.map(|row| (row.version, row.value))
}

#[test]
fn a_retry_after_with_a_503_is_kept_to_by_all_over_kills_and_steps() {
    let mut bench = bench(6, &pack(1000, "1d"));
    bench.world.answer(|_| Said::status(503, "").header("retry-after", "3600"));
    bench.live(async |machine| {
        machine.run("reader").await;
        machine.world.jump(DAY_MS);
        machine.run("reader").await;
        machine.world.jump(-DAY_MS);
        assert_eq!(machine.world.count(), 1);
    });
    bench.world.answer(|_| Said::status(200, ""));
    bench.live(async |machine| {
        let run = machine.run("reader").await;
        assert!(run.errors[0].contains("asked to be left alone"), "{:?}", run.errors);
        assert_eq!(machine.world.count(), 1);
        machine.pass(Duration::from_secs(3_601)).await;
        assert!(ok(machine).await);
    });
}

#[test]
fn good_answers_write_no_cool_down_and_forgive_the_strikes() {
    let mut bench = bench(7, &pack(1000, "1d"));
    bench.live(async |machine| assert!(ok(machine).await && ok(machine).await));
    assert_eq!(cool_down(&bench), None);
    // Too fast, well, too fast: the second is a first again.
    for _ in 0..2 {
        bench.world.answer(|_| Said::status(429, ""));
        bench.live(async |machine| {
            machine.run("reader").await;
        });
        bench.world.answer(|_| Said::status(200, ""));
        bench.live(async |machine| {
            machine.pass(Duration::from_secs(61)).await;
            assert!(ok(machine).await && ok(machine).await && ok(machine).await);
        });
        let (_, cool_down) = cool_down(&bench).unwrap();
        assert!(cool_down.says_what(&CoolDown::default()), "{cool_down:?}");
    }
    let version = cool_down(&bench).unwrap().0;
    bench.live(async |machine| assert!(ok(machine).await));
    assert_eq!(cool_down(&bench).unwrap().0, version, "nothing new is not written");
}

/// An answer that bears the world's own time, which may be another than ours.
fn dated(machine_at: Moment, off_s: i64) -> Said {
    dated_as(200, machine_at, off_s)
}

fn dated_as(status: u16, machine_at: Moment, off_s: i64) -> Said {
    let at = Moment::from_unix_ms(machine_at.unix_ms() + off_s * 1000).to_utc().unwrap();
    Said::status(status, "").header("date", &at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

fn poster(seed: u64) -> Bench {
    let mut bench = bench(seed, &pack(1000, "1d"));
    bench.install(Script::new("poster", |cx| {
        Box::pin(async move {
            // Another change each time: the same one is not made twice.
            static NTH: AtomicUsize = AtomicUsize::new(0);
            let body = NTH.fetch_add(1, Ordering::SeqCst).to_string();
            match cx.act("post", post("/post", &body)).await? {
                mm_sdk::Act::Done(_) => Ok(Default::default()),
                other => Err(mm_sdk::Fault::transient(format!("{other:?}"))),
            }
        })
    }));
    bench
}

fn posts(bench: &Bench) -> usize {
    bench.world.paths().iter().filter(|path| path.starts_with("POST")).count()
}

#[test]
fn a_server_whose_clock_is_off_holds_changes_until_it_agrees_and_the_owner_is_told_once() {
    for off in [-301, 301, 86_400] {
        let mut bench = poster(10);
        bench.world.answer(move |request| dated(request.at, off));
        bench.live(async |machine| {
            assert!(ok(machine).await, "reads go on");
            assert!(machine.services.shared.trust.holds().is_some());
            for _ in 0..2 {
                machine.run("poster").await;
            }
            let told = machine.alerts();
            assert_eq!(told.iter().filter(|(about, _)| about == "wall-clock").count(), 1, "{told:?}");
        });
        assert_eq!(posts(&bench), 0, "off by {off} s");
        bench.world.answer(|request| dated(request.at, 200));
        bench.live(async |machine| {
            assert!(ok(machine).await);
            assert_eq!(machine.services.shared.trust.holds(), None);
            machine
                .until("the alert is over", || {
                    !machine.alerts().iter().any(|(about, _)| about == "wall-clock")
                })
                .await;
        });
    }
}

#[test]
fn a_clock_behind_the_record_holds_changes_over_restarts_until_it_is_right() {
    let mut bench = poster(11);
    bench.live(async |machine| {
        assert!(ok(machine).await);
        machine.world.jump(-86_400_000);
    });
    for _ in 0..2 {
        bench.live(async |machine| {
            let held = machine.services.shared.trust.holds().expect("it is held");
            assert!(held.contains("which is before"), "{held}");
            machine.run("poster").await;
            assert!(ok(machine).await, "reads go on");
        });
    }
    assert_eq!(posts(&bench), 0);
    // A server says that it is right: what is on record was made by a clock that was wrong.
    bench.world.answer(|request| dated(request.at, 0));
    bench.live(async |machine| {
        assert!(ok(machine).await);
        assert_eq!(machine.services.shared.trust.holds(), None);
        assert_eq!(machine.run("poster").await.outcome, Some(Outcome::Succeeded));
    });
    bench.live(async |machine| assert_eq!(machine.services.shared.trust.holds(), None));
    assert!(posts(&bench) >= 1);
}

#[test]
fn a_restart_refills_nothing_until_a_server_agrees_with_the_clock() {
    let mut bench = bench(12, &pack(3, "1d"));
    bench.world.answer(|request| dated(request.at, 0));
    bench.live(async |machine| {
        for _ in 0..3 {
            assert!(ok(machine).await);
        }
        // Two days pass while nobody runs, or somebody set the clock: who can tell?
        machine.world.jump(2 * DAY_MS);
    });
    bench.live(async |machine| {
        assert!(!ok(machine).await, "nothing is refilled on the clock's word");
        machine.services.shared.trust.heard("elsewhere.example.com", &[date(machine.now())]);
        assert!(ok(machine).await, "now it is");
    });
    assert_eq!(bench.world.count(), 4);
    bench.live(async |machine| {
        machine.services.shared.trust.heard("elsewhere.example.com", &[date(machine.now())]);
        assert!(ok(machine).await && ok(machine).await);
        assert!(!ok(machine).await, "what was spent since counts");
    });
}

fn date(at: Moment) -> (String, String) {
    let text = at.to_utc().unwrap().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    ("date".to_owned(), text)
}

/// While nothing may be sent nobody can say whether the clock was set or the time has passed.
#[test]
fn a_clock_set_forward_between_two_lives_ends_no_cool_down() {
    for step in [DAY_MS, 40 * DAY_MS, -DAY_MS] {
        let mut bench = bench(13, &pack(1000, "1d"));
        bench.world.answer(|_| Said::status(429, "").header("retry-after", "3600"));
        bench.live(async |machine| {
            machine.run("reader").await;
            machine.world.jump(step);
        });
        bench.world.answer(|_| Said::status(200, ""));
        // A second restart does not end it either.
        for passes in [1_800, 3_601] {
            bench.live(async |machine| {
                let run = machine.run("reader").await;
                assert!(run.errors[0].contains("asked to be left alone"), "{step}: {:?}", run.errors);
                machine.pass(Duration::from_secs(passes)).await;
                assert_eq!(ok(machine).await, passes > 3_600, "{step}");
            });
        }
    }
}

#[test]
fn a_cool_down_that_is_certainly_over_ends_when_a_server_agrees_with_the_clock() {
    let mut bench = bench(14, &pack(1000, "1d"));
    bench.world.answer(|request| dated_as(429, request.at, 0).header("retry-after", "3600"));
    bench.live(async |machine| {
        machine.run("reader").await;
        machine.world.jump(DAY_MS);
    });
    bench.world.answer(|_| Said::status(200, ""));
    bench.live(async |machine| {
        assert!(!ok(machine).await, "not on the clock's word");
        machine.services.shared.trust.heard("elsewhere.example.com", &[date(machine.now())]);
        assert!(ok(machine).await, "now it is");
    });
}
