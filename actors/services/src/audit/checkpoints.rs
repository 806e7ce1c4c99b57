//! Making checkpoints: the key is read or made, the tip is signed, the checkpoint is kept.
//!
//! A key that takes another's place is announced on the chain before it signs. While a change of keys is
//! under way there are two files; a crash in between leaves either the old key, or the new one announced.

use std::collections::BTreeSet;

use mm_core::audit::Tip;
use mm_core::audit::checkpoint::{Checkpoint, PublicKey, SEED_BYTES, Seed, Signed, Signer};
use mm_core::audit::keys::{KEY_KIND, KeyChange};
use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, CommitError, Key, NewEntry, ReadError, Span, Store};
use mm_supervision::Fault;

use super::evidence::{AuditSettings, SigningKeys, Which};
use crate::records::CheckpointRow;
use crate::shared::Shared;

/// The newest checkpoint, if there is one.
///
/// # Errors
/// If the store cannot be read. One that does not open counts as none.
pub fn latest(store: &Store) -> Result<Option<Signed>, ReadError> {
    let newest = store.scan::<CheckpointRow>(&Space::machine(), Span::all().descending(), 1)?;
    Ok(newest.into_values().next().map(|row| row.signed))
}

/// Which store it is: the hash of its first entry; all zero while there is none.
///
/// # Errors
/// If the store cannot be read.
pub fn store_id(store: &Store) -> Result<Digest, ReadError> {
    Ok(store.audit_hashes(&[1])?.pop().flatten().unwrap_or_default())
}

/// Whether a checkpoint is due.
pub(super) fn is_due(last: Option<&Signed>, tip: Tip, now: Moment, settings: &AuditSettings) -> bool {
    let Some(last) = last.map(|signed| &signed.checkpoint) else { return tip.seq > 0 };
    // A clock that was set back must not put it off.
    let waited = now < last.at || now.since(last.at) >= settings.checkpoint_every;
    let news = tip.seq.saturating_sub(last.seq);
    news >= settings.checkpoint_entries || (news > 0 && waited)
}

/// Signs the chain as it stands and keeps that; the last checkpoint if there is no news.
///
/// # Errors
/// If the store cannot be read or written.
pub async fn make(shared: &Shared, signer: &Signer) -> Result<Option<Signed>, Fault> {
    let store = &shared.store;
    let (last, tip) = (latest(store)?, store.audit_tip()?);
    if tip.seq == 0 || last.as_ref().is_some_and(|last| last.checkpoint.seq >= tip.seq) {
        return Ok(last);
    }
    let signed = sign(store, last.as_ref(), tip, shared.now(), signer)?;
    match store.commit(keep(&signed)?).await {
        Ok(_) => Ok(Some(signed)),
        // Another made it at the same time: the actor, and the machine's orderly end.
        Err(CommitError::Refused { .. }) => Ok(latest(store)?),
        Err(error) => Err(error.into()),
    }
}

/// The checkpoint on `tip`, which follows `last`.
///
/// # Errors
/// If the store cannot be read.
pub fn sign(
    store: &Store,
    last: Option<&Signed>,
    tip: Tip,
    at: Moment,
    signer: &Signer,
) -> Result<Signed, ReadError> {
    let previous = last.map(|last| last.checkpoint.digest()).unwrap_or_default();
    let (Tip { seq, hash }, epoch) = (tip, store.epoch());
    Ok(Checkpoint { seq, hash, epoch, at, previous, store: store_id(store)? }.signed_by(signer))
}

/// The change that keeps a checkpoint.
///
/// # Errors
/// None that a caller can bring about.
pub fn keep(signed: &Signed) -> Result<Change, mm_store::ChangeError> {
    let (space, id) = (Space::machine(), CheckpointRow::row_id(signed.checkpoint.seq));
    let key = Key::of::<CheckpointRow>(&space, &id)?;
    Change::new().expect_absent(key).put(&space, &id, &CheckpointRow { signed: signed.clone() })
}

