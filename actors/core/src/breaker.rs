//! The circuit breaker of a strategy or of a platform account.
//!
//! ```text
//!            enough failures, or auth             open time over, asked
//!   closed ───────────────────────────▶ open ──────────────────────────▶ half-open (one probe)
//!     ▲ ▲                                ▲ ▲                                 │  │
//!     │ └────────────────────────────────┼─┼──── the probe succeeds ─────────┘  │
//!     │                                  │ └──── it fails, or its deadline passes
//!     │        isolated (by a person) ───┘ release: open, and probed at once
//! ```
//!
//! Pure: time comes in, the state goes out and is stored. Every transition takes a new generation,
//! and an answer to what was admitted under an older one counts for nothing.
//!
//! ## Design notes
//!
//! - *Rate limits never open it*: a platform that says "too fast" is well; the limiter waits. Nor do
//!   compliance (nothing left) and fatal (the platform answered: it is well, the request is wrong).
//! - *Auth opens it for long* ([`Policy::auth_open_ms`]): knocking with a bad key gets accounts locked, and
//!   where there is no account, a 401 or 403 is somebody's firewall. A credential that was renewed ends that
//!   time at once ([`Breaker::renewed`]). That an account stays held until it is well again is no breaker's
//!   business: looks at it must be able to pass, seldom.
//! - *A half-open breaker cannot stick*: a probe that never reports is a failed probe once its
//!   deadline is over. That is also what a crash in mid-probe leaves behind.
//! - *A clock that went back cannot keep it open*: no end lies further off than it could have been
//!   set, so it is cut to that.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backoff::Backoff;
use crate::error::ErrorClass;
use crate::moment::Moment;

/// Why it is open where credentials were refused, and that ends by itself.
const REFUSED: &str = "the platform refuses us";

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Failures in a row that open it; at least 1.
    pub failures: u32,
    /// Open times: the first, doubling up to the cap.
    pub open: Backoff,
    /// How long a probe may take, in milliseconds.
    pub probe_ms: u64,
    /// How long a refusal of credentials keeps it open, in milliseconds; `None` until a person acts.
    pub auth_open_ms: Option<u64>,
}

impl Policy {
    /// For acts on a platform, with an account or without: five failures, 30 s to 1 h, probes of 2 minutes,
    /// 6 h after a 401 or 403.
    pub fn platform() -> Self {
        let auth_open_ms = Some(6 * 3_600_000);
        Self { failures: 5, open: Self::open_times(30, 3_600), probe_ms: 120_000, auth_open_ms }
    }

    /// For a strategy whose restart budget is spent: open at the first, 1 minute to 6 hours, and
    /// 30 minutes for the run that probes.
    pub fn strategy() -> Self {
        Self { failures: 1, open: Self::open_times(60, 6 * 3_600), probe_ms: 1_800_000, auth_open_ms: None }
    }

    fn open_times(first_s: u64, cap_s: u64) -> Backoff {
        Backoff::try_new(Duration::from_secs(first_s), Duration::from_secs(cap_s))
            .expect("a first open time above zero and under its cap")
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Everything passes.
    Closed {
        /// Failures since the last success.
        failures: u32,
    },
    /// Nothing passes.
    Open {
        /// Until when; `None` until a person acts.
        until: Option<Moment>,
        /// What opened it, a sentence's part.
        why: String,
    },
    /// One probe is on its way and nothing else passes.
    HalfOpen {
        /// When the probe is given up.
        deadline: Moment,
    },
    /// Nothing passes, because a person said so.
    Isolated {
        /// Since when.
        since: Moment,
        /// The person's reason.
        reason: String,
    },
}

impl State {
    /// The state in a word: `closed`, `open`, `half-open`, `isolated`.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::Closed { .. } => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half-open",
            State::Isolated { .. } => "isolated",
        }
    }
}

/// What becomes of a wish to pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admit {
    /// Pass; report back with the generation.
    Yes {
        /// To be given back with the report.
        generation: u64,
    },
    /// Pass as the one probe; report back before the deadline.
    Probe {
        /// To be given back with the report.
        generation: u64,
        /// After this the probe counts as failed.
        deadline: Moment,
    },
    /// Do not pass.
    No {
        /// When to ask again, at the earliest; `None` if a person must act first.
        until: Option<Moment>,
        /// Why, a sentence's part.
        why: String,
    },
}

/// A circuit breaker. Stored whole after every change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    generation: u64,
    state: State,
    /// How often it opened since it was last closed.
    trips: u32,
    /// When the state last changed; `None` if never.
    since: Option<Moment>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { generation: 0, state: State::Closed { failures: 0 }, trips: 0, since: None }
    }
}

impl Breaker {
    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many transitions there were.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// How often it opened since it was last closed.
    pub fn trips(&self) -> u32 {
        self.trips
    }

    /// When the state last changed; `None` if never.
    pub fn since(&self) -> Option<Moment> {
        self.since
    }

