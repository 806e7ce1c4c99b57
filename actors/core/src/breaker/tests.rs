use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn policy() -> Policy {
    Policy {
        failures: 2,
        open: Backoff::try_new(Duration::from_millis(10), Duration::from_millis(40)).unwrap(),
        probe_ms: 5,
        auth_open_ms: None,
    }
}

fn at(ms: i64) -> Moment {
    Moment::from_unix_ms(ms)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Ask,
    Success,
    Failure(ErrorClass),
    LateSuccess,
    LateFailure,
    Later(i64),
    Isolate,
    Release,
    Restart,
}

const EVENTS: [Event; 12] = [
    Event::Ask,
    Event::Success,
    Event::Failure(ErrorClass::Transient),
    Event::Failure(ErrorClass::RateLimit),
    Event::Failure(ErrorClass::Auth),
    Event::Failure(ErrorClass::Compliance),
    Event::LateSuccess,
    Event::LateFailure,
    Event::Later(10),
    Event::Later(-1000),
    Event::Isolate,
    Event::Release,
];

/// The world around a breaker: the clock, and the generation last admitted.
#[derive(Clone)]
struct World {
    breaker: Breaker,
    now: i64,
    admitted: u64,
}

impl World {
    fn new() -> Self {
        Self { breaker: Breaker::default(), now: 0, admitted: 0 }
    }

    /// All that what follows depends on.
    fn name(&self) -> String {
        format!("{:?} at {} admitted {}", self.breaker, self.now, self.admitted)
    }

    fn step(&mut self, event: Event) {
        let before = self.breaker.clone();
        let policy = policy();
        let now = at(self.now);
        match event {
            Event::Ask => match self.breaker.admit(&policy, now) {
                Admit::Yes { generation } => {
                    assert!(matches!(self.breaker.state(), State::Closed { .. }));
                    self.admitted = generation;
                }
                Admit::Probe { generation, deadline } => {
                    assert!(now < deadline, "a probe has time");
                    assert_eq!(*self.breaker.state(), State::HalfOpen { deadline });
                    self.admitted = generation;
                    // One probe: whoever asks now is refused.
                    assert!(matches!(self.breaker.clone().admit(&policy, now), Admit::No { .. }));
                }
                Admit::No { until, .. } => {
                    assert!(until.is_none_or(|until| now < until), "asking again later is of use");
                }
            },
            Event::Success => self.breaker.on_success(self.admitted, now),
            Event::Failure(class) => {
                let opened = self.breaker.on_failure(&policy, class, self.admitted, now);
                assert_eq!(opened, opened && matches!(self.breaker.state(), State::Open { .. }));
                if matches!(class, ErrorClass::RateLimit | ErrorClass::Compliance | ErrorClass::Fatal) {
                    assert!(!opened, "{class:?} never opens it");
                }
            }
            Event::LateSuccess | Event::LateFailure => {
                let late = self.breaker.generation().wrapping_sub(1);
                if event == Event::LateSuccess {
                    self.breaker.on_success(late, now);
                } else {
                    self.breaker.on_failure(&policy, ErrorClass::Auth, late, now);
                }
                assert_eq!(self.breaker, before, "a late answer counts for nothing");
            }
            Event::Later(ms) => self.now += ms,
            Event::Isolate => self.breaker.isolate("by hand", now),
            Event::Release => self.breaker.release(now),
            Event::Restart => {
                let text = serde_json::to_string(&self.breaker).unwrap();
                self.breaker = serde_json::from_str(&text).unwrap();
            }
        }
        if before.state().as_str() != self.breaker.state().as_str() {
            assert!(before.generation() < self.breaker.generation(), "a transition takes a generation");
        }
    }

