//! What an actor says of itself when asked, and what is known of one that does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mm_supervision::*;

use crate::kit::*;

enum Do {
    Add,
    Hang,
    Ask(Handle<Do>),
    AskBehind(Handle<Do>),
    Answer(Reply<()>),
}

impl Inspect for Do {
    fn kind(&self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Hang => "hang",
            Self::Ask(_) => "ask",
            Self::AskBehind(_) => "ask_behind",
            Self::Answer(_) => "answer",
        }
    }
}

#[derive(Clone, Default)]
struct Counter {
    panics: Arc<AtomicBool>,
}

impl Component for Counter {
    type Msg = Do;
    type State = Vec<u8>;

    async fn init(&self, _: Handle<Do>) -> Result<Vec<u8>, Fault> {
        Ok(Vec::new())
    }

    async fn handle(&self, _: &Handle<Do>, msg: Do, state: &mut Vec<u8>) -> Result<(), Fault> {
        match msg {
            Do::Add => state.extend([0; 1_000]),
            Do::Hang => std::future::pending().await,
            Do::Ask(other) => drop(other.call(Do::Answer, 60 * SECOND).await),
            Do::AskBehind(other) => {
                tokio::spawn(async move { other.call(Do::Answer, 60 * SECOND).await });
                tokio::time::sleep(60 * SECOND).await;
            }
            Do::Answer(reply) => {
                reply.send(());
            }
        }
        Ok(())
    }

    fn status(&self, state: &Vec<u8>) -> Vec<(&'static str, String)> {
        assert!(!self.panics.load(Ordering::SeqCst), "as told");
        vec![("bytes", state.len().to_string())]
    }

    fn memory_bytes(&self, state: &Vec<u8>) -> Option<u64> {
        Some(state.len() as u64)
    }
}

async fn started(names: &[&str], counter: &Counter) -> (Root, Vec<Handle<Do>>) {
    let handles: Vec<Handle<Do>> = names.iter().map(|_| Handle::new()).collect();
    let mut spec = lenient(Strategy::OneForOne);
    for (name, handle) in names.iter().zip(&handles) {
        let counter = counter.clone();
        spec = spec.with(child(*name, "", Restart::Permanent, SECOND, handle, move || counter.clone()));
    }
    (Root::start(spec, Seams::simulated()).await.unwrap(), handles)
}

fn fields(bytes: u64) -> StatusAnswer {
    StatusAnswer::Fields { fields: vec![("bytes", bytes.to_string())], memory_bytes: Some(bytes) }
}

#[test]
fn an_idle_actor_answers_and_nothing_is_counted() {
    paused(async {
        let (root, handles) = started(&["a"], &Counter::default()).await;
        let tree = root.tree();
        assert_eq!(tree.status("nobody", SECOND).await, None);
        assert_eq!(tree.status("a", SECOND).await, Some(fields(0)));
        handles[0].cast(Do::Add).unwrap();
        settle().await;
        assert_eq!(tree.status("a", SECOND).await, Some(fields(1_000)));
        let seen = tree.show("a").unwrap();
        assert_eq!((seen.view.messages_total, seen.view.mailbox_depth, seen.records.len()), (1, 0, 1));
        assert!(seen.view.memory_bytes.unwrap() > 1_000);
        tree.stop("a").await.unwrap();
        assert_eq!(tree.status("a", SECOND).await, Some(StatusAnswer::Down));
        root.stop(SECOND).await;
    });
}

#[test]
fn the_question_does_not_wait_behind_the_mail() {
    paused(async {
        let (root, handles) = started(&["a"], &Counter::default()).await;
        for _ in 0..100 {
            handles[0].cast(Do::Add).unwrap();
        }
        assert_eq!(root.tree().status("a", SECOND).await, Some(fields(0)), "before the first of them");
        root.stop(SECOND).await;
    });
}

#[test]
fn a_busy_one_does_not_answer_and_says_so() {
    paused(async {
        let (root, handles) = started(&["a"], &Counter::default()).await;
        let tree = root.tree();
        tokio::time::sleep(SECOND).await;
        handles[0].cast(Do::Hang).unwrap();
        tokio::time::sleep(SECOND).await;
        let busy = StatusAnswer::Busy { kind: Some("hang"), since_ms: 1_000 };
        for _ in 0..3 {
            assert_eq!(tree.status("a", SECOND).await, Some(busy.clone()));
        }
        assert!(tree.kill("a"));
        until("back", &tree, |view| at(view, "a").restarts == 1).await;
        assert_eq!(tree.status("a", SECOND).await, Some(fields(0)), "the next one answers");
        root.stop(SECOND).await;
    });
}

#[test]
fn a_panic_in_status_ends_nothing() {
    paused(async {
        let counter = Counter::default();
        let (root, handles) = started(&["a"], &counter).await;
        handles[0].cast(Do::Add).unwrap();
        counter.panics.store(true, Ordering::SeqCst);
        let panicked = StatusAnswer::Panicked { why: "as told".into() };
        assert_eq!(root.tree().status("a", SECOND).await, Some(panicked));
        counter.panics.store(false, Ordering::SeqCst);
        assert_eq!(root.tree().status("a", SECOND).await, Some(fields(1_000)), "the same state");
        root.stop(SECOND).await;
    });
}

#[test]
fn it_is_seen_whom_a_handler_waits_for() {
    paused(async {
        let (root, handles) = started(&["a", "b"], &Counter::default()).await;
        let [a, b] = &handles[..] else { panic!("two") };
        b.cast(Do::Hang).unwrap();
        tokio::time::sleep(SECOND).await;
        a.cast(Do::Ask(b.clone())).unwrap();
        tokio::time::sleep(SECOND).await;
        let waits = root.show("a").unwrap().waits_for;
        assert_eq!(waits, Some(Waiting { path: "b".into(), kind: "answer", since_ms: 1_000 }));
        assert_eq!(root.show("b").unwrap().waits_for, None);
        assert!(root.tree().kill("b"));
        settle().await;
        assert_eq!(root.show("a").unwrap().waits_for, None, "answered, or lost");

        // A kill in the middle takes it away too, and a task that a handler spawned is not the handler.
        b.cast(Do::Hang).unwrap();
        a.cast(Do::Ask(b.clone())).unwrap();
        settle().await;
        assert!(root.show("a").unwrap().waits_for.is_some());
        assert!(root.tree().kill("a"));
        settle().await;
        assert_eq!(root.show("a").unwrap().waits_for, None);
        a.cast(Do::AskBehind(b.clone())).unwrap();
        settle().await;
        assert_eq!(root.show("a").unwrap().waits_for, None);
        root.stop(5 * SECOND).await;
    });
}
