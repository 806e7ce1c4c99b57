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

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mm_core::id::Space;
use mm_supervision::{
    Backoff, ChildSpec, Event, Exit, Fault, Intensity, Restart, Strategy as Together, SupervisorHandle,
    SupervisorSpec, What, child, supervisor,
};

use crate::accounts::{Accounts, AccountsService};
use crate::alerts::{Alerts, AlertsService};
use crate::audit::{Audit, AuditService};
use crate::books::{Books, BooksService};
use crate::compliance::{Compliance, ComplianceService};
use crate::gateway::{Gateway, GatewayService};
use crate::limiter::{Limiter, LimiterService};
use crate::platforms::Platforms;
use crate::resources::{Probe, Resources, ResourcesService};
use crate::scheduler::{Scheduler, SchedulerService};
use crate::shared::Shared;
use crate::strategies::Strategies;
use crate::strategies::pool::{Mode, Pool};
use crate::tidy::{Tidy, TidyService};

/// The handles of all services.
#[derive(Clone)]
pub struct Services {
    /// What every service is handed.
    pub shared: Shared,
    /// Reads and verifies the chain.
    pub audit: Audit,
    /// The vault, when there is one.
    pub accounts: Accounts,
    /// Quotas and cool-downs.
    pub limiter: Limiter,
    /// Rules and permits.
    pub compliance: Compliance,
    /// Egress.
    pub platforms: Platforms,
    /// The road.
    pub gateway: Gateway,
    /// Opportunities.
    pub books: Books,
    /// The tick ledger.
    pub scheduler: Scheduler,
    /// The hosts.
    pub strategies: Strategies,
    /// What the owner should know.
    pub alerts: Alerts,
    /// Memory and disk.
    pub resources: Resources,
    /// Removes what is old.
    pub tidy: Tidy,
    kernel: SupervisorHandle,
    /// Why the kernel is down, if that is known.
    kernel_why: Arc<Mutex<Option<String>>>,
    upkeep: SupervisorHandle,
    pool: Pool,
    probe: Arc<dyn Probe>,
}

/// The kernel's name, which is its path as well.
const KERNEL: &str = "kernel";
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
        Self {
            audit: Audit::default(),
            accounts: Accounts::default(),
            limiter: Limiter::default(),
            compliance: Compliance::default(),
            platforms: Platforms::new(shared.clone()),
            gateway: Gateway::default(),
            books: Books::default(),
            scheduler: Scheduler::default(),
            strategies: Strategies::new(&shared),
            alerts: Alerts::default(),
            resources: Resources::default(),
            tidy: Tidy::default(),
            kernel: SupervisorHandle::new(),
            kernel_why: Arc::default(),
            upkeep: SupervisorHandle::new(),
            pool: Pool::new(shared.settings().concurrent_runs_max, mode, on_spent),
            probe,
            shared,
        }
    }

    /// Whether the kernel is up. If it is not, the machine is in safe mode: nothing goes out.
    pub fn kernel_is_up(&self) -> bool {
        self.kernel.is_running()
    }

    /// Why the kernel is down; `None` while it is up, or if nobody knows.
    pub fn kernel_why(&self) -> Option<String> {
        let why = self.kernel_why.lock().unwrap_or_else(PoisonError::into_inner).clone();
        why.filter(|_| !self.kernel_is_up())
    }

    /// Starts the kernel below a root that is up. A kernel that cannot start is no failure of the
    /// machine: it is in safe mode then.
    pub async fn start_kernel(&self, root: &SupervisorHandle) {
        match root.start_child(self.kernel_row()).await {
            Ok(_) => self.alerts.clear(&Space::machine(), SAFE_MODE),
            Err(error) => self.kernel_is_down(&Fault::from(error).reason),
        }
    }

    /// Looks out for the end of the kernel among the tree's events, and tells the owner of it.
    pub fn watch_kernel(&self, event: &Event) {
        match (&*event.path, &event.what) {
            (KERNEL, What::GaveUp { why }) => self.kernel_is_down(why),
            (KERNEL, What::Exited { exit: exit @ (Exit::Failed(_) | Exit::Panicked(_) | Exit::Killed) }) => {
                self.kernel_is_down(&exit.to_string());
            }
            _ => {}
        }
    }

    fn kernel_is_down(&self, why: &str) {
        *self.kernel_why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
        let why: String = why.chars().take(300).collect();
        let sentence = format!(
            "the kernel is down, so the machine is in safe mode and nothing goes out: {why}; mend it, then start \
             the daemon again"
        );
        self.alerts.raise(&Space::machine(), SAFE_MODE, sentence);
    }

    /// The row of the helpers that nothing depends on.
    pub fn upkeep_row(&self) -> ChildSpec {
        let (alerts, shared) = (self.alerts.clone(), self.shared.clone());
        let (resources, probe) = (self.resources.clone(), self.probe.clone());
        let tidy = TidyService { shared: shared.clone(), alerts: alerts.clone() };
        let spec = SupervisorSpec::new(Together::OneForOne, intensity())
            .with(permanent("alerts", "what the owner should know, each once", self.alerts.handle(), {
                let shared = shared.clone();
                move || AlertsService(shared.clone())
            }))
            .with(permanent("resources", "looks at memory and disk", self.resources.handle(), move || {
                ResourcesService {
                    shared: shared.clone(),
                    resources: resources.clone(),
                    probe: probe.clone(),
                    alerts: alerts.clone(),
                }
            }))
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
            .with(permanent("audit", "reads and verifies the audit chain", self.audit.handle(), {
                let shared = with();
                move || AuditService(shared.clone())
            }))
            .with(permanent("accounts", "fills credential slots", self.accounts.handle(), || AccountsService))
            .with(permanent("limiter", "keeps every quota, over restarts", self.limiter.handle(), {
                let shared = with();
                move || LimiterService(shared.clone())
            }))
            .with(permanent("compliance", "judges actions and mints permits", self.compliance.handle(), {
                let shared = with();
                move || ComplianceService(shared.clone())
            }))
            .with(self.platforms.row())
            .with(self.gateway_row())
            .with(permanent("books", "opportunities and the owner's decisions", self.books.handle(), {
                let shared = with();
                move || BooksService(shared.clone())
            }))
            .with(self.scheduler_row())
            .with(self.strategies.row(shared, &self.gateway, &self.alerts, &self.pool));
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
        };
        permanent("gateway", "walks every action down the one road", self.gateway.handle(), move || {
            service.clone()
        })
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
