//! The audit service: reads the end of the chain, signs checkpoints of it, and says whether it is what was
//! signed and told elsewhere. (The store's writer links it; [`crate::anchor`] tells checkpoints elsewhere.)
//!
//! It calls nobody but the store, the place of its key, and the file of anchors when the owner goes on
//! with a chain that is in doubt. Verifying the whole chain takes minutes and is no message of its: whoever
//! wants it reads the store on a thread of his own ([`verify()`]).
//!
//! Without a key nothing is signed and everything else goes on; it is said, and tried again. A chain that
//! is not what it should be holds every permit ([`Standing::held`]).

use std::path::Path;
use std::time::Duration;

use mm_core::audit::anchor::{ACCEPTED_KIND, GivenUp, Line};
use mm_core::audit::checkpoint::{PublicKey, Signed, Signer};
use mm_store::{AuditPage, Change, NewEntry};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use tokio::runtime::RuntimeFlavor;
use tokio::task::JoinSet;

use crate::message::kinds;
use crate::shared::{CALL_TIMEOUT, Shared};

pub mod checkpoints;
mod evidence;
pub mod standing;
mod verify;

pub use evidence::{
    AnchorCommand, AnchorFile, AnchorSettings, AuditSettings, Evidence, InMemory, SigningKeys, Standing,
    Which,
};
pub use verify::{Verified, verify, verify_by};

use standing::Found;

/// Some entries are read in no time; it may be restarting.
const TAIL_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether a checkpoint is due.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// The longest that the disk of the anchor file is waited for.
const FILE_WITHIN: Duration = Duration::from_secs(20);

/// The way to the audit service.
#[derive(Clone, Default)]
pub struct Audit(Handle<Msg>);

/// What it is sent.
pub enum Msg {
    /// The newest entries.
    Tail {
        /// How many.
        limit: usize,
        /// Where they go.
        reply: Reply<Result<AuditPage, String>>,
    },
    /// Look whether a checkpoint is due; its own timer.
    Look,
    /// Sign the chain as it is now.
    Sign {
        /// Where the checkpoint goes; the last one if there is no news.
        reply: Reply<Result<Option<Signed>, String>>,
    },
    /// Put a new key in the place of the one that signs.
    Rotate {
        /// Why.
        reason: String,
        /// Where the new key goes.
        reply: Reply<Result<PublicKey, String>>,
    },
    /// Go on although something speaks against the chain.
    Accept {
        /// Why.
        reason: String,
        /// Who says so.
        by: String,
        /// What was wrong.
        reply: Reply<Result<String, String>>,
    },
}

kinds!(Msg { Tail => "tail", Look => "look", Sign => "sign", Rotate => "rotate", Accept => "accept" });

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

    /// Signs the chain as it is now; the last checkpoint if there is no news.
    ///
    /// # Errors
    /// The outer error if the service did not answer, the inner sentence if nothing can be signed.
    pub async fn sign(&self) -> Result<Result<Option<Signed>, String>, CallError> {
        self.0.call(|reply| Msg::Sign { reply }, CALL_TIMEOUT).await
    }

    /// Puts a new key in the place of the one that signs, which signs the announcement of it.
    ///
    /// # Errors
    /// The outer error if the service did not answer, the inner sentence if it did not come to that.
    pub async fn rotate(&self, reason: &str) -> Result<Result<PublicKey, String>, CallError> {
        let reason = reason.to_owned();
        self.0.call(|reply| Msg::Rotate { reason, reply }, CALL_TIMEOUT).await
    }

    /// Goes on with the chain as it is, by the owner's word, which is put on it; permits are made again.
    /// Gives what was wrong.
    ///
    /// # Errors
    /// The outer error if the service did not answer, the inner sentence if there is nothing to accept, or
    /// the new state cannot be signed or anchored.
    pub async fn accept(&self, reason: &str, by: &str) -> Result<Result<String, String>, CallError> {
        let (reason, by) = (reason.to_owned(), by.to_owned());
        self.0.call(|reply| Msg::Accept { reason, by, reply }, CALL_TIMEOUT).await
    }
}

