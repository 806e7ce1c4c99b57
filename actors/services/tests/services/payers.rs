//! Opportunities over time: every change of a state is a row that says who, when and why; deadlines end them,
//! the ledger moves them, and whoever pays late is chased by a draft that never leaves the house.

use std::time::Duration;

use mm_core::approval::State as Asked;
use mm_core::digest::Digest;
use mm_core::id::{OpportunityId, Space};
use mm_core::ledger::{Earning, Evidence, Money, Report, Source, Stage};
use mm_core::opportunity::{Chase, Decision, Opportunity, Payer, Proof, State, Step, Who};
use mm_core::untrusted::Untrusted;
use mm_sdk::{Draft, Earned, Facts, Report as Ran};
use mm_services::books::{Told, Word};
use mm_services::testing::{Bench, Machine, Script, draft, read};
use mm_store::{Change, Key};

const DAY: Duration = Duration::from_secs(86_400);

/// Finds `it`, which `acme` pays for, and `bait`; a deadline is `days` from the first run.
fn finder(days: Option<u32>) -> Script {
    Script::new("finder", move |cx| {
        Box::pin(async move {
            let deadline = days.map(|days| cx.now().plus(DAY * days));
            let first = cx.snapshot().is_none();
            let payer = Some("acme".to_owned());
            cx.found(Draft { deadline: deadline.filter(|_| first), payer: payer.clone(), ..draft("it") });
            let facts = Facts { bait: vec!["it is bait".to_owned()], ..Facts::default() };
            cx.found(Draft { payer, facts, ..draft("bait") });
            cx.keep(1, vec![0]);
            read(cx, "s1", "/a").await?;
            Ok(Ran::default())
        })
    })
}

fn row(machine: &Machine, about: &str) -> Opportunity {
    let title = format!("chance of {about}");
    let all = machine.rows::<Opportunity>();
    all.into_iter().map(|(_, row)| row).find(|row| row.title == title).expect("it was found")
}

/// The steps of an opportunity as `from to by why`, and that they explain its state.
fn history(machine: &Machine, id: &OpportunityId) -> Vec<String> {
    let steps = machine.rows::<Step>().into_iter().filter(|(_, step)| step.opportunity == *id);
    let mut at = State::New;
    let mut told = Vec::new();
    for (n, (row_id, step)) in steps.enumerate() {
        assert_eq!(row_id, Step::row_id(id, u32::try_from(n).unwrap() + 1));
        assert_eq!(step.from, at, "{row_id}");
        at = step.to;
        let why = step.why.map_or(String::new(), |why| format!(": {why}"));
        told.push(format!("{} by {}{why}", step.to.as_str(), step.by));
    }
    let stored = machine.rows::<Opportunity>().into_iter().find(|(_, row)| row.id == *id).unwrap().1;
    assert_eq!((stored.state, stored.steps as usize), (at, told.len()));
    told
}

async fn say(machine: &Machine, id: &OpportunityId, decision: Decision, why: Option<&str>) -> State {
    let (space, why) = (Space::default_owner(), why.map(Untrusted::new));
    machine.services.books.decide(&space, id, decision, "operator", why).await.unwrap().unwrap().state
}

/// The owner's word of a payment for `opportunity`, as of now.
async fn pay(
    machine: &Machine,
    reference: &str,
    opportunity: Option<&OpportunityId>,
    stage: Stage,
) -> Earning {
    let slip = format!("{reference} {stage} {}", machine.now()).into_bytes();
    let evidence = Evidence { digest: Digest::of(&slip), source: Source::Owner, what: "slip.pdf".into() };
    let amount = Money::read("250", "EUR").unwrap();
    let report = Report { as_of: machine.now(), stage, amount, fee: None, arrived: None, evidence };
    let told = Told {
        platform: "demo".parse().unwrap(),
        reference: reference.into(),
        strategy: "finder".parse().unwrap(),
        opportunity: opportunity.cloned(),
        report,
    };
    let space = Space::default_owner();
    machine.services.books.record(&space, told, slip, "operator").await.unwrap().unwrap().earning
}

fn chases(machine: &Machine) -> Vec<Chase> {
    machine.rows::<Payer>().into_iter().flat_map(|(_, payer)| payer.chases).collect()
}

