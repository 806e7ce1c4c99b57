//! The end of a trace inside the traced actors: decides under a lock of some nanoseconds, sends without
//! waiting, and stops by itself.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::pattern::Pattern;
use super::{TraceEnd, Traced};
use crate::sync::lock;

/// How many messages may wait for the reader; with one more the trace ends.
pub(super) const READER_MAX: usize = 1_024;
/// The window of the rate.
const SECOND_NS: u64 = 1_000_000_000;

pub(crate) struct Tap {
    pattern: Pattern,
    limit: u64,
    rate_max: u32,
    /// Reading at which its time is over.
    until_ns: u64,
    /// Set once, so that an ended trace costs its actors one load until it is taken off them.
    closed: AtomicBool,
    line: Mutex<Line>,
}

struct Line {
    to: Option<Sender<Traced>>,
    passed: u64,
    /// Readings of the messages that matched within the last second, oldest first.
    recent: VecDeque<u64>,
    end: Option<TraceEnd>,
}

impl Tap {
    pub(super) fn new(
        pattern: Pattern,
        limit: u64,
        rate_max: u32,
        until_ns: u64,
    ) -> (Self, Receiver<Traced>) {
        let (to, from) = channel(READER_MAX);
        let line = Line { to: Some(to), passed: 0, recent: VecDeque::new(), end: None };
        let closed = AtomicBool::new(false);
        (Self { pattern, limit, rate_max, until_ns, closed, line: Mutex::new(line) }, from)
    }

    pub(crate) fn matches_path(&self, path: &str) -> bool {
        self.pattern.matches_path(path)
    }

    pub(super) fn matches_kind(&self, kind: &str) -> bool {
        self.pattern.matches_kind(kind)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether a message of that kind, taken up now, is to be shown. Counts it for the rate.
    pub(crate) fn admit(&self, kind: &str, now_ns: u64) -> bool {
        if self.is_closed() || !self.pattern.matches_kind(kind) {
            return false;
        }
        let mut line = lock(&self.line);
        if now_ns >= self.until_ns {
            self.end_line(&mut line, TraceEnd::Time);
            return false;
        }
        while line.recent.front().is_some_and(|&at_ns| at_ns.saturating_add(SECOND_NS) <= now_ns) {
            line.recent.pop_front();
        }
        line.recent.push_back(now_ns);
        // Not beyond the limit: a trace of so many messages ends by that.
        if line.recent.len() > self.rate_max as usize {
            self.end_line(&mut line, TraceEnd::Rate { per_second: self.rate_max });
            return false;
        }
        true
    }

    /// Shows one message that was put down.
    pub(crate) fn offer(&self, traced: Traced) {
        let mut line = lock(&self.line);
        let Some(to) = &line.to else { return };
        match to.try_send(traced) {
            Ok(()) => {
                line.passed += 1;
                if line.passed == self.limit {
                    self.end_line(&mut line, TraceEnd::Limit);
                }
            }
            Err(TrySendError::Full(_)) => self.end_line(&mut line, TraceEnd::Slow),
            Err(TrySendError::Closed(_)) => self.end_line(&mut line, TraceEnd::Closed),
        }
    }

    pub(crate) fn close(&self, end: TraceEnd) {
        self.end_line(&mut lock(&self.line), end);
    }

    pub(super) fn end(&self) -> Option<TraceEnd> {
        lock(&self.line).end
    }

    /// The first reason stands. What was sent before can still be read.
    fn end_line(&self, line: &mut Line, end: TraceEnd) {
        line.end.get_or_insert(end);
        line.to = None;
        line.recent = VecDeque::new();
        self.closed.store(true, Ordering::Relaxed);
    }
}
