//! The tree as a table: what the machine is made of, in the order it starts.
//!
//! ```text
//! root                 one_for_one; never dies of a strategy
//! ├── admin            starts first, answers while all else is on fire (made by the machine)
//! ├── upkeep           one_for_one: alerts, resources, tidy
//! └── kernel           rest_for_one: what stands below depends on what stands above
//! ```
//!
//! The kernel is temporary below the root, and started after it: when it cannot start, or has spent
//! its own restarts, it stays down and the machine is in safe mode: the admin answers, nothing goes
//! out, and the owner is told why.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use mm_core::id::{Space, StrategyId};
use mm_store::{BootBook, Change, NewEntry};
use mm_supervision::{
    Backoff, ChildSpec, CommandError, Event, Exit, Fault, Intensity, Restart, Strategy as Together,
    SupervisorHandle, SupervisorSpec, What, child, supervisor,
};
use serde_json::json;
use tokio::sync::watch;

use crate::accounts::{Accounts, AccountsService};
use crate::alerts::{Alerts, AlertsService};
use crate::anchor::{Anchor, AnchorService};
use crate::approvals::{Approvals, ApprovalsService};
use crate::audit::{Audit, AuditService};
use crate::books::{Books, BooksService};
use crate::budgets::StoredBudgets;
use crate::compliance::{Compliance, ComplianceService};
use crate::crashes::Crashes;
use crate::gateway::{Gateway, GatewayService, Settling};
use crate::health::{Health, HealthService};
use crate::kernel::{BUDGET, Budgets, KERNEL};
use crate::limiter::{Limiter, LimiterService};
use crate::platforms::Platforms;
use crate::reconciler::{Reconciler, ReconcilerService};
use crate::resources::{Probe, Resources, ResourcesService};
use crate::scheduler::{Scheduler, SchedulerService};
use crate::shared::Shared;
use crate::strategies::Strategies;
use crate::strategies::gate::Gate;
use crate::strategies::pool::{Mode, Pool};
use crate::tidy::{Tidy, TidyService};

