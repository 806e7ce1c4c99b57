//! The rows of the alerts: what the owner should know, what of it was told, and what is not to be.

use mm_core::moment::Moment;
use mm_store::{Kind, Record, Unreadable, codec};
use serde::{Deserialize, Serialize};

/// What sort of thing an alert is: the more severe, the later. Stored by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// Worth a look, some day.
    Note,
    /// It waits for a person.
    Person,
    /// Something tripped or stopped.
    Trips,
    /// It stops the daemon or its kernel.
    Stops,
}

impl Sort {
    /// All of them, the mildest first.
    pub const ALL: [Sort; 4] = [Sort::Note, Sort::Person, Sort::Trips, Sort::Stops];

    /// Its word, as in a configuration and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Note => "note",
            Sort::Person => "person",
            Sort::Trips => "trips",
            Sort::Stops => "stops",
        }
    }
}

/// What was done to tell the owner of an alert, since it was last raised as news.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Telling {
    /// When the channel was last begun for it. Durable before the channel is.
    pub sent_at: Option<Moment>,
    /// How often the channel was begun for it.
    pub attempts: u32,
    /// Not before then again; `None` after the last attempt.
    pub next_try: Option<Moment>,
    /// When the channel said that it had told.
    pub delivered_at: Option<Moment>,
    /// What the channel last said when it failed.
    pub error: Option<String>,
}

/// Something the owner should know. Row id: what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRow {
    /// One sentence.
    pub sentence: String,
    /// When it was first raised.
    pub raised_at: Moment,
    /// When it was last raised.
    pub last_at: Moment,
    /// How often.
    pub times: u64,
    /// When it was told to be over, if it was.
    pub cleared_at: Option<Moment>,
    /// Its sort, if whoever raised it said one; else what it is about decides
    /// ([`crate::alerts::sort`]).
    pub sort: Option<Sort>,
    /// What was done to tell of it.
    pub telling: Telling,
    /// When the owner said that he has seen it.
    pub seen_at: Option<Moment>,
}

impl AlertRow {
    /// News: raised for the first time, or again after it was over. `times` it was raised before.
    pub fn news(sentence: impl Into<String>, now: Moment, times: u64) -> Self {
        Self {
            sentence: sentence.into(),
            raised_at: now,
            last_at: now,
            times: times.saturating_add(1),
            cleared_at: None,
            sort: None,
            telling: Telling::default(),
            seen_at: None,
        }
    }
}

/// As version 1 wrote it.
#[derive(Deserialize)]
struct AlertV1 {
    sentence: String,
    raised_at: Moment,
    last_at: Moment,
    times: u64,
    cleared_at: Option<Moment>,
}

impl Record for AlertRow {
    const KIND: Kind = Kind::new("alert", 110, 2);

    fn upgrade(version: u16, bytes: &[u8]) -> Result<Self, Unreadable> {
        if version != 1 {
            return Err(Unreadable::Old { version });
        }
        let AlertV1 { sentence, raised_at, last_at, times, cleared_at } =
            codec::decode(bytes).map_err(Unreadable::Codec)?;
        Ok(Self { last_at, times, cleared_at, ..Self::news(sentence, raised_at, 0) })
    }
}

/// Alerts that are raised and shown, and not told through the channel. Row id, in the machine's own
/// space: what they are about, or how that begins with a `*` behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceRow {
    /// Why.
    pub reason: String,
    /// Who said it.
    pub by: String,
    /// Since when.
    pub since: Moment,
    /// Until when; `None`: until it is taken back.
    pub until: Option<Moment>,
}

impl Record for SilenceRow {
    const KIND: Kind = Kind::new("silence", 115, 1);
}

/// When the channel was begun lately, so that no restart makes a flood. One row, in the machine's own
/// space: [`DeliveryRow::ID`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// Within the last hour, the oldest first.
    pub started: Vec<Moment>,
}

impl DeliveryRow {
    /// The row's id.
    pub const ID: &'static str = "channel";
}

impl Record for DeliveryRow {
    const KIND: Kind = Kind::new("delivery", 116, 1);
}
