//! Changes whose end nobody saw: what the reconciler makes of them, over kills, and never by sending one.
//! The oracle is the outside itself: which changes it made, and how often.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::action::{Action, Method};
use mm_core::activity::{ActionRecord, Stage};
use mm_core::answer::Answer;
use mm_core::error::TransportFault;
use mm_core::id::{ActionId, Space};
use mm_core::mark::{Mark, Marked};
use mm_core::moment::Moment;
use mm_core::seams::SplitMix64;
use mm_sdk::{Act, Finding, Reconciler, Report, Sent};
use mm_services::gateway::{NotSettled, Settlement};
use mm_services::reconciler::Reconcilers;
use mm_services::records::LookUpRow;
use mm_services::testing::{Bench, Machine, PLATFORM, Said, Script, audit, get, post, rows};
use mm_store::Fault;

const QUIET: Duration = Duration::from_secs(120);
/// Leaves as a POST and only reads.
const QUERY: &str = "query a { viewer { login } }";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Knows that `/posted/BODY` tells whether a body was posted.
struct Shelf;

impl Reconciler for Shelf {
    fn platform(&self) -> &'static str {
        PLATFORM
    }

    fn only_reads(&self, action: &Action) -> bool {
        action.request.body().starts_with(b"query ")
    }

    fn look(&self, sent: &Sent) -> Option<Action> {
        let body = String::from_utf8_lossy(sent.action.request.body()).into_owned();
        (body != "nowhere to be seen").then(|| get(&format!("/posted/{}", body.replace(' ', "-"))))
    }

    fn quiet(&self) -> Duration {
        QUIET
    }

    fn find(&self, _sent: &Sent, asked: &Action, answer: &Answer, _now: Moment) -> Finding {
        match answer.body.as_slice() {
            b"yes" => Finding::Happened("it is on the shelf".to_owned()),
            b"no" => Finding::DidNot,
            b"next page" => Finding::More(Box::new(get(&format!("{}-more", path(asked))))),
            _ => Finding::Unknown("the shelf is closed".to_owned()),
        }
    }
}

fn path(action: &Action) -> String {
    let url = action.request.url().as_str();
    url.split_once(".com").map(|(_, path)| path.to_owned()).unwrap_or_default()
}

/// What was really done outside, by body.
type Oracle = Arc<Mutex<BTreeMap<String, u32>>>;

/// An outside that keeps what is posted, then answers as `says`; it shows what it has at `/posted/`.
fn keeps(bench: &Bench, says: impl Fn(&str) -> Result<Said, Said> + Send + Sync + 'static) -> Oracle {
    let oracle = Oracle::default();
    let done = oracle.clone();
    bench.world.answer(move |request| {
        let mut done = done.lock().unwrap();
        if request.method.is_mutating() {
            let body = String::from_utf8(request.body.clone()).unwrap();
            return match says(&body) {
                // It was made, whatever is answered.
                Ok(said) => {
                    *done.entry(body).or_default() += 1;
                    said
                }
                Err(said) => said,
            };
        }
        match request.path().strip_prefix("/posted/") {
            Some(body) => {
                Said::status(200, if done.contains_key(&body.replace('-', " ")) { "yes" } else { "no" })
            }
            None => Said::status(200, "fine"),
        }
    });
    oracle
}

/// Posts the same line in each run; what it was told is in its errors.
fn poster(body: &'static str) -> Script {
    Script::new("poster", move |cx| {
        Box::pin(async move {
            // A run that only hears what became of an earlier change proposes nothing.
            if matches!(cx.trigger(), mm_core::run::Trigger::Settled(_)) {
                return Ok(Report::default());
            }
            let told = match cx.act("p", post("/post", body)).await? {
                Act::Done(answer) => format!("done {}", String::from_utf8_lossy(&answer.body)),
                Act::Refused(refusal) => format!("refused: {}", refusal.why),
                Act::Pending(id) => format!("pending {id}"),
            };
            Ok(Report { errors: vec![told], ..Report::default() })
        })
    })
}

