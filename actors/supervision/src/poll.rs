//! The wrapper round every future of a component: marks when it is being polled (so that a watchdog can
//! tell "awaits something" from "never yields"), sets the sender, and catches panics.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::panics::{Panic, caught};
use crate::scope::{self, Scope};
use crate::seat::Seat;

pin_project! {
    /// Yields the future's output, or its panic.
    pub(crate) struct Polled<'a, F> {
        #[pin]
        future: F,
        seat: &'a Seat,
        scope: Option<Scope>,
        first_poll_ns: Option<u64>,
    }
}

impl<'a, F: Future> Polled<'a, F> {
    /// `now_ns` is the reading taken just before; it saves one for the first poll.
    pub(crate) fn new(future: F, seat: &'a Seat, scope: Scope, now_ns: u64) -> Self {
        Self { future, seat, scope: Some(scope), first_poll_ns: Some(now_ns) }
    }
}

impl<F: Future> Future for Polled<'_, F> {
    type Output = Result<F::Output, Panic>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let now_ns = this.first_poll_ns.take().unwrap_or_else(|| this.seat.now_ns());
        this.seat.meter.enter_poll(now_ns);
        this.seat.pulse.entered();
        scope::swap(this.scope);
        let polled = caught(|| this.future.poll(cx));
        scope::swap(this.scope);
        this.seat.meter.leave_poll();
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
