//! `[audit]`: how often the audit trail is signed, where its key lies, and where checkpoints are told to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mm_core::url::LogicalUrl;
use mm_services::alerts::Command;
use mm_services::audit::{AnchorSettings, AuditSettings};

use super::node::Node;
use super::values::{Wrong, text};
use crate::evidence::KEY_FILE;

/// How the audit trail is signed and anchored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The key's file; `None`: in the data directory.
    pub key_file: Option<PathBuf>,
    /// A checkpoint after so many entries.
    pub checkpoint_entries: u64,
    /// A checkpoint after so long, if there is news.
    pub checkpoint_every: Duration,
    /// The file that checkpoints are appended to.
    pub anchor_file: Option<PathBuf>,
    /// The https address that they are posted to.
    pub webhook: Option<String>,
    /// The program that they are handed to, with its arguments; empty: none.
    pub command: Vec<String>,
    /// The program is killed then.
    pub timeout: Duration,
    /// Webhook and program are told at most this often.
    pub min_interval: Duration,
}

impl Audit {
    pub(super) fn blank() -> Audit {
        let second = Duration::from_secs(1);
        Audit {
            key_file: None,
            checkpoint_entries: 1,
            checkpoint_every: second,
            anchor_file: None,
            webhook: None,
            command: vec![],
            timeout: second,
            min_interval: second,
        }
    }

    /// Where the key lies.
    pub fn key_path(&self, data_dir: &Path) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| data_dir.join(KEY_FILE))
    }

    /// As the services see it.
    pub fn settings(&self) -> AuditSettings {
        let argv = self.command.clone();
        AuditSettings {
            checkpoint_entries: self.checkpoint_entries,
            checkpoint_every: self.checkpoint_every,
            anchor: AnchorSettings {
                file: self.anchor_file.clone(),
                webhook: self.webhook.clone(),
                command: (!argv.is_empty()).then_some(Command { argv, timeout: self.timeout }),
                every: self.min_interval,
            },
        }
    }
}

/// The whole path of a file, or none.
pub(super) fn path(node: &Node) -> Result<Option<PathBuf>, Wrong> {
    let right = "write the file's whole path, like \"/mnt/usb/anchors\", or \"\" for none";
    let path = text(node, right)?;
    match path {
        "" => Ok(None),
        whole if whole.starts_with('/') && !whole.ends_with('/') && !whole.contains('\0') => {
            Ok(Some(PathBuf::from(whole)))
        }
        _ => Err(Wrong::new(format!("is {}, which is no whole path of a file", node.shown()), right)),
    }
}

/// An address that actions could have, or none.
pub(super) fn address(node: &Node) -> Result<Option<String>, Wrong> {
    let right = "write an https address without a user or password in it, or \"\" for none";
    let url = text(node, right)?;
    if url.is_empty() {
        return Ok(None);
    }
    match LogicalUrl::parse(url) {
        Ok(_) => Ok(Some(url.to_owned())),
        Err(bad) => Err(Wrong::new(format!("is {}, which cannot be called: {bad}", node.shown()), right)),
    }
}
