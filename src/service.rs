//! The daemon as a service of systemd: its unit, where that lies, and what systemd says of it.
//!
//! Two scopes: a service of the system, hardened as far as systemd can, and one of a user, with what a
//! user's own systemd can do without privileges. A unit that this program did not write is neither
//! overwritten nor removed.
//!
//! It touches one file, and runs `systemctl`. What fails is said with the path or the command; what
//! was done before it stays done.

pub mod file;
pub mod systemctl;
pub mod unit;

use std::path::{Path, PathBuf};

use crate::config::Env;

/// The unit's name.
pub const UNIT: &str = "money-machine.service";

/// Whose service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Of the one user who installs it.
    User,
    /// Of the whole system.
    System,
}

impl Scope {
    /// `user` or `system`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::User => "user",
            Scope::System => "system",
        }
    }

    /// Where its unit lies, below `root` (the root of the file system, but for tests and packages).
    /// `None`: neither `XDG_CONFIG_HOME` nor `HOME` says where a user's units are.
    pub fn unit_file(self, root: Option<&Path>, env: &Env) -> Option<PathBuf> {
        let dir = match self {
            Scope::System => PathBuf::from("/etc/systemd/system"),
            Scope::User => crate::config::config_dir(env)?.parent()?.join("systemd/user"),
        };
        let path = dir.join(UNIT);
        Some(match (root, path.strip_prefix("/")) {
            (Some(root), Ok(below)) => root.join(below),
            _ => path,
        })
    }
}
