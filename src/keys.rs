//! Where the vault's master key comes from: a credential of systemd, a key file, or a passphrase, in this
//! order. The first that is there is used; one that is there and cannot be used is told, and no other is
//! tried, since its owner means it.
//!
//! It touches the files it is told of. A key file is made when a vault is (with the first `account add`),
//! and only where nothing else was given. Nothing here is ever printed but names and fingerprints.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mm_core::seams::Entropy;
use mm_core::secret::Secret;
use mm_core::vault::{Derivation, Key};
use mm_services::accounts::{Found, KeySource, MasterKeys, NewKey};
use zeroize::Zeroizing;

use crate::config::{Env, PASSPHRASE_FILE, Vault};

/// The name of systemd's credential: `LoadCredential=money-machine-master-key:/path`.
const CREDENTIAL: &str = "money-machine-master-key";
/// The variable that systemd sets.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// The key file's name in the data directory.
const KEY_FILE: &str = "master.key";
/// Nobody's passphrase or key is longer.
const BYTES_MAX: u64 = 4096;
/// A shorter passphrase is guessed, however slowly.
const PASSPHRASE_CHARS_MIN: usize = 12;

/// The sources of a real machine.
pub struct SystemKeys {
    credential: Option<PathBuf>,
    file: PathBuf,
    prompt: bool,
    passphrase_file: Option<PathBuf>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    passphrase: Option<Secret>,
    /// What it gave, so that it is stretched once for each way.
    stretched: BTreeMap<Derivation, Key>,
}

impl SystemKeys {
    /// The sources that the environment and the configuration name.
    pub fn new(env: &Env, config: &Vault, data_dir: &Path) -> Self {
        let path = |name: &str| env.get(name).map(PathBuf::from);
        Self {
            credential: path(CREDENTIALS_DIRECTORY).map(|dir| dir.join(CREDENTIAL)),
            file: config.key_file.clone().unwrap_or_else(|| data_dir.join(KEY_FILE)),
            prompt: config.prompt,
            passphrase_file: path(PASSPHRASE_FILE),
            held: Mutex::default(),
        }
    }

    /// Takes the passphrase from the file that the environment names, if it names one. To be called once: a
    /// file descriptor is read once.
    ///
    /// # Errors
    /// One sentence.
    pub fn read_passphrase(&self) -> Result<(), String> {
        let Some(path) = &self.passphrase_file else { return Ok(()) };
        let shown = path.display();
        let failed =
            |error: io::Error| format!("{PASSPHRASE_FILE} names `{shown}`, which could not be read: {error}");
        let file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if meta.is_file() && meta.mode() & 0o077 != 0 {
            return Err(format!(
                "`{shown}` holds the passphrase and others may read it; `chmod 600 {shown}`"
            ));
        }
        let bytes = read_all(file).map_err(failed)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| format!("`{shown}` holds no text"))?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            return Err(format!("`{shown}` should hold the passphrase and is empty"));
        }
        self.hold(Secret::new(line.to_owned()));
        Ok(())
    }

    /// Takes a passphrase that was typed.
    pub fn hold(&self, passphrase: Secret) {
        *self.held() = Held { passphrase: Some(passphrase), stretched: BTreeMap::new() };
    }

    /// Whether a passphrase has to be asked for: nothing else gives a key, and the vault was made with one
    /// (or is to be).
    pub fn wants_passphrase(&self, vault_has_one: Option<bool>) -> bool {
        let elsewhere = self.has_credential() || self.has_file() || self.held().passphrase.is_some();
        !elsewhere && vault_has_one.unwrap_or(self.prompt)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_credential(&self) -> bool {
        self.credential.as_ref().is_some_and(|path| path.exists())
    }

    fn has_file(&self) -> bool {
        // Also a dangling link or a folder: something is there, and it will be told what is wrong with it.
        std::fs::symlink_metadata(&self.file).is_ok()
    }

    fn in_credential(&self) -> Result<Option<Found>, String> {
        let Some(path) = self.credential.as_ref().filter(|path| path.exists()) else { return Ok(None) };
        let source = format!("systemd's credential {CREDENTIAL}");
        let bytes = File::open(path).and_then(read_all);
        let bytes = bytes.map_err(|error| format!("{source} could not be read: {error}"))?;
        let key = Key::parse(&bytes).ok_or_else(|| format!("{source} is no key: {KEY_LOOKS}"))?;
        Ok(Some(Found { keys: vec![key], source }))
    }

    fn in_file(&self) -> Result<Option<Found>, String> {
        let path = &self.file;
        let source = format!("the key file {}", path.display());
        let file = match OpenOptions::new().read(true).custom_flags(NOFOLLOW_NONBLOCK).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.has_file() => return Ok(None),
            Err(error) => return Err(format!("{source} could not be read: {error}; nothing was changed")),
        };
        // Of the file that is open, not of whatever stands under its name by now.
        let meta = file.metadata().map_err(|error| format!("{source} could not be looked at: {error}"))?;
        refuse(path, &meta)?;
        let bytes = read_all(file).map_err(|error| format!("{source} could not be read: {error}"))?;
        let key = Key::parse(&bytes).ok_or_else(|| format!("{source} holds no key: {KEY_LOOKS}"))?;
        Ok(Some(Found { keys: vec![key], source }))
    }

    fn of_passphrase(&self, known: &[Derivation]) -> Result<Option<Found>, String> {
        let mut held = self.held();
        let Some(passphrase) = held.passphrase.clone() else { return Ok(None) };
        let mut keys = Vec::new();
        for way in known {
            let key = match held.stretched.get(way) {
                Some(key) => key.clone(),
                None => way.key(passphrase.expose()).map_err(|weak| weak.to_string())?,
            };
            held.stretched.insert(way.clone(), key.clone());
            keys.push(key);
        }
        if keys.is_empty() {
            return Err("a passphrase was given, and this vault was made with a key; leave the passphrase out and put \
                        the key back"
                .to_owned());
        }
        Ok(Some(Found { keys, source: "the passphrase".to_owned() }))
    }

    fn stretched(passphrase: &Secret, entropy: &dyn Entropy) -> Result<NewKey, String> {
        if passphrase.expose().chars().count() < PASSPHRASE_CHARS_MIN {
            return Err(format!(
                "a passphrase has at least {PASSPHRASE_CHARS_MIN} signs; five random words are good"
            ));
        }
        let mut salt = [0u8; 16];
        entropy.fill(&mut salt);
        let way = Derivation::fresh(salt);
        let key = way.key(passphrase.expose()).map_err(|weak| weak.to_string())?;
        Ok(NewKey { key, derivation: Some(way), source: "the passphrase".to_owned() })
    }

    fn beside(&self) -> PathBuf {
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        self.file.with_file_name(name)
    }
}

