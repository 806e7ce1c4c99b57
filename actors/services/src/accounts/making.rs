//! How a vault is made, how its keys are changed, and what is kept for services.
//!
//! A master key is changed in four steps, each of which leaves a vault that the old or the new key opens
//! whole: the new key is laid beside the old one at its source; every data key is wrapped with it too, in
//! one change; everything is read again and opened with it; only then it takes the old one's place, and
//! the old wraps go, in one change. A master key that is lost is made anew by the same steps, with the
//! recovery key in the old one's stead ([`Vault::recover`]).

use std::sync::atomic::Ordering;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::seams::Entropy;
use mm_core::secret::Secret;
use mm_core::vault::{Key, KeyId, RecoveryKey};
use mm_store::{Change, Key as RowKey, NewEntry, Store};
use mm_supervision::Fault;
use serde_json::json;
use zeroize::Zeroizing;

use super::keys::NewKey;
use super::vault::{
    DATA, Locked, MASTER, NEXT, Opened, Place, RECOVERY, Ring, Vault, canary, data_keys, is_key, key_row,
    open_all, spaces, wrap,
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
    /// Nothing is lost.
    #[error(
        "the master key that is there opens the vault, so nothing is lost and nothing was changed; \
         `account rotate --master-key` makes another"
    )]
    Opens,
    /// Another key was typed.
    #[error(
        "that is not this vault's recovery key: its fingerprint is {found}, and {wanted}; nothing was changed"
    )]
    NotRecovery {
        /// The fingerprint of what was typed.
        found: String,
        /// What would open it.
        wanted: String,
    },
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

/// What a change of the vault's keys needs of the machine. A command without a daemon has no more.
#[derive(Clone, Copy)]
pub struct Hands<'a> {
    /// The store that the vault is in.
    pub store: &'a Store,
    /// Salts and keys.
    pub entropy: &'a dyn Entropy,
    /// The time of day.
    pub now: Moment,
}

impl<'a> From<&'a Shared> for Hands<'a> {
    fn from(shared: &'a Shared) -> Self {
        Self { store: &shared.store, entropy: shared.entropy.as_ref(), now: shared.now() }
    }
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
        let hands = Hands::from(shared);
        let master = key(&new, hands);
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
                wraps: vec![wrapped(&new.key, &space, &data, false, hands)],
            };
            change =
                change.expect_absent(row_key(&space, DATA)?).put(&space, DATA, &row).map_err(Fault::from)?;
        }
        let payload = json!({ "key": master.id.as_str(), "source": new.source });
        commit(hands, change, "vault.made", &payload).await?;
        self.unlock(&shared.store)?;
        Ok(true)
    }

    /// Makes a recovery key, in place of the one before it. It is shown to its owner once and kept nowhere.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn new_recovery(&self, shared: &Shared) -> Result<RecoveryKey, Unchanged> {
        let (ring, hands) = (self.ring()?, Hands::from(shared));
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
        let change = rewrap(hands, &ring, change, |space, data, mut wraps| {
            wraps.retain(|wrap| !wrap.recovery);
            wraps.push(wrapped(recovery.key(), space, data, true, hands));
            wraps
        })?;
        commit(hands, change, "vault.recovery-key-made", &json!({ "key": row.id.as_str() })).await?;
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
        let hands = Hands::from(shared);
        self.settle_master(hands).await?;
        if self.awaited.load(Ordering::SeqCst) && self.master_waits(&shared.store)? {
            // Its owner may have put the new key there already: it must not be dropped behind his back.
            let why = "a change of the master key waits for a restart: with the new key in place that ends \
                       the change, with the old one another can be begun";
            return Err(Unchanged::Source(why.to_owned()));
        }
        let ring = self.ring()?;
        let new = self.keys.next(given, shared.entropy.as_ref()).map_err(Unchanged::Source)?;
        lay_beside(hands, &ring, &new, &ring.master.id(), "master").await?;
        // Read again from the store, not from memory: what is proved is what a start would find.
        let opened = open_all(&shared.store, &new.key)?;
        let swapped = self.keys.swap(&new).map_err(Unchanged::Source)?;
        if swapped {
            self.unlock(&shared.store)?;
            self.settle_master(hands).await?;
        } else {
            self.awaited.store(true, Ordering::SeqCst);
        }
        Ok(MasterChanged { opened, source: new.source, swapped })
    }

    /// Makes a master key in the place of one that is lost: the recovery key opens what it opened. `given` is the
    /// new passphrase, for a vault that is opened with one. Nothing is laid over a key that is there, and the
    /// recovery key opens everything at every step.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn recover(
        &self,
        hands: Hands<'_>,
        recovery: &RecoveryKey,
        given: Option<&Secret>,
    ) -> Result<MasterChanged, Unchanged> {
        let master = self.lost(hands.store)?;
        let ring = recovered(hands.store, recovery.key())?;
        let new = self.keys.anew(given, hands.entropy).map_err(Unchanged::Source)?;
        // The lost key's wraps stay until the new key was found: it may turn up.
        lay_beside(hands, &ring, &new, &master, "recovery").await?;
        let opened = open_all(hands.store, &new.key)?;
        let swapped = self.keys.place(&new).map_err(Unchanged::Source)?;
        if swapped {
            // As a start would: by what is found at the source.
            self.unlock(hands.store)?;
            self.settle_master(hands).await?;
        }
        Ok(MasterChanged { opened, source: new.source, swapped })
    }

    /// That the master key is lost, and which one: nothing is made anew for a vault that opens, nor while
    /// something stands where its key should.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub fn lost(&self, store: &Store) -> Result<KeyId, Unchanged> {
        match self.unlock(store) {
            Ok(true) => Err(Unchanged::Opens),
            Ok(false) => Err(Locked::NoVault.into()),
            Err(Locked::NoKey) => {
                let row = key_row(store, &Space::machine(), MASTER)?;
                row.map(|(row, _)| row.id).ok_or_else(|| Locked::NoVault.into())
            }
            Err(Locked::WrongKey { source_name, found, wanted }) => Err(Unchanged::Source(format!(
                "{source_name} holds another key ({found}, where this vault takes {wanted}): move it away, it may \
                 belong to another machine, then recover again; nothing was changed"
            ))),
            Err(Locked::Refused(why)) => Err(Unchanged::Source(format!(
                "{why}; if it cannot be mended, move it away and recover again; nothing was changed"
            ))),
            Err(locked) => Err(locked.into()),
        }
    }

    /// After an unlock: ends a change of the master key whose new key is the one that was found. The
    /// old wraps go.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn settle_master(&self, hands: Hands<'_>) -> Result<(), Unchanged> {
        let machine = Space::machine();
        let Some((next, _)) = key_row(hands.store, &machine, NEXT)? else { return Ok(()) };
        let ring = self.ring()?;
        if ring.master.id() != next.id {
            // The old key is still in place: the change waits for its owner, or is begun anew.
            return Ok(());
        }
        // A power failure must not bring the old key back once its wraps are gone.
        self.keys.settle().map_err(Unchanged::Source)?;
        open_all(hands.store, &ring.master)?;
        let change =
            Change::new().put(&machine, MASTER, &next).map_err(Fault::from)?.delete(row_key(&machine, NEXT)?);
        let change = rewrap(hands, &ring, change, |_, _, mut wraps| {
            wraps.retain(|wrap| wrap.recovery || wrap.by == next.id);
            wraps
        })?;
        commit(hands, change, "vault.master-key-changed", &json!({ "key": next.id.as_str() })).await
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
        commit(shared.into(), change, "vault.kept", &json!({ "name": name })).await
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

