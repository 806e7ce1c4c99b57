//! Telling the owner: what is owed, when, and in what order; and what is written down of it.
//!
//! That the channel is begun is durable before it is begun, with the time of the next try; that it has
//! told is durable after. A process that is killed in between tells again, as late as after a failure:
//! twice perhaps, never not at all. A storm of alerts is one message; a channel that fails is tried
//! again with backoff, and after [`ATTEMPTS_MAX`] tries the alert stands as undelivered.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt as _;
use mm_core::backoff::Backoff;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_store::{Change, CommitError, Key, NewEntry, ReadError, Row, Span};
use mm_supervision::{Fault, Handle, Undelivered};
use serde_json::json;
use tokio::task::JoinSet;

use super::channel::{Command, Message, Other, TellSettings};
use super::silence::{self, Silences};
use super::{AlertsService, Msg, PAGE, sort, tidy};
use crate::records::{AlertRow, DeliveryRow, Sort};
use crate::shared::Shared;

/// So often the channel is begun for one alert.
pub const ATTEMPTS_MAX: u32 = 8;
/// How long a full mailbox is left alone.
const FULL_WAIT: Duration = Duration::from_millis(50);
/// The most alerts of one message; what is more is told with the next.
const MESSAGE_ALERTS_MAX: usize = 200;
/// So many of them are named beside the first.
const OTHERS_MAX: usize = 10;
/// Characters of their sentences.
const OTHER_CHARS_MAX: usize = 300;
/// Characters that are kept of what a channel says when it fails.
const ERROR_CHARS_MAX: usize = 500;
/// The first ceiling of the waits between tries, and the last: eight tries take an hour or so.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LAST_WAIT: Duration = Duration::from_secs(6 * 3600);
/// The hour in which beginnings of the channel are counted.
const HOUR: Duration = Duration::from_secs(3600);
/// The clock may jump, so it is looked at as often.
const SLEEP_MAX: Duration = Duration::from_secs(3600);
/// How long after trouble with the store it is tried again.
const TROUBLE_WAIT: Duration = Duration::from_secs(60);
/// How often a change is made anew because a row was changed meanwhile.
const TRIES: usize = 5;

/// Whose alert, and what about.
pub(super) type Name = (Space, String);

/// An alert that is open and that nobody was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owed {
    sort: Sort,
    raised_at: Moment,
    next_try: Option<Moment>,
}

impl Owed {
    fn of(about: &str, row: &AlertRow) -> Option<Owed> {
        let told = row.telling.delivered_at.is_some() || row.seen_at.is_some();
        let open = row.cleared_at.is_none() && !told && row.telling.attempts < ATTEMPTS_MAX;
        let next_try = row.telling.next_try;
        open.then(|| Owed { sort: sort::of_row(about, row), raised_at: row.raised_at, next_try })
    }
}

/// What a service knows of telling: a copy of what is stored, and what is under way.
#[derive(Default)]
pub(super) struct Desk {
    owed: BTreeMap<Name, Owed>,
    pub(super) silences: Silences,
    /// When the channel was begun, within the last hour.
    started: Vec<Moment>,
    /// What the channel is telling now; each as it was raised.
    in_hand: Vec<(Name, Moment)>,
    /// The channel's task, which ends with this life of the service.
    delivery: JoinSet<()>,
    /// The timer to what is due next.
    alarm: JoinSet<()>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Nothing, until something happens.
    Nothing,
    /// Nothing before then.
    At(Moment),
    /// These are told, in this order.
    Now(Vec<Name>),
}

impl Desk {
    /// Takes note of an alert's row as it is now.
    pub(super) fn note(&mut self, space: &Space, about: &str, row: &AlertRow) {
        let name = (space.clone(), about.to_owned());
        match Owed::of(about, row) {
            Some(owed) => self.owed.insert(name, owed),
            None => self.owed.remove(&name),
        };
    }