#[test]
fn every_change_says_who_and_why_and_found_again_is_not_new_again() {
    let mut bench = Bench::new(1);
    bench.install(finder(None));
    bench.live(async |machine| {
        machine.run("finder").await;
        let id = row(machine, "it").id;
        say(machine, &id, Decision::Accept, Some("I know\nthis code")).await;
        say(machine, &id, Decision::Accept, Some("said twice")).await;
        say(machine, &id, Decision::Submitted, None).await;
        assert_eq!(
            history(machine, &id),
            ["accepted by operator: I know\u{fffd}this code", "submitted by operator"]
        );
        let trail = machine.audit_of("opportunity.accepted");
        assert!(trail.len() == 1 && !trail[0].contains("this code"), "{trail:?}");
        say(machine, &id, Decision::Lost, Some("somebody was faster")).await;
    });
    let id = bench.live(async |machine| {
        let id = row(machine, "it").id;
        machine.pass(DAY).await;
        assert_eq!(machine.run("finder").await.found, 0);
        assert_eq!(row(machine, "it").state, State::Lost);
        assert_eq!(history(machine, &id).len(), 3);
        let bait = row(machine, "bait");
        say(machine, &bait.id, Decision::Dismiss, None).await;
        machine.run("finder").await;
        assert_eq!(row(machine, "bait").state, State::Dismissed);
        machine.audit();
        id
    });
    // A row that is lost goes on from its steps when it is found again.
    bench.meddle(|store| {
        let key = Key::of::<Opportunity>(&Space::default_owner(), id.as_str()).unwrap();
        store.commit_blocking(Change::new().delete(key)).unwrap();
    });
    bench.live(async |machine| {
        machine.run("finder").await;
        assert_eq!(row(machine, "it").state, State::Lost);
        assert_eq!(say(machine, &id, Decision::Awarded, None).await, State::Awarded);
        assert_eq!(history(machine, &id).len(), 4);
    });
}

#[test]
fn a_deadline_ends_what_is_not_handed_in_and_nothing_else() {
    for (seed, accepted) in [(2, false), (3, true)] {
        let mut bench = Bench::new(seed);
        bench.install(finder(Some(3)));
        let id = bench.live(async |machine| {
            machine.run("finder").await;
            let id = row(machine, "it").id;
            if accepted {
                say(machine, &id, Decision::Accept, None).await;
            }
            machine.pass(DAY * 3 - Duration::from_secs(60)).await;
            assert_ne!(row(machine, "it").state, State::Expired, "not before");
            machine.pass(Duration::from_secs(3_720)).await;
            assert_eq!(row(machine, "it").state, State::Expired);
            id
        });
        bench.live(async |machine| {
            let told = history(machine, &id);
            assert!(
                told.last().unwrap().starts_with("expired by the machine: its deadline was 20"),
                "{told:?}"
            );
            machine.run("finder").await;
            assert_eq!(row(machine, "it").state, State::Expired, "found again is not new again");
            assert_eq!(row(machine, "bait").state, State::New, "it has no deadline");
            // It was handed in, and said too late.
            assert_eq!(say(machine, &id, Decision::Submitted, None).await, State::Submitted);
        });
    }
    let mut bench = Bench::new(4);
    bench.install(finder(Some(3)));
    bench.live(async |machine| {
        machine.run("finder").await;
        let id = row(machine, "it").id;
        say(machine, &id, Decision::Accept, None).await;
        say(machine, &id, Decision::Submitted, None).await;
        machine.pass(DAY * 10).await;
        assert_eq!(row(machine, "it").state, State::Submitted);
    });
}

