//! What really travels: the message with its kind, sender, cause and time.
//!
//! An envelope that is dropped unopened (its actor ended) counts its message as lost; the depth of the
//! mailbox is right whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::inspect::Inspect;
use crate::meter::{Meter, Record};
use crate::scope;
use crate::seat::Seat;

pub(crate) struct Envelope<M: Inspect> {
    enqueued_ns: u64,
    seq: u64,
    sender: Option<Arc<str>>,
    action: Option<Arc<str>>,
    /// Set when handling begins, so that a caller whose reply is lost knows whether it may be done.
    begun: Option<Arc<AtomicBool>>,
    msg: Option<M>,
    meter: Arc<Meter>,
}

impl<M: Inspect> Envelope<M> {
    /// Seals a message that the meter has admitted as number `seq`.
    pub(crate) fn seal(
        msg: M,
        seq: u64,
        begun: Option<Arc<AtomicBool>>,
        meter: &Arc<Meter>,
        seat: &Seat,
    ) -> Self {
        let (sender, inherited) = scope::current();
        let action = msg.action().map(Arc::from).or(inherited);
        Self { enqueued_ns: seat.now_ns(), seq, sender, action, begun, msg: Some(msg), meter: meter.clone() }
    }

    /// Takes the message out because it could not be sent.
    pub(crate) fn unseal(mut self) -> Option<M> {
        let msg = self.msg.take();
        if msg.is_some() {
            self.meter.give_back();
        }
        msg
    }

    /// Takes the message up for handling. The host lends its own way to the same meter, so that a
    /// message need not count references.
    pub(crate) fn open<'a>(
        mut self,
        now_ns: u64,
        meter: &'a Meter,
        seat: &'a Seat,
    ) -> Option<(M, InHand<'a>)> {
        let msg = self.msg.take()?;
        if let Some(begun) = &self.begun {
            begun.store(true, Ordering::Release);
        }
        let record = Record {
            seq: self.seq,
            kind: msg.kind(),
            sender: self.sender.take(),
            action: self.action.take(),
            queue_ns: now_ns.saturating_sub(self.enqueued_ns),
            handle_ns: 0,
            ok: false,
        };
        meter.take_up(record.kind, now_ns);
        Some((msg, InHand { record: Some(record), since_ns: now_ns, meter, seat }))
    }
}

impl<M: Inspect> Drop for Envelope<M> {
    fn drop(&mut self) {
        if let Some(msg) = self.msg.take() {
            self.meter.lose(&msg, self.sender.take(), self.action.take());
        }
    }
}

/// The message being handled. Dropped without [`InHand::put_down`] (a kill), it is recorded as failed.
pub(crate) struct InHand<'a> {
    record: Option<Record>,
    since_ns: u64,
    meter: &'a Meter,
    seat: &'a Seat,
}

impl InHand<'_> {
    pub(crate) fn action(&self) -> Option<Arc<str>> {
        self.record.as_ref().and_then(|record| record.action.clone())
    }

    pub(crate) fn put_down(mut self, ok: bool) {
        self.finish(ok);
    }

    fn finish(&mut self, ok: bool) {
        if let Some(mut record) = self.record.take() {
            record.ok = ok;
            record.handle_ns = self.seat.now_ns().saturating_sub(self.since_ns);
            self.meter.put_down(record);
        }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        // A poll that was never left (kill between polls is outside one) must not look stuck.
        self.meter.leave_poll();
        self.finish(false);
    }
}
