//! Tidying: what is old goes, what is referred to stays, and the audit chain is never touched.

use std::sync::Arc;
use std::time::Duration;

use mm_core::action::{Action, ActionKind, Request};
use mm_core::activity::ActionRecord;
use mm_core::answer::Answer;
use mm_core::breaker::{Breaker, Policy};
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::Space;
use mm_core::mark::{Mark, Marked};
use mm_core::moment::Moment;
use mm_core::run::RunRecord;
use mm_sdk::{Draft, Finding, Reconciler, Report, Sent};
use mm_services::platforms::Lane;
use mm_services::reconciler::Reconcilers;
use mm_services::records::{ChangeRow, RobotsRow};
use mm_services::testing::{
    Bench, HOST, Machine, PLATFORM, Said, Script, action, draft, pack, post, read, rule, url,
};
use mm_store::{Change, Span};

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

/// Knows queries from changes.
struct Queries;

impl Reconciler for Queries {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    fn only_reads(&self, action: &Action) -> bool {
        action.request.body().starts_with(b"query ")
    }

    fn look(&self, _sent: &Sent) -> Option<Action> {
        None
    }

    fn find(&self, _sent: &Sent, _asked: &Action, _answer: &Answer, _now: Moment) -> Finding {
        Finding::Unknown("nothing shows it".to_owned())
    }
}

/// A store in which each question has left a mark, as one that nobody knew for a question does.
fn asked() -> Bench {
    let mut bench = Bench::new(3);
    bench.install(Script::new("asker", |cx| {
        Box::pin(async move {
            for (step, body) in [("q", "query a"), ("c", "change a")] {
                cx.act(step, post("/post", body)).await?;
            }
            Ok(Report::default())
        })
    }));
    bench
        .world
        .answer(|request| Said::status(200, &format!("to {}", String::from_utf8_lossy(&request.body))));
    bench.live(async |machine| {
        machine.run("asker").await;
        assert_eq!(machine.rows::<Mark>().len(), 2);
    });
    bench
}

#[test]
fn the_mark_of_what_only_reads_goes_with_its_answer_and_that_of_a_change_stays() {
    let mut bench = asked();
    bench.settings.reconcilers = Reconcilers::default().with(Arc::new(Queries));
    let marks = |machine: &Machine| -> Vec<_> {
        let marks = machine.rows::<Mark>().into_iter();
        marks.map(|(_, mark)| (mark.action.as_str().to_owned(), mark.state)).collect()
    };
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        let [(own, Marked::Done)] = &marks(machine)[..] else { panic!("{:?}", marks(machine)) };
        assert!(own.ends_with(".c"), "{own}");
        assert!(kept(machine, "to query a"), "its whole change is kept for a while");
    });
    bench.now = bench.now.plus(DAY * 40);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        assert_eq!(machine.rows::<ChangeRow>().len(), 0);
        assert_eq!((kept(machine, "to query a"), kept(machine, "to change a")), (false, true));
        machine.run("asker").await;
        let bodies: Vec<_> = machine.world.log().into_iter().map(|request| request.body).collect();
        assert_eq!(bodies, [b"query a".to_vec(), b"change a".to_vec(), b"query a".to_vec()]);
    });
    // Whatever else goes, the change is known for ever.
    bench.now = bench.now.plus(DAY * 400);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        assert_eq!(machine.rows::<ActionRecord>().len(), 0);
        let [(own, Marked::Done)] = &marks(machine)[..] else { panic!("{:?}", marks(machine)) };
        assert!(own.ends_with(".c"), "{own}");
        assert_eq!((kept(machine, "to query a"), kept(machine, "to change a")), (false, true));
        machine.audit();
    });
}

#[test]
fn a_mark_stays_where_nobody_says_that_its_act_only_read() {
    let mut bench = asked();
    bench.now = bench.now.plus(DAY * 400);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        machine.run("asker").await;
        assert_eq!((machine.rows::<Mark>().len(), machine.world.count()), (2, 2));
        assert!(kept(machine, "to query a") && kept(machine, "to change a"));
    });
}

fn robots(machine: &Machine) -> Vec<String> {
    let rows = machine.store.scan::<RobotsRow>(&Space::machine(), Span::all(), 9).unwrap().rows;
    rows.into_iter().map(|(host, _)| host).collect()
}

