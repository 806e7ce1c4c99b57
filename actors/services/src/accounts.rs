//! The accounts service: whose credentials there are, how they show themselves, and what fills their slots.
//!
//! Everything else sees a credential as its slot, `{vault:PLATFORM/ACCOUNT/FIELD@VERSION}`. The secret behind
//! one is handed out for the moment of sending, to the one request that needs it. A slot that cannot be
//! filled never leaves. A token that is too old is refreshed by an act of its own, which the road walks; who
//! needs it meanwhile waits for that one.
//!
//! It calls nobody. When the master key is missing or wrong it does not start, and with it nothing that
//! acts: the machine is in safe mode and says which key it lacks.

mod book;
mod keys;
mod making;
pub(crate) mod oauth;
mod standings;
mod vault;

use std::collections::BTreeMap;
use std::time::Duration;

use mm_core::action::{Action, Request};
use mm_core::answer::Answer;
use mm_core::id::{AccountId, PlatformId, Space};
use mm_core::moment::Moment;
use mm_core::secret::Secret;
use mm_core::vault::{Slot, has_slot as slot_in};
use mm_supervision::{CallError, Component, Fault, Handle, Reply, inherit};
use zeroize::Zeroizing;

use crate::health;
use crate::message::kinds;
use crate::records::{AccountKind, AccountRow, AccountStanding};
use crate::shared::{CALL_TIMEOUT, Shared};

pub use book::{NewAccount, NotDone, Secrets};
pub use keys::{Found, KeySource, MasterKeys, MemoryKeys, NewKey, Swaps};
pub use making::{MasterChanged, Unchanged};
pub use standings::{Standings, Who};
pub use vault::{Locked, Opened, Vault, open_all};

/// Who waits for a token gets his answer by then: well before he gives up waiting for this actor.
const TOKEN_WAIT: Duration = Duration::from_secs(60);

/// The way to the accounts service.
#[derive(Clone, Default)]
pub struct Accounts(Handle<Msg>);

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

/// How an account is presented to its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// With these headers, secrets as their slots.
    Headers(Vec<(String, String)>),
    /// With nothing yet: its token has to be refreshed first, by this act. Its answer goes to
    /// [`Accounts::refreshed`] (or, if there is none, the reason to [`Accounts::not_refreshed`]), and then
    /// the account is presented again.
    NeedsRefresh(Box<Action>),
}

/// One account of a space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Which {
    /// Whose account.
    pub space: Space,
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
}

/// What it is sent.
pub enum Msg {
    /// How does an account show itself?
    Present {
        /// Which.
        which: Which,
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
        /// Which.
        which: Which,
        /// The HTTP status it answered with.
        status: u16,
    },
    /// How an act that refreshes a token ended.
    Refreshed {
        /// Which.
        which: Which,
        /// What the platform said, or why it said nothing.
        answer: Box<Result<Answer, String>>,
        /// Answered when the new token is kept, or with a sentence why there is none.
        reply: Option<Reply<Result<(), String>>>,
    },
    /// Who has waited for a token long enough? From the actor to itself.
    Overdue {
        /// Which.
        which: Which,
    },
    /// Add an account.
    Add {
        /// What is known of it.
        new: Box<NewAccount>,
        /// Its secrets.
        secrets: Secrets,
        /// Answered with a recovery key if this made the first one.
        reply: Reply<Result<Option<Zeroizing<String>>, NotDone>>,
    },
    /// Put new secrets in the place of old ones.
    Rotate {
        /// Which.
        which: Which,
        /// The new secrets.
        secrets: Secrets,
        /// Answered when they count.
        reply: Reply<Result<(), NotDone>>,
    },
    /// Remove an account.
    Remove {
        /// Which.
        which: Which,
        /// Answered when it is gone.
        reply: Reply<Result<(), NotDone>>,
    },
    /// Change the master key.
    ChangeMaster {
        /// The new one, where its owner must give it.
        given: Option<Secret>,
        /// Answered when it is changed, or why it is not.
        reply: Reply<Result<MasterChanged, Unchanged>>,
    },
    /// Make another recovery key.
    NewRecovery {
        /// Answered with the key.
        reply: Reply<Result<Zeroizing<String>, Unchanged>>,
    },
}

kinds!(Msg {
    Present => "present",
    Secrets => "secrets",
    Trouble => "trouble",
    Refreshed => "refreshed",
    Overdue => "overdue",
    Add => "add",
    Rotate => "rotate",
    Remove => "remove",
    ChangeMaster => "change-master",
    NewRecovery => "new-recovery",
});

