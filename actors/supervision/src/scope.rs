//! On whose behalf the current thread is working, so that an envelope knows its sender by itself.
//!
//! Set by the host around each poll of a handler and taken away after it. A task that a handler spawns
//! has none of its own; [`inherit`] gives it its maker's.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::hops::Hop;
use crate::seat::Seat;

/// The actor that is being polled, and the action that caused the message in its hand.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) seat: Arc<Seat>,
    pub(crate) action: Option<Arc<str>>,
    /// Whether this is a handler itself, and not a task in its name: only what a handler awaits holds
    /// its actor up.
    pub(crate) handler: bool,
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

/// The seat of the actor whose handler is being polled.
pub(crate) fn handler_seat() -> Option<Arc<Seat>> {
    let seat = |scope: &Scope| scope.handler.then(|| scope.seat.clone());
    CURRENT.with(|current| current.borrow().as_ref().and_then(seat))
}

/// What is known of the way of `action` where this is called: in a handler, or in a task that inherits
/// from one; elsewhere nothing. What is finished is forgotten here, so whoever asks keeps it.
#[must_use]
pub fn take_hops_here(action: &str) -> Vec<Hop> {
    let seat = CURRENT.with(|current| current.borrow().as_ref().map(|scope| scope.seat.clone()));
    seat.map(|seat| seat.trail.take(action)).unwrap_or_default()
}

pin_project! {
    /// See [`inherit`].
    #[derive(Debug)]
    pub struct Inherit<F> {
        #[pin]
        future: F,
        scope: Option<Scope>,
    }
}

/// A future that works in the name of the actor, and for the action, in whose handler this is called:
/// what it sends has them as sender and cause. For tasks that outlive their handler. Called elsewhere,
/// it changes nothing.
pub fn inherit<F: Future>(future: F) -> Inherit<F> {
    Heir::here().inherit(future)
}

/// Who works where this was made, to be handed to where a future is made later, on another thread.
#[derive(Clone, Debug)]
pub struct Heir(Option<Scope>);

impl Heir {
    /// The actor whose handler this is called in, if any.
    #[must_use]
    pub fn here() -> Self {
        let scope = CURRENT.with(|current| current.borrow().clone());
        Self(scope.map(|scope| Scope { handler: false, ..scope }))
    }

    /// As [`inherit`], in the name of whoever made this.
    pub fn inherit<F: Future>(self, future: F) -> Inherit<F> {
        Inherit { future, scope: self.0 }
    }
}

impl<F: Future> Future for Inherit<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.scope.is_none() {
            return this.future.poll(cx);
        }
        swap(this.scope);
        // Swapped back also when the poll panics.
        let _back = Back(this.scope);
        this.future.poll(cx)
    }
}

struct Back<'a>(&'a mut Option<Scope>);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        swap(self.0);
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").field("path", &self.seat.path).field("action", &self.action).finish()
    }
}
