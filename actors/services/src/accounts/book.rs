//! Accounts in the store: adding, rotating, keeping tokens, removing. Each is one change, but for a rotation,
//! which is two: the new version beside the old one, and, once it was read again and opened, the new one in
//! its place.
//!
//! It writes rows and audit entries of accounts, seals with the vault, and calls nobody. What fails leaves
//! what was in force before; what a rotation that was cut off left beside it is swept away at a start.

use std::collections::BTreeMap;

use mm_core::id::{AccountId, PlatformId, Space};
use mm_core::moment::Moment;
use mm_core::secret::Secret;
use mm_store::{Change, CommitError, Key, NewEntry, Span, Store};
use mm_supervision::Fault;
use serde_json::json;

use super::making::Unchanged;
use super::refusal::{health_of, tokenless};
use super::slots;
use super::vault::{Locked, Place};
use crate::damage;
use crate::records::{AccountKind, AccountRow, AccountStanding, CredentialRow, FieldRow, HealthRow};
use crate::shared::Shared;

/// The access token of an OAuth account: got by the machine, never typed.
pub(super) const ACCESS: &str = "access-token";
/// The refresh token.
pub(super) const REFRESH: &str = "refresh-token";
/// Shorter secrets guard nothing, and could not be told from other text where they are echoed.
const SECRET_BYTES_MIN: usize = 6;
/// No header takes more.
const SECRET_BYTES_MAX: usize = 4096;
/// Writers of one account's row are few, and each is done at once.
const KEEP_TRIES: u32 = 5;

impl AccountKind {
    /// The names of the secrets that its owner types in.
    pub fn asks(&self) -> &'static [&'static str] {
        match self {
            AccountKind::Basic { .. } => &["password"],
            AccountKind::Bearer => &["token"],
            AccountKind::ApiKey { .. } => &["key"],
            AccountKind::OauthClient { .. } => &["client-secret"],
            AccountKind::OauthRefresh { confidential: true, .. } => &["client-secret", "refresh-token"],
            AccountKind::OauthRefresh { confidential: false, .. } => &["refresh-token"],
        }
    }

    /// As it is named on the command line.
    pub fn as_str(&self) -> &'static str {
        match self {
            AccountKind::Basic { .. } => "basic",
            AccountKind::Bearer => "bearer",
            AccountKind::ApiKey { .. } => "api-key",
            AccountKind::OauthClient { .. } => "oauth-client",
            AccountKind::OauthRefresh { .. } => "oauth-refresh",
        }
    }
}

/// Secrets by the names of their fields.
pub type Secrets = BTreeMap<String, Secret>;

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// There is one of that name.
    #[error("there is an account `{0}` already; `account rotate` changes its secrets")]
    There(String),
    /// There is none.
    #[error("there is no account `{0}`; `account list` shows those there are")]
    Unknown(String),
    /// A secret is missing, or one too many is there.
    #[error("an account of this kind takes {0}, each once")]
    Fields(String),
    /// A secret that cannot be one.
    #[error("{0}")]
    Bad(String),
    /// The vault or the store says no.
    #[error(transparent)]
    Vault(#[from] Unchanged),
}

impl From<Fault> for NotDone {
    fn from(fault: Fault) -> Self {
        NotDone::Vault(fault.into())
    }
}

impl From<Locked> for NotDone {
    fn from(locked: Locked) -> Self {
        NotDone::Vault(locked.into())
    }
}

/// An account as it is added.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Whose.
    pub space: Space,
    /// The platform.
    pub platform: PlatformId,
    /// The owner's name for it.
    pub account: AccountId,
    /// The e-mail address that it belongs to.
    pub email: String,
    /// How it shows itself.
    pub kind: AccountKind,
    /// Its public name there.
    pub handle: Option<String>,
}

