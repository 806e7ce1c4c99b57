//! The accounts service. There is no vault yet: no credential can be added, so none can leak, and
//! an action that needs one is refused with a sentence. Where a request names a credential slot
//! (`{vault:PLATFORM/NAME@VERSION}`), nothing is sent: a slot must never leave unfilled.
//!
//! It calls nobody.

use mm_core::action::Request;
use mm_core::id::{AccountId, PlatformId};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};

use crate::message::kinds;
use crate::shared::CALL_TIMEOUT;

/// The beginning of a credential slot.
const SLOT: &str = "{vault:";

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

/// What it is sent.
pub enum Msg {
    /// Fill the credential slots of a request.
    Seal {
        /// The platform.
        platform: PlatformId,
        /// The account, if the action names one.
        account: Option<AccountId>,
        /// The request.
        request: Box<Request>,
        /// Where the sealed request goes.
        reply: Reply<Result<Request, NotSealed>>,
    },
}

kinds!(Msg { Seal => "seal" });

impl Accounts {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Fills the credential slots of a request, and changes nothing else.
    ///
    /// # Errors
    /// The inner error says what is missing; then nothing may be sent.
    pub async fn seal(
        &self,
        platform: &PlatformId,
        account: Option<&AccountId>,
        request: &Request,
    ) -> Result<Result<Request, NotSealed>, CallError> {
        let (platform, account, request) = (platform.clone(), account.cloned(), Box::new(request.clone()));
        self.0.call(|reply| Msg::Seal { platform, account, request, reply }, CALL_TIMEOUT).await
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
        let Msg::Seal { platform, account, request, reply } = msg;
        reply.send(match account {
            Some(account) => Err(NotSealed::NoAccount { platform, account }),
            None if has_slot(&request) => Err(NotSealed::NoCredential),
            None => Ok(*request),
        });
        Ok(())
    }
}

/// Whether any part of a request holds a credential slot.
fn has_slot(request: &Request) -> bool {
    let in_url = request.url().as_str().contains(SLOT) || request.url().as_str().contains("%7Bvault:");
    let in_headers = request.headers().iter().any(|(_, value)| value.contains(SLOT));
    let in_body = request.body().windows(SLOT.len()).any(|window| window == SLOT.as_bytes());
    in_url || in_headers || in_body
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
