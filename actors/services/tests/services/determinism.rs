//! Simulated twice from one seed, everything is the same: every byte of the audit chain and every
//! request, over faults and restarts.

use std::time::Duration;

use mm_core::error::TransportFault;
use mm_core::seams::SplitMix64;
use mm_sdk::Report;
use mm_services::testing::{Bench, Request, Said, Script, draft, read};
use mm_store::AuditPage;

fn story(seed: u64) -> (AuditPage, Vec<Request>) {
    let mut bench = Bench::new(seed);
    bench.settings.scheduling = true;
    bench.install_on(Script::reads("alpha", &["/a1", "/a2"]), "every 7m").install_on(
        Script::new("beta", |cx| {
            Box::pin(async move {
                let chance = cx.random();
                read(cx, "s1", &format!("/b{}", chance % 5)).await?;
                cx.found(draft(&format!("{}", chance % 3)));
                Ok(Report::default())
            })
        }),
        "every 11m",
    );
    bench.world.answer(move |request| {
        match SplitMix64(seed.wrapping_add(request.nth as u64)).next_u64() % 8 {
            0 => Said::status(500, ""),
            1 => Said::fault(TransportFault::Timeout),
            2 => Said::status(429, "").header("retry-after", "20"),
            3 => Said::status(200, "slow").after(Duration::from_secs(30)),
            _ => Said::status(200, request.path()),
        }
    });
    for life in 1..=4 {
        bench.live(async |machine| machine.pass(Duration::from_secs(60 * 17 * life)).await);
    }
    let store = bench.look();
    assert!(store.audit_verify(1).unwrap().is_whole());
    (store.audit_range(1, usize::MAX).unwrap(), bench.world.log())
}

#[test]
fn the_same_seed_tells_the_same_story_to_the_byte() {
    for seed in [1, 2] {
        let (first, second) = (story(seed), story(seed));
        assert!(first.0.rows.len() > 50 && first.1.len() > 20, "a story worth comparing");
        assert_eq!(first.1, second.1);
        assert_eq!(first.0, second.0);
    }
    assert_ne!(story(1).1, story(3).1);
}
