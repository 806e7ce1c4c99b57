//! The wrapper round every future of a component: marks when it is being polled (so that a watchdog can
//! tell "awaits something" from "never yields"), sets the sender, and catches panics.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::meter::Meter;
use crate::scope::{self, Scope};
use crate::seat::Seat;

pin_project! {
    /// Yields the future's output, or the text of its panic.
    pub(crate) struct Polled<'a, F> {
        #[pin]
        future: F,
        meter: &'a Meter,
        seat: &'a Seat,
        scope: Option<Scope>,
        first_poll_ns: Option<u64>,
    }
}

impl<'a, F: Future> Polled<'a, F> {
    /// `now_ns` is the reading taken just before; it saves one for the first poll.
    pub(crate) fn new(future: F, meter: &'a Meter, seat: &'a Seat, scope: Scope, now_ns: u64) -> Self {
        Self { future, meter, seat, scope: Some(scope), first_poll_ns: Some(now_ns) }
    }
}

impl<F: Future> Future for Polled<'_, F> {
    type Output = Result<F::Output, String>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let now_ns = this.first_poll_ns.take().unwrap_or_else(|| this.seat.now_ns());
        this.meter.enter_poll(now_ns);
        this.seat.pulse.entered();
        scope::swap(this.scope);
        let polled = catch_unwind(AssertUnwindSafe(|| this.future.poll(cx)));
        scope::swap(this.scope);
        this.meter.leave_poll();
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(panic_text(&*payload))),
        }
    }
}

/// What a panic said, if it said it in text.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "panicked with a value that is no text".to_owned()
    }
}