fn bench(body: &'static str) -> Bench {
    let mut bench = Bench::new(1);
    bench.install(poster(body));
    bench.settings.reconcilers = Reconcilers::default().with(Arc::new(Shelf));
    bench
}

fn lost() -> Said {
    Said::fault(TransportFault::Reset)
}

/// The first post, and where it stands.
fn stage(machine: &Machine) -> Option<Stage> {
    let posts = machine.rows::<ActionRecord>().into_iter().filter(|(_, action)| action.method == "POST");
    posts.map(|(_, action)| action.stage).next()
}

/// Where the marks stand.
fn states(machine: &Machine) -> Vec<Marked> {
    machine.rows::<Mark>().into_iter().map(|(_, mark)| mark.state).collect()
}

fn posts(machine: &Machine) -> usize {
    machine.world.log().iter().filter(|request| request.method == Method::Post).count()
}

#[test]
fn a_change_whose_answer_was_lost_is_found_and_not_sent_again() {
    let mut bench = bench("hello");
    let oracle = keeps(&bench, |_| Ok(lost()));
    bench.live(async |machine| {
        let run = machine.run("poster").await;
        assert!(run.errors[0].starts_with("refused"), "{:?}", run.errors);
        machine.until("it is settled", || stage(machine) == Some(Stage::Confirmed)).await;
        assert_eq!(machine.rows::<LookUpRow>(), vec![]);
        machine.until("the owner is told that it is over", || machine.alerts().is_empty()).await;
        let settled = machine.audit_of("action.settled");
        assert_eq!(settled.len(), 1);
        assert!(
            settled[0].contains("it is on the shelf") && settled[0].contains("reconciler"),
            "{settled:?}"
        );
        // Proposed again, it is what it was.
        let again = machine.run("poster").await;
        assert_eq!(again.errors, ["done"]);
        assert_eq!(posts(machine), 1);
    });
    assert_eq!(oracle.lock().unwrap().get("hello"), Some(&1));
}

#[test]
fn what_is_not_there_is_believed_only_after_a_while_and_may_be_proposed_again() {
    let mut bench = bench("hello");
    let asked = Arc::new(Mutex::new(0));
    let counted = asked.clone();
    let oracle = keeps(&bench, move |_| {
        let mut asked = counted.lock().unwrap();
        *asked += 1;
        if *asked == 1 { Err(lost()) } else { Ok(Said::status(200, "made")) }
    });
    bench.live(async |machine| {
        machine.run("poster").await;
        let ambiguous = machine.now();
        machine.until("it was looked up", || machine.rows::<LookUpRow>()[0].1.last.is_some()).await;
        assert_eq!(stage(machine), Some(Stage::Ambiguous));
        let again = machine.run("poster").await;
        assert!(again.errors[0].starts_with("refused"), "{:?}", again.errors);
        machine.until("it is settled", || stage(machine) == Some(Stage::Failed)).await;
        assert!(machine.now() >= ambiguous.plus(QUIET));
        assert_eq!(posts(machine), 1);
        let again = machine.run("poster").await;
        assert_eq!(again.errors, ["done made"]);
        assert_eq!(posts(machine), 2);
    });
    assert_eq!(oracle.lock().unwrap().get("hello"), Some(&1));
}

