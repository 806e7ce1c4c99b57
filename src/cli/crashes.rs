//! `crashes list`.

use clap::Subcommand;

use super::{Cx, Done, refuse};

/// Shows what was written down when an actor died
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists the crashes on record
    List,
}

pub(super) fn execute(_cx: &Cx<'_>, verb: Verb) -> Done {
    match verb {
        Verb::List => Err(refuse("this is not built yet")),
    }
}
