//! The audit service: reads the end of the chain, signs checkpoints of it, and says whether it is what was
//! signed and told elsewhere. (The store's writer links it; [`crate::anchor`] tells checkpoints elsewhere.)
//!
//! It calls nobody but the store, the place of its key, and the file of anchors when the owner goes on
//! with a chain that is in doubt. Verifying the whole chain takes minutes and is no message of its: whoever
//! wants it reads the store on a thread of his own ([`verify()`]).
//!
//! Without a key nothing is signed and everything else goes on; it is said, and tried again. A chain that
//! is not what it should be holds every permit ([`Standing::held`]).

use std::path::{Path, PathBuf};
use std::time::Duration;

use mm_core::audit::anchor::Line;
use mm_core::audit::checkpoint::{PublicKey, Signed, Signer};
use mm_core::id::Space;
use mm_store::AuditPage;
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use tokio::runtime::RuntimeFlavor;
use tokio::task::JoinSet;

use crate::message::kinds;
use crate::records::AnchorRow;
use crate::shared::{CALL_TIMEOUT, Shared};

mod accepting;
pub mod checkpoints;
mod evidence;
pub mod standing;
mod verify;

pub use evidence::{
    AnchorCommand, AnchorFile, AnchorSettings, AuditSettings, Evidence, InMemory, NEWEST_BYTES, SigningKeys,
    Standing, Which,
};
pub use verify::{Verified, verify, verify_by};

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
    /// The last checkpoint.
    last: Option<Signed>,
    /// The anchor file that the chain was held against. Another one than is configured, or one that could not
    /// be read, has yet to be looked at.
    looked: Option<PathBuf>,
    /// The timer, which ends with this life of the service.
    timer: JoinSet<()>,
}

impl Component for AuditService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        let looked = self.look_at_it().await?;
        let last = checkpoints::latest(&self.0.store)?;
        let mut state = State { signer: None, last, looked, timer: JoinSet::new() };
        // A key that is found may sign, or be announced: nothing is added to what is in doubt.
        if self.0.evidence.standing.held().is_none() {
            self.find_key(&mut state).await?;
        }
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
                self.look_again(state).await?;
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
        vec![("key", key), ("held", self.0.evidence.standing.held().is_some().to_string())]
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

/// The newest lines of the configured anchor file; none if none is configured.
///
/// # Errors
/// One sentence that names the file.
pub async fn anchored(shared: &Shared) -> Result<Vec<String>, String> {
    match shared.settings().audit.anchor.file.clone() {
        Some(path) => lines(shared, path, NEWEST_BYTES).await,
        None => Ok(Vec::new()),
    }
}

async fn lines(shared: &Shared, path: PathBuf, bytes: u64) -> Result<Vec<String>, String> {
    let file = shared.evidence.file.clone();
    aside(move || file.newest(&path, bytes)).await
}

/// Appends the newest checkpoint to the file of anchors, unless what stands there speaks against the chain:
/// behind a newer line that would hide it.
///
/// # Errors
/// One sentence that names the file, or says what speaks against the chain; every permit is held then.
pub(crate) async fn append(shared: &Shared, path: &Path, signed: &Signed) -> Result<(), String> {
    let lines = lines(shared, path.to_owned(), NEWEST_BYTES).await?;
    let against = standing::against(&shared.store, &lines, signed.checkpoint.seq);
    if let Some(why) = against.map_err(|error| Fault::from(error).reason)? {
        hold(shared, Some(standing::held(&why)));
        return Err(why);
    }
    write(shared, path, signed).await
}

/// Holds every permit, or none.
fn hold(shared: &Shared, why: Option<String>) {
    if let Some(why) = &why {
        tracing::error!(why, "no permit is made");
    }
    shared.evidence.standing.hold(why);
}

async fn write(shared: &Shared, path: &Path, signed: &Signed) -> Result<(), String> {
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
    /// Holds the chain against its last checkpoint and the newest anchors, before anything is permitted. Gives
    /// the file that was looked at.
    async fn look_at_it(&self) -> Result<Option<PathBuf>, Fault> {
        let (lines, looked) = self.anchors().await?;
        let keys = checkpoints::known(&*self.0.evidence.keys);
        hold(&self.0, standing::look(&self.0.store, &lines, Some(&keys))?);
        Ok(looked)
    }

    /// The newest anchors and their file; no file if it cannot be read, or holds nothing though something was
    /// told to it: its disk may be away. The anchor service tells of that.
    async fn anchors(&self) -> Result<(Vec<String>, Option<PathBuf>), Fault> {
        let Some(path) = self.0.settings().audit.anchor.file.clone() else { return Ok((Vec::new(), None)) };
        let row = self.0.store.get::<AnchorRow>(&Space::machine(), "file")?;
        let why = match anchored(&self.0).await {
            Ok(lines) if !lines.is_empty() || row.is_none_or(|row| row.value.told == 0) => {
                return Ok((lines, Some(path)));
            }
            Ok(_) => "the anchors are not there".to_owned(),
            Err(why) => why,
        };
        tracing::warn!(why, "the audit trail cannot be held against its anchors yet");
        Ok((Vec::new(), None))
    }

    /// Looks at an anchor file that could not be read before, or was configured meanwhile.
    async fn look_again(&self, state: &mut State) -> Result<(), Fault> {
        if self.0.evidence.standing.held().is_some() || state.looked == self.0.settings().audit.anchor.file {
            return Ok(());
        }
        let (lines, looked) = self.anchors().await?;
        let vouched = checkpoints::latest(&self.0.store)?.map_or(0, |last| last.checkpoint.seq);
        if let Some(why) = standing::against(&self.0.store, &lines, vouched)? {
            hold(&self.0, Some(standing::held(&why)));
        }
        state.looked = looked;
        Ok(())
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
        self.look_again(state).await?;
        if let Some(why) = self.0.evidence.standing.held() {
            return Ok(Err(why));
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
        let (standing, file) = (&self.0.evidence.standing, self.0.settings().audit.anchor.file.clone());
        let Some(held) = standing.held() else {
            return Ok(Err("nothing speaks against the audit trail; permits are made".to_owned()));
        };
        let lines = match file.clone() {
            Some(path) => lines(&self.0, path, u64::MAX).await,
            None => Ok(Vec::new()),
        };
        let lines = match lines {
            Ok(lines) => lines,
            Err(why) => return Ok(Err(why)),
        };
        if state.signer.is_none() {
            self.find_key(state).await?;
        }
        let Some(signer) = &state.signer else { return Ok(Err(standing.unsigned().unwrap_or_default())) };
        let word = accepting::Word { held: &held, reason, by };
        let change = accepting::give_up(&self.0.store, &lines, &word, self.0.now(), &self.0.machine())?;
        self.0.store.commit(change).await?;
        let signed = checkpoints::make(&self.0, signer).await?;
        if let (Some(path), Some(signed)) = (&file, &signed)
            && let Err(why) = write(&self.0, path, signed).await
        {
            return Ok(Err(why));
        }
        (state.last, state.looked) = (signed, file);
        hold(&self.0, None);
        Ok(Ok(held))
    }
}
