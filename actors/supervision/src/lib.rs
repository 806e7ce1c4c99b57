//! Revives: OTP-style supervisors, the host, envelopes and inspection. Knows no money.
//!
//! Business code implements [`Component`]; a [`Handle`] leads to it and outlives its restarts; rows made
//! by [`child`] and [`supervisor`] form the tree that [`Root::start`] brings up in order and
//! [`Root::stop`] takes down in reverse. Supervisors follow OTP's rules, with back-off, durable restart
//! budgets ([`BudgetStore`]) and reports on top. Everything can be seen without asking anyone
//! ([`Tree::view`], [`Tree::show`]), an actor can be asked what it shows of its state ([`Tree::status`]),
//! its messages watched live ([`Tree::trace`]), and the way of one action followed ([`Tree::hops`]).
//!
//! It may touch tokio and nothing else: clocks, jitter, budgets and the sink for events come in through
//! [`Seams`]. The one thing it keeps for the whole process is a panic hook, and only if asked
//! ([`catch_backtraces`]). It works on a current-thread runtime with a paused clock, and does the same
//! there twice.
//!
//! What fails ends as OTP would have it: a fault, panic or kill ends one incarnation, drops its mailbox
//! (recorded, by kind) and lets a pending call return [`CallError::Lost`]; nothing is ever sent twice. A
//! supervisor whose restarts are spent fails to its parent; a child with a budget of its own is tripped
//! instead and stays down, visibly.
//!
//! ```
//! use std::time::Duration;
//! use mm_supervision::*;
//!
//! enum Msg { Add(u64), Total(Reply<u64>), Crash }
//!
//! impl Inspect for Msg {
//!     fn kind(&self) -> &'static str {
//!         match self { Self::Add(_) => "add", Self::Total(_) => "total", Self::Crash => "crash" }
//!     }
//! }
//!
//! struct Adder { from: u64 }
//!
//! impl Component for Adder {
//!     type Msg = Msg;
//!     type State = u64;
//!
//!     async fn init(&self, _me: Handle<Msg>) -> Result<u64, Fault> {
//!         Ok(self.from)
//!     }
//!
//!     async fn handle(&self, _me: &Handle<Msg>, msg: Msg, total: &mut u64) -> Result<(), Fault> {
//!         match msg {
//!             Msg::Add(more) => *total += more,
//!             Msg::Total(reply) => { reply.send(*total); }
//!             Msg::Crash => return Err(Fault::bug("as told")),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let adder = Handle::new();
//! let spec = SupervisorSpec::new(Strategy::OneForOne, Intensity { max: 3, within: Duration::from_secs(5) })
//!     .with(child("adder", "adds up", Restart::Permanent, Duration::from_secs(1), &adder, || Adder { from: 100 }));
//! let root = Root::start(spec, Seams::simulated()).await.unwrap();
//!
//! let within = Duration::from_secs(1);
//! adder.cast(Msg::Add(7)).unwrap();
//! assert_eq!(adder.call(Msg::Total, within).await, Ok(107));
//!
//! adder.cast(Msg::Crash).unwrap();
//! while root.view().children[0].restarts == 0 { tokio::task::yield_now().await; }
//!
//! // The same handle leads to the next incarnation, whose state is fresh.
//! assert_eq!(adder.call(Msg::Total, within).await, Ok(100));
//! let seen = &root.view().children[0];
//! assert_eq!(seen.last_cause.as_deref(), Some("failed: as told"));
//! assert_eq!(root.stop(Duration::from_secs(5)).await.stragglers, vec![]);
//! # });
//! ```

mod backoff;
mod budget;
mod component;
pub mod decide;
mod envelope;
mod event;
mod fault;
mod handle;
mod hops;
mod host;
mod inspect;
mod intensity;
mod life;
mod meter;
mod near;
pub mod panics;
mod poll;
mod progress;
mod reply;
mod root;
#[cfg(feature = "testing")]
mod sabotage;
mod scope;
mod seams;
mod seat;
mod spec;
mod status;
mod supervisor;
mod sync;
mod trace;
mod tree;
mod watchdog;

pub use backoff::Backoff;
pub use budget::{
    Budget, BudgetError, BudgetStanding, BudgetStore, MemoryBudgets, RESTARTS_KEPT, Restarted, WHY_MAX,
};
pub use component::Component;
pub use decide::{AutoShutdown, Restart, Strategy};
pub use event::{Event, What};
pub use fault::{Cause, Exit, ExitKind, Fault};
pub use handle::{DEFAULT_BOUND, Handle};
pub use hops::Hop;
pub use inspect::Inspect;
pub use intensity::{Intensity, Verdict, Window};
pub use meter::{Fields, Histogram, KindCount, LeftMessage, Meter, Quantiles, Record};
pub use panics::{Backtrace, Panic, catch_backtraces};
pub use progress::{Limits, Stuck};
pub use reply::{CallError, Reply, Undelivered};
pub use root::{Root, StartError, StopReport};
#[cfg(feature = "testing")]
pub use sabotage::{How, Sabotage, When};
pub use scope::{Heir, Inherit, inherit, take_hops_here};
pub use seams::{EventSink, Jitter, Mask, MonoNs, Seams, WallMs, real_mono_ns};
pub use spec::{ChildSpec, StopWithin, SupervisorSpec, child, supervisor};
pub use status::StatusAnswer;
pub use supervisor::{CommandError, Started, SupervisorHandle};
pub use trace::{TRACE_LIMIT_MAX, Trace, TraceAsk, TraceEnd, TraceError, Traced};
pub use tree::{
    ActorDetail, ActorState, ActorView, CrashReport, ROOT, RecordView, Straggler, Tree, Waiting, rfc3339,
};
pub use watchdog::Watchdog;
