//! The inbox: what a person says yes to is what is sent, once; his strategy hears of it, once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::action::{Action, Method, Request};
use mm_core::activity::{ActionRecord, Stage};
use mm_core::approval::State as At;
use mm_core::error::TransportFault;
use mm_core::id::{ActionId, Space};
use mm_core::limit::QuotaState;
use mm_core::mark::{Mark, Marked};
use mm_core::run::{RunRecord, Trigger};
use mm_sdk::{Act, Report};
use mm_services::approvals::{Undecided, Word};
use mm_services::records::{ApprovalRow, ChangeRow};
use mm_services::testing::{Bench, Machine, Said, Script, action, pack, url};
use mm_store::{Change, Fault, Key, Record, Span};

const BY: &str = "operator (uid 1000)";

fn asked_post(body: &str) -> Action {
    let request = Request::new(Method::Post, url("/ask"), body.as_bytes().to_vec()).unwrap();
    action("ask", request.header("content-type", "text/plain").unwrap())
}

type Notes = Arc<Mutex<Vec<String>>>;

fn said(act: Option<Act>) -> String {
    match act {
        Some(Act::Done(answer)) => format!("done {}", answer.status),
        Some(Act::Refused(refusal)) => format!("refused: {}", refusal.why),
        Some(Act::Pending(id)) => format!("pending {id}"),
        None => "nothing".to_owned(),
    }
}

/// Asks for one post when a person starts it, and notes what it hears of it later.
fn asker(notes: &Notes, body: &'static str) -> Script {
    let notes = notes.clone();
    Script::new("asker", move |cx| {
        let notes = notes.clone();
        Box::pin(async move {
            let line = match cx.trigger().clone() {
                Trigger::Settled(id) => format!("settled {}", said(cx.outcome(&id).await?)),
                _ => said(Some(cx.act("ask", asked_post(body)).await?)),
            };
            notes.lock().unwrap().push(line.clone());
            Ok(Report { errors: vec![line], ..Report::default() })
        })
    })
}

fn take(notes: &Notes) -> Vec<String> {
    std::mem::take(&mut *notes.lock().unwrap())
}

/// A bench whose strategy has asked.
fn asking(seed: u64) -> (Bench, Notes) {
    let (mut bench, notes) = (Bench::new(seed), Notes::default());
    bench.install(asker(&notes, "hello"));
    bench.world.answer(|request| Said::status(201, request.path()));
    bench.live(async |machine| machine.run("asker").await);
    assert!(take(&notes)[0].starts_with("pending "));
    assert_eq!(bench.world.count(), 0);
    (bench, notes)
}

fn inbox(machine: &Machine) -> Vec<(String, ApprovalRow)> {
    machine.rows::<ApprovalRow>()
}

fn waiting(machine: &Machine) -> (String, ApprovalRow) {
    let mut open = inbox(machine);
    open.retain(|(_, row)| row.item.state == At::Waiting);
    assert_eq!(open.len(), 1, "{open:?}");
    open.remove(0)
}

async fn say(machine: &Machine, id: &str, word: Word) -> Result<ApprovalRow, Undecided> {
    let space = Space::default_owner();
    machine.services.approvals.say(&space, id, word, BY, Some("because")).await.unwrap()
}

async fn heard(machine: &Machine, notes: &Notes, n: usize) -> Vec<String> {
    machine.until("the strategy has heard", || notes.lock().unwrap().len() >= n).await;
    machine.idle("asker").await;
    take(notes)
}

fn settled_runs(machine: &Machine) -> usize {
    let runs = machine.rows::<RunRecord>();
    runs.iter().filter(|(_, run)| matches!(run.trigger, Trigger::Settled(_))).count()
}

