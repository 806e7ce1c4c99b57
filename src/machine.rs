//! The machine: strategies, seams and settings put together and brought up as one tree.
//!
//! [`Machine::assemble`] is the only place where services meet what is outside them. A real machine
//! ([`crate::run`]) and a simulated one differ in the [`Seams`] they pass in and in nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mm_core::id::{PlatformId, Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::schedule::{BadSchedule, Hours, Schedule, Task};
use mm_core::seams::{SharedClock, SharedEntropy, SharedRng};
use mm_sdk::{About, Reconciler, Strategy};
use mm_services::accounts::{self, MasterKeys, Standings, Vault};
use mm_services::alerts::{Channel, boot};
use mm_services::audit::Evidence;
use mm_services::kernel::KERNEL;
use mm_services::reconciler::Reconcilers;
use mm_services::resources::Probe;
use mm_services::strategies::pool;
use mm_services::transport::Transport;
use mm_services::tree::Services;
use mm_services::trust::Trust;
use mm_services::{Installed, Live, RuleSource, Settings, Shared, StrategyFactory};
use mm_store::{BootBook, Change, NewEntry, Store};
use mm_supervision::{ChildSpec, Event, Intensity, Root, StartError, StopReport, SupervisorSpec, Tree};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::config::{Config, Strategy as StrategyConfig};
use steps::{Steps, starting};

/// The program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Changes the seams of the tree before it starts.
pub type TreeSeams = Arc<dyn Fn(mm_supervision::Seams) -> mm_supervision::Seams + Send + Sync>;

/// What is outside a machine, passed in at the root.
pub struct Seams {
    /// Time.
    pub clock: SharedClock,
    /// Salts and keys.
    pub entropy: SharedEntropy,
    /// Jitter and runs' seeds.
    pub rng: SharedRng,
    /// Who dials.
    pub transport: Arc<dyn Transport>,
    /// What remembers.
    pub store: Store,
    /// The rule packs.
    pub rules: Arc<dyn RuleSource>,
    /// Tells the owner of alerts.
    pub channel: Arc<dyn Channel>,
    /// What the audit trail is held against.
    pub evidence: Evidence,
    /// Where the vault's master key comes from.
    pub keys: Arc<dyn MasterKeys>,
    /// Looks at memory and disk.
    pub probe: Arc<dyn Probe>,
    /// Where runs execute.
    pub pool: pool::Mode,
    /// Called when one run too many could not be ended.
    pub on_runs_stuck: Arc<dyn Fn() + Send + Sync>,
    /// Told of everything that happens to the tree.
    pub events: Arc<dyn Fn(&Event) + Send + Sync>,
    /// Has the last word on the tree's own seams: how a test breaks actors. The usual one changes nothing.
    pub tree: TreeSeams,
    /// What is known of boots, and the kernel's own restart budget.
    pub boots: BootBook,
    /// Why the kernel must not start, if it must not: the machine comes up in safe mode then.
    pub hold: Option<String>,
}

/// The strategies a program is made of.
#[derive(Clone, Default)]
pub struct Machine {
    strategies: BTreeMap<StrategyId, StrategyFactory>,
    reconcilers: Reconcilers,
}