/// Why the kernel was not started by an operator's word.
#[derive(Debug, thiserror::Error)]
pub enum KernelNotStarted {
    /// It is on its way up.
    #[error("the machine is still starting; ask again")]
    Early,
    /// It runs.
    #[error("the kernel runs; one of its actors is restarted by its own path, which `actors tree` shows")]
    Up,
    /// The word could not be put on record, so it was not followed.
    #[error("it could not be put on record, so the kernel stays down")]
    Unrecorded(#[source] Boxed),
    /// It failed again.
    #[error("the kernel did not start: {0}")]
    Down(String),
    /// It runs, with what was counted against it.
    #[error(
        "the kernel runs, but its restart budget and its failed boots stay as they were; `actors budget clear \
         kernel` gives the budget back"
    )]
    NotCleared(#[source] Boxed),
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// The handles of all services.
#[derive(Clone)]
pub struct Services {
    /// What every service is handed.
    pub shared: Shared,
    /// Reads the end of the chain.
    pub audit: Audit,
    /// Whose credentials there are.
    pub accounts: Accounts,
    /// Quotas and cool-downs.
    pub limiter: Limiter,
    /// Rules and permits.
    pub compliance: Compliance,
    /// Egress.
    pub platforms: Platforms,
    /// The road.
    pub gateway: Gateway,
    /// Looks up what nobody saw the end of.
    pub reconciler: Reconciler,
    /// Tells checkpoints of the audit trail elsewhere.
    pub anchor: Anchor,
    /// Looks at accounts.
    pub health: Health,
    /// Opportunities.
    pub books: Books,
    /// The tick ledger.
    pub scheduler: Scheduler,
    /// The hosts.
    pub strategies: Strategies,
    /// The inbox.
    pub approvals: Approvals,
    /// What the owner should know.
    pub alerts: Alerts,
    /// Memory and disk.
    pub resources: Resources,
    /// Removes what is old.
    pub tidy: Tidy,
    /// The flight recorder.
    pub crashes: Crashes,
    kernel: SupervisorHandle,
    /// What the kernel stands below, once that is up.
    root: Arc<OnceLock<SupervisorHandle>>,
    budgets: Budgets,
    /// Whether the kernel is on its way up; so it is from the beginning.
    kernel_starts: Arc<watch::Sender<bool>>,
    /// Why the kernel is down, if that is known.
    kernel_why: Arc<Mutex<Option<String>>>,
    upkeep: SupervisorHandle,
    pool: Pool,
    gate: Gate,
    probe: Arc<dyn Probe>,
}

/// The kernel's children in the order they start.
const KERNEL_ROWS: [&str; 13] = [
    "audit",
    "accounts",
    "limiter",
    "compliance",
    "platforms",
    "gateway",
    "reconciler",
    "health",
    "anchor",
    "books",
    "scheduler",
    "strategies",
    "approvals",
];
/// What the alert on a kernel that is down is about.
const SAFE_MODE: &str = "safe-mode";
/// A service's usual time to stop: enough for an fsync on a slow disk.
const STOP_WITHIN: Duration = Duration::from_secs(10);

impl Services {
    /// Handles to services that are not yet started.
    pub fn new(
        shared: Shared,
        probe: Arc<dyn Probe>,
        mode: Mode,
        on_spent: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let (alerts, crashes) = (Alerts::default(), Crashes::new(&shared));
        shared.trust.tell_through(&alerts);
        let budgets = StoredBudgets::telling(shared.store.clone(), &alerts);
        let resources = Resources::default();
        let limiter = Limiter::default();
        let gate = Gate::new(&resources, &limiter);
        let held = gate.clone();
        let pool = Pool::new(shared.settings().concurrent_runs_max, mode, on_spent)
            .held_by(Arc::new(move || held.holds().is_some()));
        Self {
            audit: Audit::default(),
            accounts: Accounts::default(),
            limiter,
            compliance: Compliance::default(),
            platforms: Platforms::new(shared.clone()),
            gateway: Gateway::default(),
            reconciler: Reconciler::default(),
            anchor: Anchor::default(),
            health: Health::default(),
            books: Books::default(),
            scheduler: Scheduler::default(),
            strategies: Strategies::new(&shared, &alerts, &crashes),
            approvals: Approvals::default(),
            alerts,
            resources,
            tidy: Tidy::default(),
            crashes,
            kernel: SupervisorHandle::new(),
            root: Arc::default(),
            budgets: Budgets::new(budgets, BootBook::in_memory()),
            kernel_starts: Arc::new(watch::Sender::new(true)),
            kernel_why: Arc::default(),
            upkeep: SupervisorHandle::new(),
            pool,
            gate,
            probe,
            shared,
        }
    }

    /// Whether the kernel is up. If it is not, the machine is in safe mode: nothing goes out.
    pub fn kernel_is_up(&self) -> bool {
        self.kernel.is_running()
    }

    /// Whether the kernel is on its way up: some of its actors may run, others not yet.
    pub fn kernel_is_starting(&self) -> bool {
        *self.kernel_starts.borrow()
    }

    /// Waits until a kernel that is on its way up is up, or stays down.
    pub async fn kernel_started(&self) {
        // It never fails: the sender is right here.
        drop(self.kernel_starts.subscribe().wait_for(|starts| !starts).await);
    }

    /// Why the kernel is down; `None` while it is up, or if nobody knows.
    pub fn kernel_why(&self) -> Option<String> {
        let why = self.kernel_why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        why.filter(|_| !self.kernel_is_up())
    }

    /// The same with the kernel's restart budget in `book`, which outlives the process.
    #[must_use]
    pub fn with_book(self, book: BootBook) -> Self {
        let budgets = Budgets::new(StoredBudgets::telling(self.shared.store.clone(), &self.alerts), book);
        Self { budgets, ..self }
    }

    /// Strategies whose runs wait for a slot, the next one first.
    pub fn waiting_runs(&self) -> Vec<StrategyId> {
        self.pool.waiting()
    }

    /// Puts on record what became of an ambiguous change.
    pub fn settling(&self) -> Settling {
        Settling { shared: self.shared.clone(), alerts: self.alerts.clone() }
    }

    /// Every restart budget.
    pub fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Starts the kernel below a root that is up, if nothing stands against it: `hold` says what does.
    /// A kernel that cannot start is no failure of the machine: it is in safe mode then.
    pub async fn start_kernel(&self, root: &SupervisorHandle, hold: Option<String>) {
        // A machine has one root.
        drop(self.root.set(root.clone()));
        let budget = self.budgets.kernel();
        match hold.or_else(|| budget.is_spent().then(|| budget.sentence())) {
            Some(why) => self.kernel_is_down(&why),
            None => drop(self.bring_up_kernel(root).await),
        }
        self.kernel_starts.send_replace(false);
    }

    /// Starts a kernel that is down, by an operator's word, which is on the audit chain before it is
    /// done. Once it stands, and not before, failed boots are forgotten and the kernel's restart budget is
    /// whole again, which is on the chain as well.
    ///
    /// # Errors
    /// [`KernelNotStarted`].
    pub async fn start_kernel_by_operator(&self, reason: &str) -> Result<(), KernelNotStarted> {
        let root = self.root.get().ok_or(KernelNotStarted::Early)?;
        if self.kernel_is_starting() {
            return Err(KernelNotStarted::Early);
        }
        if self.kernel_is_up() {
            return Err(KernelNotStarted::Up);
        }
        let reason: String = reason.chars().take(300).collect();
        let payload = json!({ "reason": reason, "down": self.kernel_why(), "by": "owner" });
        self.note("kernel.start-ordered", &payload).await.map_err(KernelNotStarted::Unrecorded)?;
        self.kernel_starts.send_replace(true);
        let started = self.bring_up_kernel(root).await;
        self.kernel_starts.send_replace(false);
        started.map_err(KernelNotStarted::Down)?;
        self.clear_kernel(&reason).await.map_err(KernelNotStarted::NotCleared)
    }

    /// Makes good what was counted against a kernel that stands again, and says so on the audit chain.
    async fn clear_kernel(&self, reason: &str) -> Result<(), Boxed> {
        let spent = self.budgets.kernel().spent;
        let boots = self.budgets.book().read();
        let failed = boots.attempts.len() + boots.broke_off.len();
        self.kernel.give_own_back().await?;
        self.budgets.book().forgive()?;
        let payload = json!({
            "actor": KERNEL, "reason": reason, "by": "owner", "spent": spent, "failed_boots": failed,
        });
        self.note("budget.cleared", &payload).await
    }

    async fn note(&self, kind: &str, payload: &serde_json::Value) -> Result<(), Boxed> {
        let entry = NewEntry::new(self.shared.now(), &Space::machine(), kind, payload)?;
        self.shared.store.commit(Change::new().audit(entry)).await?;
        Ok(())
    }

    /// The kernel was stopped by an operator: safe mode, until it or the daemon is started again.
    pub fn kernel_was_stopped(&self, reason: &str) {
        self.kernel_is_down(&format!("an operator stopped it ({reason})"));
    }

    async fn bring_up_kernel(&self, root: &SupervisorHandle) -> Result<(), String> {
        let started = match root.start_child(self.kernel_row()).await {
            // An operator stopped it: it still has its place.
            Err(CommandError::AlreadyThere { .. }) => root.restart_child(KERNEL).await,
            started => started.map(drop),
        };
        match started {
            Ok(()) => {
                self.alerts.clear(&Space::machine(), SAFE_MODE);
                Ok(())
            }
            Err(error) => {
                let why = Fault::from(error).reason;
                self.kernel_is_down(&why);
                Err(why)
            }
        }
    }

    /// Gives the kernel's restart budget back after proven work: a run that succeeded. That it was merely
    /// up proves nothing. For a task of its own; it never ends.
    pub async fn look_after_kernel(self) {
        loop {
            self.shared.proved.notified().await;
            let spent = self.budgets.kernel().spent;
            if spent == 0 || !self.kernel_is_up() {
                continue;
            }
            // By its supervisor, which keeps count of it too.
            match self.kernel.give_own_back().await {
                Ok(()) => tracing::info!(spent, "the kernel's restart budget is whole again"),
                Err(error) => tracing::warn!(%error, "the kernel's restart budget was not given back"),
            }
        }
    }

    /// Configuration that was read again is in the settings: tells those who keep some of it.
    pub fn configured(&self) {
        self.pool.resize(self.shared.settings().concurrent_runs_max);
        self.strategies.configured();
        self.scheduler.wake();
    }

    /// Looks at all that happens to the tree: keeps crashes, and tells the owner of the kernel's end.
    pub fn watch(&self, event: &Event) {
        // First: whoever starts again must find what its crash was about.
        self.strategies.watch(event);
        self.crashes.sink(event);
        self.watch_kernel(event);
    }

    /// Looks out for the end of the kernel among the tree's events, and tells the owner of it.
    pub fn watch_kernel(&self, event: &Event) {
        self.budgets.watch(event);
        match (&*event.path, &event.what) {
            (KERNEL, What::GaveUp { why }) => self.kernel_is_down(why),
            (
                KERNEL,
                What::Exited {
                    exit:
                        exit @ (Exit::Failed(_)
                        | Exit::Panicked(_)
                        | Exit::Killed
                        | Exit::StartFailed(_)
                        | Exit::StartTimedOut),
                },
            ) => {
                self.kernel_is_down(&exit.to_string());
            }
            _ => {}
        }
    }

    fn kernel_is_down(&self, why: &str) {
        *self.kernel_why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
        let why: String = why.chars().take(300).collect();
        let sentence = format!(
            "the kernel is down, so the machine is in safe mode and nothing goes out: {why}; mend it, then \
             `actors restart kernel --reason WHY`"
        );
        self.alerts.raise(&Space::machine(), SAFE_MODE, sentence);
    }

    /// The row of the helpers that nothing depends on.
    pub fn upkeep_row(&self) -> ChildSpec {
        let (alerts, shared) = (self.alerts.clone(), self.shared.clone());
        let (resources, probe, room) = (self.resources.clone(), self.probe.clone(), self.pool.clone());
        let tidy = TidyService { shared: shared.clone(), alerts: alerts.clone() };
        let spec = SupervisorSpec::new(Together::OneForOne, intensity())
            .with(permanent("alerts", "what the owner should know, each once", self.alerts.handle(), {
                let (shared, alerts) = (shared.clone(), alerts.clone());
                move || AlertsService(shared.clone(), alerts.clone())
            }))
            .with(permanent(
                "resources",
                "looks at pressure, memory and disk",
                self.resources.handle(),
                move || ResourcesService {
                    shared: shared.clone(),
                    resources: resources.clone(),
                    probe: probe.clone(),
                    room: Arc::new(room.clone()),
                    alerts: alerts.clone(),
                },
            ))
            .with(permanent("tidy", "removes what is old, once a day", self.tidy.handle(), move || {
                tidy.clone()
            }));
        supervisor("upkeep", "helpers that nothing depends on", &self.upkeep, spec)
    }

    /// The row of the kernel: each depends on those above it.
    pub fn kernel_row(&self) -> ChildSpec {
        let shared = &self.shared;
        let with = || shared.clone();
        let spec = SupervisorSpec::new(Together::RestForOne, intensity())
            .with_budget(BUDGET)
            .with(permanent("audit", "reads the audit trail", self.audit.handle(), {
                let shared = with();
                move || AuditService(shared.clone())
            }))
            .with(permanent("accounts", "keeps credentials and fills their slots", self.accounts.handle(), {
                let service = AccountsService { shared: with(), platforms: self.platforms.clone() };
                move || service.clone()
            }))
            .with(permanent("limiter", "keeps every quota, over restarts", self.limiter.handle(), {
                let (shared, limiter, alerts) = (with(), self.limiter.clone(), self.alerts.clone());
                move || LimiterService {
                    shared: shared.clone(),
                    limiter: limiter.clone(),
                    alerts: alerts.clone(),
                }
            }))
            .with(permanent("compliance", "judges actions and mints permits", self.compliance.handle(), {
                let (shared, alerts) = (with(), self.alerts.clone());
                move || ComplianceService { shared: shared.clone(), alerts: alerts.clone() }
            }))
            .with(self.platforms.row())
            .with(self.gateway_row())
            .with(self.reconciler_row())
            .with(self.health_row())
            .with(self.anchor_row())
            .with(permanent("books", "opportunities and the owner's decisions", self.books.handle(), {
                let (shared, alerts) = (with(), self.alerts.clone());
                move || BooksService { shared: shared.clone(), alerts: alerts.clone() }
            }))
            .with(self.scheduler_row())
            .with(self.strategies.row(shared, &self.gateway, &self.alerts, &self.pool, &self.gate))
            .with(self.approvals_row());
        let mut row = supervisor(KERNEL, "all that acts; each depends on those above it", &self.kernel, spec);
        row.restart = Restart::Temporary;
        row
    }

    fn gateway_row(&self) -> ChildSpec {
        let service = GatewayService {
            shared: self.shared.clone(),
            compliance: self.compliance.clone(),
            limiter: self.limiter.clone(),
            platforms: self.platforms.clone(),
            accounts: self.accounts.clone(),
            alerts: self.alerts.clone(),
            troubles: Default::default(),
            acts: Default::default(),
        };
        permanent("gateway", "walks every action down the one road", self.gateway.handle(), move || {
            service.clone()
        })
    }

    fn reconciler_row(&self) -> ChildSpec {
        let service = ReconcilerService {
            shared: self.shared.clone(),
            gateway: self.gateway.clone(),
            alerts: self.alerts.clone(),
        };
        let about = "looks up changes whose end nobody saw";
        permanent("reconciler", about, self.reconciler.handle(), move || service.clone())
    }

    fn health_row(&self) -> ChildSpec {
        let service = HealthService {
            shared: self.shared.clone(),
            gateway: self.gateway.clone(),
            alerts: self.alerts.clone(),
        };
        permanent("health", "looks whether accounts are well", self.health.handle(), move || service.clone())
    }

    fn anchor_row(&self) -> ChildSpec {
        let service = AnchorService {
            shared: self.shared.clone(),
            gateway: self.gateway.clone(),
            alerts: self.alerts.clone(),
        };
        let about = "tells checkpoints of the audit trail elsewhere";
        permanent("anchor", about, self.anchor.handle(), move || service.clone())
    }

    fn approvals_row(&self) -> ChildSpec {
        let service = ApprovalsService {
            shared: self.shared.clone(),
            gateway: self.gateway.clone(),
            strategies: self.strategies.clone(),
            alerts: self.alerts.clone(),
        };
        let about = "the inbox, and what was said yes to";
        permanent("approvals", about, self.approvals.handle(), move || service.clone())
    }

    fn scheduler_row(&self) -> ChildSpec {
        let (shared, strategies, alerts) =
            (self.shared.clone(), self.strategies.clone(), self.alerts.clone());
        permanent("scheduler", "the tick ledger and its alarm clock", self.scheduler.handle(), move || {
            SchedulerService {
                shared: shared.clone(),
                strategies: strategies.clone(),
                alerts: alerts.clone(),
            }
        })
    }
}

/// The kernel's child that starts after the one at `path`; the first after the kernel's own path.
/// `None` if there is none, or `path` is neither.
pub fn next_in_kernel(path: &str) -> Option<String> {
    let next = match path.strip_prefix(KERNEL)?.strip_prefix('/') {
        None => KERNEL_ROWS.first(),
        Some(name) => {
            let at = KERNEL_ROWS.iter().position(|row| *row == name)?;
            KERNEL_ROWS.get(at + 1)
        }
    };
    next.map(|name| format!("{KERNEL}/{name}"))
}

fn intensity() -> Intensity {
    Intensity { max: 10, within: Duration::from_secs(60) }
}

fn permanent<C, F>(name: &str, about: &str, handle: &mm_supervision::Handle<C::Msg>, make: F) -> ChildSpec
where
    C: mm_supervision::Component,
    F: Fn() -> C + Send + Sync + 'static,
{
    child(name, about, Restart::Permanent, STOP_WITHIN, handle, make)
        .with_backoff(Backoff::between(Duration::from_millis(20), Duration::from_secs(10)))
}
