//! Accounts, and the sealed values that they hold.

use mm_core::id::{AccountId, PlatformId};
use mm_core::moment::Moment;
use mm_core::vault::KeyId;
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// How an account shows itself to its platform. Nothing in here is secret. Stored by its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountKind {
    /// `Authorization: Basic` (RFC 7617).
    Basic {
        /// The user's name, or the id that the platform gave the key.
        user: String,
    },
    /// `Authorization: Bearer` with a token of its owner's (RFC 6750).
    Bearer,
    /// A key in a header of the platform's own.
    ApiKey {
        /// The header, in lower case.
        header: String,
        /// A word before the key, if the platform wants one.
        scheme: Option<String>,
    },
    /// OAuth 2, client credentials (RFC 6749, 4.4).
    OauthClient {
        /// Where tokens are made.
        token_url: String,
        /// The client's id.
        client_id: String,
        /// What is asked for; empty: what the platform gives.
        scope: String,
    },
    /// OAuth 2 with a refresh token (RFC 6749, 6).
    OauthRefresh {
        /// Where tokens are made.
        token_url: String,
        /// The client's id.
        client_id: String,
        /// Whether the client has a secret too.
        confidential: bool,
    },
}

/// One value of an account: which version counts. The value itself is a [`CredentialRow`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldRow {
    /// Its name: `token`, `password`.
    pub name: String,
    /// The version in use.
    pub version: u64,
    /// Since when.
    pub since: Moment,
    /// When it ends by itself, if that is known.
    pub expires_at: Option<Moment>,
}

/// One account on a platform. Row id: `PLATFORM/ACCOUNT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// The platform.
    pub platform: PlatformId,
    /// Its owner's name for it.
    pub account: AccountId,
    /// The e-mail address that it belongs to.
    pub email: String,
    /// How it shows itself.
    pub kind: AccountKind,
    /// Its public name at the platform, if that is known: where a second look goes.
    pub handle: Option<String>,
    /// Its values.
    pub fields: Vec<FieldRow>,
    /// When it was added.
    pub added_at: Moment,
    /// When anything of it was last changed.
    pub updated_at: Moment,
}

impl Record for AccountRow {
    const KIND: Kind = Kind::new("account", 125, 1);
}

impl AccountRow {
    /// The row of an account.
    pub fn row_id(platform: &PlatformId, account: &AccountId) -> String {
        format!("{platform}/{account}")
    }

    /// One of its values.
    pub fn field(&self, name: &str) -> Option<&FieldRow> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A sealed value. Row id: `PLATFORM/ACCOUNT/FIELD@VERSION`; `NAME@VERSION` in the machine's own space for
/// what no account holds. Which version counts is in the [`AccountRow`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRow {
    /// The data key that it is sealed under.
    pub key: KeyId,
    /// `mm_core::vault::seal` of it.
    pub sealed: Vec<u8>,
    /// When.
    pub at: Moment,
}

impl Record for CredentialRow {
    const KIND: Kind = Kind::new("credential", 126, 1);
}
