//! The resources service: looks at memory and disk from time to time, and tells the owner when
//! the disk runs short. A probe that cannot look says nothing; the figures are then unknown.
//!
//! It calls the alerts.

use mm_core::id::Space;
use mm_supervision::{Component, Fault, Handle, Inspect};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::alerts::Alerts;
use crate::shared::Shared;
use tokio::task::JoinSet;

/// Below this the owner is told: room for some thousand commits and their copies.
const DISK_BYTES_LEAST: u64 = 200 << 20;

/// Looks at the machine it runs on.
pub trait Probe: Send + Sync {
    /// A look, now.
    fn look(&self) -> Usage;
}

/// What a look saw; `None` where it could not be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Resident memory of this process, in bytes.
    pub resident_bytes: Option<u64>,
    /// Free bytes on the disk that holds the data directory.
    pub disk_free_bytes: Option<u64>,
}

/// The way to the resources service, and its last look.
#[derive(Clone, Default)]
pub struct Resources {
    handle: Handle<Msg>,
    last: Arc<Mutex<Usage>>,
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
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Tell the owner.
    pub alerts: Alerts,
}

impl Component for ResourcesService {
    type Msg = Msg;
    /// The timer to the next look; it ends with this life of the service, so that the next has one
    /// of its own and no more.
    type State = JoinSet<()>;

    async fn init(&self, me: Handle<Msg>) -> Result<JoinSet<()>, Fault> {
        drop(me.cast(Msg));
        Ok(JoinSet::new())
    }

    async fn handle(&self, me: &Handle<Msg>, _: Msg, timer: &mut JoinSet<()>) -> Result<(), Fault> {
        let usage = self.probe.look();
        // A clock that was set while nothing happened is seen here.
        self.shared.trust.look();
        *self.resources.last.lock().unwrap_or_else(PoisonError::into_inner) = usage;
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
        let (me, wait) = (me.clone(), self.shared.settings().metrics_interval.max(Duration::from_secs(1)));
        timer.abort_all();
        while timer.try_join_next().is_some() {}
        timer.spawn(async move {
            tokio::time::sleep(wait).await;
            drop(me.cast(Msg));
        });
        Ok(())
    }
}
