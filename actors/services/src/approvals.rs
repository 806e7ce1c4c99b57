//! Approvals: the inbox. It takes a person's words, carries out what he said yes to and what waited for a
//! slot, ends what nobody decided on, and starts the run that hears of it.
//!
//! All that is open stands in the store: after a crash this actor finds there what was approved and not
//! sent, what waits for its time, and which strategy has not been told yet. Carrying out is the gateway's;
//! here is only decided when. A word is on record, with who said it and when, before it is answered.
//!
//! It calls the gateway, the strategies, the alerts and the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mm_core::approval::{EXPIRES_AFTER, Event};
use mm_core::id::{ActionId, Space};
use mm_core::moment::Moment;
use mm_store::{CommitError, ReadError};
use mm_supervision::{CallError, Component, Fault, Handle, Reply, inherit};
use tokio::task::JoinSet;

use crate::alerts::Alerts;
use crate::damage;
use crate::gateway::{Gateway, Walked};
use crate::message::kinds;
use crate::records::{ApprovalRow, ChangeRow, SettledTelling, Standing};
use crate::shared::{CALL_TIMEOUT, Shared};
use crate::strategies::{NotStarted, Strategies};
use crate::waking::Waker;

mod words;

pub use words::Undecided;

/// While something waits for its time, no sleep is longer: a stepped clock or a suspended machine is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(300);
/// What did not work is tried again so much later.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// What is not to be looked at for longer than anything waits was put off by a clock that was wrong: it is
/// judged again, and no more often than this.
const PROBE_AFTER: Duration = Duration::from_secs(3600);
/// A change that nothing is to be done about now is looked at again so much later, whatever it waits for.
const LOOK_AFTER: Duration = Duration::from_secs(3600);
/// A strategy that is busy is told when it should be done.
const BUSY_AFTER: Duration = Duration::from_secs(1);

/// The way to the approvals.
#[derive(Clone, Default)]
pub struct Approvals(Handle<Msg>);

/// What a person says of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Yes to what it shows.
    Approve,
    /// Yes to this body instead.
    Edit(Vec<u8>),
    /// No.
    Reject,
    /// He did it himself.
    Done,
    /// He did not do it himself.
    NotDone,
}

/// What it is sent.
pub enum Msg {
    /// A person says something.
    Say {
        /// Whose question.
        space: Space,
        /// Which.
        id: String,
        /// What.
        word: Word,
        /// Who.
        by: String,
        /// Why, if he says so.
        reason: Option<String>,
        /// Where the question goes as it is then.
        reply: Reply<Result<ApprovalRow, Undecided>>,
    },
    /// Look what is to be done; from a timer, or from whoever changed something.
    Wake,
    /// A walk without a run has ended; from itself.
    Walked {
        /// Which action's.
        id: ActionId,
        /// Whether it is to be looked at only later.
        again: bool,
    },
}

kinds!(Msg { Say => "say", Wake => "wake", Walked => "walked" });

impl Approvals {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Makes it look what is to be done.
    pub fn wake(&self) {
        // If it is not running, it looks when it starts.
        drop(self.0.cast(Msg::Wake));
    }

