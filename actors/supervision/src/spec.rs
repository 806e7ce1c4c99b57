//! The tree as a table: what there is, in which order it starts, what comes back, how long a stop may
//! take, and what each is for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::backoff::Backoff;
use crate::budget::Budget;
use crate::component::Component;
use crate::decide::{AutoShutdown, Restart, Strategy};
use crate::fault::Exit;
use crate::handle::Handle;
use crate::host::{self, Launch};
use crate::intensity::Intensity;
use crate::life::Life;
use crate::meter::Meter;
use crate::supervisor::{Supervisor, SupervisorHandle};

/// How long an ordered stop may take before the child is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopWithin {
    /// Killed at once (OTP's `brutal_kill`).
    Kill,
    /// So long.
    After(Duration),
    /// As long as it takes (OTP's `infinity`); right for supervisors, whose children have their own.
    Unlimited,
}

impl From<Duration> for StopWithin {
    fn from(within: Duration) -> Self {
        Self::After(within)
    }
}

pub(crate) type Factory = Arc<dyn Fn(Launch) -> BoxFuture<'static, Result<Life, Exit>> + Send + Sync>;

/// One row of the table. Made by [`child`] or [`supervisor`]; the `with_` methods change what most rows
/// leave as it is.
#[derive(Clone)]
pub struct ChildSpec {
    /// Its name below its supervisor; may hold a `/` to group (`default/bug-bounty`).
    pub name: String,
    /// What it is for, in one line.
    pub about: String,
    /// When it comes back.
    pub restart: Restart,
    /// How long an ordered stop may take.
    pub stop_within: StopWithin,
    /// How long `init` may take.
    pub start_within: Duration,
    /// Whether its own end counts for its supervisor's [`AutoShutdown`]. Permanent children cannot be.
    pub significant: bool,
    /// How long to wait before restarts.
    pub backoff: Backoff,
    /// Restarts of its own, durable. With one, the child's failures never count against its supervisor;
    /// spent, it is tripped and stays down.
    pub budget: Option<Budget>,
    /// Whether it is the operator's way in: it cannot be isolated, and starts even when the store cannot say
    /// how it stood.
    pub way_in: bool,
    pub(crate) meter: Arc<Meter>,
    pub(crate) supervises: Option<SupervisorHandle>,
    pub(crate) start: Factory,
}

impl ChildSpec {
    /// With another limit for `init` than 30 seconds.
    #[must_use]
    pub fn with_start_within(mut self, within: Duration) -> Self {
        self.start_within = within;
        self
    }

    /// With waits before restarts.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// With a durable budget of its own.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// It is the operator's way in, see [`ChildSpec::way_in`].
    #[must_use]
    pub fn as_way_in(mut self) -> Self {
        self.way_in = true;
        self
    }

    /// Its own end counts for its supervisor's [`AutoShutdown`].
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.significant = true;
        self
    }
}

impl std::fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .field("restart", &self.restart)
            .field("stop_within", &self.stop_within)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// A row for a component. `make` is called for each incarnation; `handle` leads to all of them.
pub fn child<C, F>(
    name: impl Into<String>,
    about: impl Into<String>,
    restart: Restart,
    stop_within: impl Into<StopWithin>,
    handle: &Handle<C::Msg>,
    make: F,
) -> ChildSpec
where
    C: Component,
    F: Fn() -> C + Send + Sync + 'static,
{
    let (to, make) = (handle.clone(), Arc::new(make));
    ChildSpec {
        name: name.into(),
        about: about.into(),
        restart,
        stop_within: stop_within.into(),
        start_within: Duration::from_secs(30),
        significant: false,
        backoff: Backoff::NONE,
        budget: None,
        way_in: false,
        meter: handle.meter(),
        supervises: None,
        start: Arc::new(move |launch| {
            let (to, make) = (to.clone(), make.clone());
            Box::pin(host::launch(move || make(), to, launch))
        }),
    }
}

/// What a supervisor looks after, and how.
#[derive(Clone, Debug)]
pub struct SupervisorSpec {
    /// Who is restarted with whom.
    pub strategy: Strategy,
    /// How many restarts it allows.
    pub intensity: Intensity,
    /// When it ends because its work has.
    pub auto_shutdown: AutoShutdown,
    /// Restarts of its children that it can afford until work is proved, durable; on top of `intensity`.
    pub budget: Option<Budget>,
    /// The children it starts with, in start order. More can come later.
    pub children: Vec<ChildSpec>,
}

impl SupervisorSpec {
    /// A supervisor without children.
    #[must_use]
    pub fn new(strategy: Strategy, intensity: Intensity) -> Self {
        Self { strategy, intensity, auto_shutdown: AutoShutdown::Never, budget: None, children: Vec::new() }
    }

    /// With one more child, started after those it already has.
    #[must_use]
    pub fn with(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// With another rule for when it ends by itself.
    #[must_use]
    pub fn with_auto_shutdown(mut self, policy: AutoShutdown) -> Self {
        self.auto_shutdown = policy;
        self
    }

    /// With a durable budget for its children's restarts.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }
}

/// A row for a supervisor below a supervisor: permanent, stopped without limit of its own, as each of
/// its children has one.
pub fn supervisor(
    name: impl Into<String>,
    about: impl Into<String>,
    handle: &SupervisorHandle,
    spec: SupervisorSpec,
) -> ChildSpec {
    let (to, spec) = (handle.inner().clone(), Arc::new(spec));
    ChildSpec {
        name: name.into(),
        about: about.into(),
        restart: Restart::Permanent,
        stop_within: StopWithin::Unlimited,
        // Its start is the start of all below it, each with a limit of its own.
        start_within: Duration::from_secs(600),
        significant: false,
        backoff: Backoff::NONE,
        budget: None,
        way_in: false,
        meter: to.meter(),
        supervises: Some(handle.clone()),
        start: Arc::new(move |launch| {
            let (to, spec, place) = (to.clone(), spec.clone(), launch.place.clone());
            Box::pin(host::launch(move || Supervisor::new(spec, place), to, launch))
        }),
    }
}