#[test]
fn what_is_sent_is_what_was_approved_byte_for_byte_and_its_strategy_hears_of_it_once() {
    let (mut bench, notes) = asking(1);
    bench.live(async |machine| {
        let (id, row) = waiting(machine);
        assert_eq!((row.rules[0].id.as_str(), row.rules[0].clause.as_str()), ("sim/ask-post", "you may"));
        assert_eq!(row.request.body(), b"hello");
        assert!(machine.alerts().iter().any(|(about, _)| about == "ask/sim/ask"));
        let approved = say(machine, &id, Word::Approve).await.unwrap();
        assert_eq!(approved.item.state, At::Approved);
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
        let log = machine.world.log();
        assert_eq!(log.len(), 1);
        assert_eq!((log[0].method, log[0].url.as_str()), (row.request.method(), row.request.url().as_str()));
        assert_eq!(log[0].headers, row.request.headers());
        assert_eq!(log[0].body, row.request.body());
        let (_, record) = machine.rows::<ActionRecord>().remove(0);
        assert_eq!((record.stage, record.request_hash), (Stage::Confirmed, row.request.hash()));
        assert_eq!(inbox(machine)[0].1.item.state, At::Sent);
        assert_eq!(inbox(machine)[0].1.item.said[0].by, BY);
        let audit = machine.audit_of("approval.approved");
        assert!(audit[0].contains(BY) && audit[0].contains("because"), "{audit:?}");
        assert!(!machine.alerts().iter().any(|(about, _)| about == "ask/sim/ask"));
        // The same word once more is no second act.
        assert!(matches!(say(machine, &id, Word::Approve).await, Err(Undecided::NotTaken(..))));
    });
    bench.live(async |machine| {
        machine.pass(Duration::from_secs(600)).await;
        assert_eq!((machine.world.count(), settled_runs(machine)), (1, 1));
        assert_eq!(take(&notes), Vec::<String>::new());
    });
}

#[test]
fn what_was_edited_is_judged_again_and_sent_as_it_was_edited() {
    let (mut bench, notes) = asking(2);
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        let (id, row) = waiting(machine);
        // Forbidden as it is written now: the rules have it, nothing is approved.
        rules.put("sim.toml", &pack(1000, "1d").replace("verdict = \"ask\"", "verdict = \"forbid\""));
        let refused = say(machine, &id, Word::Edit(b"better".to_vec())).await;
        let Err(Undecided::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.rules, ["sim/ask-post"]);
        rules.put("sim.toml", &pack(1000, "1d"));
        let edited = say(machine, &id, Word::Edit(b"better".to_vec())).await.unwrap();
        assert_ne!(edited.item.request, row.item.request);
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
        let log = machine.world.log();
        assert_eq!((log.len(), log[0].body.as_slice()), (1, b"better".as_slice()));
        assert_eq!(log[0].headers, edited.request.headers());
        // What was proposed first has become that: proposed again, it is not sent.
        machine.run("asker").await;
        assert_eq!(take(&notes), ["done 201"]);
        assert_eq!(machine.world.count(), 1);
    });
}

#[test]
fn a_no_is_a_no_to_the_very_same_change_as_well() {
    let (mut bench, notes) = asking(3);
    bench.live(async |machine| {
        let (id, _) = waiting(machine);
        say(machine, &id, Word::Reject).await.unwrap();
        let heard = heard(machine, &notes, 1).await;
        assert_eq!(heard, [format!("settled refused: its owner ({BY}) said no: because")]);
        let (_, record) = machine.rows::<ActionRecord>().remove(0);
        assert_eq!(record.stage, Stage::Blocked);
        machine.run("asker").await;
        assert!(take(&notes)[0].contains("the owner said no to the very same change"));
        assert_eq!((machine.world.count(), inbox(machine).len()), (0, 1));
    });
}

#[test]
fn the_same_change_has_one_open_question() {
    let (mut bench, notes) = asking(4);
    bench.live(async |machine| {
        let (_, row) = waiting(machine);
        for _ in 0..3 {
            machine.run("asker").await;
            assert_eq!(take(&notes), [format!("pending {}", row.action)]);
        }
        assert_eq!(inbox(machine).len(), 1);
        assert_eq!(machine.audit_of("action.known").len(), 3);
    });
}

