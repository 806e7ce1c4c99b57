//! One life of the machine under test, and the questions a test asks it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mm_core::id::{Space, StrategyId};
use mm_core::run::{RunRecord, Trigger};
use mm_core::seams::{Clock, Rng, SharedClock};
use mm_store::{Record, Span, Store};
use mm_supervision::{Event, Intensity, Root, Seams, Strategy as Together, SupervisorSpec};

use super::seams::{Seeded, SimClock};
use super::{Bench, World};
use crate::accounts::{Standings, Vault};
use crate::audit::Evidence;
use crate::budgets::StoredBudgets;
use crate::records::{AlertRow, StrategyRow};
use crate::resources::{Probe, Usage};
use crate::shared::{Live, Shared};
use crate::strategies::pool::Mode;
use crate::tree::Services;
use crate::trust::Trust;

/// How long, in the machine's own time, a test waits for a state.
const PATIENCE: Duration = Duration::from_secs(3 * 86_400);

/// A running machine.
pub struct Machine {
    /// The services.
    pub services: Services,
    /// The tree.
    pub root: Root,
    /// The store.
    pub store: Store,
    /// The outside.
    pub world: World,
    clock: Arc<SimClock>,
    real: bool,
}

/// Sees what the test says.
struct Scripted(Arc<Mutex<Usage>>);

impl Probe for Scripted {
    fn look(&self) -> Usage {
        *self.0.lock().expect("not poisoned")
    }
}

impl Machine {
    pub(super) async fn start(bench: &Bench, clock: Arc<SimClock>, mode: Mode) -> Result<Self, String> {
        let chance = Arc::new(Seeded::new(bench.seed));
        let entropy = Arc::new(Seeded::new(bench.seed ^ 0xa11d));
        let options = bench.options(entropy.clone());
        let store = Store::open(options).map_err(|error| error.to_string())?;
        let shared = Shared {
            store: store.clone(),
            clock: clock.clone(),
            entropy,
            rng: chance.clone(),
            transport: Arc::new(bench.world.clone()),
            rules: Arc::new(bench.rules.clone()),
            channel: bench.channel.clone(),
            evidence: Evidence::in_memory(&bench.evidence),
            vault: Vault::new(Arc::new(bench.keys.clone())),
            standings: Standings::default(),
            settings: Live::new(bench.settings.clone()),
            mask: |text| text.replace(super::SECRET, "…"),
            trust: Trust::begin(&store, &(clock.clone() as SharedClock)),
            proved: Arc::default(),
            inbox: Arc::default(),
        };
        let services = Services::new(shared, Arc::new(Scripted(bench.look.clone())), mode, Arc::new(|| {}));
        let (wall, mono, jitter) = (clock.clone(), clock.clone(), chance);
        let told = services.clone();
        let seams = Seams::new(
            Arc::new(move || wall.now().unix_ms()),
            Arc::new(move || jitter.unit()),
            StoredBudgets::telling(store.clone(), &services.alerts),
            Arc::new(move |event: &Event| {
                event.log();
                told.watch(event);
            }),
        );
        let seams = match mode {
            Mode::Threads => seams,
            Mode::Inline => seams
                .with_mono_ns(Arc::new(move || u64::try_from(mono.mono().as_nanos()).unwrap_or(u64::MAX))),
        };
        let seams = seams.with_mask(|text| text.replace(super::SECRET, "…"));
        let seams = mm_supervision::Seams { sabotage: bench.sabotage.clone(), ..seams };
        let intensity = Intensity { max: 10, within: Duration::from_secs(60) };
        let spec = SupervisorSpec::new(Together::OneForOne, intensity)
            .with(services.upkeep_row())
            .with(services.kernel_row());
        let root = Root::start(spec, seams).await;
        services.crashes.settled().await;
        let root = root.map_err(|error| error.to_string())?;
        let real = mode == Mode::Threads;
        Ok(Self { services, root, store, world: bench.world.clone(), clock, real })
    }

