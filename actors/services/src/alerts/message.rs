//! What the alerts service is sent, and what a trace may show of it.

use mm_core::id::Space;
use mm_supervision::Reply;

use super::{Unseen, Unsilenced};
use crate::records::{SilenceRow, Sort};

/// What it is sent.
pub enum Msg {
    /// Something is the matter.
    Raise {
        /// Whose it is.
        space: Space,
        /// What it is about; the row's id.
        about: String,
        /// What to tell.
        sentence: String,
        /// Its sort, if it is not what its name says.
        sort: Option<Sort>,
    },
    /// It is over.
    Clear {
        /// Whose it is.
        space: Space,
        /// What it is about.
        about: String,
    },
    /// All that begins like this is over.
    ClearPrefix {
        /// Whose it is.
        space: Space,
        /// How it begins.
        prefix: String,
    },
    /// Alerts of this name are raised and not told.
    Silence {
        /// A name, or the beginning of one with `*` behind it.
        pattern: String,
        /// Why, who, until when.
        row: SilenceRow,
        /// Where the answer goes.
        reply: Reply<Result<(), Unsilenced>>,
    },
    /// They are told again.
    Unsilence {
        /// As it was silenced.
        pattern: String,
        /// Who says it.
        by: String,
        /// Where the answer goes.
        reply: Reply<Result<(), Unsilenced>>,
    },
    /// The owner has seen it.
    Seen {
        /// What it is about; `None`: all that are open.
        about: Option<String>,
        /// Where the answer goes: how many that were.
        reply: Reply<Result<u64, Unseen>>,
    },
    /// An alert's row was written by somebody else.
    Written {
        /// Whose it is.
        space: Space,
        /// What it is about.
        about: String,
    },
    /// Look what is to be told: the settings may be others, or it is time.
    Look,
    /// The channel has ended; from the service to itself.
    Told {
        /// How.
        ended: Result<(), String>,
    },
    /// Forget what has been over for long; from the service to itself.
    Tidy,
}

impl mm_supervision::Inspect for Msg {
    fn kind(&self) -> &'static str {
        match self {
            Msg::Raise { .. } => "raise",
            Msg::Clear { .. } => "clear",
            Msg::ClearPrefix { .. } => "clear-prefix",
            Msg::Silence { .. } => "silence",
            Msg::Unsilence { .. } => "unsilence",
            Msg::Seen { .. } => "seen",
            Msg::Written { .. } => "written",
            Msg::Look => "look",
            Msg::Told { .. } => "told",
            Msg::Tidy => "tidy",
        }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let (Msg::Raise { about, .. }
        | Msg::Clear { about, .. }
        | Msg::ClearPrefix { prefix: about, .. }
        | Msg::Written { about, .. }) = self
        else {
            return Vec::new();
        };
        vec![("about", about.chars().take(120).collect())]
    }
}
