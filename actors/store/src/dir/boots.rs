//! Boot attempts, counted beside the database so that a store that does not open is counted too.
//!
//! A damaged file counts as no file: what it guards against is a loop, and a loop writes it again.

use mm_core::moment::Moment;
use serde::{Deserialize, Serialize};

use super::{DataDir, DirError};
use crate::files;

const BOOTS_FILE: &str = "boots.json";
/// Attempts that are remembered.
const ATTEMPTS_MAX: usize = 64;

/// What is known of boots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Boots {
    /// Attempts since the last boot that went well, the newest last; at most 64.
    pub attempts: Vec<Moment>,
    /// When a boot last went well.
    pub ok_at: Option<Moment>,
    /// The kernel's own restart budget, as its owner wrote it (JSON text).
    pub kernel_budget: Option<String>,
}

impl DataDir {
    /// What is known of boots; nothing where the file is missing or damaged.
    pub fn boots(&self) -> Boots {
        let bytes = files::read(&self.path.join(BOOTS_FILE)).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn change_boots(&self, change: impl FnOnce(&mut Boots)) -> Result<Boots, DirError> {
        let mut boots = self.boots();
        change(&mut boots);
        let text = serde_json::to_vec_pretty(&boots).expect("plain fields have a JSON form");
        files::replace(&self.path, BOOTS_FILE, &text).map_err(DirError::io(&self.path))?;
        Ok(boots)
    }

    /// Records a boot attempt, durably, and returns what is known with it.
    ///
    /// # Errors
    /// [`DirError::NotWritable`].
    pub fn note_boot(&self, at: Moment) -> Result<Boots, DirError> {
        self.change_boots(|boots| {
            boots.attempts.push(at);
            let over = boots.attempts.len().saturating_sub(ATTEMPTS_MAX);
            boots.attempts.drain(..over);
        })
    }

    /// Records that the boot went well: the attempts are forgotten.
    ///
    /// # Errors
    /// [`DirError::NotWritable`].
    pub fn note_boot_ok(&self, at: Moment) -> Result<Boots, DirError> {
        self.change_boots(|boots| {
            boots.attempts.clear();
            boots.ok_at = Some(at);
        })
    }

    /// Keeps the kernel's own restart budget, as JSON text.
    ///
    /// # Errors
    /// [`DirError::NotWritable`].
    pub fn keep_kernel_budget(&self, json: &str) -> Result<(), DirError> {
        self.change_boots(|boots| boots.kernel_budget = Some(json.to_owned())).map(drop)
    }
}
