//! `account add|list|show|rotate|check|remove|drill|recover`: the words, and what is printed.
//!
//! It touches nothing itself: it asks the daemon, or the store where none runs, and prints what is said. What
//! asks for a secret is in `secrets`; what works on a vault whose master key is lost is in `recover`.

mod recover;
mod secrets;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use zeroize::Zeroize as _;

use super::ask::Asker;
use super::print::{self, fields, line, minute, minute_or, table};
use super::{Cx, Done, Json, examples};
use crate::exit::{Exit, Failure};
use crate::platforms::Takes;
use crate::views::Question;
use crate::views::account::AccountView;

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
        long_about = "Adds an account and asks for its secrets. What GitHub, GitHub Sponsors, HackerOne, Intigriti, \
            YesWeHack, Awin, CJ, Impact and Freelancer.com take is known; for another platform say --kind. HackerOne \
            and Impact need --user too. The first one makes the vault and shows its recovery \
            key, once: write it down, it opens everything when the master key is lost \
            (`account recover`).\n\n\
            What is asked for: bearer: the token. basic: the password. api-key: the key. oauth-client: the client's \
            secret. oauth-refresh: the client's secret (not with --public), then the refresh token.",
        after_long_help = examples(
            "money-machine account add github main\n\
             money-machine account add hackerone main --user my-identifier --email me@example.org\n\
             pass show awin | money-machine account add awin main\n\
             money-machine account add elsewhere main --kind api-key --header x-api-key --email me@example.org"
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
    /// Makes a new master key with the recovery key, where the old one is lost
    #[command(
        long_about = "Makes a new master key where the old one is lost: asks for the recovery key, proves that it \
            opens everything, and puts a new key file in place (a new passphrase, which is asked for too, where the \
            vault is opened with one). It works on the data directory itself: stop the daemon first. A master key that \
            opens the vault is never replaced, and nothing is written over a file that is there. Whatever cuts it off, \
            the recovery key still opens everything.\n\n\
            Piped, the recovery key is the first line and the new passphrase the second.\n\n\
            If systemd hands the master key over (`systemctl cat money-machine` shows a line that begins with \
            LoadCredential=money-machine-master-key and names a file): take that line out of the unit first, since the \
            lost key would be found there before the new one. Afterwards put what the new `master.key` holds into that \
            file, and the line back.",
        after_long_help = examples("money-machine account recover\npass show recovery-key | money-machine account recover")
    )]
    Recover {
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

impl Kind {
    /// The kind of what a platform takes.
    fn of(takes: Takes) -> Self {
        match takes {
            Takes::Basic(_) => Self::Basic,
            Takes::Bearer => Self::Bearer,
            Takes::Key(_) => Self::ApiKey,
        }
    }
}

/// What is known of a new account.
#[derive(Debug, Args)]
pub struct AddOptions {
    #[command(flatten)]
    which: Which,
    /// How it shows itself [default: what the platform takes, where the program knows]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The e-mail address that it belongs to [default: `email` of the section [user]]
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
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
        Verb::Add(options) => secrets::add(&asker, &options)?,
        Verb::List { json } => {
            let told = asker.read(&Question::of(&["accounts"]))?;
            if json.json { print::json(&told.body)? } else { print::out(&rows(&told.view::<Vec<_>>()?))? }
        }
        Verb::Show(which) => {
            let told = asker.read(&Question::of(&["accounts", &which.platform, &which.name]))?;
            if which.json.json { print::json(&told.body)? } else { print::out(&page(&told.view()?))? }
        }
        Verb::Rotate(options) => secrets::rotate(&asker, &options)?,
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
        Verb::Drill { json } => secrets::drill(&asker, json)?,
        Verb::Recover { json } => recover::recover(cx, &asker, json)?,
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
