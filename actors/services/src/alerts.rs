//! Alerts: what the owner should know, each once, in a durable table.
//!
//! Raising an alert never fails the one who raises it, and no alert fails the service. If the store
//! refuses, the sentence is in the log; the store's own failure ends the process and needs no alert.
//! What an alert is about and what it says is cut to what a table can show; a row that does not open
//! is replaced. What is over is forgotten after a while, and the table has an end (`tidy`).
//!
//! What trips, what needs a person and what stops the daemon is also told through one [`channel`]
//! (`telling`), unless it is silenced ([`silence`]). It touches the store and the channel.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mm_core::digest::Digest;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, CommitError, Key, NewEntry, ReadError};
use mm_supervision::{CallError, Component, Fault, Handle, Undelivered};
use serde_json::json;
use tokio::task::JoinSet;

use crate::budgets::TRIPPED;
use crate::records::{AlertRow, BudgetRow, SilenceRow, Sort};
use crate::shared::{CALL_TIMEOUT, Shared};

pub mod boot;
pub mod channel;
mod message;
mod seen;
pub mod silence;
pub mod sort;
mod spill;
mod telling;
mod tidy;

pub use channel::{Channel, Command, Message, NoChannel, Other, TellSettings};
pub use message::Msg;
pub use seen::Unseen;
pub use silence::Unsilenced;
pub use telling::{ATTEMPTS_MAX, test};

use silence::Silences;
use spill::Spill;
use telling::Desk;

/// The most bytes of what an alert is about.
const ABOUT_BYTES_MAX: usize = 200;
/// The most characters of its sentence.
const SENTENCE_CHARS_MAX: usize = 1000;
/// How often the table is tidied.
const TIDY_EVERY: Duration = Duration::from_secs(86_400);
/// Rows looked at or written in one go.
const PAGE: usize = 500;

/// The way to the alerts service.
#[derive(Clone, Default)]
pub struct Alerts {
    handle: Handle<Msg>,
    spill: Arc<Spill>,
    /// A copy of the silences, for those who speak beside the service.
    silences: Arc<Mutex<Silences>>,
}

