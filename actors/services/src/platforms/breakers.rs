//! The breakers of one platform, as its egress actor holds them.
//!
//! An act passes the breaker of its own lane and those of the wider lanes round it. A wider one stays
//! closed, whatever fails, until a person isolates it; it holds for lanes that are not used yet. After its
//! release one act, in whichever lane it is asked for first, is the probe of it.
//!
//! What is admitted carries the sum of the generations of all that it passed. Each only rises, so the sum
//! is the same only if none has moved, and what was admitted before any of them moved sends nothing more
//! and says nothing more.
//!
//! Every change is on record before anybody acts on it. A breaker whose row is damaged lets nothing pass.

use std::collections::BTreeMap;

use mm_core::breaker::{Admit, Breaker, Policy, State as Standing};
use mm_core::id::{PlatformId, Space};
use mm_core::moment::Moment;
use mm_store::{Change, NewEntry, Span};
use mm_supervision::Fault;
use serde_json::{Value, json};

use super::lane::Lane;
use crate::damage;
use crate::shared::Shared;

/// What an egress actor knows of its breakers.
pub(super) struct Breakers {
    shared: Shared,
    platform: PlatformId,
    known: BTreeMap<Lane, Breaker>,
}

/// Why breakers move.
enum Cause<'a> {
    /// By themselves: time passed, or something was answered.
    Own,
    /// By a person's word.
    Person { kind: &'static str, by: &'a str, reason: Option<&'a str> },
    /// Because an account's credential was renewed.
    Renewed,
}

impl Breakers {
    /// None is known yet.
    pub(super) fn new(shared: Shared, platform: PlatformId) -> Self {
        Self { shared, platform, known: BTreeMap::new() }
    }

    /// All that were asked for in this life.
    pub(super) fn known(&self) -> Vec<(Lane, Breaker)> {
        self.known.iter().map(|(lane, at)| (lane.clone(), at.clone())).collect()
    }

    /// May an act pass all that stand before it now? If not, the sentence names the one that holds it.
    pub(super) async fn admit(&mut self, lane: &Lane) -> Result<Admit, Fault> {
        let mut passed = match self.passed(lane)? {
            Ok(passed) => passed,
            Err(why) => return Ok(Admit::No { until: None, why }),
        };
        let now = self.shared.now();
        let mut probe = None;
        for (at, (own, breaker)) in passed.iter_mut().enumerate() {
            match breaker.admit(&Policy::platform(), now) {
                Admit::Yes { .. } => {}
                Admit::Probe { deadline, .. } => {
                    probe = Some(probe.map_or(deadline, |first| deadline.min(first)));
                }
                Admit::No { until, why } => {
                    let why = self.held(own, breaker, &why);
                    // What time did to this one stays; turns as a probe of wider ones are not taken.
                    let moved = passed.swap_remove(at);
                    self.keep(vec![moved], &Cause::Own).await?;
                    return Ok(Admit::No { until, why });
                }
            }
        }
        let generation = sum(&passed);
        self.keep(passed, &Cause::Own).await?;
        Ok(match probe {
            Some(deadline) => Admit::Probe { generation, deadline },
            None => Admit::Yes { generation },
        })
    }

