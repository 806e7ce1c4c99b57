//! The vault: opened with the master key, it seals and opens what the store keeps.
//!
//! A handle that every service may use without a call. It reads the store and asks the seam of keys; what
//! it writes are whole changes. When the key is missing or wrong it stays locked, says so in one sentence,
//! and changes nothing.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};

use mm_core::id::Space;
use mm_core::seams::Entropy;
use mm_core::vault::{About, Key, KeyId, NotOpened, open, seal};
use mm_store::{Key as RowKey, ReadError, Span, Store};
use zeroize::Zeroizing;

use super::keys::{KeySource, MasterKeys};
use crate::records::{CredentialRow, KeyRow};

/// The row of the master key in use.
pub(super) const MASTER: &str = "master";
/// The row of the one that will take its place.
pub(super) const NEXT: &str = "master.next";
/// The row of the recovery key.
pub(super) const RECOVERY: &str = "recovery";
/// The row of a space's data key.
pub(super) const DATA: &str = "data";
/// What every key opens.
const CANARY: &[u8] = b"this is the right key";

/// Why the vault does not open.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Locked {
    /// Nothing was ever put into it.
    #[error("there is no vault yet; `account add` makes it")]
    NoVault,
    /// No source has a key.
    #[error(
        "the vault's master key was found nowhere; `doctor` lists where it was looked for: put it back there, or, \
         if it is lost, stop the daemon and make another with the recovery key (`account recover`); nothing was \
         changed"
    )]
    NoKey,
    /// A source cannot be used.
    #[error("{0}")]
    Refused(String),
    /// The canary does not open.
    #[error(
        "{source_name} holds another key than the vault was made with ({found}, where it takes {wanted}); put the \
         right one back, or, if it is lost, move this one away and stop the daemon, and make another with the \
         recovery key (`account recover`); nothing was changed"
    )]
    WrongKey {
        /// Where the key came from.
        source_name: String,
        /// Its fingerprint.
        found: String,
        /// The fingerprint of the right one.
        wanted: String,
    },
    /// What was typed is neither its master nor its recovery key.
    #[error("what was typed is another key ({found}) than any that opens the vault")]
    Foreign {
        /// Its fingerprint.
        found: String,
    },
    /// Rows of the vault were changed.
    #[error("the vault is damaged ({0}); restore a backup, nothing was changed")]
    Damaged(String),
    /// The store failed.
    #[error("the vault could not be read: {0}")]
    Store(String),
}

impl From<ReadError> for Locked {
    fn from(error: ReadError) -> Self {
        let mut text = error.to_string();
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        match error {
            ReadError::Row { .. } => Locked::Damaged(text),
            _ => Locked::Store(text),
        }
    }
}

/// The keys of an open vault.
pub(super) struct Ring {
    /// The master key in use.
    pub master: Key,
    /// The data key of each space.
    pub data: BTreeMap<Space, Key>,
}

/// The vault. Clones are the same one.
#[derive(Clone)]
pub struct Vault {
    pub(super) keys: Arc<dyn MasterKeys>,
    open: Arc<RwLock<Option<Arc<Ring>>>>,
    /// Whether this life has begun a change of the master key that waits for its owner.
    pub(super) awaited: Arc<AtomicBool>,
}

impl Vault {
    /// A vault that is still locked.
    pub fn new(keys: Arc<dyn MasterKeys>) -> Self {
        Self { keys, open: Arc::default(), awaited: Arc::default() }
    }

    /// Where its master key can come from.
    pub fn sources(&self) -> Vec<KeySource> {
        self.keys.sources()
    }

    /// Opens it with what the sources have. Says whether there is one.
    ///
    /// # Errors
    /// [`Locked`], but never for a vault that was not made yet.
    pub fn unlock(&self, store: &Store) -> Result<bool, Locked> {
        let unlocked = ring(store, self.keys.as_ref())?;
        let there = unlocked.is_some();
        self.hold(unlocked);
        Ok(there)
    }

