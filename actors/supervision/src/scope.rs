//! On whose behalf the current thread is working, so that an envelope knows its sender by itself.
//!
//! Set by the host around each poll of a handler and taken away after it; a task that a handler spawns
//! does not inherit it.

use std::cell::RefCell;
use std::sync::Arc;

use crate::seat::Seat;

/// The actor that is being polled, and the action that caused the message in its hand.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) seat: Arc<Seat>,
    pub(crate) action: Option<Arc<str>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Exchanges the thread's scope with `scope`. Called in pairs.
pub(crate) fn swap(scope: &mut Option<Scope>) {
    CURRENT.with(|current| std::mem::swap(&mut *current.borrow_mut(), scope));
}

/// Who is sending now: the path of the actor being polled, and the action it works for.
pub(crate) fn current() -> (Option<Arc<str>>, Option<Arc<str>>) {
    CURRENT.with(|current| match &*current.borrow() {
        Some(scope) => (Some(scope.seat.path.clone()), scope.action.clone()),
        None => (None, None),
    })
}

/// The seat of the actor being polled.
pub(crate) fn seat() -> Option<Arc<Seat>> {
    CURRENT.with(|current| current.borrow().as_ref().map(|scope| scope.seat.clone()))
}