/// What a key looks like, for sentences.
const KEY_LOOKS: &str = "64 hex digits, or 32 bytes, are wanted (`openssl rand -hex 32`)";
/// No link is followed to a key, and no pipe is waited for.
const NOFOLLOW_NONBLOCK: i32 =
    (rustix::fs::OFlags::NOFOLLOW.bits() | rustix::fs::OFlags::NONBLOCK.bits()).cast_signed();

/// A key that others can read, or could have put there, is none.
fn refuse(path: &Path, meta: &std::fs::Metadata) -> Result<(), String> {
    let shown = path.display();
    if !meta.is_file() || meta.file_type().is_fifo() {
        return Err(format!(
            "the key file {shown} is no file; move it away or name another in vault.key_file"
        ));
    }
    if meta.uid() != rustix::process::getuid().as_raw() {
        return Err(format!(
            "the key file {shown} belongs to another user (uid {}); it is not used",
            meta.uid()
        ));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(format!(
            "the key file {shown} may be read by others (mode {:04o}), so it is not used: `chmod 600 {shown}`, and \
             `account rotate --master-key` if somebody may have read it",
            meta.mode() & 0o7777
        ));
    }
    Ok(())
}

fn read_all(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX as usize + 1));
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::Error::other("it is longer than any key"));
    }
    Ok(bytes)
}