/// The row of an account.
pub(super) fn row(
    store: &Store,
    space: &Space,
    platform: &PlatformId,
    account: &AccountId,
) -> Result<Option<(AccountRow, u64)>, Fault> {
    let row = store.get::<AccountRow>(space, &AccountRow::row_id(platform, account))?;
    Ok(row.map(|row| (row.value, row.version)))
}

fn shown(platform: &PlatformId, account: &AccountId) -> String {
    AccountRow::row_id(platform, account)
}

pub(super) fn place(space: &Space, row: &AccountRow, field: &str, version: u64) -> Place {
    Place {
        space: space.clone(),
        platform: row.platform.to_string(),
        account: row.account.to_string(),
        field: field.to_owned(),
        version,
    }
}

fn check(kind: &AccountKind, secrets: &Secrets) -> Result<(), NotDone> {
    let wanted = kind.asks();
    if secrets.len() != wanted.len() || !wanted.iter().all(|name| secrets.contains_key(*name)) {
        return Err(NotDone::Fields(wanted.join(" and ")));
    }
    for (name, secret) in secrets {
        let text = secret.expose();
        let bad = |why: &str| Err(NotDone::Bad(format!("the {name} {why}; nothing was kept")));
        if text.len() < SECRET_BYTES_MIN {
            return bad("has fewer than 6 signs: was it cut off?");
        }
        if text.len() > SECRET_BYTES_MAX {
            return bad("has more than 4096 bytes, which no header takes");
        }
        if !text.bytes().all(|c| (0x20..0x7f).contains(&c)) || text.trim() != text {
            return bad("holds a control character, a blank at its end or a sign that is not ASCII");
        }
    }
    Ok(())
}

/// The sealed rows of these values, put into `change`.
fn sealed(
    shared: &Shared,
    space: &Space,
    row: &AccountRow,
    values: &[(&str, u64, &Secret)],
    mut change: Change,
) -> Result<Change, NotDone> {
    for (field, version, secret) in values {
        let place = place(space, row, field, *version);
        let plain = secret.expose().as_bytes();
        let (key, sealed) = shared.vault.seal(&place.about(), plain, shared.entropy.as_ref())?;
        if shared.vault.open(&place.about(), &sealed)?.as_slice() != plain {
            return Err(Unchanged::Store("what was sealed does not open as what it was".into()).into());
        }
        let credential = CredentialRow { key, sealed, at: shared.now() };
        change = change.put(space, &place.row_id(), &credential).map_err(Fault::from)?;
    }
    Ok(change)
}

/// Adds an account; the vault is made if there is none.
pub(super) async fn add(shared: &Shared, new: NewAccount, secrets: &Secrets) -> Result<(), NotDone> {
    check(&new.kind, secrets)?;
    let NewAccount { space, platform, account, email, kind, handle } = new;
    let id = shown(&platform, &account);
    if row(&shared.store, &space, &platform, &account)?.is_some() {
        return Err(NotDone::There(id));
    }
    shared.vault.ensure(shared).await?;
    let now = shared.now();
    let field = |name: &str| FieldRow { name: name.to_owned(), version: 1, since: now, expires_at: None };
    let fields = kind.asks().iter().map(|name| field(name)).collect();
    let row = AccountRow { platform, account, email, kind, handle, fields, added_at: now, updated_at: now };
    let values: Vec<_> = secrets.iter().map(|(name, secret)| (name.as_str(), 1, secret)).collect();
    let change = Change::new()
        .expect_absent(Key::of::<AccountRow>(&space, &id).map_err(Fault::from)?)
        .put(&space, &id, &row)
        .map_err(Fault::from)?;
    let change = sealed(shared, &space, &row, &values, change)?;
    let payload = json!({
        "account": id, "kind": row.kind.as_str(), "fields": row.kind.asks(), "email": row.email, "by": "owner",
    });
    commit(shared, &space, change, "account.added", &payload).await
}

