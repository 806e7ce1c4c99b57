//! Platforms that a person isolates: nothing leaves until they are released, and then one probe.

use std::time::Duration;

use mm_core::action::ActionKind;
use mm_core::activity::{ActionRecord, Stage};
use mm_core::breaker::{Admit, Breaker, State};
use mm_core::id::{AccountId, PlatformId, Space};
use mm_sdk::{Act, Report};
use mm_services::platforms::Lane;
use mm_services::testing::{Bench, Machine, PLATFORM, Said, Script, get, pack, post};

const REASON: &str = "they asked us to stop";

/// Does one act and says in its errors what became of it.
fn actor(name: &'static str, posts: bool) -> Script {
    Script::new(name, move |cx| {
        Box::pin(async move {
            let action = if posts { post("/post", "body") } else { get("/a") };
            let said = match cx.act("s1", action).await? {
                Act::Done(answer) => format!("done {}", answer.status),
                Act::Refused(refusal) => refusal.why,
                Act::Pending(id) => format!("pending {id}"),
            };
            Ok(Report { errors: vec![said], ..Report::default() })
        })
    })
}

fn bench(seed: u64) -> Bench {
    let mut bench = Bench::new(seed);
    bench.install(actor("reader", false)).install(actor("poster", true));
    bench
}

fn sim() -> PlatformId {
    PLATFORM.parse().unwrap()
}

fn lane(account: Option<&str>, kind: Option<&str>) -> Lane {
    let account: Option<AccountId> = account.map(|account| account.parse().unwrap());
    Lane::of(&Space::default_owner(), account.as_ref(), kind.map(ActionKind::new).as_ref())
}

fn whole() -> Lane {
    lane(None, None)
}

async fn isolate(machine: &Machine, lane: &Lane) {
    machine.services.platforms.isolate(&sim(), lane, REASON, "anna").await.unwrap().unwrap();
}

async fn release(machine: &Machine, lane: &Lane) -> Vec<Lane> {
    machine.services.platforms.release(&sim(), lane, "anna").await.unwrap()
}

async fn admit(machine: &Machine, lane: &Lane) -> Admit {
    machine.services.platforms.admit(&sim(), lane).await.unwrap()
}

async fn said(machine: &Machine, strategy: &str) -> String {
    machine.run(strategy).await.errors.join("; ")
}

async fn begin(machine: &Machine, strategy: &str) {
    let trigger = mm_core::run::Trigger::Operator;
    machine.services.strategies.start(strategy, trigger).await.unwrap().unwrap();
}

async fn end(machine: &Machine, strategy: &str) -> String {
    machine.idle(strategy).await.unwrap().errors.join("; ")
}

fn breaker(machine: &Machine, lane: &Lane) -> Breaker {
    let row = machine.store.get::<Breaker>(&lane.space, &lane.row_id(&sim())).unwrap();
    row.map(|row| row.value).unwrap_or_default()
}

#[test]
fn nothing_leaves_for_what_is_isolated_over_restarts_also_in_lanes_that_were_never_used() {
    for isolated in [whole(), lane(None, Some("read"))] {
        let mut bench = bench(1);
        bench.live(async |machine| isolate(machine, &isolated).await);
        for _ in 0..2 {
            bench.live(async |machine| {
                machine.pass(Duration::from_secs(7 * 86_400)).await;
                let refused = said(machine, "reader").await;
                assert!(refused.contains("isolated by a person (they asked us to stop)"), "{refused}");
                assert!(refused.contains("`limits release sim"), "{refused}");
                assert_eq!(machine.world.count(), 0);
            });
        }
        bench.live(async |machine| {
            for (_, record) in machine.rows::<ActionRecord>() {
                assert_eq!(record.stage, Stage::Blocked);
            }
            let told = machine.audit_of("breaker.isolated");
            assert!(told.len() == 1 && told[0].contains(REASON) && told[0].contains("anna"), "{told:?}");
            // Another kind passes only what is not isolated as a whole.
            let other = said(machine, "poster").await;
            assert_eq!(other == "done 200", isolated != whole(), "{other}");
        });
    }
}

/// It is admitted and waits for a slot when its platform is isolated; released or not, it does not leave.
#[test]
fn what_was_on_its_way_does_not_leave_under_the_generation_it_was_admitted_with() {
    for isolated in [whole(), lane(None, Some("post"))] {
        for released in [false, true] {
            let mut bench = bench(2);
            bench.rules.put("sim.toml", &pack(1, "30s"));
            bench.live(async |machine| {
                assert_eq!(said(machine, "reader").await, "done 200");
                begin(machine, "poster").await;
                machine.pass(Duration::from_secs(10)).await;
                isolate(machine, &isolated).await;
                if released {
                    assert_eq!(release(machine, &isolated).await, vec![isolated.clone()]);
                }
                let refused = end(machine, "poster").await;
                let expected = if released { "moved since it was admitted" } else { REASON };
                assert!(refused.contains(expected), "{refused}");
                assert_eq!(machine.world.count(), 1);
                let records = machine.rows::<ActionRecord>();
                let stages: Vec<Stage> = records.into_iter().map(|(_, record)| record.stage).collect();
                assert!(!stages.contains(&Stage::Ambiguous), "{stages:?}");
                release(machine, &isolated).await;
                machine.pass(Duration::from_secs(60)).await;
                assert_eq!(said(machine, "poster").await, "done 200");
                assert!(matches!(breaker(machine, &isolated).state(), State::Closed { .. }));
            });
        }
    }
}