/// Writes a key into a file of its owner's alone, and waits until the disk has it.
fn write(path: &Path, key: &Key, new: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    if new {
        options.create_new(true);
    } else {
        // What a change that was cut off has left may have other rights.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => options.create_new(true),
        };
    }
    let mut file = options.open(path)?;
    file.write_all(key.to_hex().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

impl MasterKeys for SystemKeys {
    fn sources(&self) -> Vec<KeySource> {
        let credential = match &self.credential {
            None => "systemd gives this process none".to_owned(),
            Some(path) if path.exists() => format!("{} is there", path.display()),
            Some(_) => format!("systemd gives credentials, and none is called {CREDENTIAL}"),
        };
        let shown = self.file.display();
        let file =
            if self.has_file() { format!("{shown} is there") } else { format!("{shown} is not there") };
        let passphrase = match (&self.held().passphrase, &self.passphrase_file) {
            (Some(_), _) => "one was given".to_owned(),
            (None, Some(path)) => format!("{} holds it", path.display()),
            (None, None) => "none was given".to_owned(),
        };
        let refused = |found: Result<Option<Found>, String>| found.err();
        let (has_credential, has_file) = (self.has_credential(), self.has_file());
        let given = self.held().passphrase.is_some() || self.passphrase_file.is_some();
        let source = |name, found, used, refused| KeySource { name, found, used, refused };
        vec![
            source("systemd credential", credential, has_credential, refused(self.in_credential())),
            source("key file", file, !has_credential && has_file, refused(self.in_file())),
            source("passphrase", passphrase, !has_credential && !has_file && given, None),
            source("keyring", "not built in, and untested: it needs a D-Bus session".to_owned(), false, None),
        ]
    }

    fn find(&self, known: &[Derivation]) -> Result<Option<Found>, String> {
        if let Some(found) = self.in_credential()? {
            return Ok(Some(found));
        }
        match self.in_file()? {
            Some(found) => Ok(Some(found)),
            None => self.of_passphrase(known),
        }
    }

    fn make(&self, entropy: &dyn Entropy) -> Result<NewKey, String> {
        let there = match self.in_credential()? {
            Some(found) => Some(found),
            None => self.in_file()?,
        };
        if let Some(Found { keys, source }) = there {
            let key = keys.into_iter().next().ok_or("the source of the master key is empty")?;
            return Ok(NewKey { key, derivation: None, source });
        }
        let passphrase = self.held().passphrase.clone();
        if let Some(passphrase) = passphrase {
            let new = Self::stretched(&passphrase, entropy)?;
            let mut held = self.held();
            held.stretched.extend(new.derivation.clone().map(|way| (way, new.key.clone())));
            return Ok(new);
        }
        if self.prompt {
            return Err(format!(
                "vault.prompt wants a passphrase, and the daemon was started where it could not ask: start it at a \
                 terminal, or name a file with {PASSPHRASE_FILE}"
            ));
        }
        let key = Key::random(|bytes| entropy.fill(bytes));
        let shown = self.file.display();
        write(&self.file, &key, true)
            .map_err(|error| format!("the key file {shown} could not be made: {error}"))?;
        Ok(NewKey { key, derivation: None, source: format!("the key file {shown}") })
    }

    fn next(&self, given: Option<&Secret>, entropy: &dyn Entropy) -> Result<NewKey, String> {
        if self.has_credential() {
            let why = format!(
                "the master key is systemd's credential {CREDENTIAL}: pipe the new one on stdin, and then put it there"
            );
            let key = given.ok_or(why)?;
            let key =
                Key::parse(key.expose().as_bytes()).ok_or_else(|| format!("that is no key: {KEY_LOOKS}"))?;
            return Ok(NewKey {
                key,
                derivation: None,
                source: format!("systemd's credential {CREDENTIAL}"),
            });
        }
        if !self.has_file() {
            let given = given.ok_or("the master key is made from a passphrase: type or pipe the new one")?;
            return Self::stretched(given, entropy);
        }
        let (key, beside) = (Key::random(|bytes| entropy.fill(bytes)), self.beside());
        write(&beside, &key, false)
            .map_err(|error| format!("the new key could not be written to {}: {error}", beside.display()))?;
        Ok(NewKey { key, derivation: None, source: format!("the key file {}", self.file.display()) })
    }

    fn swap(&self, new: &NewKey) -> Result<bool, String> {
        if self.has_credential() || !self.has_file() {
            // The owner changes it there; until a start finds it, both open the vault.
            return Ok(false);
        }
        let beside = self.beside();
        let same = File::open(&beside).and_then(read_all).ok().and_then(|bytes| Key::parse(&bytes));
        if same.is_none_or(|key| key.id() != new.key.id()) {
            return Err(format!(
                "{} is not the key that was laid there; the old one stays",
                beside.display()
            ));
        }
        std::fs::rename(&beside, &self.file)
            .and_then(|()| sync_folder(&self.file))
            .map_err(|error| format!("{} could not be put in place: {error}", beside.display()))?;
        Ok(true)
    }

    fn anew(&self, given: Option<&Secret>, entropy: &dyn Entropy) -> Result<NewKey, String> {
        let shown = self.file.display();
        if self.has_credential() {
            return Err(format!(
                "systemd's credential {CREDENTIAL} is looked at before {shown}: take it out of the unit first"
            ));
        }
        if self.has_file() {
            return Err(format!("something is at {shown}: move it away first"));
        }
        if let Some(passphrase) = given {
            return Self::stretched(passphrase, entropy);
        }
        let (key, beside) = (Key::random(|bytes| entropy.fill(bytes)), self.beside());
        write(&beside, &key, false)
            .map_err(|error| format!("the new key could not be written to {}: {error}", beside.display()))?;
        Ok(NewKey { key, derivation: None, source: format!("the key file {shown}") })
    }

    fn place(&self, new: &NewKey) -> Result<bool, String> {
        if new.derivation.is_some() {
            // It is in its owner's head.
            return Ok(false);
        }
        let beside = self.beside();
        // A link, unlike a new name, is never made over a file that is there.
        std::fs::hard_link(&beside, &self.file)
            .and_then(|()| std::fs::remove_file(&beside))
            .and_then(|()| sync_folder(&self.file))
            .map_err(|error| format!("{} could not be put in place: {error}", beside.display()))?;
        Ok(true)
    }

    fn settle(&self) -> Result<(), String> {
        if self.has_credential() || !self.has_file() {
            return Ok(());
        }
        sync_folder(&self.file)
            .map_err(|error| format!("the folder of {} could not be synced: {error}", self.file.display()))
    }
}

#[cfg(test)]
mod tests;
