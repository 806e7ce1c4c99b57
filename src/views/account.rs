//! Accounts: everything but their secrets.

use mm_core::id::Space;
use mm_services::records::{AccountKind, AccountRow, CredentialRow, HealthRow, KeyRow};
use mm_store::{Record, Span};
use serde::{Deserialize, Serialize};

use super::{Problem, Question, Reader, limit, meant, nearest, unread};

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    pub platform: String,
    pub account: String,
    pub email: String,
    /// `basic`, `bearer`, `api-key`, `oauth-client` or `oauth-refresh`.
    pub kind: String,
    /// How it shows itself, with its slots.
    pub shows: String,
    pub handle: Option<String>,
    /// `unknown`, `healthy`, `auth-failed` or `gone`.
    pub standing: String,
    /// What the last look found.
    pub sentence: String,
    pub checked_at: Option<String>,
    pub next_at: Option<String>,
    /// What its credential may do, where the platform says so.
    pub scopes: Vec<String>,
    /// When its credential ends by itself, where the platform says so.
    pub expires_at: Option<String>,
    /// What is left of the platform's quota, and the whole of it.
    pub quota: Option<(u64, u64)>,
    pub added_at: String,
    pub updated_at: String,
    pub secrets: Vec<SecretView>,
    /// What `account rotate` asks for.
    pub asks: Vec<String>,
}

impl AccountView {
    /// Whether its owner must see to it.
    pub fn is_bad(&self) -> bool {
        matches!(self.standing.as_str(), "auth-failed" | "gone")
    }
}

/// A secret, by its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretView {
    pub slot: String,
    pub since: String,
    pub expires_at: Option<String>,
}

/// The rows of the vault as they are sealed, for a drill. Nothing in it opens without a key.
#[derive(Debug, Serialize, Deserialize)]
pub struct CopyView {
    pub keys: Vec<(Space, String, KeyRow)>,
    pub values: Vec<(Space, String, CredentialRow)>,
}

pub(super) fn list(reader: &Reader, question: &Question) -> Result<Vec<AccountView>, Problem> {
    question.only(&["add"])?;
    if let Some(platform) = question.text("add") {
        // An account on a platform without rules could do nothing.
        limit::known(reader, platform)?;
    }
    let scanned = reader.store.scan::<AccountRow>(&reader.space, Span::all(), usize::MAX);
    let scanned = scanned.map_err(|error| unread(&error))?;
    let views = scanned.rows.into_iter().map(|(id, row)| view(reader, &id, row.value));
    let mut views: Vec<AccountView> = views.collect::<Result<_, _>>()?;
    // E-mail addresses are what accounts hang on.
    views.sort_by(|a, b| (&a.email, &a.platform, &a.account).cmp(&(&b.email, &b.platform, &b.account)));
    Ok(views)
}

pub(crate) fn show(reader: &Reader, platform: &str, account: &str) -> Result<AccountView, Problem> {
    let id = format!("{platform}/{account}");
    let unknown = || {
        let all = reader.store.scan::<AccountRow>(&reader.space, Span::all(), usize::MAX);
        let ids: Vec<String> =
            all.map(|found| found.rows.into_iter().map(|(id, _)| id).collect()).unwrap_or_default();
        let near = meant(nearest(&id, ids.iter().map(String::as_str)));
        let shown = mm_core::untrusted::Untrusted::new(&id).line(130);
        Problem::Unknown(format!("there is no account `{shown}`{near}; `account list` shows those there are"))
    };
    if id.len() > 200 || id.contains('\0') {
        return Err(unknown());
    }
    let row = reader.store.get::<AccountRow>(&reader.space, &id).map_err(|error| unread(&error))?;
    view(reader, &id, row.ok_or_else(unknown)?.value)
}

fn view(reader: &Reader, id: &str, row: AccountRow) -> Result<AccountView, Problem> {
    let health = reader.store.get::<HealthRow>(&reader.space, id).map_err(|error| unread(&error))?;
    let looked = health.is_some();
    let health = health.map(|row| row.value).unwrap_or_default();
    let secrets = row.fields.iter().map(|field| SecretView {
        slot: format!("{{vault:{id}/{}@{}}}", field.name, field.version),
        since: field.since.to_string(),
        expires_at: field.expires_at.map(|at| at.to_string()),
    });
    Ok(AccountView {
        shows: shows(&row.kind),
        kind: row.kind.as_str().to_owned(),
        secrets: secrets.collect(),
        asks: row.kind.asks().iter().map(|name| (*name).to_owned()).collect(),
        platform: row.platform.to_string(),
        account: row.account.to_string(),
        email: row.email,
        handle: row.handle,
        standing: health.standing.as_str().to_owned(),
        sentence: if looked { health.sentence } else { "nobody has looked yet".to_owned() },
        checked_at: health.checked_at.map(|at| at.to_string()),
        next_at: looked.then(|| health.next_at.to_string()),
        scopes: health.scopes,
        expires_at: health.expires_at.map(|at| at.to_string()),
        quota: health.quota,
        added_at: row.added_at.to_string(),
        updated_at: row.updated_at.to_string(),
    })
}

fn shows(kind: &AccountKind) -> String {
    match kind {
        AccountKind::Basic { user } => format!("user `{user}` and a password"),
        AccountKind::Bearer => "a bearer token".to_owned(),
        AccountKind::ApiKey { header, scheme } => {
            let scheme = scheme.as_ref().map(|scheme| format!(" after `{scheme}`")).unwrap_or_default();
            format!("a key in the header `{header}`{scheme}")
        }
        AccountKind::OauthClient { token_url, client_id, .. } => {
            format!("a token that client `{client_id}` gets from {token_url}")
        }
        AccountKind::OauthRefresh { token_url, client_id, .. } => {
            format!("a token that client `{client_id}` refreshes at {token_url}")
        }
    }
}

/// The vault as it is sealed.
pub(super) fn copy(reader: &Reader) -> Result<CopyView, Problem> {
    Ok(CopyView { keys: all(reader)?, values: all(reader)? })
}

fn all<R: Record>(reader: &Reader) -> Result<Vec<(Space, String, R)>, Problem> {
    let mut found = Vec::new();
    for space in [Space::machine(), reader.space.clone()] {
        let scanned = reader.store.scan::<R>(&space, Span::all(), usize::MAX);
        let rows = scanned.map_err(|error| unread(&error))?.rows;
        found.extend(rows.into_iter().map(|(id, row)| (space.clone(), id, row.value)));
    }
    Ok(found)
}
