//! Health: looks at accounts, and says how they stand.
//!
//! An account is looked at when it is added or changed, when a platform did not take its credential, and
//! every six hours. Each look is an act like any other: judged, limited, recorded. What the platform does
//! not take is looked at twice, so that a bad credential is told from an account that is gone. An account
//! that is not well holds what depends on it, once, with one alert; a look that goes well ends both.
//!
//! It calls the gateway and the alerts. When it fails, standings stay as they were last found.

mod checks;
mod look;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, CommitError, Key, NewEntry, Span};
use mm_supervision::{CallError, Component, Fault, Handle, Reply};
use serde_json::json;
use tokio::task::JoinSet;

use crate::accounts::{Which, Who};
use crate::alerts::Alerts;
use crate::damage;
use crate::gateway::Gateway;
use crate::message::kinds;
use crate::records::{AccountRow, AccountStanding, HealthRow};
use crate::shared::Shared;
use crate::waking::Waker;

use look::Found;

/// Whether looks can see how an account stands. Where they cannot, its use is all that says it.
pub(crate) fn is_seen(row: &AccountRow) -> bool {
    checks::own(row).is_some()
}

/// Between two looks at an account that nobody doubts.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// After a look that led nowhere; doubled with each, up to [`EVERY`].
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// A credential that ends sooner is told of.
const ENDS_SOON: Duration = Duration::from_secs(7 * 86_400);
/// A look takes two acts and a pause.
const LOOK_WITHIN: Duration = Duration::from_secs(240);

/// The way to the health service.
#[derive(Clone, Default)]
pub struct Health(Handle<Msg>);

/// What it is sent.
pub enum Msg {
    /// Something may be due. From the actor to itself.
    Due,
    /// Look at an account now.
    Look {
        /// Which.
        which: Which,
        /// Answered when it was looked at; the inner sentence says why it was not.
        reply: Reply<Result<(), String>>,
    },
    /// What a look found. From the actor to itself.
    Found {
        /// Whose account.
        which: Which,
        /// The version of its row of health when the look began.
        since: Option<u64>,
        /// What was found.
        found: Box<Found>,
    },
}

kinds!(Msg { Due => "due", Look => "look", Found => "found" });

impl Health {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Looks at an account now, and waits for what is found; that stands in its row then.
    ///
    /// # Errors
    /// The inner sentence says why nothing was looked at.
    pub async fn look(&self, which: Which) -> Result<Result<(), String>, CallError> {
        self.0.call(|reply| Msg::Look { which, reply }, LOOK_WITHIN).await
    }
}

/// The service.
#[derive(Clone)]
pub struct HealthService {
    /// What every service is handed.
    pub shared: Shared,
    /// Walks the looks.
    pub gateway: Gateway,
    /// Tell the owner.
    pub alerts: Alerts,
}

/// What it knows: what is under way.
#[derive(Default)]
pub struct State {
    looks: JoinSet<()>,
    /// Accounts that are being looked at, and who waits for it.
    at: BTreeMap<Which, Vec<Reply<Result<(), String>>>>,
    /// Accounts that a look was asked for.
    doubted: BTreeSet<Which>,
    waker: Waker,
}

impl Component for HealthService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        for (which, row, _) in self.accounts()? {
            if let Some((health, _)) = self.health(&which)? {
                self.shared.standings.set(&who(&which), health.standing, &told(&row, &health));
            }
        }
        drop(me.cast(Msg::Due));
        Ok(State::default())
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while state.looks.try_join_next().is_some() {}
        match msg {
            Msg::Due => {
                for who in self.shared.standings.take_doubted() {
                    let (space, platform, account) = who;
                    state.doubted.insert(Which { space, platform, account });
                }
                let now = self.shared.now();
                for (which, row, _) in self.accounts()? {
                    let due = state.doubted.remove(&which)
                        || self.health(&which)?.is_none_or(|(health, _)| is_due(&health, now));
                    if due {
                        self.begin(me, state, &which, row)?;
                    }
                }
                self.sleep(me, state)?;
            }
            Msg::Look { which, reply } => match self.account(&which)? {
                Err(damaged) => drop(reply.send(Err(damaged))),
                Ok(None) => {
                    reply.send(Err(format!("there is no account {}/{}", which.platform, which.account)));
                }
                Ok(Some((row, _))) => {
                    self.begin(me, state, &which, row)?;
                    state.at.entry(which).or_default().push(reply);
                }
            },
            Msg::Found { which, since, found } => {
                let kept = self.found(&which, since, *found).await;
                for reply in state.at.remove(&which).unwrap_or_default() {
                    reply.send(kept.as_ref().map(|_| ()).map_err(|fault| fault.reason.clone()));
                }
                // A doubt that came up during the look is answered by it, but for new secrets.
                if !kept? {
                    state.doubted.insert(which);
                    drop(me.cast(Msg::Due));
                }
                self.sleep(me, state)?;
            }
        }
        Ok(())
    }

    fn status(&self, state: &State) -> Vec<(&'static str, String)> {
        vec![("looks under way", state.at.len().to_string())]
    }
}