/// The rules ask for another reason than the one it was approved under: that is another question.
#[test]
fn a_yes_is_worth_nothing_when_the_rules_have_changed() {
    let (mut bench, notes) = asking(5);
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        let (first, _) = waiting(machine);
        rules.put("sim.toml", &pack(1000, "1d").replace("you may", "you may, if you are kind"));
        say(machine, &first, Word::Approve).await.unwrap();
        machine.until("it is asked anew", || inbox(machine).len() == 2).await;
        let (second, row) = waiting(machine);
        assert_eq!(row.rules[0].clause, "you may, if you are kind");
        // Said once more by the action's id, the yes would be to what nobody was shown.
        let by_action = say(machine, row.action.as_str(), Word::Approve).await;
        assert_eq!(by_action, Err(Undecided::Several(row.action.clone(), second.clone())));
        let old = inbox(machine).into_iter().find(|(id, _)| *id == first).unwrap().1;
        assert_eq!(old.item.state, At::Superseded);
        assert_eq!(machine.world.count(), 0);
        say(machine, &second, Word::Approve).await.unwrap();
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
        assert_eq!((machine.world.count(), settled_runs(machine)), (1, 1));
    });
}

#[test]
fn what_nobody_decides_on_ends_and_its_strategy_hears_of_it() {
    let (mut bench, notes) = asking(6);
    bench.live(async |machine| {
        let (id, row) = waiting(machine);
        machine.pass(row.item.expires.since(machine.now()) + Duration::from_secs(120)).await;
        let heard = heard(machine, &notes, 1).await;
        assert!(heard[0].contains("nobody decided on it in time"), "{heard:?}");
        assert_eq!(inbox(machine)[0].1.item.state, At::Expired);
        assert!(machine.alerts().iter().any(|(about, _)| about.starts_with("expired/")));
        let nothing_waits = || !machine.alerts().iter().any(|(about, _)| about == "ask/sim/ask");
        machine.until("nobody is asked any more", nothing_waits).await;
        assert!(matches!(say(machine, &id, Word::Approve).await, Err(Undecided::NotTaken(..))));
        // Nothing has happened, so it may be asked about again.
        machine.run("asker").await;
        assert!(take(&notes)[0].starts_with("pending "));
        assert_eq!((inbox(machine).len(), machine.world.count()), (2, 0));
    });
}

/// Two questions of one strategy, of two bodies for one place: neither becomes the other by an edit.
#[test]
fn an_edit_into_what_another_action_waits_with_is_refused_and_leaves_its_mark() {
    let (mut bench, notes) = (Bench::new(12), Notes::default());
    let out = notes.clone();
    bench.install(Script::new("asker", move |cx| {
        let notes = out.clone();
        Box::pin(async move {
            if let Trigger::Settled(id) = cx.trigger().clone() {
                let told = said(cx.outcome(&id).await?);
                notes.lock().unwrap().push(told);
                return Ok(Report::default());
            }
            for body in ["one", "two"] {
                cx.act(body, asked_post(body)).await?;
            }
            Ok(Report::default())
        })
    }));
    bench.world.answer(|request| Said::status(201, request.path()));
    bench.live(async |machine| {
        machine.run("asker").await;
        let open = inbox(machine);
        let of = |body: &[u8]| open.iter().find(|(_, row)| row.request.body() == body).unwrap().0.clone();
        let (one, two) = (of(b"one"), of(b"two"));
        let taken = say(machine, &two, Word::Edit(b"one".to_vec())).await;
        assert!(matches!(taken, Err(Undecided::Taken(_))), "{taken:?}");
        say(machine, &one, Word::Approve).await.unwrap();
        assert_eq!(heard(machine, &notes, 1).await, ["done 201"]);
        let taken = say(machine, &two, Word::Edit(b"one".to_vec())).await;
        assert!(matches!(taken, Err(Undecided::Taken(_))), "{taken:?}");
        say(machine, &two, Word::Edit(b"three".to_vec())).await.unwrap();
        assert_eq!(heard(machine, &notes, 1).await, ["done 201"]);
        let bodies: Vec<Vec<u8>> = machine.world.log().iter().map(|sent| sent.body.clone()).collect();
        assert_eq!(bodies, [b"one".to_vec(), b"three".to_vec()]);
    });
}