fn which(space: &Space, platform: &PlatformId, account: &AccountId) -> Which {
    Which { space: space.clone(), platform: platform.clone(), account: account.clone() }
}

impl Accounts {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// The headers with which an account shows itself, secrets as their slots. Waits while its token is
    /// being refreshed for somebody else.
    ///
    /// # Errors
    /// The inner error says what is missing; then nothing may be sent.
    pub async fn present(
        &self,
        space: &Space,
        platform: &PlatformId,
        account: &AccountId,
    ) -> Result<Result<Presented, NotSealed>, CallError> {
        let which = which(space, platform, account);
        self.0.call(|reply| Msg::Present { which, reply }, CALL_TIMEOUT).await
    }

    /// The secrets of `slots`, for the moment of sending and no longer; and what stands behind them in
    /// another form, so that it is masked in the answer too.
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
        let which = which(space, platform, account);
        if let Err(undelivered) = self.0.cast(Msg::Trouble { which, status }) {
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
        let (which, answer) = (which(space, platform, account), Box::new(Ok(answer)));
        self.0.call(|reply| Msg::Refreshed { which, answer, reply: Some(reply) }, CALL_TIMEOUT).await
    }

    /// Says that an act that refreshes a token ended without an answer, and why: who waits for it is told.
    pub fn not_refreshed(&self, space: &Space, platform: &PlatformId, account: &AccountId, why: &str) {
        let (which, answer) = (which(space, platform, account), Box::new(Err(why.to_owned())));
        if let Err(undelivered) = self.0.cast(Msg::Refreshed { which, answer, reply: None }) {
            tracing::warn!(error = %undelivered, "the accounts did not hear that a token was not refreshed");
        }
    }

    /// Adds an account. Gives a recovery key to be shown once, if there was none.
    ///
    /// # Errors
    /// The inner error says why nothing was kept.
    pub async fn add(
        &self,
        new: NewAccount,
        secrets: Secrets,
    ) -> Result<Result<Option<Zeroizing<String>>, NotDone>, CallError> {
        let new = Box::new(new);
        self.0.call(|reply| Msg::Add { new, secrets, reply }, CALL_TIMEOUT).await
    }

    /// Puts new secrets in the place of an account's old ones.
    ///
    /// # Errors
    /// The inner error says why the old ones still count.
    pub async fn rotate(&self, which: Which, secrets: Secrets) -> Result<Result<(), NotDone>, CallError> {
        self.0.call(|reply| Msg::Rotate { which, secrets, reply }, CALL_TIMEOUT).await
    }

    /// Removes an account and its secrets.
    ///
    /// # Errors
    /// The inner error says why it is still there.
    pub async fn remove(&self, which: Which) -> Result<Result<(), NotDone>, CallError> {
        self.0.call(|reply| Msg::Remove { which, reply }, CALL_TIMEOUT).await
    }

    /// Changes the master key.
    ///
    /// # Errors
    /// The inner error says why the old one is still in force.
    pub async fn change_master(
        &self,
        given: Option<Secret>,
    ) -> Result<Result<MasterChanged, Unchanged>, CallError> {
        self.0.call(|reply| Msg::ChangeMaster { given, reply }, CALL_TIMEOUT).await
    }