    /// Whether what was admitted under `generation` may still leave: others may have failed since, a
    /// person may have isolated it, and a probe may have waited longer than a probe is waited for.
    pub(super) fn still_open(&mut self, lane: &Lane, generation: u64) -> Result<Result<(), String>, Fault> {
        let passed = match self.passed(lane)? {
            Ok(passed) => passed,
            Err(damaged) => return Ok(Err(damaged)),
        };
        let isolated = passed.iter().find(|(_, at)| matches!(at.state(), Standing::Isolated { .. }));
        if let Some((own, breaker)) = isolated {
            return Ok(Err(self.held(own, breaker, "")));
        }
        let closed = |at: &Breaker| matches!(at.state(), Standing::Closed { .. });
        let word =
            passed.iter().map(|(_, at)| at).find(|at| !closed(at)).map_or("closed", |at| at.state().as_str());
        if sum(&passed) != generation {
            return Ok(Err(format!("its breaker has moved since it was admitted, and is now {word}")));
        }
        let now = self.shared.now();
        for (_, breaker) in &passed {
            match breaker.state() {
                Standing::Closed { .. } => {}
                Standing::HalfOpen { deadline } if now < *deadline => {}
                Standing::HalfOpen { .. } => {
                    return Ok(Err("its turn as the breaker's probe is over".to_owned()));
                }
                Standing::Open { .. } | Standing::Isolated { .. } => {
                    return Ok(Err(format!("its breaker is {word}")));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Tells all that an act passed under `generation` what became of it; none, if one has moved since.
    /// A breaker that cannot be read lets nothing pass, whatever it is told.
    pub(super) async fn tell(
        &mut self,
        lane: &Lane,
        generation: u64,
        mut told: impl FnMut(&mut Breaker, u64),
    ) -> Result<(), Fault> {
        let Ok(mut passed) = self.passed(lane)? else { return Ok(()) };
        if sum(&passed) != generation {
            return Ok(());
        }
        for (own, breaker) in &mut passed {
            // Failures are counted by the narrowest alone.
            if own == lane || !matches!(breaker.state(), Standing::Closed { .. }) {
                told(breaker, breaker.generation());
            }
        }
        self.keep(passed, &Cause::Own).await
    }

    /// Takes a lane out of use by a person's word. The inner sentence says why it was not.
    pub(super) async fn isolate(
        &mut self,
        lane: &Lane,
        reason: &str,
        by: &str,
    ) -> Result<Result<(), String>, Fault> {
        let mut breaker = match self.breaker(lane)? {
            Ok(breaker) => breaker.clone(),
            Err(damaged) => return Ok(Err(damaged)),
        };
        breaker.isolate(reason, self.shared.now());
        let cause = Cause::Person { kind: "breaker.isolated", by, reason: Some(reason) };
        self.keep(vec![(lane.clone(), breaker)], &cause).await?;
        Ok(Ok(()))
    }

    /// Ends the isolation and the open time of a lane and of all that it covers; gives those that it
    /// ended. One that waits for its probe's answer already is left to it.
    pub(super) async fn release(&mut self, lane: &Lane, by: &str) -> Result<Vec<Lane>, Fault> {
        let cause = Cause::Person { kind: "breaker.released", by, reason: None };
        let release = |breaker: &mut Breaker, now| {
            if let Standing::Open { .. } | Standing::Isolated { .. } = breaker.state() {
                breaker.release(now);
            }
        };
        self.end(lane, &cause, release).await
    }

    /// An account's credential was renewed: ends the open times of its lanes that a refusal of the old one
    /// has begun, and no isolation.
    pub(super) async fn renewed(&mut self, lane: &Lane) -> Result<Vec<Lane>, Fault> {
        self.end(lane, &Cause::Renewed, Breaker::renewed).await
    }

    /// Does to a lane and to all that it covers what ends them; gives those that moved.
    async fn end(
        &mut self,
        lane: &Lane,
        cause: &Cause<'_>,
        ends: impl Fn(&mut Breaker, Moment),
    ) -> Result<Vec<Lane>, Fault> {
        let now = self.shared.now();
        let mut ended = Vec::new();
        for found in self.on_record(lane)? {
            // One whose row is damaged is not mended by a word.
            let Ok(before) = self.breaker(&found)? else { continue };
            let mut breaker = before.clone();
            ends(&mut breaker, now);
            if breaker != *before {
                ended.push((found, breaker));
            }
        }
        let lanes = ended.iter().map(|(lane, _)| lane.clone()).collect();
        self.keep(ended, cause).await?;
        Ok(lanes)
    }

    /// The lanes with a row that `lane` covers. What was never written is closed.
    fn on_record(&self, lane: &Lane) -> Result<Vec<Lane>, Fault> {
        let prefix = format!("{}/", self.platform);
        let mut found = Vec::new();
        for space in [Space::machine(), Space::default_owner()] {
            let rows = self.shared.store.scan::<Breaker>(&space, Span::prefix(&prefix), usize::MAX)?.rows;
            let lanes = rows.iter().filter_map(|(id, _)| Lane::of_row(&self.platform, &space, id));
            found.extend(lanes.filter(|own| lane.covers(own)));
        }
        Ok(found)
    }

    /// Who holds what asked to pass, and how that ends.
    fn held(&self, lane: &Lane, breaker: &Breaker, why: &str) -> String {
        let name = lane.spelt(self.platform.as_str());
        match breaker.state() {
            Standing::Isolated { reason, .. } => {
                format!("`{name}` is isolated by a person ({reason}); `limits release {name}` ends that")
            }
            at => {
                let host = lane.host().map(|host| format!(" at {host}")).unwrap_or_default();
                format!("the breaker of {}{host} is {}: {why}", self.platform, at.as_str())
            }
        }
    }

    /// All that stand before an act in this lane, as they are now, the widest first; the inner sentence
    /// says why there is none to go by.
    fn passed(&mut self, lane: &Lane) -> Result<Result<Vec<(Lane, Breaker)>, String>, Fault> {
        let mut passed = Vec::new();
        for lane in lane.passed() {
            match self.breaker(&lane)? {
                Ok(breaker) => {
                    let breaker = breaker.clone();
                    passed.push((lane, breaker));
                }
                Err(damaged) => return Ok(Err(damaged)),
            }
        }
        Ok(Ok(passed))
    }

    /// The breaker of a lane, from the store when it is first asked for; the inner sentence says why
    /// there is none to go by.
    fn breaker(&mut self, lane: &Lane) -> Result<Result<&Breaker, String>, Fault> {
        if !self.known.contains_key(lane) {
            match self.shared.store.get::<Breaker>(&lane.space, &lane.row_id(&self.platform)) {
                Ok(row) => {
                    self.known.insert(lane.clone(), row.map(|row| row.value).unwrap_or_default());
                }
                Err(error) => {
                    let row = damage::of_one_row(error)?;
                    return Ok(Err(format!(
                        "{row} is damaged, so nothing passes until a backup is restored"
                    )));
                }
            }
        }
        Ok(Ok(self.known.entry(lane.clone()).or_default()))
    }

    /// Puts transitions, and counted failures, on record before anybody acts on them: all in one change.
    async fn keep(&mut self, after: Vec<(Lane, Breaker)>, cause: &Cause<'_>) -> Result<(), Fault> {
        let mut change = Change::new();
        for (lane, breaker) in &after {
            let before = self.known.get(lane).cloned().unwrap_or_default();
            if before == *breaker {
                continue;
            }
            let id = lane.row_id(&self.platform);
            change = change.put(&lane.space, &id, breaker)?;
            if before.generation() == breaker.generation() {
                continue;
            }
            let (from, to) = (before.state().as_str(), breaker.state().as_str());
            let (kind, payload) = cause.entry(json!({ "breaker": id, "from": from, "to": to }));
            change = change.audit(NewEntry::new(self.shared.now(), &lane.space, kind, &payload)?);
            tracing::info!(breaker = id, from, to, "a breaker moved");
        }
        if !change.is_empty() {
            self.shared.store.commit(change).await?;
        }
        self.known.extend(after);
        Ok(())
    }
}

impl Cause<'_> {
    /// The kind of the audit entry, and its payload with who and why.
    fn entry(&self, mut payload: Value) -> (&'static str, Value) {
        match self {
            Cause::Own => ("breaker.moved", payload),
            Cause::Renewed => {
                payload["by"] = "system".into();
                payload["reason"] = "the credential was renewed".into();
                ("breaker.released", payload)
            }
            Cause::Person { kind, by, reason } => {
                payload["by"] = (*by).into();
                if let Some(reason) = reason {
                    payload["reason"] = (*reason).into();
                }
                (kind, payload)
            }
        }
    }
}

/// What is admitted carries this; see above.
fn sum(passed: &[(Lane, Breaker)]) -> u64 {
    passed.iter().fold(0, |sum, (_, breaker)| sum.wrapping_add(breaker.generation()))
}