#[test]
fn nothing_expires_by_a_clock_that_a_server_is_against() {
    let (mut bench, notes) = asking(13);
    bench.live(async |machine| {
        let now = machine.now();
        let date = now.to_utc().unwrap().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        machine.services.shared.trust.heard("api.example.com", &[("date".to_owned(), date)]);
        machine.world.jump(4 * 24 * 3_600_000);
        machine.services.approvals.wake();
        machine.pass(Duration::from_secs(90)).await;
        machine.world.jump(-4 * 24 * 3_600_000);
        machine.pass(Duration::from_secs(90)).await;
        let (id, _) = waiting(machine);
        say(machine, &id, Word::Approve).await.unwrap();
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
    });
}

#[test]
fn what_a_person_must_do_himself_waits_for_his_word_and_is_never_sent() {
    let (mut bench, notes) = (Bench::new(7), Notes::default());
    let by_owner = pack(1000, "1d").replace("verdict = \"ask\"", "verdict = \"ask\"\nby = \"owner\"");
    bench.rules.put("sim.toml", &by_owner);
    bench.install(asker(&notes, "hello"));
    bench.live(async |machine| {
        machine.run("asker").await;
        take(&notes);
        let (id, row) = waiting(machine);
        assert!(row.item.by_owner);
        let handed = say(machine, &id, Word::Approve).await.unwrap();
        assert_eq!(handed.item.state, At::Handed);
        machine.pass(Duration::from_secs(3600)).await;
        assert_eq!(machine.world.count(), 0);
        say(machine, &id, Word::Done).await.unwrap();
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 0"]);
        let (_, record) = machine.rows::<ActionRecord>().remove(0);
        assert_eq!(record.stage, Stage::Confirmed);
        assert_eq!((machine.world.count(), settled_runs(machine)), (0, 1));
    });
}

/// A full limit past the run's time: the change waits for its slot, and is judged again then.
#[test]
fn what_finds_no_slot_in_its_runs_time_is_queued_and_carried_out_later() {
    let (mut bench, notes) = (Bench::new(8), Notes::default());
    bench.rules.put("sim.toml", &pack(1, "1h"));
    let out = notes.clone();
    bench.install(Script::new("asker", move |cx| {
        let notes = out.clone();
        Box::pin(async move {
            let line = match cx.trigger().clone() {
                Trigger::Settled(id) => format!("settled {}", said(cx.outcome(&id).await?)),
                _ => {
                    mm_services::testing::read(cx, "read", "/a").await?;
                    said(Some(cx.act("post", mm_services::testing::post("/post", "x")).await?))
                }
            };
            notes.lock().unwrap().push(line);
            Ok(Report::default())
        })
    }));
    bench.live(async |machine| {
        machine.run("asker").await;
        assert!(take(&notes)[0].starts_with("pending "));
        assert_eq!(machine.world.paths(), ["GET /a"]);
        let (_, record) = machine.rows::<ActionRecord>().remove(0);
        assert_eq!((record.step.as_str(), record.stage), ("post", Stage::Pending));
        assert!(record.error.unwrap().contains("waits until"));
    });
    // Over a kill, too.
    bench.live(async |machine| {
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 200"]);
        assert_eq!(machine.world.paths(), ["GET /a", "POST /post"]);
        assert!(inbox(machine).is_empty());
    });
}

/// An earlier version of the program put changes on record without a flag that they are open.
#[test]
fn what_an_earlier_version_left_open_is_found_at_the_start() {
    let (mut bench, notes) = asking(14);
    bench.live(async |machine| {
        let flags = ChangeRow::UNFINISHED.unwrap();
        let (id, _) = machine.rows::<ChangeRow>().remove(0);
        let key = Key::new(&Space::default_owner(), flags, &id).unwrap();
        machine.store.commit(Change::new().delete(key)).await.unwrap();
    });
    bench.live(async |machine| {
        let (_, row) = waiting(machine);
        machine.pass(row.item.expires.since(machine.now()) + Duration::from_secs(120)).await;
        assert_eq!(heard(machine, &notes, 1).await.len(), 1);
        assert_eq!(inbox(machine)[0].1.item.state, At::Expired);
    });
}

