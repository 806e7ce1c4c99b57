//! Everything this room takes from outside: two clocks, jitter, the durable budgets, and where events go.
//!
//! Durations that decide anything (back-off, intensity, time-outs) come from `tokio::time`, so that a
//! paused runtime moves them. `mono_ns` only measures; `wall_ms` is only shown and recorded.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::{BudgetStore, MemoryBudgets};
use crate::event::Event;
#[cfg(feature = "testing")]
use crate::sabotage::Sabotage;

/// Milliseconds since 1970, UTC.
pub type WallMs = Arc<dyn Fn() -> i64 + Send + Sync>;
/// Nanoseconds of a clock that never goes back; where it starts does not matter.
pub type MonoNs = Arc<dyn Fn() -> u64 + Send + Sync>;
/// A number in `[0, 1)`, from the machine's seeded randomness.
pub type Jitter = Arc<dyn Fn() -> f64 + Send + Sync>;
/// Is told of everything that happens to the tree; must not block.
pub type EventSink = Arc<dyn Fn(&Event) + Send + Sync>;

/// Takes what looks like a secret out of a text.
pub type Mask = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// The seams of one machine's tree.
#[derive(Clone)]
pub struct Seams {
    /// For what is shown and recorded.
    pub wall_ms: WallMs,
    /// For meters and the watchdog.
    pub mono_ns: MonoNs,
    /// For the full jitter of back-offs.
    pub jitter: Jitter,
    /// Where restart budgets survive the process.
    pub budgets: Arc<dyn BudgetStore>,
    /// Where events go.
    pub events: EventSink,
    /// Passes over the words of every fault and panic, before anybody else sees them.
    pub mask: Mask,
    /// Who breaks actors on purpose; only in tests.
    #[cfg(feature = "testing")]
    pub sabotage: Option<Arc<dyn Sabotage>>,
}

impl Seams {
    /// Seams with the real monotonic clock for the meters.
    #[must_use]
    pub fn new(wall_ms: WallMs, jitter: Jitter, budgets: Arc<dyn BudgetStore>, events: EventSink) -> Self {
        Self {
            wall_ms,
            mono_ns: real_mono_ns(),
            jitter,
            budgets,
            events,
            mask: Arc::new(str::to_owned),
            #[cfg(feature = "testing")]
            sabotage: None,
        }
    }

    /// For tests and simulation: both clocks follow tokio's (so a paused runtime moves them) and begin
    /// at zero now; jitter is always one half, budgets are in memory, events go nowhere. Must be called
    /// inside a tokio runtime.
    #[must_use]
    pub fn simulated() -> Self {
        let began = tokio::time::Instant::now();
        Self {
            wall_ms: Arc::new(move || i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)),
            mono_ns: Arc::new(move || nanoseconds(began.elapsed())),
            jitter: Arc::new(|| 0.5),
            budgets: Arc::new(MemoryBudgets::default()),
            events: Arc::new(|_| {}),
            mask: Arc::new(str::to_owned),
            #[cfg(feature = "testing")]
            sabotage: None,
        }
    }

    /// The same seams with another monotonic clock.
    #[must_use]
    pub fn with_mono_ns(mut self, mono_ns: MonoNs) -> Self {
        self.mono_ns = mono_ns;
        self
    }

    /// The same seams with another mask.
    #[must_use]
    pub fn with_mask(mut self, mask: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.mask = Arc::new(mask);
        self
    }

    /// The same seams with someone who breaks actors.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_sabotage(mut self, sabotage: Arc<dyn Sabotage>) -> Self {
        self.sabotage = Some(sabotage);
        self
    }

    /// The same seams with another place for events.
    #[must_use]
    pub fn with_events(mut self, events: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.events = Arc::new(events);
        self
    }

    /// The same seams with another budget store.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Arc<dyn BudgetStore>) -> Self {
        self.budgets = budgets;
        self
    }
}

/// The machine's own monotonic clock, from the moment of the call.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one seam where this room reads the real clock")]
pub fn real_mono_ns() -> MonoNs {
    let began = std::time::Instant::now();
    Arc::new(move || nanoseconds(began.elapsed()))
}

/// A duration in whole nanoseconds, saturating after 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