    /// Says something of a question; durable, with who said it, when this returns. What is approved is
    /// sent after it.
    ///
    /// # Errors
    /// The inner error says what stands against it.
    pub async fn say(
        &self,
        space: &Space,
        id: &str,
        word: Word,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Result<ApprovalRow, Undecided>, CallError> {
        let (space, id, by) = (space.clone(), id.to_owned(), by.to_owned());
        let reason = reason.map(str::to_owned);
        self.0.call(|reply| Msg::Say { space, id, word, by, reason, reply }, CALL_TIMEOUT).await
    }
}

/// The service.
#[derive(Clone)]
pub struct ApprovalsService {
    /// What every service is handed.
    pub shared: Shared,
    /// Walks what is approved.
    pub gateway: Gateway,
    /// Whose runs hear of it.
    pub strategies: Strategies,
    /// Tell the owner.
    pub alerts: Alerts,
}

/// What it knows.
#[derive(Default)]
pub struct State {
    walks: JoinSet<()>,
    /// The actions that are being walked.
    under_way: BTreeSet<ActionId>,
    /// Those that failed in a way that may pass, and when they are looked at again.
    rests: Vec<(ActionId, Moment)>,
    /// What there is nothing to do about for now: most of what is open, at most looks.
    quiet: BTreeMap<String, Quiet>,
    waker: Waker,
}

/// A change as it was looked at. Whatever moves its question or its standing writes its row anew.
struct Quiet {
    version: u64,
    at: Moment,
    /// Something is to be done then, if it waits for its time.
    until: Option<Moment>,
}

impl Quiet {
    /// Whether another look would show the same. A clock that was set back makes it look.
    fn holds(&self, version: u64, now: Moment) -> bool {
        self.version == version
            && self.at <= now
            && now.since(self.at) < LOOK_AFTER
            && self.until.is_none_or(|until| now < until)
    }
}

impl Component for ApprovalsService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        self.flag(&Space::default_owner()).await?;
        drop(me.cast(Msg::Wake));
        Ok(State::default())
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        while state.walks.try_join_next().is_some() {}
        match msg {
            Msg::Say { space, id, word, by, reason, reply } => {
                let said = self.say(&space, &id, word, &by, reason.as_deref()).await?;
                reply.send(said);
            }
            Msg::Wake => {}
            Msg::Walked { id, again } => {
                state.under_way.remove(&id);
                if again {
                    state.rests.push((id, self.shared.now().plus(AGAIN_AFTER)));
                }
            }
        }
        let soonest = self.look(me, state).await?;
        // Where nothing waits for its time, what begins to wait, or is settled elsewhere, wakes it.
        let wait = soonest.map(|wait| wait.clamp(Duration::from_millis(1), SLEEP_MAX));
        let inbox = Arc::clone(&self.shared.inbox);
        state.waker.set(me, Msg::Wake, wait, async move { inbox.notified().await });
        Ok(())
    }
}

/// What an open change wants.
enum Want {
    /// To be carried out.
    Walk,
    /// To be carried out if it can be: when it was put off, the clock was wrong.
    Probe,
    /// To be ended, as nobody decided or no slot came.
    Expire,
    /// That its strategy hears of it.
    Tell,
    /// Nothing before this moment.
    Wait(Moment),
    /// A person's word.
    Nothing,
}

