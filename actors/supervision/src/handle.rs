//! The cloneable way to an actor, which outlives its restarts.
//!
//! A handle is made before its actor, given to whoever needs it, and filled by each incarnation in turn.
//! It never sends anything twice: between two incarnations, and after a crash, the sender is told.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;

use ractor::{ActorRef, MessagingErr};

use crate::envelope::Envelope;
use crate::inspect::Inspect;
use crate::life::Knock;
use crate::meter::{Meter, Wait};
use crate::reply::{CallError, Reply, Undelivered};
use crate::scope;
use crate::seat::Seat;

/// How many messages may wait where nothing else is said.
pub const DEFAULT_BOUND: u32 = 1024;

/// A way to an actor that receives `M`. Clones lead to the same one.
pub struct Handle<M: Inspect> {
    slot: Arc<Slot<M>>,
}

struct Slot<M: Inspect> {
    current: RwLock<Option<Current<M>>>,
    meter: Arc<Meter>,
}

/// The incarnation of the moment.
struct Current<M: Inspect> {
    actor: ActorRef<Envelope<M>>,
    incarnation: u64,
    seat: Arc<Seat>,
}

impl<M: Inspect> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self { slot: self.slot.clone() }
    }
}

impl<M: Inspect> Default for Handle<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Inspect> std::fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("running", &self.is_running()).finish()
    }
}

impl<M: Inspect> Handle<M> {
    /// A handle to an actor that is not there yet, with the usual mailbox.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(DEFAULT_BOUND)
    }

    /// The same with room for `bound` waiting messages.
    #[must_use]
    pub fn bounded(bound: u32) -> Self {
        Self { slot: Arc::new(Slot { current: RwLock::new(None), meter: Arc::new(Meter::new(bound)) }) }
    }

    /// Sends without waiting for anything.
    ///
    /// # Errors
    /// Gives the message back when the mailbox is full or no incarnation is there.
    pub fn cast(&self, msg: M) -> Result<(), Undelivered<M>> {
        self.send(msg, None, true)
    }

    /// Sends what `ask` makes of a reply port, and waits for the answer at most `within`, on the
    /// caller's own runtime. A call that timed out stays in the mailbox.
    ///
    /// # Errors
    /// See [`CallError`]; nothing is sent twice.
    pub async fn call<R: Send + 'static>(
        &self,
        ask: impl FnOnce(Reply<R>) -> M,
        within: Duration,
    ) -> Result<R, CallError> {
        let (reply, answer) = Reply::pair();
        let begun = Arc::new(AtomicBool::new(false));
        let msg = ask(reply);
        let kind = msg.kind();
        match self.send(msg, Some(begun.clone()), true) {
            Ok(()) => {}
            Err(Undelivered::Full(_)) => return Err(CallError::Full),
            Err(Undelivered::NotRunning(_)) => return Err(CallError::NotRunning),
        }
        let mut answer = std::pin::pin!(answer);
        let answered = match in_one_turn(answer.as_mut()).await {
            Some(answered) => Ok(answered),
            None => {
                let _waiting = Waiting::begin(self, kind);
                tokio::time::timeout(within, answer).await
            }
        };
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(CallError::Lost { maybe_done: begun.load(Ordering::Acquire) }),
            Err(_) => Err(CallError::TimedOut),
        }
    }

    /// Asks the incarnation to end normally after the message in hand: its `stop` runs, what waits is
    /// dropped, and the supervisor does what its restart kind says. Meant for a component itself.
    pub fn finish(&self) {
        if let Some(current) = &*self.read() {
            current.actor.stop(None);
        }
    }

    /// Whether an incarnation is there now (starting ones included).
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.read().is_some()
    }

    /// The actor's path in its tree, while an incarnation is there.
    #[must_use]
    pub fn path(&self) -> Option<Arc<str>> {
        self.read().as_ref().map(|current| current.seat.path.clone())
    }

    /// The actor's figures; reading them never waits on it.
    #[must_use]
    pub fn meter(&self) -> Arc<Meter> {
        self.slot.meter.clone()
    }

    /// For what must arrive whatever the bound says.
    pub(crate) fn push(&self, msg: M) {
        // No incarnation: then nobody is left to whom it could matter.
        drop(self.send(msg, None, false));
    }

    pub(crate) fn publish(&self, actor: ActorRef<Envelope<M>>, incarnation: u64, seat: Arc<Seat>) {
        *self.write() = Some(Current { actor, incarnation, seat });
    }

    /// Empties the slot if it still holds that incarnation.
    pub(crate) fn withdraw(&self, incarnation: u64) {
        let mut current = self.write();
        if current.as_ref().is_some_and(|current| current.incarnation == incarnation) {
            *current = None;
        }
    }

    fn send(&self, msg: M, begun: Option<Arc<AtomicBool>>, bounded: bool) -> Result<(), Undelivered<M>> {
        let meter = &self.slot.meter;
        let current = self.read();
        let Some(current) = current.as_ref() else {
            return Err(Undelivered::NotRunning(msg));
        };
        let Some(seq) = meter.admit(bounded) else {
            return Err(Undelivered::Full(msg));
        };
        let envelope = Envelope::seal(msg, seq, begun, meter, &current.seat);
        match current.actor.send_message(envelope) {
            Err(MessagingErr::SendErr(envelope)) => match envelope.unseal() {
                Some(msg) => Err(Undelivered::NotRunning(msg)),
                None => Ok(()),
            },
            // The other errors cannot be: the reference was made by the actor itself.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Wakes the incarnation of the moment without a message.
    pub(crate) fn door(&self) -> Arc<dyn Knock> {
        self.slot.clone()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Option<Current<M>>> {
        self.slot.read()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Option<Current<M>>> {
        self.slot.current.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Inspect> Slot<M> {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Option<Current<M>>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Inspect> Knock for Slot<M> {
    fn knock(&self) {
        if let Some(current) = &*self.read() {
            // Not delivered: it has ended, and there is nobody to wake.
            drop(current.actor.send_message(Envelope::knock(&self.meter)));
        }
    }
}

/// Shows at the actor that calls what it waits for, as long as it does. Only what a handler itself
/// awaits: a task that it spawned has no scope.
struct Waiting {
    at: Option<(Arc<Seat>, u64)>,
}

impl Waiting {
    fn begin<M: Inspect>(on: &Handle<M>, kind: &'static str) -> Self {
        let at = scope::handler_seat().zip(on.path()).map(|(seat, path)| {
            let id = seat.meter.begin_wait(Wait { path, kind, since_ns: seat.now_ns() });
            (seat, id)
        });
        Self { at }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((seat, id)) = &self.at {
            seat.meter.end_wait(*id);
        }
    }
}

/// Lets the others run once; what `future` gives if it is done by then. Most answers are, and a timer
/// costs as much as all the rest of a call.
async fn in_one_turn<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut waited = false;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if waited => Poll::Ready(None),
        Poll::Pending => {
            waited = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
