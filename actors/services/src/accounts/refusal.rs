//! What follows when a platform does not take what was sent of an account.
//!
//! What was replaced meanwhile says nothing of what is there now. A token is dropped and the next one got,
//! once; a credential that only its owner can change holds the account, where no look can see how it stands.
//! It writes rows of accounts, tells the standings, and calls the platforms, whose breakers the refusal has
//! shut. A token that could not be dropped is refused again, and dropped then.

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::vault::Slot;
use mm_store::{Change, CommitError, Key, NewEntry};
use mm_supervision::Fault;
use serde_json::json;

use super::book::{ACCESS, place};
use super::{AccountsService, State, Which, slots};
use crate::records::{AccountKind, AccountRow, AccountStanding, HealthRow};
use crate::shared::Shared;
use crate::{damage, health};

/// Whether its secret is the same until its owner changes it.
fn is_fixed(kind: &AccountKind) -> bool {
    !matches!(kind, AccountKind::OauthClient { .. } | AccountKind::OauthRefresh { .. })
}

/// Takes the access token from an account: the row says that it is over, `change` deletes it. Its number is
/// never given again.
pub(super) fn tokenless(
    space: &Space,
    row: &mut AccountRow,
    now: Moment,
    change: Change,
) -> Result<Change, Fault> {
    let Some(field) = row.fields.iter_mut().find(|field| field.name == ACCESS) else { return Ok(change) };
    let version = field.version;
    (field.since, field.expires_at) = (now, Some(now));
    Ok(change.delete(place(space, row, ACCESS, version).row_key()?))
}

/// What is known of an account's health. A row that is damaged says nothing, and is written anew.
pub(super) fn health_of(shared: &Shared, space: &Space, id: &str) -> Result<HealthRow, Fault> {
    match shared.store.get::<HealthRow>(space, id) {
        Ok(row) => Ok(row.map(|row| row.value).unwrap_or_default()),
        Err(error) => damage::of_one_row(error).map(|_| HealthRow::default()),
    }
}

impl AccountsService {
    /// A platform did not take what was sent: a token is got anew, once; what only its owner can change
    /// holds the account at once.
    pub(super) async fn not_taken(
        &self,
        state: &mut State,
        which: Which,
        sent: &[Slot],
        status: u16,
    ) -> Result<(), Fault> {
        tracing::warn!(platform = %which.platform, account = %which.account, status, "a credential was not taken");
        let Ok(Some((row, version))) = self.row(&which)? else { return Ok(()) };
        if !slots::are_in_use(&row, sent, self.shared.now()) {
            // What is said of old secrets shuts nothing to the new ones.
            self.renewed(&which).await;
            return Ok(());
        }
        let who = (which.space.clone(), which.platform.clone(), which.account.clone());
        let token = sent.iter().find(|slot| slot.field == ACCESS && status == 401).map(|slot| slot.version);
        // The one that was got because the last was refused is refused as well: it is not the token.
        let again = token.is_some_and(|now| state.dropped.get(&which).is_some_and(|last| last + 1 == now));
        if let Some(token) = token.filter(|_| !again) {
            if self.drop_token(&which, (row, version)).await? {
                state.dropped.insert(which.clone(), token);
                self.renewed(&which).await;
            }
        } else if status == 401 && (again || is_fixed(&row.kind)) && !health::is_seen(&row) {
            let why = format!(
                "the account {}/{} is held: the platform does not take its credential (status 401); make a new one \
                 there, then `account rotate`",
                who.1, who.2
            );
            self.shared.standings.set(&who, AccountStanding::AuthFailed, &why);
        }
        self.shared.standings.doubt(&who);
        Ok(())
    }

    /// Throws away a token that was refused before its end; `false` if the account was changed at this very
    /// moment.
    async fn drop_token(&self, which: &Which, (mut row, version): (AccountRow, u64)) -> Result<bool, Fault> {
        let (shared, space) = (&self.shared, &which.space);
        let (id, now) = (AccountRow::row_id(&which.platform, &which.account), shared.now());
        let payload = json!({ "account": id, "fields": [ACCESS], "by": "system" });
        let entry = NewEntry::new(now, space, "account.token-dropped", &payload)?;
        // A look that is under way was refused with it, which says nothing of the next one.
        let health = health_of(shared, space, &id)?;
        let change = tokenless(space, &mut row, now, Change::new())?
            .expect_version(Key::of::<AccountRow>(space, &id)?, version)
            .put(space, &id, &row)?
            .put(space, &id, &HealthRow { next_at: now, ..health })?
            .audit(entry);
        match shared.store.commit(change).await {
            Ok(_) => Ok(true),
            Err(CommitError::Refused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What was shut because an account's old credential was refused is tried with the new one.
    pub(super) async fn renewed(&self, which: &Which) {
        let told = self.platforms.renewed(&which.space, &which.platform, &which.account).await;
        if let Err(unheard) = told {
            tracing::warn!(error = %unheard, "the breakers did not hear of a renewed credential");
        }
    }
}