#[test]
fn the_ledger_moves_an_opportunity_and_takes_it_back_with_its_reason() {
    let mut bench = Bench::new(5);
    bench.install(finder(None));
    bench.live(async |machine| {
        machine.run("finder").await;
        let id = row(machine, "it").id;
        let tell = async |reference: &str, stage| {
            machine.pass(DAY).await;
            pay(machine, reference, Some(&id), stage).await;
            row(machine, "it").state
        };
        assert_eq!(tell("one", Stage::Expected).await, State::New, "a hope moves nothing");
        assert_eq!(tell("one", Stage::Claimed).await, State::New);
        assert_eq!(tell("one", Stage::Approved).await, State::Awarded);
        assert_eq!(tell("one", Stage::Paid).await, State::Paid);
        assert_eq!(tell("two", Stage::Approved).await, State::Paid, "money that has come stays");
        assert_eq!(tell("one", Stage::Reversed).await, State::Awarded, "the other payment is still owed");
        assert_eq!(tell("two", Stage::Reversed).await, State::Submitted);
        assert_eq!(tell("one", Stage::Cleared).await, State::Paid);
        assert!(row(machine, "it").settled);
        assert_eq!(tell("one", Stage::Reversed).await, State::Submitted);
        assert!(!row(machine, "it").settled);
        assert_eq!(
            history(machine, &id),
            [
                "awarded by operator: payment one of demo is approved",
                "paid by operator: payment one of demo is paid",
                "awarded by operator: payment one of demo is reversed",
                "submitted by operator: payment two of demo is reversed",
                "paid by operator: payment one of demo is cleared",
                "submitted by operator: payment one of demo is reversed",
            ]
        );
    });
}

#[test]
fn a_run_that_finds_and_is_paid_for_the_same_says_both_in_one_change() {
    let mut bench = Bench::new(6);
    bench.install(Script::new("finder", |cx| {
        Box::pin(async move {
            let answer = read(cx, "s1", "/a").await?;
            cx.found(Draft { payer: Some("acme".into()), ..draft("it") });
            let strategy = "finder".parse().unwrap();
            let id = Opportunity::id_of(&strategy, "elsewhere", "chance", &["it"]);
            let earned = |stage, reference: &str| Earned {
                platform: "demo".parse().unwrap(),
                reference: reference.into(),
                opportunity: Some(id.clone()),
                as_of: cx.now(),
                stage,
                amount: Money::read("250", "EUR").unwrap(),
                fee: None,
                evidence: answer.body_id(),
                what: "a page".into(),
            };
            let all = [earned(Stage::Approved, "one"), earned(Stage::Paid, "two")];
            all.into_iter().for_each(|earned| cx.earned(earned));
            Ok(Ran::default())
        })
    }));
    bench.live(async |machine| {
        let run = machine.run("finder").await;
        let it = row(machine, "it");
        assert_eq!((run.found, it.state), (1, State::Paid));
        let by = format!("run {}", run.id);
        assert_eq!(
            history(machine, &it.id),
            [
                format!("awarded by {by}: payment one of demo is approved"),
                format!("paid by {by}: payment two of demo is paid")
            ]
        );
        let payers = machine.rows::<Payer>();
        assert_eq!(payers.len(), 1);
        assert_eq!((payers[0].0.as_str(), payers[0].1.paid()), (&*Payer::id_of("elsewhere", "ACME"), 1));
        assert_eq!(it.judged(Some(&payers[0].1)).proof, Proof::Proven);
        machine.run("finder").await;
        assert_eq!(history(machine, &it.id).len(), 2, "told again, it moves nothing");
        assert!(machine.rows::<Step>().iter().all(|(_, step)| step.by == Who::Run(run.id.clone())));
    });
}

/// What the world was asked, and the machine's own record of what it did: chasing adds to neither.
fn out(machine: &Machine) -> (usize, usize) {
    (machine.world.count(), machine.audit_of("action.permitted").len())
}

