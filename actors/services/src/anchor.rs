//! The anchor service: tells checkpoints of the audit trail to places outside the store, so that a store
//! that is put back to an older state, or made anew, can be seen to be.
//!
//! A place is a file (which may lie on another disk), a webhook, or a program of the owner's that mails what
//! it reads. What was told where is a row, so that a restart tells nothing twice and forgets nothing. A place
//! that fails is tried again, later each time; after an hour the owner is told, once. It also tells the owner
//! when the trail holds every permit, or cannot be signed.
//!
//! It calls the gateway (the webhook walks the road as every outward act does), the alerts, the store, and
//! the seams of the file and the program. Without a place it only looks.

use std::time::Duration;

use mm_core::action::{Action, ActionKind, Method, Request};
use mm_core::audit::anchor::Line;
use mm_core::audit::checkpoint::Signed;
use mm_core::backoff::Backoff;
use mm_core::id::Space;
use mm_core::moment::Moment;
use mm_core::url::LogicalUrl;
use mm_store::Change;
use mm_supervision::{Component, Fault, Handle};
use serde_json::json;

use crate::alerts::{Alerts, Command};
use crate::audit::{AnchorSettings, anchored, append, checkpoints};
use crate::gateway::{Gateway, SystemAction, Walked};
use crate::message::kinds;
use crate::records::AnchorRow;
use crate::shared::Shared;
use crate::waking::{Rounds, Waker};

/// The longest time between two looks, whatever is due: the clock may have been set.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// The shortest.
const SOON: Duration = Duration::from_secs(1);
/// The owner is told of a place that fails for so long.
const FAILS_FOR: Duration = Duration::from_secs(3600);
/// The first wait after a failure; each is up to twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait.
const LAST_WAIT: Duration = Duration::from_secs(3600);
/// The longest that a webhook may take.
const WEBHOOK_WITHIN: Duration = Duration::from_secs(90);
/// The platform that a webhook of the owner's is to the rules: a pack of his own, `owner-webhook.toml`.
pub const WEBHOOK_PLATFORM: &str = "owner-webhook";
/// The kind of its acts.
pub const WEBHOOK_KIND: &str = "anchor";
/// What the alert is about while permits are held.
const HELD: &str = "integrity/audit";
/// What the alert is about while nothing is signed.
const UNSIGNED: &str = "audit/unsigned";

/// The way to the anchor service.
#[derive(Clone, Default)]
pub struct Anchor(Handle<Msg>);

impl Anchor {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }

    /// Says that there may be something to tell.
    pub fn look(&self) {
        drop(self.0.cast(Msg::Look));
    }
}

/// What it is sent, by its own timer and round.
pub enum Msg {
    /// There may be something to tell.
    Look,
    /// A round is over.
    Rested(Result<(), Fault>),
}

kinds!(Msg { Look => "look", Rested => "rested" });

/// The service.
#[derive(Clone)]
pub struct AnchorService {
    /// What every service is handed.
    pub shared: Shared,
    /// Walks the webhook.
    pub gateway: Gateway,
    /// Tells the owner.
    pub alerts: Alerts,
}

/// What it knows.
#[derive(Default)]
pub struct State {
    rounds: Rounds,
    waker: Waker,
    /// What the owner was told of the trail: why permits are held, and why nothing is signed.
    said: Option<[Option<String>; 2]>,
}

/// Somewhere checkpoints are told to.
enum Place {
    File(std::path::PathBuf),
    Webhook(String),
    Command(Command),
}

impl Place {
    /// Its name, which is its row's id.
    fn name(&self) -> &'static str {
        match self {
            Place::File(_) => "file",
            Place::Webhook(_) => "webhook",
            Place::Command(_) => "command",
        }
    }

    fn all(settings: &AnchorSettings) -> Vec<Place> {
        let file = settings.file.clone().map(Place::File);
        let webhook = settings.webhook.clone().map(Place::Webhook);
        let command = settings.command.clone().map(Place::Command);
        file.into_iter().chain(webhook).chain(command).collect()
    }
}