    pub(super) fn hold(&self, ring: Option<Ring>) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = ring.map(Arc::new);
    }

    pub(super) fn ring(&self) -> Result<Arc<Ring>, Locked> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Locked::NoVault)
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.ring().is_ok()
    }

    /// Opens everything there is with the key in use, and keeps nothing of it.
    ///
    /// # Errors
    /// [`Locked`] names the first that does not open.
    pub fn verify(&self, store: &Store) -> Result<Opened, Locked> {
        open_all(store, &self.ring()?.master)
    }

    /// Seals a value of `space` under its data key.
    ///
    /// # Errors
    /// [`Locked`].
    pub fn seal(
        &self,
        about: &About<'_>,
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<(KeyId, Vec<u8>), Locked> {
        let ring = self.ring()?;
        let key = data_key(&ring, about.space)?;
        Ok((key.id(), seal(key, about, salt(entropy), plain)))
    }

    /// Opens a sealed value.
    ///
    /// # Errors
    /// [`Locked`]; also if the value does not belong there.
    pub fn open(&self, about: &About<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Locked> {
        let ring = self.ring()?;
        let key = data_key(&ring, about.space)?;
        open(key, about, sealed).map_err(|no: NotOpened| Locked::Damaged(no.to_string()))
    }
}

fn data_key<'a>(ring: &'a Ring, space: &str) -> Result<&'a Key, Locked> {
    let found = ring.data.iter().find(|(own, _)| own.as_str() == space).map(|(_, key)| key);
    found.ok_or_else(|| Locked::Damaged(format!("the space `{space}` has no data key")))
}

pub(super) fn salt(entropy: &dyn Entropy) -> [u8; 32] {
    let mut salt = [0u8; 32];
    entropy.fill(&mut salt);
    salt
}

/// What the canary of a key is bound to.
fn canary_about(role: &str) -> About<'_> {
    About { space: "_", record: "canary", platform: "", account: "", field: role, version: 1 }
}

/// What a wrapped data key is bound to.
fn wrap_about(space: &Space) -> About<'_> {
    About { space: space.as_str(), record: "data-key", platform: "", account: "", field: DATA, version: 1 }
}

/// A canary under a key of this role.
pub(super) fn canary(key: &Key, role: &str, entropy: &dyn Entropy) -> Vec<u8> {
    seal(key, &canary_about(role), salt(entropy), CANARY)
}

/// A data key under a master or recovery key.
pub(super) fn wrap(by: &Key, space: &Space, data: &Key, entropy: &dyn Entropy) -> Vec<u8> {
    seal(by, &wrap_about(space), salt(entropy), data.expose())
}

/// Whether a key is the one that a row speaks of.
pub(super) fn is_key(key: &Key, row: &KeyRow, role: &str) -> bool {
    key.id() == row.id
        && open(key, &canary_about(role), &row.canary).is_ok_and(|text| text.as_slice() == CANARY)
}

/// A canary's role does not change with its row: the next master is a master.
pub(super) fn role(row: &str) -> &str {
    if row == NEXT { MASTER } else { row }
}

pub(super) fn key_row(store: &Store, space: &Space, id: &str) -> Result<Option<(KeyRow, u64)>, Locked> {
    Ok(store.get::<KeyRow>(space, id)?.map(|row| (row.value, row.version)))
}

/// The spaces that can have secrets: there is one owner yet.
pub(super) fn spaces() -> [Space; 2] {
    [Space::machine(), Space::default_owner()]
}

/// Opens the ring of keys, if there is a vault.
fn ring(store: &Store, keys: &dyn MasterKeys) -> Result<Option<Ring>, Locked> {
    let machine = Space::machine();
    let (master, next) = (key_row(store, &machine, MASTER)?, key_row(store, &machine, NEXT)?);
    let Some((master, _)) = master else {
        return match any_secret(store)? {
            false => Ok(None),
            true => Err(Locked::Damaged("there are secrets and no record of a master key".to_owned())),
        };
    };
    let rows: Vec<&KeyRow> = std::iter::once(&master).chain(next.as_ref().map(|(row, _)| row)).collect();
    let known: Vec<_> = rows.iter().filter_map(|row| row.derivation.clone()).collect();
    let found = keys.find(&known).map_err(Locked::Refused)?.ok_or(Locked::NoKey)?;
    let right = found.keys.iter().find(|key| rows.iter().any(|row| is_key(key, row, MASTER)));
    let Some(key) = right else {
        let shown = found.keys.first().map(|key| key.id().to_string()).unwrap_or_default();
        let wanted = master.id.to_string();
        if found.keys.iter().any(|key| rows.iter().any(|row| row.id == key.id())) {
            return Err(Locked::Damaged("the canary of its master key does not open".to_owned()));
        }
        return Err(Locked::WrongKey { source_name: found.source, found: shown, wanted });
    };
    Ok(Some(Ring { master: key.clone(), data: data_keys(store, key)? }))
}

