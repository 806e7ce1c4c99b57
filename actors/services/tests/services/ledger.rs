//! The ledger in the store: whatever is told, in whatever order, over kills at any place, the books balance at
//! each commit, nothing counts twice, and what was acknowledged is there.

use std::collections::BTreeMap;
use std::time::Duration;

use mm_core::digest::Digest;
use mm_core::id::{Space, StrategyId};
use mm_core::ledger::{Account, Balances, Currency, Earning, Entry, Evidence, Money, Report, Source, Stage};
use mm_core::moment::Moment;
use mm_core::run::{Outcome, RunRecord};
use mm_sdk::Earned;
use mm_services::books::{NotRecorded, Recorded, Told};
use mm_services::privacy::{Subject, erase, find};
use mm_services::testing::{Bench, Machine, Script, audit, draft, read, rows};
use mm_store::{Change, Fault, Key, Store};
use proptest::prelude::*;

const DAY: Duration = Duration::from_secs(86_400);
const BEGIN: &str = "2026-11-01T00:00:00Z";

fn money(amount: &str) -> Money {
    Money::read(amount, "EUR").unwrap()
}

fn on(day: u32) -> Moment {
    BEGIN.parse::<Moment>().unwrap().plus(DAY * day)
}

/// The owner's word, by a slip that says the same.
fn told(reference: &str, stage: Stage, amount: &str, day: u32) -> (Told, Vec<u8>) {
    let slip = format!("{reference} {stage} {amount}").into_bytes();
    let evidence = Evidence { digest: Digest::of(&slip), source: Source::Owner, what: "slip.pdf".into() };
    let report = Report { as_of: on(day), stage, amount: money(amount), fee: None, arrived: None, evidence };
    let told = Told {
        platform: "demo".parse().unwrap(),
        reference: reference.into(),
        strategy: "payee".parse().unwrap(),
        opportunity: None,
        report,
    };
    (told, slip)
}

async fn record(machine: &Machine, (told, slip): (Told, Vec<u8>)) -> Result<Recorded, NotRecorded> {
    let space = Space::default_owner();
    machine.services.books.record(&space, told, slip, "operator").await.unwrap()
}

/// The books as they stand in a store, every rule of theirs checked.
pub(super) fn books(store: &Store, at: &str) -> Balances {
    let (earnings, entries) = (rows::<Earning>(store), rows::<Entry>(store));
    let mut of_each: BTreeMap<_, Vec<&Entry>> = BTreeMap::new();
    let mut all = Balances::default();
    for (id, entry) in &entries {
        assert_eq!(id, entry.id.as_str(), "{at}");
        entry.check().unwrap();
        all.add(entry).unwrap();
        assert!(store.has_answer(&entry.evidence.digest).unwrap(), "{at}: {id} rests on nothing");
        of_each.entry(entry.earning.clone()).or_default().push(entry);
    }
    assert_eq!(of_each.len(), earnings.len(), "{at}");
    for (_, earning) in &earnings {
        let own = &of_each[&earning.id];
        assert_eq!(own.len(), earning.steps.len(), "{at}: as many entries as steps");
        let (mut sum, mut standing) = (Balances::default(), Balances::default());
        own.iter().for_each(|entry| sum.add(entry).unwrap());
        standing.add(&Entry { postings: earning.standing().unwrap(), ..own[0].clone() }).unwrap();
        assert!(sum.iter().eq(standing.iter()), "{at}: {earning:?}");
    }
    let audited = audit(store).into_iter().filter(|(kind, _)| kind == "ledger.entry").count();
    assert_eq!(audited, entries.len(), "{at}: every entry is on the trail");
    all
}

fn at_bank(balances: &Balances) -> Money {
    balances.of(&Account::Bank, "EUR".parse::<Currency>().unwrap())
}

