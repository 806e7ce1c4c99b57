//! The accounts service: whose credentials there are, how they show themselves, and what fills their slots.
//!
//! Everything else sees a credential as its slot, `{vault:PLATFORM/ACCOUNT/FIELD@VERSION}`. The secret behind
//! one is handed out for the moment of sending, to the one request that needs it. A slot that cannot be
//! filled never leaves. A token that is too old is refreshed by an act of its own, which the road walks; who
//! needs it meanwhile waits for that one.
//!
//! It calls nobody but the platforms, whose breakers hear of a renewed credential. When the master key is
//! missing or wrong it does not start, and with it nothing that acts: the machine is in safe mode and says
//! which key it lacks.

mod book;
mod keys;
mod making;
mod message;
pub(crate) mod oauth;
mod refusal;
mod slots;
mod standings;
mod tokens;
mod vault;

use std::collections::BTreeMap;

use mm_core::action::Request;
use mm_core::id::{AccountId, PlatformId, Space};
use mm_core::moment::Moment;
use mm_core::secret::Secret;
use mm_core::vault::{Slot, has_slot as slot_in};
use mm_supervision::{Component, Fault, Handle};
use zeroize::Zeroizing;

use crate::damage;
use crate::platforms::Platforms;
use crate::records::{AccountRow, AccountStanding};
use crate::shared::Shared;

pub use book::{NewAccount, NotDone, Secrets};
pub use keys::{Found, KeySource, MasterKeys, MemoryKeys, NewKey, Swaps};
pub use making::{Hands, MasterChanged, Unchanged};
pub use message::{Accounts, Msg, Presented, Which};
pub use standings::{Standings, Who};
pub use vault::{Locked, Opened, Vault, open_all};

/// Why a request cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// The action names an account, and there is none.
    #[error("there is no account `{account}` for {platform}; `account add {platform} {account}` adds it")]
    NoAccount {
        /// The platform.
        platform: PlatformId,
        /// The account.
        account: AccountId,
    },
    /// A slot has no secret: it was changed or removed meanwhile.
    #[error("there is no credential {0} any more; nothing was sent")]
    NoCredential(String),
    /// A token is being got, or could not be got lately.
    #[error("the account `{account}` has no token for {platform} yet: {why}")]
    NoToken {
        /// The platform.
        platform: PlatformId,
        /// The account.
        account: AccountId,
        /// Why.
        why: String,
    },
    /// The vault says no.
    #[error("{0}")]
    Vault(String),
}

/// Why the kernel must not start, if the vault stands against it: its key is missing or wrong.
pub fn hold(shared: &Shared) -> Option<String> {
    shared.vault.unlock(&shared.store).err().map(|locked| locked.to_string())
}

/// Whether the vault in a store was made with a passphrase; `None` if there is no vault.
///
/// # Errors
/// [`Locked`] if that cannot be read.
pub fn made_with_passphrase(store: &mm_store::Store) -> Result<Option<bool>, Locked> {
    let row = vault::key_row(store, &Space::machine(), vault::MASTER)?;
    Ok(row.map(|(row, _)| row.derivation.is_some()))
}

/// The service.
#[derive(Clone)]
pub struct AccountsService {
    /// What every service is handed.
    pub shared: Shared,
    /// Their breakers are told of credentials that were renewed.
    pub platforms: Platforms,
}

/// What it knows.
#[derive(Default)]
pub struct State {
    /// Tokens that are being refreshed, and who waits for each.
    refreshing: BTreeMap<Which, tokens::Waiting>,
    /// Tokens that could not be refreshed: until when, how often, and why.
    failed: BTreeMap<Which, (Moment, u32, String)>,
    /// The last token of each account that was dropped because it was refused.
    dropped: BTreeMap<Which, u64>,
}

