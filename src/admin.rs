//! The admin: what an operator can ask and say, over HTTP on a Unix socket of the data directory.
//!
//! | | |
//! |---|---|
//! | `GET /status` | what runs, since when, what waits for its owner |
//! | `GET /doctor` | everything that can be looked at, with what to do |
//! | `GET /config` | the configuration this daemon runs with, and where each value came from |
//! | `GET /actors`, `GET /actors/show?path=P` | the actor tree; one actor |
//! | `GET /actors/status?path=P` | what an actor says of itself |
//! | `GET /actors/trace?pattern=P&limit=N&rate=R&for_ms=T` | live messages: JSON lines, the last `{"end": SENTENCE}` |
//! | `POST /actors/restart`, `/stop`, `/isolate`, `/release`, `/clear-budget` | `{"path": P, "reason": TEXT}` |
//! | `GET /actions?run=R&status=S&limit=N`, `GET /actions/ID` | outward acts, the newest first |
//! | `POST /actions/ID/settle` | `{"happened": true or false, "reason": TEXT}`; what became of one that may have happened |
//! | `GET /actions/ID/way` | the way of one, from actor to actor |
//! | `GET /crashes?actor=P&limit=N`, `GET /crashes/ID` | what was written down when actors died |
//! | `GET /strategies`, `GET /strategies/NAME` | strategies; one with its guide |
//! | `POST /strategies/NAME/run` | starts a run now |
//! | `POST /strategies/NAME/pause` | `{"reason": TEXT, "until": TIME, "for": SPAN}`; until then or until resumed |
//! | `POST /strategies/NAME/isolate` | `{"reason": TEXT}`; no run starts, until resumed |
//! | `POST /strategies/NAME/resume`, `/enable`, `/disable` | the owner's word, durable |
//! | `GET /strategies/NAME/quarantine` | inputs that are set aside |
//! | `POST /strategies/NAME/quarantine/retry`, `/drop` | `{"input": ID}` |
//! | `GET /schedule`, `GET /schedule/TASK` | when strategies are due, by which rules; one with its next ticks |
//! | `GET /schedule/next?task=T&count=N`, `GET /schedule/TASK/why?at=TIME` | ticks to come; what became of one |
//! | `GET /schedule/TASK/preview?schedule=S&…` | how it would be with what is said |
//! | `POST /schedule/TASK/set`, `/cancel` | `{"schedule", "timezone", "missed", …}` or `{"default": true}`; nothing |
//! | `GET /limits`, `GET /limits/PLATFORM` | what is left of quotas, cool-downs, breakers |
//! | `POST /limits/PLATFORM/isolate`, `/release` | `{"account": A or null, "kind": K or null, "reason": TEXT}` |
//! | `GET /opportunities?state=&kind=&platform=&baseline=&sort=&limit=` | chances to earn, the best first |
//! | `GET /opportunities/ID` | one |
//! | `POST /opportunities/ID/accept`, `/dismiss` | the owner's decision |
//! | `GET /accounts`, `GET /accounts/PLATFORM/NAME` | accounts, without their secrets |
//! | `GET /accounts/copy` | the vault as it is sealed, for a drill |
//! | `POST /accounts/PLATFORM/NAME/add` | `{"kind", "email", "handle", "secrets": {NAME: SECRET}}` |
//! | `POST /accounts/PLATFORM/NAME/rotate`, `/check`, `/remove` | `{"secrets": {NAME: SECRET}}`; nothing |
//! | `GET /accounts/master-key`, `POST` | what a change asks for; `{"given": KEY or null}` |
//! | `POST /accounts/recovery-key`, `/drilled` | makes another one; puts a drill on record |
//! | `GET /approvals?all=true`, `GET /approvals/ID` | questions to the owner; one with what would be sent |
//! | `POST /approvals/ID/approve`, `/edit`, `/reject`, `/done`, `/not-done` | `{"reason": TEXT or null}`; `edit` also `{"body": TEXT}` |
//! | `GET /earnings?stage=&platform=&strategy=&limit=`, `GET /earnings/summary` | payments, what was told last first; sums by currency |
//! | `GET /earnings/export?format=F` | the books as `csv`, `json`, `hledger` or `beancount` |
//! | `POST /earnings/record` | `{"platform", "reference", "strategy", "stage", "amount": MONEY, "fee", "arrived", "as_of", "opportunity", "document": NAME, "bytes": HEX}` |
//! | `GET /alerts?all=true&sort=S`, `GET /alerts/silences` | what the owner should know; what he is not told of |
//! | `POST /alerts/silence`, `/unsilence` | `{"pattern": P, "reason": TEXT, "for_s": SECONDS or null}`; `{"pattern": P}` |
//! | `POST /alerts/seen`, `/test` | `{"about": A}` or `{"all": true}`; sends a test message |
//! | `GET /audit?from=SEQ&limit=N` | a page of the audit trail, with hashes |
//! | `GET /audit/tail?n=N`, `GET /audit/verify?key=PUB` | its end; whether it is whole |
//! | `GET /audit/checkpoints?after=SEQ&limit=N`, `GET /audit/hashes?at=1,2` | what was signed; single entries' hashes |
//! | `GET /privacy?subject=TEXT`, `POST /privacy/erase` | what is stored about somebody; `{"subject": TEXT}` |
//! | `POST /audit/rotate-key`, `/accept` | `{"reason": TEXT}`; another key signs; a trail in doubt is gone on with |
//!
//! Every answer is JSON. Objects carry `stamp` (`live` or `sandbox`); lists are plain arrays, so the
//! stamp of every answer is also in the header `x-money-machine-stamp`. What went wrong is
//! `{"error": SENTENCE}` with 400 (not understood), 404 (no such thing), 405 (wrong method), 409 (not
//! as things stand), 503 (the part that should answer is down) or 500.
//!
//! [`answer`] is the whole of it, without a socket: simulated tests call it in process.
//! [`AdminService`] puts the socket in front of it. It is the root's first child and needs no other,
//! so it answers while all else is on fire. Reading never waits for an actor for long: what a host
//! does not say in time is read from the store. What changes something is done and put on record
//! by the services, but for what is done to actors and for traces (`actors`, `trace`): those must also
//! work while the services are what is down.

