//! Inputs that crash a strategy: counted, set aside at the third crash, and passed over from then on, so
//! that the strategy goes on without them.
//!
//! A crash is a panic of a run, a run that never yields, or a crash of the host with the run under way.
//! An error that the strategy returns is none, and neither is the end of the process. The count stands in
//! the store in the same change as the run's end (after a crash of the host: as its being taken up again).
//! An input is an item that the strategy took up by name or, where it took up none, the answer of its
//! last step, together with the digest of its bytes: other bytes are another input. A run that ends well
//! with an input in hand takes its count away.

use std::collections::BTreeMap;

use mm_core::digest::Digest;
use mm_core::id::{RunId, Space, StrategyId};
use mm_core::moment::Moment;
use mm_core::untrusted::Untrusted;
use mm_store::{Change, ChangeError, CommitError, Key, NewEntry, ReadError, Span, Store};
use serde_json::json;

use crate::records::{Input, QuarantineRow};

/// At so many crashes an input is set aside.
pub const CRASHES_MAX: u32 = 3;
/// Inputs that are remembered of one strategy. What was only counted goes first, then what was dropped,
/// then what was set aside longest ago: it would have to crash three runs again.
pub const KEPT: usize = 100;
/// Runs that are named in a row.
const RUNS_NAMED: usize = 8;
/// The characters of an input's name and of last words that are kept.
const NAME_CHARS_MAX: usize = 120;
const WORDS_CHARS_MAX: usize = 300;
/// Hex digits of an input's id: enough for a hundred of them.
const ID_DIGITS: usize = 16;

/// What a run had in hand when it crashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspect {
    pub(super) input: Input,
    pub(super) digest: Digest,
}

/// A crash that is laid to an input.
pub(super) struct Crash<'a> {
    pub(super) strategy: &'a StrategyId,
    pub(super) suspect: &'a Suspect,
    pub(super) run: &'a RunId,
    pub(super) attempt: u32,
    pub(super) words: &'a str,
    pub(super) now: Moment,
}

/// What a crash changes.
pub(super) struct Laid {
    pub(super) change: Change,
    /// The id and row of an input that is set aside by it.
    pub(super) set_aside: Option<(String, QuarantineRow)>,
}

/// The id of an input, for its owner to name it by.
pub fn input_id(input: &Input, digest: &Digest) -> String {
    let fields = [input.kind().as_bytes(), input.name().as_bytes(), digest.0.as_slice()];
    Digest::of_fields("quarantine", fields).short(ID_DIGITS)
}

/// The row id of an input.
pub fn row_id(strategy: &StrategyId, input: &str) -> String {
    format!("{strategy}/{input}")
}

/// What the owner is told of an input that was set aside.
pub(super) fn alert_about(strategy: &StrategyId, input: &str) -> String {
    format!("quarantine/{strategy}/{input}")
}

/// The sentence of that alert.
pub(super) fn sentence(strategy: &StrategyId, input: &str, row: &QuarantineRow) -> String {
    format!(
        "{} `{}` crashed strategy `{strategy}` {} times and is set aside, the strategy goes on without it: {}; \
         `strategy quarantine retry {strategy} {input}` gives it one more chance, `drop` forgets it",
        row.input.kind(),
        row.input.name(),
        row.count,
        row.words
    )
}

/// The inputs of a strategy that are set aside and not dropped, by their ids, the latest last. Rows that
/// do not open are left out.
///
/// # Errors
/// If the store fails.
pub fn open(
    store: &Store,
    space: &Space,
    strategy: &StrategyId,
) -> Result<Vec<(String, QuarantineRow)>, ReadError> {
    let mut open: Vec<_> =
        all(store, space, strategy)?.into_iter().filter(|(_, row, _)| row.is_open()).collect();
    open.sort_by_key(|(_, row, _)| row.since);
    Ok(open.into_iter().map(|(id, row, _)| (id, row)).collect())
}

/// All that is remembered of a strategy's inputs: ids, rows and their versions.
fn all(
    store: &Store,
    space: &Space,
    strategy: &StrategyId,
) -> Result<Vec<(String, QuarantineRow, u64)>, ReadError> {
    let prefix = row_id(strategy, "");
    let found = store.scan::<QuarantineRow>(space, Span::prefix(&prefix), usize::MAX)?;
    let own = |id: &str| id.strip_prefix(&prefix).unwrap_or(id).to_owned();
    Ok(found.rows.into_iter().map(|(id, row)| (own(&id), row.value, row.version)).collect())
}

/// What a run has to know: the inputs that crashed earlier runs, and whether they are set aside.
pub(super) fn known(
    store: &Store,
    space: &Space,
    strategy: &StrategyId,
) -> Result<BTreeMap<String, bool>, ReadError> {
    let all = all(store, space, strategy)?;
    Ok(all.into_iter().map(|(id, row, _)| (id, row.is_set_aside())).collect())
}