/// Puts new secrets in the place of an account's old ones.
pub(super) async fn rotate(
    shared: &Shared,
    space: &Space,
    platform: &PlatformId,
    account: &AccountId,
    secrets: &Secrets,
) -> Result<(), NotDone> {
    let id = shown(platform, account);
    let (row, version) =
        row(&shared.store, space, platform, account)?.ok_or_else(|| NotDone::Unknown(id.clone()))?;
    check(&row.kind, secrets)?;
    let values: Vec<_> = secrets.iter().map(|(name, secret)| (name.as_str(), secret, None)).collect();
    replace(shared, space, (row, version), &values, "account.rotated", "owner").await
}

/// Values as they come: a field's name, what it holds, and until when.
pub(super) type Values<'a> = [(&'a str, &'a Secret, Option<Moment>)];

/// The values with the versions that they get.
fn numbered<'a>(row: &AccountRow, values: &Values<'a>) -> Vec<(&'a str, u64, &'a Secret)> {
    let next = |name: &str| row.field(name).map_or(1, |field| field.version + 1);
    values.iter().map(|(name, secret, _)| (*name, next(name), *secret)).collect()
}

/// Puts new values in the place of old ones: written beside them first, read again and opened, and only
/// then the ones that count. What ends before that leaves the old ones in force.
async fn replace(
    shared: &Shared,
    space: &Space,
    (mut row, version): (AccountRow, u64),
    values: &Values<'_>,
    kind: &str,
    by: &str,
) -> Result<(), NotDone> {
    let next = numbered(&row, values);
    let id = shown(&row.platform, &row.account);
    let beside = sealed(shared, space, &row, &next, Change::new())?;
    shared.store.commit(beside).await.map_err(Fault::from)?;
    for (name, number, secret) in &next {
        let again = slots::read(shared, &place(space, &row, name, *number))?
            .ok_or_else(|| Unchanged::Store("what was written is not there".into()))?;
        if again.as_slice() != secret.expose().as_bytes() {
            return Err(Unchanged::Store("what was read again is not what was written".into()).into());
        }
    }
    // A token that the old secrets brought ends with them.
    let change = tokenless(space, &mut row, shared.now(), Change::new())?;
    let (change, payload) = pointed(shared, space, (row, version), values, change, by)?;
    // What was found of the old secrets says nothing of the new ones, nor does a look that is under way.
    let health = health_of(shared, space, &id)?;
    let health = HealthRow {
        standing: AccountStanding::Unknown,
        since: shared.now(),
        next_at: shared.now(),
        sentence: "its secrets are new, and nothing was found of them yet".to_owned(),
        failures: 0,
        ..health
    };
    let change = change.put(space, &id, &health).map_err(Fault::from)?;
    commit(shared, space, change, kind, &payload).await
}

/// Keeps tokens that a platform gave: the values and the row that points to them in one change. A new
/// refresh token exists nowhere else, and the old one is spent with it: what lies beside could be swept
/// away. A row that somebody else wrote meanwhile is read again.
pub(super) async fn keep_tokens(
    shared: &Shared,
    space: &Space,
    (platform, account): (&PlatformId, &AccountId),
    values: &Values<'_>,
) -> Result<(), NotDone> {
    let id = shown(platform, account);
    let mut tries = 0;
    loop {
        let (row, version) =
            row(&shared.store, space, platform, account)?.ok_or_else(|| NotDone::Unknown(id.clone()))?;
        let change = sealed(shared, space, &row, &numbered(&row, values), Change::new())?;
        let (change, payload) = pointed(shared, space, (row, version), values, change, "system")?;
        let entry =
            NewEntry::new(shared.now(), space, "account.token-refreshed", &payload).map_err(Fault::from)?;
        tries += 1;
        match shared.store.commit(change.audit(entry)).await {
            Ok(_) => return Ok(()),
            Err(CommitError::Refused { .. }) if tries < KEEP_TRIES => {}
            Err(error) => return Err(Fault::from(error).into()),
        }
    }
}

