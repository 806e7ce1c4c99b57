//! Whether the trail is what was signed and told elsewhere: looked at when the machine starts, and said
//! by `doctor`. A store that was put back to an older state is whole in itself; its anchors show it.
//!
//! Whatever speaks against the trail holds it, whoever has signed that; for it speaks only what is signed by
//! a key of this machine's, or by one that it stands for. It reads the store and no file.

use std::collections::BTreeSet;

use mm_core::audit::Tip;
use mm_core::audit::anchor::{ACCEPTED_KIND, Chain, GivenUp, Line};
use mm_core::audit::checkpoint::{PublicKey, Signed};
use mm_core::audit::keys::{Announced, KEY_KIND, tied};
use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_store::{ReadError, Span, Store};

use super::checkpoints::store_id;
use crate::records::CheckpointRow;

/// The most entries that a start verifies: some tenths of a second. `audit verify` verifies all.
const LOOKED_AT: u64 = 10_000;

/// Looks at the end of the chain, its last checkpoint, and `lines`, the newest of the anchor file. `keys` are
/// the public halves of what lies in the key's place: none if nothing does, `None` where nobody may look.
///
/// Gives why no permit may be made, if none may, in a sentence that says what to do.
///
/// # Errors
/// If the store cannot be read.
pub fn look(
    store: &Store,
    lines: &[String],
    keys: Option<&BTreeSet<PublicKey>>,
) -> Result<Option<String>, ReadError> {
    Ok(found(store, lines, keys)?.map(|why| held(&why)))
}

/// What was found, with what is to be done.
pub(super) fn held(why: &str) -> String {
    format!(
        "{why}; nothing is permitted until you restore the store, or `audit accept --reason WHY` goes on with it"
    )
}

fn found(
    store: &Store,
    lines: &[String],
    keys: Option<&BTreeSet<PublicKey>>,
) -> Result<Option<String>, ReadError> {
    let newest = store.scan::<CheckpointRow>(&Space::machine(), Span::all().descending(), 1)?;
    if let Some(row) = newest.damaged.first() {
        let entry = row.id.trim_start_matches('0');
        return Ok(Some(format!(
            "the newest checkpoint, on entry {entry}, does not open: its row was changed"
        )));
    }
    let (last, tip) = (newest.into_values().next().map(|row| row.signed), store.audit_tip()?);
    let signed = last.as_ref().map_or(0, |last| last.checkpoint.seq);
    let from = signed.max(tip.seq.saturating_sub(LOOKED_AT)).clamp(1, tip.seq.max(1));
    if let Some(broken) = store.audit_verify(from)?.broken.first() {
        return Ok(Some(format!("the audit trail is broken: {broken}")));
    }
    if let Some(last) = &last
        && let Some(why) = doubt(store, tip, "checkpoint", last)?
    {
        return Ok(Some(why));
    }
    if let (Some(last), Some(keys)) = (&last, keys)
        && !keys.is_empty()
        && !stand_for(store, keys, last)?
    {
        let key = last.key;
        return Ok(Some(format!(
            "the newest checkpoint is signed by {key}, which this machine's key does not stand for"
        )));
    }
    // Without any key of its own a machine has signed nothing of what it finds.
    let vouched = if keys.is_some_and(BTreeSet::is_empty) { 0 } else { signed };
    if let Some((seq, _)) = given_up(store, signed.max(from.saturating_sub(1)))?.first() {
        let why = "and no checkpoint of this machine's covers that";
        return Ok(Some(format!("entry {seq} goes on although something speaks against the trail, {why}")));
    }
    against(store, lines, vouched)
}

/// Whether one of `keys` stands for the key that has signed `last`.
fn stand_for(store: &Store, keys: &BTreeSet<PublicKey>, last: &Signed) -> Result<bool, ReadError> {
    if keys.contains(&last.key) {
        return Ok(true);
    }
    let rows = store.audit_of_kind(KEY_KIND)?;
    let change = |row: &mm_store::AuditRow| {
        let change = serde_json::from_slice(&row.payload.there()?.bytes).ok()?;
        Some((row.entry.seq, change))
    };
    let changes: Vec<Announced> = rows.iter().filter_map(change).collect();
    let (id, sound) = (store_id(store)?, [(last.key, last.checkpoint.seq)]);
    Ok(keys.iter().any(|key| tied(*key, id, &changes, &sound).contains(&last.key)))
}

/// What `lines` of the anchor file show against the chain, less what its owner gave up by an entry up to
/// `vouched`. Of a line that was cut only the last one counts: a crash leaves one, and the next is whole.
///
/// # Errors
/// If the store cannot be read.
pub fn against(store: &Store, lines: &[String], vouched: u64) -> Result<Option<String>, ReadError> {
    let (others, unread) = contradicting(store, lines)?;
    if unread {
        let why = "the last line of the anchor file is no anchor: somebody else wrote to it";
        return Ok(Some(why.to_owned()));
    }
    if others.is_empty() {
        return Ok(None);
    }
    let said = given_up(store, 0)?;
    let said = said.iter().filter(|(seq, _)| *seq <= vouched).flat_map(|(_, said)| &said.checkpoints);
    let excused: BTreeSet<&String> = said.collect();
    Ok(others
        .into_iter()
        .rev()
        .find(|(digest, _)| !excused.contains(&digest.to_string()))
        .map(|(_, why)| why))
}

/// Checkpoints, by digest, with what each shows against the chain.
type Others = Vec<(Digest, String)>;

/// The lines that speak against the chain; and whether the last one is no anchor.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn contradicting(store: &Store, lines: &[String]) -> Result<(Others, bool), ReadError> {
    let anchors: Vec<Option<Signed>> =
        lines.iter().map(|line| Line::parse(line).and_then(|line| line.signed())).collect();
    let unread = anchors.last().is_some_and(Option::is_none);
    let anchors: Vec<Signed> = anchors.into_iter().flatten().collect();
    let seqs: Vec<u64> = anchors.iter().map(|signed| signed.checkpoint.seq).collect();
    let chain = Chain { tip: store.audit_tip()?, store: store_id(store)? };
    let hashes = store.audit_hashes(&seqs)?;
    let other = |(signed, hash): (Signed, Option<Digest>)| {
        let doubt = chain.doubts("anchor", &signed, hash)?;
        Some((signed.checkpoint.digest(), doubt.to_string()))
    };
    Ok((anchors.into_iter().zip(hashes).filter_map(other).collect(), unread))
}

/// The owner's words after entry `after` by which he goes on, with the entry's number.
fn given_up(store: &Store, after: u64) -> Result<Vec<(u64, GivenUp)>, ReadError> {
    let rows = store.audit_of_kind_after(ACCEPTED_KIND, after)?;
    let said = |row: &mm_store::AuditRow| {
        let said = row.payload.there().and_then(|payload| serde_json::from_slice(&payload.bytes).ok());
        Some((row.entry.seq, said?))
    };
    Ok(rows.iter().filter_map(said).collect())
}

fn doubt(store: &Store, tip: Tip, what: &'static str, signed: &Signed) -> Result<Option<String>, ReadError> {
    let chain = Chain { tip, store: store_id(store)? };
    let hash = store.audit_hashes(&[signed.checkpoint.seq])?.pop().flatten();
    Ok(chain.doubts(what, signed, hash).map(|doubt| doubt.to_string()))
}
