//! How many rows of a platform's report a second get into the books: told for the first time, told again,
//! and moved on a stage; next to a store that puts the same rows without any books. Then how long the sum
//! over all of them takes.
//!
//! Rows come as a strategy reports them: a page of the report a run, one change a run, on a real disk.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench measures real time and may stop"
)]

#[path = "support/figures.rs"]
mod figures;
#[path = "road/setup.rs"]
#[expect(dead_code, reason = "the road's bench makes proposals, this one none")]
mod setup;
#[path = "support/strategy.rs"]
mod strategy;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use figures::{heading, line, median};
use mm_core::id::{Space, StrategyId};
use mm_core::ledger::{Balances, Earning, Entry, Money, Stage};
use mm_core::moment::Moment;
use mm_core::run::{Outcome, Trigger};
use mm_sdk::{Act, Action, Context, Earned, Fault, LogicalUrl, Report, Request};
use mm_store::{Change, Key, NewEntry, Span, Store};
use money_machine::sandbox::practice::PRACTICE_URL;
use setup::{Bench, Disk};

/// Rows on a page, and pages.
const PAGE: u32 = 500;
const PAGES: u32 = 20;
const NAME: &str = "payee";
const AS_OF: &str = "2026-11-01T00:00:00Z";

/// What the next run reports.
#[derive(Default)]
struct Next {
    page: AtomicU32,
    stage: Mutex<Option<Stage>>,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let next = Arc::new(Next::default());
        let told = next.clone();
        let work: strategy::Work = Arc::new(move |cx| Box::pin(report(cx, told.clone())));
        let mut settings = setup::settings();
        let id: StrategyId = NAME.parse().unwrap();
        settings.strategies.insert(id.clone(), strategy::installed(NAME, "@daily", work));
        let bench = Bench::of(false, settings).await;
        heading(&format!("rows a second into the books, {PAGE} a page, {} in all", PAGE * PAGES));
        let mut rates = Vec::new();
        for (what, stage, grows) in [
            ("told for the first time", Stage::Approved, true),
            ("told again", Stage::Approved, false),
            ("moved on a stage", Stage::Paid, true),
        ] {
            *next.stage.lock().unwrap() = Some(stage);
            let before = entries(&bench.disk.store);
            let rate = sync(&bench, &id, &next).await;
            let grown = entries(&bench.disk.store) - before;
            assert_eq!(grown, if grows { (PAGE * PAGES) as usize } else { 0 }, "{what}");
            line(what, rate, "rows/s");
            rates.push(rate);
        }
        let alone = alone(&bench.disk.store).await;
        line("the same rows into a store alone", alone, "rows/s");
        line("told for the first time, ratio to the store alone", rates[0] / alone, "x");
        line("moved on a stage, ratio to the store alone", rates[2] / alone, "x");
        heading("the sum of the books");
        line("entries", entries(&bench.disk.store) as f64, "entries");
        let took_ms: Vec<f64> = (0..9).map(|_| sum_ms(&bench.disk.store)).collect();
        line("all of them read, checked and added up", median(&took_ms), "ms");
        bench.running.stop(Duration::from_secs(20)).await;
    });
}

/// One run's work: reads an answer and reports a page that rests on it.
async fn report(cx: &mut Context<'_>, next: Arc<Next>) -> Result<Report, Fault> {
    let request = Request::get(LogicalUrl::parse(PRACTICE_URL).unwrap());
    let read = Action::read("practice".parse().unwrap(), request, "read the report");
    let Act::Done(answer) = cx.act("report", read).await? else {
        return Err(Fault::transient("the sandbox did not answer"));
    };
    let stage = next.stage.lock().unwrap().unwrap();
    let page = next.page.load(Ordering::Relaxed);
    for row in page * PAGE..(page + 1) * PAGE {
        let day: Moment = AS_OF.parse().unwrap();
        cx.earned(Earned {
            platform: "practice".parse().unwrap(),
            reference: format!("commission {row:06}"),
            opportunity: None,
            as_of: if stage == Stage::Paid { day.plus(Duration::from_secs(86_400)) } else { day },
            stage,
            amount: Money::read(&format!("{}.{:02}", 1 + row % 90, row % 100), "EUR").unwrap(),
            fee: None,
            evidence: answer.body_id(),
            what: "the sandbox's list".to_owned(),
        });
    }
    Ok(Report::default())
}

/// Rows a second, over all pages.
async fn sync(bench: &Bench, id: &StrategyId, next: &Next) -> f64 {
    let strategies = &bench.running.services.strategies;
    let began = Instant::now();
    for page in 0..PAGES {
        next.page.store(page, Ordering::Relaxed);
        strategies.start(NAME, Trigger::Operator).await.unwrap().unwrap();
        let run = strategies.idle(id.as_str(), Duration::from_secs(60)).await.unwrap().unwrap();
        assert_eq!((run.outcome, &run.errors), (Some(Outcome::Succeeded), &Vec::new()));
    }
    f64::from(PAGE * PAGES) / began.elapsed().as_secs_f64()
}

fn entries(store: &Store) -> usize {
    store.scan::<Entry>(&Space::default_owner(), Span::all(), usize::MAX).unwrap().rows.len()
}

/// Rows a second of a store that is given the same earnings, entries and audit entries, as many a change.
async fn alone(of: &Store) -> f64 {
    let space = Space::default_owner();
    let earnings = of.scan::<Earning>(&space, Span::all(), usize::MAX).unwrap().into_values();
    let entries = of.scan::<Entry>(&space, Span::all(), usize::MAX).unwrap().into_values();
    let rows: Vec<(Earning, Entry)> = earnings.into_iter().zip(entries).collect();
    let disk = Disk::new();
    let began = Instant::now();
    for page in rows.chunks(PAGE as usize) {
        let mut change = Change::new();
        for (earning, entry) in page {
            let payload = serde_json::json!({ "entry": entry.id, "postings": entry.postings, "platform": entry.platform });
            let audit = NewEntry::new(entry.as_of, &space, "ledger.entry", &payload).unwrap();
            let key = Key::of::<Entry>(&space, entry.id.as_str()).unwrap();
            change = change.expect_absent(key).put(&space, earning.id.as_str(), earning).unwrap();
            change = change.put(&space, entry.id.as_str(), entry).unwrap().audit(audit);
        }
        disk.store.commit(change).await.unwrap();
    }
    rows.len() as f64 / began.elapsed().as_secs_f64()
}

/// Milliseconds that the sum takes.
fn sum_ms(store: &Store) -> f64 {
    let began = Instant::now();
    let entries = store.scan::<Entry>(&Space::default_owner(), Span::all(), usize::MAX).unwrap();
    let mut sum = Balances::default();
    for entry in entries.into_values() {
        entry.check().unwrap();
        sum.add(&entry).unwrap();
    }
    std::hint::black_box(sum);
    began.elapsed().as_secs_f64() * 1e3
}
