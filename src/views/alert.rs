//! `alerts list`: what the owner should know, and how far it was told; and what is silenced.

use std::cmp::Reverse;

use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_services::alerts::silence::{self, Silences};
use mm_services::alerts::{ATTEMPTS_MAX, sort};
use mm_services::records::{AlertRow, SilenceRow, Sort};
use mm_store::Span;
use serde::{Deserialize, Serialize};

use super::{Problem, Question, Reader, meant, nearest, unread};

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertPage {
    pub about: String,
    pub sentence: String,
    /// `trips`, `person`, `stops` or `note`.
    pub sort: String,
    /// `open` or `over`.
    pub state: String,
    pub raised_at: String,
    pub last_at: String,
    pub times: u64,
    pub cleared_at: Option<String>,
    /// `delivered`, `sending` (the channel was begun, and its end is not on record or was no good),
    /// `undelivered` (it was begun so often that it is given up), or `not-sent`.
    pub told: String,
    /// When the channel was last begun for it.
    pub sent_at: Option<String>,
    pub attempts: u32,
    pub next_try: Option<String>,
    pub delivered_at: Option<String>,
    /// What the channel last said when it failed.
    pub error: Option<String>,
    pub seen_at: Option<String>,
    /// What keeps it from being told, if something does.
    pub silenced: Option<SilenceView>,
    /// What to type to see more.
    pub command: String,
}

/// One silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceView {
    pub pattern: String,
    pub reason: String,
    pub by: String,
    pub since: String,
    pub until: Option<String>,
}

impl SilenceView {
    fn of(pattern: &str, row: &SilenceRow) -> SilenceView {
        SilenceView {
            pattern: pattern.to_owned(),
            reason: row.reason.clone(),
            by: row.by.clone(),
            since: row.since.to_string(),
            until: row.until.map(|at| at.to_string()),
        }
    }
}

impl AlertPage {
    fn of(about: String, row: AlertRow, silences: &Silences, now: Moment) -> AlertPage {
        let text = |at: Option<Moment>| at.map(|at| at.to_string());
        let telling = &row.telling;
        let told = match (telling.delivered_at, telling.attempts) {
            (Some(_), _) => "delivered",
            (None, 0) => "not-sent",
            (None, ATTEMPTS_MAX..) => "undelivered",
            (None, _) => "sending",
        };
        AlertPage {
            sort: sort::of_row(&about, &row).as_str().to_owned(),
            state: if row.cleared_at.is_none() { "open" } else { "over" }.to_owned(),
            raised_at: row.raised_at.to_string(),
            last_at: row.last_at.to_string(),
            times: row.times,
            cleared_at: text(row.cleared_at),
            told: told.to_owned(),
            sent_at: text(telling.sent_at),
            attempts: telling.attempts,
            next_try: text(telling.next_try),
            delivered_at: text(telling.delivered_at),
            error: telling.error.clone(),
            seen_at: text(row.seen_at),
            silenced: silence::of(silences, &about, now).map(|(pattern, row)| SilenceView::of(pattern, row)),
            command: sort::command(&about),
            sentence: row.sentence,
            about,
        }
    }
}

fn rows(reader: &Reader) -> Result<Vec<(String, AlertRow)>, Problem> {
    let mut all = Vec::new();
    for space in [&Space::machine(), &reader.space] {
        let scanned = reader.store.scan::<AlertRow>(space, Span::all(), usize::MAX);
        let rows = scanned.map_err(|error| unread(&error))?.rows;
        all.extend(rows.into_iter().map(|(about, row)| (about, row.value)));
    }
    Ok(all)
}

fn known_silences(reader: &Reader) -> Result<Silences, Problem> {
    let scanned = reader.store.scan::<SilenceRow>(&Space::machine(), Span::all(), usize::MAX);
    let rows = scanned.map_err(|error| unread(&error))?.rows;
    Ok(rows.into_iter().map(|(pattern, row)| (pattern, row.value)).collect())
}

/// `all, sort`; those that are open, the most severe first and then the newest; with `all` also those
/// that are over.
pub(super) fn list(reader: &Reader, question: &Question) -> Result<Vec<AlertPage>, Problem> {
    question.only(&["all", "sort"])?;
    let all: bool = question.value("all")?.unwrap_or(false);
    let wanted = question.text("sort");
    if wanted.is_some_and(|wanted| !Sort::ALL.iter().any(|sort| sort.as_str() == wanted)) {
        let words: Vec<&str> = Sort::ALL.iter().map(|sort| sort.as_str()).collect();
        return Err(Problem::Bad(format!("`sort` is one of {}", words.join(", "))));
    }
    let silences = known_silences(reader)?;
    let mut found: Vec<(String, AlertRow)> = rows(reader)?
        .into_iter()
        .filter(|(_, row)| all || row.cleared_at.is_none())
        .filter(|(about, row)| wanted.is_none_or(|wanted| sort::of_row(about, row).as_str() == wanted))
        .collect();
    found.sort_by_cached_key(|(about, row)| {
        (row.cleared_at.is_some(), Reverse(sort::of_row(about, row)), Reverse(row.last_at), about.clone())
    });
    Ok(found.into_iter().map(|(about, row)| AlertPage::of(about, row, &silences, reader.now)).collect())
}

/// The silences that hold now, by their patterns.
pub(super) fn silences(reader: &Reader) -> Result<Vec<SilenceView>, Problem> {
    let known = known_silences(reader)?;
    let holding = known.iter().filter(|(_, row)| silence::holds(row, reader.now));
    Ok(holding.map(|(pattern, row)| SilenceView::of(pattern, row)).collect())
}

/// `; did you mean …?` for an alert that is not there, or a silence that is not.
pub(crate) fn meant_alert(reader: &Reader, about: &str) -> String {
    let names: Vec<String> = rows(reader).unwrap_or_default().into_iter().map(|(about, _)| about).collect();
    meant(nearest(about, names.iter().map(String::as_str)))
}

/// The same for the patterns of silences.
pub(crate) fn meant_silence(reader: &Reader, pattern: &str) -> String {
    let known = known_silences(reader).unwrap_or_default();
    meant(nearest(pattern, known.keys().map(String::as_str)))
}