#[test]
fn a_late_payment_is_chased_by_a_draft_once_in_a_period_and_nothing_leaves_the_house() {
    let mut bench = Bench::new(7);
    bench.install(finder(None));
    bench.live(async |machine| {
        machine.run("finder").await;
        let (id, before) = (row(machine, "it").id, out(machine));
        pay(machine, "ref 1", Some(&id), Stage::Approved).await;
        pay(machine, "bait 1", Some(&row(machine, "bait").id), Stage::Approved).await;
        machine.pass(DAY * 45).await;
        assert_eq!(chases(machine), [], "45 days are waited where nothing else is known");
        machine.pass(DAY + Duration::from_secs(7_200)).await;
        let first = chases(machine);
        assert_eq!(first.len(), 1, "of bait nobody is asked for money");
        assert_eq!(first[0].purpose, "ask acme for 250 EUR (ref 1), outstanding for 46 days");
        assert!(first[0].reason.contains("so 45 days were waited"), "{}", first[0].reason);
        assert!(
            machine.alerts().iter().any(|(about, _)| about.starts_with("late/")),
            "{:?}",
            machine.alerts()
        );
        machine.pass(DAY * 20).await;
        assert_eq!(chases(machine), first, "once in a period");
        // Said yes to, it is its owner's to send.
        let books = &machine.services.books;
        let space = Space::default_owner();
        let said =
            books.answer(&space, &first[0].id, Word::Approve, "operator", None).await.unwrap().unwrap();
        assert_eq!(said.item.state, Asked::Handed);
        let said = books.answer(&space, &first[0].id, Word::Done, "operator", Some("sent")).await;
        assert_eq!(said.unwrap().unwrap().item.state, Asked::Done);
        let refused = books.answer(&space, &first[0].id, Word::Done, "operator", None).await.unwrap();
        assert!(refused.unwrap_err().to_string().contains("takes no such word"));
        let unknown = books.answer(&space, "late-x-1", Word::Done, "operator", None).await.unwrap();
        assert!(unknown.unwrap_err().to_string().starts_with("there is no approval `late-x-1`"));
        machine.pass(Duration::from_secs(60)).await;
        assert!(!machine.alerts().iter().any(|(about, _)| about.starts_with("late/")));
        machine.pass(DAY * 11).await;
        let second = chases(machine);
        assert_eq!(second.len(), 2, "in the next period it is asked again");
        // What came ends it.
        pay(machine, "ref 1", Some(&id), Stage::Paid).await;
        assert_eq!(chases(machine)[1].item.state, Asked::Expired);
        machine.pass(Duration::from_secs(7_200)).await;
        assert!(!machine.alerts().iter().any(|(about, _)| about.starts_with("late/")));
        machine.pass(DAY * 100).await;
        assert_eq!(chases(machine).len(), 2);
        assert_eq!(out(machine), before, "nothing left the house");
        assert_eq!(machine.audit_of("payment.late").len(), 2);
        // Now it is known how long it takes: 78 days.
        pay(machine, "ref 2", Some(&id), Stage::Approved).await;
        machine.pass(DAY * 77).await;
        assert_eq!(chases(machine).len(), 2);
        machine.pass(DAY * 3).await;
        assert!(chases(machine)[2].reason.contains("days at the longest so far"), "{:?}", chases(machine)[2]);
    });
}

/// Finds `it` at first for `acme`, and then for `umbrella`.
fn of_two_payers() -> Script {
    Script::new("finder", |cx| {
        Box::pin(async move {
            let payer = if cx.snapshot().is_none() { "acme" } else { "umbrella" };
            cx.found(Draft { payer: Some(payer.to_owned()), ..draft("it") });
            cx.keep(1, vec![0]);
            read(cx, "s1", "/a").await?;
            Ok(Ran::default())
        })
    })
}

#[test]
fn a_payment_whose_payer_turns_out_to_be_another_is_asked_for_once_and_ends_every_draft() {
    let mut bench = Bench::new(8);
    bench.install(of_two_payers());
    bench.live(async |machine| {
        machine.run("finder").await;
        let id = row(machine, "it").id;
        pay(machine, "ref 1", Some(&id), Stage::Approved).await;
        machine.pass(DAY * 46 + Duration::from_secs(7_200)).await;
        let drafts = chases(machine);
        assert_eq!(drafts.len(), 1);
        machine.run("finder").await;
        assert_eq!(row(machine, "it").payer.as_deref(), Some("umbrella"));
        machine.pass(DAY).await;
        assert_eq!(chases(machine), drafts, "whoever pays it: it was asked for");
        let (books, space) = (&machine.services.books, Space::default_owner());
        books.answer(&space, &drafts[0].id, Word::Approve, "operator", None).await.unwrap().unwrap();
        pay(machine, "ref 1", Some(&id), Stage::Paid).await;
        let drafts = chases(machine);
        assert_eq!((drafts.len(), drafts[0].item.state), (1, Asked::Superseded), "he need not send it");
        let payers = machine.rows::<Payer>().into_iter().map(|(_, payer)| payer);
        let mut told: Vec<_> = payers.map(|payer| (payer.name.clone(), payer.paid(), payer.owed())).collect();
        told.sort();
        assert_eq!(told, [("acme".to_owned(), 0, 0), ("umbrella".to_owned(), 1, 0)]);
        machine.pass(Duration::from_secs(7_200)).await;
        assert!(!machine.alerts().iter().any(|(about, _)| about.starts_with("late/")));
    });
}