impl Component for AccountsService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, _me: Handle<Msg>) -> Result<State, Fault> {
        let shared = &self.shared;
        // Once more than `hold`: an operator may start the kernel when the key is back.
        if shared.vault.unlock(&shared.store).map_err(|locked| Fault::bug(locked.to_string()))? {
            shared.vault.settle_master(shared.into()).await.map_err(|error| Fault::bug(error.to_string()))?;
            for space in vault::spaces() {
                book::sweep(shared, &space).await.map_err(|error| Fault::bug(error.to_string()))?;
            }
        }
        Ok(State::default())
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        let shared = &self.shared;
        match msg {
            Msg::Present { which, reply } => self.present(me, state, which, reply)?,
            Msg::Secrets { space, slots, reply } => {
                reply.send(self.secrets(&space, slots));
            }
            Msg::Trouble { which, sent, status } => self.not_taken(state, which, &sent, status).await?,
            Msg::Refreshed { which, sent, answer, reply } => {
                let kept = self.refreshed(state, &which, &sent, *answer).await?;
                self.answered(state, &which, &sent);
                if let Some(reply) = reply {
                    reply.send(kept);
                }
            }
            Msg::Overdue { which } => self.overdue(state, &which),
            Msg::Add { new, secrets, reply } => {
                reply.send(self.add(*new, secrets).await);
            }
            Msg::Rotate { which, secrets, reply } => {
                reply.send(self.rotate(state, which, &secrets).await);
            }
            Msg::Remove { which: Which { space, platform, account }, reply } => {
                let done = book::remove(shared, &space, &platform, &account).await;
                if done.is_ok() {
                    shared.standings.forget(&(space, platform, account));
                }
                reply.send(done);
            }
            Msg::ChangeMaster { given, reply } => {
                reply.send(shared.vault.change_master(shared, given.as_ref()).await);
            }
            Msg::NewRecovery { reply } => {
                let made = shared.vault.new_recovery(shared).await;
                reply.send(made.map(|key| key.to_text()));
            }
        }
        Ok(())
    }

    fn status(&self, state: &State) -> Vec<(&'static str, String)> {
        vec![
            ("vault", if self.shared.vault.is_open() { "open" } else { "none yet" }.to_owned()),
            ("tokens being refreshed", state.refreshing.len().to_string()),
        ]
    }
}

impl AccountsService {
    /// The row of an account. One that is damaged costs its own account alone: the inner error says so.
    fn row(&self, which: &Which) -> Result<Result<Option<(AccountRow, u64)>, NotSealed>, Fault> {
        let id = AccountRow::row_id(&which.platform, &which.account);
        match self.shared.store.get::<AccountRow>(&which.space, &id) {
            Ok(row) => Ok(Ok(row.map(|row| (row.value, row.version)))),
            Err(error) => {
                let row = damage::of_one_row(error)?;
                let why = format!("{row} is damaged, so nothing is sent with it until a backup is restored");
                Ok(Err(NotSealed::Vault(why)))
            }
        }
    }

    fn secrets(&self, space: &Space, slots: Vec<Slot>) -> Result<Vec<(Slot, Secret)>, NotSealed> {
        let mut filled = Vec::with_capacity(slots.len());
        for slot in slots {
            let secret = slots::fills(&self.shared, space, &slot)?;
            filled.extend(slots::behind(&self.shared, space, &slot));
            filled.push((slot, secret));
        }
        Ok(filled)
    }

    async fn rotate(&self, state: &mut State, which: Which, secrets: &Secrets) -> Result<(), NotDone> {
        book::rotate(&self.shared, &which.space, &which.platform, &which.account, secrets).await?;
        state.failed.remove(&which);
        state.dropped.remove(&which);
        // What is under way for the old secrets is waited for by nobody.
        self.tell_waiting(state, &which);
        let who = (which.space.clone(), which.platform.clone(), which.account.clone());
        self.shared.standings.set(&who, AccountStanding::Unknown, "");
        self.shared.standings.doubt(&who);
        self.renewed(&which).await;
        Ok(())
    }

    async fn add(&self, new: NewAccount, secrets: Secrets) -> Result<Option<Zeroizing<String>>, NotDone> {
        let shared = &self.shared;
        let who = (new.space.clone(), new.platform.clone(), new.account.clone());
        book::add(shared, new, &secrets).await?;
        shared.standings.doubt(&who);
        if shared.vault.has_recovery(&shared.store)? {
            return Ok(None);
        }
        let recovery = shared.vault.new_recovery(shared).await?;
        Ok(Some(recovery.to_text()))
    }
}

/// Whether any part of a request holds what begins like a credential slot.
pub(crate) fn has_slot(request: &Request) -> bool {
    slot_in(request.url().as_str().as_bytes())
        || request.headers().iter().any(|(_, value)| slot_in(value.as_bytes()))
        || slot_in(request.body())
}

#[cfg(test)]
mod tests {
    use mm_core::action::Method;
    use mm_core::url::LogicalUrl;

    use super::*;

    #[test]
    fn a_slot_is_found_wherever_it_stands() {
        let url = |text: &str| LogicalUrl::parse(text).unwrap();
        let plain = url("https://example.com/a");
        let slot = "{vault:github/main/token@3}";
        assert!(!has_slot(&Request::get(plain.clone())));
        assert!(has_slot(&Request::get(url(&format!("https://example.com/?t={slot}")))));
        assert!(has_slot(&Request::get(plain.clone()).header("x-token", slot).unwrap()));
        assert!(has_slot(&Request::new(Method::Post, plain, slot.as_bytes().to_vec()).unwrap()));
    }
}
