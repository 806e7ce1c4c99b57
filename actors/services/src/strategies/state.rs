//! What a host is and what it knows: its own parts, its row, and the run of the moment.
//!
//! It touches nothing. A run whose host dies is fenced off here, however the host died.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mm_core::id::{RunId, Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::run::RunRecord;
use mm_sdk::About;
use mm_supervision::{Reply, SupervisorHandle};

use super::gate::Gate;
use super::hand::{Hand, Place};
use super::pool::{Pool, Ticket};
use crate::alerts::Alerts;
use crate::crashes::Crashes;
use crate::gateway::{Fence, Gateway};
use crate::records::{RetryRow, StrategyRow};
use crate::shared::{Installed, Shared};

/// One strategy's host.
#[derive(Clone)]
pub struct Host {
    pub(super) space: Space,
    pub(super) id: StrategyId,
    /// As it was when the machine started.
    pub(super) installed: Installed,
    pub(super) shared: Shared,
    pub(super) gateway: Gateway,
    pub(super) alerts: Alerts,
    pub(super) pool: Pool,
    pub(super) gate: Gate,
    pub(super) above: SupervisorHandle,
    pub(super) crashes: Crashes,
    /// What its run has in hand, over its incarnations.
    pub(super) place: Place,
}

impl Host {
    /// How it is installed and configured now. A run goes on with what it began with.
    pub(super) fn installed(&self) -> Installed {
        let now = self.shared.settings().strategies.get(&self.id).cloned();
        now.unwrap_or_else(|| self.installed.clone())
    }
}

/// What a host knows.
pub struct State {
    pub(super) row: StrategyRow,
    pub(super) version: Option<u64>,
    /// What the strategy says of itself, asked once; `None` if it does not bear being asked.
    pub(super) about: Option<About>,
    pub(super) put_aside: Option<String>,
    /// Rows of this strategy do not open: until they are mended nothing is written.
    pub(super) damaged: bool,
    pub(super) current: Option<Current>,
    /// A run that was cut off and waits at the gate to be taken up again, and for what.
    pub(super) parked: Option<(RunId, String)>,
    /// What is to begin at a time of its own; as it is on record.
    pub(super) retry: Option<RetryRow>,
    pub(super) waiting: Vec<Reply<Option<RunRecord>>>,
    pub(super) last: Option<RunRecord>,
    /// When the pause was said, if in this life: by the wall clock, and in time since boot.
    pub(super) pause_said: Option<(Moment, Duration)>,
    /// The newest timer of a pause.
    pub(super) pause_timer: u64,
}

impl State {
    /// With no run of the moment, and nothing asked yet.
    pub(super) fn of(row: StrategyRow, version: Option<u64>) -> Self {
        Self {
            row,
            version,
            about: None,
            put_aside: None,
            damaged: false,
            current: None,
            parked: None,
            retry: None,
            waiting: Vec::new(),
            last: None,
            pause_said: None,
            pause_timer: 0,
        }
    }

    /// Whether an operator has taken the strategy out of use.
    pub(super) fn isolated(&self) -> bool {
        matches!(self.row.breaker.state(), mm_core::breaker::State::Isolated { .. })
    }
}

/// The run of the moment.
pub(super) struct Current {
    pub(super) run: RunRecord,
    pub(super) version: u64,
    pub(super) generation: u64,
    pub(super) acts: Arc<AtomicU32>,
    pub(super) fence: Fence,
    pub(super) hand: Hand,
    pub(super) ticket: Ticket,
    pub(super) pool: Pool,
}

impl Current {
    /// The run's record with all that it did.
    pub(super) fn all(&self) -> RunRecord {
        let here = self.acts.load(Ordering::Relaxed);
        RunRecord { actions: self.run.actions.saturating_add(here), ..self.run.clone() }
    }
}

impl Drop for Current {
    /// Over for the machine: its thread can do nothing more, and its slot is given again. That is so
    /// too when the host died, was killed or stopped with the run under way.
    fn drop(&mut self) {
        self.fence.close();
        self.pool.let_go(self.ticket);
    }
}
