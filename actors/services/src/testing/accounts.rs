//! Accounts with secrets that a test knows.

use mm_core::id::Space;
use mm_core::secret::Secret;
use zeroize::Zeroizing;

use super::{Machine, PLATFORM};
use crate::accounts::{NewAccount, Which};
use crate::records::AccountKind;

impl Machine {
    /// An account of [`PLATFORM`], by its name.
    ///
    /// # Panics
    /// If it is no name.
    pub fn account(&self, name: &str) -> Which {
        Which {
            space: Space::default_owner(),
            platform: PLATFORM.parse().expect("a platform"),
            account: name.parse().expect("an account"),
        }
    }
}

/// Adds an account on [`PLATFORM`] with these secrets, by the names of their fields. Gives the recovery key
/// if it was the first.
///
/// # Panics
/// If it is not added.
pub async fn add_account(
    machine: &Machine,
    name: &str,
    kind: AccountKind,
    secrets: &[(&str, &str)],
) -> Option<Zeroizing<String>> {
    let Which { space, platform, account } = machine.account(name);
    let (email, handle) = ("owner@example.org".to_owned(), Some(format!("{name}-there")));
    let new = NewAccount { space, platform, account, email, kind, handle };
    let secret = |(field, text): &(&str, &str)| ((*field).to_owned(), Secret::new((*text).to_owned()));
    let secrets = secrets.iter().map(secret).collect();
    machine.services.accounts.add(new, secrets).await.expect("an answer").expect("an account")
}
