//! Proposes: the built-in strategies, and the connectors that they share.
//!
//! A strategy sees the world through `mm_sdk` alone: no socket, no file, no clock, no thread. That
//! is kept by the list of dependencies, by `forbid(unsafe_code)` and by the test
//! `tests/boundary.rs`. It guards against mistakes, not malice.
#![forbid(unsafe_code)]

pub mod affiliate;
mod asker;
pub mod awin;
pub mod bug_bounty;
pub mod cj;
mod elements;
pub mod feeds;
pub mod freelance_leads;
pub mod freelancer;
pub mod github;
pub mod github_graphql;
pub mod github_sponsors;
pub mod hackernews;
pub mod hackerone;
pub mod impact;
pub mod intigriti;
pub mod markup;
pub mod micro_tasks;
pub mod network;
pub mod reading;
pub mod remoteok;
mod settings;
pub mod site;
mod snapshots;
pub mod yeswehack;