fn who(which: &Which) -> Who {
    (which.space.clone(), which.platform.clone(), which.account.clone())
}

fn is_due(health: &HealthRow, now: Moment) -> bool {
    // A clock that was set back must not put every look off for years.
    health.next_at <= now || health.next_at > now.plus(EVERY * 5)
}

/// What is said of an account to whoever may not use it.
fn told(row: &AccountRow, health: &HealthRow) -> String {
    let held = format!("the account {}/{} is held: ", row.platform, row.account);
    // Whoever found out first may have said so already.
    if health.sentence.starts_with(&held) { health.sentence.clone() } else { held + &health.sentence }
}

impl HealthService {
    fn accounts(&self) -> Result<Vec<(Which, AccountRow, u64)>, Fault> {
        let space = Space::default_owner();
        let rows = self.shared.store.scan::<AccountRow>(&space, Span::all(), usize::MAX)?.rows;
        let account = |(_, row): (String, mm_store::Row<AccountRow>)| {
            let (platform, account) = (row.value.platform.clone(), row.value.account.clone());
            (Which { space: space.clone(), platform, account }, row.value, row.version)
        };
        Ok(rows.into_iter().map(account).collect())
    }

    /// An account; the inner sentence says that its row is damaged.
    fn account(&self, which: &Which) -> Result<Result<Option<(AccountRow, u64)>, String>, Fault> {
        let id = AccountRow::row_id(&which.platform, &which.account);
        match self.shared.store.get::<AccountRow>(&which.space, &id) {
            Ok(row) => Ok(Ok(row.map(|row| (row.value, row.version)))),
            Err(error) => Ok(Err(format!("{} is damaged; restore a backup", damage::of_one_row(error)?))),
        }
    }

    /// What is known of an account. A row that is damaged says nothing, which its owner is told, and the next
    /// look begins it anew.
    fn health(&self, which: &Which) -> Result<Option<(HealthRow, u64)>, Fault> {
        let id = AccountRow::row_id(&which.platform, &which.account);
        match self.shared.store.get::<HealthRow>(&which.space, &id) {
            Ok(row) => Ok(row.map(|row| (row.value, row.version))),
            Err(error) => {
                let row = damage::of_one_row(error)?;
                let sentence =
                    format!("how the account {id} stood is lost, {row} is damaged; it is looked at anew");
                self.alerts.raise(&which.space, format!("account/{id}"), sentence);
                Ok(None)
            }
        }
    }

    /// Begins to look at an account, unless somebody is at it.
    fn begin(
        &self,
        me: &Handle<Msg>,
        state: &mut State,
        which: &Which,
        row: AccountRow,
    ) -> Result<(), Fault> {
        if state.at.contains_key(which) {
            return Ok(());
        }
        let since = self.health(which)?.map(|(_, version)| version);
        state.at.insert(which.clone(), Vec::new());
        let (service, me, which) = (self.clone(), me.clone(), which.clone());
        state.looks.spawn(async move {
            let looked = AssertUnwindSafe(service.look(&which, &row)).catch_unwind().await;
            let found = looked.unwrap_or_else(|_| Found::nowhere("the look ended in a panic; this is a bug"));
            drop(me.cast(Msg::Found { which, since, found: Box::new(found) }));
        });
        Ok(())
    }

    /// Wakes the actor when the next look is due, or one is asked for.
    fn sleep(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let now = self.shared.now();
        let mut wait = EVERY;
        for (which, _, _) in self.accounts()? {
            if state.at.contains_key(&which) {
                continue;
            }
            let next = self.health(&which)?.map_or(now, |(health, _)| health.next_at);
            wait = wait.min(next.since(now).max(Duration::from_secs(1)));
        }
        let standings = self.shared.standings.clone();
        state.waker.set(me, Msg::Due, Some(wait), async move { standings.news().await });
        Ok(())
    }

    /// Writes down what a look found, and does what follows from it. `false` if it was found of secrets
    /// that were replaced meanwhile: then nothing is, and another look is due.
    async fn found(&self, which: &Which, since: Option<u64>, found: Found) -> Result<bool, Fault> {
        let (account, version) = match self.account(which)? {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.shared.standings.forget(&who(which));
                return Ok(true);
            }
            // Nothing is done with it, so it does not matter how it stands.
            Err(_) => return Ok(true),
        };
        let before = self.health(which)?;
        if before.as_ref().map(|(_, version)| *version) != since {
            return Ok(false);
        }
        let before = before.map(|(row, _)| row).unwrap_or_default();
        let id = AccountRow::row_id(&which.platform, &which.account);
        let mut row = after(&before, &found, self.shared.now());
        row.next_at = self.open_at(which, row.next_at);
        let payload = json!({ "account": id, "standing": row.standing.as_str(), "found": row.sentence });
        // An account that was removed meanwhile must not come back as a row of its health.
        let mut change = Change::new()
            .expect_version(Key::of::<AccountRow>(&which.space, &id)?, version)
            .put(&which.space, &id, &row)?;
        if row.standing != before.standing {
            change =
                change.audit(NewEntry::new(self.shared.now(), &which.space, "account.standing", &payload)?);
        }
        if let (Some(handle), None) = (&found.handle, &account.handle) {
            let known = AccountRow { handle: Some(handle.clone()), ..account.clone() };
            change = change.put(&which.space, &id, &known)?;
        }
        match self.shared.store.commit(change).await {
            Ok(_) => {}
            // It was changed at this very moment: whoever did asks for a look.
            Err(CommitError::Refused { .. }) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        self.shared.standings.set(&who(which), row.standing, &told(&account, &row));
        self.tell(which, &before, &row);
        Ok(true)
    }