impl Alerts {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.handle
    }

    /// Whether what `about` names is silenced at `now`, as far as the service has said since it started.
    pub fn is_silenced(&self, about: &str, now: Moment) -> bool {
        silence::of(&self.silences.lock().unwrap_or_else(PoisonError::into_inner), about, now).is_some()
    }

    fn know(&self, silences: &Silences) {
        self.silences.lock().unwrap_or_else(PoisonError::into_inner).clone_from(silences);
    }

    /// Tells the owner. The same `about` raised again is counted, not repeated. Over 200 bytes of
    /// `about` are cut to a name of their own; the sentence is cut to 1,000 characters on one line.
    /// What it is about says its sort ([`sort`]).
    pub fn raise(&self, space: &Space, about: impl Into<String>, sentence: impl Into<String>) {
        self.tell(space, about.into(), sentence.into(), None);
    }

    /// As [`Alerts::raise`], of a sort that its name does not say.
    pub fn raise_as(&self, sort: Sort, space: &Space, about: impl Into<String>, sentence: impl Into<String>) {
        self.tell(space, about.into(), sentence.into(), Some(sort));
    }

    fn tell(&self, space: &Space, about: String, sentence: String, sort: Option<Sort>) {
        let (about, sentence) = (name(&about), line(&sentence));
        tracing::warn!(about, sentence, "alert");
        self.cast(Msg::Raise { space: space.clone(), about, sentence, sort });
    }

    /// Says that what `about` names is over.
    pub fn clear(&self, space: &Space, about: impl Into<String>) {
        self.cast(Msg::Clear { space: space.clone(), about: name(&about.into()) });
    }

    /// Says that all is over whose `about` begins with `prefix`, as in `strategy/NAME/`. An empty
    /// prefix names nothing.
    pub fn clear_prefix(&self, space: &Space, prefix: impl Into<String>) {
        self.cast(Msg::ClearPrefix { space: space.clone(), prefix: prefix.into() });
    }

    /// Says that an alert's row was written beside the service, in a change that needed it.
    pub fn written(&self, space: &Space, about: impl Into<String>) {
        self.cast(Msg::Written { space: space.clone(), about: about.into() });
    }

    /// Says that what decides on telling may have changed: the settings were replaced.
    pub fn look(&self) {
        self.cast(Msg::Look);
    }

    /// Silences all whose name is `pattern`, or begins as it does before its `*`; durable when this
    /// returns, and in the audit trail.
    ///
    /// # Errors
    /// The inner error says what is wrong with it.
    pub async fn silence(
        &self,
        pattern: impl Into<String>,
        row: SilenceRow,
    ) -> Result<Result<(), Unsilenced>, CallError> {
        let pattern = pattern.into();
        self.handle.call(|reply| Msg::Silence { pattern, row, reply }, CALL_TIMEOUT).await
    }

    /// Takes a silence back. What is still open and was not told is told then.
    ///
    /// # Errors
    /// The inner error: there is none.
    pub async fn unsilence(
        &self,
        pattern: impl Into<String>,
        by: impl Into<String>,
    ) -> Result<Result<(), Unsilenced>, CallError> {
        let (pattern, by) = (pattern.into(), by.into());
        self.handle.call(|reply| Msg::Unsilence { pattern, by, reply }, CALL_TIMEOUT).await
    }

    /// Says that the owner has seen an alert, or (without a name) all that are open; how many that
    /// were. What was seen is not told any more.
    ///
    /// # Errors
    /// The inner error: there is none of that name.
    pub async fn seen(&self, about: Option<String>) -> Result<Result<u64, Unseen>, CallError> {
        self.handle.call(|reply| Msg::Seen { about, reply }, CALL_TIMEOUT).await
    }

    /// Never waits, and keeps the order: once something waits outside, all that follows does.
    fn cast(&self, msg: Msg) {
        let msg = if self.spill.is_empty() {
            match self.handle.cast(msg) {
                Ok(()) => return,
                Err(Undelivered::Full(msg) | Undelivered::NotRunning(msg)) => msg,
            }
        } else {
            msg
        };
        if self.spill.keep(msg).is_err() {
            tracing::error!("an alert was not recorded: thousands wait already");
        }
        // Should the service just have looked and found nothing. A full mailbox wakes it anyway.
        drop(self.handle.cast(Msg::Look));
    }
}

/// `about` as it can be a row's id: nothing in it that is no character, and not too long; what is cut
/// keeps a hash of the whole, so that two long ones stay two.
fn name(about: &str) -> String {
    let clean: String = about.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    if clean.is_empty() {
        return "something without a name".to_owned();
    }
    if clean.len() <= ABOUT_BYTES_MAX {
        return clean;
    }
    let hash = Digest::of(about.as_bytes()).short(8);
    let end = (0..ABOUT_BYTES_MAX - hash.len()).rev().find(|at| clean.is_char_boundary(*at));
    format!("{}~{hash}", clean.get(..end.unwrap_or(0)).unwrap_or_default())
}

/// A sentence on one line, cut to what is shown.
fn line(sentence: &str) -> String {
    let mut chars = sentence.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = chars.by_ref().take(SENTENCE_CHARS_MAX - 1).collect();
    match (chars.next(), chars.next()) {
        (None, _) => {}
        (Some(last), None) => line.push(last),
        (Some(_), Some(_)) => line.push('…'),
    }
    line
}

/// The service, and the way to it: what waits outside, and over which it says what is silenced.
pub struct AlertsService(pub Shared, pub Alerts);

/// What it knows.
pub struct State {
    /// About how many rows there are; known after the first tidying.
    rows: usize,
    /// The timer to the next tidying, which ends with this life of the service.
    timer: JoinSet<()>,
    /// What is to be told.
    desk: Desk,
}

impl Component for AlertsService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        let desk = self.read_desk()?;
        self.1.know(&desk.silences);
        drop(me.cast(Msg::Tidy));
        drop(me.cast(Msg::Look));
        Ok(State { rows: 0, timer: JoinSet::new(), desk })
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        let mut next = Some(msg);
        while let Some(msg) = next {
            if let Err(fault) = self.obey(me, msg, state).await {
                // One alert is no reason to lose those that wait behind it.
                tracing::error!(error = %fault, "an alert was not recorded");
            }
            // What waits outside came after all that is in the mailbox.
            next = if me.meter().depth() == 0 { self.1.spill.next() } else { None };
        }
        self.consider(me, &mut state.desk).await;
        Ok(())
    }
}