    /// Makes another recovery key; the one before it opens nothing any more.
    ///
    /// # Errors
    /// The inner error says why the old one is still in force.
    pub async fn new_recovery(&self) -> Result<Result<Zeroizing<String>, Unchanged>, CallError> {
        self.0.call(|reply| Msg::NewRecovery { reply }, CALL_TIMEOUT).await
    }
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
pub struct AccountsService(pub Shared);

/// What it knows.
#[derive(Default)]
pub struct State {
    /// Tokens that are being refreshed, and who waits for each.
    refreshing: BTreeMap<Which, Waiting>,
    /// Tokens that could not be refreshed: until when, how often, and why.
    failed: BTreeMap<Which, (Moment, u32, String)>,
}

struct Waiting {
    since: Moment,
    replies: Vec<Reply<Result<Presented, NotSealed>>>,
}

impl Component for AccountsService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, _me: Handle<Msg>) -> Result<State, Fault> {
        let shared = &self.0;
        // Once more than `hold`: an operator may start the kernel when the key is back.
        if shared.vault.unlock(&shared.store).map_err(|locked| Fault::bug(locked.to_string()))? {
            shared.vault.settle_master(shared).await.map_err(|error| Fault::bug(error.to_string()))?;
            for space in vault::spaces() {
                book::sweep(shared, &space).await.map_err(|error| Fault::bug(error.to_string()))?;
            }
        }
        Ok(State::default())
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        let shared = &self.0;
        match msg {
            Msg::Present { which, reply } => self.present(me, state, which, reply)?,
            Msg::Secrets { space, slots, reply } => {
                reply.send(self.secrets(&space, slots));
            }
            Msg::Trouble { which, status } => {
                tracing::warn!(platform = %which.platform, account = %which.account, status, "a credential was not taken");
                let row = self.row(&which)?.map(|(row, _)| row);
                let who = (which.space, which.platform, which.account);
                if row.is_some_and(|row| status == 401 && is_fixed(&row.kind) && !health::is_seen(&row)) {
                    let why = format!(
                        "the account {}/{} is held: the platform does not take its credential (status 401); make a new \
                         one there, then `account rotate`",
                        who.1, who.2
                    );
                    shared.standings.set(&who, AccountStanding::AuthFailed, &why);
                }
                shared.standings.doubt(&who);
            }
            Msg::Refreshed { which, answer, reply } => {
                let kept = self.refreshed(state, &which, *answer).await?;
                self.tell_waiting(state, &which);
                if let Some(reply) = reply {
                    reply.send(kept);
                }
            }
            Msg::Overdue { which } => {
                let over = state.refreshing.get(&which).is_some_and(|waiting| {
                    shared.now().since(waiting.since) >= TOKEN_WAIT || shared.now() < waiting.since
                });
                if over {
                    let why = "nobody has got it in a minute".to_owned();
                    state.failed.insert(which.clone(), (shared.now(), 0, why));
                    self.tell_waiting(state, &which);
                    state.failed.remove(&which);
                }
            }
            Msg::Add { new, secrets, reply } => {
                reply.send(self.add(*new, secrets).await);
            }
            Msg::Rotate { which: Which { space, platform, account }, secrets, reply } => {
                let done = book::rotate(shared, &space, &platform, &account, &secrets).await;
                if done.is_ok() {
                    state.failed.remove(&which_of(&space, &platform, &account));
                    let who = (space, platform, account);
                    shared.standings.set(&who, AccountStanding::Unknown, "");
                    shared.standings.doubt(&who);
                }
                reply.send(done);
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
            ("vault", if self.0.vault.is_open() { "open" } else { "none yet" }.to_owned()),
            ("tokens being refreshed", state.refreshing.len().to_string()),
        ]
    }
}

/// Whether its secret is the same until its owner changes it.
fn is_fixed(kind: &AccountKind) -> bool {
    !matches!(kind, AccountKind::OauthClient { .. } | AccountKind::OauthRefresh { .. })
}

fn which_of(space: &Space, platform: &PlatformId, account: &AccountId) -> Which {
    which(space, platform, account)
}

impl AccountsService {
    fn row(&self, which: &Which) -> Result<Option<(AccountRow, u64)>, Fault> {
        book::row(&self.0.store, &which.space, &which.platform, &which.account)
    }

    fn present(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        which: Which,
        reply: Reply<Result<Presented, NotSealed>>,
    ) -> Result<(), Fault> {
        let now = self.0.now();
        let Some((row, _)) = self.row(&which)? else {
            let Which { platform, account, .. } = which;
            reply.send(Err(NotSealed::NoAccount { platform, account }));
            return Ok(());
        };
        match book::headers(&row, now) {
            Err(missing) => drop(reply.send(Err(missing))),
            Ok(Some(headers)) => drop(reply.send(Ok(Presented::Headers(headers)))),
            Ok(None) => {
                if let Some((_, _, why)) = state.failed.get(&which).filter(|(until, ..)| now < *until) {
                    reply.send(Err(no_token(&which, why)));
                } else if let Some(waiting) = state.refreshing.get_mut(&which) {
                    waiting.replies.push(reply);
                } else {
                    match oauth::action(&row) {
                        Ok(action) => {
                            state
                                .refreshing
                                .insert(which.clone(), Waiting { since: now, replies: Vec::new() });
                            remind(me, which);
                            reply.send(Ok(Presented::NeedsRefresh(Box::new(action))));
                        }
                        Err(why) => drop(reply.send(Err(no_token(&which, &why)))),
                    }
                }
            }
        }
        Ok(())
    }