#[test]
fn a_published_term_that_becomes_known_later_asks_for_nothing_twice_in_a_period() {
    let mut bench = Bench::new(9);
    bench.install(finder(None));
    bench.live(async |machine| {
        machine.run("finder").await;
        let id = row(machine, "it").id;
        pay(machine, "ref 1", Some(&id), Stage::Approved).await;
        machine.pass(DAY * 46 + Duration::from_secs(7_200)).await;
        assert_eq!(chases(machine).len(), 1);
    });
    bench.installed("finder").pays_within_days = Some(10);
    bench.live(async |machine| {
        machine.pass(DAY * 20).await;
        assert_eq!(chases(machine).len(), 1, "by the term it is the second period already");
        machine.pass(DAY * 11).await;
        let drafts = chases(machine);
        assert_eq!(drafts.len(), 2);
        assert!(drafts[1].reason.contains("its platform says within 10 days"), "{}", drafts[1].reason);
    });
}

#[test]
fn what_a_payment_came_of_may_be_told_later_and_stays() {
    let mut bench = Bench::new(10);
    bench.install(finder(None));
    bench.live(async |machine| {
        machine.run("finder").await;
        let id = row(machine, "it").id;
        pay(machine, "one", None, Stage::Claimed).await;
        machine.pass(DAY).await;
        let earning = pay(machine, "one", Some(&id), Stage::Approved).await;
        assert_eq!((earning.opportunity.as_ref(), row(machine, "it").state), (Some(&id), State::Awarded));
        machine.pass(DAY).await;
        assert_eq!(pay(machine, "one", None, Stage::Paid).await.opportunity, Some(id.clone()));
        assert_eq!(row(machine, "it").state, State::Paid);
        // What the platform itself was thought to owe is that payer's now.
        let payers = machine.rows::<Payer>().into_iter().map(|(_, payer)| payer);
        let mut told: Vec<_> = payers.map(|payer| (payer.name.clone(), payer.payments.len())).collect();
        told.sort();
        assert_eq!(told, [(String::new(), 0), ("acme".to_owned(), 1)]);
    });
}

#[test]
fn what_expired_may_be_accepted_and_a_later_deadline_opens_it_again_as_it_was() {
    // Each run finds it with a deadline two days from then.
    let again = Script::new("finder", |cx| {
        Box::pin(async move {
            cx.found(Draft { deadline: Some(cx.now().plus(DAY * 2)), ..draft("it") });
            read(cx, "s1", "/a").await?;
            Ok(Ran::default())
        })
    });
    let mut bench = Bench::new(11);
    bench.install(again);
    bench.live(async |machine| {
        machine.run("finder").await;
        let id = row(machine, "it").id;
        let state = async |days: u32| {
            machine.pass(DAY * days + Duration::from_secs(3_720)).await;
            row(machine, "it").state
        };
        assert_eq!(state(2).await, State::Expired);
        machine.run("finder").await;
        assert_eq!(row(machine, "it").state, State::New);
        assert_eq!(say(machine, &id, Decision::Accept, None).await, State::Accepted);
        assert_eq!(state(2).await, State::Expired);
        machine.run("finder").await;
        assert_eq!(row(machine, "it").state, State::Accepted);
        assert_eq!(state(2).await, State::Expired);
        // Its owner knows better than the deadline; a deadline that is told after his word is news.
        assert_eq!(say(machine, &id, Decision::Accept, Some("it was put off")).await, State::Accepted);
        assert_eq!(state(5).await, State::Accepted);
        machine.run("finder").await;
        assert_eq!(state(2).await, State::Expired);
        let told = history(machine, &id);
        assert!(told[1].starts_with("new by the machine: it was found again with a later deadline, 20"));
        assert!(told[4].starts_with("accepted by the machine: it was found again"), "{told:?}");
        assert_eq!(told[6], "accepted by operator: it was put off");
        assert_eq!(machine.audit_of("opportunity.accepted").len(), 3);
        machine.audit();
    });
}
