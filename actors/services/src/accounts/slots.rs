//! How an account shows itself, and what fills its slots for the moment of sending.
//!
//! It reads rows and opens what is sealed; it writes nothing. A slot whose secret is not there, or does not
//! open, is an error that says so, and the request that holds it does not leave.

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::secret::Secret;
use mm_core::vault::{Slot, base64, form_encoded};
use mm_supervision::Fault;
use zeroize::Zeroizing;

use super::book::{ACCESS, NotDone, place, row};
use super::vault::Place;
use super::{NotSealed, oauth};
use crate::records::{AccountKind, AccountRow, CredentialRow};
use crate::shared::Shared;

/// Stands in for user and password in base 64.
const BASIC: &str = "basic";

/// A sealed value as it stands in the store, opened.
pub(super) fn read(shared: &Shared, place: &Place) -> Result<Option<Zeroizing<Vec<u8>>>, NotDone> {
    let row = shared.store.get::<CredentialRow>(&place.space, &place.row_id()).map_err(Fault::from)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(shared.vault.open(&place.about(), &row.value.sealed)?))
}

fn text(bytes: Option<Zeroizing<Vec<u8>>>) -> Option<Secret> {
    let bytes = bytes?;
    // A copy that is wiped with the secret; the bytes are wiped here.
    std::str::from_utf8(&bytes).ok().map(|text| Secret::new(text.to_owned()))
}

/// What fills a slot.
pub(super) fn fills(shared: &Shared, space: &Space, slot: &Slot) -> Result<Secret, NotSealed> {
    let missing = || NotSealed::NoCredential(slot.to_string());
    let failed = |error: NotDone| NotSealed::Vault(error.to_string());
    let row = row(&shared.store, space, &slot.platform, &slot.account)
        .map_err(|fault| NotSealed::Vault(fault.reason))?
        .ok_or_else(missing)?
        .0;
    let value = |field: &str, version: u64| {
        text(read(shared, &place(space, &row, field, version)).map_err(failed)?).ok_or_else(missing)
    };
    match (&row.kind, slot.field.as_str()) {
        (AccountKind::Basic { user }, BASIC) => {
            let password = value("password", slot.version)?;
            let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
            Ok(Secret::new(base64(pair.as_bytes()).to_string()))
        }
        (AccountKind::OauthClient { client_id, .. } | AccountKind::OauthRefresh { client_id, .. }, BASIC) => {
            let secret = value("client-secret", slot.version)?;
            // Both are written as in a form before they are joined (RFC 6749, 2.3.1).
            let id = form_encoded(client_id);
            let coded = form_encoded(secret.expose());
            let pair = Zeroizing::new(format!("{}:{}", *id, *coded));
            Ok(Secret::new(base64(pair.as_bytes()).to_string()))
        }
        (_, field) => value(field, slot.version),
    }
}

/// What stands behind a slot besides what fills it, and must not be echoed either.
pub(super) fn behind(shared: &Shared, space: &Space, slot: &Slot) -> Option<(Slot, Secret)> {
    let row = row(&shared.store, space, &slot.platform, &slot.account).ok()??.0;
    let field = part(&row.kind, slot)?;
    let secret = text(read(shared, &place(space, &row, field, slot.version)).ok()?)?;
    Some((Slot { field: field.to_owned(), ..slot.clone() }, secret))
}

/// The field that is a part of what fills a slot, where the slot is no field itself.
fn part(kind: &AccountKind, slot: &Slot) -> Option<&'static str> {
    match (kind, slot.field.as_str()) {
        (AccountKind::Basic { .. }, BASIC) => Some("password"),
        (AccountKind::OauthClient { .. } | AccountKind::OauthRefresh { .. }, BASIC) => Some("client-secret"),
        _ => None,
    }
}

/// Whether what was sent in these slots is what an account has now. What was replaced meanwhile is not, nor
/// is a token that is not used any more: what is said of those says nothing of the account.
pub(super) fn are_in_use(row: &AccountRow, sent: &[Slot], now: Moment) -> bool {
    sent.iter().all(|slot| {
        let field = row.field(part(&row.kind, slot).unwrap_or(&slot.field));
        field.is_some_and(|field| {
            field.version == slot.version && (field.name != ACCESS || oauth::is_fresh(field, now))
        })
    })
}

/// The headers with which an account shows itself, secrets as their slots; `None` if a token is needed first.
pub(super) fn headers(row: &AccountRow, now: Moment) -> Result<Option<Vec<(String, String)>>, NotSealed> {
    let slot = |field: &str, of: &str| {
        let version = row.field(of).map(|field| field.version);
        let missing = || NotSealed::NoCredential(format!("{}/{}/{of}", row.platform, row.account));
        let (platform, account) = (row.platform.clone(), row.account.clone());
        Ok(Slot { platform, account, field: field.to_owned(), version: version.ok_or_else(missing)? })
    };
    let one = |name: &str, value: String| Some(vec![(name.to_owned(), value)]);
    Ok(match &row.kind {
        AccountKind::Basic { .. } => one("authorization", format!("Basic {}", slot(BASIC, "password")?)),
        AccountKind::Bearer => one("authorization", format!("Bearer {}", slot("token", "token")?)),
        AccountKind::ApiKey { header, scheme } => {
            let scheme = scheme.as_ref().map(|scheme| format!("{scheme} ")).unwrap_or_default();
            one(header, format!("{scheme}{}", slot("key", "key")?))
        }
        AccountKind::OauthClient { .. } | AccountKind::OauthRefresh { .. } => {
            let fresh = row.field(ACCESS).filter(|field| oauth::is_fresh(field, now));
            match fresh {
                Some(_) => one("authorization", format!("Bearer {}", slot(ACCESS, ACCESS)?)),
                None => None,
            }
        }
    })
}

/// A slot for the client's own credential, where the account has one.
pub(super) fn client_slot(row: &AccountRow) -> Option<String> {
    let version = row.field("client-secret")?.version;
    let (platform, account) = (row.platform.clone(), row.account.clone());
    Some(Slot { platform, account, field: BASIC.to_owned(), version }.to_string())
}