/// Whether a place is to be told of a checkpoint now.
fn is_due(place: &Place, row: &AnchorRow, newest: &Signed, every: Duration, now: Moment) -> bool {
    if row.checkpoint == newest.checkpoint.digest() || row.next_try.is_some_and(|at| now < at) {
        return false;
    }
    // A file is patient. A person's inbox is not.
    let rested = row.at.is_none_or(|at| now < at || now.since(at) >= every);
    matches!(place, Place::File(_)) || row.failures > 0 || rested
}

impl Component for AnchorService {
    type Msg = Msg;
    type State = State;

    async fn init(&self, me: Handle<Msg>) -> Result<State, Fault> {
        drop(me.cast(Msg::Look));
        Ok(State::default())
    }

    async fn handle(&self, me: &Handle<Msg>, msg: Msg, state: &mut State) -> Result<(), Fault> {
        match msg {
            Msg::Look => {
                if state.rounds.may_begin() {
                    self.say_how_it_stands(state);
                    let service = self.clone();
                    state.rounds.begin(me, async move { service.round().await }, Msg::Rested);
                }
            }
            Msg::Rested(ended) => {
                ended?;
                if state.rounds.ended().await {
                    drop(me.cast(Msg::Look));
                } else {
                    self.sleep(me, state)?;
                }
            }
        }
        Ok(())
    }
}

impl AnchorService {
    /// Wakes the actor when there is another checkpoint, or a place is due.
    fn sleep(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let standing = self.shared.evidence.standing.clone();
        let wait = self.next_due()?;
        state.waker.set(me, Msg::Look, Some(wait), async move { standing.news().await });
        Ok(())
    }

    /// The time until a place is due that was put off.
    fn next_due(&self) -> Result<Duration, Fault> {
        let (now, settings) = (self.shared.now(), self.shared.settings());
        let anchor = &settings.audit.anchor;
        let mut wait = LOOK_EVERY;
        for place in Place::all(anchor) {
            let Some(row) = self.row(&place)? else { continue };
            let rested = row.at.map(|at| at.plus(anchor.every)).filter(|at| *at > now);
            let at = row.next_try.or(rested);
            // What is due now was looked at now.
            wait = wait.min(at.map_or(LOOK_EVERY, |at| at.since(now).max(SOON)));
        }
        Ok(wait)
    }

    fn row(&self, place: &Place) -> Result<Option<AnchorRow>, Fault> {
        let row = self.shared.store.get::<AnchorRow>(&Space::machine(), place.name())?;
        Ok(row.map(|row| row.value))
    }

    /// Tells the owner what is thought of the trail, when that has changed.
    fn say_how_it_stands(&self, state: &mut State) {
        let standing = &self.shared.evidence.standing;
        let now = [standing.held(), standing.unsigned()];
        if state.said.as_ref() == Some(&now) {
            return;
        }
        let space = self.shared.machine();
        for (about, why) in [HELD, UNSIGNED].into_iter().zip(&now) {
            match why {
                Some(why) => self.alerts.raise(&space, about, why.as_str()),
                None => self.alerts.clear(&space, about),
            }
        }
        state.said = Some(now);
    }

    /// Tells every place that is due of the newest checkpoint.
    async fn round(&self) -> Result<(), Fault> {
        let (store, settings) = (&self.shared.store, self.shared.settings());
        let Some(newest) = checkpoints::latest(store)? else { return Ok(()) };
        // What is in doubt is told nowhere as if it were not.
        if self.shared.evidence.standing.held().is_some() {
            return Ok(());
        }
        let anchor = &settings.audit.anchor;
        for place in Place::all(anchor) {
            let row = self.row(&place)?.unwrap_or_default();
            if is_due(&place, &row, &newest, anchor.every, self.shared.now()) {
                let told = self.tell(&place, &row, &newest).await;
                self.keep(&place, row, &newest, told).await?;
            }
        }
        Ok(())
    }

    async fn tell(&self, place: &Place, row: &AnchorRow, newest: &Signed) -> Result<(), String> {
        match place {
            Place::File(path) => {
                if row.told > 0 && anchored(&self.shared).await?.is_empty() {
                    let sentence = format!(
                        "the anchors that were written to {} are gone; if you did not put them away, somebody else did",
                        path.display()
                    );
                    self.alerts.raise(&self.shared.machine(), "audit/anchors-gone", sentence);
                }
                append(&self.shared, path, newest).await
            }
            Place::Webhook(url) => self.post(url, newest).await,
            Place::Command(command) => {
                let text = self.message(newest);
                self.shared.evidence.command.hand(command, &text).await
            }
        }
    }

