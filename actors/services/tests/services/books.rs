//! Opportunities: the same finding is one, and the owner's word outlives every finding.

use std::time::Duration;

use mm_core::id::{OpportunityId, Space};
use mm_core::opportunity::{Decision, Opportunity, State};
use mm_core::run::Outcome;
use mm_sdk::{Draft, Report};
use mm_services::testing::{Bench, Machine, Script, draft, read};

/// Finds `it` twice and something of the run's own once; its title tells the run.
fn finder() -> Script {
    Script::new("finder", |cx| {
        Box::pin(async move {
            let nth = cx.snapshot().map_or(0, <[u8]>::len);
            cx.found(Draft { title: format!("it, run {nth}"), ..draft("it") });
            cx.found(Draft { title: "a twin in one run".into(), ..draft("it") });
            cx.found(draft(&format!("run {nth}")));
            cx.keep(1, vec![0; nth + 1]);
            read(cx, "s1", "/a").await?;
            Ok(Report::default())
        })
    })
}

fn it(machine: &Machine) -> (OpportunityId, Opportunity) {
    let all = machine.rows::<Opportunity>();
    let found = all.into_iter().find(|(_, row)| row.title.starts_with("it, run"));
    let (_, row) = found.expect("it was found");
    (row.id.clone(), row)
}

#[test]
fn the_same_finding_again_is_one_renewed_and_keeps_the_owners_decision() {
    let mut bench = Bench::new(1);
    bench.install(finder());
    let found_at = bench.live(async |machine| {
        assert_eq!(machine.run("finder").await.found, 2);
        let (id, row) = it(machine);
        assert_eq!((row.state, row.title.as_str()), (State::New, "it, run 0"));
        let decided = machine
            .services
            .books
            .decide(&Space::default_owner(), &id, Decision::Accept, "operator", None)
            .await;
        assert_eq!(decided.unwrap().unwrap().state, State::Accepted);
        row.found_at
    });
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(60)).await;
        assert_eq!(machine.run("finder").await.found, 1);
        let (_, row) = it(machine);
        assert_eq!((row.state, row.title.as_str()), (State::Accepted, "it, run 1"));
        assert_eq!(row.found_at, found_at);
        assert_eq!(machine.rows::<Opportunity>().len(), 3);
        assert_eq!(machine.audit_of("opportunity.accepted").len(), 1);
    });
}

#[test]
fn a_decision_taken_while_a_run_is_under_way_survives_its_commit() {
    let mut bench = Bench::new(2);
    bench.install(finder());
    bench.live(async |machine| machine.run("finder").await);
    let space = Space::default_owner();
    bench.live(async |machine| {
        let (id, _) = it(machine);
        machine.world.answer(|_| mm_services::testing::Said::status(200, "").after(Duration::from_secs(5)));
        let trigger = mm_core::run::Trigger::Operator;
        machine.services.strategies.start("finder", trigger).await.unwrap().unwrap();
        machine.until("the run is under way", || machine.world.count() == 2).await;
        machine
            .services
            .books
            .decide(&space, &id, Decision::Dismiss, "operator", None)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(machine.idle("finder").await.unwrap().outcome, Some(Outcome::Succeeded));
        let (_, row) = it(machine);
        assert_eq!((row.state, row.title.as_str()), (State::Dismissed, "it, run 1"));
    });
}

/// Decisions against commits of runs, as close together as they can be.
#[test]
fn decisions_and_run_commits_at_once_lose_neither() {
    let mut bench = Bench::new(3);
    bench.install(finder());
    bench.live(async |machine| {
        machine.run("finder").await;
        let (id, _) = it(machine);
        let space = Space::default_owner();
        for round in 1..20 {
            let (decision, state) = match round % 2 {
                0 => (Decision::Accept, State::Accepted),
                _ => (Decision::Dismiss, State::Dismissed),
            };
            let decide = machine.services.books.decide(&space, &id, decision, "operator", None);
            let (run, decided) = tokio::join!(machine.run("finder"), decide);
            assert_eq!(run.outcome, Some(Outcome::Succeeded));
            assert_eq!(decided.unwrap().unwrap().state, state);
            let (_, row) = it(machine);
            assert_eq!((row.state, row.title), (state, format!("it, run {round}")));
        }
    });
}

#[test]
fn what_does_not_exist_or_is_not_allowed_is_said() {
    let mut bench = Bench::new(4);
    bench.install(finder());
    bench.live(async |machine| {
        machine.run("finder").await;
        let (space, books) = (Space::default_owner(), &machine.services.books);
        let unknown = books
            .decide(&space, &OpportunityId::new("nothing"), Decision::Accept, "operator", None)
            .await
            .unwrap();
        assert!(unknown.unwrap_err().to_string().contains("there is no opportunity `nothing`"));
        let (id, _) = it(machine);
        let refused = books.decide(&space, &id, Decision::Paid, "operator", None).await.unwrap().unwrap_err();
        assert_eq!(refused.to_string(), "an opportunity that is new cannot be paid");
    });
}