/// A query leaves as a POST: lost, broken or cut off by a kill, it changed nothing, and nobody is asked about it.
#[test]
fn what_only_reads_is_never_ambiguous() {
    type Says = fn(&str) -> Result<Said, Said>;
    let broken: [Says; 3] = [
        |_| Ok(lost()),
        |_| Ok(Said::status(200, "{\"errors\":[{\"type\":\"RATE_LIMITED\",\"message\":\"slow\"}]}")),
        |_| Ok(Said::status(502, "")),
    ];
    for says in broken {
        let mut bench = bench("query a { viewer { login } }");
        keeps(&bench, says);
        bench.live(async |machine| {
            machine.run("poster").await;
            assert!(!matches!(stage(machine), Some(Stage::Ambiguous | Stage::Confirmed) | None));
            assert_eq!(machine.rows::<LookUpRow>(), vec![]);
            assert!(!machine.alerts().iter().any(|(about, _)| about.starts_with("ambiguous/")));
        });
    }
    let mut bench = bench("query a { viewer { login } }");
    keeps(&bench, |_| Ok(Said::status(200, "seen").after(Duration::from_secs(20))));
    bench.live(async |machine| {
        machine.services.strategies.start("poster", mm_core::run::Trigger::Operator).await.unwrap().unwrap();
        machine.until("it has arrived", || posts(machine) == 1).await;
    });
    bench.live(async |machine| {
        machine.until("it is known not to have happened", || stage(machine) == Some(Stage::Failed)).await;
        assert_eq!(machine.rows::<LookUpRow>(), vec![]);
        assert!(!machine.alerts().iter().any(|(about, _)| about.starts_with("ambiguous/")));
        let over = || machine.rows::<mm_core::run::RunRecord>().iter().all(|(_, run)| run.outcome.is_some());
        machine.until("its run is over", over).await;
        assert_eq!(machine.run("poster").await.errors, ["done seen"], "it may be asked again");
    });
}

/// A question is asked anew by whoever asks it, as any read is, and leaves nothing behind that is never removed.
#[test]
fn what_only_reads_leaves_no_mark_and_a_change_does() {
    for (body, sent, marks) in [(QUERY, 2, vec![]), ("hello", 1, vec![Marked::Done])] {
        let mut bench = bench(body);
        keeps(&bench, |_| Ok(Said::status(200, "seen")));
        bench.live(async |machine| {
            for _ in 0..2 {
                assert_eq!(machine.run("poster").await.errors, ["done seen"], "{body}");
            }
            assert_eq!((posts(machine), states(machine)), (sent, marks), "{body}");
        });
    }
    // Nor does one that failed, or that a kill cut off.
    let mut lost_one = bench(QUERY);
    keeps(&lost_one, |_| Ok(lost()));
    lost_one.live(async |machine| {
        machine.run("poster").await;
        assert_eq!((stage(machine), states(machine)), (Some(Stage::Failed), vec![]));
    });
    let mut cut_off = bench(QUERY);
    cut_off.install(poster(QUERY).version(1));
    keeps(&cut_off, |_| Ok(Said::status(200, "seen").after(Duration::from_secs(20))));
    cut_off.live(async |machine| {
        machine.services.strategies.start("poster", mm_core::run::Trigger::Operator).await.unwrap().unwrap();
        machine.until("it has arrived", || posts(machine) == 1).await;
        assert_eq!(states(machine), [Marked::Sending]);
    });
    // Its code is another, so what was cut off is settled and not walked again.
    cut_off.install(poster(QUERY).version(2));
    cut_off.live(async |machine| {
        machine.until("it is settled", || stage(machine) == Some(Stage::Failed)).await;
        assert_eq!(states(machine), []);
    });
}

/// Its answer is in the run's journal, and not in a mark.
#[test]
fn a_run_that_is_taken_up_after_a_kill_does_not_ask_again_what_it_has_read() {
    let mut bench = bench(QUERY);
    bench.install(Script::new("poster", |cx| {
        Box::pin(async move {
            let Act::Done(seen) = cx.act("q", post("/post", QUERY)).await? else { panic!("no answer") };
            mm_services::testing::read(cx, "slow", "/slow").await?;
            Ok(Report { errors: vec![String::from_utf8(seen.body).unwrap()], ..Report::default() })
        })
    }));
    bench.world.answer(|request| match request.path() {
        "/slow" => Said::status(200, "").after(Duration::from_secs(20)),
        _ => Said::status(200, "seen"),
    });
    bench.live(async |machine| {
        machine.services.strategies.start("poster", mm_core::run::Trigger::Operator).await.unwrap().unwrap();
        machine.until("it reads on", || machine.world.count() == 2).await;
    });
    bench.live(async |machine| {
        assert_eq!(machine.idle("poster").await.unwrap().errors, ["seen"]);
        assert_eq!((posts(machine), machine.world.count()), (1, 3));
    });
}

