//! From a failure to the next try: the child waits for its debit to be recorded, then for its back-off.
//!
//! The back-off runs from the failure, so a slow store costs only what it is slower than that. Whatever
//! ends the wait before its time makes a late answer or timer known by its generation.

use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::SupMsg;
use super::child::Child;
use crate::event::What;
use crate::handle::Handle;
use crate::tree::Standing;

#[derive(Default)]
pub(super) struct Wait {
    until: Until,
    generation: u64,
}

#[derive(Default)]
enum Until {
    /// It does not wait.
    #[default]
    Nothing,
    /// The debit is recorded; then until `due`.
    Recorded { due: Instant, why: String },
    /// The back-off is over, which the timer tells; without one the message is on its way.
    Due(Option<AbortHandle>),
}

impl Child {
    /// Counts one more failure and says how long to wait for the next start.
    pub(super) fn next_delay(&mut self) -> Duration {
        let backoff = self.spec.backoff;
        if self.started_at.take().is_some_and(|at| at.elapsed() >= backoff.forgive_after) {
            self.attempts = 0;
        }
        self.attempts = self.attempts.saturating_add(1);
        let jitter = (self.place.tree.inner.seams.jitter)();
        backoff.delay(self.attempts, jitter)
    }

    /// Waits for the debit. `why` is the failure it is for.
    pub(super) fn wait_for_debit(&mut self, delay: Duration, why: String) {
        self.cancel_wait();
        self.wait.until = Until::Recorded { due: Instant::now() + delay, why };
        self.show_wait(delay);
    }

    /// The debit is recorded: how much of the back-off is left. `None` if none was waited for.
    pub(super) fn debit_recorded(&mut self) -> Option<Duration> {
        let Until::Recorded { due, .. } = &self.wait.until else { return None };
        let left = due.saturating_duration_since(Instant::now());
        self.cancel_wait();
        Some(left)
    }

    /// Sends the supervisor a `Due` after `delay`.
    pub(super) fn wait(&mut self, delay: Duration, supervisor: &Handle<SupMsg>) {
        self.cancel_wait();
        let due = SupMsg::Due { key: self.key, generation: self.wait.generation };
        let timer = if delay.is_zero() {
            supervisor.push(due);
            None
        } else {
            let supervisor = supervisor.clone();
            let timer = tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                supervisor.push(due);
            });
            Some(timer.abort_handle())
        };
        self.wait.until = Until::Due(timer);
        self.show_wait(delay);
        self.place.emit(What::Restarting { within: delay, attempt: self.attempts });
    }

    fn show_wait(&self, delay: Duration) {
        self.place.stand(Standing::Restarting);
        let next_ms = self.place.tree.now_ms().saturating_add(milliseconds(delay));
        let attempt = self.attempts;
        self.place.node.tell(|story| {
            story.attempt = attempt;
            story.next_try_ms = Some(next_ms);
        });
    }

    pub(super) fn is_waiting(&self) -> bool {
        !matches!(self.wait.until, Until::Nothing)
    }

    /// The failure for which it waits for a debit.
    pub(super) fn awaits_debit(&self) -> Option<&str> {
        match &self.wait.until {
            Until::Recorded { why, .. } => Some(why),
            Until::Nothing | Until::Due(_) => None,
        }
    }

    /// Whether that timer is still the one that counts.
    pub(super) fn is_due(&self, generation: u64) -> bool {
        matches!(self.wait.until, Until::Due(_)) && self.wait.generation == generation
    }

    pub(super) fn cancel_wait(&mut self) {
        self.wait.generation += 1;
        if let Until::Due(Some(timer)) = std::mem::take(&mut self.wait.until) {
            timer.abort();
        }
    }
}

/// A duration in whole milliseconds, as clocks of the day count.
pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