/// What was looked at once is not looked at at each wake; its end comes in time all the same.
#[test]
fn what_was_looked_at_while_the_clock_was_ahead_ends_by_the_right_clock() {
    let (mut bench, notes) = asking(15);
    bench.live(async |machine| {
        let day = 24 * 3_600_000;
        machine.world.jump(day);
        machine.services.approvals.wake();
        machine.pass(Duration::from_secs(90)).await;
        machine.world.jump(-day);
        let (_, row) = waiting(machine);
        let left = row.item.expires.since(machine.now());
        machine.pass(left - Duration::from_secs(120)).await;
        assert_eq!(inbox(machine)[0].1.item.state, At::Waiting);
        machine.pass(Duration::from_secs(600)).await;
        assert_eq!(heard(machine, &notes, 1).await.len(), 1);
        assert_eq!(inbox(machine)[0].1.item.state, At::Expired);
    });
}

/// Wherever the disk dies from the yes to the word to the strategy: sent at most once, and what was
/// approved and not sent is found again and sent; its strategy hears of it once.
#[test]
fn wherever_the_disk_dies_after_a_yes_it_is_sent_once_and_told_once() {
    let (asked, notes) = asking(9);
    let mut deaths = 0;
    for at in 1.. {
        let mut bench = asked.fork();
        take(&notes);
        let died = dies_after_a_yes(&mut bench, at);
        bench.live(async |machine| {
            say_again(machine).await;
            let (_, row) = machine.rows::<ActionRecord>().remove(0);
            let ambiguous = row.stage == Stage::Ambiguous;
            if !ambiguous {
                machine.until("it is over", || settled_over(machine)).await;
            }
            machine.idle("asker").await;
            let (_, record) = machine.rows::<ActionRecord>().remove(0);
            let sent = machine.world.count();
            match record.stage {
                Stage::Confirmed => assert_eq!((sent, settled_runs(machine)), (1, 1), "dead at {at}"),
                Stage::Ambiguous => assert!(sent <= 1 && settled_runs(machine) == 0, "dead at {at}"),
                stage => panic!("dead at {at}: {stage:?}"),
            }
            machine.audit();
        });
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 8, "only {deaths} operations were tried");
}

/// Says yes and lets the disk die at its `at`th operation from then on; whether it came to that.
fn dies_after_a_yes(bench: &mut Bench, at: u64) -> bool {
    let memory = bench.memory.clone();
    bench.live(async |machine| {
        let (id, _) = waiting(machine);
        memory.inject(Fault::DeadAt(at));
        let space = Space::default_owner();
        drop(machine.services.approvals.say(&space, &id, Word::Approve, BY, None).await);
        let told = || !machine.store.is_running() || settled_over(machine);
        machine.until("it is over", told).await;
        !machine.store.is_running()
    })
}

/// Where the yes was never acknowledged, the owner says it again.
async fn say_again(machine: &Machine) {
    if inbox(machine).iter().any(|(_, row)| row.item.state == At::Waiting) {
        let (id, _) = waiting(machine);
        say(machine, &id, Word::Approve).await.unwrap();
    }
}

fn settled_over(machine: &Machine) -> bool {
    let runs = machine.rows::<RunRecord>();
    runs.iter().any(|(_, run)| matches!(run.trigger, Trigger::Settled(_)) && run.outcome.is_some())
}

/// While the store takes nothing, nothing is permitted and nothing leaves.
#[test]
fn where_nothing_can_be_put_on_record_nothing_is_sent() {
    let (asked, _) = asking(10);
    let mut bench = asked.fork();
    let memory = bench.memory.clone();
    bench.live(async |machine| {
        memory.inject(Fault::DeadAt(1));
        let space = Space::default_owner();
        let (id, _) = waiting(machine);
        drop(machine.services.approvals.say(&space, &id, Word::Approve, BY, None).await);
        drop(machine.services.gateway.carry_out(&space, &ActionId::new("none")).await);
        machine.pass(Duration::from_secs(60)).await;
    });
    assert_eq!(bench.world.count(), 0);
}