impl ApprovalsService {
    /// Finds what an earlier version of this program left open, which flagged nothing.
    async fn flag(&self, space: &Space) -> Result<(), Fault> {
        let store = &self.shared.store;
        loop {
            let flags = store.flag_unfinished::<ChangeRow>(space)??;
            match store.commit(flags).await {
                Ok(_) => return Ok(()),
                // Somebody moved one of them just now.
                Err(CommitError::Refused { .. }) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Does what is due, and says how long nothing else is; `None` if nothing waits for its time.
    async fn look(&self, me: &Handle<Msg>, state: &mut State) -> Result<Option<Duration>, Fault> {
        let (space, now) = (Space::default_owner(), self.shared.now());
        state.rests.retain(|(_, until)| *until > now && until.since(now) <= PROBE_AFTER);
        let mut waits: Option<Duration> = None;
        let mut sooner = |wait: Duration| waits = Some(waits.map_or(wait, |other| other.min(wait)));
        let mut quiet = BTreeMap::new();
        let found = self.shared.store.unfinished::<ChangeRow>(&space, |id, version| {
            let known = state.quiet.remove_entry(id).filter(|(_, known)| known.holds(version, now));
            let is_known = known.is_some();
            quiet.extend(known);
            is_known
        })?;
        for until in quiet.values().filter_map(|known| known.until) {
            sooner(until.since(now));
        }
        state.quiet = quiet;
        for row in found.damaged {
            self.tell_damaged(&space, &row.id, "its change");
        }
        for (id, row) in found.rows {
            let id = ActionId::new(id);
            if state.under_way.contains(&id) {
                continue;
            }
            if let Some((_, until)) = state.rests.iter().find(|(own, _)| *own == id) {
                sooner(until.since(now));
                continue;
            }
            let want = match self.want(&space, &row.value, now) {
                Ok(want) => want,
                Err(error) => {
                    let what = damage::of_one_row(error)?;
                    self.tell_damaged(&space, id.as_str(), &what);
                    continue;
                }
            };
            let seen = |until| Quiet { version: row.version, at: now, until };
            match want {
                Want::Walk => self.walk(me, state, &space, id),
                Want::Probe => {
                    state.rests.push((id.clone(), now.plus(PROBE_AFTER)));
                    self.walk(me, state, &space, id);
                }
                Want::Expire => self.expire(&space, &id, now).await?,
                Want::Tell => {
                    sooner(self.tell(&space, &id, &row.value).await);
                }
                Want::Wait(until) => {
                    sooner(until.since(now));
                    state.quiet.insert(id.to_string(), seen(Some(until)));
                }
                Want::Nothing => drop(state.quiet.insert(id.to_string(), seen(None))),
            }
        }
        Ok(waits)
    }

    /// What waits and cannot be read waits on; nobody would hear of it otherwise.
    fn tell_damaged(&self, space: &Space, id: &str, what: &str) {
        let sentence = format!(
            "action {id} waits and cannot go on: {what} does not open; restore a backup, or look at the platform and do \
             it yourself"
        );
        self.alerts.raise(space, format!("damaged/{id}"), sentence);
    }

    fn want(&self, space: &Space, row: &ChangeRow, now: Moment) -> Result<Want, ReadError> {
        // Time has passed only if the clock that says so is trusted.
        let over = || match self.shared.trust.wall() {
            Some(_) => Want::Expire,
            None => Want::Wait(now.plus(SLEEP_MAX)),
        };
        let by_time = |not_before: Option<Moment>, until: Option<Moment>| match (not_before, until) {
            (_, Some(until)) if now >= until => over(),
            (Some(at), _) if at > now.plus(EXPIRES_AFTER) => Want::Probe,
            (Some(at), _) if now < at => Want::Wait(at),
            _ => Want::Walk,
        };
        Ok(match &row.standing {
            Standing::Queued { not_before, until } => by_time(Some(*not_before), Some(*until)),
            Standing::Asked { approval, not_before } => {
                let asked = self.shared.store.get::<ApprovalRow>(space, approval)?;
                let Some(item) = asked.map(|row| row.value.item) else { return Ok(Want::Nothing) };
                use mm_core::approval::State as At;
                match (item.state, item.ends_at()) {
                    (At::Waiting, Some(ends)) if now < ends => Want::Wait(ends),
                    (At::Waiting, _) => over(),
                    (At::Approved, ends) => by_time(*not_before, ends),
                    _ => Want::Nothing,
                }
            }
            Standing::Settled { telling: SettledTelling::Due, .. } => Want::Tell,
            Standing::Settled { .. } | Standing::Sending | Standing::Ambiguous => Want::Nothing,
        })
    }

    /// Has an action walked beside the mailbox.
    fn walk(&self, me: &Handle<Msg>, state: &mut State, space: &Space, id: ActionId) {
        state.under_way.insert(id.clone());
        let (gateway, me, space) = (self.gateway.clone(), me.clone(), space.clone());
        state.walks.spawn(inherit(async move {
            let again = match gateway.carry_out(&space, &id).await {
                Ok(Ok(Walked::Done(_) | Walked::Refused(_) | Walked::Pending(_))) => false,
                // Somebody else moved it, or a service failed: what it is now stands in the store.
                Ok(Ok(Walked::Fenced)) => true,
                Ok(Err(why)) => {
                    tracing::warn!(action = %id, why, "what was approved is tried again later");
                    true
                }
                Err(error) => {
                    tracing::warn!(action = %id, %error, "what was approved is looked at again later");
                    true
                }
            };
            drop(me.cast(Msg::Walked { id, again }));
        }));
    }

    /// Starts the run that hears of a settled change; gives when to look whether it has.
    async fn tell(&self, space: &Space, id: &ActionId, row: &ChangeRow) -> Duration {
        match self.strategies.settled(space, &row.strategy, id).await {
            Ok(Ok(run)) => {
                tracing::info!(action = %id, %run, "a run hears of what was settled");
                SLEEP_MAX
            }
            Ok(Err(NotStarted::Busy(_))) => BUSY_AFTER,
            // Paused, out of use or not installed: it hears of it when it runs again.
            Ok(Err(why)) => {
                tracing::debug!(action = %id, %why, "a settled change waits for its strategy");
                SLEEP_MAX
            }
            Err(error) => {
                tracing::debug!(action = %id, %error, "a settled change waits for its strategy's host");
                BUSY_AFTER
            }
        }
    }
}

/// What a person's word is to a question.
fn event(word: &Word, edited: Option<Event>) -> Event {
    match (word, edited) {
        (Word::Edit(_), Some(edited)) => edited,
        (Word::Approve | Word::Edit(_), _) => Event::Approve,
        (Word::Reject, _) => Event::Reject,
        (Word::Done, _) => Event::Done,
        (Word::NotDone, _) => Event::NotDone,
    }
}