    fn secrets(&self, space: &Space, slots: Vec<Slot>) -> Result<Vec<(Slot, Secret)>, NotSealed> {
        let mut filled = Vec::with_capacity(slots.len());
        for slot in slots {
            let secret = book::fills(&self.0, space, &slot)?;
            filled.extend(book::behind(&self.0, space, &slot));
            filled.push((slot, secret));
        }
        Ok(filled)
    }

    /// Keeps the tokens that an answer holds, or remembers that there are none.
    async fn refreshed(
        &self,
        state: &mut State,
        which: &Which,
        answer: Result<Answer, String>,
    ) -> Result<Result<(), String>, Fault> {
        let shared = &self.0;
        let Some((row, _)) = self.row(which)? else {
            return Ok(Err("the account was removed meanwhile".to_owned()));
        };
        let meant = match &answer {
            Ok(answer) => oauth::meant(shared, &which.space, &row, answer),
            Err(why) => oauth::Meant::Later(why.clone()),
        };
        let tokens = match meant {
            oauth::Meant::Tokens(tokens) => tokens,
            oauth::Meant::Invalid(why) => {
                let why =
                    format!("{}/{}: {why}; `account rotate` takes a new one", which.platform, which.account);
                let who = (which.space.clone(), which.platform.clone(), which.account.clone());
                // What is refused is refused: only new secrets, or a look of the health service, end it.
                shared.standings.set(&who, AccountStanding::AuthFailed, &why);
                shared.standings.doubt(&who);
                self.put_off(state, which, 8, &why);
                return Ok(Err(why));
            }
            oauth::Meant::Later(why) => {
                let failures = state.failed.get(which).map_or(0, |(_, failures, _)| *failures);
                self.put_off(state, which, failures, &why);
                return Ok(Err(why));
            }
        };
        let mut values = vec![(book::ACCESS, &tokens.access, Some(tokens.expires_at))];
        values.extend(tokens.refresh.as_ref().map(|refresh| (book::REFRESH, refresh, None)));
        let whose = (&which.platform, &which.account);
        match book::keep_tokens(shared, &which.space, whose, &values).await {
            Ok(()) => {
                state.failed.remove(which);
                Ok(Ok(()))
            }
            Err(error) => {
                // The refresh token that is left may be spent: sending it again and again is how a grant
                // is lost altogether.
                let why = format!("the token that the platform gave could not be kept: {error}");
                self.put_off(state, which, 8, &why);
                Ok(Err(why))
            }
        }
    }

    /// Nobody asks for a token again for a while, longer each time: a platform is never hammered.
    fn put_off(&self, state: &mut State, which: &Which, failures: u32, why: &str) {
        // From half a minute up to an hour.
        let ceiling = Duration::from_secs(3600).min(Duration::from_secs(60) * (1 << failures.min(6)));
        let wait = ceiling.mul_f64(0.5 + self.0.rng.unit() / 2.0);
        state.failed.insert(which.clone(), (self.0.now().plus(wait), failures.min(16) + 1, why.to_owned()));
    }

    /// Who waited for a token is told how it stands now.
    fn tell_waiting(&self, state: &mut State, which: &Which) {
        let Some(waiting) = state.refreshing.remove(which) else { return };
        let now = self.0.now();
        for reply in waiting.replies {
            let row = self.row(which).ok().flatten();
            let headers = row.and_then(|(row, _)| book::headers(&row, now).ok().flatten());
            let why = state.failed.get(which).map_or("it was not refreshed", |(_, _, why)| why.as_str());
            reply.send(headers.map(Presented::Headers).ok_or_else(|| no_token(which, why)));
        }
    }

    async fn add(&self, new: NewAccount, secrets: Secrets) -> Result<Option<Zeroizing<String>>, NotDone> {
        let shared = &self.0;
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

/// Wakes the actor when those who wait for a token have waited long enough.
fn remind(me: &Handle<Msg>, which: Which) {
    let me = me.clone();
    tokio::spawn(inherit(async move {
        tokio::time::sleep(TOKEN_WAIT).await;
        // An actor that is gone has answered all who waited by its end.
        drop(me.cast(Msg::Overdue { which }));
    }));
}

fn no_token(which: &Which, why: &str) -> NotSealed {
    NotSealed::NoToken {
        platform: which.platform.clone(),
        account: which.account.clone(),
        why: why.to_owned(),
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