    /// From any state: closed again by nothing but time and good probes, or, where a person must
    /// act, by that and a release.
    fn finds_its_way_out(mut self) {
        let waits_for_a_person =
            matches!(self.breaker.state(), State::Isolated { .. } | State::Open { until: None, .. });
        if waits_for_a_person {
            self.now += 1_000_000;
            let no = self.breaker.clone().admit(&policy(), at(self.now));
            assert!(matches!(no, Admit::No { until: None, .. }), "no time opens what a person closed");
            self.step(Event::Release);
        }
        for _ in 0..4 {
            match self.breaker.admit(&policy(), at(self.now)) {
                Admit::Yes { .. } => return,
                Admit::Probe { generation, .. } => self.breaker.on_success(generation, at(self.now)),
                Admit::No { until, why } => {
                    let until = until.unwrap_or_else(|| panic!("stuck: {why}"));
                    assert!(until.unix_ms() - self.now <= 40, "waits {until} at {}: {why}", self.now);
                    self.now = until.unix_ms();
                }
            }
        }
        panic!("no way out of {:?}", self.breaker);
    }
}

/// Every world that some sequence of events leads to, by the length of the shortest. What happens next
/// depends on nothing but the world, so two sequences that end in the same one need to be followed only
/// once: that is all sequences, without walking 430 million of them one by one.
fn worlds_after(depth: u32) -> Vec<BTreeMap<String, World>> {
    let mut seen = BTreeSet::new();
    let mut layers = vec![BTreeMap::from([(World::new().name(), World::new())])];
    for _ in 0..depth {
        let mut next = BTreeMap::new();
        for world in layers.last().unwrap().values() {
            for event in EVENTS {
                let mut after = world.clone();
                after.step(event);
                let name = after.name();
                if seen.insert(name.clone()) {
                    next.insert(name, after);
                }
            }
        }
        layers.push(next);
    }
    layers
}

#[test]
fn after_every_sequence_of_eight_events_there_is_a_way_out() {
    let layers = worlds_after(8);
    let mut reached: BTreeMap<&'static str, usize> = BTreeMap::new();
    for world in layers.iter().flat_map(BTreeMap::values) {
        *reached.entry(world.breaker.state().as_str()).or_default() += 1;
        world.clone().finds_its_way_out();
    }
    let states: Vec<&str> = reached.keys().copied().collect();
    assert_eq!(states, ["closed", "half-open", "isolated", "open"], "{reached:?}");
    // Deep enough for a second trip, which needs two failures, a wait, a probe that fails.
    assert!(layers.iter().flat_map(BTreeMap::values).any(|world| world.breaker.trips() == 2), "{reached:?}");
}

#[test]
fn following_each_world_once_misses_no_sequence_of_four() {
    fn walk(world: &World, depth: u32, met: &mut BTreeSet<String>) {
        met.insert(world.name());
        for event in EVENTS.iter().filter(|_| depth > 0) {
            let mut next = world.clone();
            next.step(*event);
            walk(&next, depth - 1, met);
        }
    }
    let mut one_by_one = BTreeSet::new();
    walk(&World::new(), 4, &mut one_by_one);
    let layered: BTreeSet<String> = worlds_after(4).into_iter().flat_map(BTreeMap::into_keys).collect();
    assert_eq!(layered, one_by_one);
}

#[test]
fn over_all_sequences_of_eight_reports_it_opens_exactly_after_two_failures_in_a_row() {
    let classes = [None, Some(ErrorClass::Transient), Some(ErrorClass::RateLimit), Some(ErrorClass::Fatal)];
    for code in 0..4u32.pow(8) {
        let mut breaker = Breaker::default();
        let (mut in_a_row, mut left) = (0, code);
        for _ in 0..8 {
            let Admit::Yes { generation } = breaker.admit(&policy(), at(0)) else { break };
            match classes[(left % 4) as usize] {
                None => {
                    breaker.on_success(generation, at(0));
                    in_a_row = 0;
                }
                Some(class) => {
                    in_a_row += u32::from(class == ErrorClass::Transient);
                    let opened = breaker.on_failure(&policy(), class, generation, at(0));
                    assert_eq!(opened, in_a_row == 2, "{code:o}");
                }
            }
            left /= 4;
        }
    }
}

