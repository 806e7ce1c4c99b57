//! What is stored about somebody: found wherever it stands, erased so that the chain verifies and nothing is
//! found any more, also when the process is cut off in the middle.

use mm_core::action::{Method, Request};
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_sdk::Report;
use mm_services::approvals::Word;
use mm_services::privacy::{Subject, erase, find, resume};
use mm_services::records::{AlertRow, ApprovalRow, ErasureRow, SilenceRow};
use mm_services::testing::{Bench, Machine, Script, action, url};
use mm_store::{Change, Fault, NewEntry, Span, Store};

const ADA: &str = "Ada.Ünal@example.org";

fn subject() -> Subject {
    Subject::parse(ADA).unwrap()
}

/// Texts of hers in rows, in names of rows, in a snapshot, in payloads, and in an answer.
fn seed(store: &Store) {
    let (space, at) = (Space::default_owner(), Moment::from_unix_ms(1));
    let silence =
        SilenceRow { reason: format!("asked by {ADA}."), by: "operator".into(), since: at, until: None };
    let alert = AlertRow::news("broken", at, 0);
    let payload = serde_json::json!({ "from": ADA.to_lowercase(), "text": "hello \"you\"" });
    let body = format!("<p>{}</p>", ADA.to_uppercase());
    store.put_answer_blocking(body.as_bytes(), at).unwrap();
    store.put_answer_blocking(b"somebody else", at).unwrap();
    let change = Change::new()
        .put(&space, "quiet/*", &silence)
        .unwrap()
        .put(&space, &format!("strategy/x/{ADA}"), &alert)
        .unwrap()
        .put(&space, "strategy/x/other", &alert)
        .unwrap()
        .put_snapshot(&space, "watcher", 1, 1, format!("seen {ADA} twice").as_bytes())
        .unwrap()
        .audit(NewEntry::new(at, &space, "test.happened", &payload).unwrap())
        .audit(NewEntry::new(at, &space, "test.happened", &"nobody").unwrap());
    store.commit_blocking(change).unwrap();
}

fn gone(store: &Store) {
    assert_eq!(find(store, &subject()).unwrap(), []);
    assert!(store.audit_verify(1).unwrap().is_whole());
    let space = Space::default_owner();
    let silence = store.get::<SilenceRow>(&space, "quiet/*").unwrap().expect("the row opens").value;
    assert_eq!(silence.reason, format!("asked by {}.", "x".repeat(ADA.len())));
    let alerts = store.scan::<AlertRow>(&space, Span::all(), usize::MAX).unwrap();
    assert_eq!((alerts.rows.len(), alerts.damaged.len()), (1, 0));
    let snapshot = store.load_snapshot(&space, "watcher").unwrap();
    assert!(snapshot.lost.is_empty() && snapshot.snapshot.is_some());
}

#[test]
fn what_is_stored_about_somebody_is_found_erased_and_not_found_again() {
    let mut bench = Bench::new(1);
    bench.live(async |machine: &Machine| {
        seed(&machine.store);
        let found = find(&machine.store, &subject()).unwrap();
        let places: Vec<_> = found.iter().map(|found| found.place).collect();
        assert_eq!(places, ["row", "row", "row", "audit", "answer"], "{found:?}");
        assert!(found.iter().all(|found| found.stays.is_none()));
        let erased = erase(&machine.services.shared, &subject(), "operator").unwrap();
        assert_eq!((erased.rows, erased.payloads, erased.answers), (3, 1, 1), "{erased:?}");
        assert!(erased.chain_whole && erased.kept.is_empty());
        gone(&machine.store);
        let again = erase(&machine.services.shared, &subject(), "operator").unwrap();
        assert_eq!((again.rows, again.payloads, again.answers), (0, 0, 0));
        let rows = machine.store.scan::<ErasureRow>(&Space::machine(), Span::all(), usize::MAX).unwrap();
        for row in rows.into_values() {
            assert_eq!((row.pending, row.subject), (None, subject().hash(&row.salt)));
        }
    });
}

#[test]
fn an_erasure_that_is_cut_off_anywhere_goes_on_at_the_next_start() {
    let mut cut_off = 0;
    for ops in (1..400).step_by(3) {
        let mut bench = Bench::new(2);
        bench.meddle(seed);
        let memory = bench.memory.clone();
        let ended = bench.live(async |machine: &Machine| {
            memory.inject(Fault::DeadAt(ops));
            erase(&machine.services.shared, &subject(), "operator").is_ok()
        });
        let begun = {
            let store = bench.look();
            !store.scan::<ErasureRow>(&Space::machine(), Span::all(), 1).unwrap().rows.is_empty()
        };
        cut_off += u32::from(!ended && begun);
        bench.live(async |machine: &Machine| {
            resume(&machine.services.shared).unwrap();
            if begun {
                gone(&machine.store);
            }
        });
        if ended {
            break;
        }
    }
    assert!(cut_off > 3, "{cut_off}");
}

/// Asks for one post that names her.
fn asker() -> Script {
    Script::new("asker", |cx| {
        Box::pin(async move {
            let request =
                Request::new(Method::Post, url("/ask"), format!("dear {ADA}").into_bytes()).unwrap();
            let request = request.header("content-type", "text/plain").unwrap();
            cx.act("ask", action("ask", request)).await?;
            Ok(Report::default())
        })
    })
}

#[test]
fn a_question_stays_as_it_was_asked_while_a_yes_would_still_send_it() {
    let mut bench = Bench::new(3);
    bench.install(asker());
    bench.live(async |machine: &Machine| {
        machine.run("asker").await;
        let asked = machine.rows::<ApprovalRow>();
        assert_eq!(asked.len(), 1);
        let shared = &machine.services.shared;
        let erased = erase(shared, &subject(), "operator").unwrap();
        assert!(erased.kept.iter().any(|kept| kept.starts_with("approval ")), "{erased:?}");
        assert_eq!(machine.rows::<ApprovalRow>(), asked);
        let (id, shown) = &asked[0];
        let space = Space::default_owner();
        machine.services.approvals.say(&space, id, Word::Approve, "operator", None).await.unwrap().unwrap();
        machine.until("it is sent", || machine.world.count() == 1).await;
        assert_eq!(machine.world.log()[0].body, shown.request.body(), "what was shown is what is sent");
        machine.idle("asker").await;
        let over = || find(&machine.store, &subject()).unwrap().iter().all(|found| found.stays.is_none());
        machine.until("it is over", over).await;
        erase(shared, &subject(), "operator").unwrap();
        assert_eq!(find(&machine.store, &subject()).unwrap(), []);
        assert_ne!(machine.rows::<ApprovalRow>(), asked);
    });
}
