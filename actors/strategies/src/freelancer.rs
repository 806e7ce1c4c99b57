//! The connector for Freelancer.com: active projects read, bids built. Pure: it proposes nothing by itself.
//!
//! | room | what it is for |
//! |---|---|
//! | [`ask`] | the actions: own user record, projects, currencies, a bid |
//! | [`shape`] | what came back, as Freelancer writes it |
//! | [`reconcile`] | whether a bid whose answer was lost is there |
//!
//! Every answer is an envelope: `{"status":"success","result":…}` or `{"status":"error","message":…}`, the
//! latter with any status, 200 too. A token goes into the header `freelancer-oauth-v1`; the vault puts it there.
//!
//! Sources: the shapes of projects and errors as public clients recorded them; the fields of a bid's request and the
//! filter `projects[]` as Freelancer's own Python SDK sends them (github.com/freelancer/freelancer-sdk-python). The
//! rest is listed as assumed in `docs/sandbox.md`.
//!
//! ## Design notes
//!
//! The currency stands beside the budget, and any of both may be missing: what is missing is not known, and no
//! sum is made up for it. Numbers are read as they are written, never through a float.

pub mod ask;
pub mod reconcile;
pub mod shape;

pub use ask::Freelancer;
