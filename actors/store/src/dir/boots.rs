//! Boot attempts, counted beside the database so that a store that does not open is counted too.
//!
//! A boot has **failed** when its process ended before it had come up, by whatever hand, or ended
//! itself later because it could not go on. A healthy process that is killed from outside has not. What
//! a boot was doing is in a second file, which is written at every step and not synced: it outlives the
//! process, and after a loss of power nobody needs it.
//!
//! A damaged file counts as no file: what it guards against is a loop, and a loop writes it again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mm_core::moment::Moment;
use serde::{Deserialize, Serialize};

use super::{DataDir, DirError};
use crate::files;

const BOOTS_FILE: &str = "boots.json";
const STEP_FILE: &str = "boots.step";
/// Attempts that are remembered.
const ATTEMPTS_MAX: usize = 64;
/// The most characters of a step, or of why it failed.
const TEXT_CHARS_MAX: usize = 300;

/// What is known of boots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Boots {
    /// Attempts since the last boot that went well, the newest last; at most 64. While one is under
    /// way it is the newest.
    pub attempts: Vec<Moment>,
    /// When a boot last went well.
    pub ok_at: Option<Moment>,
    /// Whether the newest attempt is not known to have ended yet.
    pub under_way: bool,
    /// When processes ended that had come up and could not go on; the newest last, at most 64.
    pub broke_off: Vec<Moment>,
    /// The last failure.
    pub failed: Option<FailedBoot>,
    /// The kernel's own restart budget, as its owner wrote it (JSON text).
    pub kernel_budget: Option<String>,
}

/// A boot that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedBoot {
    /// When it began, or (if it had come up) when it ended.
    pub at: Moment,
    /// What it was doing.
    pub step: String,
    /// What it said of itself; `None` if it was killed.
    pub why: Option<String>,
}

impl Boots {
    /// How many boots failed in the time `within` before `now`. One under way has not failed yet. What
    /// lies ahead of the clock counts: the clock was set back.
    pub fn failed_within(&self, within: Duration, now: Moment) -> usize {
        let over = self.attempts.len() - usize::from(self.under_way && !self.attempts.is_empty());
        let begun = self.attempts.iter().take(over);
        begun.chain(&self.broke_off).filter(|at| now.since(**at) <= within).count()
    }

    fn fail(&mut self, at: Moment, step: &str, why: Option<&str>) {
        self.failed = Some(FailedBoot { at, step: cut(step), why: why.map(cut) });
    }
}

fn cut(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect()
}

/// What a boot is doing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Step {
    doing: String,
    why: Option<String>,
}

/// The way to what is known of boots. Clones share it.
#[derive(Debug, Clone)]
pub struct BootBook {
    /// `None`: in memory alone.
    dir: Option<Arc<PathBuf>>,
    memory: Arc<Mutex<Boots>>,
}

impl BootBook {
    /// What is known in the data directory `dir`.
    pub fn in_dir(dir: &Path) -> Self {
        Self { dir: Some(Arc::new(dir.to_owned())), memory: Arc::default() }
    }

    /// One that no file stands behind: of a simulated machine.
    pub fn in_memory() -> Self {
        Self { dir: None, memory: Arc::default() }
    }

    /// Whether a file stands behind it, so that writing takes its time.
    pub fn is_durable(&self) -> bool {
        self.dir.is_some()
    }

    /// What is known; nothing where the file is missing or damaged.
    pub fn read(&self) -> Boots {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        self.dir.as_ref().map_or_else(|| memory.clone(), |dir| read(dir))
    }

    /// Changes what is known, durably, and returns it as it is then.
    fn change(&self, change: impl FnOnce(&mut Boots)) -> Result<Boots, DirError> {
        // Held meanwhile, also where there is a file: two changes at once would lose one.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut boots = self.dir.as_ref().map_or_else(|| memory.clone(), |dir| read(dir));
        let before = boots.clone();
        change(&mut boots);
        if let Some(dir) = self.dir.as_ref().filter(|_| boots != before) {
            let text = serde_json::to_vec_pretty(&boots).expect("plain fields have a JSON form");
            files::replace(dir, BOOTS_FILE, &text).map_err(DirError::io(dir))?;
        }
        *memory = boots.clone();
        Ok(boots)
    }

