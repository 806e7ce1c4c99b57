//! What the audit trail is held against: the key that signs it, the places where anchors lie, and what is
//! thought of it at the moment. The first two are seams, passed in at the root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use mm_core::audit::checkpoint::Seed;
use tokio::sync::Notify;

use crate::alerts::Command;

/// So much of the end of an anchor file is held against the chain by a start, and before every line that is
/// added: some 400 lines. `audit verify` reads all of it.
pub const NEWEST_BYTES: u64 = 256 << 10;

/// The `[audit]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// A checkpoint after so many entries.
    pub checkpoint_entries: u64,
    /// A checkpoint after so long, if there is any news.
    pub checkpoint_every: Duration,
    /// Where checkpoints are told to.
    pub anchor: AnchorSettings,
}

/// Where checkpoints are told to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnchorSettings {
    /// A file that a line is appended to, for every checkpoint.
    pub file: Option<PathBuf>,
    /// An https address that a line is posted to.
    pub webhook: Option<String>,
    /// A program that is handed a line, to mail it.
    pub command: Option<Command>,
    /// Webhook and program are told at most this often.
    pub every: Duration,
}

impl AnchorSettings {
    /// Whether there is any place.
    pub fn is_any(&self) -> bool {
        self.file.is_some() || self.webhook.is_some() || self.command.is_some()
    }
}

impl Default for AuditSettings {
    /// Checkpoints as in `config/default.toml`, and no anchor.
    fn default() -> Self {
        Self {
            checkpoint_entries: 1000,
            checkpoint_every: Duration::from_secs(900),
            anchor: AnchorSettings { every: Duration::from_secs(3600), ..AnchorSettings::default() },
        }
    }
}

/// Which of two keys: while one takes the other's place there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The one that signs.
    Current,
    /// The one that will.
    Next,
}

/// Keeps the seed of the key that signs, apart from the store.
pub trait SigningKeys: Send + Sync {
    /// The seed, if there is one.
    ///
    /// # Errors
    /// One sentence that names the place and says what to do: it is there and must not be used, or cannot
    /// be read. Nothing is signed then.
    fn read(&self, which: Which) -> Result<Option<Seed>, String>;
    /// Keeps a seed, durably, where there may be one already.
    ///
    /// # Errors
    /// One sentence that names the place.
    fn keep(&self, which: Which, seed: &Seed) -> Result<(), String>;
    /// Forgets the next seed; no error if there is none.
    ///
    /// # Errors
    /// One sentence that names the place.
    fn forget_next(&self) -> Result<(), String>;
    /// Where it is kept, for messages.
    fn place(&self) -> String;
}

/// The file of anchors. It may lie on another disk, and be away.
pub trait AnchorFile: Send + Sync {
    /// Appends a line, durably. What a crash left of a line before stays a line of its own.
    ///
    /// # Errors
    /// One sentence that names the file.
    fn append(&self, path: &Path, line: &str) -> Result<(), String>;
    /// The lines that end as lines do and lie in the last `bytes`, the oldest of them first; none if there is
    /// no file, or nothing in it.
    ///
    /// # Errors
    /// One sentence that names the file.
    fn newest(&self, path: &Path, bytes: u64) -> Result<Vec<String>, String>;
}

/// Starts the program that anchors are handed to.
#[async_trait]
pub trait AnchorCommand: Send + Sync {
    /// Hands `text` to `command` on its standard input. Returns when it is known how that went, and not
    /// much later than the command's own timeout.
    ///
    /// # Errors
    /// One sentence without secrets.
    async fn hand(&self, command: &Command, text: &str) -> Result<(), String>;
}

/// What the audit trail is held against. Clones share it.
#[derive(Clone)]
pub struct Evidence {
    /// The key that signs.
    pub keys: Arc<dyn SigningKeys>,
    /// The file of anchors.
    pub file: Arc<dyn AnchorFile>,
    /// The program that anchors are handed to.
    pub command: Arc<dyn AnchorCommand>,
    /// What is thought of the trail.
    pub standing: Standing,
}

impl Evidence {
    /// All of it in memory: for simulation and tests. Clones of what is given outlive a machine.
    pub fn in_memory(memory: &InMemory) -> Self {
        let memory = Arc::new(memory.clone());
        Self { keys: memory.clone(), file: memory.clone(), command: memory, standing: Standing::default() }
    }
}

