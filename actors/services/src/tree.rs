//! The tree as a table: what the machine is made of, in the order it starts.
//!
//! ```text
//! root                 one_for_one; never dies of a strategy
//! ├── admin            starts first, answers while all else is on fire (made by the machine)
//! ├── upkeep           one_for_one: alerts, resources
//! └── kernel           rest_for_one: what stands below depends on what stands above
//! ```
//!
//! The kernel is temporary below the root: when it has spent its own restarts it stays down and
//! the machine is in safe mode: the admin answers, nothing goes out.

use std::sync::Arc;
use std::time::Duration;

use mm_supervision::{
    Backoff, ChildSpec, Intensity, Restart, Strategy as Together, SupervisorHandle, SupervisorSpec, child,
    supervisor,
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
    kernel: SupervisorHandle,
    upkeep: SupervisorHandle,
    pool: Pool,
    probe: Arc<dyn Probe>,
}

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
            kernel: SupervisorHandle::new(),
            upkeep: SupervisorHandle::new(),
            pool: Pool::new(shared.settings.concurrent_runs_max, mode, on_spent),
            probe,
            shared,
        }
    }

    /// Whether the kernel is up. If it is not, the machine is in safe mode: nothing goes out.
    pub fn kernel_is_up(&self) -> bool {
        self.kernel.is_running()
    }

    /// The row of the helpers that nothing depends on.
    pub fn upkeep_row(&self) -> ChildSpec {
        let (alerts, shared) = (self.alerts.clone(), self.shared.clone());
        let (resources, probe) = (self.resources.clone(), self.probe.clone());
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
        let mut row =
            supervisor("kernel", "all that acts; each depends on those above it", &self.kernel, spec);
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
