//! From an action to the request as it will be sent: duties, idempotency key, and the account's headers
//! with their slots. It spends nothing and sends nothing itself; a token that is too old is refreshed by
//! a system action on the way.

use mm_core::action::{Action, Request};
use mm_core::digest::Digest;
use mm_core::error::ErrorClass;
use mm_core::id::AccountId;
use mm_core::run::{NO_ACCOUNT, Refusal};
use mm_core::secret::Secret;
use mm_core::vault::Slot;
use std::time::Duration;

use super::halt::Halt;
use super::{GatewayService, Proposal, SystemAction, Walked};
use crate::accounts::oauth::TOKEN_REFRESH;
use crate::accounts::{NotSealed, Presented, Which, has_slot};
use crate::compliance::Ruling;

/// Stands in a header where the change's own key belongs; a rule pack or a strategy writes it:
/// `idempotency-key = "{mark}"`.
const MARK: &str = "{mark}";
/// A refreshed token is waited for so long.
pub(crate) const REFRESH_WITHIN: Duration = Duration::from_secs(90);

impl GatewayService {
    /// The request as it will be sent, credentials as their slots.
    pub(super) async fn seal(&self, p: &Proposal, ruling: &Ruling) -> Result<Request, Halt> {
        // The one act whose slots are the vault's own: it gets the token that others are presented with.
        if p.is_system() && p.action.kind.as_str() == TOKEN_REFRESH {
            return keyed(oblige(&p.action, ruling)?, p);
        }
        // A slot that somebody wrote himself would ask for a secret that is not his to send.
        if has_slot(&p.action.request) {
            let why = "the request has a credential slot of its own; an action names its account instead";
            return Err(Halt::Refused(Refusal::new(ErrorClass::Auth, why)));
        }
        let mut request = keyed(oblige(&p.action, ruling)?, p)?;
        if let Some(account) = &p.action.account {
            self.refuse_unhealthy(p, account)?;
            for (name, value) in self.presented(p, account).await? {
                request = request.with_obligation(&name, &value).map_err(|bad| unsendable(p, &bad))?;
            }
        }
        Ok(request)
    }

    /// What fills the slots of a request, at the last moment.
    pub(super) async fn secrets(&self, p: &Proposal, request: &Request) -> Result<Vec<(Slot, Secret)>, Halt> {
        let slots = mm_permit::slots(request).map_err(|bad| {
            let why = bad.to_string();
            Halt::Refused(Refusal::new(ErrorClass::Auth, why))
        })?;
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let own = |slot: &Slot| {
            slot.platform == p.action.platform && Some(&slot.account) == p.action.account.as_ref()
        };
        if !slots.iter().all(own) {
            let why = "the request has a slot of another account than its own; nothing was sent";
            return Err(Halt::Refused(Refusal::new(ErrorClass::Auth, why)));
        }
        self.accounts.secrets(&p.space, slots).await?.map_err(|missing| self.hindered(p, unsealed(&missing)))
    }

    /// With an account that its platform does not take, nothing is tried but whether it does again.
    fn refuse_unhealthy(&self, p: &Proposal, account: &AccountId) -> Result<(), Halt> {
        let why = self.shared.standings.refuses(&p.space, &p.action.platform, account);
        match why.filter(|_| !p.is_system()) {
            Some(why) => Err(self.hindered(p, Refusal::new(ErrorClass::Auth, why))),
            None => Ok(()),
        }
    }

    /// An account's headers; its token is refreshed once, if that is needed.
    async fn presented(&self, p: &Proposal, account: &AccountId) -> Result<Vec<(String, String)>, Halt> {
        let platform = &p.action.platform;
        for refreshed in [false, true] {
            let presented = self.accounts.present(&p.space, platform, account).await?;
            let missing = |why: String| self.hindered(p, Refusal::new(ErrorClass::Auth, why));
            match presented.map_err(|none| self.hindered(p, unsealed(&none)))? {
                Presented::Headers(headers) => return Ok(headers),
                Presented::NeedsRefresh { .. } if refreshed => {
                    return Err(missing(format!(
                        "the credential of `{account}` needs to be refreshed again"
                    )));
                }
                Presented::NeedsRefresh { action, sent } => self.refresh(p, account, *action, sent).await?,
            }
        }
        Err(Halt::Refused(Refusal::new(ErrorClass::Auth, "the account cannot be presented")))
    }

