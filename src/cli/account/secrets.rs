//! The verbs of `account` that ask for a secret: `add`, `rotate` and `drill`.
//!
//! What is typed goes to the daemon and nowhere else, and is wiped when it was sent; a recovery key that is
//! tried does not leave the process. What would be refused is refused before anything is typed; what fails
//! after that ends the command with its reason.

use std::collections::BTreeMap;

use mm_core::vault::RecoveryKey;
use mm_services::accounts::open_all;
use mm_store::{Change, SharedMemory, Store};
use serde_json::{Value, json};

use super::{AddOptions, Kind, RotateOptions, Which, said, shown, wipe};
use crate::cli::ask::Asker;
use crate::cli::print::{self, line};
use crate::cli::{Json, misuse, refuse, secret};
use crate::config::is_email;
use crate::exit::Failure;
use crate::platforms::{Takes, takes};
use crate::seams::SystemEntropy;
use crate::views::account::{AccountView, CopyView};
use crate::views::{Question, counted};

pub(super) fn add(asker: &Asker<'_>, options: &AddOptions) -> Result<(), Failure> {
    refuse_secrets(options)?;
    // What would be refused is refused before anything is typed.
    asker.daemon(&Question::of(&["accounts"]).with("add", Some(&options.which.platform)))?;
    let (kind, asked) = kind(options)?;
    let email = email(asker, options)?;
    let secrets = secret::read(asked)?;
    let held: BTreeMap<&str, &str> =
        asked.iter().copied().zip(secrets.iter().map(|own| own.expose())).collect();
    let mut body = json!({ "kind": kind, "email": email, "handle": options.handle, "secrets": held });
    let told = said(asker, &options.which, "add", &mut body)?;
    if options.which.json.json {
        return print::json(&told.body);
    }
    eprintln!("{} is added; `account check` says whether the platform takes it", shown(&options.which));
    show_recovery(&told.body);
    Ok(())
}

/// A token in the place of a name would be shown in every list and stand on the audit trail.
fn refuse_secrets(options: &AddOptions) -> Result<(), Failure> {
    let which = &options.which;
    misuse::refuse_secrets(&[
        ("the platform", Some(&which.platform)),
        ("your name for the account", Some(&which.name)),
        ("--email", options.email.as_deref()),
        ("--handle", options.handle.as_deref()),
        ("--header", options.header.as_deref()),
        ("--scheme", options.scheme.as_deref()),
        ("--token-url", options.token_url.as_deref()),
    ])
}

/// The recovery key, where one was made: to a person, once.
fn show_recovery(body: &Value) {
    let Some(key) = body.get("recovery_key").and_then(Value::as_str) else { return };
    eprintln!(
        "\nThe recovery key opens everything when the master key is lost. It is shown this once and kept nowhere: \
         write it on paper, and try it with `account drill`. `account recover` makes a new master key with it.\n\n  {}\n",
        line(key, 100)
    );
}

/// The e-mail address that an account belongs to: its owner's own, unless he says another.
fn email(asker: &Asker<'_>, options: &AddOptions) -> Result<String, Failure> {
    let own = || asker.load().ok()?.config.user.email.map(|email| email.as_str().to_owned());
    match options.email.clone() {
        Some(email) if !is_email(&email) => {
            Err(refuse(format!("`{}` is no e-mail address; write one like you@example.org", line(&email, 80))))
        }
        said => said.or_else(own).ok_or_else(|| {
            refuse("say with --email which e-mail address it belongs to, or set `email` in [user] of the configuration")
        }),
    }
}

/// How the account shows itself, and which secrets are asked for.
fn kind(options: &AddOptions) -> Result<(Value, &'static [&'static str]), Failure> {
    let platform = line(&options.which.platform, 64);
    let takes = takes(&options.which.platform);
    let need = |name: &str, given: &Option<String>| {
        given.clone().ok_or_else(|| refuse(format!("an account of this kind needs --{name}")))
    };
    let oauth =
        || Ok::<_, Failure>((need("token-url", &options.token_url)?, need("client-id", &options.client_id)?));
    let kind = options.kind.or(takes.map(Kind::of)).ok_or_else(|| {
        refuse(format!(
            "what {platform} takes is not known here: say with --kind how the account shows itself: basic, bearer, \
             api-key, oauth-client or oauth-refresh"
        ))
    })?;
    Ok(match (kind, takes) {
        (Kind::Basic, Some(Takes::Basic(what))) if options.user.is_none() => {
            return Err(refuse(format!("{platform} needs a user's name too: say with --user {what}")));
        }
        (Kind::Basic, _) => (json!({ "Basic": { "user": need("user", &options.user)? } }), &["password"]),
        (Kind::Bearer, _) => (json!("Bearer"), &["token"]),
        (Kind::ApiKey, takes) => {
            let own = takes.and_then(Takes::header).map(str::to_owned);
            let header = need("header", &options.header.clone().or(own))?.to_lowercase();
            (json!({ "ApiKey": { "header": header, "scheme": options.scheme } }), &["key"])
        }
        (Kind::OauthClient, _) => {
            let ((token_url, client_id), scope) = (oauth()?, options.scope.clone().unwrap_or_default());
            let kind = json!({ "token_url": token_url, "client_id": client_id, "scope": scope });
            (json!({ "OauthClient": kind }), &["client-secret"])
        }
        (Kind::OauthRefresh, _) => {
            let ((token_url, client_id), confidential) = (oauth()?, !options.public);
            let kind =
                json!({ "token_url": token_url, "client_id": client_id, "confidential": confidential });
            let asked: &[&str] =
                if confidential { &["client-secret", "refresh-token"] } else { &["refresh-token"] };
            (json!({ "OauthRefresh": kind }), asked)
        }
    })
}

