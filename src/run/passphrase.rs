//! The vault's passphrase, before anything is started that needs it.
//!
//! It is read from where the environment says, or asked for at the terminal. Without one the machine comes
//! up in safe mode and says so.

use mm_services::accounts;
use mm_store::Store;

use super::signals::Signals;
use crate::cli::secret;
use crate::keys::SystemKeys;

/// What asking came to.
pub(super) enum Asking {
    /// Why the kernel must not start, if it must not.
    Held(Option<String>),
    /// A signal ended it.
    Stopped,
}

/// Gets the passphrase, if one is wanted and somebody can be asked.
pub(super) async fn passphrase(keys: &SystemKeys, store: &Store, signals: &mut Signals) -> Asking {
    if let Err(why) = keys.read_passphrase() {
        return Asking::Held(Some(why));
    }
    let vault_has_one = match accounts::made_with_passphrase(store) {
        Ok(found) => found,
        // Who opens the vault will tell.
        Err(_) => return Asking::Held(None),
    };
    if !keys.wants_passphrase(vault_has_one) || !secret::can_ask() {
        return Asking::Held(None);
    }
    let twice = vault_has_one.is_none();
    let asked = tokio::task::spawn_blocking(move || {
        let first = secret::ask("passphrase of the vault")?;
        if twice && secret::ask("once more, for a new vault")?.expose() != first.expose() {
            return Err(std::io::Error::other("the two are not alike"));
        }
        Ok(first)
    });
    tokio::select! {
        biased;
        () = signals.stopped() => Asking::Stopped,
        typed = asked => match typed {
            Ok(Ok(typed)) => {
                keys.hold(typed);
                Asking::Held(None)
            }
            Ok(Err(error)) => Asking::Held(Some(format!("the vault needs its passphrase, and {error}"))),
            Err(_) => Asking::Held(Some("the passphrase could not be asked for".to_owned())),
        },
    }
}