mod accounts;
mod actions;
mod actors;
mod alerts;
mod answer;
mod approvals;
mod audit;
mod connection;
mod earnings;
mod limits;
mod opportunities;
mod privacy;
mod quarantine;
mod schedule;
mod serve;
mod service;
mod trace;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use mm_core::moment::Moment;
use mm_services::tree::Services;
use mm_store::Stamp;
use mm_supervision::Tree;
use serde_json::Value;

use crate::rules::ParsedRules;

pub use answer::answer;
pub use earnings::DOCUMENT_BYTES_MAX;
pub use service::{AdminService, Msg};

/// The header that carries `live` or `sandbox`.
pub const STAMP_HEADER: &str = "x-money-machine-stamp";

/// What the admin works with. Clones share it.
#[derive(Clone)]
pub struct Ops {
    services: Services,
    tree: Arc<OnceLock<Tree>>,
    socket: Option<PathBuf>,
    info: Arc<Info>,
    /// The configuration as it is now: JSON and text.
    config: Arc<RwLock<(Value, String)>>,
    /// The rules that questions are answered by.
    rules: Arc<ParsedRules>,
}

impl Ops {
    /// What the admin of `services` works with. `tree` is filled once the tree has started; until
    /// then it cannot be shown. At `socket` it listens; simulated, nobody does.
    pub fn new(services: Services, tree: Arc<OnceLock<Tree>>, socket: Option<PathBuf>, info: Info) -> Ops {
        let config = Arc::new(RwLock::new((info.config_json.clone(), info.config_text.clone())));
        Ops { services, tree, socket, info: Arc::new(info), config, rules: Arc::default() }
    }

    /// Shows another configuration from now on.
    pub fn configured(&self, json: Value, text: String) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = (json, text);
    }
}

/// What a machine knows of itself from its start.
#[derive(Debug, Clone)]
pub struct Info {
    pub pid: u32,
    pub started: Moment,
    pub data_dir: PathBuf,
    pub stamp: Stamp,
    pub version: &'static str,
    /// As `config show --json` prints it ([`crate::config::Loaded::show_json`]).
    pub config_json: Value,
    /// As `config show` prints it ([`crate::config::Loaded::show_text`]).
    pub config_text: String,
}

#[cfg(test)]
mod tests;