/// The service.
pub struct AuditService(pub Shared);

/// What it knows.
pub struct State {
    /// The key that signs; `None` while there is none that may be used.
    signer: Option<Signer>,
    /// What the start found.
    found: Found,
    /// The last checkpoint.
    last: Option<Signed>,
    /// The timer, which ends with this life of the service.
    timer: JoinSet<()>,
}

impl Component for AuditService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        let found = self.look_at_it().await?;
        let last = checkpoints::latest(&self.0.store)?;
        let mut state = State { signer: None, found, last, timer: JoinSet::new() };
        self.find_key(&mut state).await?;
        drop(me.cast(Msg::Look));
        Ok(state)
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        match msg {
            Msg::Tail { limit, reply } => {
                reply.send(self.0.store.audit_tail(limit).map_err(|error| Fault::from(error).reason));
            }
            Msg::Look => {
                again(me, state);
                self.sign_if_due(state).await?;
            }
            Msg::Sign { reply } => drop(reply.send(self.sign(state).await?)),
            Msg::Rotate { reason, reply } => drop(reply.send(self.rotate(state, &reason).await?)),
            Msg::Accept { reason, by, reply } => drop(reply.send(self.accept(state, &reason, &by).await?)),
        }
        Ok(())
    }

    fn status(&self, state: &State) -> Vec<(&'static str, String)> {
        let key = state.signer.as_ref().map_or("none".to_owned(), |signer| signer.public().to_string());
        vec![("key", key), ("held", state.found.held.is_some().to_string())]
    }
}

fn again(me: &Handle<Msg>, state: &mut State) {
    let me = me.clone();
    state.timer.abort_all();
    while state.timer.try_join_next().is_some() {}
    state.timer.spawn(async move {
        tokio::time::sleep(LOOK_EVERY).await;
        drop(me.cast(Msg::Look));
    });
}

/// The last line of the configured anchor file, if there is one.
///
/// # Errors
/// One sentence that names the file.
pub async fn last_anchored(shared: &Shared) -> Result<Option<String>, String> {
    let Some(path) = shared.settings().audit.anchor.file.clone() else { return Ok(None) };
    let file = shared.evidence.file.clone();
    aside(move || file.last(&path)).await
}

/// Appends a checkpoint to the file of anchors.
///
/// # Errors
/// One sentence that names the file.
pub(crate) async fn append(shared: &Shared, path: &Path, signed: &Signed) -> Result<(), String> {
    let (file, path, line) = (shared.evidence.file.clone(), path.to_owned(), Line::from(signed).text());
    aside(move || file.append(&path, &line)).await
}

/// Touches a file that may lie on a disk that is slow, or away, without holding up a thread of the runtime.
async fn aside<T: Send + 'static>(
    touch: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    if tokio::runtime::Handle::current().runtime_flavor() != RuntimeFlavor::MultiThread {
        // Simulated: nothing there takes any time.
        return touch();
    }
    match tokio::time::timeout(FILE_WITHIN, tokio::task::spawn_blocking(touch)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err("the thread that touched the anchor file was lost".to_owned()),
        Err(_) => {
            Err(format!("the disk of the anchor file did not answer within {} s", FILE_WITHIN.as_secs()))
        }
    }
}

/// Signs the chain as a machine leaves it that stops in order, and anchors that in the file: after this
/// nothing is written any more. What fails is in the log; a chain that is in doubt stays as it is.
pub async fn at_stop(shared: &Shared) {
    if shared.held().is_some() {
        return;
    }
    let signed = async {
        let signer = checkpoints::signer(shared).await?.map_err(Fault::refused)?;
        let signed = checkpoints::make(shared, &signer).await?;
        if let (Some(path), Some(signed)) = (&shared.settings().audit.anchor.file, &signed) {
            append(shared, path, signed).await.map_err(Fault::transient)?;
        }
        Ok::<(), Fault>(())
    };
    if let Err(fault) = signed.await {
        tracing::warn!(why = fault.reason, "the end of the audit trail is not signed or not anchored");
    }
}

