//! What an owner says of accounts and of the vault's keys. Secrets come in here, once, and go to the accounts
//! service; no answer holds one, but for a recovery key that was just made.

use mm_core::id::Space;
use mm_core::secret::Secret;
use mm_core::untrusted::Untrusted;
use mm_services::accounts::{NewAccount, NotDone, Secrets, Unchanged, Which};
use mm_services::records::AccountKind;
use mm_store::{Change, NewEntry};
use serde_json::{Value, json};

use super::Ops;
use super::answer::{down, reader};
use crate::views::{Problem, account, limit};

/// The longest e-mail address (RFC 5321, 4.5.3.1.3) and public name.
const TEXT_CHARS_MAX: usize = 254;

fn which(platform: &str, name: &str) -> Result<Which, Problem> {
    let bad = |error: mm_core::id::BadName| Problem::Bad(error.to_string());
    Ok(Which {
        space: Space::default_owner(),
        platform: platform.parse().map_err(bad)?,
        account: name.parse().map_err(bad)?,
    })
}

fn problem(error: NotDone) -> Problem {
    match error {
        NotDone::Unknown(_) => Problem::Unknown(error.to_string()),
        NotDone::There(_) => Problem::Refused(error.to_string()),
        NotDone::Fields(_) | NotDone::Bad(_) => Problem::Bad(error.to_string()),
        NotDone::Vault(error) => unchanged(&error),
    }
}

fn unchanged(error: &Unchanged) -> Problem {
    match error {
        Unchanged::Locked(_) | Unchanged::Source(_) => Problem::Refused(error.to_string()),
        Unchanged::Opens | Unchanged::NotRecovery { .. } => Problem::Refused(error.to_string()),
        Unchanged::Store(_) => Problem::Failed(error.to_string()),
    }
}

/// A short text of one line, or nothing.
fn text(body: &Value, name: &str) -> Option<String> {
    let given = body.get(name).and_then(Value::as_str)?;
    let line = Untrusted::new(given).line(TEXT_CHARS_MAX);
    (!line.is_empty()).then_some(line)
}

fn secrets(body: &Value) -> Result<Secrets, Problem> {
    let fields = body.get("secrets").and_then(Value::as_object);
    let fields =
        fields.ok_or_else(|| Problem::Bad("`secrets` holds each secret under its name".to_owned()))?;
    let secret = |(name, value): (&String, &Value)| {
        let text = value.as_str().ok_or_else(|| Problem::Bad(format!("the secret `{name}` is no text")))?;
        Ok((name.clone(), Secret::new(text.to_owned())))
    };
    fields.iter().map(secret).collect()
}

/// `add`, `rotate`, `check` and `remove` of one account.
pub(super) async fn say(
    ops: &Ops,
    platform: &str,
    name: &str,
    verb: &str,
    body: &Value,
) -> Result<Value, Problem> {
    let which = which(platform, name)?;
    let accounts = &ops.services.accounts;
    match verb {
        "add" => return add(ops, which, body).await,
        "rotate" => {
            let done = accounts.rotate(which, secrets(body)?).await;
            done.map_err(|error| down(ops, &error))?.map_err(problem)?;
        }
        "check" => {
            account::show(&reader(ops).await, platform, name)?;
            let looked = ops.services.health.look(which).await;
            looked.map_err(|error| down(ops, &error))?.map_err(Problem::Refused)?;
        }
        "remove" => {
            let done = accounts.remove(which).await;
            done.map_err(|error| down(ops, &error))?.map_err(problem)?;
            return Ok(json!({ "platform": platform, "account": name, "removed": true }));
        }
        _ => return Err(Problem::Unknown("an account takes add, rotate, check and remove".to_owned())),
    }
    shown(ops, platform, name).await
}

async fn shown(ops: &Ops, platform: &str, name: &str) -> Result<Value, Problem> {
    let view = account::show(&reader(ops).await, platform, name)?;
    serde_json::to_value(view).map_err(|error| Problem::Failed(error.to_string()))
}

