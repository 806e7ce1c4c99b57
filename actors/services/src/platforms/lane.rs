//! Lanes: which acts a breaker of a platform is for.
//!
//! Names only; nothing here touches a store.

use mm_core::action::ActionKind;
use mm_core::id::{AccountId, PlatformId, Space};

/// In the place of an account or a kind: all of them. Neither can be called so.
const ALL: &str = "*";
/// Before a host in the place of an account. No account can be called so.
const AT_HOST: char = '@';

/// What a breaker of a platform is for: one kind of act with one account, or all kinds, or all accounts. What
/// needs no account has a lane for each host: a platform may be many sites (feeds, pages that others link to),
/// and one that refuses us says nothing of the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// Whose account; the machine's space where no account is needed, and for all accounts.
    pub space: Space,
    /// The account; `@HOST` without one, `*` for all and none.
    pub account: String,
    /// The kind of act; `*` for all.
    pub kind: String,
}

impl Lane {
    /// All acts on a platform, or those of one account of `space`, of one kind, or both.
    pub fn of(space: &Space, account: Option<&AccountId>, kind: Option<&ActionKind>) -> Self {
        Self {
            space: if account.is_some() { space.clone() } else { Space::machine() },
            account: account.map_or(ALL, AccountId::as_str).to_owned(),
            kind: kind.map_or(ALL, ActionKind::as_str).to_owned(),
        }
    }

    /// Acts of one kind without an account, at one host.
    pub fn of_host(host: &str, kind: &ActionKind) -> Self {
        let (space, account) = (Space::machine(), format!("{AT_HOST}{host}"));
        Self { space, account, kind: kind.to_string() }
    }

    /// The host, if it is for acts without an account at one alone.
    pub fn host(&self) -> Option<&str> {
        self.account.strip_prefix(AT_HOST)
    }

    /// The account it is for, `*` for all and none; `None` if it is for acts without one.
    pub fn account(&self) -> Option<&str> {
        (!self.account.is_empty() && self.host().is_none()).then_some(self.account.as_str())
    }

    /// The lane whose breaker is the row `id` of `space`, if it is one of `platform`.
    pub fn of_row(platform: &PlatformId, space: &Space, id: &str) -> Option<Self> {
        let (account, kind) = id.strip_prefix(platform.as_str())?.strip_prefix('/')?.split_once('/')?;
        Some(Self { space: space.clone(), account: account.to_owned(), kind: kind.to_owned() })
    }

    /// The row of its breaker: `PLATFORM/ACCOUNT/KIND`.
    pub fn row_id(&self, platform: &PlatformId) -> String {
        format!("{platform}/{}/{}", self.account, self.kind)
    }

    /// Whether it is for more than one kind or account.
    pub fn is_wide(&self) -> bool {
        self.all_accounts() || self.all_kinds()
    }

    /// Whether it is for all accounts.
    pub fn all_accounts(&self) -> bool {
        self.account == ALL
    }

    /// Whether it is for all kinds of acts.
    pub fn all_kinds(&self) -> bool {
        self.kind == ALL
    }

    /// Whether all that passes `other` also passes this one.
    pub fn covers(&self, other: &Lane) -> bool {
        let account = self.all_accounts() || (&self.space, &self.account) == (&other.space, &other.account);
        account && (self.all_kinds() || self.kind == other.kind)
    }

    /// Every lane that an act of this one passes: the widest first, this one last, each once.
    pub(super) fn passed(&self) -> Vec<Lane> {
        let machine = Space::machine();
        let lane = |space: &Space, account: &str, kind: &str| Lane {
            space: space.clone(),
            account: account.to_owned(),
            kind: kind.to_owned(),
        };
        let mut lanes = vec![lane(&machine, ALL, ALL), lane(&machine, ALL, &self.kind)];
        if self.account().is_some() {
            lanes.push(lane(&self.space, &self.account, ALL));
        }
        lanes.retain(|wider| wider != self);
        lanes.dedup();
        lanes.push(self.clone());
        lanes
    }

    /// How a person names it on the command line: `sim --account me --kind post`.
    pub fn spelt(&self, platform: &str) -> String {
        let mut words = platform.to_owned();
        if let Some(account) = self.account().filter(|_| !self.all_accounts()) {
            words.push_str(&format!(" --account {account}"));
        }
        if !self.all_kinds() {
            words.push_str(&format!(" --kind {}", self.kind));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "@a.example";
    const OTHER: &str = "@b.example";

    fn lane(account: &str, kind: &str) -> Lane {
        let space =
            if matches!(account, SITE | OTHER | ALL) { Space::machine() } else { Space::default_owner() };
        Lane { space, account: account.to_owned(), kind: kind.to_owned() }
    }

    /// What covers an act's own lane is what the act passes, and nothing else is.
    #[test]
    fn an_act_passes_exactly_the_lanes_that_cover_its_own() {
        let (accounts, kinds) = ([SITE, OTHER, "me", "you", ALL], ["read", "post", ALL]);
        let all: Vec<Lane> =
            accounts.iter().flat_map(|account| kinds.iter().map(|kind| lane(account, kind))).collect();
        for own in all.iter().filter(|own| !own.is_wide()) {
            let passed = own.passed();
            assert_eq!(passed.last(), Some(own));
            for other in &all {
                // No word names what is done without an account, apart from one kind of it.
                let named = other.host().is_none() || !other.all_kinds();
                assert_eq!(passed.contains(other), other.covers(own) && named, "{other:?} of {own:?}");
            }
        }
    }

    #[test]
    fn a_row_leads_back_to_its_lane() {
        let platform: PlatformId = "sim".parse().unwrap();
        for own in [lane(SITE, "read"), lane("me", "a/b"), lane(ALL, ALL), lane("me", ALL)] {
            let id = own.row_id(&platform);
            assert_eq!(Lane::of_row(&platform, &own.space, &id), Some(own));
        }
        assert_eq!(Lane::of_row(&platform, &Space::machine(), "simile/@a.example/read"), None);
    }
}
