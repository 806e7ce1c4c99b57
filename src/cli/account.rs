//! `account add|list|show|rotate|check|remove|drill`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use mm_core::vault::RecoveryKey;
use mm_services::accounts::open_all;
use mm_store::{Change, SharedMemory, Store};
use serde_json::{Value, json};
use zeroize::Zeroize as _;

use super::ask::Asker;
use super::print::{self, fields, line, minute, minute_or, table};
use super::{Cx, Done, Json, examples, refuse, secret};
use crate::exit::{Exit, Failure};
use crate::seams::SystemEntropy;
use crate::views::Question;
use crate::views::account::{AccountView, CopyView};

/// Keeps the accounts that the machine acts with, their secrets encrypted
#[derive(Debug, Subcommand)]
#[command(
    long_about = "Keeps the accounts that the machine acts with. Their secrets are encrypted in the data \
    directory; the master key comes from a credential of systemd, a key file or a passphrase (`doctor` says which).\n\n\
    A secret is typed at a prompt without an echo, or piped on stdin, a line each. It is never an argument: every \
    process of the computer can read those. No command shows a secret again."
)]
pub enum Verb {
    /// Adds an account; asks for its secrets
    #[command(
        long_about = "Adds an account and asks for its secrets. The first one makes the vault and shows its recovery \
            key, once: write it down, it opens everything when the master key is lost.\n\n\
            What is asked for: bearer: the token. basic: the password. api-key: the key. oauth-client: the client's \
            secret. oauth-refresh: the client's secret (not with --public), then the refresh token.",
        after_long_help = examples(
            "money-machine account add github main --kind bearer --email me@example.org --handle octocat\n\
             money-machine account add hackerone main --kind basic --user my-identifier --email me@example.org\n\
             pass show awin | money-machine account add awin main --kind bearer --email me@example.org"
        )
    )]
    Add(Box<AddOptions>),
    /// Lists them, by e-mail address
    #[command(
        long_about = "Lists the accounts, by the e-mail address that they belong to, and how each stands.",
        after_long_help = examples("money-machine account list\nmoney-machine account list --json")
    )]
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Shows one, without its secrets
    #[command(
        long_about = "Shows one account: how it shows itself, since when its secrets are in use, and what the last \
            look at the platform found. Secrets are not shown.",
        after_long_help = examples("money-machine account show github main")
    )]
    Show(Which),
    /// Puts new secrets in the place of old ones; also for the vault's own keys
    #[command(
        long_about = "Puts new secrets in the place of an account's old ones: written, read again and proved to open \
            before the old ones go. Whatever cuts it off, the old or the new ones are in force.\n\n\
            --master-key changes the vault's master key the same way. A key file is made anew; a credential of \
            systemd or a passphrase is asked for, and you change it where it is: both open the vault until a start \
            finds the new one. --recovery-key makes another recovery key and shows it once.",
        after_long_help = examples(
            "money-machine account rotate github main\nmoney-machine account rotate --master-key\n\
             money-machine account rotate --recovery-key"
        )
    )]
    Rotate(RotateOptions),
    /// Looks at the platform now whether an account is well
    #[command(
        long_about = "Asks the platform now whether it takes the account's credential, by the same road as every other \
            act. Accounts are looked at by themselves too: when they are added or changed, when a credential is not \
            taken, and every six hours.",
        after_long_help = examples("money-machine account check github main")
    )]
    Check(Which),
    /// Removes an account and its secrets
    #[command(
        long_about = "Removes an account and its secrets from this machine. At the platform nothing changes: revoke \
            its token there. Backups still hold what they held.",
        after_long_help = examples("money-machine account remove github main")
    )]
    Remove(Which),
    /// Proves that the recovery key opens a copy of the vault
    #[command(
        long_about = "Proves that the recovery key opens everything: copies the vault's rows, as they are sealed, into \
            memory, asks for the recovery key, and opens the copy with it. The vault in use is not touched, and the \
            key does not leave this command.",
        after_long_help = examples("money-machine account drill")
    )]
    Drill {
        #[command(flatten)]
        json: Json,
    },
}

/// An account.
#[derive(Debug, Args)]
pub struct Which {
    /// The platform, as in its rule file
    platform: String,
    /// Your name for the account
    name: String,
    #[command(flatten)]
    json: Json,
}

/// How an account shows itself.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// A user's name and a password
    Basic,
    /// A token
    Bearer,
    /// A key in a header of the platform's own
    ApiKey,
    /// OAuth 2: a client's id and secret
    OauthClient,
    /// OAuth 2: a refresh token
    OauthRefresh,
}