    /// The time of day.
    pub fn now(&self) -> mm_core::moment::Moment {
        self.clock.now()
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Waits until `probe` holds.
    ///
    /// # Panics
    /// If it does not within three days of the machine's time (20 s of real time on threads).
    pub async fn until(&self, what: &str, mut probe: impl FnMut() -> bool) {
        let patience = if self.real { Duration::from_secs(20) } else { PATIENCE };
        let began = tokio::time::Instant::now();
        let mut wait = Duration::from_millis(1);
        while !probe() {
            assert!(began.elapsed() < patience, "waited in vain until {what}");
            tokio::time::sleep(wait).await;
            // Finely at first, so that a test can stop in the middle of things.
            if began.elapsed() > Duration::from_secs(60) {
                wait = Duration::from_millis(500);
            }
        }
    }

    /// Starts a run by the operator's word, waits for its end, and gives its record.
    ///
    /// # Panics
    /// If it does not start or end.
    pub async fn run(&self, id: &str) -> RunRecord {
        self.services.strategies.start(id, Trigger::Operator).await.expect("an answer").expect("a start");
        self.idle(id).await.expect("the run's record")
    }

    /// Waits until no run of `id` is under way; the last one's record.
    ///
    /// # Panics
    /// If the host does not answer.
    pub async fn idle(&self, id: &str) -> Option<RunRecord> {
        self.services.strategies.idle(id, PATIENCE).await.expect("an answer")
    }

    /// The strategy's own row.
    ///
    /// # Panics
    /// If there is none.
    pub fn strategy(&self, id: &str) -> StrategyRow {
        let row = self.store.get(&Space::default_owner(), id).expect("readable");
        row.expect("a row for the strategy").value
    }

    /// The name of an installed strategy.
    pub fn id(&self, id: &str) -> StrategyId {
        id.parse().expect("a strategy's name")
    }

    /// All rows of a kind in the owner's space, by id.
    ///
    /// # Panics
    /// If a row does not open.
    pub fn rows<R: Record>(&self) -> Vec<(String, R)> {
        rows(&self.store)
    }

    /// The alerts that are not over: what about, and the sentence.
    pub fn alerts(&self) -> Vec<(String, String)> {
        let mut all = rows::<AlertRow>(&self.store);
        let machine = self.store.scan::<AlertRow>(&Space::machine(), Span::all(), usize::MAX);
        all.extend(machine.expect("readable").rows.into_iter().map(|(id, row)| (id, row.value)));
        let open = all.into_iter().filter(|(_, row)| row.cleared_at.is_none());
        open.map(|(about, row)| (about, row.sentence)).collect()
    }

    /// The whole audit chain: kind and payload of each entry.
    pub fn audit(&self) -> Vec<(String, String)> {
        audit(&self.store)
    }

    /// The payloads of the audit entries of one kind.
    pub fn audit_of(&self, kind: &str) -> Vec<String> {
        self.audit().into_iter().filter(|(own, _)| own == kind).map(|(_, payload)| payload).collect()
    }
}

/// All rows of a kind in the owner's space.
///
/// # Panics
/// If a row does not open.
pub fn rows<R: Record>(store: &Store) -> Vec<(String, R)> {
    let found = store.scan::<R>(&Space::default_owner(), Span::all(), usize::MAX).expect("readable");
    assert!(found.damaged.is_empty(), "damaged rows: {:?}", found.damaged);
    found.rows.into_iter().map(|(id, row)| (id, row.value)).collect()
}

/// The whole audit chain of a store.
///
/// # Panics
/// If it does not verify.
pub fn audit(store: &Store) -> Vec<(String, String)> {
    assert!(store.audit_verify(1).expect("readable").is_whole(), "the audit chain is broken");
    let page = store.audit_range(1, usize::MAX).expect("readable");
    page.rows.into_iter().map(|row| (row.entry.kind, row.payload.text())).collect()
}
