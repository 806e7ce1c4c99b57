//! Live traces: what they show, how each of them ends, and that nobody pays who is not traced.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mm_supervision::*;

use crate::kit::*;

fn ask(pattern: &str) -> TraceAsk {
    TraceAsk { pattern: pattern.to_owned(), limit: 100, rate_max: 1_000, within: 60 * SECOND }
}

/// Two puppets, `a` and `k/b`.
async fn two() -> (Root, Handle<Msg>, Handle<Msg>) {
    let (a, b) = (Handle::new(), Handle::new());
    let below = lenient(Strategy::OneForOne).with(plain("b", &b));
    let spec = lenient(Strategy::OneForOne).with(plain("a", &a)).with(supervisor(
        "k",
        "",
        &SupervisorHandle::new(),
        below,
    ));
    (Root::start(spec, Seams::simulated()).await.unwrap(), a, b)
}

fn note(to: &Handle<Msg>) {
    to.cast(Msg::Note("hello")).unwrap();
}

/// All that it still has to show, without waiting for its time.
async fn rest(trace: &mut Trace) -> Vec<Traced> {
    let mut seen = Vec::new();
    while let Ok(Some(traced)) = tokio::time::timeout(MS, trace.next()).await {
        seen.push(traced);
    }
    seen
}

#[test]
fn a_message_is_shown_with_all_that_it_allows() {
    paused(async {
        let (root, a, _) = two().await;
        let mut trace = root.tree().trace(ask("a")).unwrap();
        a.cast(Msg::Relay).unwrap();
        let [relay, note] = &rest(&mut trace).await[..] else { panic!("two messages") };
        assert_eq!((relay.kind, relay.seq, relay.ok, relay.sender.as_deref()), ("relay", 0, true, None));
        assert_eq!((note.kind, note.seq, note.sender.as_deref()), ("note", 1, Some("a")));
        assert_eq!(note.action.as_deref(), Some("act-1"));
        let json = serde_json::to_value(note).unwrap();
        assert_eq!(json["fields"], serde_json::json!({"note": "relayed"}));
        assert_eq!((&json["path"], &json["sender"]), (&"a".into(), &"a".into()));
        assert_eq!(trace.end(), None, "it goes on");
        root.stop(SECOND).await;
        assert_eq!(trace.next().await, None);
        assert_eq!(trace.end(), Some(TraceEnd::Closed), "with its tree");
    });
}

#[test]
fn only_what_matches_is_shown() {
    paused(async {
        let (root, a, b) = two().await;
        for (pattern, expected) in [
            ("a", vec!["a note", "a count"]),
            ("a:note", vec!["a note"]),
            ("**:note", vec!["a note", "k/b note"]),
            ("*/b", vec!["k/b note"]),
            ("nobody", vec![]),
        ] {
            let mut trace = root.tree().trace(ask(pattern)).unwrap();
            note(&a);
            a.call(Msg::Count, SECOND).await.unwrap();
            note(&b);
            let seen = rest(&mut trace).await;
            let seen: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.path, seen.kind)).collect();
            assert_eq!(seen, expected, "{pattern}");
        }
        root.stop(SECOND).await;
    });
}

#[test]
fn nothing_starts_without_a_limit() {
    paused(async {
        let (root, ..) = two().await;
        let tree = root.tree();
        let refused = |change: fn(&mut TraceAsk)| {
            let mut ask = ask("**");
            change(&mut ask);
            tree.trace(ask).map(drop).unwrap_err().to_string()
        };
        assert_eq!(refused(|ask| ask.limit = 0), "a trace needs a limit between 1 and 100000, not 0");
        assert_eq!(
            refused(|ask| ask.limit = 100_001),
            "a trace needs a limit between 1 and 100000, not 100001"
        );
        assert_eq!(refused(|ask| ask.rate_max = 0), "a trace needs a rate of at least 1 message a second");
        assert_eq!(refused(|ask| ask.within = Duration::ZERO), "a trace needs a time longer than nothing");
        assert_eq!(
            refused(|ask| ask.pattern.clear()),
            "`` is no pattern; write a path such as `kernel/*` or `kernel/**:append`"
        );
        let many: Vec<Trace> = (0..16).map(|_| tree.trace(ask("**")).unwrap()).collect();
        assert_eq!(tree.trace(ask("**")).map(drop), Err(TraceError::TooMany));
        drop(many);
        assert!(tree.trace(ask("**")).is_ok());
        root.stop(SECOND).await;
    });
}

