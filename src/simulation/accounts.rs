//! The accounts of a rehearsed machine: where a strategy's settings name one, a made one stands in.
//!
//! The owner's own credentials are not read. What is made is asked of the machine's admin, as its owner would ask.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::Config;
use crate::platforms::{Takes, takes};
use crate::sandbox::hunting::unbase64;

/// How every played token begins. The sandbox's platforms take what begins with `sandbox-`, and the login is what
/// stands before the dot; behind it stands whose token it is.
const PLAYED_TOKEN: &str = "sandbox-octo.";
/// Stands in a token between the platform and the name of the account.
const BETWEEN: char = '_';
/// The user that they take, where the settings name none.
const PLAYED_USER: &str = "me";
/// The same as RFC 7617 sends a password, in base64: wherever it begins in a group of three bytes, less what is
/// shared with its neighbours.
const IN_BASE64: [&str; 3] = ["c2FuZGJveC1vY3RvL", "NhbmRib3gtb2N0by", "zYW5kYm94LW9jdG8u"];

/// Whether a token is to be read in a text, plainly or as a password is sent.
pub(super) fn shows_token(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.contains(PLAYED_TOKEN) || IN_BASE64.iter().any(|coded| text.contains(coded))
}

/// The same of any text in a document.
pub(super) fn is_shown_in(document: &Value) -> bool {
    match document {
        Value::String(text) => shows_token(text.as_bytes()),
        Value::Array(all) => all.iter().any(is_shown_in),
        Value::Object(all) => all.iter().any(|(name, one)| shows_token(name.as_bytes()) || is_shown_in(one)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The token of an account at a platform.
fn token_of(platform: &str, account: &str) -> String {
    format!("{PLAYED_TOKEN}{platform}{BETWEEN}{account}")
}

/// The platforms whose tokens are to be read in a text, plainly or as a password is sent.
pub(super) fn tokens_in(text: &str) -> Vec<String> {
    let decoded = text.strip_prefix("Basic ").and_then(unbase64);
    let text = decoded.as_deref().unwrap_or(text);
    let tails = text.split(PLAYED_TOKEN).skip(1);
    tails.filter_map(|tail| Some(tail.split_once(BETWEEN)?.0.to_owned())).collect()
}

/// What the settings say of one account.
struct Named<'a> {
    platform: &'a str,
    name: &'a Value,
    /// As whom, where the platform asks for a user.
    user: &'a str,
}

impl Named<'_> {
    /// Its kind and the name of its secret, as the vault calls them.
    fn kind(&self) -> (Value, &'static str) {
        match takes(self.platform) {
            Some(Takes::Basic(_)) => (json!({ "Basic": { "user": self.user } }), "password"),
            Some(Takes::Key(header)) => (json!({ "ApiKey": { "header": header, "scheme": null } }), "key"),
            Some(Takes::Bearer) | None => (json!("Bearer"), "token"),
        }
    }
}

/// Every account that a strategy which is switched on names: its target, and what adds it there.
pub(super) fn of(config: &Config) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (strategy, own) in config.active() {
        for (setting, value) in &own.config.table {
            let Some(named) = named(strategy, setting, value) else { continue };
            // A name that cannot be is the configuration's mistake: its strategy will say so.
            let Some(name) = named.name.as_str().filter(|name| !name.is_empty()) else { continue };
            let (kind, secret) = named.kind();
            let account = json!({ "kind": kind, "email": "me@example.org", "secrets": { secret: token_of(named.platform, name) } });
            all.insert(format!("/accounts/{}/{name}", named.platform), account);
        }
    }
    all
}

/// What a setting of a strategy says of an account. A strategy of the owner's own that names an `account` means
/// one at GitHub.
fn named<'a>(strategy: &str, setting: &'a str, value: &'a Value) -> Option<Named<'a>> {
    let (platform, name, user) = match (strategy, setting) {
        ("github-sponsors", "account") => ("github-sponsors", value, PLAYED_USER),
        (_, "account") => ("github", value, PLAYED_USER),
        ("bug-bounty", "hackerone_account") => ("hackerone", value, PLAYED_USER),
        ("bug-bounty", "intigriti_account") => ("intigriti", value, PLAYED_USER),
        ("bug-bounty", "yeswehack_account") => ("yeswehack", value, PLAYED_USER),
        ("freelance-leads", "freelancer_account") => ("freelancer", value, PLAYED_USER),
        ("affiliate", "impact") => (setting, &value["account"], value["sid"].as_str()?),
        ("affiliate", "awin" | "cj") => (setting, &value["account"], PLAYED_USER),
        _ => return None,
    };
    Some(Named { platform, name, user })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_platform_as_it_is_and_as_a_password() {
        let token = token_of("github-sponsors", "main");
        assert_eq!(tokens_in(&format!("Bearer {token}")), ["github-sponsors"]);
        let impact = "Basic SVIxOnNhbmRib3gtb2N0by5pbXBhY3RfbWFpbg==";
        assert_eq!(tokens_in(impact), ["impact"]);
        assert!(shows_token(impact.as_bytes()) && tokens_in("Basic c2FuZGJveA==").is_empty());
        assert!(is_shown_in(&json!({ "a": [1, { "b": token }] })) && !is_shown_in(&json!(["sandbox"])));
    }

    #[test]
    fn the_token_is_found_as_it_is_and_as_a_password() {
        for text in [
            "Bearer sandbox-octo.1",
            "Basic bWU6c2FuZGJveC1vY3RvLjE=",
            "Basic SVJzaWQxOnNhbmRib3gtb2N0by4x",
            "Basic SVJzaWQxMjpzYW5kYm94LW9jdG8uMQ==",
        ] {
            assert!(shows_token(text.as_bytes()), "{text}");
        }
        assert!(!shows_token(b"sandbox-octo"));
    }
}
