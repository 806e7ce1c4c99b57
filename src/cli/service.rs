//! `service status`.

use clap::Subcommand;

use super::{Cx, Done, refuse};

/// Installs the daemon as a service of systemd
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Says whether it is installed
    Status,
}

pub(super) fn execute(_cx: &Cx<'_>, verb: Verb) -> Done {
    match verb {
        Verb::Status => Err(refuse("this is not built yet")),
    }
}