#[test]
fn it_ends_at_its_limit() {
    paused(async {
        let (root, a, _) = two().await;
        let mut trace = root.tree().trace(TraceAsk { limit: 3, ..ask("a") }).unwrap();
        (0..5).for_each(|_| note(&a));
        settle().await;
        assert_eq!(trace.end(), Some(TraceEnd::Limit), "also before anyone reads");
        assert_eq!(rest(&mut trace).await.len(), 3);
        assert_eq!(trace.next().await, None);
        root.stop(SECOND).await;
    });
}

#[test]
fn it_ends_when_too_much_matches_within_a_second() {
    paused(async {
        let (root, a, _) = two().await;
        let mut trace = root.tree().trace(TraceAsk { rate_max: 4, ..ask("a") }).unwrap();
        // Four in each second are well, however they lie in it.
        for _ in 0..20 {
            note(&a);
            tokio::time::sleep(SECOND / 4).await;
        }
        assert_eq!(trace.end(), None);
        (0..5).for_each(|_| note(&a));
        settle().await;
        assert_eq!(trace.end(), Some(TraceEnd::Rate { per_second: 4 }));
        assert_eq!(
            TraceEnd::Rate { per_second: 4 }.to_string(),
            "the trace ended: more than 4 messages matched in one second; narrow the pattern or raise the rate"
        );
        let seen = rest(&mut trace).await.len();
        assert!((20..24).contains(&seen), "{seen}: what came before is still shown");
        root.stop(SECOND).await;
    });
}

#[test]
fn it_ends_when_its_time_is_over() {
    paused(async {
        let (root, a, b) = two().await;
        let tree = root.tree();
        let mut waits = tree.trace(TraceAsk { within: 10 * SECOND, ..ask("a") }).unwrap();
        let busy = tree.trace(TraceAsk { within: 10 * SECOND, ..ask("k/b") }).unwrap();
        note(&a);
        assert!(waits.next().await.is_some());
        let began = tokio::time::Instant::now();
        assert_eq!(waits.next().await, None, "nothing more comes");
        assert!(began.elapsed() >= 9 * SECOND);
        assert_eq!(waits.end(), Some(TraceEnd::Time));
        note(&b);
        settle().await;
        assert_eq!(busy.end(), Some(TraceEnd::Time), "also when nobody waits for it");
        root.stop(SECOND).await;
    });
}

/// The reader sleeps; the actor never waits for it.
#[test]
fn it_ends_when_its_reader_is_too_slow() {
    paused(async {
        let (a, began) = (Handle::bounded(5_000), tokio::time::Instant::now());
        let spec = lenient(Strategy::OneForOne).with(plain("a", &a));
        let root = Root::start(spec, Seams::simulated()).await.unwrap();
        let wide = TraceAsk { limit: 100_000, rate_max: 1_000_000, ..ask("a") };
        let mut trace = root.tree().trace(wide).unwrap();
        (0..3_000).for_each(|_| note(&a));
        assert_eq!(a.call(Msg::Count, SECOND).await, Ok(3_001), "all are handled");
        assert_eq!(began.elapsed(), Duration::ZERO, "without waiting");
        assert_eq!(trace.end(), Some(TraceEnd::Slow));
        assert_eq!(rest(&mut trace).await.len(), 1_024);
        root.stop(SECOND).await;
    });
}