async fn add(ops: &Ops, which: Which, body: &Value) -> Result<Value, Problem> {
    let (platform, name) = (which.platform.to_string(), which.account.to_string());
    limit::known(&reader(ops).await, &platform)?;
    let kind = body.get("kind").cloned().unwrap_or_default();
    let kind: AccountKind = serde_json::from_value(kind)
        .map_err(|_| Problem::Bad("`kind` says how the account shows itself".to_owned()))?;
    sound(&kind)?;
    let email = text(body, "email").filter(|email| is_email(email));
    let email =
        email.ok_or_else(|| Problem::Bad("`email` is the address that the account belongs to".to_owned()))?;
    let Which { space, platform: on, account } = which;
    let new = NewAccount { space, platform: on, account, email, kind, handle: text(body, "handle") };
    let made = ops.services.accounts.add(new, secrets(body)?).await;
    let recovery = made.map_err(|error| down(ops, &error))?.map_err(problem)?;
    let mut view = shown(ops, &platform, &name).await?;
    if let (Some(recovery), Some(fields)) = (recovery, view.as_object_mut()) {
        fields.insert("recovery_key".to_owned(), recovery.as_str().into());
    }
    Ok(view)
}

fn is_email(text: &str) -> bool {
    let sound = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
    text.split_once('@')
        .is_some_and(|(name, host)| sound(name) && sound(host) && host.contains('.') && !host.contains('@'))
}

/// What of a kind goes into requests must be able to stand there.
fn sound(kind: &AccountKind) -> Result<(), Problem> {
    let bad = |why: &str| Err(Problem::Bad(why.to_owned()));
    let plain =
        |text: &str| !text.is_empty() && text.len() <= 256 && text.bytes().all(|c| (0x21..0x7f).contains(&c));
    match kind {
        AccountKind::Basic { user } if !plain(user) || user.contains(':') => {
            bad("a user's name has no blank, no `:` and no sign that is not ASCII (RFC 7617)")
        }
        AccountKind::ApiKey { header, scheme } => {
            let token = |text: &str| {
                !text.is_empty()
                    && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
            };
            let reserved = [
                "host",
                "content-length",
                "transfer-encoding",
                "connection",
                "user-agent",
                "content-type",
                "cookie",
            ];
            if !token(header) || reserved.contains(&header.as_str()) {
                return bad(
                    "the header of a key has small letters, digits and `-`, and is none that the road sets",
                );
            }
            if scheme.as_ref().is_some_and(|scheme| !plain(scheme)) {
                return bad("the word before a key is one word");
            }
            Ok(())
        }
        AccountKind::OauthClient { token_url, client_id, .. }
        | AccountKind::OauthRefresh { token_url, client_id, .. } => {
            if mm_core::url::LogicalUrl::parse(token_url).is_err() {
                return bad("the token URL is an https URL with a host's name");
            }
            if plain(client_id) {
                Ok(())
            } else {
                bad("a client's id has no blank and no sign that is not ASCII")
            }
        }
        _ => Ok(()),
    }
}

/// What changing the master key asks its owner for, if anything.
pub(super) fn master_asks(ops: &Ops) -> Value {
    let sources = ops.services.shared.vault.sources();
    let used = sources.iter().find(|source| source.used);
    let wants = match used.map(|source| source.name) {
        Some("systemd credential") => Some("new master key"),
        Some("passphrase") => Some("new passphrase"),
        _ => None,
    };
    json!({ "source": used.map(|source| source.name), "wants": wants })
}

/// Changes the master key.
pub(super) async fn change_master(ops: &Ops, body: &Value) -> Result<Value, Problem> {
    let given = body.get("given").and_then(Value::as_str).map(|text| Secret::new(text.to_owned()));
    let changed = ops.services.accounts.change_master(given).await;
    let changed = changed.map_err(|error| down(ops, &error))?.map_err(|error| unchanged(&error))?;
    Ok(json!({
        "swapped": changed.swapped, "source": changed.source, "keys": changed.opened.keys,
        "values": changed.opened.values,
    }))
}

/// Makes another recovery key.
pub(super) async fn new_recovery(ops: &Ops) -> Result<Value, Problem> {
    let made = ops.services.accounts.new_recovery().await;
    let key = made.map_err(|error| down(ops, &error))?.map_err(|error| unchanged(&error))?;
    Ok(json!({ "recovery_key": key.as_str() }))
}

/// Puts a drill that went well on record.
pub(super) async fn drilled(ops: &Ops, by: &str, body: &Value) -> Result<Value, Problem> {
    let shared = &ops.services.shared;
    let values = body.get("values").and_then(Value::as_u64);
    let payload = json!({ "values": values, "by": by });
    let failed = |error: &dyn std::error::Error| Problem::Failed(error.to_string());
    let entry = NewEntry::new(shared.now(), &Space::machine(), "vault.drilled", &payload);
    let entry = entry.map_err(|error| failed(&error))?;
    shared.store.commit(Change::new().audit(entry)).await.map_err(|error| failed(&error))?;
    Ok(json!({ "recorded": true }))
}