    /// What the owner's program reads: one line of JSON.
    fn message(&self, newest: &Signed) -> String {
        let (line, stamp) = (Line::from(newest), self.shared.settings().stamp);
        let sentence =
            format!("the audit trail ({stamp}) at {}: entry {} has hash {}", line.at, line.seq, line.hash);
        json!({ "about": "audit/anchor", "sentence": sentence, "stamp": stamp, "anchor": line }).to_string()
    }

    async fn post(&self, url: &str, newest: &Signed) -> Result<(), String> {
        let system = SystemAction {
            space: self.shared.machine(),
            service: "anchor",
            step: format!("webhook-{}", newest.checkpoint.seq),
            action: webhook(url, newest)?,
            within: WEBHOOK_WITHIN,
        };
        let walked = self.gateway.system(system).await.map_err(|error| error.to_string())??;
        match walked {
            Walked::Done(answer) if (200..300).contains(&answer.status) => Ok(()),
            Walked::Done(answer) => Err(format!("the webhook answered with status {}", answer.status)),
            Walked::Refused(refusal) => Err(refusal.why),
            Walked::Pending(_) | Walked::Fenced => Err("the webhook's turn has not come".to_owned()),
        }
    }

    /// Keeps what became of it. This is no entry of the trail: an anchor would be news to the next one.
    async fn keep(
        &self,
        place: &Place,
        row: AnchorRow,
        newest: &Signed,
        told: Result<(), String>,
    ) -> Result<(), Fault> {
        let (space, now, about) =
            (Space::machine(), self.shared.now(), format!("audit/anchor-{}", place.name()));
        let row = match told {
            Ok(()) => {
                if row.failures > 0 {
                    self.alerts.clear(&space, about);
                }
                AnchorRow {
                    seq: newest.checkpoint.seq,
                    checkpoint: newest.checkpoint.digest(),
                    at: Some(now),
                    told: row.told + 1,
                    ..AnchorRow::default()
                }
            }
            Err(why) => self.failed(&about, row, &why, now),
        };
        self.shared.store.commit(Change::new().put(&space, place.name(), &row)?).await?;
        Ok(())
    }

    fn failed(&self, about: &str, row: AnchorRow, why: &str, now: Moment) -> AnchorRow {
        let (failures, since) = (row.failures.saturating_add(1), row.failing_since.unwrap_or(now));
        tracing::warn!(about, why, failures, "a checkpoint of the audit trail was not told");
        let alerted = row.alerted || now.since(since) >= FAILS_FOR;
        if alerted && !row.alerted {
            let sentence = format!(
                "the audit trail has not been anchored since {since}: {why}; until it is, somebody who can write to \
                 this machine could put its records back to that day unseen"
            );
            self.alerts.raise(&self.shared.machine(), about, sentence);
        }
        let wait = backoff().delay(failures, self.shared.rng.unit());
        AnchorRow {
            failures,
            failing_since: Some(since),
            next_try: Some(now.plus(wait)),
            error: Some((self.shared.mask)(why)),
            alerted,
            ..row
        }
    }
}

fn backoff() -> Backoff {
    Backoff::try_new(FIRST_WAIT, LAST_WAIT).expect("the first wait is not nothing, and shorter than the last")
}

/// The act that posts a checkpoint to the owner's address.
fn webhook(url: &str, newest: &Signed) -> Result<Action, String> {
    let wrong =
        |error: &dyn std::error::Error| format!("the webhook of [audit.anchor] cannot be called: {error}");
    let url = LogicalUrl::parse(url).map_err(|error| wrong(&error))?;
    let request = Request::new(Method::Post, url, Line::from(newest).text().into_bytes());
    let request = request.and_then(|request| request.header("content-type", "application/json"));
    let platform = WEBHOOK_PLATFORM.parse().map_err(|error| wrong(&error))?;
    let kind = ActionKind::new(WEBHOOK_KIND);
    let purpose = "tells your webhook how far the audit trail has come";
    Ok(Action::of(platform, kind, request.map_err(|error| wrong(&error))?, purpose))
}
