//! What the owner says he has seen: it stays open until it is over, and is not told any more.

use mm_core::id::Space;
use mm_core::untrusted::Untrusted;
use mm_store::{Change, Key, NewEntry, Row, Span};
use mm_supervision::Fault;
use serde_json::json;

use super::telling::Desk;
use super::{AlertsService, PAGE};
use crate::records::AlertRow;

/// Why nothing was marked as seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// No such alert.
    #[error("there is no alert about `{0}`; `alerts list --all` shows them")]
    Unknown(String),
}

impl AlertsService {
    /// Marks one alert, or all that are open, as seen; how many that were.
    pub(super) async fn seen(
        &self,
        desk: &mut Desk,
        about: Option<String>,
    ) -> Result<Result<u64, Unseen>, Fault> {
        let (mut known, mut marked) = (false, 0);
        for space in self.0.store.spaces()? {
            let rows = match &about {
                Some(about) => {
                    let found = self.0.store.get::<AlertRow>(&space, about)?;
                    found.map(|row| (about.clone(), row)).into_iter().collect()
                }
                None => self.0.store.scan::<AlertRow>(&space, Span::all(), usize::MAX)?.rows,
            };
            known |= !rows.is_empty();
            let unseen: Vec<(String, Row<AlertRow>)> = rows
                .into_iter()
                .filter(|(_, row)| row.value.seen_at.is_none())
                .filter(|(_, row)| about.is_some() || row.value.cleared_at.is_none())
                .collect();
            for part in unseen.chunks(PAGE) {
                self.mark(desk, &space, part).await?;
                marked += part.len() as u64;
            }
        }
        match about {
            Some(about) if !known => Ok(Err(Unseen::Unknown(Untrusted::new(&about).line(80)))),
            _ => Ok(Ok(marked)),
        }
    }

    async fn mark(
        &self,
        desk: &mut Desk,
        space: &Space,
        rows: &[(String, Row<AlertRow>)],
    ) -> Result<(), Fault> {
        let (mut change, now, mut marked) = (Change::new(), self.0.now(), Vec::new());
        for (about, row) in rows {
            let seen = AlertRow { seen_at: Some(now), ..row.value.clone() };
            let key = Key::of::<AlertRow>(space, about)?;
            change = change.expect_version(key, row.version).put(space, about, &seen)?;
            let payload = json!({ "about": about });
            change = change.audit(NewEntry::new(now, space, "alert.seen", &payload)?);
            marked.push((about, seen));
        }
        self.0.store.commit(change).await?;
        marked.iter().for_each(|(about, row)| desk.note(space, about, row));
        Ok(())
    }
}