#[test]
fn open_times_double_up_to_the_cap_and_a_good_probe_forgives() {
    let mut world = World::new();
    world.step(Event::Ask);
    world.step(Event::Failure(ErrorClass::Transient));
    world.step(Event::Failure(ErrorClass::Transient));
    let mut waits = Vec::new();
    for _ in 0..5 {
        let Admit::No { until: Some(until), .. } = world.breaker.admit(&policy(), at(world.now)) else {
            panic!("open")
        };
        waits.push(until.unix_ms() - world.now);
        world.now = until.unix_ms();
        world.step(Event::Ask);
        world.step(Event::Restart);
        world.step(Event::Failure(ErrorClass::Transient));
    }
    assert_eq!(waits, [10, 20, 40, 40, 40]);
    world.step(Event::Later(40));
    world.step(Event::Ask);
    world.step(Event::Success);
    assert_eq!((world.breaker.trips(), world.breaker.state().as_str()), (0, "closed"));
}

#[test]
fn a_lost_probe_is_a_failed_probe_once_its_deadline_is_over_and_its_answer_is_late() {
    let mut world = World::new();
    world.step(Event::Ask);
    world.step(Event::Failure(ErrorClass::Transient));
    world.step(Event::Failure(ErrorClass::Transient));
    world.step(Event::Later(10));
    world.step(Event::Ask);
    let lost = world.admitted;
    world.step(Event::Later(10));
    let Admit::No { until: Some(until), why } = world.breaker.admit(&policy(), at(world.now)) else {
        panic!("open again")
    };
    assert_eq!((until, why.as_str()), (at(world.now + 20), "the probe was never heard of again"));
    world.breaker.on_success(lost, at(world.now));
    assert_eq!(world.breaker.state().as_str(), "open");
}

#[test]
fn refused_credentials_open_it_for_long() {
    let mut breaker = Breaker::default();
    let policy = Policy::platform();
    assert!(breaker.on_failure(&policy, ErrorClass::Auth, 0, at(0)));
    let six_hours = at(6 * 3_600_000);
    assert!(
        matches!(breaker.admit(&policy, at(1)), Admit::No { until: Some(until), .. } if until == six_hours)
    );
    assert!(matches!(breaker.admit(&policy, six_hours), Admit::Probe { .. }));
}

#[test]
fn a_renewed_credential_ends_what_a_refusal_began_and_nothing_else() {
    let policy = Policy::platform();
    let mut refused = Breaker::default();
    refused.on_failure(&policy, ErrorClass::Auth, 0, at(0));
    refused.renewed(at(1));
    assert!(matches!(refused.admit(&policy, at(1)), Admit::Probe { .. }));

    let mut failed = Breaker::default();
    while !failed.on_failure(&policy, ErrorClass::Transient, 0, at(0)) {}
    let mut isolated = refused.clone();
    isolated.isolate("by hand", at(1));
    for mut other in [Breaker::default(), failed, isolated, refused] {
        let before = other.clone();
        other.renewed(at(2));
        assert_eq!(other, before);
    }
}

/// Only a probe's answer closes it: what goes well elsewhere meanwhile is no sign.
#[test]
fn what_goes_well_closes_neither_an_open_breaker_nor_an_isolated_one() {
    let mut open = Breaker::default();
    assert_eq!(open.since(), None);
    while !open.on_failure(&policy(), ErrorClass::Transient, 0, at(3)) {}
    let mut isolated = Breaker::default();
    isolated.isolate("by hand", at(3));
    for mut breaker in [open, isolated] {
        assert_eq!(breaker.since(), Some(at(3)));
        let before = breaker.clone();
        breaker.on_success(breaker.generation(), at(4));
        assert_eq!(breaker, before);
    }
}

#[test]
fn a_strategys_breaker_opens_at_the_first_failure_and_counts_nothing_while_it_is_open() {
    let (policy, mut breaker) = (Policy::strategy(), Breaker::default());
    assert!(breaker.on_failure(&policy, ErrorClass::Transient, 0, at(0)));
    let before = breaker.clone();
    assert!(!breaker.on_failure(&policy, ErrorClass::Transient, breaker.generation(), at(1)));
    assert_eq!(breaker, before);
    assert!(matches!(breaker.admit(&policy, at(59_999)), Admit::No { .. }));
    assert!(matches!(breaker.admit(&policy, at(60_000)), Admit::Probe { .. }));
}
