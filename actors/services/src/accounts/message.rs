//! What the accounts service is asked, and the way to ask it.
//!
//! It holds no state and reads no store: it sends a message and waits for the answer, [`CALL_TIMEOUT`] at the
//! longest. What is only told and does not arrive is logged; what is asked gives the [`CallError`].

use mm_core::action::Action;
use mm_core::answer::Answer;
use mm_core::id::{AccountId, PlatformId, Space};
use mm_core::secret::Secret;
use mm_core::vault::Slot;
use mm_supervision::{CallError, Handle, Reply};
use zeroize::Zeroizing;

use super::{MasterChanged, NewAccount, NotDone, NotSealed, Secrets, Unchanged};
use crate::message::kinds;
use crate::shared::CALL_TIMEOUT;

/// The way to the accounts service.
#[derive(Clone, Default)]
pub struct Accounts(Handle<Msg>);

/// How an account is presented to its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// With these headers, secrets as their slots.
    Headers(Vec<(String, String)>),
    /// With nothing yet: its token has to be refreshed first, by this act. Its answer goes to
    /// [`Accounts::refreshed`] (or, if there is none, the reason to [`Accounts::not_refreshed`]), and then
    /// the account is presented again.
    NeedsRefresh {
        /// The act.
        action: Box<Action>,
        /// The credentials that it sends: its answer speaks of these and no others.
        sent: Vec<Slot>,
    },
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
        /// What was sent of it.
        sent: Vec<Slot>,
        /// The HTTP status it answered with.
        status: u16,
    },
    /// How an act that refreshes a token ended.
    Refreshed {
        /// Which.
        which: Which,
        /// What the act sent.
        sent: Vec<Slot>,
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

impl Which {
    /// The account of this name.
    pub fn of(space: &Space, platform: &PlatformId, account: &AccountId) -> Self {
        Self { space: space.clone(), platform: platform.clone(), account: account.clone() }
    }
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
        let which = Which::of(space, platform, account);
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

    /// Tells that a platform did not take what was sent of an account's credentials, answering with `status`.
    pub fn trouble(&self, which: Which, sent: Vec<Slot>, status: u16) {
        if let Err(undelivered) = self.0.cast(Msg::Trouble { which, sent, status }) {
            tracing::warn!(error = %undelivered, "the accounts did not hear of a credential that was not taken");
        }
    }

    /// Hands over the answer to an act that refreshes a token, and what that act sent.
    ///
    /// # Errors
    /// The inner sentence says why there is no new token.
    pub async fn refreshed(
        &self,
        which: Which,
        sent: Vec<Slot>,
        answer: Answer,
    ) -> Result<Result<(), String>, CallError> {
        let answer = Box::new(Ok(answer));
        self.0.call(|reply| Msg::Refreshed { which, sent, answer, reply: Some(reply) }, CALL_TIMEOUT).await
    }

    /// Says that an act that refreshes a token ended without an answer, and why: who waits for it is told.
    pub fn not_refreshed(&self, which: Which, sent: Vec<Slot>, why: &str) {
        let answer = Box::new(Err(why.to_owned()));
        if let Err(undelivered) = self.0.cast(Msg::Refreshed { which, sent, answer, reply: None }) {
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
