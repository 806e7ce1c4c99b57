//! Runs. One actor a file, each a thin shell over what `core` decides and `store` remembers.
//!
//! Others know an actor by a small handle with typed methods; no message type leaves its file but
//! for the tree. Who may call whom is in [`calls`]; it has no cycle.

pub mod accounts;
pub mod alerts;
pub mod anchor;
pub mod approvals;
pub mod audit;
pub mod books;
pub mod budgets;
pub mod calls;
pub mod compliance;
pub mod crashes;
mod damage;
pub mod gateway;
pub mod health;
pub mod integrity;
pub mod kernel;
pub mod limiter;
mod message;
pub mod platforms;
pub mod privacy;
pub mod reconciler;
pub mod records;
pub mod resources;
pub mod scheduler;
mod shared;
pub mod strategies;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tidy;
pub mod transport;
pub mod tree;
pub mod trust;
mod waking;

pub use shared::{Installed, Live, Mask, RuleSource, Settings, Shared, StrategyFactory};