impl AlertsService {
    async fn obey(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        let desk = &mut state.desk;
        match msg {
            Msg::Raise { space, about, sentence, sort } => {
                let new = self.take(desk, &space, &about, Some((sentence, sort))).await?;
                state.rows += usize::from(new);
                if state.rows > tidy::ROWS_MAX + PAGE {
                    self.tidy(state).await;
                }
            }
            Msg::Clear { space, about } => drop(self.take(desk, &space, &about, None).await?),
            Msg::ClearPrefix { space, prefix } => self.clear_prefix(desk, &space, &prefix).await?,
            Msg::Silence { pattern, row, reply } => {
                let answer = self.silence(&mut desk.silences, pattern, row).await?;
                self.1.know(&desk.silences);
                reply.send(answer);
            }
            Msg::Unsilence { pattern, by, reply } => {
                let answer = self.unsilence(&mut desk.silences, pattern, &by).await?;
                self.1.know(&desk.silences);
                reply.send(answer);
            }
            Msg::Seen { about, reply } => {
                let answer = self.seen(desk, about).await?;
                reply.send(answer);
            }
            Msg::Written { space, about } => {
                if let Some(row) = self.0.store.get::<AlertRow>(&space, &about)? {
                    desk.note(&space, &about, &row.value);
                }
            }
            Msg::Look => {}
            Msg::Told { ended } => self.told(desk, ended).await?,
            Msg::Tidy => {
                self.tidy(state).await;
                state.timer.abort_all();
                while state.timer.try_join_next().is_some() {}
                let me = me.clone();
                state.timer.spawn(async move {
                    tokio::time::sleep(TIDY_EVERY).await;
                    drop(me.cast(Msg::Tidy));
                });
            }
        }
        Ok(())
    }

