//! The one place that implements ractor's `Actor`: runs a [`Component`], opens its envelopes, keeps its
//! meter, catches its panics, and tells its supervisor when all of it is gone.
//!
//! Incarnations are not linked by ractor: its events would carry the dead state to the supervisor and
//! keep it alive there. A guard dropped with the host tells the supervisor instead, and the supervisor
//! then waits for the task itself, so a successor never meets its predecessor's state.

use std::sync::Arc;

use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr};

use crate::component::Component;
use crate::envelope::Envelope;
use crate::fault::{Cause, Exit, Fault};
use crate::handle::Handle;
use crate::inspect::Inspect;
use crate::life::{ExitNote, Life};
use crate::meter::bounded;
use crate::panics::{Panic, caught};
use crate::poll::Polled;
#[cfg(feature = "testing")]
use crate::sabotage::{When, carry_out};
use crate::scope::Scope;
use crate::seat::Seat;
use crate::status::StatusAnswer;
use crate::supervisor::SupMsg;
use crate::tree::Place;

/// After how many messages a component is asked again how much it holds.
const MEMORY_EVERY: u64 = 64;

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
    let Launch { place, incarnation, parent } = launch;
    let seat = place.seat(incarnation);
    seat.meter.begin_life(size_of::<C>() + size_of::<C::State>(), Envelope::<C::Msg>::PLACE_BYTES);
    let component = caught(make).map_err(|panic| start_panicked(&seat, panic, ""))?;
    let door = to.door();
    let note = ExitNote::default();
    let host = Host {
        component,
        seat,
        note: note.clone(),
        incarnation,
        end: EndGuard { incarnation, slot: to, parent },
    };
    match Actor::spawn(None, host, ()).await {
        Ok((actor, task)) => Ok(Life::new(incarnation, actor.get_cell(), task, note, door)),
        Err(SpawnErr::StartupFailed(error)) => {
            Err(note.read().unwrap_or_else(|| Exit::StartFailed(Fault::bug(error.to_string()))))
        }
        Err(error) => Err(Exit::StartFailed(Fault::bug(error.to_string()))),
    }
}

/// A panic before the state is there. `what` introduces its text.
fn start_panicked(seat: &Seat, panic: Panic, what: &str) -> Exit {
    let exit = Exit::StartFailed(Fault::bug(format!("{what}{}", panic.text))).masked(&*seat.mask);
    seat.meter.note_panic(panic);
    exit
}

struct Host<C: Component> {
    component: C,
    seat: Arc<Seat>,
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
        self.note.write(exit.masked(&*self.seat.mask));
        Box::new(Over)
    }

    fn panicked(&self, panic: Panic) -> Exit {
        let exit = Exit::Panicked(panic.text.clone());
        self.seat.meter.note_panic(panic);
        exit
    }

    fn polled<'a, F: Future>(&'a self, future: F, action: Option<Arc<str>>, now_ns: u64) -> Polled<'a, F> {
        Polled::new(future, &self.seat, Scope { seat: self.seat.clone(), action, handler: true }, now_ns)
    }

    /// The component's own code, unless somebody breaks it here.
    #[cfg(feature = "testing")]
    async fn unless_broken<T>(
        &self,
        myself: &ActorRef<Envelope<C::Msg>>,
        when: When,
        kind: Option<&'static str>,
        own: impl Future<Output = Result<T, Fault>> + Send,
    ) -> Result<T, Fault> {
        let planned =
            self.seat.sabotage.as_ref().and_then(|sabotage| sabotage.plan(&self.seat.path, when, kind));
        if let Some(how) = planned {
            carry_out(how, when, || myself.kill()).await?;
        }
        own.await
    }

    /// Answers those who asked for its status, between two messages.
    #[cold]
    fn answer(&self, state: &C::State, now_ns: u64) {
        let meter = &self.seat.meter;
        meter.enter_poll(now_ns);
        let answer = match caught(|| (self.component.status(state), self.component.memory_bytes(state))) {
            Ok((fields, memory_bytes)) => {
                meter.say_bytes(memory_bytes);
                StatusAnswer::Fields { fields: bounded(fields), memory_bytes }
            }
            Err(panic) => StatusAnswer::Panicked { why: (self.seat.mask)(&panic.text) },
        };
        meter.leave_poll();
        for ask in meter.take_asks() {
            // Who asked may have gone meanwhile.
            drop(ask.send(answer.clone()));
        }
    }

    /// Notes how much the component says that it holds. A panic in it is no news worth an end.
    fn weigh(&self, state: &C::State) {
        if let Ok(said) = caught(|| self.component.memory_bytes(state)) {
            self.seat.meter.say_bytes(said);
        }
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
        me.publish(myself.clone(), self.incarnation, self.seat.clone());
        let init = self.component.init(me.clone());
        #[cfg(feature = "testing")]
        let init = self.unless_broken(&myself, When::Init, None, init);
        match self.polled(init, None, self.seat.now_ns()).await {
            Ok(Ok(state)) => {
                self.weigh(&state);
                if self.seat.meter.flags().asked() {
                    self.answer(&state, self.seat.now_ns());
                }
                Ok(Some(state))
            }
            Ok(Err(fault)) => Err(self.over(Exit::StartFailed(fault))),
            Err(panic) => Err(self.over(start_panicked(&self.seat, panic, "panicked: "))),
        }
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(live) = state.as_mut() else { return Ok(()) };
        let (now_ns, flags) = (self.seat.now_ns(), self.seat.meter.flags());
        if flags.asked() {
            self.answer(live, now_ns);
        }
        let Some((msg, in_hand)) = envelope.open(now_ns, flags, &self.seat) else { return Ok(()) };
        #[cfg(feature = "testing")]
        let kind = msg.kind();
        let handling = self.component.handle(&self.end.slot, msg, live);
        #[cfg(feature = "testing")]
        let handling = self.unless_broken(&myself, When::Handle, Some(kind), handling);
        #[cfg(not(feature = "testing"))]
        drop(myself);
        let exit = match self.polled(handling, in_hand.action(), now_ns).await {
            Ok(Ok(())) => {
                in_hand.put_down(true);
                if self.seat.meter.done().is_multiple_of(MEMORY_EVERY) {
                    self.weigh(live);
                }
                return Ok(());
            }
            Ok(Err(fault)) if fault.cause == Cause::Escalated => Exit::GaveUp(fault.reason),
            Ok(Err(fault)) => Exit::Failed(fault),
            Err(panic) => self.panicked(panic),
        };
        in_hand.put_down(false);
        let over = self.over(exit);
        *state = None;
        Err(over)
    }

    async fn post_stop(
        &self,
        myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(live) = state.take() {
            let stopping = self.component.stop(live).map(Ok);
            #[cfg(feature = "testing")]
            let stopping = self.unless_broken(&myself, When::Stop, None, stopping);
            #[cfg(not(feature = "testing"))]
            drop(myself);
            match self.polled(stopping, None, self.seat.now_ns()).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => return Err(self.over(Exit::Failed(fault))),
                Err(panic) => return Err(self.over(self.panicked(panic))),
            }
        }
        self.note.write(Exit::Normal);
        Ok(())
    }
}
