//! How a vault is made, how its keys are changed, and what is kept for services.
//!
//! A master key is changed in four steps, each of which leaves a vault that the old or the new key opens
//! whole: the new key is laid beside the old one at its source; every data key is wrapped with it too, in
//! one change; everything is read again and opened with it; only then it takes the old one's place, and
//! the old wraps go, in one change.

use std::sync::atomic::Ordering;

use mm_core::id::Space;
use mm_core::secret::Secret;
use mm_core::vault::{Key, RecoveryKey};
use mm_store::{Change, Key as RowKey, NewEntry, Store};
use mm_supervision::Fault;
use serde_json::json;
use zeroize::Zeroizing;

use super::keys::NewKey;
use super::vault::{
    DATA, Locked, MASTER, NEXT, Opened, Place, RECOVERY, Ring, Vault, canary, key_row, open_all, spaces, wrap,
};
use crate::records::{CredentialRow, KeyRow, WrapRow};
use crate::shared::Shared;

/// Why the vault was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Unchanged {
    /// It does not open.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// The source of keys says no.
    #[error("{0}")]
    Source(String),
    /// The store said no.
    #[error("{0}")]
    Store(String),
}

impl From<Fault> for Unchanged {
    fn from(fault: Fault) -> Self {
        Unchanged::Store(fault.reason)
    }
}

/// What a change of the master key came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterChanged {
    /// What the new key was proved to open.
    pub opened: Opened,
    /// Where the new key is.
    pub source: String,
    /// Whether the source gives it by itself; if not, both keys open the vault until a start finds the new
    /// one.
    pub swapped: bool,
}

impl Vault {
    /// Makes a vault where there is none. Says whether it did.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn ensure(&self, shared: &Shared) -> Result<bool, Unchanged> {
        if self.unlock(&shared.store)? {
            return Ok(false);
        }
        let new = self.keys.make(shared.entropy.as_ref()).map_err(Unchanged::Source)?;
        let master = key(&new, shared);
        let machine = Space::machine();
        let mut change = Change::new()
            .expect_absent(row_key(&machine, MASTER)?)
            .put(&machine, MASTER, &master)
            .map_err(Fault::from)?;
        for space in spaces() {
            let data = Key::random(|bytes| shared.entropy.fill(bytes));
            let row = KeyRow {
                id: data.id(),
                made_at: shared.now(),
                canary: canary(&data, DATA, shared.entropy.as_ref()),
                derivation: None,
                wraps: vec![wrapped(&new.key, &space, &data, false, shared)],
            };
            change =
                change.expect_absent(row_key(&space, DATA)?).put(&space, DATA, &row).map_err(Fault::from)?;
        }
        let payload = json!({ "key": master.id.as_str(), "source": new.source });
        commit(shared, change, "vault.made", &payload).await?;
        self.unlock(&shared.store)?;
        Ok(true)
    }

    /// Makes a recovery key, in place of the one before it. It is shown to its owner once and kept nowhere.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn new_recovery(&self, shared: &Shared) -> Result<RecoveryKey, Unchanged> {
        let ring = self.ring()?;
        let recovery = RecoveryKey::random(|bytes| shared.entropy.fill(bytes));
        let machine = Space::machine();
        let row = KeyRow {
            id: recovery.key().id(),
            made_at: shared.now(),
            canary: canary(recovery.key(), RECOVERY, shared.entropy.as_ref()),
            derivation: None,
            wraps: Vec::new(),
        };
        let change = Change::new().put(&machine, RECOVERY, &row).map_err(Fault::from)?;
        let change = rewrap(shared, &ring, change, |space, data, mut wraps| {
            wraps.retain(|wrap| !wrap.recovery);
            wraps.push(wrapped(recovery.key(), space, data, true, shared));
            wraps
        })?;
        commit(shared, change, "vault.recovery-key-made", &json!({ "key": row.id.as_str() })).await?;
        Ok(recovery)
    }

    /// Whether a recovery key was ever made.
    ///
    /// # Errors
    /// The store's.
    pub fn has_recovery(&self, store: &Store) -> Result<bool, Locked> {
        Ok(key_row(store, &Space::machine(), RECOVERY)?.is_some())
    }

    /// Changes the master key. `given` is the new key or passphrase where its source cannot make one. What
    /// an earlier change has left half done is ended first: the key that its source has now must be the
    /// one that stays.
    ///
    /// # Errors
    /// [`Unchanged`]; whatever it says, the key that its source has still opens everything.
    pub async fn change_master(
        &self,
        shared: &Shared,
        given: Option<&Secret>,
    ) -> Result<MasterChanged, Unchanged> {
        self.unlock(&shared.store)?;
        self.settle_master(shared).await?;
        if self.awaited.load(Ordering::SeqCst) && self.master_waits(&shared.store)? {
            // Its owner may have put the new key there already: it must not be dropped behind his back.
            let why = "a change of the master key waits for a restart: with the new key in place that ends \
                       the change, with the old one another can be begun";
            return Err(Unchanged::Source(why.to_owned()));
        }
        let ring = self.ring()?;
        let new = self.keys.next(given, shared.entropy.as_ref()).map_err(Unchanged::Source)?;
        self.lay_beside(shared, &ring, &new).await?;
        // Read again from the store, not from memory: what is proved is what a start would find.
        let opened = open_all(&shared.store, &new.key)?;
        let swapped = self.keys.swap(&new).map_err(Unchanged::Source)?;
        if swapped {
            self.unlock(&shared.store)?;
            self.settle_master(shared).await?;
        } else {
            self.awaited.store(true, Ordering::SeqCst);
        }
        Ok(MasterChanged { opened, source: new.source, swapped })
    }

    /// Wraps every data key with the new master key too.
    async fn lay_beside(&self, shared: &Shared, ring: &Ring, new: &NewKey) -> Result<(), Unchanged> {
        let machine = Space::machine();
        let row = key(new, shared);
        let change = Change::new().put(&machine, NEXT, &row).map_err(Fault::from)?;
        let change = rewrap(shared, ring, change, |space, data, mut wraps| {
            // What an earlier change that was given up left behind goes.
            wraps.retain(|wrap| wrap.recovery || wrap.by == ring.master.id());
            wraps.push(wrapped(&new.key, space, data, false, shared));
            wraps
        })?;
        commit(shared, change, "vault.master-key-laid", &json!({ "key": row.id.as_str() })).await
    }

    /// After an unlock: ends a change of the master key whose new key is the one that was found. The
    /// old wraps go.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn settle_master(&self, shared: &Shared) -> Result<(), Unchanged> {
        let machine = Space::machine();
        let Some((next, _)) = key_row(&shared.store, &machine, NEXT)? else { return Ok(()) };
        let ring = self.ring()?;
        if ring.master.id() != next.id {
            // The old key is still in place: the change waits for its owner, or is begun anew.
            return Ok(());
        }
        // A power failure must not bring the old key back once its wraps are gone.
        self.keys.settle().map_err(Unchanged::Source)?;
        open_all(&shared.store, &ring.master)?;
        let change =
            Change::new().put(&machine, MASTER, &next).map_err(Fault::from)?.delete(row_key(&machine, NEXT)?);
        let change = rewrap(shared, &ring, change, |_, _, mut wraps| {
            wraps.retain(|wrap| wrap.recovery || wrap.by == next.id);
            wraps
        })?;
        commit(shared, change, "vault.master-key-changed", &json!({ "key": next.id.as_str() })).await
    }

    /// Whether a change of the master key waits for the new one to be found at a start.
    ///
    /// # Errors
    /// The store's.
    pub fn master_waits(&self, store: &Store) -> Result<bool, Locked> {
        Ok(key_row(store, &Space::machine(), NEXT)?.is_some())
    }

    /// Keeps a secret of the machine's own under `name`, in place of the one before it.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn keep(&self, shared: &Shared, name: &str, secret: &[u8]) -> Result<(), Unchanged> {
        let place = own(name);
        let (key, sealed) = self.seal(&place.about(), secret, shared.entropy.as_ref())?;
        let row = CredentialRow { key, sealed, at: shared.now() };
        let change = Change::new().put(&place.space, &place.row_id(), &row).map_err(Fault::from)?;
        commit(shared, change, "vault.kept", &json!({ "name": name })).await
    }

    /// A secret of the machine's own, if there is one.
    ///
    /// # Errors
    /// [`Locked`].
    pub fn kept(&self, store: &Store, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Locked> {
        let place = own(name);
        let Some(row) = store.get::<CredentialRow>(&place.space, &place.row_id())? else { return Ok(None) };
        self.open(&place.about(), &row.value.sealed).map(Some)
    }
}