    /// May something pass at `now`?
    pub fn admit(&mut self, policy: &Policy, now: Moment) -> Admit {
        self.advance(policy, now);
        match &self.state {
            State::Closed { .. } => Admit::Yes { generation: self.generation },
            State::Open { until: Some(until), .. } if *until <= now => self.probe(policy, now),
            State::Open { until, why } => Admit::No { until: *until, why: why.clone() },
            State::HalfOpen { deadline } => {
                let why = "one probe is on its way".to_owned();
                Admit::No { until: Some(*deadline), why }
            }
            State::Isolated { reason, .. } => {
                Admit::No { until: None, why: format!("isolated by a person: {reason}") }
            }
        }
    }

    /// What was admitted under `generation` went well.
    pub fn on_success(&mut self, generation: u64, now: Moment) {
        if generation != self.generation {
            return;
        }
        match &mut self.state {
            State::Closed { failures } => *failures = 0,
            State::HalfOpen { .. } => self.close(now),
            State::Open { .. } | State::Isolated { .. } => {}
        }
    }

    /// What was admitted under `generation` failed, as `class`. Returns whether that opened it.
    pub fn on_failure(&mut self, policy: &Policy, class: ErrorClass, generation: u64, now: Moment) -> bool {
        if generation != self.generation {
            return false;
        }
        let half_open = match self.state {
            State::Closed { .. } => false,
            State::HalfOpen { .. } => true,
            State::Open { .. } | State::Isolated { .. } => return false,
        };
        match class {
            // The platform answered, so it is well.
            ErrorClass::RateLimit | ErrorClass::Fatal => {
                if half_open {
                    self.close(now);
                }
                false
            }
            // Nothing left, so nothing is known: the probe is given back.
            ErrorClass::Compliance => {
                if half_open {
                    let why = "the probe was not sent".to_owned();
                    self.go(State::Open { until: Some(now), why }, now);
                }
                false
            }
            ErrorClass::Auth => {
                self.trips = self.trips.saturating_add(1);
                let until = policy.auth_open_ms.map(|ms| now.plus(Duration::from_millis(ms)));
                let why = match until {
                    Some(_) => REFUSED,
                    None => "the credentials were not taken; renew them, then release the breaker",
                };
                self.go(State::Open { until, why: why.to_owned() }, now);
                true
            }
            ErrorClass::Transient => self.count(policy, half_open, now),
        }
    }

    /// A person takes it out of use.
    pub fn isolate(&mut self, reason: &str, now: Moment) {
        self.go(State::Isolated { since: now, reason: reason.to_owned() }, now);
    }

    /// A person ends an isolation or an open time: the next to ask is the probe. A closed breaker stays
    /// closed.
    pub fn release(&mut self, now: Moment) {
        if !matches!(self.state, State::Closed { .. }) {
            self.trips = 0;
            let why = "released; waits for a probe".to_owned();
            self.go(State::Open { until: Some(now), why }, now);
        }
    }

    /// The credential was renewed: where the old one was refused, the next to ask is the probe. What else
    /// it is open for, and what a person isolated, stays.
    pub fn renewed(&mut self, now: Moment) {
        if matches!(&self.state, State::Open { why, .. } if why == REFUSED) {
            self.release(now);
        }
    }

    fn count(&mut self, policy: &Policy, half_open: bool, now: Moment) -> bool {
        if let State::Closed { failures } = &mut self.state {
            *failures = failures.saturating_add(1);
            if *failures < policy.failures {
                return false;
            }
            let why = format!("{failures} failures in a row");
            self.trip(policy, why, now);
            return true;
        }
        if half_open {
            self.trip(policy, "the probe failed".to_owned(), now);
        }
        half_open
    }

    fn trip(&mut self, policy: &Policy, why: String, now: Moment) {
        self.trips = self.trips.saturating_add(1);
        let until = Some(now.plus(policy.open.ceiling(self.trips)));
        self.go(State::Open { until, why }, now);
    }

    fn probe(&mut self, policy: &Policy, now: Moment) -> Admit {
        let deadline = now.plus(Duration::from_millis(policy.probe_ms.max(1)));
        self.go(State::HalfOpen { deadline }, now);
        Admit::Probe { generation: self.generation, deadline }
    }

    fn close(&mut self, now: Moment) {
        self.trips = 0;
        self.go(State::Closed { failures: 0 }, now);
    }

    fn go(&mut self, state: State, now: Moment) {
        self.state = state;
        self.generation = self.generation.wrapping_add(1);
        self.since = Some(now);
    }

    /// What time alone changes: a lost probe fails; an end that a jump of the clock moved too far
    /// off is cut to the furthest that could have been set.
    fn advance(&mut self, policy: &Policy, now: Moment) {
        let open_most = policy.open.cap().max(Duration::from_millis(policy.auth_open_ms.unwrap_or(0)));
        match &mut self.state {
            State::HalfOpen { deadline } => {
                *deadline = (*deadline).min(now.plus(Duration::from_millis(policy.probe_ms.max(1))));
                if *deadline <= now {
                    self.trip(policy, "the probe was never heard of again".to_owned(), now);
                }
            }
            State::Open { until: Some(until), .. } => *until = (*until).min(now.plus(open_most)),
            State::Open { until: None, .. } | State::Closed { .. } | State::Isolated { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