#[test]
fn a_question_that_is_not_there_is_said_in_a_sentence() {
    let (mut bench, _) = asking(11);
    bench.live(async |machine| {
        let unknown = say(machine, "nothing", Word::Approve).await;
        assert_eq!(unknown, Err(Undecided::Unknown("nothing".into())));
        // By its action's id it is found as well.
        let (_, row) = waiting(machine);
        let taken = say(machine, row.action.as_str(), Word::Reject).await.unwrap();
        assert_eq!(taken.item.state, At::Rejected);
        let changes = machine.rows::<ChangeRow>();
        assert!(changes[0].1.settled_at().is_some());
    });
}

/// Refuses the first yes by what passes, then is well.
fn approved_meets(machine: &Machine, first: Said) {
    let so_far = machine.world.count();
    machine.world.answer(move |request| match request.nth {
        nth if nth == so_far => first.clone(),
        _ => Said::status(201, request.path()),
    });
}

/// The network is away just when what was approved is sent: nothing has left, so the yes stands, and is used
/// when the way is free.
#[test]
fn what_could_not_leave_keeps_its_yes_and_is_sent_once() {
    for (nth, fault) in [TransportFault::Dns, TransportFault::Connect].into_iter().enumerate() {
        let (mut bench, notes) = asking(20 + nth as u64);
        bench.live(async |machine| {
            approved_meets(machine, Said::fault(fault));
            let (id, row) = waiting(machine);
            say(machine, &id, Word::Approve).await.unwrap();
            let tried = || machine.audit_of("action.tried").len() == 1;
            machine.until("it was tried", tried).await;
            let item = inbox(machine)[0].1.item.clone();
            assert_eq!((item.state, item.said.len()), (At::Approved, 3), "{fault:?}: {:?}", item.said);
            let (_, record) = machine.rows::<ActionRecord>().remove(0);
            assert_eq!(record.stage, Stage::Pending, "{fault:?}");
            // Proposed meanwhile, it is the same question.
            machine.run("asker").await;
            assert_eq!(take(&notes), [format!("pending {}", row.action)]);
            assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
            let sent = (machine.world.count(), inbox(machine).len(), settled_runs(machine));
            assert_eq!(sent, (2, 1, 1), "{fault:?}: one question, one answer");
            assert_eq!(inbox(machine)[0].1.item.state, At::Sent);
        });
    }
}

/// A yes that stands again can still be taken back, and ends when the first one would have.
#[test]
fn a_yes_that_could_not_be_used_is_taken_back_by_its_owner_or_by_time() {
    for by_owner in [true, false] {
        let (mut bench, notes) = asking(24 + u64::from(by_owner));
        bench.live(async |machine| {
            machine.world.answer(|_| Said::fault(TransportFault::Connect));
            let (id, _) = waiting(machine);
            say(machine, &id, Word::Approve).await.unwrap();
            machine.until("it was tried", || !machine.audit_of("action.tried").is_empty()).await;
            let wanted = if by_owner {
                say(machine, &id, Word::Reject).await.unwrap();
                At::Rejected
            } else {
                machine.pass(Duration::from_secs(73 * 3600)).await;
                At::Expired
            };
            assert_eq!(inbox(machine)[0].1.item.state, wanted);
            let told = |(_, sentence): &(String, String)| sentence.contains("could not be sent in time");
            assert_eq!(machine.alerts().iter().any(told), !by_owner, "{:?}", machine.alerts());
            assert_eq!(heard(machine, &notes, 1).await.len(), 1, "its strategy hears of it");
            machine.world.answer(|request| Said::status(201, request.path()));
            let so_far = machine.world.count();
            machine.pass(Duration::from_secs(3600)).await;
            assert_eq!(machine.world.count(), so_far, "nothing is sent any more");
        });
    }
}

/// What can never leave used no yes up: the inbox does not say that it was sent.
#[test]
fn a_yes_to_what_can_never_leave_does_not_stand_as_sent() {
    let (mut bench, notes) = asking(26);
    bench.live(async |machine| {
        machine.world.answer(|_| Said::fault(TransportFault::ForbiddenAddress));
        let (id, _) = waiting(machine);
        say(machine, &id, Word::Approve).await.unwrap();
        assert_eq!(heard(machine, &notes, 1).await.len(), 1);
        let item = inbox(machine)[0].1.item.clone();
        assert_eq!(item.state, At::Superseded, "{:?}", item.said);
        assert!(item.said.last().unwrap().reason.as_ref().unwrap().contains("no public address"));
    });
}

