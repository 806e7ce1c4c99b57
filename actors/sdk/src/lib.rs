//! What a strategy author sees: the [`Strategy`] trait, its [`Context`], and a test kit.
//!
//! A strategy can only *propose*. It gets no socket, no file and no clock: what it needs from
//! outside it asks for with [`Context::act`], and the machine walks the road for it (rules,
//! limits, permit, record). What it finds and remembers is committed in one piece when its run
//! ends well; a run that fails leaves nothing half done.
//!
//! This guards against mistakes, not against malice: a strategy is compiled into the daemon.
#![forbid(unsafe_code)]

mod about;
mod context;
mod details;
mod earned;
mod fetch;
pub mod json;
mod page;
mod reconcile;
mod snapshot;
pub mod testing;

pub use about::{About, Check, Guide, GuideStep, How, Payout};
pub use async_trait::async_trait;
pub use context::{Act, Alert, Backend, Context, Decided, Draft, Drafts, Fault, Interrupt, Report, Strategy};
pub use details::Details;
pub use earned::Earned;
pub use fetch::{Fetch, Source};
pub use mm_core::Decimal;
pub use mm_core::action::{Action, ActionKind, Method, Request};
pub use mm_core::answer::{Answer, Validators};
pub use mm_core::blank;
pub use mm_core::digest::Digest;
pub use mm_core::error::{ErrorClass, has_marks_of_a_wall, is_of_its_own, words};
pub use mm_core::id::{AccountId, ActionId, OpportunityId, PlatformId, RunId, Space, StrategyId};
pub use mm_core::ledger::{Currency, Money, Stage};
pub use mm_core::moment::Moment;
pub use mm_core::opportunity::{Facts, Reward};
pub use mm_core::policy;
pub use mm_core::rule::{NEAR_CHARS, Shown, ShownLink, names_money};
pub use mm_core::run::{Refusal, SourceHealth, SourceReport, Trigger};
pub use mm_core::untrusted::Untrusted;
pub use mm_core::url::LogicalUrl;
pub use page::{BadLink, next_page};
pub use reconcile::{Finding, Reconciler, Sent};
pub use snapshot::{BadSnapshot, decode, encode};