/// A server in trouble and a line that was cut are tried again for a question, as for any read; a change is not.
#[test]
fn what_only_reads_is_tried_again_and_a_change_is_not() {
    let troubles: [fn() -> Said; 2] = [|| Said::status(502, ""), lost];
    for trouble in troubles {
        for (body, asked, said) in
            [("query a { viewer { login } }", 2, Some("done seen")), ("hello", 1, None)]
        {
            let mut bench = bench(body);
            let first = Mutex::new(true);
            keeps(&bench, move |_| {
                let is_first = std::mem::take(&mut *first.lock().unwrap());
                Ok(if is_first { trouble() } else { Said::status(200, "seen") })
            });
            bench.live(async |machine| {
                let run = machine.run("poster").await;
                assert_eq!(posts(machine), asked, "{body}: {:?}", run.errors);
                if let Some(said) = said {
                    assert_eq!(run.errors, [said]);
                    assert_eq!(stage(machine), Some(Stage::Confirmed));
                }
            });
        }
    }
    // One that stays in trouble is asked three times, and its answer is what came.
    let mut bench = bench("query a { viewer { login } }");
    keeps(&bench, |_| Ok(Said::status(502, "")));
    bench.live(async |machine| {
        assert_eq!(machine.run("poster").await.errors, ["done"]);
        assert_eq!((posts(machine), stage(machine)), (3, Some(Stage::Failed)));
    });
}

/// What is held back is no change that waits: its run is told, and asks in another one.
#[test]
fn what_only_reads_is_refused_outside_the_hours_and_not_queued() {
    for (body, queued) in [("query a { viewer { login } }", 0), ("hello", 1)] {
        let mut bench = bench(body);
        let hours = mm_core::schedule::Hours::parse("14:00-15:00", "UTC").unwrap();
        bench.settings.platform_hours.insert(PLATFORM.parse().unwrap(), hours);
        bench.live(async |machine| {
            let run = machine.run("poster").await;
            let begins = if queued == 0 { "refused: " } else { "pending " };
            assert!(run.errors[0].starts_with(begins), "{body}: {:?}", run.errors);
            assert_eq!(machine.rows::<mm_services::records::ChangeRow>().len(), queued, "{body}");
        });
        assert_eq!(bench.world.count(), 0);
    }
}

#[test]
fn what_a_kill_cut_off_is_looked_up_in_the_next_life() {
    let mut bench = bench("hello");
    let oracle = keeps(&bench, |_| Ok(Said::status(200, "made").after(Duration::from_secs(20))));
    bench.live(async |machine| {
        machine.services.strategies.start("poster", mm_core::run::Trigger::Operator).await.unwrap().unwrap();
        machine.until("it has arrived", || posts(machine) == 1).await;
    });
    bench.live(async |machine| {
        machine.until("it is settled", || stage(machine) == Some(Stage::Confirmed)).await;
        assert_eq!(posts(machine), 1);
    });
    assert_eq!(oracle.lock().unwrap().get("hello"), Some(&1));
}

#[test]
fn a_kill_between_finding_and_settling_finds_again() {
    let mut bench = bench("hello");
    keeps(&bench, |_| Ok(lost()));
    let memory = bench.memory.clone();
    let looks = |machine: &Machine| {
        machine.world.log().iter().filter(|request| request.path().starts_with("/posted/")).count()
    };
    bench.live(async |machine| {
        machine.services.strategies.start("poster", mm_core::run::Trigger::Operator).await.unwrap().unwrap();
        machine.until("it was looked up", || looks(machine) == 1).await;
        memory.inject(Fault::DeadAt(1));
    });
    bench.live(async |machine| {
        machine.until("it is settled", || stage(machine) == Some(Stage::Confirmed)).await;
        assert_eq!(posts(machine), 1);
    });
    assert_eq!(audit(&bench.look()).iter().filter(|(kind, _)| kind == "action.settled").count(), 1);
}

