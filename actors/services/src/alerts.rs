//! Alerts: what the owner should know, each once, in a durable table.
//!
//! Raising an alert never fails the one who raises it. If the store refuses, the sentence is in
//! the log; the store's own failure ends the process and needs no alert.

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, Key, NewEntry, Record};
use mm_supervision::{Component, Fault, Handle};
use serde_json::json;

use crate::records::AlertRow;
use crate::shared::Shared;

/// The way to the alerts service.
#[derive(Clone, Default)]
pub struct Alerts(Handle<Msg>);

/// What it is sent.
pub struct Msg {
    space: Space,
    about: String,
    /// `None` says that it is over.
    sentence: Option<String>,
}

impl mm_supervision::Inspect for Msg {
    fn kind(&self) -> &'static str {
        if self.sentence.is_some() { "raise" } else { "clear" }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("about", self.about.chars().take(120).collect())]
    }
}

impl Alerts {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Tells the owner. The same `about` raised again is counted, not repeated.
    pub fn raise(&self, space: &Space, about: impl Into<String>, sentence: impl Into<String>) {
        let (about, sentence) = (about.into(), sentence.into());
        tracing::warn!(about, sentence, "alert");
        self.cast(Msg { space: space.clone(), about, sentence: Some(sentence) });
    }

    /// Says that what `about` names is over.
    pub fn clear(&self, space: &Space, about: impl Into<String>) {
        self.cast(Msg { space: space.clone(), about: about.into(), sentence: None });
    }

    fn cast(&self, msg: Msg) {
        if let Err(undelivered) = self.0.cast(msg) {
            tracing::error!(error = %undelivered, "an alert was not recorded");
        }
    }
}

/// The service.
pub struct AlertsService(pub Shared);

impl Component for AlertsService {
    type Msg = Msg;
    type State = ();

    async fn init(&self, _me: Handle<Msg>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, _me: &Handle<Msg>, msg: Msg, _: &mut ()) -> Result<(), Fault> {
        let now = self.0.now();
        let found = self.0.store.get::<AlertRow>(&msg.space, &msg.about)?;
        let (earlier, version) = match found {
            Some(row) => (Some(row.value), Some(row.version)),
            None => (None, None),
        };
        let Some((row, kind)) = next(earlier, msg.sentence, now) else { return Ok(()) };
        let key = Key::new(&msg.space, AlertRow::KIND, &msg.about)?;
        let change = match version {
            Some(version) => Change::new().expect_version(key, version),
            None => Change::new().expect_absent(key),
        };
        let mut change = change.put(&msg.space, &msg.about, &row)?;
        if let Some(kind) = kind {
            let payload = json!({ "about": msg.about, "sentence": row.sentence });
            change = change.audit(NewEntry::new(now, &msg.space, kind, &payload)?);
        }
        self.0.store.commit(change).await?;
        Ok(())
    }
}

/// The row after an alert was raised (`Some` sentence) or cleared, and the audit kind if this is
/// news; `None` if nothing changes.
fn next(
    earlier: Option<AlertRow>,
    sentence: Option<String>,
    now: Moment,
) -> Option<(AlertRow, Option<&'static str>)> {
    match (earlier, sentence) {
        (None, None) => None,
        (Some(row), None) if row.cleared_at.is_some() => None,
        (Some(row), None) => Some((AlertRow { cleared_at: Some(now), ..row }, Some("alert.cleared"))),
        (Some(row), Some(sentence)) if row.cleared_at.is_none() => {
            Some((AlertRow { sentence, last_at: now, times: row.times + 1, ..row }, None))
        }
        (earlier, Some(sentence)) => {
            let times = earlier.map_or(0, |row| row.times) + 1;
            let row = AlertRow { sentence, raised_at: now, last_at: now, times, cleared_at: None };
            Some((row, Some("alert.raised")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_news_once_until_it_was_over() {
        let at = Moment::from_unix_ms;
        let (row, news) = next(None, Some("broken".into()), at(1)).unwrap();
        assert_eq!(news, Some("alert.raised"));
        let (row, news) = next(Some(row), Some("broken".into()), at(2)).unwrap();
        assert_eq!((news, row.times), (None, 2));
        let (row, news) = next(Some(row), None, at(3)).unwrap();
        assert_eq!(news, Some("alert.cleared"));
        assert!(next(Some(row.clone()), None, at(4)).is_none());
        let (row, news) = next(Some(row), Some("again".into()), at(5)).unwrap();
        assert_eq!((news, row.times, row.raised_at), (Some("alert.raised"), 3, at(5)));
    }
}