    fn next(&self, settings: &TellSettings, now: Moment) -> Next {
        let (mut due, mut later) = (Vec::new(), None::<Moment>);
        for (name, owed) in self.owed.iter().filter(|(_, owed)| settings.send.contains(&owed.sort)) {
            let silenced = silence::of(&self.silences, &name.1, now).map(|(_, row)| row.until);
            // A time that lies further ahead than any wait was written by a clock that was ahead.
            let waits = owed.next_try.filter(|at| *at > now && at.since(now) <= LAST_WAIT + HOUR);
            let until = match (silenced, waits) {
                (Some(until), _) => until,
                (None, Some(at)) => Some(at),
                (None, None) => {
                    due.push((Reverse(owed.sort), owed.raised_at, name));
                    continue;
                }
            };
            later = later.into_iter().chain(until).min();
        }
        if due.is_empty() {
            return later.map_or(Next::Nothing, Next::At);
        }
        if let Some(at) = pace(&self.started, settings, now) {
            return Next::At(at);
        }
        due.sort();
        Next::Now(due.into_iter().take(MESSAGE_ALERTS_MAX).map(|(_, _, name)| name.clone()).collect())
    }

    fn arm(&mut self, me: &Handle<Msg>, wait: Duration) {
        let (me, wait) = (me.clone(), wait.clamp(Duration::from_millis(1), SLEEP_MAX));
        self.alarm.spawn(async move {
            tokio::time::sleep(wait).await;
            drop(me.cast(Msg::Look));
        });
    }
}

/// The beginnings that count at `now`. What lies ahead was written by a clock that was ahead.
fn lately(started: &[Moment], now: Moment) -> Vec<Moment> {
    started.iter().copied().filter(|at| *at <= now && now.since(*at) < HOUR).collect()
}

/// When the channel may be begun again, if that is not now.
fn pace(started: &[Moment], settings: &TellSettings, now: Moment) -> Option<Moment> {
    let lately = lately(started, now);
    let most = usize::try_from(settings.per_hour_max).unwrap_or(usize::MAX).max(1);
    let of_hour = lately.len().checked_sub(most).and_then(|at| lately.get(at)).map(|at| at.plus(HOUR));
    let of_pause = lately.last().map(|at| at.plus(settings.min_interval));
    of_hour.into_iter().chain(of_pause).max().filter(|at| *at > now)
}

/// The message that tells of `rows`, the first of them in full.
fn message(stamp: &str, rows: &[(Name, Row<AlertRow>)]) -> Option<Message> {
    let ((_, about), row) = rows.first()?;
    let rest = rows.get(1..).unwrap_or_default();
    let more = match rest.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let other = |((_, about), row): &(Name, Row<AlertRow>)| Other {
        about: about.clone(),
        sentence: row.value.sentence.chars().take(OTHER_CHARS_MAX).collect(),
        sort: sort::of_row(about, &row.value),
    };
    Some(Message {
        about: about.clone(),
        sentence: format!("{}{more}", row.value.sentence),
        sort: sort::of_row(about, &row.value),
        raised_at: row.value.raised_at.to_string(),
        times: row.value.times,
        stamp: stamp.to_owned(),
        command: sort::command(about),
        more: rest.len() as u64,
        others: rest.iter().take(OTHERS_MAX).map(other).collect(),
    })
}

/// Sends a test message, at once and outside of every limit; `None` if there is no command. The attempt
/// is in the audit trail before it is made.
///
/// # Errors
/// If it cannot be put on record; nothing was sent then.
pub async fn test(shared: &Shared) -> Result<Option<Result<(), String>>, Fault> {
    let settings = shared.settings();
    let Some(command) = &settings.alerts.command else { return Ok(None) };
    let (now, space) = (shared.now(), shared.machine());
    let entry = NewEntry::new(now, &space, "alert.tested", &json!({ "by": "operator" }))?;
    shared.store.commit(Change::new().audit(entry)).await?;
    let message = Message {
        about: "alerts/test".to_owned(),
        sentence: "this is a test: alerts of this machine reach you".to_owned(),
        sort: Sort::Note,
        raised_at: now.to_string(),
        times: 1,
        stamp: settings.stamp.to_owned(),
        command: sort::command("alerts/test"),
        more: 0,
        others: Vec::new(),
    };
    Ok(Some(shared.channel.deliver(command, &message).await))
}

