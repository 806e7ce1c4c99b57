//! What an owner says of strategies and of their inputs: durable, with its audit entry in the same change.
//!
//! A host that is down because its restarts are spent gets them back by the owner's `resume`, for a reason.

use mm_core::id::{Space, StrategyId};
use mm_supervision::{CallError, Fault};

use super::quarantine::{self, QuarantineError, Verdict};
use super::{Msg, PATH, Strategies, Word};
use crate::budgets::StoredBudgets;
use crate::records::QuarantineRow;
use crate::shared::CALL_TIMEOUT;

/// Why a word was not said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSaid {
    /// Its host is down, and going on would give its restarts back.
    #[error(
        "`{0}` is down; to start it again gives its whole restart budget back, which needs a reason: `strategy \
         resume {0} --reason WHY`"
    )]
    NeedsReason(String),
    /// Its host did not answer.
    #[error("the strategy's host did not take it")]
    Host(#[from] CallError),
}

impl Strategies {
    /// Says something of a strategy, durably; `false` if it is not installed. A host that has spent
    /// its restarts is started again by [`Word::Resume`] with a reason, and gets them back.
    ///
    /// # Errors
    /// [`NotSaid`].
    pub async fn say(&self, id: &str, word: Word) -> Result<bool, NotSaid> {
        let Some(host) = self.host(id) else { return Ok(false) };
        let told = host.call(|reply| Msg::Say { word: word.clone(), reply }, CALL_TIMEOUT).await;
        match (told, &word) {
            (Err(CallError::NotRunning), Word::Resume(Some(reason))) => self.bring_back(id, reason).await?,
            (Err(CallError::NotRunning), Word::Resume(None)) if self.above.is_running() => {
                return Err(NotSaid::NeedsReason(id.to_owned()));
            }
            (told, _) => return Ok(told.map(|()| true)?),
        }
        Ok(host.call(|reply| Msg::Say { word, reply }, CALL_TIMEOUT).await.map(|()| true)?)
    }

    /// Starts a host that is down; once it stands, it has its whole restart budget again.
    async fn bring_back(&self, id: &str, reason: &str) -> Result<(), CallError> {
        let name = format!("{}/{id}", Space::default_owner());
        let key = format!("{PATH}/{name}");
        let back = async {
            self.above.restart_child(&name).await?;
            // On record first: what supervision gives back after it changes nothing more.
            StoredBudgets::new(self.shared.store.clone()).clear(&key, reason, self.shared.now()).await?;
            self.above.proved(&name).await?;
            Ok(())
        };
        let back: Result<(), Fault> = back.await;
        back.map_err(|fault| {
            tracing::warn!(strategy = id, error = fault.reason, "its host is not brought back");
            CallError::NotRunning
        })
    }

    /// The inputs of a strategy that are set aside, by their ids; see [`quarantine`].
    ///
    /// # Errors
    /// If it is not installed, or the store fails.
    pub fn quarantine_list(&self, id: &str) -> Result<Vec<(String, QuarantineRow)>, QuarantineError> {
        let strategy = self.known(id)?;
        Ok(quarantine::open(&self.shared.store, &Space::default_owner(), strategy)?)
    }

    /// Gives an input that is set aside one more chance.
    ///
    /// # Errors
    /// If there is no such input, or the word was not recorded.
    pub async fn quarantine_retry(&self, id: &str, input: &str) -> Result<QuarantineRow, QuarantineError> {
        self.quarantine_say(id, input, Verdict::Retry).await
    }

    /// Drops an input that is set aside: it stays passed over and is shown no more.
    ///
    /// # Errors
    /// As [`Strategies::quarantine_retry`].
    pub async fn quarantine_drop(&self, id: &str, input: &str) -> Result<QuarantineRow, QuarantineError> {
        self.quarantine_say(id, input, Verdict::Drop).await
    }

    async fn quarantine_say(
        &self,
        id: &str,
        input: &str,
        verdict: Verdict,
    ) -> Result<QuarantineRow, QuarantineError> {
        let (strategy, space) = (self.known(id)?, Space::default_owner());
        let (store, now) = (&self.shared.store, self.shared.now());
        let row = quarantine::say(store, &space, strategy, input, verdict, now).await?;
        self.alerts.clear(&space, quarantine::alert_about(strategy, input));
        Ok(row)
    }

    fn known(&self, id: &str) -> Result<&StrategyId, QuarantineError> {
        let found = self.hosts.keys().find(|own| own.as_str() == id);
        found.ok_or_else(|| QuarantineError::Unknown(id.to_owned()))
    }
}
