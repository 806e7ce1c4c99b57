//! The reconciler: looks up what became of changes whose end nobody saw.
//!
//! Every ambiguous change has a [`LookUpRow`], written in the change that made it ambiguous, so none is
//! forgotten over a kill. Its platform's [`Reconciler`] says which read tells; the read walks the road as a
//! system action, and the finding settles the change. What stays unknown is looked up again, later each
//! time, up to once a day; after a day, or at once where nobody knows where to look, a person is asked.
//! Outside the platform's hours it waits for the opening, which counts as no look. It never sends a change
//! itself.
//!
//! It calls the gateway, the alerts and the store. A round that fails ends the actor, and the next one
//! begins from the same rows.

use std::sync::Arc;
use std::time::Duration;

use mm_core::action::Action;
use mm_core::activity::{ActionRecord, Stage};
use mm_core::answer::Answer;
use mm_core::backoff::Backoff;
use mm_core::id::{ActionId, Space};
use mm_core::moment::Moment;
use mm_core::untrusted::Untrusted;
use mm_sdk::{Finding, Reconciler as Looker, Sent};
use mm_store::{Change, Key, Record, Span};
use mm_supervision::{Component, Fault, Handle};

use crate::alerts::Alerts;
use crate::gateway::{Gateway, Settlement, Settling, SystemAction, Walked, asked};
use crate::message::kinds;
use crate::records::{ChangeRow, LookUpRow};
use crate::shared::Shared;
use crate::waking::{Rounds, Waker};

mod registry;

pub use registry::Reconcilers;

/// A look-up reads so many pages at most; what is not on them is looked for by a person.
const READS_MAX: u32 = 20;
/// One read takes at most so long.
const READ_WITHIN: Duration = Duration::from_secs(120);
/// A person is asked when so long nothing could be said.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// The first wait between two look-ups; each is twice the one before, up to [`PATIENCE`].
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest time between two rounds: what the clock or another actor moved is noticed then.
const ROUND_MAX: Duration = Duration::from_secs(3600);

/// The way to the reconciler.
#[derive(Clone, Default)]
pub struct Reconciler(Handle<Msg>);

impl Reconciler {
    /// The actor's own handle, for the tree.
    pub fn handle(&self) -> &Handle<Msg> {
        &self.0
    }
}

/// What it is sent, by its own tasks.
pub enum Msg {
    /// Something may be due.
    Look,
    /// A round is over.
    Rested(Result<(), Fault>),
}

kinds!(Msg { Look => "look", Rested => "rested" });

/// The service.
#[derive(Clone)]
pub struct ReconcilerService {
    /// What every service is handed.
    pub shared: Shared,
    /// Walks the reads.
    pub gateway: Gateway,
    /// Asks the owner.
    pub alerts: Alerts,
}

/// What it knows: what is under way.
#[derive(Default)]
pub struct State {
    rounds: Rounds,
    waker: Waker,
}

/// One ambiguous change in hand.
struct Case {
    space: Space,
    id: ActionId,
    row: LookUpRow,
    record: ActionRecord,
}

/// What a look-up led to.
enum Seen {
    Settled(Settlement),
    /// Not yet, or not this time.
    Later(String),
    /// The platform is asked nothing before then, by its owner's hours: it was not looked.
    Closed(String, Moment),
    /// Nobody here knows where to look.
    Nobody(String),
}

impl Component for ReconcilerService {
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

impl ReconcilerService {
    /// Wakes the actor when the next look-up is due, or there is news.
    fn sleep(&self, me: &Handle<Msg>, state: &mut State) -> Result<(), Fault> {
        let now = self.shared.now();
        let next = self.cases()?.into_iter().map(|case| case.row.next.since(now)).min();
        let wait = next.unwrap_or(ROUND_MAX).min(ROUND_MAX);
        let reconcilers = self.shared.settings().reconcilers.clone();
        state.waker.set(me, Msg::Look, Some(wait), async move { reconcilers.woken().await });
        Ok(())
    }

    /// Looks up all that is due, one after the other.
    async fn round(&self) -> Result<(), Fault> {
        for case in self.cases()? {
            if case.row.next <= self.shared.now() {
                self.look_up(case).await?;
            }
        }
        Ok(())
    }

    /// What is ambiguous. A row whose action is settled, or gone, is passed over: what settles takes it
    /// away in the same change.
    fn cases(&self) -> Result<Vec<Case>, Fault> {
        let store = &self.shared.store;
        let mut cases = Vec::new();
        for space in store.spaces()? {
            for (id, row) in store.scan::<LookUpRow>(&space, Span::all(), usize::MAX)?.rows {
                let record = store.get::<ActionRecord>(&space, &id)?.map(|record| record.value);
                if let Some(record) = record.filter(|record| record.stage == Stage::Ambiguous) {
                    cases.push(Case { space: space.clone(), id: ActionId::new(id), row: row.value, record });
                }
            }
        }
        Ok(cases)
    }

    async fn look_up(&self, case: Case) -> Result<(), Fault> {
        match self.look(&case).await? {
            Seen::Settled(settlement) => {
                let settling = Settling { shared: self.shared.clone(), alerts: self.alerts.clone() };
                // Whoever else settled it meanwhile looked as well.
                drop(settling.settle(&case.space, &case.id, &settlement).await?);
                Ok(())
            }
            Seen::Later(why) => {
                let now = self.shared.now();
                let asks = now.since(case.row.since) >= PATIENCE;
                self.put_off(case, why, asks, now).await
            }
            Seen::Closed(why, opens) => {
                let row = LookUpRow { next: opens, last: Some(why), ..case.row };
                self.keep(&case.space, &case.id, &row).await
            }
            Seen::Nobody(why) => self.put_off(case, why, true, self.shared.now()).await,
        }
    }