/// `change` with the row that points to new values, and without the old ones; with what is told of it.
fn pointed(
    shared: &Shared,
    space: &Space,
    (mut row, version): (AccountRow, u64),
    values: &Values<'_>,
    mut change: Change,
    by: &str,
) -> Result<(Change, serde_json::Value), NotDone> {
    let (id, now) = (shown(&row.platform, &row.account), shared.now());
    let next = numbered(&row, values);
    change = change.expect_version(Key::of::<AccountRow>(space, &id).map_err(Fault::from)?, version);
    for ((name, number, _), (_, _, expires_at)) in next.iter().zip(values) {
        let place = place(space, &row, name, *number);
        let field =
            FieldRow { name: (*name).to_owned(), version: *number, since: now, expires_at: *expires_at };
        match row.fields.iter_mut().find(|field| field.name == *name) {
            Some(old) => {
                let old_place = Place { version: old.version, ..place };
                change = change.delete(old_place.row_key().map_err(Fault::from)?);
                *old = field;
            }
            None => row.fields.push(field),
        }
    }
    row.updated_at = now;
    let fields: Vec<_> = next.iter().map(|(name, version, _)| format!("{name}@{version}")).collect();
    let change = change.put(space, &id, &row).map_err(Fault::from)?;
    Ok((change, json!({ "account": id, "fields": fields, "by": by })))
}

/// Removes an account with all its values, and what was known of its health.
pub(super) async fn remove(
    shared: &Shared,
    space: &Space,
    platform: &PlatformId,
    account: &AccountId,
) -> Result<(), NotDone> {
    let id = shown(platform, account);
    let (_, version) =
        row(&shared.store, space, platform, account)?.ok_or_else(|| NotDone::Unknown(id.clone()))?;
    let key = Key::of::<AccountRow>(space, &id).map_err(Fault::from)?;
    let mut change = Change::new()
        .expect_version(key.clone(), version)
        .delete(key)
        .delete(Key::of::<HealthRow>(space, &id).map_err(Fault::from)?);
    // All versions, also those that a rotation that was cut off left behind.
    let scanned = shared.store.scan::<CredentialRow>(space, Span::prefix(&format!("{id}/")), usize::MAX);
    for (row, _) in scanned.map_err(Fault::from)?.rows {
        change = change.delete(Key::of::<CredentialRow>(space, &row).map_err(Fault::from)?);
    }
    let payload = json!({ "account": id, "by": "owner" });
    commit(shared, space, change, "account.removed", &payload).await
}

/// Removes sealed values that no account points to: what a rotation that was cut off left behind.
pub(super) async fn sweep(shared: &Shared, space: &Space) -> Result<(), NotDone> {
    let mut change = Change::new();
    for (id, _) in
        shared.store.scan::<CredentialRow>(space, Span::all(), usize::MAX).map_err(Fault::from)?.rows
    {
        let Some(place) = Place::of_row(space, &id).filter(|place| !place.platform.is_empty()) else {
            continue;
        };
        let owner = format!("{}/{}", place.platform, place.account);
        let row = match shared.store.get::<AccountRow>(space, &owner) {
            Ok(row) => row,
            // Nobody knows what counts of an account whose row does not open: all of it stays.
            Err(error) => {
                damage::of_one_row(error)?;
                continue;
            }
        };
        let counts = row
            .is_some_and(|row| row.value.field(&place.field).is_some_and(|own| own.version == place.version));
        if !counts {
            change = change.delete(place.row_key().map_err(Fault::from)?);
        }
    }
    if !change.is_empty() {
        shared.store.commit(change).await.map_err(Fault::from)?;
    }
    Ok(())
}

pub(super) async fn commit(
    shared: &Shared,
    space: &Space,
    change: Change,
    kind: &str,
    payload: &serde_json::Value,
) -> Result<(), NotDone> {
    let entry = NewEntry::new(shared.now(), space, kind, payload).map_err(Fault::from)?;
    shared.store.commit(change.audit(entry)).await.map_err(Fault::from)?;
    Ok(())
}
