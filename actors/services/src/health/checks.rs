//! What is asked to see whether an account is well: one read a platform, documented there, that costs
//! nothing and says whom the credential belongs to.

use mm_core::action::{Action, ActionKind, Request};
use mm_core::url::LogicalUrl;

use crate::records::{AccountKind, AccountRow};

/// The kind of act, as rule packs name it.
const ACCOUNT_CHECK: &str = "account-check";
/// Its answer is small.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// One platform.
struct Check {
    platform: &'static str,
    /// What is read with the account; `{user}` is the name that it shows itself with.
    url: &'static str,
    /// Where anybody sees whether an account of this name is there, and with which kind of act; `{name}` is
    /// the public name. The last is what is said where there is none.
    public: Option<(&'static str, &'static str, &'static [u16])>,
}

/// The table. A platform that is not in it is not looked at by itself.
const CHECKS: &[Check] = &[
    Check {
        platform: "github",
        // https://docs.github.com/en/rest/users/users#get-the-authenticated-user
        url: "https://api.github.com/user",
        // Searching for a name that nobody has is answered with 422
        // (https://docs.github.com/en/rest/search/search); a profile itself is nobody's business here.
        public: Some(("search", "https://api.github.com/search/issues?q=author:{name}&per_page=1", &[422])),
    },
    Check {
        platform: "hackerone",
        // https://api.hackerone.com/hacker-resources/#payments-get-balance
        url: "https://api.hackerone.com/v1/hackers/payments/balance",
        public: None,
    },
    // https://help.awin.com/apidocs/returnaccounts
    Check { platform: "awin", url: "https://api.awin.com/accounts", public: None },
    // https://developers.freelancer.com/docs/users/users#self
    Check { platform: "freelancer", url: "https://www.freelancer.com/api/users/0.1/self", public: None },
    // https://api.intigriti.com/external/researcher/swagger
    Check {
        platform: "intigriti",
        url: "https://api.intigriti.com/external/researcher/v1/programs?limit=1",
        public: None,
    },
    // https://integrations.impact.com/impact-publisher/reference/list-campaigns
    Check {
        platform: "impact",
        url: "https://api.impact.com/Mediapartners/{user}/Campaigns?PageSize=1",
        public: None,
    },
];

fn check(row: &AccountRow) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.platform == row.platform.as_str())
}

fn read(row: &AccountRow, kind: &str, url: &str, purpose: String) -> Option<Action> {
    let request = Request::get(LogicalUrl::parse(url).ok()?).header("accept", "application/json").ok()?;
    let action = Action::of(row.platform.clone(), ActionKind::new(kind), request, purpose);
    Some(Action { answer_bytes_max: ANSWER_BYTES_MAX, ..action })
}

/// A name that can stand in a URL as it is.
fn plain(name: &str) -> Option<&str> {
    let sound = name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c));
    (sound && !name.is_empty() && name.len() <= 100).then_some(name)
}

/// The read that shows whether the platform takes an account's credential.
pub(super) fn own(row: &AccountRow) -> Option<Action> {
    let url = check(row)?.url;
    let url = match &row.kind {
        AccountKind::Basic { user } if url.contains("{user}") => url.replace("{user}", plain(user)?),
        _ if url.contains("{user}") => return None,
        _ => url.to_owned(),
    };
    let purpose = format!("see whether the account {}/{} is well", row.platform, row.account);
    Some(read(row, ACCOUNT_CHECK, &url, purpose)?.with_account(row.account.clone()))
}

/// The read that shows anybody whether the account is there, and the answers that say it is not.
pub(super) fn public(row: &AccountRow) -> Option<(Action, &'static [u16])> {
    let (kind, url, gone) = check(row)?.public?;
    let url = url.replace("{name}", plain(row.handle.as_deref()?)?);
    let purpose = format!("see whether the account {}/{} is still there", row.platform, row.account);
    Some((read(row, kind, &url, purpose)?, gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_can_be_asked_and_a_name_cannot_change_where() {
        let account = |platform: &str, user: &str, handle: &str| AccountRow {
            platform: platform.parse().unwrap(),
            account: "main".parse().unwrap(),
            email: "me@example.org".into(),
            kind: AccountKind::Basic { user: user.into() },
            handle: Some(handle.into()),
            fields: Vec::new(),
            added_at: Default::default(),
            updated_at: Default::default(),
        };
        for check in CHECKS {
            let row = account(check.platform, "IR123", "octocat");
            assert!(own(&row).is_some(), "{}", check.platform);
            assert_eq!(public(&row).is_some(), check.public.is_some(), "{}", check.platform);
        }
        assert!(own(&account("impact", "../x", "a")).is_none());
        assert!(public(&account("github", "x", "a&q=b")).is_none());
        assert!(own(&account("elsewhere", "x", "a")).is_none());
    }
}