pub(super) fn rotate(asker: &Asker<'_>, options: &RotateOptions) -> Result<(), Failure> {
    let json = options.json;
    if options.master_key {
        return rotate_master(asker, json);
    }
    if options.recovery_key {
        let told = asker.say(&Question::of(&["accounts", "recovery-key"]), &Value::Null)?;
        if json.json {
            return print::json(&told.body);
        }
        eprintln!("the recovery key before this one opens nothing any more");
        show_recovery(&told.body);
        return Ok(());
    }
    let (Some(platform), Some(name)) = (options.platform.clone(), options.name.clone()) else {
        return Err(refuse("an account is named by its platform and its name"));
    };
    let which = Which { platform, name, json };
    let view: AccountView =
        asker.daemon(&Question::of(&["accounts", &which.platform, &which.name]))?.view()?;
    let asked: Vec<&str> = view.asks.iter().map(String::as_str).collect();
    let secrets = secret::read(&asked)?;
    let held: BTreeMap<&str, &str> =
        asked.iter().copied().zip(secrets.iter().map(|own| own.expose())).collect();
    let told = said(asker, &which, "rotate", &mut json!({ "secrets": held }))?;
    if json.json {
        return print::json(&told.body);
    }
    let check =
        format!("`money-machine account check {} {}`", line(&which.platform, 64), line(&which.name, 64));
    eprintln!(
        "{} uses the new secrets from now on. {}; once the platform takes them, revoke the old ones there",
        shown(&which),
        asker.hinted(&check)
    );
    Ok(())
}

fn rotate_master(asker: &Asker<'_>, json: Json) -> Result<(), Failure> {
    let source: Value = asker.daemon(&Question::of(&["accounts", "master-key"]))?.body;
    let wants = source.get("wants").and_then(Value::as_str).map(str::to_owned);
    let given = wants.map(|what| secret::new(&what)).transpose()?;
    let mut body = json!({ "given": given.as_ref().map(|given| given.expose()) });
    let told = asker.say(&Question::of(&["accounts", "master-key"]), &body);
    wipe(&mut body);
    let told = told?;
    if json.json {
        return print::json(&told.body);
    }
    let text = |name: &str| told.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let values = told.body.get("values").and_then(Value::as_u64).unwrap_or_default();
    let values = counted(values, "value", "values");
    if told.body.get("swapped").and_then(Value::as_bool) == Some(true) {
        eprintln!("the master key is changed: {} opens {values}", line(&text("source"), 300));
    } else {
        eprintln!(
            "the new master key opens {values}. Change it in {} now: both open the vault until a start finds \
             the new one",
            line(&text("source"), 300)
        );
    }
    Ok(())
}

pub(super) fn drill(asker: &Asker<'_>, json: Json) -> Result<(), Failure> {
    let copy: CopyView = asker.read(&Question::of(&["accounts", "copy"]))?.view()?;
    let typed = secret::read(&["recovery key"])?.remove(0);
    let key = RecoveryKey::parse(typed.expose()).map_err(|bad| refuse(bad.to_string()))?;
    let store = restored(&copy).map_err(|error| Failure::new("restore the copy", error))?;
    let opened = open_all(&store, key.key()).map_err(|locked| {
        refuse(format!("the recovery key does not open the copy: {locked}; `account rotate --recovery-key` makes one that does"))
    })?;
    // On record where a daemon runs; the proof stands without.
    if let Err(failure) =
        asker.say(&Question::of(&["accounts", "drilled"]), &json!({ "values": opened.values }))
    {
        eprintln!("the drill is not on record: {failure}");
    }
    if json.json {
        return print::json(&json!({ "opens": true, "keys": opened.keys, "values": opened.values }));
    }
    let keys = counted(opened.keys, "key", "keys");
    let values = counted(opened.values, "value", "values");
    eprintln!("the recovery key opens a copy of the vault: {keys}, {values}");
    Ok(())
}

/// A store in memory that holds the copy and nothing else.
fn restored(copy: &CopyView) -> Result<Store, Box<dyn std::error::Error + Send + Sync>> {
    let options =
        mm_store::Options::in_memory(SharedMemory::new(), std::sync::Arc::new(SystemEntropy::new()));
    let store = Store::open(options)?;
    let mut change = Change::new();
    for (space, id, row) in &copy.keys {
        change = change.put(space, id, row)?;
    }
    for (space, id, row) in &copy.values {
        change = change.put(space, id, row)?;
    }
    store.commit_blocking(change)?;
    Ok(store)
}