#[test]
fn two_at_once_see_what_is_theirs() {
    paused(async {
        let (root, a, b) = two().await;
        let tree = root.tree();
        let (mut all, mut notes) = (tree.trace(ask("**")).unwrap(), tree.trace(ask("a:note")).unwrap());
        note(&a);
        note(&b);
        assert_eq!(rest(&mut all).await.len(), 2);
        assert_eq!(rest(&mut notes).await.len(), 1);
        drop(all);
        note(&a);
        assert_eq!(rest(&mut notes).await.len(), 1, "the other goes on");
        root.stop(SECOND).await;
    });
}

#[test]
fn it_goes_on_over_a_restart_and_takes_in_who_comes_later() {
    paused(async {
        let (root, a, _) = two().await;
        let mut trace = root.tree().trace(ask("*")).unwrap();
        note(&a);
        a.cast(Msg::Fail).unwrap();
        settle().await;
        note(&a);
        let late = Handle::new();
        root.supervisor().start_child(plain("late", &late)).await.unwrap();
        note(&late);
        let seen: Vec<Traced> = rest(&mut trace).await;
        let seen: Vec<_> = seen.iter().filter(|seen| &*seen.path != "root" && &*seen.path != "k").collect();
        let said: Vec<_> = seen.iter().map(|seen| (&*seen.path, seen.kind, seen.ok)).collect();
        let expected =
            [("a", "note", true), ("a", "fail", false), ("a", "note", true), ("late", "note", true)];
        assert_eq!(said, expected);
        assert!(seen[2].incarnation > seen[0].incarnation);
        root.stop(SECOND).await;
    });
}

/// Counts how often it was asked for its fields.
struct Asked(Arc<AtomicU32>);

impl Inspect for Asked {
    fn kind(&self) -> &'static str {
        "asked"
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) < 2, "as told");
        vec![("long", "x".repeat(10_000))]
    }
}

struct Quiet;

impl Component for Quiet {
    type Msg = Asked;
    type State = ();
    async fn init(&self, _: Handle<Asked>) -> Result<(), Fault> {
        Ok(())
    }
    async fn handle(&self, _: &Handle<Asked>, _: Asked, (): &mut ()) -> Result<(), Fault> {
        Ok(())
    }
}

#[test]
fn nobody_is_asked_for_fields_who_is_not_traced() {
    paused(async {
        let (a, count) = (Handle::new(), Arc::new(AtomicU32::new(0)));
        let row = child("a", "", Restart::Permanent, SECOND, &a, || Quiet);
        let root = Root::start(lenient(Strategy::OneForOne).with(row), Seams::simulated()).await.unwrap();
        let tree = root.tree();
        let (tell, asked) = (|| a.cast(Asked(count.clone())).unwrap(), || count.load(Ordering::SeqCst));
        tell();
        settle().await;
        let other_kind = tree.trace(ask("a:other")).unwrap();
        tell();
        settle().await;
        assert_eq!(asked(), 0);
        let (mut one, two) = (tree.trace(ask("a")).unwrap(), tree.trace(ask("**")).unwrap());
        tell();
        let shown = one.next().await.unwrap();
        assert_eq!(asked(), 1, "once for all traces");
        assert!(shown.fields[0].1.len() < 300, "and it is cut");
        drop((one, two));
        tell();
        settle().await;
        assert_eq!(asked(), 1, "a dropped trace ends at once");
        drop(other_kind);
        let mut last = tree.trace(TraceAsk { limit: 2, ..ask("a") }).unwrap();
        tell();
        tell();
        settle().await;
        assert_eq!(
            (last.next().await.unwrap().fields.len(), last.next().await.unwrap().fields.len()),
            (1, 0)
        );
        tell();
        settle().await;
        assert_eq!(asked(), 3, "an ended one asks no more, and a panic in `fields` hurts nobody");
        assert_eq!(at(&tree.view(), "a").restarts, 0);
        root.stop(SECOND).await;
    });
}
