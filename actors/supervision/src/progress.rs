//! Who makes no progress: judged by what can be read of an actor without asking it.
//!
//! Three ways to stand still: a poll that does not end, a message in hand for far longer than this actor
//! usually takes, and mail that waits while nothing is in hand (a wake-up was lost). It only reads; what
//! follows is for the [`Watchdog`](crate::Watchdog)'s caller to decide.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::seams::nanoseconds;
use crate::sync::lock;
use crate::tree::{Node, Standing, Tree};

/// A supervisor waits for its children's starts and stops, each within a limit of its own, and the start
/// of a supervisor may take ten minutes. Only past twice that does it count as hanging.
const SUPERVISOR_HANG: Duration = Duration::from_secs(1_200);

/// From when on an actor counts as standing still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest a single poll may last.
    pub poll: Duration,
    /// The longest a message may be in hand, or mail may wait with nothing in hand, for an actor whose
    /// usual handling time is short.
    pub hang: Duration,
    /// For the others: so many times their own p99 of handling time.
    pub times_usual: u32,
}

/// An actor that stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stuck {
    /// Its path.
    pub path: String,
    /// The kind of the message in hand; `None` while it starts or stops, and when mail waits although
    /// nothing is in hand.
    pub kind: Option<&'static str>,
    /// For how long, up to now.
    pub lasted: Duration,
    /// `true`: it awaits something, so a kill ends it. `false`: it sits in one poll, and only the end of
    /// the process does.
    pub yields: bool,
    /// Its own p99 of handling time; `None` when it has not yet handled anything.
    pub usual: Option<Duration>,
}

/// Since when mail was seen to wait with nothing in hand and no poll in between. Kept by whoever looks,
/// so that sending costs nothing more.
#[derive(Default)]
pub(crate) struct Mail {
    /// The reading of the last poll, by which progress shows.
    last_poll_ns: AtomicU64,
    /// Reading when that was first seen; 0 when no mail waits.
    since_ns: AtomicU64,
}

impl Mail {
    /// Takes note of what is seen; since when it has been so, if mail waits.
    fn seen(&self, waits: bool, last_poll_ns: u64, now_ns: u64) -> Option<u64> {
        if !waits {
            self.since_ns.store(0, Ordering::Relaxed);
            return None;
        }
        let same = self.last_poll_ns.swap(last_poll_ns, Ordering::Relaxed) == last_poll_ns;
        let since_ns = self.since_ns.load(Ordering::Relaxed);
        if same && since_ns != 0 {
            return Some(since_ns);
        }
        self.since_ns.store(now_ns.max(1), Ordering::Relaxed);
        Some(now_ns)
    }
}

/// What of an actor was going on when it was looked at.
pub(crate) enum Seen {
    /// It sits in a poll that began then.
    Polled(u64),
    /// It has a message in hand, or mail, and awaits something.
    Waits,
    Idle,
}

/// Looks at one actor. With the verdict comes the reading when it came to stand still, by which one
/// case is told from the next.
pub(crate) fn look(node: &Node, limits: &Limits, now_ns: u64) -> (Seen, Option<(u64, Stuck)>) {
    let meter = &node.meter;
    let (polled, busy) = (meter.poll_since_ns(), meter.busy_since_ns());
    let waits = busy.is_none() && meter.depth() > 0;
    let mail = node.mail.seen(waits, meter.last_poll_ns().unwrap_or(0), now_ns);
    let seen = match polled {
        Some(since_ns) => Seen::Polled(since_ns),
        None if busy.is_some() || mail.is_some() => Seen::Waits,
        None => Seen::Idle,
    };
    let over = |since: Option<u64>, limit: Duration| {
        since.filter(|&since_ns| now_ns.saturating_sub(since_ns) > nanoseconds(limit))
    };
    let stuck = if let Some(since_ns) = over(polled, limits.poll) {
        Some((since_ns, false))
    } else {
        // The quantile costs a lock and a walk; first see whether it can matter.
        let floor = if node.supervises.is_some() { limits.hang.max(SUPERVISOR_HANG) } else { limits.hang };
        over(busy, floor)
            .and_then(|_| over(busy, floor.max(usual(node).unwrap_or_default() * limits.times_usual)))
            .or_else(|| over(mail, limits.hang).filter(|_| is_running(node)))
            .map(|since_ns| (since_ns, true))
    };
    let stuck = stuck.map(|(since_ns, yields)| {
        let lasted = Duration::from_nanos(now_ns.saturating_sub(since_ns));
        let (path, kind) = (node.path.to_string(), meter.in_hand());
        (since_ns, Stuck { path, kind, lasted, yields, usual: usual(node) })
    });
    (seen, stuck)
}

/// Its own p99 of handling time.
fn usual(node: &Node) -> Option<Duration> {
    let p99_ms = node.meter.handle().p99;
    (p99_ms > 0.0).then(|| Duration::from_secs_f64(p99_ms / 1_000.0))
}

/// Mail may wait for a start or a restart; those have limits of their own.
fn is_running(node: &Node) -> bool {
    lock(&node.story).standing == Standing::Running
}

impl Tree {
    /// Who stands still now, parents first. For the service manager's watchdog, which is to be fed only
    /// while this is empty, and for whoever asks what is wrong. Mail that waits with nothing in hand is
    /// timed from the first look (this one's or the [`Watchdog`](crate::Watchdog)'s) that sees it.
    #[must_use]
    pub fn stalled(&self, limits: &Limits) -> Vec<Stuck> {
        let now_ns = (self.inner.seams.mono_ns)();
        let roll = self.roll();
        roll.iter().filter_map(|node| look(node, limits, now_ns).1).map(|(_, stuck)| stuck).collect()
    }
}

#[cfg(test)]
mod tests;
