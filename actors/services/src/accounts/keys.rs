//! The seam to where the master key comes from. The vault asks; what is behind it reads files, credentials
//! of systemd and passphrases.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mm_core::seams::Entropy;
use mm_core::secret::Secret;
use mm_core::vault::{Derivation, Key};

/// One place where a master key can come from, for whoever asks where it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// `systemd credential`, `key file`, `passphrase`, `keyring`.
    pub name: &'static str,
    /// What was found there, in a few words.
    pub found: String,
    /// Whether it is the one that is used.
    pub used: bool,
    /// Why what is there cannot be used, if it cannot.
    pub refused: Option<String>,
}

/// Keys from the first source that has any. A passphrase gives one for each way it was ever stretched.
#[derive(Debug, Clone)]
pub struct Found {
    /// The keys.
    pub keys: Vec<Key>,
    /// Where they are from, as it stands in sentences: `the key file /x/master.key`.
    pub source: String,
}

/// A master key for a vault that is made, or made anew.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The key.
    pub key: Key,
    /// How it is made from a passphrase, where it is.
    pub derivation: Option<Derivation>,
    /// Where the next start will find it, as it stands in sentences.
    pub source: String,
}

/// Where master keys come from. Each error is one sentence that says what to do.
pub trait MasterKeys: Send + Sync {
    /// Every source, in the order in which they are looked at.
    fn sources(&self) -> Vec<KeySource>;

    /// The keys of the first source that has any; `None` if none has. `known` are the ways in which this
    /// vault's passphrase is stretched.
    ///
    /// # Errors
    /// If a source is there and cannot be used: then no other is tried, since its owner means it.
    fn find(&self, known: &[Derivation]) -> Result<Option<Found>, String>;

    /// A key for a new vault: the first source's, or one that is made and kept.
    ///
    /// # Errors
    /// If nothing may be made, or it cannot be kept.
    fn make(&self, entropy: &dyn Entropy) -> Result<NewKey, String>;

    /// Another key in place of the one in use, laid beside it. `given` is what its owner typed, where the
    /// source cannot make one itself.
    ///
    /// # Errors
    /// If it needs what was not given, or it cannot be kept.
    fn next(&self, given: Option<&Secret>, entropy: &dyn Entropy) -> Result<NewKey, String>;

    /// Puts that key in the place of the one in use. Says whether the source gives the new one from now on;
    /// if not, its owner has to change it there, and both keys open the vault until a start finds the new
    /// one.
    ///
    /// # Errors
    /// If it could not be done, or not surely; the source then has one of the two.
    fn swap(&self, new: &NewKey) -> Result<bool, String>;

    /// A key in the place of one that is lost, laid beside that place. `given` is the new passphrase, for a vault
    /// that is opened with one.
    ///
    /// # Errors
    /// If something is in its place, or it cannot be kept.
    fn anew(&self, given: Option<&Secret>, entropy: &dyn Entropy) -> Result<NewKey, String>;

    /// Puts that key in its place, where there must be nothing. Says whether the source gives it from now on, as
    /// [`MasterKeys::swap`].
    ///
    /// # Errors
    /// If something is there by now, or it could not be done, or not surely.
    fn place(&self, new: &NewKey) -> Result<bool, String>;

    /// Makes sure that the key in use stays in its place over a power failure, also where a swap was cut
    /// off: the old key's wraps go next.
    ///
    /// # Errors
    /// If that is not sure; then nothing may go.
    fn settle(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A master key in memory, for simulated machines: its clones are the same key file, which outlives a life
/// of the machine.
#[derive(Clone, Default)]
pub struct MemoryKeys(Arc<Mutex<InMemory>>);

#[derive(Clone, Default)]
struct InMemory {
    key: Option<Key>,
    beside: Option<Key>,
    swaps: Swaps,
}

/// What comes of a swap of simulated keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Swaps {
    /// The new key is in place.
    #[default]
    Done,
    /// The new key is in place, and the disk says that it is not sure.
    Unsure,
    /// Its owner has to put it there.
    ByOwner,
}

impl MemoryKeys {
    /// Another key in the place of the one in use, as if somebody had put a wrong file there.
    pub fn put(&self, key: Option<Key>) {
        self.lock().key = key;
    }

    /// What comes of a swap from now on.
    pub fn swaps(&self, swaps: Swaps) {
        self.lock().swaps = swaps;
    }

    /// The key in use.
    pub fn key(&self) -> Option<Key> {
        self.lock().key.clone()
    }

    /// A copy with a life of its own.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    fn lock(&self) -> MutexGuard<'_, InMemory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_key(key: &Key) -> NewKey {
        NewKey { key: key.clone(), derivation: None, source: "the key in memory".to_owned() }
    }
}

impl MasterKeys for MemoryKeys {
    fn sources(&self) -> Vec<KeySource> {
        let used = self.lock().key.is_some();
        vec![KeySource { name: "memory", found: "a simulated key".to_owned(), used, refused: None }]
    }

    fn find(&self, _known: &[Derivation]) -> Result<Option<Found>, String> {
        let key = self.lock().key.clone();
        Ok(key.map(|key| Found { keys: vec![key], source: "the key in memory".to_owned() }))
    }

    fn make(&self, entropy: &dyn Entropy) -> Result<NewKey, String> {
        let mut held = self.lock();
        let key = held.key.get_or_insert_with(|| Key::random(|bytes| entropy.fill(bytes)));
        Ok(Self::new_key(key))
    }

    fn next(&self, _given: Option<&Secret>, entropy: &dyn Entropy) -> Result<NewKey, String> {
        let key = Key::random(|bytes| entropy.fill(bytes));
        self.lock().beside = Some(key.clone());
        Ok(Self::new_key(&key))
    }

    fn swap(&self, new: &NewKey) -> Result<bool, String> {
        let mut held = self.lock();
        if held.swaps == Swaps::ByOwner {
            return Ok(false);
        }
        held.key = Some(new.key.clone());
        held.beside = None;
        match held.swaps {
            Swaps::Unsure => Err("the folder could not be synced".to_owned()),
            _ => Ok(true),
        }
    }

    fn anew(&self, given: Option<&Secret>, entropy: &dyn Entropy) -> Result<NewKey, String> {
        if self.key().is_some() {
            return Err("a key is there".to_owned());
        }
        self.next(given, entropy)
    }

    fn place(&self, new: &NewKey) -> Result<bool, String> {
        self.swap(new)
    }
}
