//! The whole of the services, simulated: the checker sees the store, the audit chain and what the
//! outside was asked, over kills and restarts.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "services/alerts.rs"]
mod alerts;
#[path = "services/anchors.rs"]
mod anchors;
#[path = "services/approvals.rs"]
mod approvals;
#[path = "services/books.rs"]
mod books;
#[path = "services/breakers.rs"]
mod breakers;
#[path = "services/budgets.rs"]
mod budgets;
#[path = "services/chaos.rs"]
mod chaos;
#[path = "services/clocks.rs"]
mod clocks;
#[path = "services/commissions.rs"]
mod commissions;
#[path = "services/confidential.rs"]
mod confidential;
#[path = "services/crash.rs"]
mod crash;
#[path = "services/crashes.rs"]
mod crashes;
#[path = "services/credentials.rs"]
mod credentials;
#[path = "services/damage.rs"]
mod damage;
#[path = "services/decisions.rs"]
mod decisions;
#[path = "services/determinism.rs"]
mod determinism;
#[path = "services/ends.rs"]
mod ends;
#[path = "services/errors.rs"]
mod errors;
#[path = "services/gates.rs"]
mod gates;
#[path = "services/golden.rs"]
mod golden;
#[path = "services/health.rs"]
mod health;
#[path = "services/hours.rs"]
mod hours;
#[path = "services/isolation.rs"]
mod isolation;
#[path = "services/journal.rs"]
mod journal;
#[path = "services/ledger.rs"]
mod ledger;
#[path = "services/limits.rs"]
mod limits;
#[path = "services/marks.rs"]
mod marks;
#[path = "services/mending.rs"]
mod mending;
#[path = "services/oauth.rs"]
mod oauth;
#[path = "services/outcomes.rs"]
mod outcomes;
#[path = "services/payers.rs"]
mod payers;
#[path = "services/permits.rs"]
mod permits;
#[path = "services/plans.rs"]
mod plans;
#[path = "services/privacy.rs"]
mod privacy;
#[path = "services/quarantine.rs"]
mod quarantine;
#[path = "services/reconciler.rs"]
mod reconciler;
#[path = "services/redirects.rs"]
mod redirects;
#[path = "services/renewal.rs"]
mod renewal;
#[path = "services/reserved.rs"]
mod reserved;
#[path = "services/retries.rs"]
mod retries;
#[path = "services/road.rs"]
mod road;
#[path = "services/robots.rs"]
mod robots;
#[path = "services/rules.rs"]
mod rules;
#[path = "services/scheduler.rs"]
mod scheduler;
#[path = "services/slots.rs"]
mod slots;
#[path = "services/ssrf.rs"]
mod ssrf;
#[path = "services/strategies.rs"]
mod strategies;
#[path = "services/telling.rs"]
mod telling;
#[path = "services/tidying.rs"]
mod tidying;
#[path = "services/told.rs"]
mod told;
#[path = "services/trail.rs"]
mod trail;
#[path = "services/tree.rs"]
mod tree;
#[path = "services/vault.rs"]
mod vault;
#[path = "services/way.rs"]
mod way;