/// Lays a crash to the input that was in hand.
pub(super) fn lay(store: &Store, space: &Space, crash: &Crash<'_>) -> Result<Laid, LayError> {
    let Crash { strategy, suspect, now, .. } = crash;
    let id = input_id(&suspect.input, &suspect.digest);
    let key = Key::of::<QuarantineRow>(space, &row_id(strategy, &id)).map_err(ReadError::from)?;
    let found = store.get::<QuarantineRow>(space, &row_id(strategy, &id))?;
    let expecting = match &found {
        Some(row) => Change::new().expect_version(key, row.version),
        None => Change::new().expect_absent(key).and(room(store, space, strategy, *now)?),
    };
    let mut row = found.map_or_else(|| fresh(crash), |row| row.value);
    row.count = row.count.saturating_add(1);
    row.crashes.push((crash.run.clone(), crash.attempt));
    row.crashes.drain(..row.crashes.len().saturating_sub(RUNS_NAMED));
    row.last_at = *now;
    row.words = Untrusted::new(crash.words).line(WORDS_CHARS_MAX);
    let new = row.since.is_none() && row.count >= CRASHES_MAX;
    if new {
        row.since = Some(*now);
    }
    let mut change = expecting.put(space, &row_id(strategy, &id), &row)?;
    if new {
        let payload = json!({
            "strategy": strategy.as_str(),
            "input": id,
            "kind": row.input.kind(),
            "name": row.input.name(),
            "digest": row.digest.to_string(),
            "run": crash.run.as_str(),
            "crashes": row.count,
            "words": row.words,
        });
        change = change.audit(NewEntry::new(*now, space, "input.quarantined", &payload)?);
    }
    Ok(Laid { change, set_aside: new.then_some((id, row)) })
}

fn fresh(crash: &Crash<'_>) -> QuarantineRow {
    let name = |text: &str| Untrusted::new(text).line(NAME_CHARS_MAX);
    let input = match &crash.suspect.input {
        Input::Item(item) => Input::Item(name(item)),
        Input::Step(step) => Input::Step(name(step)),
    };
    QuarantineRow {
        strategy: crash.strategy.clone(),
        input,
        digest: crash.suspect.digest,
        count: 0,
        crashes: Vec::new(),
        first_at: crash.now,
        last_at: crash.now,
        since: None,
        dropped_at: None,
        words: String::new(),
    }
}

/// Makes room for one more row of a strategy.
fn room(store: &Store, space: &Space, strategy: &StrategyId, now: Moment) -> Result<Change, LayError> {
    let mut rows = all(store, space, strategy)?;
    let surplus = (rows.len() + 1).saturating_sub(KEPT);
    rows.sort_by_key(|(_, row, _)| (row.is_open(), row.is_set_aside(), row.last_at));
    let mut change = Change::new();
    for (id, row, _) in rows.into_iter().take(surplus) {
        change =
            change.delete(Key::of::<QuarantineRow>(space, &row_id(strategy, &id)).map_err(ReadError::from)?);
        if row.is_set_aside() {
            let payload = json!({ "strategy": strategy.as_str(), "input": id, "why": "too many others" });
            change = change.audit(NewEntry::new(now, space, "input.forgotten", &payload)?);
        }
    }
    Ok(change)
}

/// Takes the counts away of inputs that did a run no harm.
pub(super) fn cleared(space: &Space, strategy: &StrategyId, met: &[String]) -> Result<Change, ChangeError> {
    met.iter().try_fold(Change::new(), |change, id| {
        Ok(change.delete(Key::of::<QuarantineRow>(space, &row_id(strategy, id))?))
    })
}

/// Why a crash could not be laid to an input.
#[derive(Debug, thiserror::Error)]
pub(super) enum LayError {
    /// The rows cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The change cannot be put together.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// What an owner says of an input that is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It gets one more chance: one crash more sets it aside again.
    Retry,
    /// It stays passed over and is shown no more.
    Drop,
}

/// Why an owner's word on an input was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// No such strategy.
    #[error("no strategy `{0}` is installed; `strategy list` shows those that are")]
    Unknown(String),
    /// No such input is set aside.
    #[error(
        "no input `{input}` of `{strategy}` is set aside; `strategy quarantine list {strategy}` shows them"
    )]
    NotHeld {
        /// The strategy.
        strategy: String,
        /// What was named.
        input: String,
    },
    /// The rows cannot be read.
    #[error("the quarantine cannot be read")]
    Read(#[from] ReadError),
    /// The change cannot be put together.
    #[error("the word on the input cannot be stored")]
    Change(#[from] ChangeError),
    /// The store takes no changes.
    #[error("the word on the input was not recorded; say it again")]
    Commit(#[from] CommitError),
}

/// Records an owner's word, with its audit entry. What is dropped already can still be retried.
pub(super) async fn say(
    store: &Store,
    space: &Space,
    strategy: &StrategyId,
    input: &str,
    verdict: Verdict,
    now: Moment,
) -> Result<QuarantineRow, QuarantineError> {
    loop {
        let row_id = row_id(strategy, input);
        let not_held =
            || QuarantineError::NotHeld { strategy: strategy.to_string(), input: input.to_owned() };
        let found = match store.get::<QuarantineRow>(space, &row_id) {
            Err(ReadError::Key(_)) => None,
            found => found?,
        };
        let found = found.filter(|row| row.value.is_set_aside()).ok_or_else(not_held)?;
        let (kind, mut row) = ("input.dropped", found.value);
        let kind = match verdict {
            Verdict::Drop => {
                row.dropped_at = row.dropped_at.or(Some(now));
                kind
            }
            Verdict::Retry => {
                (row.count, row.since, row.dropped_at) = (CRASHES_MAX - 1, None, None);
                "input.retried"
            }
        };
        let payload = json!({ "strategy": strategy.as_str(), "input": input, "by": "owner" });
        let change = Change::new()
            .expect_version(Key::of::<QuarantineRow>(space, &row_id).map_err(ReadError::from)?, found.version)
            .put(space, &row_id, &row)?
            .audit(NewEntry::new(now, space, kind, &payload)?);
        match store.commit(change).await {
            Ok(_) => return Ok(row),
            Err(CommitError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