/// Why a machine cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// A schedule that does not parse; the configuration checks its own, this is a strategy's.
    #[error("the schedule that strategy `{0}` proposes is wrong")]
    Schedule(StrategyId, #[source] BadSchedule),
    /// The start could not be put on record.
    #[error("the start could not be put on record")]
    Record(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tree did not come up.
    #[error("the machine did not start")]
    Start(#[source] StartError),
}

impl Machine {
    /// A machine without strategies.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the strategies that come with the program.
    pub fn with_builtins(self) -> Self {
        self.with(mm_strategies::bug_bounty::BugBounty::default)
            .with(mm_strategies::affiliate::Affiliate::default)
            .with(mm_strategies::micro_tasks::MicroTasks::default)
            .with(mm_strategies::freelance_leads::FreelanceLeads::default)
            .with(mm_strategies::github_sponsors::GitHubSponsors::default)
            .with_reconciler(mm_strategies::github::reconcile::Comments)
            .with_reconciler(mm_strategies::freelancer::reconcile::Bids)
            .with_reconciler(mm_strategies::github_graphql::queries::Queries)
            .with_reconciler(mm_strategies::cj::questions::Questions)
    }

    /// With one more strategy; `make` gives a fresh value for each run.
    ///
    /// # Panics
    /// If the strategy's name is no slug: a mistake of its author, found at the first start.
    pub fn with<S: Strategy + 'static>(mut self, make: impl Fn() -> S + Send + Sync + 'static) -> Self {
        let name = make().about().name;
        let id = name.parse().unwrap_or_else(|bad| panic!("{bad}"));
        self.strategies.insert(id, Arc::new(move || Box::new(make()) as Box<dyn Strategy>));
        self
    }

    /// With one who can look up what became of a change at his platform.
    ///
    /// # Panics
    /// If the platform's name is no slug: a mistake of its author, found at the first start.
    pub fn with_reconciler(mut self, reconciler: impl Reconciler + 'static) -> Self {
        self.reconcilers = self.reconcilers.with(Arc::new(reconciler));
        self
    }

    /// A whole program: reads its arguments, runs one verb, and says how it ended.
    pub fn main(self) -> crate::exit::Exit {
        // A crash on record shows how it came to be.
        mm_supervision::catch_backtraces();
        crate::cli::main(&self, std::env::args_os())
    }

    /// The names of the strategies, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.strategies.keys().map(StrategyId::as_str).collect()
    }

    /// What each strategy says of itself.
    pub fn abouts(&self) -> Vec<About> {
        self.strategies.values().map(|make| make().about()).collect()
    }

    /// The configuration as the services see it.
    ///
    /// # Errors
    /// If a strategy proposes a schedule that does not parse.
    pub fn settings(
        &self,
        config: &Config,
        stamp: &'static str,
        scheduling: bool,
    ) -> Result<Settings, AssemblyError> {
        let zone = config.user.timezone.name();
        let mut strategies = BTreeMap::new();
        for (id, make) in &self.strategies {
            let own = config.strategies.get(id.as_str()).cloned().unwrap_or_default();
            let about = make().about();
            // The configuration checks its own: what does not parse is the strategy's proposal, and puts
            // that strategy aside alone.
            let (task, mistake) = match task(&own, about.schedule, zone) {
                Ok(task) => (task, None),
                Err(bad) => (never(), Some(format!("the schedule that it proposes is wrong: {bad}"))),
            };
            let schedule_text = own.schedule.unwrap_or_else(|| about.schedule.to_owned());
            let installed = Installed {
                make: make.clone(),
                enabled: own.enabled,
                priority: u32::from(own.priority),
                daily_actions_max: own.max_daily_actions,
                retries: own.retries,
                pays_within_days: about.guide.payout.days_max,
                task,
                schedule_text,
                place: own.config.origin("").map(ToString::to_string),
                mistake,
                config: serde_json::Value::Object(own.config.table),
            };
            strategies.insert(id.clone(), installed);
        }
        Ok(Settings {
            version: VERSION,
            stamp,
            country: config.user.location.as_ref().map(|country| country.as_str().to_owned()),
            hourly_rate: config.user.hourly_rate,
            strict: config.compliance.strict_mode,
            daily_actions_max: config.limits.max_daily_actions,
            concurrent_runs_max: usize::from(config.limits.max_concurrent_strategies),
            metrics_interval: config.monitoring.metrics_interval,
            gates: config.resources.thresholds(),
            platform_hours: platform_hours(config),
            strategies,
            reconcilers: self.reconcilers.clone(),
            scheduling,
            alerts: config.alerts.tell_settings(),
            audit: config.audit.settings(),
        })
    }

    /// Puts a machine together and starts it. `admin` makes the root's first child, which answers
    /// while all else is on fire. A kernel that cannot start is no error: the machine is up then, in
    /// safe mode, and `status` and `doctor` say why.
    ///
    /// # Errors
    /// [`AssemblyError`]; nothing is left running.
    pub async fn assemble(
        seams: Seams,
        settings: Settings,
        admin: impl FnOnce(&Services, Arc<OnceLock<Tree>>) -> Option<ChildSpec>,
    ) -> Result<Running, AssemblyError> {
        let shared = Shared {
            store: seams.store.clone(),
            clock: seams.clock.clone(),
            entropy: seams.entropy,
            rng: seams.rng.clone(),
            transport: seams.transport,
            rules: seams.rules,
            channel: seams.channel,
            evidence: seams.evidence,
            vault: Vault::new(seams.keys),
            standings: Standings::default(),
            settings: Live::new(settings),
            mask: |text| crate::logs::mask(text).into_owned(),
            trust: Trust::begin(&seams.store, &seams.clock),
            proved: Arc::default(),
            inbox: Arc::default(),
        };
        // A wrong key is told once, here, before anything is tried with it.
        let hold = seams.hold.or_else(|| accounts::hold(&shared));
        let last_sign = boot::last_sign_of_an_unclean_life(&shared.store)
            .map_err(|error| AssemblyError::Record(error.into()))?;
        note(&shared, boot::STARTED, &[]).await?;
        tell_of_last_end(&shared, last_sign).await?;
        let services = Services::new(shared.clone(), seams.probe, seams.pool, seams.on_runs_stuck)
            .with_book(seams.boots.clone());
        let steps = Arc::new(Steps::new(seams.boots));
        let place = Arc::new(OnceLock::new());
        let mut spec = SupervisorSpec::new(
            mm_supervision::Strategy::OneForOne,
            Intensity { max: 10, within: Duration::from_secs(60) },
        );
        if let Some(admin) = admin(&services, place.clone()) {
            spec = spec.with(admin);
        }
        spec = spec.with(services.upkeep_row());
        let (clock, mono, rng) = (seams.clock.clone(), seams.clock, seams.rng);
        let tree_seams = mm_supervision::Seams::new(
            Arc::new(move || clock.wall().unix_ms()),
            Arc::new(move || rng.unit()),
            Arc::new(services.budgets().clone()),
            watched(&services, seams.events, steps.clone()),
        )
        .with_mono_ns(Arc::new(move || u64::try_from(mono.mono().as_nanos()).unwrap_or(u64::MAX)))
        .with_mask(shared.mask);
        steps.doing("starting the admin and the helpers");
        let root = match Root::start(spec, (seams.tree)(tree_seams)).await {
            Ok(root) => root,
            Err(failed) => {
                // Who crashed is still on its way into the store.
                services.crashes.settled().await;
                return Err(AssemblyError::Start(failed));
            }
        };
        // Nobody else fills it: it is made above.
        let _ = place.set(root.tree());
        if hold.is_none() {
            steps.doing(&starting(KERNEL));
        }
        services.start_kernel(&root.supervisor(), hold).await;
        steps.over();
        let mut tasks = JoinSet::new();
        tasks.spawn(services.clone().look_after_kernel());
        go_on_erasing(&shared);
        Ok(Running { root, services, shared, _tasks: tasks })
    }
}