    /// Takes one alert, raised or (without a sentence) cleared; says whether there is a row more.
    async fn take(
        &self,
        desk: &mut Desk,
        space: &Space,
        about: &str,
        raised: Option<(String, Option<Sort>)>,
    ) -> Result<bool, Fault> {
        let (store, now) = (&self.0.store, self.0.now());
        if raised.is_none() && self.still_tripped(space, about)? {
            return Ok(false);
        }
        loop {
            let (earlier, version) = match store.get::<AlertRow>(space, about) {
                Ok(row) => row.map(|row| (row.value, row.version)).unzip(),
                Err(ReadError::Row { key, what }) => {
                    tracing::error!(about, error = %what, "an alert's row was damaged and is begun anew");
                    store.commit(Change::new().delete(key)).await?;
                    (None, None)
                }
                Err(error) => return Err(error.into()),
            };
            let Some((row, kind)) = next(earlier, raised.clone(), now) else { return Ok(false) };
            let key = Key::of::<AlertRow>(space, about)?;
            let expects = match version {
                Some(version) => Change::new().expect_version(key, version),
                None => Change::new().expect_absent(key),
            };
            match store.commit(write(expects, space, about, &row, kind, now)?).await {
                Ok(_) => {
                    desk.note(space, about, &row);
                    return Ok(version.is_none());
                }
                // A trip was written beside the service meanwhile.
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether it tells of a trip that is not over: a host clears it when it starts, and may have
    /// tripped again by the time that is heard.
    fn still_tripped(&self, space: &Space, about: &str) -> Result<bool, Fault> {
        let Some(actor) = about.strip_prefix(TRIPPED) else { return Ok(false) };
        match self.0.store.get::<BudgetRow>(space, actor) {
            Ok(row) => Ok(row.is_some_and(|row| row.value.tripped.is_some())),
            Err(ReadError::Row { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn clear_prefix(&self, desk: &mut Desk, space: &Space, prefix: &str) -> Result<(), Fault> {
        let (store, now, mut after) = (&self.0.store, self.0.now(), String::new());
        while !prefix.is_empty() {
            let page = store.scan::<AlertRow>(space, tidy::span(prefix, &after), PAGE)?;
            let Some(last) = tidy::last(&page) else { break };
            after = last;
            let (mut change, mut over) = (Change::new(), Vec::new());
            for (about, row) in page.rows {
                if let Some((row, kind)) = next(Some(row.value), None, now) {
                    change = write(change, space, &about, &row, kind, now)?;
                    over.push((about, row));
                }
            }
            if !change.is_empty() {
                store.commit(change).await?;
            }
            over.iter().for_each(|(about, row)| desk.note(space, about, row));
            if !page.more {
                break;
            }
        }
        Ok(())
    }
}

/// `change` with an alert's row, and with the audit entry if it is news. Nobody else writes these rows
/// but [`crate::budgets`], for an actor that tripped, and [`boot`], while no service runs.
fn write(
    change: Change,
    space: &Space,
    about: &str,
    row: &AlertRow,
    kind: Option<&'static str>,
    now: Moment,
) -> Result<Change, Fault> {
    let change = change.put(space, about, row)?;
    let Some(kind) = kind else { return Ok(change) };
    let payload = json!({ "about": about, "sentence": row.sentence });
    Ok(change.audit(NewEntry::new(now, space, kind, &payload)?))
}

/// The row after an alert was raised (`Some` sentence and sort) or cleared, and the audit kind if this
/// is news; `None` if nothing changes.
fn next(
    earlier: Option<AlertRow>,
    raised: Option<(String, Option<Sort>)>,
    now: Moment,
) -> Option<(AlertRow, Option<&'static str>)> {
    match (earlier, raised) {
        (None, None) => None,
        (Some(row), None) if row.cleared_at.is_some() => None,
        (Some(row), None) => Some((AlertRow { cleared_at: Some(now), ..row }, Some("alert.cleared"))),
        (Some(row), Some((sentence, sort))) if row.cleared_at.is_none() => {
            let times = row.times.saturating_add(1);
            Some((AlertRow { sentence, sort, last_at: now, times, ..row }, None))
        }
        (earlier, Some((sentence, sort))) => {
            let row = AlertRow::news(sentence, now, earlier.map_or(0, |row| row.times));
            Some((AlertRow { sort, ..row }, Some("alert.raised")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_news_once_until_it_was_over() {
        let at = Moment::from_unix_ms;
        let (row, news) = next(None, Some(("broken".into(), None)), at(1)).unwrap();
        assert_eq!(news, Some("alert.raised"));
        let (row, news) = next(Some(row), Some(("broken".into(), None)), at(2)).unwrap();
        assert_eq!((news, row.times), (None, 2));
        let (row, news) = next(Some(row), None, at(3)).unwrap();
        assert_eq!(news, Some("alert.cleared"));
        assert!(next(Some(row.clone()), None, at(4)).is_none());
        let (row, news) = next(Some(row), Some(("again".into(), None)), at(5)).unwrap();
        assert_eq!((news, row.times, row.raised_at), (Some("alert.raised"), 3, at(5)));
    }

    #[test]
    fn what_it_is_about_can_be_a_key_and_two_long_ones_stay_two() {
        assert_eq!(name("disk"), "disk");
        assert_eq!(name("a\0b\nc"), "a_b_c");
        assert!(!name("").is_empty());
        let long = |end: &str| name(&format!("{}{end}", "ü".repeat(5_000)));
        assert_ne!(long("a"), long("b"));
        assert_eq!(long("a"), long("a"));
        for cut in 90..110 {
            let name = name(&format!("{}{}", "x".repeat(cut % 3), "ü".repeat(cut)));
            assert!(name.len() <= ABOUT_BYTES_MAX && name.len() >= 180, "{}", name.len());
        }
    }

    #[test]
    fn a_sentence_is_one_line_of_a_thousand_characters() {
        assert_eq!(line(" one\ntwo\0three\n"), "one two three");
        let exact = "ä".repeat(SENTENCE_CHARS_MAX);
        assert_eq!(line(&exact), exact);
        let cut = line(&format!("{exact}b"));
        assert_eq!(cut.chars().count(), SENTENCE_CHARS_MAX);
        assert!(cut.ends_with('…'));
    }
}
