//! A component that does what it is told, and a diary of what its tree went through.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_supervision::*;

pub const SECOND: Duration = Duration::from_secs(1);
pub const MS: Duration = Duration::from_millis(1);

pub enum Msg {
    /// Answers with the number of messages this incarnation handled.
    Count(Reply<u64>),
    /// Answers after a while.
    Slow(Duration, Reply<()>),
    /// Drops the reply and goes on.
    Forget(Reply<()>),
    /// Casts `Note` to itself on its own behalf.
    Relay,
    Note(&'static str),
    Fail,
    Panic,
    Finish,
    /// Awaits for ever.
    Hang,
}

impl Inspect for Msg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::Slow(..) => "slow",
            Self::Forget(_) => "forget",
            Self::Relay => "relay",
            Self::Note(_) => "note",
            Self::Fail => "fail",
            Self::Panic => "panic",
            Self::Finish => "finish",
            Self::Hang => "hang",
        }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Note(note) => vec![("note", (*note).to_owned())],
            _ => Vec::new(),
        }
    }

    fn action(&self) -> Option<String> {
        matches!(self, Self::Relay).then(|| "act-1".to_owned())
    }
}

/// How a puppet says goodbye, and how often it cannot start.
#[derive(Clone, Default)]
pub struct Script {
    pub failing_starts: Arc<AtomicU32>,
    pub panicking_starts: Arc<AtomicU32>,
    pub slow_start: Duration,
    pub slow_stop: Duration,
    pub panicking_stop: bool,
    /// How many states of this puppet exist now, and the most there ever were at once.
    pub alive: Arc<(AtomicU32, AtomicU32)>,
}

pub struct Puppet(pub Script);

pub struct Alive(Arc<(AtomicU32, AtomicU32)>, u64);

impl Alive {
    fn new(count: &Arc<(AtomicU32, AtomicU32)>) -> Self {
        let now = count.0.fetch_add(1, Ordering::SeqCst) + 1;
        count.1.fetch_max(now, Ordering::SeqCst);
        Self(count.clone(), 0)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A name to look for in a backtrace.
#[inline(never)]
fn falls_over() {
    panic!("as told");
}

fn take_one(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Component for Puppet {
    type Msg = Msg;
    type State = Alive;

    async fn init(&self, _me: Handle<Msg>) -> Result<Alive, Fault> {
        let state = Alive::new(&self.0.alive);
        if !self.0.slow_start.is_zero() {
            tokio::time::sleep(self.0.slow_start).await;
        }
        if take_one(&self.0.failing_starts) {
            return Err(Fault::transient("not today"));
        }
        assert!(!take_one(&self.0.panicking_starts), "cannot even begin");
        Ok(state)
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut Alive) -> Result<(), Fault> {
        state.1 += 1;
        match msg {
            Msg::Count(reply) => {
                reply.send(state.1);
            }
            Msg::Slow(long, reply) => {
                tokio::time::sleep(long).await;
                reply.send(());
            }
            Msg::Forget(reply) => drop(reply),
            Msg::Relay => me.cast(Msg::Note("relayed")).unwrap(),
            Msg::Note(_) => {}
            Msg::Fail => return Err(Fault::bug("as told")),
            Msg::Panic => falls_over(),
            Msg::Finish => me.finish(),
            Msg::Hang => std::future::pending().await,
        }
        Ok(())
    }

    async fn stop(&self, state: Alive) {
        if !self.0.slow_stop.is_zero() {
            tokio::time::sleep(self.0.slow_stop).await;
        }
        assert!(!self.0.panicking_stop, "no goodbye");
        drop(state);
    }
}

/// A row for a puppet.
pub fn puppet(name: &str, restart: Restart, handle: &Handle<Msg>, script: Script) -> ChildSpec {
    child(name, "does what it is told", restart, SECOND, handle, move || Puppet(script.clone()))
}

/// A plain permanent puppet.
pub fn plain(name: &str, handle: &Handle<Msg>) -> ChildSpec {
    puppet(name, Restart::Permanent, handle, Script::default())
}

/// Many restarts allowed.
pub fn lenient(strategy: Strategy) -> SupervisorSpec {
    SupervisorSpec::new(strategy, Intensity { max: 1_000, within: SECOND })
}

/// What the tree went through, a line each.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub fn seams(&self) -> Seams {
        let lines = self.0.clone();
        Seams::simulated().with_events(move |event| {
            if !matches!(event.what, What::Crashed(_)) {
                lines.lock().unwrap().push(format!("{} {}", event.path, event.what));
            }
        })
    }

    /// With the time in milliseconds in front.
    pub fn timed_seams(&self) -> Seams {
        let lines = self.0.clone();
        Seams::simulated().with_events(move |event| {
            lines.lock().unwrap().push(format!("{} {} {}", event.at_ms, event.path, event.what));
        })
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    pub fn text(&self) -> String {
        self.take().into_iter().map(|line| line + "\n").collect()
    }
}

/// Runs a test on a current-thread runtime whose clock stands still until all wait.
pub fn paused(test: impl Future<Output = ()>) {
    quiet_panics();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(test);
}

/// Panics that were ordered ("as told") are not printed.
pub fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let told = ["as told", "cannot even begin", "no goodbye", "no factory", "sabotaged"];
            if !told.iter().any(|told| info.payload_as_str().is_some_and(|text| text.contains(told))) {
                usual(info);
            }
        }));
    });
}

/// Waits until `seen` holds for the tree; says what it last saw if it never does.
pub async fn until(what: &str, tree: &Tree, seen: impl Fn(&ActorView) -> bool) {
    for _ in 0..200_000 {
        if seen(&tree.view()) {
            return;
        }
        tokio::time::sleep(MS / 10).await;
    }
    panic!("never {what}; last seen: {:#?}", tree.view());
}

pub fn at<'a>(view: &'a ActorView, path: &str) -> &'a ActorView {
    view.flatten().into_iter().find(|view| view.path == path).unwrap_or_else(|| panic!("no {path}"))
}

/// Everything that is ready to run has run.
pub async fn settle() {
    tokio::time::sleep(5 * MS).await;
}
