//! The one place that implements ractor's `Actor`: runs a [`Component`], opens its envelopes, keeps its
//! meter, catches its panics, and tells its supervisor when all of it is gone.
//!
//! Incarnations are not linked by ractor: its events would carry the dead state to the supervisor and
//! keep it alive there. A guard dropped with the host tells the supervisor instead, and the supervisor
//! then waits for the task itself, so a successor never meets its predecessor's state.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr};

use crate::component::Component;
use crate::envelope::Envelope;
use crate::fault::{Exit, Fault};
use crate::handle::Handle;
use crate::inspect::Inspect;
use crate::life::{ExitNote, Life};
use crate::meter::Meter;
use crate::poll::{Polled, panic_text};
use crate::scope::Scope;
use crate::seat::Seat;
use crate::supervisor::SupMsg;
use crate::tree::Place;

/// What an incarnation is started with.
pub(crate) struct Launch {
    pub(crate) place: Place,
    pub(crate) incarnation: u64,
    /// Who is told of its end; the root tells nobody.
    pub(crate) parent: Option<Handle<SupMsg>>,
}

/// Starts one incarnation and waits until its `init` is through.
pub(crate) async fn launch<C: Component>(
    make: impl FnOnce() -> C + Send,
    to: Handle<C::Msg>,
    launch: Launch,
) -> Result<Life, Exit> {
    let component = catch_unwind(AssertUnwindSafe(make))
        .map_err(|payload| Exit::StartFailed(Fault::bug(panic_text(&*payload))))?;
    let Launch { place, incarnation, parent } = launch;
    let note = ExitNote::default();
    let host = Host {
        component,
        seat: place.seat(),
        meter: to.meter(),
        note: note.clone(),
        incarnation,
        end: EndGuard { incarnation, slot: to, parent },
    };
    match Actor::spawn(None, host, ()).await {
        Ok((actor, task)) => Ok(Life::new(incarnation, actor.get_cell(), task, note)),
        Err(SpawnErr::StartupFailed(error)) => {
            Err(note.read().unwrap_or_else(|| Exit::StartFailed(Fault::bug(error.to_string()))))
        }
        Err(error) => Err(Exit::StartFailed(Fault::bug(error.to_string()))),
    }
}

struct Host<C: Component> {
    component: C,
    seat: Arc<Seat>,
    meter: Arc<Meter>,
    note: ExitNote,
    incarnation: u64,
    end: EndGuard<C::Msg>,
}

/// Empties the handle and tells the supervisor, whichever way the incarnation ends.
struct EndGuard<M: Inspect> {
    incarnation: u64,
    slot: Handle<M>,
    parent: Option<Handle<SupMsg>>,
}

impl<M: Inspect> Drop for EndGuard<M> {
    fn drop(&mut self) {
        self.slot.withdraw(self.incarnation);
        if let Some(parent) = &self.parent {
            parent.push(SupMsg::Ended { incarnation: self.incarnation });
        }
    }
}

/// Only there because ractor wants an error; what happened stands in the note.
#[derive(Debug, thiserror::Error)]
#[error("the incarnation ended; its exit note says how")]
struct Over;

impl<C: Component> Host<C> {
    fn over(&self, exit: Exit) -> ActorProcessingErr {
        self.note.write(exit);
        Box::new(Over)
    }

    fn polled<'a, F: Future>(&'a self, future: F, action: Option<Arc<str>>, now_ns: u64) -> Polled<'a, F> {
        let scope = Scope { sender: self.seat.path.clone(), action };
        Polled::new(future, &self.meter, &self.seat, scope, now_ns)
    }
}

impl<C: Component> Actor for Host<C> {
    type Msg = Envelope<C::Msg>;
    /// `None` once the state is given away or dropped.
    type State = Option<C::State>;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Self::State, ActorProcessingErr> {
        let me = &self.end.slot;
        me.publish(myself, self.incarnation, self.seat.clone());
        let init = self.component.init(me.clone());
        match self.polled(init, None, self.seat.now_ns()).await {
            Ok(Ok(state)) => Ok(Some(state)),
            Ok(Err(fault)) => Err(self.over(Exit::StartFailed(fault))),
            Err(panic) => Err(self.over(Exit::StartFailed(Fault::bug(format!("panicked: {panic}"))))),
        }
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let now_ns = self.seat.now_ns();
        let Some((msg, in_hand)) = envelope.open(now_ns, &self.meter, &self.seat) else {
            return Ok(());
        };
        let Some(live) = state.as_mut() else { return Ok(()) };
        let handling = self.component.handle(&self.end.slot, msg, live);
        let exit = match self.polled(handling, in_hand.action(), now_ns).await {
            Ok(Ok(())) => {
                in_hand.put_down(true);
                return Ok(());
            }
            Ok(Err(Fault { reason, cause: crate::fault::Cause::Escalated })) => Exit::GaveUp(reason),
            Ok(Err(fault)) => Exit::Failed(fault),
            Err(panic) => Exit::Panicked(panic),
        };
        in_hand.put_down(false);
        let over = self.over(exit);
        *state = None;
        Err(over)
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(live) = state.take() {
            let stopping = self.component.stop(live);
            if let Err(panic) = self.polled(stopping, None, self.seat.now_ns()).await {
                return Err(self.over(Exit::Panicked(panic)));
            }
        }
        self.note.write(Exit::Normal);
        Ok(())
    }
}