/// What a site's robots.txt said is gone by for a day and then asked for anew: the old one is of no use.
#[test]
fn a_robots_txt_goes_when_it_is_too_old_to_be_gone_by() {
    let mut bench = Bench::new(4);
    let own = |kind: &&str| {
        rule(&format!("{PLATFORM}/{kind}"), kind, "permit", "GET", &format!("https://{HOST}/*"))
    };
    let kinds = ["fetch-page", "robots-txt"];
    bench.rules.put("sim.toml", &(pack(1_000, "1d") + &kinds.iter().map(own).collect::<String>()));
    bench.install(Script::new("reader", |cx| {
        Box::pin(async move {
            cx.act("s1", action("fetch-page", Request::get(url("/page")))).await?;
            Ok(Report::default())
        })
    }));
    bench.world.answer(|_| Said::status(404, ""));
    bench.live(async |machine| {
        machine.run("reader").await;
        machine.pass(Duration::from_secs(20 * 3600)).await;
        assert_eq!(robots(machine), [HOST], "one pass was made, and it is fresh");
    });
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        assert_eq!((robots(machine), machine.world.count()), (vec![HOST.to_owned()], 2));
        machine.pass(DAY).await;
        assert_eq!(robots(machine), Vec::<String>::new());
        assert!(
            machine.audit_of("tidy.done").iter().any(|told| told.contains(r#""kind":"robots","rows":1"#))
        );
    });
}

fn breakers(machine: &Machine) -> Vec<String> {
    let rows = machine.store.scan::<Breaker>(&Space::machine(), Span::all(), 99).unwrap().rows;
    rows.into_iter().map(|(id, _)| id).collect()
}

/// A breaker that has failed so often, at `at`, and been closed again, or not.
fn breaker(failures: u32, closes: bool, at: Moment) -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 0..failures {
        breaker.on_failure(&Policy::platform(), ErrorClass::Transient, breaker.generation(), at);
    }
    if closes {
        breaker.release(at);
        drop(breaker.admit(&Policy::platform(), at));
        breaker.on_success(breaker.generation(), at);
    }
    breaker
}

/// Of a host that nothing was sent to for half a year a closed breaker says nothing any more.
#[test]
fn a_closed_breaker_of_a_host_goes_when_nothing_was_sent_there_for_long_and_no_other_does() {
    let mut bench = Bench::new(5);
    bench.install(Script::reads("reader", &["/a"]));
    bench.world.answer(|_| Said::status(500, ""));
    let began = bench.now;
    let mut isolated = Breaker::default();
    isolated.isolate("it is odd", began);
    let recent = began.plus(DAY * 100);
    let rows = [
        (format!("sim/@{HOST}/read"), breaker(0, false, began)),
        ("sim/@closed.example/read".to_owned(), breaker(5, true, began)),
        ("sim/@counts.example/read".to_owned(), breaker(4, false, began)),
        ("sim/@isolated.example/read".to_owned(), isolated),
        ("sim/@open.example/read".to_owned(), breaker(5, false, began)),
        ("sim/@recent.example/read".to_owned(), breaker(5, true, recent)),
        ("sim/*/*".to_owned(), breaker(5, true, began)),
        ("sim/me/read".to_owned(), breaker(4, false, began)),
    ];
    bench.live(async |machine| {
        for (id, row) in &rows {
            let change = Change::new().put(&Space::machine(), id, row).unwrap();
            machine.store.commit(change).await.unwrap();
        }
        machine.run("reader").await;
    });
    let without = |gone: &[&str]| -> Vec<String> {
        let left =
            rows.iter().map(|(id, _)| id.clone()).filter(|id| !gone.iter().any(|host| id.contains(host)));
        let mut left: Vec<_> = left.collect();
        left.sort();
        left
    };
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        let left = breakers(machine);
        // Nothing on record was ever sent to it, and no time is known of it.
        assert_eq!(left, without(&["@counts"]));
    });
    bench.now = began.plus(DAY * 179);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        assert_eq!(breakers(machine), without(&["@counts"]));
        assert!(machine.audit_of("tidy.done").iter().all(|told| !told.contains("\"action\"")));
    });
    bench.now = began.plus(DAY * 182);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        assert_eq!(breakers(machine), without(&["@counts", "@closed", HOST]));
        assert!(
            machine.audit_of("tidy.done").iter().any(|told| told.contains(r#""kind":"breaker","rows":2"#))
        );
    });
    bench.now = began.plus(DAY * 400);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        assert_eq!(breakers(machine), without(&["@counts", "@closed", HOST, "@recent"]));
        let lane = Lane::of_host("open.example", &ActionKind::new("read"));
        let platform = PLATFORM.parse().unwrap();
        let admitted = machine.services.platforms.admit(&platform, &lane).await.unwrap();
        assert!(matches!(admitted, mm_core::breaker::Admit::Probe { .. }), "{admitted:?}");
    });
}
