//! The accounts service. There is no vault yet: no credential can be added, so none can leak, and
//! an action that needs one is refused with a sentence. Where a request names a credential slot
//! (`{vault:PLATFORM/NAME@VERSION}`), nothing is sent: a slot must never leave unfilled.
//!
//! It calls nobody.

use mm_core::action::{Action, Request};
use mm_core::answer::Answer;
use mm_core::id::{AccountId, PlatformId, Space};
use mm_core::secret::Secret;
use mm_core::vault::{Slot, has_slot as slot_in};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};

use crate::message::kinds;
use crate::shared::CALL_TIMEOUT;

/// The way to the accounts service.
#[derive(Clone, Default)]
pub struct Accounts(Handle<Msg>);

/// Why a request cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSealed {
    /// The action names an account, and there is none.
    #[error("there is no account `{account}` for {platform}: this version keeps no credentials yet")]
    NoAccount {
        /// The platform.
        platform: PlatformId,
        /// The account.
        account: AccountId,
    },
    /// The request has a credential slot, and there is no credential.
    #[error("the request has a credential slot, and this version keeps no credentials yet; nothing was sent")]
    NoCredential,
}

/// How an account is presented to its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// With these headers, secrets as their slots.
    Headers(Vec<(String, String)>),
    /// With nothing yet: its token has to be refreshed first, by this act. Its answer goes to
    /// [`Accounts::refreshed`], and then the account is presented again.
    NeedsRefresh(Box<Action>),
}

/// What it is sent.
pub enum Msg {
    /// How does an account show itself?
    Present {
        /// Whose account.
        space: Space,
        /// The platform.
        platform: PlatformId,
        /// The account.
        account: AccountId,
        /// Where the headers go.
        reply: Reply<Result<Presented, NotSealed>>,
    },
    /// What fills these slots?
    Secrets {
        /// Whose they are.
        space: Space,
        /// The slots.
        slots: Vec<Slot>,
        /// Where the secrets go.
        reply: Reply<Result<Vec<(Slot, Secret)>, NotSealed>>,
    },
    /// A platform did not take a credential.
    Trouble {
        /// Whose account.
        space: Space,
        /// The platform.
        platform: PlatformId,
        /// The account.
        account: AccountId,
        /// The HTTP status it answered with.
        status: u16,
    },
    /// The answer to an act that refreshes a token.
    Refreshed {
        /// Whose account.
        space: Space,
        /// The platform.
        platform: PlatformId,
        /// The account.
        account: AccountId,
        /// What the platform said.
        answer: Box<Answer>,
        /// Answered when the new token is kept, or with a sentence why there is none.
        reply: Reply<Result<(), String>>,
    },
}

kinds!(Msg { Present => "present", Secrets => "secrets", Trouble => "trouble", Refreshed => "refreshed" });

impl Accounts {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// The headers with which an account shows itself, secrets as their slots.
    ///
    /// # Errors
    /// The inner error says what is missing; then nothing may be sent.
    pub async fn present(
        &self,
        space: &Space,
        platform: &PlatformId,
        account: &AccountId,
    ) -> Result<Result<Presented, NotSealed>, CallError> {
        let (space, platform, account) = (space.clone(), platform.clone(), account.clone());
        self.0.call(|reply| Msg::Present { space, platform, account, reply }, CALL_TIMEOUT).await
    }

    /// The secrets of `slots`, for the moment of sending and no longer.
    ///
    /// # Errors
    /// The inner error says what is missing; then nothing may be sent.
    pub async fn secrets(
        &self,
        space: &Space,
        slots: Vec<Slot>,
    ) -> Result<Result<Vec<(Slot, Secret)>, NotSealed>, CallError> {
        let space = space.clone();
        self.0.call(|reply| Msg::Secrets { space, slots, reply }, CALL_TIMEOUT).await
    }

    /// Tells that a platform did not take an account's credential, answering with `status`.
    pub fn trouble(&self, space: &Space, platform: &PlatformId, account: &AccountId, status: u16) {
        let (space, platform, account) = (space.clone(), platform.clone(), account.clone());
        if let Err(undelivered) = self.0.cast(Msg::Trouble { space, platform, account, status }) {
            tracing::warn!(error = %undelivered, "the accounts did not hear of a credential that was not taken");
        }
    }

    /// Hands over the answer to an act that refreshes a token.
    ///
    /// # Errors
    /// The inner sentence says why there is no new token.
    pub async fn refreshed(
        &self,
        space: &Space,
        platform: &PlatformId,
        account: &AccountId,
        answer: Answer,
    ) -> Result<Result<(), String>, CallError> {
        let (space, platform, account) = (space.clone(), platform.clone(), account.clone());
        let answer = Box::new(answer);
        self.0.call(|reply| Msg::Refreshed { space, platform, account, answer, reply }, CALL_TIMEOUT).await
    }
}

/// The service.
pub struct AccountsService;

impl Component for AccountsService {
    type Msg = Msg;
    type State = ();

    async fn init(&self, _me: Handle<Msg>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, _: &mut ()) -> Result<(), Fault> {
        match msg {
            Msg::Present { platform, account, reply, .. } => {
                reply.send(Err(NotSealed::NoAccount { platform, account }));
            }
            Msg::Secrets { slots, reply, .. } => {
                reply.send(if slots.is_empty() { Ok(Vec::new()) } else { Err(NotSealed::NoCredential) });
            }
            Msg::Trouble { .. } => {}
            Msg::Refreshed { reply, .. } => {
                reply.send(Err(NotSealed::NoCredential.to_string()));
            }
        }
        Ok(())
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
