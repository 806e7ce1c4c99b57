//! Tidying: what is old goes, what is referred to stays, and the audit chain is never touched.

use std::time::Duration;

use mm_core::activity::ActionRecord;
use mm_core::digest::Digest;
use mm_core::run::RunRecord;
use mm_sdk::{Draft, Report};
use mm_services::testing::{Bench, Machine, Script, draft, read};

const DAY: Duration = Duration::from_secs(86_400);

fn reader() -> Script {
    Script::new("reader", |cx| {
        Box::pin(async move {
            let answer = read(cx, "s1", "/evidence").await?;
            cx.found(Draft { evidence: Some(answer.body_id()), ..draft("it") });
            read(cx, "s2", "/other").await?;
            Ok(Report::default())
        })
    })
}

fn kept(machine: &Machine, body: &str) -> bool {
    machine.store.get_answer(&Digest::of(body.as_bytes()), 1000).unwrap().is_some()
}

fn counts(machine: &Machine) -> (usize, usize, bool, bool) {
    let (actions, runs) = (machine.rows::<ActionRecord>().len(), machine.rows::<RunRecord>().len());
    (actions, runs, kept(machine, "/evidence"), kept(machine, "/other"))
}

#[test]
fn what_is_old_goes_and_what_is_referred_to_stays() {
    let mut bench = Bench::new(1);
    bench.install(reader());
    bench.live(async |machine| {
        machine.run("reader").await;
        machine.run("reader").await;
        machine.pass(DAY * 2).await;
        assert_eq!(counts(machine), (4, 2, true, true), "nothing is old");
        assert_eq!(machine.audit_of("tidy.done"), Vec::<String>::new());
    });
    bench.now = bench.now.plus(DAY * 40);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(599)).await;
        assert_eq!(counts(machine), (4, 2, true, true), "not at once");
        machine.pass(Duration::from_secs(60)).await;
        assert_eq!(counts(machine), (4, 2, true, false), "an answer that nobody wants");
        machine.run("reader").await;
    });
    bench.now = bench.now.plus(DAY * 160);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        assert_eq!(counts(machine), (2, 1, true, false), "all but the third run");
        let told = machine.audit_of("tidy.done");
        assert!(told.iter().any(|entry| entry.contains(r#""kind":"action","rows":4"#)), "{told:?}");
        machine.pass(DAY * 200).await;
        assert_eq!(counts(machine), (0, 1, true, false), "the last run is remembered");
        assert_eq!(machine.idle("reader").await.unwrap().found, 0);
        machine.audit();
    });
}

#[test]
fn more_than_one_chunk_is_tidied_in_one_pass() {
    let mut bench = Bench::new(2);
    bench.rules.put("sim.toml", &mm_services::testing::pack(10_000, "1d"));
    bench.settings.daily_actions_max = 10_000;
    bench.install(Script::new("busy", |cx| {
        Box::pin(async move {
            for n in 0..600 {
                read(cx, &format!("s{n}"), "/same").await?;
            }
            Ok(Report::default())
        })
    }));
    bench.live(async |machine| machine.run("busy").await);
    bench.now = bench.now.plus(DAY * 200);
    bench.live(async |machine| {
        assert_eq!(machine.rows::<ActionRecord>().len(), 600);
        machine.pass(Duration::from_secs(660)).await;
        assert_eq!(machine.rows::<ActionRecord>(), vec![]);
        assert_eq!(
            machine.audit_of("tidy.done").len(),
            7,
            "two chunks of actions, of their ways and of the decisions on them, and the answer"
        );
    });
}