#[test]
fn it_may_take_more_than_one_page() {
    let mut bench = bench("hello");
    bench.world.answer(|request| match request.path() {
        _ if request.method.is_mutating() => lost(),
        "/posted/hello-more" => Said::status(200, "yes"),
        _ => Said::status(200, "next page"),
    });
    bench.live(async |machine| {
        machine.run("poster").await;
        machine.until("it is settled", || stage(machine) == Some(Stage::Confirmed)).await;
    });
}

#[test]
fn what_cannot_be_said_is_looked_up_more_and_more_seldom_and_then_a_person_is_asked_once() {
    let mut bench = bench("hello");
    bench.world.answer(
        |request| {
            if request.method.is_mutating() { lost() } else { Said::status(200, "who knows") }
        },
    );
    bench.live(async |machine| {
        machine.run("poster").await;
        let began = machine.now();
        let asked = |machine: &Machine| {
            machine
                .alerts()
                .into_iter()
                .find(|(about, _)| about.starts_with("look-up/"))
                .map(|(_, sentence)| sentence)
        };
        machine.until("a person is asked", || asked(machine).is_some()).await;
        assert!(machine.now() >= began.plus(DAY));
        let sentence = asked(machine).unwrap();
        for part in ["the shelf is closed", "/post", "actions settle", "--did-not"] {
            assert!(sentence.contains(part), "{sentence}");
        }
        let log = machine.world.log();
        let looks: Vec<Moment> = log
            .iter()
            .filter(|request| request.path().starts_with("/posted/"))
            .map(|request| request.at)
            .collect();
        let waits: Vec<Duration> = looks.windows(2).map(|two| two[1].since(two[0])).collect();
        assert!((8..=14).contains(&looks.len()), "{} looks", looks.len());
        assert!(waits.windows(2).all(|two| two[1] >= two[0]), "{waits:?}");
        machine.pass(DAY * 3).await;
        let times: Vec<u64> = machine
            .rows::<mm_services::records::AlertRow>()
            .into_iter()
            .filter(|(about, _)| about.starts_with("look-up/"))
            .map(|(_, row)| row.times)
            .collect();
        assert_eq!(times, [1]);
        settle(machine, true).await.unwrap();
        assert_eq!(stage(machine), Some(Stage::Confirmed));
        machine.until("the owner is told that it is over", || machine.alerts().is_empty()).await;
        assert_eq!(settle(machine, false).await.unwrap_err().to_string().split(' ').next(), Some("action"));
    });
}

async fn settle(machine: &Machine, happened: bool) -> Result<ActionRecord, NotSettled> {
    let posts = machine.rows::<ActionRecord>().into_iter().filter(|(_, action)| action.method == "POST");
    let id = posts.map(|(id, _)| ActionId::new(id)).next().unwrap();
    let settlement = Settlement { happened, how: "I looked".into(), by: "uid 1000".into() };
    machine.services.settling().settle(&Space::default_owner(), &id, &settlement).await.unwrap()
}

#[test]
fn where_nobody_knows_where_to_look_the_owner_is_asked_at_once_and_his_word_is_on_record() {
    for (body, reconcilers, why) in [
        ("hello", Reconcilers::default(), "nothing here can look changes up at sim"),
        (
            "nowhere to be seen",
            Reconcilers::default().with(Arc::new(Shelf)),
            "sim has no read that would show it",
        ),
    ] {
        let mut bench = bench(body);
        bench.settings.reconcilers = reconcilers;
        keeps(&bench, |_| Err(lost()));
        bench.live(async |machine| {
            machine.run("poster").await;
            let asked = || {
                machine
                    .alerts()
                    .iter()
                    .any(|(about, said)| about.starts_with("look-up/") && said.contains(why))
            };
            machine.until("the owner is asked", asked).await;
            settle(machine, false).await.unwrap();
            let settled = machine.audit_of("action.settled");
            assert!(settled[0].contains("uid 1000") && settled[0].contains("I looked"), "{settled:?}");
            let record = machine
                .rows::<ActionRecord>()
                .into_iter()
                .find(|(_, action)| action.method == "POST")
                .unwrap()
                .1;
            assert_eq!(record.error.as_deref(), Some("it did not happen: I looked"));
            assert_eq!(record.checks.last().unwrap().rule, "look-up by uid 1000");
            assert_eq!(posts(machine), 1);
        });
    }
}