/// The data keys of all spaces, opened with a master or recovery key.
pub(super) fn data_keys(store: &Store, by: &Key) -> Result<BTreeMap<Space, Key>, Locked> {
    let mut data = BTreeMap::new();
    for space in spaces() {
        let Some((row, _)) = key_row(store, &space, DATA)? else { continue };
        let damaged = || Locked::Damaged(format!("the data key of the space `{space}` does not open"));
        let wrap = row.wraps.iter().find(|wrap| wrap.by == by.id()).ok_or_else(damaged)?;
        let key = open(by, &wrap_about(&space), &wrap.sealed).map_err(|_| damaged())?;
        let key = Key::from_slice(&key).filter(|key| is_key(key, &row, DATA)).ok_or_else(damaged)?;
        data.insert(space, key);
    }
    Ok(data)
}

fn any_secret(store: &Store) -> Result<bool, Locked> {
    for space in spaces() {
        let found = store.scan::<CredentialRow>(&space, Span::all(), 1)?;
        if !found.rows.is_empty() || !found.damaged.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a key opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Data keys.
    pub keys: usize,
    /// Sealed values.
    pub values: usize,
}

/// Opens everything there is in a store with a master or recovery key, and keeps nothing of it.
///
/// # Errors
/// [`Locked`] names the first that does not open.
pub fn open_all(store: &Store, by: &Key) -> Result<Opened, Locked> {
    let machine = Space::machine();
    let mut known = false;
    for id in [MASTER, NEXT, RECOVERY] {
        known |= key_row(store, &machine, id)?.is_some_and(|(row, _)| is_key(by, &row, role(id)));
    }
    if !known {
        return Err(match key_row(store, &machine, MASTER)? {
            None => Locked::NoVault,
            Some(_) => Locked::Foreign { found: by.id().to_string() },
        });
    }
    let data = data_keys(store, by)?;
    let mut values = 0;
    for space in spaces() {
        let scanned = store.scan::<CredentialRow>(&space, Span::all(), usize::MAX)?;
        if let Some(damaged) = scanned.damaged.first() {
            return Err(Locked::Damaged(format!("{damaged:?}")));
        }
        for (id, row) in scanned.rows {
            let key =
                data.get(&space).ok_or_else(|| Locked::Damaged(format!("`{space}` has no data key")))?;
            let place = Place::of_row(&space, &id);
            let opened = place.is_some_and(|place| open(key, &place.about(), &row.value.sealed).is_ok());
            if !opened {
                return Err(Locked::Damaged(format!("the sealed value {id} does not open")));
            }
            values += 1;
        }
    }
    Ok(Opened { keys: data.len(), values })
}

/// Where a sealed value belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub space: Space,
    pub platform: String,
    pub account: String,
    pub field: String,
    pub version: u64,
}

impl Place {
    pub fn of_row(space: &Space, id: &str) -> Option<Self> {
        let (path, version) = id.rsplit_once('@')?;
        let mut parts = path.split('/');
        let (platform, account, field) = match (parts.next(), parts.next(), parts.next()) {
            (Some(platform), Some(account), Some(field)) => (platform, account, field),
            (Some(field), None, None) => ("", "", field),
            _ => return None,
        };
        Some(Self {
            space: space.clone(),
            platform: platform.to_owned(),
            account: account.to_owned(),
            field: field.to_owned(),
            version: version.parse().ok()?,
        })
    }

    pub fn row_id(&self) -> String {
        let Self { platform, account, field, version, .. } = self;
        if platform.is_empty() {
            format!("{field}@{version}")
        } else {
            format!("{platform}/{account}/{field}@{version}")
        }
    }

    pub fn row_key(&self) -> Result<RowKey, mm_store::BadKey> {
        RowKey::of::<CredentialRow>(&self.space, &self.row_id())
    }

    pub fn about(&self) -> About<'_> {
        About {
            space: self.space.as_str(),
            record: "credential",
            platform: &self.platform,
            account: &self.account,
            field: &self.field,
            version: self.version,
        }
    }
}