/// What is thought of the audit trail at the moment, seen by all without waiting.
#[derive(Clone, Default)]
pub struct Standing {
    thought: Arc<RwLock<Thought>>,
    news: Arc<Notify>,
}

#[derive(Default)]
struct Thought {
    held: Option<String>,
    unsigned: Option<String>,
}

impl Standing {
    /// Why no permit may be made, if none may.
    pub fn held(&self) -> Option<String> {
        self.thought.read().unwrap_or_else(PoisonError::into_inner).held.clone()
    }

    /// Why nothing can be signed, if that is so. Permits are made all the same.
    pub fn unsigned(&self) -> Option<String> {
        self.thought.read().unwrap_or_else(PoisonError::into_inner).unsigned.clone()
    }

    pub(super) fn hold(&self, why: Option<String>) {
        self.thought.write().unwrap_or_else(PoisonError::into_inner).held = why;
        self.is_news();
    }

    pub(super) fn cannot_sign(&self, why: Option<String>) {
        self.thought.write().unwrap_or_else(PoisonError::into_inner).unsigned = why;
        self.is_news();
    }

    /// There is another checkpoint, or another thought.
    pub(super) fn is_news(&self) {
        self.news.notify_one();
    }

    /// Waits for news since it was last waited for. One waits at a time.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }
}

/// Keys and anchors in memory.
#[derive(Clone, Default)]
pub struct InMemory(Arc<Mutex<Kept>>);

#[derive(Clone, Default)]
struct Kept {
    seeds: BTreeMap<Which, Seed>,
    files: BTreeMap<PathBuf, Vec<String>>,
    handed: Vec<String>,
    failing: Option<String>,
}

impl InMemory {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines of a file.
    pub fn lines(&self, path: &Path) -> Vec<String> {
        self.lock().files.get(path).cloned().unwrap_or_default()
    }

    /// What the program was handed.
    pub fn handed(&self) -> Vec<String> {
        self.lock().handed.clone()
    }

    /// Puts these lines in the place of a file's.
    pub fn write(&self, path: &Path, lines: Vec<String>) {
        self.lock().files.insert(path.to_owned(), lines);
    }

    /// From now on file and program fail, with this sentence; or work again.
    pub fn fail(&self, why: Option<&str>) {
        self.lock().failing = why.map(str::to_owned);
    }

    /// A copy with a life of its own.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// Loses the seeds.
    pub fn lose_keys(&self) {
        self.lock().seeds.clear();
    }

    fn works(&self) -> Result<MutexGuard<'_, Kept>, String> {
        let kept = self.lock();
        match &kept.failing {
            Some(why) => Err(why.clone()),
            None => Ok(kept),
        }
    }
}

impl SigningKeys for InMemory {
    fn read(&self, which: Which) -> Result<Option<Seed>, String> {
        Ok(self.lock().seeds.get(&which).cloned())
    }

    fn keep(&self, which: Which, seed: &Seed) -> Result<(), String> {
        self.lock().seeds.insert(which, seed.clone());
        Ok(())
    }

    fn forget_next(&self) -> Result<(), String> {
        self.lock().seeds.remove(&Which::Next);
        Ok(())
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

impl AnchorFile for InMemory {
    fn append(&self, path: &Path, line: &str) -> Result<(), String> {
        self.works()?.files.entry(path.to_owned()).or_default().push(line.to_owned());
        Ok(())
    }

    fn newest(&self, path: &Path, bytes: u64) -> Result<Vec<String>, String> {
        let lines = self.works()?.files.get(path).cloned().unwrap_or_default();
        let mut left = bytes;
        let fits = |line: &&String| {
            left = left.saturating_sub(line.len() as u64 + 1);
            left > 0
        };
        let from = lines.len() - lines.iter().rev().take_while(fits).count();
        Ok(lines.into_iter().skip(from).collect())
    }
}

#[async_trait]
impl AnchorCommand for InMemory {
    async fn hand(&self, _command: &Command, text: &str) -> Result<(), String> {
        self.works()?.handed.push(text.to_owned());
        Ok(())
    }
}