    /// When the next look is, if it was to be at `next`: outside the hours that its owner gave the platform none
    /// leads anywhere, and one put off past an opening could miss them day by day.
    fn open_at(&self, which: &Which, next: Moment) -> Moment {
        let (settings, platform) = (self.shared.settings(), which.platform.as_str());
        let opening = |at| settings.closed(platform, at).map(|(_, opens)| opens);
        opening(self.shared.now()).or_else(|| opening(next)).unwrap_or(next)
    }

    /// One alert when an account is not well, and its end when it is again.
    fn tell(&self, which: &Which, before: &HealthRow, row: &HealthRow) {
        let id = AccountRow::row_id(&which.platform, &which.account);
        let (about, ends) = (format!("account/{id}"), format!("account-ends/{id}"));
        if row.standing.is_bad() && row.standing != before.standing {
            let sentence =
                format!("the account {id} needs you, and what depends on it waits: {}", row.sentence);
            self.alerts.raise(&which.space, about, sentence);
        } else if !row.standing.is_bad() && before.standing != AccountStanding::Healthy {
            // Also where nothing is known but that the secrets are new.
            self.alerts.clear(&which.space, about);
        }
        let soon =
            |health: &HealthRow| health.expires_at.filter(|at| *at < self.shared.now().plus(ENDS_SOON));
        match (soon(row), soon(before)) {
            (Some(at), before) if before != Some(at) => {
                let sentence = format!(
                    "the credential of {id} ends at {at}; make a new one there, then `account rotate`"
                );
                self.alerts.raise(&which.space, ends, sentence);
            }
            (None, Some(_)) => self.alerts.clear(&which.space, ends),
            _ => {}
        }
    }
}

/// The row after a look.
fn after(before: &HealthRow, found: &Found, now: Moment) -> HealthRow {
    let failures = if found.standing.is_some() { 0 } else { before.failures.saturating_add(1) };
    let standing = found.standing.unwrap_or(before.standing);
    let wait = if found.standing.is_some() || found.final_word {
        EVERY
    } else {
        (AGAIN * (1 << (failures - 1).min(8))).min(EVERY)
    };
    // What a look that led nowhere did not see is still the last that is known, and so is why it is bad.
    let seen = found.standing.is_some();
    let sentence = if seen || !before.standing.is_bad() { &found.sentence } else { &before.sentence };
    HealthRow {
        standing,
        since: if standing == before.standing && before.checked_at.is_some() { before.since } else { now },
        checked_at: Some(now),
        next_at: now.plus(wait),
        sentence: sentence.clone(),
        expires_at: if seen { found.expires_at } else { before.expires_at },
        scopes: if seen { found.scopes.clone() } else { before.scopes.clone() },
        quota: if seen { found.quota } else { before.quota },
        failures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Moment {
        Moment::from_unix_ms(s * 1000)
    }

    #[test]
    fn a_look_that_leads_nowhere_changes_no_standing_and_is_tried_later_each_time() {
        let mut row = after(&HealthRow::default(), &Found::healthy(), at(0));
        assert_eq!((row.standing, row.failures), (AccountStanding::Healthy, 0));
        let mut waits = Vec::new();
        for n in 1..40 {
            row = after(&row, &Found::nowhere("no answer"), at(0));
            assert_eq!((row.standing, row.failures, row.since), (AccountStanding::Healthy, n, at(0)));
            waits.push(row.next_at.since(at(0)));
        }
        assert_eq!(waits.first(), Some(&AGAIN));
        assert!(waits.is_sorted() && waits.last() == Some(&EVERY), "{waits:?}");
        let bad = Found { standing: Some(AccountStanding::Gone), ..Found::nowhere("gone") };
        let row = after(&row, &bad, at(9));
        assert_eq!((row.standing, row.since, row.failures), (AccountStanding::Gone, at(9), 0));
        let row = after(&row, &Found::nowhere("no answer"), at(10));
        assert_eq!(
            (row.standing, row.sentence.as_str()),
            (AccountStanding::Gone, "gone"),
            "why it is bad stays"
        );
    }

    #[test]
    fn a_clock_that_was_set_back_puts_no_look_off_for_years() {
        let row = HealthRow { next_at: at(1_000_000_000), ..HealthRow::default() };
        assert!(is_due(&row, at(0)) && is_due(&row, at(1_000_000_001)));
        assert!(!is_due(&row, at(999_999_999)));
    }
}