impl AuditService {
    /// Holds the chain against its last checkpoint and the last anchor, before anything is permitted.
    async fn look_at_it(&self) -> Result<Found, Fault> {
        let evidence = &self.0.evidence;
        let anchored = last_anchored(&self.0).await;
        if let Err(why) = &anchored {
            // It may lie on a disk that is away: nothing is known then, and the anchor service tells of it.
            tracing::warn!(why, "the audit trail cannot be held against its anchor");
        }
        let found = standing::look(&self.0.store, anchored.ok().flatten().as_deref())?;
        if let Some(why) = &found.held {
            tracing::error!(why, "no permit is made");
        }
        evidence.standing.hold(found.held.clone());
        Ok(found)
    }

    async fn find_key(&self, state: &mut State) -> Result<(), Fault> {
        let signer = checkpoints::signer(&self.0).await?;
        let why = signer.as_ref().err().cloned();
        if let Some(why) = &why {
            tracing::error!(why, "the audit trail is not signed");
        }
        self.0.evidence.standing.cannot_sign(why);
        state.signer = signer.ok();
        Ok(())
    }

    async fn sign_if_due(&self, state: &mut State) -> Result<(), Fault> {
        let tip = self.0.store.audit_tip()?;
        if checkpoints::is_due(state.last.as_ref(), tip, self.0.now(), &self.0.settings().audit) {
            // Why it cannot be is in the log and in the standing.
            drop(self.sign(state).await?);
        }
        Ok(())
    }

    /// A chain that is in doubt is not signed: that would make good what nobody has looked at.
    async fn sign(&self, state: &mut State) -> Result<Result<Option<Signed>, String>, Fault> {
        if let Some(why) = &state.found.held {
            return Ok(Err(why.clone()));
        }
        if state.signer.is_none() {
            self.find_key(state).await?;
        }
        match &state.signer {
            Some(signer) => {
                state.last = checkpoints::make(&self.0, signer).await?;
                self.0.evidence.standing.is_news();
                Ok(Ok(state.last.clone()))
            }
            None => Ok(Err(self.0.evidence.standing.unsigned().unwrap_or_default())),
        }
    }

    async fn rotate(&self, state: &mut State, reason: &str) -> Result<Result<PublicKey, String>, Fault> {
        if let Err(why) = self.sign(state).await? {
            return Ok(Err(why));
        }
        let Some(before) = &state.signer else { return Ok(Err("there is no key".to_owned())) };
        match checkpoints::rotate(&self.0, before, reason).await? {
            Ok(signer) => {
                let key = signer.public();
                state.signer = Some(signer);
                drop(self.sign(state).await?);
                Ok(Ok(key))
            }
            Err(why) => {
                // Which of the two keys lies in the place is found out again.
                self.find_key(state).await?;
                Ok(Err(why))
            }
        }
    }

    async fn accept(
        &self,
        state: &mut State,
        reason: &str,
        by: &str,
    ) -> Result<Result<String, String>, Fault> {
        let Some(held) = state.found.held.clone() else {
            return Ok(Err("nothing speaks against the audit trail; permits are made".to_owned()));
        };
        if state.signer.is_none() {
            self.find_key(state).await?;
        }
        let Some(signer) = &state.signer else {
            return Ok(Err(self.0.evidence.standing.unsigned().unwrap_or_default()));
        };
        let checkpoint = state.found.anchor.as_ref().map(|signed| signed.checkpoint.digest().to_string());
        let said = GivenUp { held: held.clone(), checkpoint, reason: reason.to_owned(), by: by.to_owned() };
        let entry = NewEntry::new(self.0.now(), &self.0.machine(), ACCEPTED_KIND, &said)?;
        self.0.store.commit(Change::new().audit(entry)).await?;
        let signed = checkpoints::make(&self.0, signer).await?;
        if let (Some(path), Some(signed)) = (&self.0.settings().audit.anchor.file, &signed)
            && let Err(why) = append(&self.0, path, signed).await
        {
            // The old line would hold the next start again.
            return Ok(Err(why));
        }
        state.last = signed;
        state.found = Found::default();
        self.0.evidence.standing.hold(None);
        Ok(Ok(held))
    }
}