    async fn refresh(
        &self,
        p: &Proposal,
        account: &AccountId,
        action: Action,
        sent: Vec<Slot>,
    ) -> Result<(), Halt> {
        let which = Which::of(&p.space, &p.action.platform, account);
        let within = p.deadline.since(self.shared.now()).min(REFRESH_WITHIN);
        let step = format!("{}-{account}", p.action.platform);
        let system = SystemAction { space: p.space.clone(), service: "refresh", step, action, within };
        let tell = |why: &str| self.accounts.not_refreshed(which.clone(), sent.clone(), why);
        let walked = Box::pin(self.walk(&mut self.system(system))).await;
        let why = match walked.inspect_err(|fault| tell(&fault.reason))? {
            Walked::Done(answer) => {
                match self.accounts.refreshed(which.clone(), sent.clone(), answer).await? {
                    Ok(()) => return Ok(()),
                    Err(why) => why,
                }
            }
            Walked::Refused(refusal) => {
                tell(&refusal.why);
                refusal.why
            }
            Walked::Pending(_) | Walked::Fenced => {
                let why = "the rules ask about it";
                tell(why);
                why.to_owned()
            }
        };
        let why = format!("the token of `{account}` could not be refreshed: {why}");
        Err(self.hindered(p, Refusal::new(ErrorClass::Auth, why)))
    }
}

/// Why the account's headers cannot be had, in a form that tells an account that does not exist from others.
fn unsealed(not: &NotSealed) -> Refusal {
    let rules = match not {
        NotSealed::NoAccount { .. } => vec![NO_ACCOUNT.to_owned()],
        NotSealed::NoCredential(_) | NotSealed::NoToken { .. } | NotSealed::Vault(_) => Vec::new(),
    };
    Refusal { rules, ..Refusal::new(ErrorClass::Auth, not.to_string()) }
}

/// The request with what the rules oblige us to send.
fn oblige(action: &Action, ruling: &Ruling) -> Result<Request, Halt> {
    let mut request = action.request.clone();
    for (name, value) in ruling.judgement.obligations.all_headers() {
        request = request.with_obligation(&name, &value).map_err(|bad| {
            let why = format!(
                "the rule pack of {} obliges to a header that cannot be sent: {bad}",
                action.platform
            );
            Halt::Refused(Refusal { class: ErrorClass::Compliance, why, rules: ruling.judgement.rule_ids() })
        })?;
    }
    Ok(request)
}

/// The request with the change's own key wherever one is asked for. The same change has the same key,
/// however often it is tried: a platform that knows such keys does it once.
fn keyed(request: Request, p: &Proposal) -> Result<Request, Halt> {
    let wanted: Vec<(String, String)> =
        request.headers().iter().filter(|(_, value)| value.contains(MARK)).cloned().collect();
    if wanted.is_empty() {
        return Ok(request);
    }
    let key = idempotency_key(p);
    wanted.into_iter().try_fold(request, |request, (name, value)| {
        request.with_obligation(&name, &value.replace(MARK, &key)).map_err(|bad| unsendable(p, &bad))
    })
}

/// The key of a change: of its mark, so that it survives runs and crashes.
fn idempotency_key(p: &Proposal) -> String {
    let hash = p.action.hash();
    let own = p.id();
    // A system action is another act each time.
    let own = if p.is_system() { own.as_str() } else { "" };
    let fields = [p.space.as_str().as_bytes(), p.strategy.as_str().as_bytes(), own.as_bytes(), &hash.0];
    Digest::of_fields("mm-idempotency-1", fields).short(32)
}

fn unsendable(p: &Proposal, bad: &mm_core::action::BadRequest) -> Halt {
    let why = format!("what {} would be sent cannot be: {bad}", p.action.platform);
    Halt::Refused(Refusal::new(ErrorClass::Fatal, why))
}