#[test]
fn a_look_up_that_is_forbidden_changes_nothing_and_is_tried_again() {
    let mut bench = bench("hello");
    keeps(&bench, |_| Ok(lost()));
    let pack = mm_services::testing::pack(1000, "1d");
    bench
        .rules
        .put(&format!("{PLATFORM}.toml"), &pack.replacen("verdict = \"permit\"", "verdict = \"forbid\"", 1));
    let rules = bench.rules.clone();
    bench.live(async |machine| {
        machine.run("poster").await;
        machine
            .until("it was tried", || machine.rows::<LookUpRow>().iter().any(|(_, row)| row.looks > 1))
            .await;
        assert_eq!((stage(machine), posts(machine)), (Some(Stage::Ambiguous), 1));
        rules.put(&format!("{PLATFORM}.toml"), &pack);
        machine.until("it is settled", || stage(machine) == Some(Stage::Confirmed)).await;
    });
}

/// A strategy that posts one new line a run, `n` being how many it has posted in its life.
fn counter() -> Script {
    Script::new("counter", |cx| {
        Box::pin(async move {
            // A run that only hears what became of an earlier change proposes nothing.
            if matches!(cx.trigger(), mm_core::run::Trigger::Settled(_)) {
                return Ok(Report::default());
            }
            let nth = cx.snapshot().map_or(0, <[u8]>::len);
            cx.act("p", post("/post", &format!("line {nth}"))).await?;
            cx.keep(1, vec![0; nth + 1]);
            Ok(Report::default())
        })
    })
}

/// Crashes wherever the disk dies, and answers that are lost after the effect, before it, or not at all:
/// nothing is done twice, what never reached the intent is never called ambiguous, and in the end all
/// that was ambiguous is what the outside has.
///
/// `MONEY_MACHINE_TEST_CRASHES` is how many crashes there are (300 where nothing is said).
#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told how much it does")]
fn after_any_number_of_crashes_the_record_is_the_oracles() {
    let crashes: u64 =
        std::env::var("MONEY_MACHINE_TEST_CRASHES").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    const A_STORY: u64 = 20;
    let (mut settled, mut died) = (0, 0);
    for story in 0..crashes.div_ceil(A_STORY) {
        let mut chance = SplitMix64(story);
        let mut bench = Bench::new(story);
        bench.install(counter());
        bench.settings.reconcilers = Reconcilers::default().with(Arc::new(Shelf));
        let dice = Mutex::new(SplitMix64(story ^ 0x0005_ac1e));
        let oracle = keeps(&bench, move |_| match dice.lock().unwrap().next_u64() % 5 {
            0 => Ok(lost()),
            1 => Err(lost()),
            2 => Err(Said::fault(TransportFault::Connect)),
            3 => Ok(Said::status(500, "")),
            _ => Ok(Said::status(200, "made")),
        });
        for _ in 0..A_STORY {
            let (memory, at) = (bench.memory.clone(), 1 + chance.next_u64() % 60);
            bench.live(async |machine| {
                machine.idle("counter").await;
                memory.inject(Fault::DeadAt(at));
                let started =
                    machine.services.strategies.start("counter", mm_core::run::Trigger::Operator).await;
                if matches!(started, Ok(Ok(_))) {
                    let over =
                        || !machine.store.is_running() || machine.strategy("counter").last_outcome.is_some();
                    machine.until("the run or the disk is over", over).await;
                }
                // Some of the dying is left for the look-ups.
                machine.pass(Duration::from_secs(chance.next_u64() % 300)).await;
                died += u32::from(!machine.store.is_running());
            });
        }
        bench.live(async |machine| {
            machine.idle("counter").await;
            machine.until("all is settled", || machine.rows::<LookUpRow>().is_empty()).await;
        });
        settled += audit(&bench.look()).iter().filter(|(kind, _)| kind == "action.settled").count();
        check(&bench, &oracle, story);
    }
    assert!(settled > 0 && died > 0, "{settled} settled, {died} died");
    println!("{crashes} lives, {died} ended by their disk, {settled} changes settled by look-up");
}

