//! The audit service: reads the end of the chain. (The store's writer links it.)
//!
//! It calls nobody but the store. Verifying the whole chain takes minutes and is no message of its: whoever
//! wants it reads the store on a thread of his own ([`verify`]).

use mm_core::audit::{Broken, Tip};
use mm_store::AuditPage;
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use std::time::Duration;

use crate::message::kinds;
use crate::shared::Shared;

mod evidence;

pub use evidence::{
    AnchorCommand, AnchorFile, AnchorSettings, AuditSettings, Evidence, InMemory, SigningKeys, Standing,
    Which,
};

/// Some entries are read in no time; it may be restarting.
const TAIL_TIMEOUT: Duration = Duration::from_secs(10);

/// The way to the audit service.
#[derive(Clone, Default)]
pub struct Audit(Handle<Msg>);

/// What a verification found.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Entries read.
    pub entries: u64,
    /// The end of the chain.
    pub tip: Tip,
    /// What is wrong; empty if the chain is whole.
    pub broken: Vec<Broken>,
}

/// What it is sent.
pub enum Msg {
    /// The newest entries.
    Tail {
        /// How many.
        limit: usize,
        /// Where they go.
        reply: Reply<Result<AuditPage, String>>,
    },
}

kinds!(Msg { Tail => "tail" });

impl Audit {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// The newest `limit` entries, oldest first.
    ///
    /// # Errors
    /// The outer error if the service did not answer, the inner sentence if the store could not be
    /// read.
    pub async fn tail(&self, limit: usize) -> Result<Result<AuditPage, String>, CallError> {
        self.0.call(|reply| Msg::Tail { limit, reply }, TAIL_TIMEOUT).await
    }
}

/// The service.
pub struct AuditService(pub Shared);

impl Component for AuditService {
    type Msg = Msg;
    type State = ();

    async fn init(&self, _me: Handle<Msg>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, _: &mut ()) -> Result<(), Fault> {
        match msg {
            Msg::Tail { limit, reply } => {
                reply.send(self.0.store.audit_tail(limit).map_err(|error| Fault::from(error).reason));
            }
        }
        Ok(())
    }
}

/// Verifies the chain of a store, also of one that no daemon holds. It takes minutes for millions of
/// entries and yields to nobody.
///
/// # Errors
/// If the store cannot be read at all.
pub fn verify(store: &mm_store::Store) -> Result<Verified, mm_store::ReadError> {
    let report = store.audit_verify(1)?;
    Ok(Verified { entries: report.entries, tip: report.tip, broken: report.broken })
}