impl AlertsService {
    /// What is owed, read from the store. What does not open is passed over; `doctor` names it.
    pub(super) fn read_desk(&self) -> Result<Desk, Fault> {
        let mut desk = Desk { silences: self.read_silences()?, ..Desk::default() };
        for space in self.0.store.spaces()? {
            let mut after = String::new();
            loop {
                let page = self.0.store.scan::<AlertRow>(&space, tidy::span("", &after), PAGE)?;
                page.rows.iter().for_each(|(about, row)| desk.note(&space, about, &row.value));
                match tidy::last(&page) {
                    Some(last) if page.more => after = last,
                    _ => break,
                }
            }
        }
        let started = self.0.store.scan::<DeliveryRow>(&self.0.machine(), Span::all(), 1)?;
        desk.started = started.into_values().next().unwrap_or_default().started;
        Ok(desk)
    }

    /// Tells what is due, or sets the alarm to when it is.
    pub(super) async fn consider(&self, me: &Handle<Msg>, desk: &mut Desk) {
        desk.alarm.abort_all();
        while desk.alarm.try_join_next().is_some() {}
        let settings = self.0.settings();
        let Some(command) = &settings.alerts.command else { return };
        let now = self.0.now();
        if !desk.in_hand.is_empty() {
            return;
        }
        match desk.next(&settings.alerts, now) {
            Next::Nothing => {}
            Next::At(at) => desk.arm(me, at.since(now)),
            Next::Now(names) => match self.begin(desk, &names, command, now).await {
                Ok(rows) => match message(settings.stamp, &rows) {
                    Some(message) => self.deliver(me, desk, &rows, command.clone(), message),
                    // All of them are over.
                    None => drop(me.cast(Msg::Look)),
                },
                Err(fault) => {
                    tracing::error!(error = %fault, "an alert was not told; it is tried again");
                    desk.arm(me, TROUBLE_WAIT);
                }
            },
        }
    }