fn own(name: &str) -> Place {
    Place {
        space: Space::machine(),
        platform: String::new(),
        account: String::new(),
        field: name.to_owned(),
        version: 1,
    }
}

fn key(new: &NewKey, shared: &Shared) -> KeyRow {
    KeyRow {
        id: new.key.id(),
        made_at: shared.now(),
        canary: canary(&new.key, MASTER, shared.entropy.as_ref()),
        derivation: new.derivation.clone(),
        wraps: Vec::new(),
    }
}

fn wrapped(by: &Key, space: &Space, data: &Key, recovery: bool, shared: &Shared) -> WrapRow {
    WrapRow { by: by.id(), sealed: wrap(by, space, data, shared.entropy.as_ref()), recovery }
}

fn row_key(space: &Space, id: &str) -> Result<RowKey, Unchanged> {
    RowKey::of::<KeyRow>(space, id).map_err(|error| Unchanged::Store(error.to_string()))
}

/// `change` with other wraps of every data key; it expects the rows as they were read.
fn rewrap(
    shared: &Shared,
    ring: &Ring,
    mut change: Change,
    wraps: impl Fn(&Space, &Key, Vec<WrapRow>) -> Vec<WrapRow>,
) -> Result<Change, Unchanged> {
    for (space, data) in &ring.data {
        let Some((mut row, version)) = key_row(&shared.store, space, DATA)? else { continue };
        row.wraps = wraps(space, data, std::mem::take(&mut row.wraps));
        change = change
            .expect_version(row_key(space, DATA)?, version)
            .put(space, DATA, &row)
            .map_err(Fault::from)?;
    }
    Ok(change)
}

async fn commit(
    shared: &Shared,
    change: Change,
    kind: &str,
    payload: &serde_json::Value,
) -> Result<(), Unchanged> {
    let entry = NewEntry::new(shared.now(), &Space::machine(), kind, payload).map_err(Fault::from)?;
    shared.store.commit(change.audit(entry)).await.map_err(Fault::from)?;
    Ok(())
}
