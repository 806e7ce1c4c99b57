//! Rules are kept for as long as decisions name them, and those that are due for review are told.

use mm_core::id::Space;
use mm_sdk::Report;
use mm_services::records::{AlertRow, DecisionRow, RuleSetRow};
use mm_services::testing::{Bench, Script, action, get, pack, post};
use mm_store::{Record, Span, Store};

const FILE: &str = "sim.toml";

/// The rows of the machine's own space.
fn rows<R: Record>(store: &Store) -> Vec<(String, R)> {
    let found = store.scan::<R>(&Space::machine(), Span::all(), usize::MAX).unwrap();
    found.rows.into_iter().map(|(id, row)| (id, row.value)).collect()
}

#[test]
fn the_rules_of_each_day_are_kept_once_and_read_again_are_the_same() {
    let mut bench = Bench::new(41);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    let other = pack(7, "1d");
    bench.live(async |machine| {
        machine.run("reader").await;
        rules.put(FILE, &other);
        machine.run("reader").await;
        // The first again: it is there already, and it still says since when.
        rules.put(FILE, &pack(1000, "1d"));
        machine.run("reader").await;
        rules.put("broken.toml", "[pack");
        machine.run("reader").await;
        assert_eq!(machine.audit_of("rules.loaded").len(), 4);
    });
    let store = bench.look();
    let kept = rows::<RuleSetRow>(&store);
    assert_eq!(kept.len(), 2, "what could not be read is not kept");
    for (id, row) in &kept {
        assert_eq!(row.rules().unwrap().version().to_string(), *id);
    }
    assert!(kept.iter().any(|(_, row)| row.unpack().unwrap() == [(FILE.to_owned(), other.clone())]));
}

#[test]
fn a_ruling_holds_all_that_it_was_made_from() {
    let mut bench = Bench::new(42);
    bench.live(async |machine| {
        let space = Space::default_owner();
        let ruling = machine.services.compliance.judge(&get("/a"), &space).await.unwrap();
        let row = DecisionRow::of(&ruling);
        let kept = rows::<RuleSetRow>(&machine.store);
        let (_, rules) = kept.iter().find(|(id, _)| *id == row.rules.to_string()).unwrap();
        let again = row.inputs.judge(&rules.rules().unwrap());
        assert_eq!((again.verdict, again.rule_ids()), (row.verdict, ruling.judgement.rule_ids()));
        assert_eq!(again.digest(), ruling.judgement.digest());
    });
}

#[test]
fn what_was_decided_on_each_action_is_on_record_and_made_again_it_is_the_same() {
    let mut bench = Bench::new(45);
    bench.install(Script::new("acts", |cx| {
        Box::pin(async move {
            // Permitted, asked and forbidden.
            drop(cx.act("read", get("/a")).await?);
            drop(cx.act("post", post("/post", "x")).await?);
            drop(cx.act("ask", action("ask", get("/b").request)).await?);
            drop(cx.act("elsewhere", post("/elsewhere", "x")).await?);
            Ok(Report::default())
        })
    }));
    bench.live(async |machine| machine.run("acts").await);
    let store = bench.look();
    let kept = rows::<RuleSetRow>(&store);
    let owner = Space::default_owner();
    let decided = store.scan::<DecisionRow>(&owner, Span::all(), usize::MAX).unwrap();
    let mut verdicts = Vec::new();
    for (id, row) in decided.rows {
        let row = row.value;
        let (_, rules) = kept.iter().find(|(version, _)| *version == row.rules.to_string()).unwrap();
        let again = row.inputs.judge(&rules.rules().unwrap());
        let ids: Vec<&String> = row.deciding.iter().map(|rule| &rule.id).collect();
        assert_eq!((again.verdict, again.rule_ids().iter().collect()), (row.verdict, ids), "{id}");
        verdicts.push((id.rsplit('.').next().unwrap().to_owned(), row.verdict.as_str()));
    }
    let said = |step: &str, verdict: &'static str| (step.to_owned(), verdict);
    let expected =
        [said("ask", "ask"), said("elsewhere", "forbid"), said("post", "permit"), said("read", "permit")];
    assert_eq!(verdicts, expected);
}

#[test]
fn a_permit_that_nobody_reviewed_is_told_until_somebody_has() {
    let mut bench = Bench::new(43);
    bench.install(Script::reads("reader", &["/a"]));
    let rules = bench.rules.clone();
    let old = pack(1000, "1d").replace("reviewed = 2026-11-22", "reviewed = 2020-01-01");
    rules.put(FILE, &old);
    bench.live(async |machine| {
        machine.run("reader").await;
        assert_eq!(machine.world.count(), 0, "an old permit asks");
        let told = || machine.alerts().iter().filter(|(about, _)| about.starts_with("rules/stale/")).count();
        // The two permits of the pack, not its ask.
        machine.until("both permits are told", || told() == 2).await;
    });
    // Another life: reviewed meanwhile, it is over.
    rules.put(FILE, &pack(1000, "1d"));
    bench.live(async |machine| {
        machine.run("reader").await;
        let over = || {
            let rows = rows::<AlertRow>(&machine.store);
            let stale: Vec<_> = rows.iter().filter(|(about, _)| about.starts_with("rules/stale/")).collect();
            stale.len() == 2 && stale.iter().all(|(_, row)| row.cleared_at.is_some() && row.times == 1)
        };
        machine.until("both are over", over).await;
    });
}
