//! The whole of the services, simulated: the checker sees the store, the audit chain and what the
//! outside was asked, over kills and restarts.

#[path = "services/errors.rs"]
mod errors;
#[path = "services/journal.rs"]
mod journal;
#[path = "services/limits.rs"]
mod limits;
#[path = "services/permits.rs"]
mod permits;
#[path = "services/redirects.rs"]
mod redirects;
#[path = "services/rules.rs"]
mod rules;
