//! Silences: alerts that are raised and shown, and not told until a time or until it is taken back.

use std::collections::BTreeMap;

use mm_core::moment::Moment;
use mm_store::{Change, Key, NewEntry, Span};
use mm_supervision::Fault;
use serde_json::json;

use super::{AlertsService, PAGE};
use crate::records::SilenceRow;

/// The most silences at one time.
const SILENCES_MAX: usize = 1000;
/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 200;

/// Silences by their patterns.
pub type Silences = BTreeMap<String, SilenceRow>;

/// Why a silence was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsilenced {
    /// No such pattern.
    #[error(
        "`{0}` is no pattern: write what an alert is about, as in `alerts list`, or how that begins with one `*` \
         behind it, like `source/*`"
    )]
    Pattern(String),
    /// All of them, for ever.
    #[error(
        "`*` silences every alert, so say for how long with --for; to tell nothing at all, take `command` out of \
         [alerts] in the configuration"
    )]
    Everything,
    /// Too many.
    #[error("there are {SILENCES_MAX} silences already; take one back with `alerts unsilence PATTERN`")]
    TooMany,
    /// There is none to take back.
    #[error("nothing is silenced by `{0}`; `alerts list --silences` shows what is")]
    Unknown(String),
}

/// Whether `pattern` speaks of `about`.
pub fn speaks_of(pattern: &str, about: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => about.starts_with(beginning),
        None => about == pattern,
    }
}

/// The silence that holds for `about` now, if one does: the one that lasts longest.
pub fn of<'a>(silences: &'a Silences, about: &str, now: Moment) -> Option<(&'a str, &'a SilenceRow)> {
    silences
        .iter()
        .filter(|(pattern, row)| holds(row, now) && speaks_of(pattern, about))
        .map(|(pattern, row)| (pattern.as_str(), row))
        .max_by_key(|(_, row)| row.until.unwrap_or(Moment::from_unix_ms(i64::MAX)))
}

/// Whether it has not ended.
pub fn holds(row: &SilenceRow, now: Moment) -> bool {
    row.until.is_none_or(|until| until > now)
}

fn check(pattern: &str, row: &SilenceRow, known: &Silences) -> Result<(), Unsilenced> {
    let body = pattern.strip_suffix('*').unwrap_or(pattern);
    let odd = body.contains(|c: char| c == '*' || c.is_control());
    if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX || odd {
        return Err(Unsilenced::Pattern(mm_core::untrusted::Untrusted::new(pattern).line(80)));
    }
    if body.is_empty() && row.until.is_none() {
        return Err(Unsilenced::Everything);
    }
    if known.len() >= SILENCES_MAX && !known.contains_key(pattern) {
        return Err(Unsilenced::TooMany);
    }
    Ok(())
}

impl AlertsService {
    /// The silences that are stored; what does not open silences nothing.
    pub(super) fn read_silences(&self) -> Result<Silences, Fault> {
        let found = self.0.store.scan::<SilenceRow>(&self.0.machine(), Span::all(), SILENCES_MAX)?;
        for damaged in &found.damaged {
            tracing::error!(pattern = damaged.id, "a silence does not open, so it silences nothing");
        }
        Ok(found.rows.into_iter().map(|(pattern, row)| (pattern, row.value)).collect())
    }

    pub(super) async fn silence(
        &self,
        known: &mut Silences,
        pattern: String,
        row: SilenceRow,
    ) -> Result<Result<(), Unsilenced>, Fault> {
        if let Err(refused) = check(&pattern, &row, known) {
            return Ok(Err(refused));
        }
        let space = self.0.machine();
        let payload = json!({
            "pattern": pattern, "reason": row.reason, "by": row.by, "until": row.until.map(|at| at.to_string()),
        });
        let entry = NewEntry::new(self.0.now(), &space, "alert.silenced", &payload)?;
        self.0.store.commit(Change::new().put(&space, &pattern, &row)?.audit(entry)).await?;
        known.insert(pattern, row);
        Ok(Ok(()))
    }

    pub(super) async fn unsilence(
        &self,
        known: &mut Silences,
        pattern: String,
        by: &str,
    ) -> Result<Result<(), Unsilenced>, Fault> {
        if !known.contains_key(&pattern) {
            return Ok(Err(Unsilenced::Unknown(mm_core::untrusted::Untrusted::new(&pattern).line(80))));
        }
        let space = self.0.machine();
        let payload = json!({ "pattern": pattern, "by": by });
        let entry = NewEntry::new(self.0.now(), &space, "alert.unsilenced", &payload)?;
        let key = Key::of::<SilenceRow>(&space, &pattern)?;
        self.0.store.commit(Change::new().delete(key).audit(entry)).await?;
        known.remove(&pattern);
        Ok(Ok(()))
    }

    /// Forgets silences that have ended; the audit chain says when they were to.
    pub(super) async fn tidy_silences(&self, known: &mut Silences) -> Result<(), Fault> {
        let (space, now) = (self.0.machine(), self.0.now());
        let ended: Vec<String> =
            known.iter().filter(|(_, row)| !holds(row, now)).map(|(pattern, _)| pattern.clone()).collect();
        for part in ended.chunks(PAGE) {
            let mut change = Change::new();
            for pattern in part {
                change = change.delete(Key::of::<SilenceRow>(&space, pattern)?);
            }
            self.0.store.commit(change).await?;
            part.iter().for_each(|pattern| drop(known.remove(pattern)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(until: Option<i64>) -> SilenceRow {
        let at = Moment::from_unix_ms;
        SilenceRow { reason: "r".into(), by: "operator".into(), since: at(0), until: until.map(at) }
    }

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        assert!(speaks_of("disk", "disk") && !speaks_of("disk", "disks"));
        assert!(speaks_of("source/*", "source/a/b") && !speaks_of("source/*", "source"));
        let silences: Silences =
            [("a/*".to_owned(), row(Some(5))), ("a/b".to_owned(), row(Some(9)))].into_iter().collect();
        let until = |about, now| {
            of(&silences, about, Moment::from_unix_ms(now))
                .and_then(|(_, row)| row.until)
                .map(|at| at.unix_ms())
        };
        assert_eq!([until("a/b", 1), until("a/b", 6), until("a/b", 9)], [Some(9), Some(9), None]);
        assert_eq!([until("a/c", 1), until("a/c", 5), until("b", 1)], [Some(5), None, None]);
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_what_would_be() {
        let refused = |pattern: &str, until| check(pattern, &row(until), &Silences::new()).err();
        for pattern in ["", "a*b", "**", "a\nb"] {
            assert!(matches!(refused(pattern, None), Some(Unsilenced::Pattern(_))), "{pattern:?}");
        }
        assert_eq!(refused("*", None), Some(Unsilenced::Everything));
        assert_eq!(refused("*", Some(1)), None);
        let full: Silences = (0..SILENCES_MAX).map(|n| (n.to_string(), row(None))).collect();
        assert_eq!(check("more", &row(None), &full), Err(Unsilenced::TooMany));
        assert_eq!(check("7", &row(None), &full), Ok(()));
    }
}
