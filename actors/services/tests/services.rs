//! The whole of the services, simulated: the checker sees the store, the audit chain and what the
//! outside was asked, over kills and restarts.

#[path = "services/rules.rs"]
mod rules;