/// Goes on with what a crash cut off of an erasure. It is rare, and reads the whole store.
fn go_on_erasing(shared: &Shared) {
    if let Err(fault) = mm_services::privacy::resume(shared) {
        tracing::error!(
            why = fault.reason,
            "an erasure that was cut off does not go on; the next start tries it"
        );
    }
}

/// When a strategy runs as it is configured; `zone` is its owner's.
///
/// # Errors
/// If neither the configuration nor the strategy has a schedule that parses.
pub fn task(own: &StrategyConfig, proposed: &str, zone: &str) -> Result<Task, BadSchedule> {
    let text = own.schedule.as_deref().unwrap_or(proposed);
    own.rules.lay(&Task::plain(Schedule::parse(text, zone)?), None)
}

/// A task that is over.
pub(crate) fn never() -> Task {
    Task::plain(Schedule::at(Moment::from_unix_ms(0)))
}

/// The hours of platforms, in their own zones or the owner's. The configuration has checked each.
fn platform_hours(config: &Config) -> BTreeMap<PlatformId, Hours> {
    let zone = config.user.timezone.name();
    let parsed = config.platforms.iter().map(|(id, text)| Some((id.clone(), Hours::parse(text, zone).ok()?)));
    parsed.flatten().collect()
}

/// The sink of events, with an eye on crashes and on the kernel.
fn watched(
    services: &Services,
    told: Arc<dyn Fn(&Event) + Send + Sync>,
    steps: Arc<Steps>,
) -> Arc<dyn Fn(&Event) + Send + Sync> {
    let services = services.clone();
    Arc::new(move |event| {
        told(event);
        steps.watch(event);
        services.watch(event);
    })
}

/// Puts a start or a stop on record, with what else there is to say of it.
async fn note(shared: &Shared, kind: &str, more: &[(&str, Value)]) -> Result<(), AssemblyError> {
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| AssemblyError::Record(error);
    let mut payload = json!({
        "version": shared.settings().version,
        "stamp": shared.settings().stamp,
        "epoch": shared.store.epoch().0,
    });
    if let Value::Object(fields) = &mut payload {
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    let entry =
        NewEntry::new(shared.now(), &Space::machine(), kind, &payload).map_err(|e| wrong(e.into()))?;
    shared.store.commit(Change::new().audit(entry)).await.map_err(|e| wrong(e.into()))?;
    Ok(())
}

/// Tells the owner when a life that nobody stopped in order gave its last sign; without one, ends that
/// alert.
async fn tell_of_last_end(shared: &Shared, last_sign: Option<Moment>) -> Result<(), AssemblyError> {
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| AssemblyError::Record(error);
    let told =
        boot::tell(&shared.store, last_sign, shared.now()).map_err(|fault| wrong(fault.reason.into()))?;
    if !told.is_empty() {
        shared.store.commit(told).await.map_err(|e| wrong(e.into()))?;
    }
    Ok(())
}

/// A machine that is up.
pub struct Running {
    root: Root,
    /// Its services.
    pub services: Services,
    shared: Shared,
    /// They end with it.
    _tasks: JoinSet<()>,
}

impl Running {
    /// Its actors.
    pub fn tree(&self) -> Tree {
        self.root.tree()
    }

    /// Waits until the whole tree has given up.
    pub async fn ended(&self) -> mm_supervision::Exit {
        self.root.ended().await
    }

    /// Stops it in order, and puts that on record.
    pub async fn stop(self, within: Duration) -> StopReport {
        let report = self.root.stop(within).await;
        self.services.crashes.settled().await;
        let stopped = note(&self.shared, boot::STOPPED, &stopping::told(&report)).await;
        let told = match stopped {
            Ok(()) => tell_of_last_end(&self.shared, None).await,
            unwritten => unwritten,
        };
        mm_services::audit::at_stop(&self.shared).await;
        if let Err(error) = told {
            tracing::error!(error = %crate::exit::Chain(&error), "the stop is not on record");
        }
        report
    }
}

mod asking;
pub mod boots;
mod steps;
pub(crate) mod stopping;

#[cfg(test)]
mod tests;
