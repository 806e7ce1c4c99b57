//! The resources service: looks at pressure, memory and disk from time to time, keeps the gates of
//! `core::gate` by what it sees, and tells the owner when the disk runs short or a gate stays closed. A
//! probe that cannot look says nothing; the figures are then unknown, and hold nothing.
//!
//! Past the second threshold of its own memory it has the run of lowest priority cancelled: one, and then it
//! looks again.
//!
//! It calls the alerts.

use mm_core::gate::{Gates, Gauge, State};
use mm_core::id::Space;
use mm_supervision::{Component, Fault, Handle, Inspect};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::alerts::Alerts;
use crate::shared::Shared;
use tokio::task::JoinSet;

pub use mm_core::gate::Look as Usage;

/// Below this the owner is told: room for some thousand commits and their copies.
const DISK_BYTES_LEAST: u64 = 200 << 20;
/// While a gate is closed, the next look comes no later than this: the pressure it is about is of 10 s.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// A gate that has been closed for so long is told.
pub const TOLD_AFTER: Duration = Duration::from_secs(600);

/// Looks at the machine it runs on.
pub trait Probe: Send + Sync {
    /// A look, now.
    fn look(&self) -> Usage;
}

/// Who runs what, told of looks.
pub trait Room: Send + Sync {
    /// There may be room again for who waits.
    fn opened(&self);
    /// Memory has to be had back: cancel the run of lowest priority, for this reason. Says whether there
    /// was one.
    fn cancel_least(&self, why: &str) -> bool;
}

/// The way to the resources service, and its last look.
#[derive(Clone, Default)]
pub struct Resources {
    handle: Handle<Msg>,
    last: Arc<Mutex<(Usage, Gates)>>,
}

/// What it is sent, by its own timer and for other settings: look now.
pub struct Msg;

impl Inspect for Msg {
    fn kind(&self) -> &'static str {
        "look"
    }
}

impl Resources {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.handle
    }

    /// Looks now, and then as often as the settings say now.
    pub fn look(&self) {
        // One that is down looks when it starts.
        drop(self.handle.cast(Msg));
    }

    /// What the last look saw.
    pub fn last(&self) -> Usage {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// How the gates stand after the last look.
    pub fn gates(&self) -> Gates {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

/// The service.
pub struct ResourcesService {
    /// What every service is handed.
    pub shared: Shared,
    /// Where the last look is shown.
    pub resources: Resources,
    /// Who looks.
    pub probe: Arc<dyn Probe>,
    /// Whose runs there are.
    pub room: Arc<dyn Room>,
    /// Tell the owner.
    pub alerts: Alerts,
}

impl Component for ResourcesService {
    type Msg = Msg;
    /// The timer to the next look; it ends with this life of the service, so that the next has one
    /// of its own and no more.
    type State = JoinSet<()>;

    async fn init(&self, me: Handle<Msg>) -> Result<JoinSet<()>, Fault> {
        // Whatever starts after it finds the gates as they are.
        self.take();
        drop(me.cast(Msg));
        Ok(JoinSet::new())
    }

    async fn handle(&self, me: &Handle<Msg>, _: Msg, timer: &mut JoinSet<()>) -> Result<(), Fault> {
        let usage = self.take();
        // A clock that was set while nothing happened is seen here.
        self.shared.trust.look();
        self.tell_disk(&usage);
        let tight = self.tell_gates(&usage);
        let usual = self.shared.settings().metrics_interval.max(Duration::from_secs(1));
        let (me, wait) = (me.clone(), if tight { usual.min(LOOK_AGAIN) } else { usual });
        timer.abort_all();
        while timer.try_join_next().is_some() {}
        timer.spawn(async move {
            tokio::time::sleep(wait).await;
            drop(me.cast(Msg));
        });
        Ok(())
    }
}

impl ResourcesService {
    /// Looks, and shows it.
    fn take(&self) -> Usage {
        let (usage, now) = (self.probe.look(), self.shared.now());
        let mut last = self.resources.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.0 = usage;
        last.1.look(&self.shared.settings().gates, &usage, now);
        usage
    }

    fn tell_disk(&self, usage: &Usage) {
        let space = Space::machine();
        match usage.disk_free_bytes {
            Some(free) if free < DISK_BYTES_LEAST => {
                let sentence = format!(
                    "only {} MiB are free on the disk of the data directory; make room before writing fails",
                    free >> 20
                );
                self.alerts.raise(&space, "disk", sentence);
            }
            Some(_) => self.alerts.clear(&space, "disk"),
            None => {}
        }
    }

    /// Tells of gates that stay closed, cancels a run if memory must be had back, and wakes who waits if
    /// nothing holds. Says whether anything holds.
    fn tell_gates(&self, usage: &Usage) -> bool {
        let (gates, now, space) = (self.resources.gates(), self.shared.now(), Space::machine());
        let cancels = self.shared.settings().gates.cancels(usage);
        let cancelled = cancels.as_ref().is_some_and(|why| self.room.cancel_least(why));
        // The disk has an alert of its own.
        for gate in gates.all().iter().filter(|gate| gate.gauge != Gauge::Disk) {
            let about = format!("gate/{}", gate.gauge.as_str());
            let long = now.since(gate.since) >= TOLD_AFTER || (cancelled && gate.gauge == Gauge::OwnMemory);
            match gate.state {
                State::Closed if long => {
                    let sentence = format!("no run is started: {}", gate.sentence());
                    self.alerts.raise(&space, about, sentence);
                }
                State::Closed => {}
                State::Open | State::Unknown | State::Off => self.alerts.clear(&space, about),
            }
        }
        let holds = gates.holds().is_some();
        if !holds {
            self.room.opened();
        }
        holds || cancels.is_some()
    }
}
