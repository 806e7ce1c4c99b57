//! The connector for Intigriti's researcher API v1 (beta): programmes, their scopes and what they demand of tests.
//! Pure: it proposes nothing by itself.
//!
//! | room | what it is for |
//! |---|---|
//! | [`ask`] | the actions: the reads, and the draft of a report |
//! | [`shape`] | what came back, as Intigriti writes it |
//!
//! A personal access token goes into `Authorization: Bearer`; the vault puts it there. A list is
//! `{"maxCount":N,"records":[…]}` and is read by `limit` and `offset`. Enumerations come as
//! `{"id":3,"value":"Open"}`, and scope is told by the tier.
//!
//! Sources: <https://kb.intigriti.com/en/articles/8529303>, and records of the list of programmes as they were
//! served. The detail of a programme is known from public clients alone: see `docs/sandbox.md`. No interface is
//! documented that shows what a researcher earned, so none is asked for it.

pub mod ask;
pub mod shape;

pub use ask::Intigriti;
