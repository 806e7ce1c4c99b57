//! Whether the trail is what was signed and told elsewhere: looked at when the machine starts, and said
//! by `doctor`. A store that was put back to an older state is whole in itself; its anchor shows it.

use mm_core::audit::Tip;
use mm_core::audit::anchor::{Chain, Line};
use mm_core::audit::checkpoint::Signed;
use mm_store::{ReadError, Store};

use super::checkpoints::{latest, store_id};

/// The most entries that a start verifies: some tenths of a second. `audit verify` verifies all.
const LOOKED_AT: u64 = 10_000;

/// What a start found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Why no permit may be made, if none may.
    pub held: Option<String>,
    /// The anchored checkpoint that speaks against the chain, if one does.
    pub anchor: Option<Signed>,
}

impl Found {
    fn held(why: String, anchor: Option<Signed>) -> Self {
        let held = format!(
            "{why}; nothing is permitted until you restore the store, or `audit accept --reason WHY` goes on with it"
        );
        Self { held: Some(held), anchor }
    }
}

/// Looks at the end of the chain, its last checkpoint, and `anchored`, the last line of the anchor file.
///
/// # Errors
/// If the store cannot be read.
pub fn look(store: &Store, anchored: Option<&str>) -> Result<Found, ReadError> {
    let (last, tip) = (latest(store)?, store.audit_tip()?);
    let from = last.as_ref().map_or(1, |last| last.checkpoint.seq);
    let from = from.max(tip.seq.saturating_sub(LOOKED_AT)).clamp(1, tip.seq.max(1));
    if let Some(broken) = store.audit_verify(from)?.broken.first() {
        return Ok(Found::held(format!("the audit trail is broken: {broken}"), None));
    }
    if let Some(last) = &last
        && let Some(why) = doubt(store, tip, "checkpoint", last)?
    {
        return Ok(Found::held(why, None));
    }
    let Some(line) = anchored else { return Ok(Found::default()) };
    let Some(anchor) = Line::parse(line).and_then(|line| line.signed()) else {
        let why = "the last line of the anchor file is no anchor: somebody else wrote to it".to_owned();
        return Ok(Found::held(why, None));
    };
    Ok(match doubt(store, tip, "anchor", &anchor)? {
        Some(why) => Found::held(why, Some(anchor)),
        None => Found::default(),
    })
}

fn doubt(store: &Store, tip: Tip, what: &'static str, signed: &Signed) -> Result<Option<String>, ReadError> {
    let chain = Chain { tip, store: store_id(store)? };
    let hash = store.audit_hashes(&[signed.checkpoint.seq])?.pop().flatten();
    Ok(chain.doubts(what, signed, hash).map(|doubt| doubt.to_string()))
}