#[test]
fn what_is_told_twice_counts_once_and_outlives_a_kill() {
    let mut bench = Bench::new(1);
    bench.live(async |machine| {
        let first = record(machine, told("ref 1", Stage::Approved, "12.50", 1)).await.unwrap();
        assert_eq!(first.entry.unwrap().to, Stage::Approved);
        for _ in 0..2 {
            let again = record(machine, told("ref 1", Stage::Approved, "12.50", 1)).await.unwrap();
            assert_eq!((again.entry, again.earning.steps.len()), (None, 1));
        }
        record(machine, told("ref 1", Stage::Cleared, "12.50", 2)).await.unwrap();
        let late = record(machine, told("ref 1", Stage::Paid, "12.50", 3)).await.unwrap();
        assert_eq!((late.entry, late.earning.stage()), (None, Some(Stage::Cleared)));
        record(machine, told("ref 2", Stage::Cleared, "7.50", 2)).await.unwrap();
    });
    assert_eq!(at_bank(&books(&bench.look(), "after the kill")), money("20.00"));
    bench.live(async |machine| {
        record(machine, told("ref 1", Stage::Reversed, "12.50", 4)).await.unwrap();
        assert_eq!(at_bank(&books(&machine.store, "reversed")), money("7.50"));
        let slip = b"ref 1 reversed 12.50";
        assert_eq!(machine.store.get_answer(&Digest::of(slip), 1000).unwrap(), Some(slip.to_vec()));
        let trail = machine.audit_of("ledger.entry");
        assert!(
            trail[0]
                .contains(r#""account":"income:demo:payee","money":{"amount":"-12.50","currency":"EUR"}"#)
        );
        assert!(trail.iter().all(|entry| !entry.contains("ref 1") && !entry.contains("slip")), "{trail:?}");
    });
}

#[test]
fn what_cannot_be_in_the_books_is_refused_with_a_sentence() {
    let mut bench = Bench::new(2);
    bench.live(async |machine| {
        let refused = async |(told, slip): (Told, Vec<u8>)| {
            record(machine, (told, slip)).await.unwrap_err().to_string()
        };
        let (mut rests_on_nothing, slip) = told("ref 1", Stage::Paid, "1", 1);
        rests_on_nothing.report.evidence.digest = Digest::of(b"nobody has seen it");
        assert!(refused((rests_on_nothing, slip)).await.starts_with("there is no recorded answer "));
        let long = "x".repeat(201);
        for reference in ["", " ", "two\nlines", " blank", &long] {
            assert!(
                refused(told(reference, Stage::Paid, "1", 1)).await.starts_with("a reference is one line")
            );
        }
        // Else all that is told before that day would be older news.
        let future = refused(told("ref 1", Stage::Paid, "1", 300)).await;
        assert!(future.starts_with("a report as of 2027-08-28T00:00:00Z cannot be"), "{future}");
        assert!(refused(told("ref 1", Stage::Paid, "0", 1)).await.starts_with("an earning of 0 EUR is none"));
        record(machine, told("ref 1", Stage::Paid, "1", 1)).await.unwrap();
        let (mut others, slip) = told("ref 1", Stage::Cleared, "1", 2);
        others.strategy = "another".parse().unwrap();
        assert_eq!(
            refused((others, slip)).await,
            "`ref 1` of demo is an earning of strategy `payee` already"
        );
        record(machine, told("ref 2", Stage::Approved, "1", 20)).await.unwrap();
        let older = refused(told("ref 2", Stage::Paid, "1", 15)).await;
        assert!(older.starts_with("`ref 2` is known as approved as of 2026-11-21T00:00:00Z"), "{older}");
        // Told before, it is no mistake.
        record(machine, told("ref 2", Stage::Paid, "1", 21)).await.unwrap();
        assert_eq!(record(machine, told("ref 2", Stage::Approved, "1", 20)).await.unwrap().entry, None);
        books(&machine.store, "refused");
        assert_eq!(machine.rows::<Entry>().len(), 3);
    });
}

#[test]
fn an_earning_that_was_removed_behind_the_books_back_is_not_made_again() {
    let mut bench = Bench::new(3);
    let id = Earning::id_of(&"demo".parse().unwrap(), "ref 1");
    bench.live(async |machine| record(machine, told("ref 1", Stage::Paid, "1", 1)).await.unwrap());
    bench.meddle(|store| {
        let key = Key::of::<Earning>(&Space::default_owner(), id.as_str()).unwrap();
        store.commit_blocking(Change::new().delete(key)).unwrap();
    });
    bench.live(async |machine| {
        let refused = record(machine, told("ref 1", Stage::Paid, "1", 1)).await.unwrap_err();
        assert!(matches!(refused, NotRecorded::Torn(_)), "{refused}");
        assert_eq!(machine.rows::<Entry>().len(), 1);
    });
}

/// What a run of the strategy `payee` reports: a payment that each run sees further on, one of its own, and one
/// that rests on nothing.
fn payee() -> Script {
    Script::new("payee", |cx| {
        Box::pin(async move {
            let nth = cx.snapshot().map_or(0, <[u8]>::len);
            let answer = read(cx, "s1", "/payments").await?;
            let earned = |reference: &str, stage| Earned {
                platform: "demo".parse().unwrap(),
                reference: reference.into(),
                opportunity: None,
                as_of: on(u32::try_from(nth).unwrap()),
                stage,
                amount: money("10.00"),
                fee: None,
                evidence: answer.body_id(),
                what: "the list of payments".into(),
            };
            let stage = Stage::ALL[nth.min(4)];
            cx.found(draft(&format!("run {nth}")));
            cx.earned(earned("always", stage));
            cx.earned(earned("always", stage));
            cx.earned(earned(&format!("run {nth}"), Stage::Approved));
            cx.earned(Earned { evidence: Digest::of(b"unseen"), ..earned("unseen", Stage::Paid) });
            cx.keep(1, vec![0; nth + 1]);
            Ok(mm_sdk::Report::default())
        })
    })
}

#[test]
fn a_run_puts_what_it_reports_into_the_books_in_its_own_commit() {
    let mut bench = Bench::new(4);
    bench.install(payee());
    bench.live(async |machine| {
        let run = machine.run("payee").await;
        assert_eq!(run.outcome, Some(Outcome::Succeeded));
        let left_out = "earning `unseen` of demo is left out: there is no recorded answer";
        assert!(run.errors.len() == 1 && run.errors[0].starts_with(left_out), "{:?}", run.errors);
        assert_eq!(machine.strategy("payee").errors, run.errors);
        assert_eq!(machine.rows::<Entry>().len(), 2, "told twice in one run is told once");
        for _ in 0..5 {
            machine.run("payee").await;
        }
        let balances = books(&machine.store, "six runs");
        assert_eq!(at_bank(&balances), money("10.00"), "the sixth says nothing new");
        assert_eq!((machine.rows::<Earning>().len(), machine.rows::<Entry>().len()), (7, 11));
        assert!(machine.audit_of("ledger.entry")[0].contains(r#""by":"run "#));
    });
}

/// Says `approved` of one payment in each run: of 100 in the first, of 60 in those after it.
fn corrected() -> Script {
    Script::new("payee", |cx| {
        Box::pin(async move {
            let nth = cx.snapshot().map_or(0, <[u8]>::len);
            let answer = read(cx, "s1", "/payments").await?;
            cx.earned(Earned {
                platform: "demo".parse().unwrap(),
                reference: "one".into(),
                opportunity: None,
                as_of: on(u32::try_from(nth).unwrap()),
                stage: Stage::Approved,
                amount: money(if nth == 0 { "100.00" } else { "60.00" }),
                fee: None,
                evidence: answer.body_id(),
                what: "the list of payments".into(),
            });
            cx.keep(1, vec![0; nth + 1]);
            Ok(mm_sdk::Report::default())
        })
    })
}

#[test]
fn a_correction_of_what_has_arrived_is_told_once_until_it_is_in_the_books() {
    const ABOUT: &str = "earning/payee/demo/one";
    let mut bench = Bench::new(9);
    bench.install(corrected());
    bench.live(async |machine| {
        let open = || machine.alerts().into_iter().filter(|(about, _)| about == ABOUT).collect::<Vec<_>>();
        machine.run("payee").await;
        record(machine, told("one", Stage::Cleared, "100.00", 0)).await.unwrap();
        for _ in 0..3 {
            let run = machine.run("payee").await;
            assert!(run.errors.is_empty(), "{:?}", run.errors);
        }
        machine.until("it is told", || !open().is_empty()).await;
        let said = open().remove(0).1;
        assert!(said.contains("cleared with 100.00 EUR, and the platform now says 60.00 EUR"), "{said}");
        let told_of = |kind: &str| machine.audit_of(kind).iter().filter(|one| one.contains(ABOUT)).count();
        assert_eq!(told_of("alert.raised"), 1, "once in three runs");
        record(machine, told("one", Stage::Cleared, "60.00", 3)).await.unwrap();
        machine.run("payee").await;
        machine.until("it is over", || told_of("alert.cleared") == 1).await;
        assert_eq!(at_bank(&books(&machine.store, "corrected")), money("60.00"));
    });
}

#[test]
fn wherever_the_disk_dies_a_run_and_its_entries_are_there_together_or_not_at_all() {
    let mut prepared = Bench::new(5);
    prepared.install(payee());
    prepared.live(async |machine| machine.run("payee").await);
    let mut deaths = 0;
    for at in 1.. {
        let mut bench = prepared.fork();
        let memory = bench.memory.clone();
        let died = bench.live(async |machine| {
            memory.inject(Fault::DeadAt(at));
            let trigger = mm_core::run::Trigger::Operator;
            if matches!(machine.services.strategies.start("payee", trigger).await, Ok(Ok(_))) {
                let over = || !machine.store.is_running() || machine.strategy("payee").last_outcome.is_some();
                machine.until("the run or the disk is over", over).await;
            }
            !machine.store.is_running()
        });
        let (name, store) = (format!("dead at operation {at}"), bench.look());
        books(&store, &name);
        let ended = rows::<RunRecord>(&store).iter().filter(|(_, run)| run.outcome.is_some()).count();
        assert_eq!(rows::<Entry>(&store).len(), 2 * ended, "{name}");
        drop(store);
        bench.live(async |machine| {
            machine.idle("payee").await;
            if machine.strategy("payee").runs < 2 {
                machine.run("payee").await;
            }
            books(&machine.store, &name);
            assert_eq!(machine.rows::<Entry>().len(), 4, "{name}");
        });
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 10, "only {deaths} operations were tried");
}

#[test]
fn the_owners_word_and_a_runs_commit_at_once_lose_neither() {
    let mut bench = Bench::new(6);
    bench.install(payee());
    bench.live(async |machine| {
        for round in 0..10 {
            // Of the very same earning, so that each finds the other's row.
            let word = record(machine, told("always", Stage::Cleared, "10.00", round));
            let (run, word) = tokio::join!(machine.run("payee"), word);
            assert_eq!(run.outcome, Some(Outcome::Succeeded));
            assert!(word.is_ok());
            books(&machine.store, &format!("round {round}"));
        }
        let always = Earning::id_of(&"demo".parse().unwrap(), "always");
        let kept = machine.rows::<Earning>().into_iter().find(|(id, _)| id == always.as_str()).unwrap().1;
        assert_eq!(kept.stage(), Some(Stage::Cleared));
    });
}

#[test]
fn evidence_is_kept_for_ever_and_no_erasure_takes_it() {
    let mut bench = Bench::new(7);
    bench.live(async |machine| {
        record(machine, told("ada-lovelace", Stage::Paid, "1", 1)).await.unwrap();
        machine.store.put_answer(b"nobody wants it", machine.now()).await.unwrap();
    });
    bench.now = bench.now.plus(DAY * 400);
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(700)).await;
        assert!(!machine.store.has_answer(&Digest::of(b"nobody wants it")).unwrap(), "tidied");
        books(&machine.store, "after a year");
        let subject = Subject::parse("ada-lovelace").unwrap();
        let found = find(&machine.store, &subject).unwrap();
        assert_eq!(found.iter().filter(|found| found.stays.is_some()).count(), 3, "{found:?}");
        let erased = erase(&machine.services.shared, &subject, "operator").unwrap();
        let kept = erased.kept.join("; ");
        for why in ["in your books, which are kept as they are", "the evidence of an entry in your books"] {
            assert!(kept.contains(why), "{kept}");
        }
        books(&machine.store, "after the erasure");
    });
}