/// What is known of a new account.
#[derive(Debug, Args)]
pub struct AddOptions {
    #[command(flatten)]
    which: Which,
    /// How it shows itself
    #[arg(long, value_enum)]
    kind: Kind,
    /// The e-mail address that it belongs to
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// Its public name at the platform: where a second look tells a lost account from a bad token
    #[arg(long, value_name = "NAME")]
    handle: Option<String>,
    /// basic: the user's name, or the key's id
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// api-key: the header that takes the key
    #[arg(long, value_name = "HEADER")]
    header: Option<String>,
    /// api-key: a word before the key
    #[arg(long, value_name = "WORD")]
    scheme: Option<String>,
    /// oauth: where tokens are made
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// oauth: the client's id
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// oauth-client: what is asked for
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// oauth-refresh: the client has no secret
    #[arg(long)]
    public: bool,
}

/// Whose secrets are changed.
#[derive(Debug, Args)]
pub struct RotateOptions {
    /// The platform, as in its rule file
    #[arg(required_unless_present_any = ["master_key", "recovery_key"])]
    platform: Option<String>,
    /// Your name for the account
    #[arg(required_unless_present_any = ["master_key", "recovery_key"])]
    name: Option<String>,
    /// The vault's master key
    #[arg(long, conflicts_with_all = ["platform", "name", "recovery_key"])]
    master_key: bool,
    /// The vault's recovery key
    #[arg(long, conflicts_with_all = ["platform", "name"])]
    recovery_key: bool,
    #[command(flatten)]
    json: Json,
}

pub(super) fn execute(cx: &Cx<'_>, verb: Verb) -> Done {
    let asker = Asker::new(cx)?;
    match verb {
        Verb::Add(options) => add(&asker, &options)?,
        Verb::List { json } => {
            let told = asker.read(&Question::of(&["accounts"]))?;
            if json.json { print::json(&told.body)? } else { print::out(&rows(&told.view::<Vec<_>>()?))? }
        }
        Verb::Show(which) => {
            let told = asker.read(&Question::of(&["accounts", &which.platform, &which.name]))?;
            if which.json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
        Verb::Rotate(options) => rotate(&asker, &options)?,
        Verb::Check(which) => {
            let told = said(&asker, &which, "check", &mut Value::Null)?;
            let view: AccountView = told.view()?;
            if which.json.json {
                print::json(&told.body)?
            } else {
                print::out(&page(&view))?
            }
            if view.is_bad() {
                return Ok(Exit::Refused);
            }
        }
        Verb::Remove(which) => {
            let told = said(&asker, &which, "remove", &mut Value::Null)?;
            if which.json.json {
                print::json(&told.body)?;
            } else {
                eprintln!("{} is removed here; revoke its secrets at the platform", shown(&which));
            }
        }
        Verb::Drill { json } => drill(&asker, json)?,
    }
    Ok(Exit::Done)
}

fn shown(which: &Which) -> String {
    line(&format!("{}/{}", which.platform, which.name), 140)
}

/// Says something of an account; what was sent is wiped.
fn said(asker: &Asker<'_>, which: &Which, verb: &str, body: &mut Value) -> Result<super::ask::Told, Failure> {
    let told = asker.say(&Question::of(&["accounts", &which.platform, &which.name, verb]), body);
    wipe(body);
    told
}

/// Wipes every text of a JSON value.
pub(crate) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        _ => {}
    }
}

fn add(asker: &Asker<'_>, options: &AddOptions) -> Result<(), Failure> {
    let (kind, asked) = kind(options)?;
    // What would be refused is refused before anything is typed.
    asker.daemon(&Question::of(&["accounts"]).with("add", Some(&options.which.platform)))?;
    let secrets = secret::read(asked)?;
    let held: BTreeMap<&str, &str> =
        asked.iter().copied().zip(secrets.iter().map(|own| own.expose())).collect();
    let mut body = json!({ "kind": kind, "email": options.email, "handle": options.handle, "secrets": held });
    let told = said(asker, &options.which, "add", &mut body)?;
    if options.which.json.json {
        return print::json(&told.body);
    }
    eprintln!("{} is added; `account check` says whether the platform takes it", shown(&options.which));
    show_recovery(&told.body);
    Ok(())
}

