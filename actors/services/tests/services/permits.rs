//! The last check before the socket: a permit that does not hold means that nothing is dialled.

use std::time::Duration;

use mm_core::action::{Action, Request};
use mm_core::id::{ActionId, Space};
use mm_permit::{Permit, Refused};
use mm_services::compliance::NoPermit;
use mm_services::platforms::{Lane, SendFailed};
use mm_services::testing::{Bench, Machine, post};

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
    compliance.permit(action, &space, &id, request, generation, rules).await.unwrap()
}

async fn permit(machine: &Machine, action: &Action) -> Permit {
    mint(machine, action, &action.request, 0).await.unwrap()
}

async fn send(machine: &Machine, permit: Permit, action: &Action) -> Result<u16, SendFailed> {
    let lane = lane();
    let sent = machine.services.platforms.send(&action.platform, &lane, permit, action.request.clone());
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
        drop(used.clear(good.request.clone(), now).unwrap());
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
