//! The table of alerts has an end: what has been over for long is forgotten, and so is what is too much.

use std::time::Duration;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, Key, NewEntry, Record, Scanned, Span};
use mm_supervision::Fault;
use serde_json::json;

use super::telling::Desk;
use super::{AlertsService, PAGE, State};
use crate::records::AlertRow;

/// The most alerts that are kept; of more, what is over goes first, and then what was
/// raised longest ago.
pub(super) const ROWS_MAX: usize = 10_000;
/// The most rows that are looked at in one tidying; the next goes on with what is left.
const LOOKED_AT_MAX: usize = 100_000;
/// How long what is over is kept.
const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// A row, as far as it matters whether it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    space: Space,
    about: String,
    cleared_at: Option<Moment>,
    last_at: Moment,
}

impl AlertsService {
    /// Forgets what is to be forgotten, and knows then about how many rows are left. Its trouble is in
    /// the log.
    pub(super) async fn tidy(&self, state: &mut State) {
        state.rows = match self.try_tidy(&mut state.desk).await {
            Ok(left) => left,
            Err(fault) => {
                tracing::error!(error = %fault, "the alerts were not tidied");
                0
            }
        };
    }

    async fn try_tidy(&self, desk: &mut Desk) -> Result<usize, Fault> {
        self.tidy_silences(&mut desk.silences).await?;
        let mut seen = Vec::new();
        for space in self.0.store.spaces()? {
            self.look(&space, &mut seen)?;
        }
        let (all, now) = (seen.len(), self.0.now());
        let gone = to_forget(seen, now);
        let open = gone.iter().filter(|row| row.cleared_at.is_none()).count();
        for part in gone.chunks(PAGE) {
            let mut change = Change::new();
            for row in part {
                change = change.delete(Key::of::<AlertRow>(&row.space, &row.about)?);
            }
            let payload = json!({ "forgotten": part.len() });
            change = change.audit(NewEntry::new(now, &Space::machine(), "alert.forgotten", &payload)?);
            self.0.store.commit(change).await?;
        }
        if open > 0 {
            let sentence = format!(
                "there were more than {ROWS_MAX} alerts, so the {open} that were raised longest ago are gone \
                 from the table; each stands in the audit chain"
            );
            tracing::error!(sentence, "alert");
            self.take(desk, &Space::machine(), "alerts/too-many", Some((sentence, None))).await?;
        }
        Ok(all - gone.len())
    }

    fn look(&self, space: &Space, seen: &mut Vec<Seen>) -> Result<(), Fault> {
        let mut after = String::new();
        while seen.len() < LOOKED_AT_MAX {
            let page = self.0.store.scan::<AlertRow>(space, span("", &after), PAGE)?;
            let Some(last) = last(&page) else { break };
            after = last;
            seen.extend(page.rows.into_iter().map(|(about, row)| Seen {
                space: space.clone(),
                about,
                cleared_at: row.value.cleared_at,
                last_at: row.value.last_at,
            }));
            if !page.more {
                break;
            }
        }
        Ok(())
    }
}

/// What follows `after` of all that begins with `prefix`.
pub(super) fn span<'a>(prefix: &'a str, after: &'a str) -> Span<'a> {
    let span = Span::prefix(prefix);
    if after.is_empty() { span } else { span.after(after) }
}

/// The id of the last row of a page, damaged ones among them.
pub(super) fn last<R: Record>(page: &Scanned<R>) -> Option<String> {
    let whole = page.rows.last().map(|(id, _)| id);
    whole.max(page.damaged.last().map(|damaged| &damaged.id)).cloned()
}

/// Which rows go: what has been over for so long; and of what is too much, first what is over, the
/// longest first, and then what was raised longest ago.
fn to_forget(mut seen: Vec<Seen>, now: Moment) -> Vec<Seen> {
    let old = |row: &Seen| row.cleared_at.is_some_and(|at| now.since(at) > KEPT);
    seen.sort_by_key(|row| (!old(row), row.cleared_at.is_none(), row.cleared_at, row.last_at));
    let old = seen.iter().take_while(|row| old(row)).count();
    seen.truncate(old.max(seen.len().saturating_sub(ROWS_MAX)));
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(about: String, cleared_days_ago: Option<i64>, raised_days_ago: i64) -> Seen {
        let ago = |days: i64| Moment::from_unix_ms(-days * 86_400_000);
        Seen {
            space: Space::machine(),
            about,
            cleared_at: cleared_days_ago.map(ago),
            last_at: ago(raised_days_ago),
        }
    }

    fn forgotten(seen: Vec<Seen>) -> Vec<String> {
        to_forget(seen, Moment::from_unix_ms(0)).into_iter().map(|row| row.about).collect()
    }

    #[test]
    fn what_has_been_over_for_ninety_days_goes_and_nothing_that_is_open() {
        let seen = vec![
            row("open".into(), None, 1000),
            row("over".into(), Some(89), 90),
            row("long over".into(), Some(91), 92),
            row("just over".into(), Some(0), 400),
        ];
        assert_eq!(forgotten(seen), ["long over"]);
    }

    #[test]
    fn of_too_many_what_is_over_goes_first_then_what_was_raised_longest_ago() {
        let mut seen: Vec<Seen> = (0..ROWS_MAX).map(|n| row(format!("open {n}"), None, 5)).collect();
        assert!(forgotten(seen.clone()).is_empty());
        seen.push(row("over".into(), Some(1), 1));
        seen.push(row("over before".into(), Some(2), 1));
        assert_eq!(forgotten(seen.clone()), ["over before", "over"]);
        seen.push(row("oldest".into(), None, 6));
        assert_eq!(forgotten(seen), ["over before", "over", "oldest"]);
    }
}
