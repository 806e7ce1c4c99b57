//! The connector for GitHub's REST API: requests built, answers read. Pure: it proposes nothing by itself.
//!
//! | room | what it is for |
//! |---|---|
//! | [`place`] | names of repositories and issues, checked before they become a path |
//! | [`ask`] | the actions: search, read, comment, and a read of the next page |
//! | [`answer`] | what came back: new, as before, not there, not readable |
//! | [`shape`] | issues, comments, repositories, files as GitHub writes them |
//! | [`reconcile`] | whether a comment whose answer was lost is there |
//!
//! What the road does is not repeated here: it waits out GitHub's limits, puts the credential in, follows
//! the redirects of reads and takes none for a change.
//!
//! Source of every shape: GitHub's own REST description (`@octokit/openapi`), of every habit: the guides
//! `rest/using-the-rest-api` in github/docs.
//!
//! ## Design notes
//!
//! A field that is not known is ignored and a list's bad element costs that element alone, but a field
//! that decides (an issue's state, a comment's author) has no default: without it nothing is believed.

pub mod answer;
pub mod ask;
mod base64;
pub mod place;
pub mod reconcile;
pub mod shape;

pub use answer::{Missing, Seen};
pub use ask::GitHub;
pub use place::{IssuePlace, RepositoryName};
