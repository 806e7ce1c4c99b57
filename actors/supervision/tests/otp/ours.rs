//! Runs a script through this room's supervisor, on a paused clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_supervision::*;

use crate::script::{Death, Row, Script, Step, Stop, line};

/// What the children of one script saw.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    seen: Vec<String>,
    starts: BTreeMap<char, u32>,
    /// Whose end the step itself asked for; it is not written down.
    dying: Option<char>,
}

impl Log {
    fn ended(&self, mark: char, name: char) {
        let mut inner = self.0.lock().unwrap();
        if inner.dying == Some(name) {
            inner.dying = None;
        } else {
            inner.seen.push(format!("{mark}{name}"));
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().seen)
    }
}

enum Msg {
    Finish,
    Crash,
}

impl Inspect for Msg {
    fn kind(&self) -> &'static str {
        match self {
            Self::Finish => "finish",
            Self::Crash => "crash",
        }
    }
}

struct Player {
    row: Row,
    log: Log,
}

/// An incarnation's state; dropped without a stop, it was killed or crashed.
struct Alive {
    name: char,
    log: Log,
    stopped: bool,
}

impl Drop for Alive {
    fn drop(&mut self) {
        if !self.stopped {
            self.log.ended('~', self.name);
        }
    }
}

impl Component for Player {
    type Msg = Msg;
    type State = Alive;

    async fn init(&self, _me: Handle<Msg>) -> Result<Alive, Fault> {
        let mut inner = self.log.0.lock().unwrap();
        let nth = inner.starts.entry(self.row.name).or_default();
        *nth += 1;
        let (fails, name) = (self.row.failing.contains(nth), self.row.name);
        inner.seen.push(format!("{}{name}", if fails { '!' } else { '+' }));
        if fails {
            return Err(Fault::transient("not today"));
        }
        Ok(Alive { name, log: self.log.clone(), stopped: false })
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, _: &mut Alive) -> Result<(), Fault> {
        match msg {
            Msg::Finish => me.finish(),
            Msg::Crash => return Err(Fault::bug("as told")),
        }
        Ok(())
    }

    async fn stop(&self, mut state: Alive) {
        // Stubborn against its supervisor, not against itself.
        let own_wish = self.log.0.lock().unwrap().dying == Some(self.row.name);
        if self.row.stubborn && !own_wish {
            std::future::pending::<()>().await;
        }
        state.stopped = true;
        self.log.ended('-', self.row.name);
    }
}

/// A running script.
struct Play {
    root: Root,
    log: Log,
    /// Where messages go: to the child itself, or to the one below it.
    handles: BTreeMap<char, Handle<Msg>>,
    temporary: BTreeSet<char>,
}

/// The row as this room has it; a group becomes a supervisor that ends with its only child.
fn spec(row: &Row, log: &Log, handle: &Handle<Msg>) -> ChildSpec {
    let (made, name) = ((row.clone(), log.clone()), row.name.to_string());
    let make = move || Player { row: made.0.clone(), log: made.1.clone() };
    let mut spec = if row.group {
        let below = child("x", "", Restart::Transient, StopWithin::Unlimited, handle, make).significant();
        let inner = SupervisorSpec::new(Strategy::OneForOne, Intensity { max: 0, within: PERIOD })
            .with_auto_shutdown(AutoShutdown::AnySignificant)
            .with(below);
        supervisor(name, "", &SupervisorHandle::new(), inner)
    } else {
        child(name, "", row.restart, StopWithin::Unlimited, handle, make)
    };
    spec.restart = row.restart;
    spec.significant = row.significant;
    spec.stop_within = match row.stop {
        Stop::BrutalKill => StopWithin::Kill,
        Stop::Within(ms) => StopWithin::After(Duration::from_millis(ms.into())),
        Stop::Infinity => StopWithin::Unlimited,
    };
    spec
}

const PERIOD: Duration = Duration::from_secs(1_000_000);

/// Everything that follows has happened; no script waits for so long.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

impl Play {
    /// Who is known, in start order; `None` when the supervisor has ended.
    fn there(&self) -> Option<Vec<String>> {
        let up = |view: &ActorView| view.state == ActorState::Running;
        let shown = |view: &ActorView| if up(view) { view.path.clone() } else { format!("({})", view.path) };
        let ended = !self.root.supervisor().is_running();
        (!ended).then(|| self.root.view().children.iter().map(shown).collect())
    }

    fn is_up(&self, name: char) -> bool {
        self.there().is_some_and(|there| there.contains(&name.to_string()))
    }

    async fn step(&mut self, step: &Step) {
        let supervisor = self.root.supervisor();
        // What is refused is seen as nothing happening, as on the other side.
        match step {
            Step::Dies(name, how) if self.is_up(*name) => self.dies(*name, *how),
            Step::Terminate(name) if self.temporary.contains(name) => {
                drop(supervisor.remove_child(&name.to_string()).await);
            }
            Step::Terminate(name) => drop(supervisor.stop_child(&name.to_string()).await),
            Step::Restart(name) if !self.is_up(*name) => {
                drop(supervisor.restart_child(&name.to_string()).await);
            }
            Step::Delete(name) => drop(supervisor.remove_child(&name.to_string()).await),
            Step::Add(row) => {
                let handle = Handle::new();
                let added = supervisor.start_child(spec(row, &self.log, &handle)).await;
                if added.is_ok() {
                    self.handles.insert(row.name, handle);
                    self.temporary.remove(&row.name);
                    self.temporary.extend((row.restart == Restart::Temporary).then_some(row.name));
                }
            }
            Step::Dies(..) | Step::Restart(_) => {}
        }
        settle().await;
    }

    fn dies(&self, name: char, how: Death) {
        self.log.0.lock().unwrap().dying = Some(name);
        let handle = &self.handles[&name];
        match how {
            Death::Normal | Death::ShutdownTerm => handle.cast(Msg::Finish).unwrap(),
            Death::Crash | Death::Shutdown => handle.cast(Msg::Crash).unwrap(),
            Death::Kill => assert!(self.root.tree().kill(&name.to_string())),
        }
    }
}

/// What came of the script, a line each: the start, each step, and the stop if there is still one to do.
pub async fn run(script: &Script) -> Vec<String> {
    let (log, mut handles) = (Log::default(), BTreeMap::new());
    let intensity = Intensity { max: script.intensity, within: PERIOD };
    let mut top = SupervisorSpec::new(script.strategy, intensity).with_auto_shutdown(script.auto_shutdown);
    for row in &script.rows {
        top = top.with(spec(row, &log, handles.entry(row.name).or_default()));
    }
    let Ok(root) = Root::start(top, Seams::simulated()).await else {
        return vec![line(&log.take(), None)];
    };
    let is_temporary = |row: &&Row| row.restart == Restart::Temporary;
    let temporary = script.rows.iter().filter(is_temporary).map(|row| row.name).collect();
    let mut play = Play { root, log, handles, temporary };
    let mut lines = vec![line(&play.log.take(), play.there())];
    for step in &script.steps {
        play.step(step).await;
        let there = play.there();
        lines.push(line(&play.log.take(), there.clone()));
        if there.is_none() {
            return lines;
        }
    }
    play.root.stop(PERIOD).await;
    lines.push(line(&play.log.take(), None));
    lines
}

/// Runs a test on a current-thread runtime whose clock stands still until all wait.
pub fn paused(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(test);
}
