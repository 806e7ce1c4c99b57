//! The connector for GitHub's GraphQL API, as far as GitHub Sponsors go: queries built, answers read. Pure: it
//! proposes nothing by itself.
//!
//! | room | what it is for |
//! |---|---|
//! | [`ask`] | the queries, and the thank-you note that a person sends |
//! | [`answer`] | what came back: data, or `errors` with status 200, and in which class |
//! | [`pages`] | following cursors from page to page, never in a circle |
//! | [`shape`] | sponsors, activities, tiers, sums as GitHub writes them |
//! | [`queries`] | what tells the machine that such a POST changes nothing |
//!
//! A query leaves as a POST, and a POST might change something. So its text is one of the constants in [`ask`]:
//! nothing that was read ever becomes a part of it, only a variable beside it. None of them is a mutation, and the
//! rule pack refuses a text that holds one.
//!
//! Source of every shape: GitHub's public schema (`@octokit/graphql-schema`, MIT); of the errors: the guides
//! `graphql/overview` in github/docs.
//!
//! ## Design notes
//!
//! An answer that has `errors` is not believed, not even the data beside them: half a list of sponsors looks
//! like sponsors who left. An enum's value that is not known is kept as it is and told.

pub mod answer;
pub mod ask;
pub mod pages;
pub mod queries;
pub mod shape;

pub use ask::Sponsors;
pub use pages::{Page, Pages};
