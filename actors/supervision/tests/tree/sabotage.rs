//! Every way to break an actor × every moment: it is done, it is seen, and the neighbour does not notice.

use std::sync::{Arc, Mutex};

use mm_supervision::*;

use crate::kit::*;

/// One planned sabotage of `a`, done once.
struct Plan(Mutex<Option<(When, How)>>);

impl Sabotage for Plan {
    fn plan(&self, path: &str, when: When, kind: Option<&'static str>) -> Option<How> {
        assert_eq!(kind.is_some(), when == When::Handle);
        let mut planned = self.0.lock().unwrap();
        let (_, how) = (*planned).filter(|&(at, _)| path == "a" && at == when)?;
        *planned = None;
        Some(how)
    }
}

async fn broken(when: When, how: How) -> (String, Vec<String>) {
    let (a, b, diary) = (Handle::new(), Handle::new(), Diary::default());
    let plan = Arc::new(Plan(Mutex::new(None)));
    let spec =
        lenient(Strategy::OneForOne).with(plain("a", &a).with_start_within(SECOND)).with(plain("b", &b));
    let root = Root::start(spec, diary.seams().with_sabotage(plan.clone())).await.unwrap();
    drop(diary.take());
    *plan.0.lock().unwrap() = Some((when, how));
    match when {
        When::Init => drop(root.tree().restart("a").await),
        When::Handle => {
            let _ = a.call(Msg::Count, SECOND).await;
            settle().await;
            if how == How::Hang {
                assert!(root.tree().kill("a"));
            }
        }
        When::Stop => root.tree().stop("a").await.unwrap(),
    }
    settle().await;
    assert_eq!(*plan.0.lock().unwrap(), None, "{when:?} {how:?} was not done");
    assert_eq!(b.call(Msg::Count, SECOND).await, Ok(1), "{when:?} {how:?}");
    let lines: Vec<String> = diary.take().into_iter().filter(|line| line.starts_with("a ")).collect();
    root.tree().restart("a").await.unwrap();
    assert_eq!(a.call(Msg::Count, SECOND).await, Ok(1), "{when:?} {how:?}: works again");
    assert!(root.stop(5 * SECOND).await.in_time);
    (format!("{when:?} {how:?}"), lines)
}

#[test]
fn each_way_at_each_moment_does_what_it_says() {
    paused(async {
        let spin = How::Spin(20 * MS);
        for (when, how, expected) in [
            (When::Init, How::Fail, "a could not start: sabotaged while in Init"),
            (When::Init, How::Panic, "a could not start: panicked: sabotaged while in Init"),
            (When::Init, How::Hang, "a could not start in time"),
            (When::Init, spin, "a started"),
            (When::Init, How::KillSelf, "a could not start"),
            (When::Handle, How::Fail, "a failed: sabotaged while in Handle"),
            (When::Handle, How::Panic, "a panicked: sabotaged while in Handle"),
            (When::Handle, How::Hang, "a killed"),
            (When::Handle, How::KillSelf, "a killed"),
            (When::Stop, How::Fail, "a failed: sabotaged while in Stop"),
            (When::Stop, How::Panic, "a panicked: sabotaged while in Stop"),
            (When::Stop, How::Hang, "a did not stop within 1s, killed"),
            (When::Stop, spin, "a stopped"),
            (When::Stop, How::KillSelf, "a killed"),
        ] {
            let (what, lines) = broken(when, how).await;
            assert!(lines.iter().any(|line| line.starts_with(expected)), "{what}: {lines:?}");
        }
        let (what, lines) = broken(When::Handle, spin).await;
        assert_eq!(lines, [""; 0], "{what}: it goes on with its own code");
    });
}
