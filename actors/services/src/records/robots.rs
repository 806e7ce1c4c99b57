//! What a site's robots.txt said when it was last asked for.

use mm_core::moment::Moment;
use mm_core::robots::{CACHE_MAX, Fetched, Standing};
use mm_store::{Kind, Record};
use serde::{Deserialize, Serialize};

/// How long a file that could not be had is not asked for again, in seconds. Till then the site is closed.
const CLOSED_S: u64 = 3600;

/// A robots.txt as it came. Row id: the host. Gone by for at most 24 hours (RFC 9309, 2.4),
/// and removed by the tidy service after that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotsRow {
    /// When it was asked for.
    pub at: Moment,
    /// With which status it came; `None` if there was no answer.
    pub status: Option<u16>,
    /// The file, where there was one.
    pub file: Vec<u8>,
}

impl Record for RobotsRow {
    const KIND: Kind = Kind::new("robots", 133, 1);
}

impl RobotsRow {
    /// What it means for its host, while it is fresh at `now`. A clock that went back keeps none.
    pub fn standing(&self, now: Moment) -> Option<Standing> {
        let standing = match self.status {
            Some(status) => Fetched::Answer(status, &self.file).standing(),
            None => Fetched::Unreachable.standing(),
        };
        let keeps = if standing == Standing::Closed { CLOSED_S } else { CACHE_MAX.as_secs() };
        (self.at <= now && now.since(self.at).as_secs() < keeps).then_some(standing)
    }
}