/// The key that signs, as it lies in its place; made anew where there is none.
///
/// # Errors
/// The inner error is one sentence: it is there and must not be used.
pub(super) async fn signer(shared: &Shared) -> Result<Result<Signer, String>, Fault> {
    let keys = &shared.evidence.keys;
    let read = || Ok((keys.read(Which::Current)?, keys.read(Which::Next)?));
    let (current, next) = match read() {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    let last = latest(&shared.store)?.map(|signed| signed.key);
    let beside = next.is_some();
    let settled = settle_next(shared, current, next)?;
    let (seed, why) = match settled {
        Err(why) => return Ok(Err(why)),
        Ok(Some(seed)) => (seed, "the key's file holds another key than the one that signed last"),
        Ok(None) => match new_seed(shared) {
            Ok(seed) => (seed, "the key's file was not there"),
            Err(why) => return Ok(Err(why)),
        },
    };
    let signer = Signer::of(&seed);
    match last {
        Some(last) if last != signer.public() => {
            announce_lost(shared, &signer, last, why).await?;
            // At once: until it has signed, nothing tells the next start whose the last checkpoint is.
            make(shared, &signer).await?;
        }
        _ => {}
    }
    let forgotten = if beside { keys.forget_next() } else { Ok(()) };
    Ok(forgotten.map(|()| signer))
}

/// The public halves of the keys that lie in their place; none where they must not be used.
pub(super) fn known(keys: &dyn SigningKeys) -> BTreeSet<PublicKey> {
    let seeds = [Which::Current, Which::Next].into_iter().filter_map(|which| keys.read(which).ok().flatten());
    seeds.map(|seed| Signer::of(&seed).public()).collect()
}

/// The key that signs after a change of keys that a crash cut off: the new one if it is announced.
fn settle_next(
    shared: &Shared,
    current: Option<Seed>,
    next: Option<Seed>,
) -> Result<Result<Option<Seed>, String>, Fault> {
    let Some(next) = next else { return Ok(Ok(current)) };
    let keys = &shared.evidence.keys;
    if !is_announced(&shared.store, Signer::of(&next).public())? {
        return Ok(Ok(current));
    }
    Ok(keys.keep(Which::Current, &next).map(|()| Some(next)))
}

fn new_seed(shared: &Shared) -> Result<Seed, String> {
    let seed = fresh(shared);
    shared.evidence.keys.keep(Which::Current, &seed)?;
    Ok(seed)
}

fn fresh(shared: &Shared) -> Seed {
    let mut bytes = [0u8; SEED_BYTES];
    shared.entropy.fill(&mut bytes);
    Seed::new(bytes)
}

/// Every announcement of a key on the chain, in order.
///
/// # Errors
/// If the store cannot be read.
pub fn key_changes(store: &Store) -> Result<Vec<KeyChange>, ReadError> {
    let rows = store.audit_of_kind(KEY_KIND)?;
    let payloads = rows.iter().filter_map(|row| row.payload.there());
    Ok(payloads.filter_map(|payload| serde_json::from_slice(&payload.bytes).ok()).collect())
}

fn is_announced(store: &Store, key: PublicKey) -> Result<bool, ReadError> {
    let key = key.to_string();
    Ok(key_changes(store)?.iter().any(|change| change.key == key))
}

/// The key that signed last is not there any more: that is on the chain, for all to see.
async fn announce_lost(shared: &Shared, signer: &Signer, last: PublicKey, why: &str) -> Result<(), Fault> {
    if is_announced(&shared.store, signer.public())? {
        return Ok(());
    }
    tracing::error!(why, "the audit trail is signed by a new key, which the one before does not vouch for");
    announce(shared, &KeyChange::unsigned(signer.public(), last, why)).await
}

async fn announce(shared: &Shared, change: &KeyChange) -> Result<(), Fault> {
    let entry = NewEntry::new(shared.now(), &Space::machine(), KEY_KIND, change)?;
    shared.store.commit(Change::new().audit(entry)).await?;
    Ok(())
}

/// Puts a new key in the place of `before`, which signs the announcement of it.
///
/// # Errors
/// The inner error is one sentence; the key before goes on signing, or the next start ends the change.
pub(super) async fn rotate(
    shared: &Shared,
    before: &Signer,
    reason: &str,
) -> Result<Result<Signer, String>, Fault> {
    let keys = &shared.evidence.keys;
    // What the old key is good for is signed by it first.
    make(shared, before).await?;
    let seed = fresh(shared);
    if let Err(why) = keys.keep(Which::Next, &seed) {
        return Ok(Err(why));
    }
    let signer = Signer::of(&seed);
    let change = KeyChange::signed(store_id(&shared.store)?, signer.public(), before, reason);
    announce(shared, &change).await?;
    // Before it is the only one: what it has signed shows that the one before was this machine's.
    make(shared, &signer).await?;
    let swapped = keys.keep(Which::Current, &seed).and_then(|()| keys.forget_next());
    Ok(swapped.map(|()| signer))
}
