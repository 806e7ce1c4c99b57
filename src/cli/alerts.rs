//! `alerts list`.

use clap::Subcommand;

use super::{Cx, Done, refuse};

/// Shows what the owner should know
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists the alerts
    List,
}

pub(super) fn execute(_cx: &Cx<'_>, verb: Verb) -> Done {
    match verb {
        Verb::List => Err(refuse("this is not built yet")),
    }
}
