//! The last check before the socket: a permit that does not hold means that nothing is dialled.

use std::time::Duration;

use mm_core::action::{Action, Request};
use mm_core::breaker::Admit;
use mm_core::id::{ActionId, Space};
use mm_permit::{Permit, Refused};
use mm_services::compliance::NoPermit;
use mm_services::platforms::{Lane, SendFailed};
use mm_services::testing::{Bench, Machine, Said, pack, post};

fn lane() -> Lane {
    Lane { space: Space::machine(), account: String::new(), kind: "post".into() }
}

/// Asks for a permit to send `request` for `action`, as judged by the rules now in force.
async fn mint(
    machine: &Machine,
    action: &Action,
    request: &Request,
    generation: u64,
) -> Result<Permit, NoPermit> {
    let (space, id) = (Space::default_owner(), ActionId::new("a"));
    let compliance = &machine.services.compliance;
    let rules = compliance.judge(action, &space).await.unwrap().rules;
    compliance.permit(action, &space, &id, request, generation, rules, None).await.unwrap()
}

async fn permit(machine: &Machine, action: &Action) -> Permit {
    mint(machine, action, &action.request, 0).await.unwrap()
}

async fn send(machine: &Machine, permit: Permit, action: &Action) -> Result<u16, SendFailed> {
    let lane = lane();
    let request = action.request.clone();
    let sent = machine.services.platforms.send(&action.platform, &lane, permit, request, Vec::new());
    sent.await.map(|answer| answer.status)
}

#[test]
fn a_permit_that_was_used_has_expired_or_is_for_other_bytes_dials_nothing() {
    Bench::new(1).live(async |machine| {
        let good = post("/post", "body");
        let sent = send(machine, permit(machine, &good).await, &good).await;
        assert_eq!((sent.unwrap(), machine.world.count()), (200, 1));

        let mut used = permit(machine, &good).await;
        let shared = &machine.services.shared;
        let now = mm_permit::Now { wall: shared.clock.wall(), mono: shared.clock.mono() };
        drop(used.clear(good.request.clone(), Vec::new(), now).unwrap());
        let refused = send(machine, used, &good).await;
        assert!(matches!(refused, Err(SendFailed::Permit(Refused::Used))), "{refused:?}");

        let refused = send(machine, permit(machine, &good).await, &post("/post", "bodz")).await;
        assert!(matches!(refused, Err(SendFailed::Permit(Refused::Changed))), "{refused:?}");

        let old = permit(machine, &good).await;
        machine.pass(mm_permit::PERMIT_LIFETIME + Duration::from_millis(1)).await;
        let refused = send(machine, old, &good).await;
        assert!(matches!(refused, Err(SendFailed::Permit(Refused::Expired))), "{refused:?}");

        let stepped = permit(machine, &good).await;
        machine.world.jump(-1000);
        let refused = send(machine, stepped, &good).await;
        assert!(matches!(refused, Err(SendFailed::Permit(Refused::Expired))), "{refused:?}");

        assert_eq!(machine.world.count(), 1, "only the good one was dialled");
    });
}

#[test]
fn no_permit_is_made_for_a_host_or_a_verdict_that_does_not_allow_it() {
    Bench::new(2).live(async |machine| {
        for action in [post("/elsewhere", ""), post("https://evil.example.com/post", "")] {
            assert!(mint(machine, &action, &action.request, 0).await.is_err());
        }
        // Judged for one host, asked for another: the mint looks at the request itself.
        let (good, evil) = (post("/post", ""), post("https://evil.example.com/post", ""));
        assert!(mint(machine, &good, &evil.request, 0).await.is_err());
    });
}

/// Others failed between admission and send: what was admitted under the old generation stays here.
#[test]
fn nothing_leaves_through_a_breaker_that_has_moved_since_it_was_admitted() {
    Bench::new(3).live(async |machine| {
        let (platforms, good) = (&machine.services.platforms, post("/post", "body"));
        machine.world.answer(|_| Said::status(500, ""));
        let late = permit(machine, &good).await;
        let probe = mint(machine, &good, &good.request, 1).await.unwrap();
        for _ in 0..5 {
            assert_eq!(send(machine, permit(machine, &good).await, &good).await.unwrap(), 500);
        }
        // Admitted before it opened; and for the breaker as it is, which is open.
        for permit in [late, probe] {
            let refused = send(machine, permit, &good).await;
            assert!(matches!(&refused, Err(SendFailed::Breaker(why)) if why.contains("open")), "{refused:?}");
        }
        assert_eq!(machine.world.count(), 5);

        // Half-open, the probe passes; one that waited longer than a probe may does not.
        for late in [true, false] {
            machine.pass(Duration::from_secs(3_600)).await;
            let admit = platforms.admit(&good.platform, &lane()).await.unwrap();
            let Admit::Probe { generation, .. } = admit else { panic!("{admit:?}") };
            if late {
                machine.pass(Duration::from_secs(121)).await;
            }
            let permit = mint(machine, &good, &good.request, generation).await.unwrap();
            machine.world.answer(|_| Said::status(200, ""));
            let sent = send(machine, permit, &good).await;
            assert_eq!(sent.is_ok(), !late, "{sent:?}");
            if late {
                assert!(matches!(sent, Err(SendFailed::Breaker(_))), "{sent:?}");
                platforms.give_back(&good.platform, &lane(), generation);
            }
        }
        assert_eq!(machine.world.count(), 6);
    });
}

#[test]
fn no_permit_is_made_by_other_rules_than_those_it_was_judged_by() {
    let mut bench = Bench::new(4);
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        let (good, space, id) = (post("/post", ""), Space::default_owner(), ActionId::new("a"));
        let compliance = &machine.services.compliance;
        let judged = compliance.judge(&good, &space).await.unwrap().rules;
        // Still permitted, but less of it.
        rules.put("sim.toml", &pack(5, "1d"));
        let minted = compliance.permit(&good, &space, &id, &good.request, 0, judged, None).await.unwrap();
        assert!(matches!(minted, Err(NoPermit::RulesChanged)), "{minted:?}");
        assert!(mint(machine, &good, &good.request, 0).await.is_ok());
    });
}