    /// Writes down that the channel is begun for what is still owed of `names`, and which that is.
    async fn begin(
        &self,
        desk: &mut Desk,
        names: &[Name],
        command: &Command,
        now: Moment,
    ) -> Result<Vec<(Name, Row<AlertRow>)>, Fault> {
        let backoff = Backoff::try_new(FIRST_WAIT, LAST_WAIT).unwrap_or(Backoff::READS);
        let chance = self.0.rng.unit();
        for _ in 0..TRIES {
            let (mut change, mut rows) = (Change::new(), Vec::new());
            for name in names {
                let Some(mut row) = self.still_owed(name)? else {
                    desk.owed.remove(name);
                    continue;
                };
                let telling = &mut row.value.telling;
                telling.attempts += 1;
                telling.sent_at = Some(now);
                // Killed from here on, it waits as if it had failed.
                telling.next_try = Some(now.plus(command.timeout + backoff.delay(telling.attempts, chance)));
                let key = Key::of::<AlertRow>(&name.0, &name.1)?;
                change = change.expect_version(key, row.version).put(&name.0, &name.1, &row.value)?;
                rows.push((name.clone(), row));
            }
            if rows.is_empty() {
                return Ok(rows);
            }
            let mut started = lately(&desk.started, now);
            started.push(now);
            change =
                change.put(&self.0.machine(), DeliveryRow::ID, &DeliveryRow { started: started.clone() })?;
            match self.0.store.commit(change).await {
                Ok(_) => {
                    desk.started = started;
                    return Ok(rows);
                }
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::transient("the alerts to be told were changed all the time"))
    }

    fn still_owed(&self, (space, about): &Name) -> Result<Option<Row<AlertRow>>, Fault> {
        match self.0.store.get::<AlertRow>(space, about) {
            Ok(row) => Ok(row.filter(|row| Owed::of(about, &row.value).is_some())),
            Err(ReadError::Row { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Starts the channel beside the service, which goes on taking alerts.
    fn deliver(
        &self,
        me: &Handle<Msg>,
        desk: &mut Desk,
        rows: &[(Name, Row<AlertRow>)],
        command: Command,
        message: Message,
    ) {
        desk.in_hand = rows.iter().map(|(name, row)| (name.clone(), row.value.raised_at)).collect();
        while desk.delivery.try_join_next().is_some() {}
        let (me, channel) = (me.clone(), self.0.channel.clone());
        desk.delivery.spawn(async move {
            let telling = channel.deliver(&command, &message);
            let ended = std::panic::AssertUnwindSafe(telling).catch_unwind().await;
            let ended = ended.unwrap_or_else(|_| Err("the channel panicked".to_owned()));
            // Until it is heard nothing else is told, so a mailbox that is full is waited for.
            let mut told = Msg::Told { ended };
            while let Err(Undelivered::Full(back)) = me.cast(told) {
                told = back;
                tokio::time::sleep(FULL_WAIT).await;
            }
        });
    }

    /// Writes down how it went.
    pub(super) async fn told(&self, desk: &mut Desk, ended: Result<(), String>) -> Result<(), Fault> {
        let in_hand = std::mem::take(&mut desk.in_hand);
        if let Err(why) = &ended {
            tracing::warn!(why, alerts = in_hand.len(), "the owner was not told; it is tried again");
        }
        for _ in 0..TRIES {
            let mut rows = Vec::new();
            let change = self.told_change(&in_hand, &ended, &mut rows)?;
            if change.is_empty() {
                return Ok(());
            }
            match self.0.store.commit(change).await {
                Ok(_) => {
                    rows.iter().for_each(|((space, about), row)| desk.note(space, about, row));
                    return Ok(());
                }
                Err(CommitError::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::transient("the alerts that were told were changed all the time"))
    }

    fn told_change(
        &self,
        in_hand: &[(Name, Moment)],
        ended: &Result<(), String>,
        rows: &mut Vec<(Name, AlertRow)>,
    ) -> Result<Change, Fault> {
        let (mut change, now) = (Change::new(), self.0.now());
        for (name, raised_at) in in_hand {
            let (space, about) = name;
            let Ok(Some(mut row)) = self.0.store.get::<AlertRow>(space, about) else { continue };
            if row.value.raised_at != *raised_at {
                // It was over and came again: that is other news.
                continue;
            }
            let news = outcome(&mut row.value, ended, now);
            change = change
                .expect_version(Key::of::<AlertRow>(space, about)?, row.version)
                .put(space, about, &row.value)?;
            if let Some(kind) = news {
                let payload = json!({
                    "about": about, "attempts": row.value.telling.attempts, "error": row.value.telling.error,
                });
                change = change.audit(NewEntry::new(now, space, kind, &payload)?);
            }
            rows.push((name.clone(), row.value));
        }
        Ok(change)
    }
}

/// What an attempt's end makes of a row, and the audit kind if that is the end of it.
fn outcome(row: &mut AlertRow, ended: &Result<(), String>, now: Moment) -> Option<&'static str> {
    let telling = &mut row.telling;
    match ended {
        Ok(()) => {
            telling.delivered_at = Some(now);
            telling.next_try = None;
            telling.error = None;
            Some("alert.delivered")
        }
        Err(why) => {
            telling.error = Some(super::line(why).chars().take(ERROR_CHARS_MAX).collect());
            if telling.attempts < ATTEMPTS_MAX {
                return None;
            }
            telling.next_try = None;
            Some("alert.undelivered")
        }
    }
}