/// The recovery key, where one was made: to a person, once.
fn show_recovery(body: &Value) {
    let Some(key) = body.get("recovery_key").and_then(Value::as_str) else { return };
    eprintln!(
        "\nThe recovery key opens everything when the master key is lost. It is shown this once and kept nowhere: \
         write it on paper, and try it with `account drill`.\n\n  {}\n",
        line(key, 100)
    );
}

/// How the account shows itself, and which secrets are asked for.
fn kind(options: &AddOptions) -> Result<(Value, &'static [&'static str]), Failure> {
    let need = |name: &str, given: &Option<String>| {
        given.clone().ok_or_else(|| refuse(format!("an account of this kind needs --{name}")))
    };
    let oauth =
        || Ok::<_, Failure>((need("token-url", &options.token_url)?, need("client-id", &options.client_id)?));
    Ok(match options.kind {
        Kind::Basic => (json!({ "Basic": { "user": need("user", &options.user)? } }), &["password"]),
        Kind::Bearer => (json!("Bearer"), &["token"]),
        Kind::ApiKey => {
            let header = need("header", &options.header)?.to_lowercase();
            (json!({ "ApiKey": { "header": header, "scheme": options.scheme } }), &["key"])
        }
        Kind::OauthClient => {
            let ((token_url, client_id), scope) = (oauth()?, options.scope.clone().unwrap_or_default());
            let kind = json!({ "token_url": token_url, "client_id": client_id, "scope": scope });
            (json!({ "OauthClient": kind }), &["client-secret"])
        }
        Kind::OauthRefresh => {
            let ((token_url, client_id), confidential) = (oauth()?, !options.public);
            let kind =
                json!({ "token_url": token_url, "client_id": client_id, "confidential": confidential });
            let asked: &[&str] =
                if confidential { &["client-secret", "refresh-token"] } else { &["refresh-token"] };
            (json!({ "OauthRefresh": kind }), asked)
        }
    })
}

fn rotate(asker: &Asker<'_>, options: &RotateOptions) -> Result<(), Failure> {
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
    eprintln!("{} uses the new secrets; revoke the old ones at the platform", shown(&which));
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
    if told.body.get("swapped").and_then(Value::as_bool) == Some(true) {
        eprintln!("the master key is changed: {} opens {values} values", line(&text("source"), 300));
    } else {
        eprintln!(
            "the new master key opens {values} values. Change it in {} now: both open the vault until a start finds \
             the new one",
            line(&text("source"), 300)
        );
    }
    Ok(())
}

fn drill(asker: &Asker<'_>, json: Json) -> Result<(), Failure> {
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
    eprintln!("the recovery key opens a copy of the vault: {} keys, {} values", opened.keys, opened.values);
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

pub(super) fn rows(accounts: &[AccountView]) -> String {
    let row = |account: &AccountView| {
        vec![
            line(&account.email, 100),
            account.platform.clone(),
            account.account.clone(),
            account.kind.clone(),
            account.standing.clone(),
            minute_or(account.checked_at.as_ref(), "never"),
            line(&account.sentence, 120),
        ]
    };
    let rows: Vec<Vec<String>> = accounts.iter().map(row).collect();
    table(&["e-mail", "platform", "account", "kind", "standing", "looked at", "found"], &rows)
}

pub(super) fn page(account: &AccountView) -> String {
    let mut text = fields(&[
        ("account", format!("{}/{}", account.platform, account.account)),
        ("e-mail", line(&account.email, 200)),
        ("kind", account.kind.clone()),
        ("shows itself", line(&account.shows, 300)),
        ("public name", line(account.handle.as_deref().unwrap_or("-"), 100)),
        ("standing", format!("{}: {}", account.standing, line(&account.sentence, 300))),
        ("looked at", minute_or(account.checked_at.as_ref(), "never")),
        ("looked at next", minute_or(account.next_at.as_ref(), "-")),
        (
            "may do",
            if account.scopes.is_empty() { "-".to_owned() } else { line(&account.scopes.join(", "), 300) },
        ),
        ("credential ends", minute_or(account.expires_at.as_ref(), "-")),
        (
            "quota there",
            account.quota.map_or_else(|| "-".to_owned(), |(left, whole)| format!("{left} of {whole} left")),
        ),
        ("added", minute(&account.added_at)),
    ]);
    text.push('\n');
    let rows: Vec<Vec<String>> = account
        .secrets
        .iter()
        .map(|secret| {
            let ends = minute_or(secret.expires_at.as_ref(), "-");
            vec![line(&secret.slot, 200), minute(&secret.since), ends]
        })
        .collect();
    text.push_str(&table(&["secret", "since", "ends"], &rows));
    text
}