/// One thing told, and whether the disk dies meanwhile.
#[derive(Debug, Clone)]
struct Word {
    reference: usize,
    stage: Stage,
    cents: i64,
    dollars: bool,
    fee: bool,
    day: u32,
    dies: Option<u64>,
}

fn word() -> impl Strategy<Value = Word> {
    let stage = prop::sample::select(Stage::ALL.to_vec());
    let dies = prop::option::weighted(0.3, 1..12u64);
    (0..3usize, stage, 1..100_000i64, any::<bool>(), any::<bool>(), 0..20u32, dies).prop_map(
        |(reference, stage, cents, dollars, fee, day, dies)| Word {
            reference,
            stage,
            cents,
            dollars,
            fee,
            day,
            dies,
        },
    )
}

impl Word {
    fn told(&self) -> (Told, Vec<u8>) {
        let (mut told, slip) = told(["a", "b", "c"][self.reference], self.stage, "1", self.day);
        let currency = if self.dollars { "USD" } else { "EUR" };
        let of = |cents| Money::new(mm_core::Decimal::new(cents, 2), currency.parse().unwrap()).unwrap();
        told.report.amount = of(self.cents);
        let late = matches!(self.stage, Stage::Paid | Stage::Cleared);
        told.report.fee = (self.fee && late).then(|| of(self.cents / 5));
        (told, slip)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The disk dies at any write; what was cut off is told again in the next life, and so is what was not.
    #[test]
    fn whatever_is_told_over_kills_the_books_balance_and_nothing_counts_twice(
        words in prop::collection::vec(word(), 1..14),
    ) {
        let mut bench = Bench::new(8);
        let strategy: StrategyId = "payee".parse().unwrap();
        // The same words in an undisturbed world.
        let mut undisturbed: BTreeMap<usize, Earning> = BTreeMap::new();
        for word in &words {
            let earning = undisturbed.entry(word.reference).or_insert_with(|| {
                let (told, _) = word.told();
                Earning::new(told.platform, &told.reference, strategy.clone(), None)
            });
            if let Some((after, _)) = earning.take(word.told().0.report, on(0)).unwrap() {
                *earning = after;
            }
            let memory = bench.memory.clone();
            let acknowledged = bench.live(async |machine| {
                if let Some(at) = word.dies {
                    memory.inject(Fault::DeadAt(at));
                }
                let (told, slip) = word.told();
                let space = Space::default_owner();
                machine.services.books.record(&space, told, slip, "operator").await.ok()
            });
            let store = bench.look();
            books(&store, "after the kill");
            if let Some(Ok(Recorded { entry: Some(entry), .. })) = acknowledged {
                let kept = rows::<Entry>(&store).into_iter().find(|(id, _)| id == entry.id.as_str());
                prop_assert_eq!(kept.map(|(_, kept)| kept), Some(entry), "acknowledged, so it is there");
            }
            drop(store);
            let again = bench.live(async |machine| record(machine, word.told()).await);
            let is_older = matches!(again, Err(NotRecorded::Older { .. }));
            prop_assert!(again.is_ok() || is_older, "{again:?}");
        }
        let store = bench.look();
        books(&store, "at the end");
        for (_, kept) in rows::<Earning>(&store) {
            let same = undisturbed.values().find(|earning| earning.id == kept.id).unwrap();
            prop_assert_eq!((&kept.last, kept.steps.len()), (&same.last, same.steps.len()));
        }
    }
}
