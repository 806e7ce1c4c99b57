//! How a change ends on record: whatever does not prove that it did not happen leaves it ambiguous.

use mm_core::activity::{ActionRecord, Stage};
use mm_core::error::TransportFault;
use mm_core::id::Space;
use mm_core::mark::{Mark, Marked};
use mm_sdk::{Act, Report};
use mm_services::gateway::SystemAction;
use mm_services::records::{LookUpRow, OpenRow};
use mm_services::testing::{Bench, Machine, Said, Script, post};
use std::time::Duration;

/// Proposes the very same post in every run.
fn poster() -> Script {
    Script::new("poster", |cx| {
        Box::pin(async move {
            let said = match cx.act("p", post("/post", "the same")).await? {
                Act::Done(answer) => format!("done {}", answer.status),
                Act::Refused(refusal) => refusal.why,
                Act::Pending(id) => format!("pending {id}"),
            };
            Ok(Report { errors: vec![said], ..Report::default() })
        })
    })
}

fn bench(seed: u64, said: impl Fn() -> Said + Send + Sync + 'static) -> Bench {
    let mut bench = Bench::new(seed);
    bench.install(poster());
    bench.world.answer(move |_| said());
    bench
}

fn stage(machine: &Machine) -> Stage {
    machine.rows::<ActionRecord>().remove(0).1.stage
}

fn mark(machine: &Machine) -> Marked {
    machine.rows::<Mark>().remove(0).1.state
}

/// The answer is in hand and cannot be written: that is not to say that the change was not made.
#[test]
fn a_change_whose_answer_cannot_be_put_on_record_may_have_happened() {
    let huge = || Said::status(201, "made").header("x-long", &"x".repeat(6 << 20));
    bench(1, huge).live(async |machine| {
        machine.run("poster").await;
        assert_eq!((stage(machine), mark(machine)), (Stage::Ambiguous, Marked::Ambiguous));
        assert_eq!((machine.rows::<OpenRow>().len(), machine.rows::<LookUpRow>().len()), (0, 1));
        let again = machine.run("poster").await.errors.remove(0);
        assert!(again.contains("may have happened"), "{again}");
        assert_eq!(machine.world.count(), 1);
    });
}

/// Exhaustive over what was measured: which answers prove that a change was not made.
#[test]
fn trouble_that_is_told_with_a_2xx_does_not_prove_that_nothing_was_made() {
    let (went_wrong, error) =
        (r#"{"data":null,"errors":[{"message":"Something went wrong"}]}"#, r#"{"error":"server_error"}"#);
    for (status, body, wanted) in [
        (200, went_wrong, Stage::Ambiguous),
        (200, error, Stage::Ambiguous),
        (400, error, Stage::Ambiguous),
        (408, "", Stage::Ambiguous),
        (503, "", Stage::Ambiguous),
        (400, "", Stage::Failed),
        (421, "", Stage::Failed),
        (422, "", Stage::Failed),
        (423, "", Stage::Failed),
        (425, "", Stage::Failed),
        (429, "", Stage::Failed),
        (201, "made", Stage::Confirmed),
    ] {
        let said = move || Said::status(status, body).header("content-type", "application/json");
        bench(2, said).live(async |machine| {
            machine.run("poster").await;
            assert_eq!(stage(machine), wanted, "{status} {body}");
            let state = match wanted {
                Stage::Ambiguous => Marked::Ambiguous,
                Stage::Confirmed => Marked::Done,
                _ => Marked::NotDone,
            };
            assert_eq!(mark(machine), state, "{status} {body}");
        });
    }
}

/// What the machine does for itself is repeated by the service that does it: its owner is not asked to
/// look up each try, not even after a kill.
#[test]
fn an_act_of_the_machines_own_that_may_have_happened_is_no_question_to_the_owner() {
    let system = || SystemAction {
        space: Space::default_owner(),
        service: "anchor",
        step: "tell".to_owned(),
        action: post("/post", "same"),
        within: Duration::from_secs(60),
    };
    let unasked = |machine: &Machine| {
        assert_eq!(machine.rows::<LookUpRow>().len(), 0);
        assert_eq!(machine.rows::<OpenRow>().len(), 0);
        let asks = |about: &str| about.starts_with("ambiguous/") || about.starts_with("look-up/");
        assert!(!machine.alerts().iter().any(|(about, _)| asks(about)), "{:?}", machine.alerts());
    };
    let mut bench = Bench::new(3);
    bench.live(async |machine| {
        for said in [Said::status(503, ""), Said::fault(TransportFault::Timeout)] {
            machine.world.answer(move |_| said.clone());
            machine.services.gateway.system(system()).await.unwrap().unwrap();
            unasked(machine);
        }
        assert!(machine.rows::<ActionRecord>().iter().all(|(_, row)| row.stage == Stage::Ambiguous));
        // And one that the end of the process cuts off.
        machine.world.answer(|_| Said::status(200, "").after(Duration::from_secs(30)));
        let gateway = machine.services.gateway.clone();
        tokio::spawn(async move { drop(gateway.system(system()).await) });
        machine.until("it is on its way", || machine.world.count() == 3).await;
    });
    bench.live(async |machine| {
        assert_eq!(machine.rows::<ActionRecord>().len(), 3);
        assert!(machine.rows::<ActionRecord>().iter().all(|(_, row)| row.stage == Stage::Ambiguous));
        unasked(machine);
    });
}

/// Panics at the `nth` answer that is about to be put on record.
struct PanicAt {
    left: std::sync::atomic::AtomicI32,
}

struct IsRecord(bool);

impl tracing::field::Visit for IsRecord {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0 |= field.name() == "point" && format!("{value:?}").contains("gateway.record");
    }
}

impl tracing::Subscriber for PanicAt {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut seen = IsRecord(false);
        event.record(&mut seen);
        let last = std::sync::atomic::Ordering::SeqCst;
        assert!(!(seen.0 && self.left.fetch_sub(1, last) == 1), "as told");
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// Whichever hop the road panics at, that hop is settled, and at once.
#[test]
fn a_panic_at_any_hop_settles_the_hop_that_it_met() {
    for nth in [1, 2] {
        let mut bench = bench(4, || Said::status(201, "made"));
        bench.world.answer(|request| match request.path() {
            "/post" => Said::redirect(307, "/post2"),
            path => Said::status(201, path),
        });
        let subscriber = PanicAt { left: nth.into() };
        // With one subscriber alone, an event that another test's thread meets first is off for this one too.
        let _second = tracing::Dispatch::new(PanicAt { left: 0.into() });
        let _guard = tracing::subscriber::set_default(subscriber);
        bench.live(async |machine| {
            machine.run("poster").await;
            assert_eq!(machine.rows::<OpenRow>().len(), 0, "at hop {nth}");
            let records = machine.rows::<ActionRecord>();
            assert_eq!(records.len() as i32, nth);
            assert_eq!(records.last().unwrap().1.stage, Stage::Ambiguous, "at hop {nth}");
            assert_eq!(machine.rows::<LookUpRow>().len(), 1, "at hop {nth}");
        });
    }
}
