//! The connector for HackerOne's Hacker API v1: programmes, their scopes, the own reports, and money. Pure: it
//! proposes nothing by itself.
//!
//! | room | what it is for |
//! |---|---|
//! | [`ask`] | the actions: every read, and the draft of a report |
//! | [`pages`] | following a list by `links.next` |
//! | [`shape`] | programmes and scopes, as HackerOne writes them |
//! | [`money`] | earnings, own reports' bounties, payouts, the balance |
//!
//! An account is asked with HTTP Basic (the token's identifier and the token), which the vault puts on. Answers are
//! JSON:API: `{"data":…,"links":{"next":…}}`; an error is `{"errors":[{"status","title","detail"}]}`.
//!
//! Sources: <https://api.hackerone.com/hacker-resources/>, the shapes of earnings, balance and structured scopes as
//! public clients recorded them. What stands in neither is listed as assumed in `docs/sandbox.md`.
//!
//! ## Design notes
//!
//! A next page is followed to the same host and path alone. Amounts are read as they are written, never through a
//! float. A report is built here and sent by nobody but its owner: the rules hand it to him.

pub mod ask;
pub mod money;
pub mod pages;
pub mod shape;

pub use ask::HackerOne;
pub use pages::{Page, Pages};
