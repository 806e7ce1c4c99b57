//! Going on with a trail that something speaks against, by its owner's word: what he gives up is put on
//! record whole, so that nothing of it holds a later start or hides what speaks against the trail later.
//!
//! It makes a change and reads the store; the actor commits that, signs, and anchors.

use mm_core::audit::anchor::{ACCEPTED_KIND, GivenUp};
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, Key, NewEntry, Span, Store};
use mm_supervision::Fault;

use super::standing;
use crate::records::CheckpointRow;

/// Digests in one entry: more are more entries.
const DIGESTS_MAX: usize = 500;

/// Who goes on, why, and although what.
pub(super) struct Word<'a> {
    pub held: &'a str,
    pub reason: &'a str,
    pub by: &'a str,
}

/// The change by which everything in `lines` of the anchor file that speaks against the chain is given up. So
/// are checkpoints beyond the chain's end, which would stand before every later one: their rows go.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn give_up(
    store: &Store,
    lines: &[String],
    word: &Word<'_>,
    now: Moment,
    space: &Space,
) -> Result<Change, Fault> {
    let (others, _) = standing::contradicting(store, lines)?;
    let mut digests: Vec<String> = others.into_iter().map(|(digest, _)| digest.to_string()).collect();
    let mut change = Change::new();
    let after = CheckpointRow::row_id(store.audit_tip()?.seq);
    let beyond = store.scan::<CheckpointRow>(&Space::machine(), Span::all().after(&after), usize::MAX)?;
    let damaged = beyond.damaged.iter().map(|row| row.id.as_str());
    for id in beyond.rows.iter().map(|(id, _)| id.as_str()).chain(damaged) {
        change = change.delete(Key::of::<CheckpointRow>(&Space::machine(), id)?);
    }
    digests.extend(beyond.into_values().map(|row| row.signed.checkpoint.digest().to_string()));
    digests.sort();
    digests.dedup();
    let said = |checkpoints: &[String]| GivenUp {
        held: word.held.to_owned(),
        checkpoints: checkpoints.to_vec(),
        reason: word.reason.to_owned(),
        by: word.by.to_owned(),
    };
    let first = digests.len().min(DIGESTS_MAX);
    let (first, more) = digests.split_at(first);
    for some in [first].into_iter().chain(more.chunks(DIGESTS_MAX)) {
        change = change.audit(NewEntry::new(now, space, ACCEPTED_KIND, &said(some))?);
    }
    Ok(change)
}