/// The ring of keys, opened with the recovery key and proved to open everything.
fn recovered(store: &Store, key: &Key) -> Result<Ring, Unchanged> {
    let row = key_row(store, &Space::machine(), RECOVERY)?.map(|(row, _)| row);
    if !row.as_ref().is_some_and(|row| is_key(key, row, RECOVERY)) {
        let wanted = row.map_or_else(
            || "this vault has none".to_owned(),
            |row| format!("the one that opens this vault has {}", row.id),
        );
        return Err(Unchanged::NotRecovery { found: key.id().to_string(), wanted });
    }
    open_all(store, key)?;
    Ok(Ring { master: key.clone(), data: data_keys(store, key)? })
}

/// Wraps every data key with the new master key too. `by` says which key opened them: `master` or `recovery`.
async fn lay_beside(
    hands: Hands<'_>,
    ring: &Ring,
    new: &NewKey,
    stays: &KeyId,
    by: &str,
) -> Result<(), Unchanged> {
    let machine = Space::machine();
    let row = key(new, hands);
    let change = Change::new().put(&machine, NEXT, &row).map_err(Fault::from)?;
    let change = rewrap(hands, ring, change, |space, data, mut wraps| {
        // What an earlier change that was given up left behind goes.
        wraps.retain(|wrap| wrap.recovery || wrap.by == *stays);
        wraps.push(wrapped(&new.key, space, data, false, hands));
        wraps
    })?;
    commit(hands, change, "vault.master-key-laid", &json!({ "key": row.id.as_str(), "opened_by": by })).await
}

fn key(new: &NewKey, hands: Hands<'_>) -> KeyRow {
    KeyRow {
        id: new.key.id(),
        made_at: hands.now,
        canary: canary(&new.key, MASTER, hands.entropy),
        derivation: new.derivation.clone(),
        wraps: Vec::new(),
    }
}

fn wrapped(by: &Key, space: &Space, data: &Key, recovery: bool, hands: Hands<'_>) -> WrapRow {
    WrapRow { by: by.id(), sealed: wrap(by, space, data, hands.entropy), recovery }
}

fn row_key(space: &Space, id: &str) -> Result<RowKey, Unchanged> {
    RowKey::of::<KeyRow>(space, id).map_err(|error| Unchanged::Store(error.to_string()))
}

/// `change` with other wraps of every data key; it expects the rows as they were read.
fn rewrap(
    hands: Hands<'_>,
    ring: &Ring,
    mut change: Change,
    wraps: impl Fn(&Space, &Key, Vec<WrapRow>) -> Vec<WrapRow>,
) -> Result<Change, Unchanged> {
    for (space, data) in &ring.data {
        let Some((mut row, version)) = key_row(hands.store, space, DATA)? else { continue };
        row.wraps = wraps(space, data, std::mem::take(&mut row.wraps));
        change = change
            .expect_version(row_key(space, DATA)?, version)
            .put(space, DATA, &row)
            .map_err(Fault::from)?;
    }
    Ok(change)
}

async fn commit(
    hands: Hands<'_>,
    change: Change,
    kind: &str,
    payload: &serde_json::Value,
) -> Result<(), Unchanged> {
    let entry = NewEntry::new(hands.now, &Space::machine(), kind, payload).map_err(Fault::from)?;
    hands.store.commit(change.audit(entry)).await.map_err(Fault::from)?;
    Ok(())
}
