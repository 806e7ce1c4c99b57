//! The connector for YesWeHack's interface of programmes and their scopes. Pure: it proposes nothing by itself.
//!
//! | room | what it is for |
//! |---|---|
//! | [`ask`] | the actions: the reads, and the draft of a report |
//! | [`shape`] | what came back, as YesWeHack writes it |
//!
//! Public programmes are shown to anybody, private ones to a token in `Authorization: Bearer`, which the vault puts
//! there. A list is `{"items":[…],"pagination":{…}}` and is read by `page`.
//!
//! Sources: the interface as public clients use it, and records of the list as they were served; YesWeHack does not
//! document it. So it is asked seldom. The detail of a programme, its rules and the fields of `pagination` are known
//! from clients alone: see `docs/sandbox.md`. Nothing is known that shows what a researcher earned.

pub mod ask;
pub mod shape;

pub use ask::YesWeHack;