#[test]
fn an_answer_from_before_a_transition_counts_for_nothing() {
    for (status, released) in [(200, false), (500, false), (200, true), (500, true)] {
        let mut bench = bench(3);
        bench.world.answer(move |_| Said::status(status, "").after(Duration::from_secs(30)));
        bench.live(async |machine| {
            begin(machine, "poster").await;
            machine.until("it is under way", || machine.world.count() == 1).await;
            isolate(machine, &whole()).await;
            if released {
                release(machine, &whole()).await;
            }
            let own = Lane { space: Space::machine(), account: String::new(), kind: "post".into() };
            let before = (breaker(machine, &whole()), breaker(machine, &own));
            assert!(end(machine, "poster").await.contains(&status.to_string()), "it was not cut off");
            machine.pass(Duration::from_secs(1)).await;
            assert_eq!((breaker(machine, &whole()), breaker(machine, &own)), before, "{status} {released}");
        });
    }
}

#[test]
fn after_a_release_one_act_is_the_probe_of_the_whole_platform() {
    let mut bench = bench(4);
    bench.live(async |machine| isolate(machine, &whole()).await);
    bench.world.answer(|request| match request.nth {
        0 => Said::status(404, "").after(Duration::from_secs(20)),
        1 => Said::fault(mm_core::error::TransportFault::Connect),
        _ => Said::status(200, ""),
    });
    bench.live(async |machine| {
        assert_eq!(release(machine, &whole()).await, [whole()]);
        let told = machine.audit_of("breaker.released");
        assert!(told.len() == 1 && told[0].contains("anna"), "{told:?}");
        assert_eq!(release(machine, &lane(None, Some("read"))).await, [], "nothing of that is held");
    });
    // It waits for its probe also in another life.
    bench.live(async |machine| {
        begin(machine, "poster").await;
        machine.until("the probe is under way", || machine.world.count() == 1).await;
        let refused = said(machine, "reader").await;
        assert!(refused.contains("half-open: one probe is on its way"), "{refused}");
        assert_eq!(release(machine, &whole()).await, [], "a probe that is under way is left to itself");
        assert_eq!(machine.world.count(), 1);
        // It answers, so it is well, whatever the answer.
        assert_eq!(end(machine, "poster").await, "done 404");
        machine
            .until("it is closed", || matches!(breaker(machine, &whole()).state(), State::Closed { .. }))
            .await;

        isolate(machine, &whole()).await;
        release(machine, &whole()).await;
        said(machine, "poster").await;
        let refused = said(machine, "reader").await;
        assert!(refused.contains("is open: the probe failed"), "{refused}");
        assert_eq!(machine.world.count(), 2);
        machine.pass(Duration::from_secs(31)).await;
        assert_eq!(said(machine, "reader").await, "done 200");
        assert_eq!(said(machine, "poster").await, "done 200");
    });
}

/// A failure that is not a probe's opens the lane it was in, and no wider one.
#[test]
fn failures_open_their_own_lane_alone() {
    let mut bench = bench(5);
    bench.world.answer(|request| match request.path() {
        "/a" => Said::fault(mm_core::error::TransportFault::Connect),
        _ => Said::status(200, ""),
    });
    bench.live(async |machine| {
        said(machine, "reader").await;
        assert!(said(machine, "reader").await.contains("is open: 5 failures in a row"));
        assert_eq!(said(machine, "poster").await, "done 200");
        assert_eq!(breaker(machine, &whole()), Breaker::default());
        // An open time ends by a release too.
        assert_eq!(release(machine, &whole()).await.len(), 1);
        machine.world.answer(|_| Said::status(200, ""));
        assert_eq!(said(machine, "reader").await, "done 200");
    });
}

#[test]
fn accounts_and_kinds_are_held_apart_and_a_release_covers_what_is_part_of_it() {
    let own = |account: &str, kind: &str| Lane {
        space: if account.is_empty() { Space::machine() } else { Space::default_owner() },
        account: account.to_owned(),
        kind: kind.to_owned(),
    };
    let all = [own("", "read"), own("", "post"), own("me", "read"), own("me", "post"), own("you", "post")];
    let (me, post) = (Some("me"), Some("post"));
    for isolated in [whole(), lane(me, None), lane(None, post), lane(me, post)] {
        Bench::new(6).live(async |machine| {
            isolate(machine, &isolated).await;
            for own in &all {
                let held = matches!(admit(machine, own).await, Admit::No { until: None, .. });
                assert_eq!(held, isolated.covers(own), "{isolated:?} {own:?}");
            }
            assert_eq!(release(machine, &whole()).await, vec![isolated.clone()]);
            let first = all.iter().find(|own| isolated.covers(own)).unwrap();
            let Admit::Probe { generation, .. } = admit(machine, first).await else { panic!("{isolated:?}") };
            // What never leaves gives its turn back, and the next takes it.
            machine.services.platforms.give_back(&sim(), first, generation);
            assert!(matches!(admit(machine, first).await, Admit::Probe { .. }));
        });
    }
}

/// Who is refused by a narrower breaker has not used up the probe of the wider one.
#[test]
fn a_turn_as_probe_is_taken_only_by_who_may_pass_all() {
    let mut bench = bench(7);
    bench.live(async |machine| {
        isolate(machine, &whole()).await;
        release(machine, &whole()).await;
        isolate(machine, &lane(None, Some("read"))).await;
        assert!(said(machine, "reader").await.contains("`sim --kind read` is isolated"));
        assert_eq!(said(machine, "poster").await, "done 200");
        machine
            .until("it is closed", || matches!(breaker(machine, &whole()).state(), State::Closed { .. }))
            .await;
        assert_eq!(machine.world.count(), 1);
        assert_eq!(release(machine, &whole()).await, [lane(None, Some("read"))]);
        assert_eq!(said(machine, "reader").await, "done 200");
    });
}
