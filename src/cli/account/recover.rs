//! `account recover`: a new master key with the recovery key, where the old one is lost.
//!
//! A vault without its master key keeps the kernel down, so this is the one command that changes the store
//! without a daemon: it holds the data directory as a daemon does. It touches that directory and the key file.
//! What would be refused is refused before the key is typed.

use std::path::Path;
use std::sync::Arc;

use mm_core::seams::Clock as _;
use mm_core::secret::Secret;
use mm_core::vault::RecoveryKey;
use mm_services::accounts::{Hands, MasterChanged, Vault, made_with_passphrase};
use mm_store::{DATABASE_FILE, DataDir, DirError, Options, Store};
use serde_json::json;

use crate::cli::ask::Asker;
use crate::cli::place::environment;
use crate::cli::print::{self, line};
use crate::cli::{Cx, Json, refuse, secret};
use crate::exit::Failure;
use crate::keys::SystemKeys;
use crate::seams::{SystemClock, SystemEntropy};
use crate::views::counted;

const NEW_PASSPHRASE: &str = "new passphrase";

pub(super) fn recover(cx: &Cx<'_>, asker: &Asker<'_>, json: Json) -> Result<(), Failure> {
    let path = &asker.place.data_dir;
    let loaded =
        cx.load_to_run(&environment()).map_err(|errors| Failure::new("read the configuration", errors))?;
    let (dir, store) = hold(path, asker)?;
    let vault = Vault::new(Arc::new(SystemKeys::new(&environment(), &loaded.config.vault, path)));
    let recovered = with_key(&vault, &store);
    let closed = store.close();
    dir.close();
    let (recovered, derived) = recovered?;
    closed.map_err(|error| Failure::new("close the store", error))?;
    told(asker, &recovered, derived, json)
}

/// The store, held as a daemon holds it.
fn hold(path: &Path, asker: &Asker<'_>) -> Result<(DataDir, Store), Failure> {
    let no = |error: DirError| match error {
        DirError::InUse { pid, .. } => refuse(format!(
            "a daemon{} holds `{}`: stop it, then recover; nothing was changed",
            pid.map_or(String::new(), |pid| format!(" (pid {pid})")),
            path.display()
        )),
        error => Failure::new("", error),
    };
    DataDir::look_for_database(path).map_err(no)?;
    let stamp = DataDir::stamp_of(path).map_err(no)?.filter(|_| path.join(DATABASE_FILE).exists());
    let stamp = stamp.ok_or_else(|| no(DirError::NoData(path.to_owned())))?;
    asker.tell_sandbox(stamp.as_str());
    let dir = DataDir::open_for_daemon(path, stamp, std::process::id()).map_err(no)?;
    let options = Options::in_dir(path, stamp, Arc::new(SystemEntropy::new()));
    let store = Store::open(options).map_err(|error| Failure::new("open the store", error))?;
    Ok((dir, store))
}

/// Asks for the recovery key, and for a passphrase if the vault is opened with one, and makes the new key.
fn with_key(vault: &Vault, store: &Store) -> Result<(MasterChanged, bool), Failure> {
    let not = |error: &dyn std::error::Error| refuse(error.to_string());
    vault.lost(store).map_err(|error| not(&error))?;
    let derived = made_with_passphrase(store).map_err(|error| not(&error))? == Some(true);
    let (typed, passphrase) = typed(derived)?;
    let key = RecoveryKey::parse(typed.expose()).map_err(|bad| refuse(bad.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Failure::new("recover", error))?;
    let entropy = SystemEntropy::new();
    let hands = Hands { store, entropy: &entropy, now: SystemClock::new(None).wall() };
    let recovered = runtime.block_on(vault.recover(hands, &key, passphrase.as_ref()));
    Ok((recovered.map_err(|error| not(&error))?, derived))
}

fn typed(derived: bool) -> Result<(Secret, Option<Secret>), Failure> {
    const RECOVERY: &str = "recovery key";
    if derived && !secret::can_ask() {
        let mut both = secret::read(&[RECOVERY, NEW_PASSPHRASE])?;
        let passphrase = both.pop();
        return Ok((both.remove(0), passphrase));
    }
    let key = secret::read(&[RECOVERY])?.remove(0);
    Ok((key, derived.then(|| secret::new(NEW_PASSPHRASE)).transpose()?))
}

fn told(asker: &Asker<'_>, recovered: &MasterChanged, derived: bool, json: Json) -> Result<(), Failure> {
    let (source, opened) = (line(&recovered.source, 300), recovered.opened);
    if json.json {
        let body = json!({ "source": source, "keys": opened.keys, "values": opened.values });
        return print::json(&body);
    }
    let (keys, values) = (counted(opened.keys, "key", "keys"), counted(opened.values, "value", "values"));
    let start = asker.hinted("start the daemon (`money-machine run`)");
    if derived {
        eprintln!(
            "the new passphrase opens the vault: {keys}, {values}; {start} with it, and from then on the old one \
             opens nothing"
        );
    } else {
        eprintln!(
            "{source} is made and opens the vault: {keys}, {values}; {start}. The lost master key opens nothing any \
             more, and the recovery key is still the same"
        );
    }
    Ok(())
}
