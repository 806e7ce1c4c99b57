//! What really travels: the message with its kind, sender, cause and time.
//!
//! An envelope that is dropped unopened (its actor ended) counts its message as lost; the depth of the
//! mailbox is right whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hops::HopId;
use crate::inspect::Inspect;
use crate::meter::{Flags, Meter, Record, shown};
use crate::scope;
use crate::seat::Seat;
use crate::trace::{Tap, Traced};

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

    /// What one message in the mailbox takes there: itself, and ractor's pointer to it.
    pub(crate) const PLACE_BYTES: usize = size_of::<Self>() + 2 * size_of::<usize>();

    /// No message at all: wakes the actor, which then looks at its desk.
    pub(crate) fn knock(meter: &Arc<Meter>) -> Self {
        let meter = meter.clone();
        Self { enqueued_ns: 0, seq: 0, sender: None, action: None, begun: None, msg: None, meter }
    }

    /// Takes the message out because it could not be sent.
    pub(crate) fn unseal(mut self) -> Option<M> {
        let msg = self.msg.take();
        if msg.is_some() {
            self.meter.give_back();
        }
        msg
    }

    /// Takes the message up for handling; `None` for a knock.
    pub(crate) fn open<'a>(mut self, now_ns: u64, flags: Flags, seat: &'a Seat) -> Option<(M, InHand<'a>)> {
        let msg = self.msg.take()?;
        if let Some(begun) = &self.begun {
            begun.store(true, Ordering::Release);
        }
        let mut record = Record {
            seq: self.seq,
            kind: msg.kind(),
            sender: self.sender.take(),
            action: self.action.take(),
            queue_ns: now_ns.saturating_sub(self.enqueued_ns),
            handle_ns: 0,
            ok: false,
            fields: Vec::new(),
        };
        seat.meter.take_up(record.kind, now_ns);
        let hop = seat.trail.begin(&record, seat);
        let watched = if flags.any() { Watched::look(&msg, &mut record, now_ns, flags, seat) } else { None };
        Some((msg, InHand { record: Some(record), since_ns: now_ns, seat, hop, watched }))
    }
}

impl<M: Inspect> Drop for Envelope<M> {
    fn drop(&mut self) {
        if let Some(msg) = self.msg.take() {
            self.meter.lose(&msg, self.sender.take(), self.action.take());
        }
    }
}

/// The traces that will show a message once it is put down.
struct Watched {
    taps: Vec<Arc<Tap>>,
    depth: u32,
}

impl Watched {
    /// Asks the message for its fields if a trace wants it, or its actor has crashed before.
    #[cold]
    fn look<M: Inspect>(
        msg: &M,
        record: &mut Record,
        now_ns: u64,
        flags: Flags,
        seat: &Seat,
    ) -> Option<Box<Self>> {
        let taps = if flags.traced() { seat.meter.taps_for(record.kind, now_ns) } else { Vec::new() };
        if !taps.is_empty() || flags.crashed() {
            record.fields = shown(msg);
        }
        (!taps.is_empty()).then(|| Box::new(Self { taps, depth: seat.meter.depth() }))
    }

    #[cold]
    fn show(&self, record: &Record, seat: &Seat) {
        let at_ms = seat.now_ms();
        for tap in &self.taps {
            tap.offer(Traced {
                at_ms,
                path: seat.path.clone(),
                incarnation: seat.incarnation,
                seq: record.seq,
                kind: record.kind,
                sender: record.sender.clone(),
                action: record.action.clone(),
                fields: record.fields.clone(),
                queue_ns: record.queue_ns,
                handle_ns: record.handle_ns,
                ok: record.ok,
                depth: self.depth,
            });
        }
    }
}

/// The message being handled. Dropped without [`InHand::put_down`] (a kill), it is recorded as failed.
pub(crate) struct InHand<'a> {
    record: Option<Record>,
    since_ns: u64,
    seat: &'a Seat,
    hop: Option<HopId>,
    watched: Option<Box<Watched>>,
}

impl InHand<'_> {
    pub(crate) fn action(&self) -> Option<Arc<str>> {
        self.record.as_ref().and_then(|record| record.action.clone())
    }

    pub(crate) fn put_down(mut self, ok: bool) {
        self.finish(ok);
    }

    fn finish(&mut self, ok: bool) {
        let Some(mut record) = self.record.take() else { return };
        record.ok = ok;
        record.handle_ns = self.seat.now_ns().saturating_sub(self.since_ns);
        if let Some(hop) = self.hop {
            self.seat.trail.end(hop, record.handle_ns, ok);
        }
        if let Some(watched) = &self.watched {
            watched.show(&record, self.seat);
        }
        self.seat.meter.put_down(record);
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        // A poll that was never left (kill between polls is outside one) must not look stuck.
        self.seat.meter.leave_poll();
        self.finish(false);
    }
}