/// The record is the oracle's.
fn check(bench: &Bench, oracle: &Oracle, story: u64) {
    let (store, done) = (bench.look(), oracle.lock().unwrap());
    assert!(done.values().all(|times| *times == 1), "story {story}: done twice: {done:?}");
    let log = bench.world.log();
    let arrived =
        |id: &str| log.iter().find(|request| request.action == id && request.method == Method::Post);
    for (id, action) in rows::<ActionRecord>(&store).into_iter().filter(|(_, action)| action.method == "POST")
    {
        let body = arrived(&id).map(|request| String::from_utf8(request.body.clone()).unwrap());
        let there = body.as_ref().is_some_and(|body| done.contains_key(body));
        match action.stage {
            Stage::Confirmed => assert!(there, "story {story}: {id} is confirmed and was not done"),
            Stage::Failed | Stage::Blocked => {
                assert!(!there, "story {story}: {id} was done and is {:?}", action.stage)
            }
            other => panic!("story {story}: {id} is {other:?} in the end"),
        }
    }
    // Ambiguous only after an intent: before it nothing can have left.
    let trail = audit(&store);
    for (at, (kind, payload)) in trail.iter().enumerate().filter(|(_, (kind, _))| kind == "action.ambiguous")
    {
        let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
        let intended = trail[..at].iter().any(|(kind, earlier)| {
            kind == "action.permitted" && earlier.contains(&format!("\"action\":{}", payload["action"]))
        });
        assert!(intended, "story {story}: {kind} {payload} without an intent");
    }
}

#[test]
fn outside_the_hours_of_a_platform_a_look_up_waits_for_the_opening_and_counts_no_look() {
    let mut bench = bench("hello");
    let hours = mm_core::schedule::Hours::parse("12:00-13:00", "UTC").unwrap();
    bench.settings.platform_hours.insert(PLATFORM.parse().unwrap(), hours);
    let told = Arc::new(Mutex::new("who knows"));
    let answer = told.clone();
    bench.world.answer(move |request| {
        if request.method.is_mutating() { lost() } else { Said::status(200, *answer.lock().unwrap()) }
    });
    let opens: Moment = "2026-11-23T12:00:00Z".parse().unwrap();
    let looks = |machine: &Machine| {
        machine.world.log().iter().filter(|request| request.path().starts_with("/posted/")).count()
    };
    bench.live(async |machine| {
        machine.run("poster").await;
        // The first wait that ends outside is the one to the opening.
        machine.pass(Duration::from_secs(12 * 3600)).await;
        let row = machine.rows::<LookUpRow>().remove(0).1;
        assert_eq!((row.next, row.looks as usize, row.asked), (opens, looks(machine), false), "{row:?}");
        assert!(row.last.unwrap().contains("12:00-13:00 UTC"));
        machine.pass(opens.minus(Duration::from_secs(60)).since(machine.now())).await;
        *told.lock().unwrap() = "yes";
    });
    bench.live(async |machine| {
        machine.until("it is settled", || stage(machine) == Some(Stage::Confirmed)).await;
        assert!(opens <= machine.now() && machine.now() < opens.plus(Duration::from_secs(60)));
        assert_eq!(posts(machine), 1);
    });
}