    /// One look-up, over as many reads as it takes.
    async fn look(&self, case: &Case) -> Result<Seen, Fault> {
        let platform = &case.record.platform;
        let settings = self.shared.settings();
        let Some(looker) = settings.reconcilers.of(platform) else {
            return Ok(Seen::Nobody(format!("nothing here can look changes up at {platform}")));
        };
        let Some(sent) = self.sent(case)? else {
            return Ok(Seen::Nobody("what was sent is not kept any more".to_owned()));
        };
        let Some(mut ask) = looker.look(&sent) else {
            return Ok(Seen::Nobody(format!("{platform} has no read that would show it")));
        };
        for _ in 0..READS_MAX {
            if ask.request.method().is_mutating() {
                return Ok(Seen::Nobody(format!("the look-up at {platform} would change something itself")));
            }
            if let Some((why, opens)) = settings.closed(ask.platform.as_str(), self.shared.now()) {
                return Ok(Seen::Closed(why, opens));
            }
            let answer = match self.read(case, &ask).await {
                Ok(answer) => answer,
                Err(why) => return Ok(Seen::Later(why)),
            };
            match looker.find(&sent, &ask, &answer, self.shared.now()) {
                Finding::More(next) => ask = *next,
                found => return Ok(self.weigh(case, looker, found)),
            }
        }
        Ok(Seen::Later(format!("it is not on the first {READS_MAX} pages")))
    }

    fn weigh(&self, case: &Case, looker: &Arc<dyn Looker>, found: Finding) -> Seen {
        let by = "reconciler".to_owned();
        match found {
            Finding::Happened(how) => Seen::Settled(Settlement { happened: true, how, by }),
            Finding::DidNot if self.shared.now() < case.row.since.plus(looker.quiet()) => {
                Seen::Later("it is not there, but may still be on its way".to_owned())
            }
            Finding::DidNot => {
                let how = format!("{} does not show it", case.record.platform);
                Seen::Settled(Settlement { happened: false, how, by })
            }
            Finding::Unknown(why) => Seen::Later(Untrusted::new(why.as_str()).line(300)),
            Finding::More(_) => Seen::Later("it is on another page".to_owned()),
        }
    }

    /// The change as it was sent.
    fn sent(&self, case: &Case) -> Result<Option<Sent>, Fault> {
        let row = self.shared.store.get::<ChangeRow>(&case.space, case.id.as_str())?;
        Ok(row.map(|row| {
            let ChangeRow { action, request, sent_at, .. } = row.value;
            let request = request.unwrap_or_else(|| action.request.clone());
            Sent { at: sent_at.unwrap_or(case.record.at), action: Action { request, ..action } }
        }))
    }

    /// One read, down the road. The inner error says why there is no answer.
    async fn read(&self, case: &Case, ask: &Action) -> Result<Answer, String> {
        let look_up = SystemAction {
            space: case.space.clone(),
            service: "reconciler",
            step: "look-up".to_owned(),
            action: ask.clone(),
            within: READ_WITHIN,
        };
        let walked = self.gateway.system(look_up).await.map_err(|error| Fault::from(error).reason)?;
        match walked? {
            Walked::Done(answer) => Ok(answer),
            Walked::Refused(refusal) => Err(refusal.why),
            Walked::Pending(id) => Err(format!("the look-up waits for its owner, as {id}")),
            Walked::Fenced => Err("the look-up was cut off".to_owned()),
        }
    }

    /// Keeps when it is looked up next, and asks a person if it is time to.
    async fn put_off(&self, case: Case, why: String, asks: bool, now: Moment) -> Result<(), Fault> {
        let Case { space, id, row, record } = case;
        let wait = backoff().ceiling(row.looks.saturating_add(1));
        if asks && !row.asked {
            self.ask(&space, &record, &why);
        }
        let row = LookUpRow {
            looks: row.looks.saturating_add(1),
            next: now.plus(if asks { PATIENCE } else { wait }),
            asked: row.asked || asks,
            last: Some(why),
            ..row
        };
        self.keep(&space, &id, &row).await
    }

    /// Writes down how a look-up stands; not where the change was settled meanwhile.
    async fn keep(&self, space: &Space, id: &ActionId, row: &LookUpRow) -> Result<(), Fault> {
        let key = Key::new(space, LookUpRow::KIND, id.as_str())?;
        let Some(stands) = self.shared.store.get::<LookUpRow>(space, id.as_str())? else { return Ok(()) };
        let change = Change::new().expect_version(key, stands.version).put(space, id.as_str(), row)?;
        match self.shared.store.commit(change).await {
            Ok(_) | Err(mm_store::CommitError::Refused { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn ask(&self, space: &Space, record: &ActionRecord, why: &str) {
        let ActionRecord { id, platform, method, url, purpose, .. } = record;
        let sentence = format!(
            "nobody here can say whether action {id} happened ({why}); look at {platform} whether the {method} of \
             {url} ({purpose}) is there, then `money-machine actions settle {id} --happened` or `--did-not`, with \
             `--reason WHAT YOU SAW`"
        );
        self.alerts.raise(space, asked(id.as_str()), sentence);
    }
}

fn backoff() -> Backoff {
    Backoff::try_new(FIRST_WAIT, PATIENCE).expect("the first wait is not nothing, and shorter than the last")
}