/// The platform says "too fast" just when what was approved is sent: it left and provably did not happen, so
/// it is asked about anew and not dropped.
#[test]
fn what_a_platform_put_off_is_asked_about_anew_and_sent_once() {
    for (nth, status) in [429, 403].into_iter().enumerate() {
        let (mut bench, notes) = asking(22 + nth as u64);
        bench.live(async |machine| {
            approved_meets(machine, Said::status(status, "").header("retry-after", "120"));
            let (id, row) = waiting(machine);
            say(machine, &id, Word::Approve).await.unwrap();
            machine.until("it is asked anew", || inbox(machine).len() == 2).await;
            assert_eq!(take(&notes), Vec::<String>::new(), "{status}: nothing is over");
            let (_, record) = machine.rows::<ActionRecord>().remove(0);
            assert_eq!(record.stage, Stage::Pending, "{status}");
            assert_eq!(machine.audit_of("action.tried").len(), 1, "{status}");
            let (second, again) = waiting(machine);
            assert_eq!((&again.action, &again.request), (&row.action, &row.request));
            // Proposed meanwhile, it is the same question.
            machine.run("asker").await;
            assert_eq!(take(&notes), [format!("pending {}", row.action)]);
            say(machine, &second, Word::Approve).await.unwrap();
            assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
            assert_eq!((machine.world.count(), settled_runs(machine)), (2, 1), "{status}");
        });
    }
}

/// A typo in a rule file for a while says nothing of what was approved: the yes stays good, and is used.
#[test]
fn a_yes_waits_while_the_rules_cannot_be_read() {
    let (mut bench, notes) = asking(30);
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        let (id, _) = waiting(machine);
        rules.unreadable(Some("a typo"));
        say(machine, &id, Word::Approve).await.unwrap();
        machine.pass(Duration::from_secs(1200)).await;
        assert_eq!((machine.world.count(), inbox(machine)[0].1.item.state), (0, At::Approved));
        assert!(machine.alerts().iter().any(|(about, _)| about == "blocked/sim/ask"));
        rules.unreadable(None);
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
        assert_eq!((machine.world.count(), inbox(machine).len()), (1, 1));
    });
}

/// While permits are held over the audit trail, the yes stays good too.
#[test]
fn a_yes_waits_while_the_trail_is_in_doubt() {
    let (mut bench, notes) = asking(33);
    bench.settings.audit.anchor.file = Some("/elsewhere/anchors".into());
    let signed = async |machine: &Machine| {
        machine.services.audit.sign().await.unwrap().unwrap().expect("a checkpoint");
        machine.pass(Duration::from_secs(60)).await;
    };
    bench.live(signed);
    let old = bench.memory.image();
    bench.live(async |machine| {
        machine.run("asker").await;
        signed(machine).await;
    });
    bench.memory = old;
    take(&notes);
    bench.live(async |machine| {
        assert!(machine.services.shared.held().is_some());
        let (id, _) = waiting(machine);
        say(machine, &id, Word::Approve).await.unwrap();
        let spent = || machine.store.scan::<QuotaState>(&Space::machine(), Span::all(), 100).unwrap().rows;
        let before = spent();
        machine.pass(Duration::from_secs(1200)).await;
        assert_eq!((machine.world.count(), inbox(machine)[0].1.item.state), (0, At::Approved));
        assert_eq!(spent(), before, "what cannot be permitted spends nothing");
        machine.services.audit.accept("restored on purpose", BY).await.unwrap().unwrap();
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
        assert_eq!((machine.world.count(), inbox(machine).len()), (1, 1));
    });
}