    /// Records a boot attempt, durably, and returns what is known with it. If the one before it is not
    /// known to have ended, it failed.
    ///
    /// # Errors
    /// [`DirError::NotWritable`].
    pub fn begin(&self, at: Moment) -> Result<Boots, DirError> {
        let step = self.dir.as_ref().map(|dir| read_step(dir)).unwrap_or_default();
        let boots = self.change(|boots| {
            if let Some(before) = boots.attempts.last().copied().filter(|_| boots.under_way) {
                boots.fail(before, &step.doing, step.why.as_deref());
            }
            boots.under_way = true;
            push(&mut boots.attempts, at);
        })?;
        self.step("beginning", None);
        Ok(boots)
    }

    /// Says what the boot does now, or what it fails by. Never an error: nothing may fail by it.
    pub fn step(&self, doing: &str, why: Option<&str>) {
        let Some(dir) = &self.dir else { return };
        let step = Step { doing: cut(doing), why: why.map(cut) };
        let text = serde_json::to_vec(&step).expect("plain fields have a JSON form");
        if let Err(error) = files::replace_unsynced(dir, STEP_FILE, &text) {
            tracing::debug!(%error, "what the boot does is not written down");
        }
    }

    /// What the boot does now.
    pub fn doing(&self) -> String {
        self.dir.as_ref().map(|dir| read_step(dir).doing).unwrap_or_default()
    }

    /// Records that the boot went well: the attempts are forgotten.
    ///
    /// # Errors
    /// [`DirError::NotWritable`].
    pub fn well(&self, at: Moment) -> Result<Boots, DirError> {
        self.change(|boots| {
            boots.attempts.clear();
            boots.under_way = false;
            boots.ok_at = Some(at);
        })
    }

    /// Records that this boot counts for nothing: it ends in safe mode, or a person ended it.
    ///
    /// # Errors
    /// [`DirError::NotWritable`].
    pub fn held(&self) -> Result<Boots, DirError> {
        self.change(|boots| {
            if boots.under_way {
                boots.attempts.pop();
            }
            boots.under_way = false;
        })
    }

    /// Records that a process that had come up cannot go on.
    ///
    /// # Errors
    /// [`DirError::NotWritable`].
    pub fn broke_off(&self, at: Moment, why: &str) -> Result<Boots, DirError> {
        self.change(|boots| {
            boots.fail(at, "running", Some(why));
            push(&mut boots.broke_off, at);
        })
    }

    /// Forgets every failure, by an operator's word.
    ///
    /// # Errors
    /// [`DirError::NotWritable`].
    pub fn forgive(&self) -> Result<Boots, DirError> {
        self.change(|boots| {
            boots.attempts.clear();
            boots.broke_off.clear();
            boots.under_way = false;
        })
    }

    /// Changes the kernel's own restart budget, which is kept as JSON text, in one step: two changes at
    /// once lose none. What `change` returns beside it is the answer.
    ///
    /// # Errors
    /// [`DirError::NotWritable`]; the budget is as it was then.
    pub fn change_kernel_budget<T>(
        &self,
        change: impl FnOnce(&mut Option<String>) -> T,
    ) -> Result<T, DirError> {
        let mut answer = None;
        self.change(|boots| answer = Some(change(&mut boots.kernel_budget)))?;
        Ok(answer.expect("a change that went well was made"))
    }
}

fn read(dir: &Path) -> Boots {
    let bytes = files::read(&dir.join(BOOTS_FILE)).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn read_step(dir: &Path) -> Step {
    let bytes = files::read(&dir.join(STEP_FILE)).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn push(times: &mut Vec<Moment>, at: Moment) {
    times.push(at);
    let over = times.len().saturating_sub(ATTEMPTS_MAX);
    times.drain(..over);
}

impl DataDir {
    /// What is known of this directory's boots.
    pub fn boot_book(&self) -> BootBook {
        BootBook::in_dir(&self.path)
    }
}