/// What another action did with the very same change is not overwritten by one that did not get to it.
#[test]
fn a_change_that_another_made_meanwhile_is_refused_and_keeps_the_others_mark() {
    for (nth, word) in [Word::Approve, Word::Reject].into_iter().enumerate() {
        let (mut bench, notes) = asking(34 + nth as u64);
        bench.live(async |machine| {
            let (id, row) = waiting(machine);
            let space = Space::default_owner();
            let mark = format!("asker/{}", machine.rows::<ChangeRow>()[0].1.action.hash());
            let own = machine.store.get::<Mark>(&space, &mark).unwrap().unwrap().value;
            assert_eq!((&own.action, own.state), (&row.action, Marked::Held));
            let other = Mark { action: ActionId::new("other.ask"), state: Marked::Ambiguous, ..own };
            machine.store.commit(Change::new().put(&space, &mark, &other).unwrap()).await.unwrap();
            say(machine, &id, word.clone()).await.unwrap();
            let heard = heard(machine, &notes, 1).await;
            assert!(heard[0].starts_with("settled refused"), "{heard:?}");
            assert_eq!(machine.world.count(), 0);
            assert_eq!(machine.store.get::<Mark>(&space, &mark).unwrap().unwrap().value, other, "{word:?}");
        });
    }
}

/// It waits no longer than the yes is good for.
#[test]
fn an_obstacle_that_does_not_pass_ends_what_was_approved_in_its_time() {
    let (mut bench, notes) = asking(31);
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        let (id, _) = waiting(machine);
        rules.unreadable(Some("a typo"));
        say(machine, &id, Word::Approve).await.unwrap();
        machine.pass(mm_core::approval::EXPIRES_AFTER + Duration::from_secs(600)).await;
        let heard = heard(machine, &notes, 1).await;
        assert!(heard[0].starts_with("settled refused"), "{heard:?}");
        assert_eq!((machine.world.count(), settled_runs(machine)), (0, 1));
    });
}

/// What was approved is redirected to where nothing is permitted: its strategy hears of it.
#[test]
fn an_approved_change_that_is_redirected_is_asked_about_or_told_and_never_lost() {
    let (mut bench, notes) = asking(32);
    bench.live(async |machine| {
        machine.world.answer(|request| match request.path() {
            "/ask" => Said::redirect(307, "/elsewhere"),
            path => Said::status(201, path),
        });
        let (id, _) = waiting(machine);
        say(machine, &id, Word::Approve).await.unwrap();
        let heard = heard(machine, &notes, 1).await;
        assert!(heard[0].contains("no rule"), "{heard:?}");
        assert_eq!(machine.world.paths(), ["POST /ask"]);
        assert!(machine.rows::<ChangeRow>().iter().all(|(_, row)| row.settled_at().is_some()));
    });
    let (mut bench, notes) = asking(33);
    bench.live(async |machine| {
        machine.world.answer(|request| match request.path() {
            "/ask" => Said::redirect(308, "/ask2"),
            path => Said::status(201, path),
        });
        let (id, row) = waiting(machine);
        say(machine, &id, Word::Approve).await.unwrap();
        machine.until("it is asked there", || inbox(machine).len() == 2).await;
        let (second, moved) = waiting(machine);
        assert!(moved.request.url().as_str().ends_with("/ask2"));
        assert_eq!(moved.request.body(), row.request.body());
        say(machine, &second, Word::Approve).await.unwrap();
        assert_eq!(heard(machine, &notes, 1).await, ["settled done 201"]);
        assert_eq!(machine.world.paths(), ["POST /ask", "POST /ask2"]);
    });
}

/// Wherever the disk dies while an approved change is redirected: its strategy hears its end, or a person
/// is asked, and each place is asked at most once.
#[test]
fn wherever_the_disk_dies_a_redirected_change_is_not_lost() {
    let (asked, notes) = asking(34);
    let mut deaths = 0;
    for at in 1.. {
        let mut bench = asked.fork();
        take(&notes);
        bench.world.answer(|request| match request.path() {
            "/ask" => Said::redirect(307, "/elsewhere"),
            path => Said::status(201, path),
        });
        let died = dies_after_a_yes(&mut bench, at);
        bench.live(async |machine| {
            say_again(machine).await;
            let ambiguous =
                || machine.rows::<ActionRecord>().iter().any(|(_, row)| row.stage == Stage::Ambiguous);
            machine.until("it is over", || ambiguous() || settled_over(machine)).await;
            assert!(machine.world.count() <= 1, "dead at {at}");
        });
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 8, "only {deaths} operations were tried");
}
