//! Who goes first when several wait for room: a fair queue.
//!
//! The order is: by priority; of one priority, the one whose owner (a strategy) was served longest ago;
//! of one owner, the earliest deadline, then who came first. Whoever does not fit is passed over and
//! keeps its place: a limit of one platform holds up nobody else.
//!
//! *Nobody starves.* A waiter that was passed over [`OVERTAKEN_MAX`] times by such as came after it is
//! *due*, and who is due goes before all that are not, in the order of coming. So between the coming of
//! a waiter that always fits and its turn at most `n + OVERTAKEN_MAX` others are served, `n` being how many
//! waited when it came: each of those at most once, and of the later ones no more than make it due.
//!
//! Pure: it holds what waits and reads no clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// So often a waiter is passed over by later ones before it goes first.
pub const OVERTAKEN_MAX: u32 = 8;

/// How urgent an act is: 0 is the machine's own, then strategies by their configured priority, 1 first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Priority(pub u32);

impl Priority {
    /// The machine's own acts: looking up what became of a change, health, alerts.
    pub const SYSTEM: Priority = Priority(0);

    /// A strategy's.
    pub fn of_strategy(configured: u32) -> Self {
        Self(configured.max(1))
    }
}

/// What stood in the way of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The platform asked to be left alone.
    CoolDown,
    /// The least pause between two acts at the platform.
    Pause,
    /// A limit of one account.
    Account,
    /// A limit of the platform: altogether, by address, or by space.
    Platform,
    /// What the owner allows a strategy a day.
    Strategy,
    /// What the owner allows altogether a day.
    Machine,
    /// The pace, so that a quota is not spent in one burst.
    Pace,
    /// The queue itself is full.
    Queue,
}

impl Layer {
    /// The layer in a word or two.
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::CoolDown => "cool-down",
            Layer::Pause => "pause",
            Layer::Account => "account",
            Layer::Platform => "platform",
            Layer::Strategy => "strategy",
            Layer::Machine => "machine",
            Layer::Pace => "pace",
            Layer::Queue => "queue",
        }
    }
}

/// One who waits.
#[derive(Debug)]
pub struct Waiter<T> {
    /// Whose: those of one priority take turns by it.
    pub owner: String,
    /// How urgent it is.
    pub priority: Priority,
    /// Until when it waits.
    pub until: Moment,
    /// What for.
    pub what: T,
    /// Its place in the order of coming.
    came: u64,
    overtaken: u32,
}

impl<T> Waiter<T> {
    /// One who has not waited yet.
    pub fn new(owner: impl Into<String>, priority: Priority, until: Moment, what: T) -> Self {
        Self { owner: owner.into(), priority, until, what, came: 0, overtaken: 0 }
    }
}

/// Those who wait.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: Vec<Waiter<T>>,
    /// How many ever came, and how many were served.
    came: u64,
    served: u64,
    /// By owner: when it was last served, as the count of those served then. Only owners who wait.
    last: BTreeMap<String, u64>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: Vec::new(), came: 0, served: 0, last: BTreeMap::new() }
    }
}

impl<T> Queue<T> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Somebody comes.
    pub fn push(&mut self, mut waiter: Waiter<T>) {
        self.came += 1;
        waiter.came = self.came;
        self.waiting.push(waiter);
    }

    /// Takes out the first, in order, that fits.
    pub fn next(&mut self, mut fits: impl FnMut(&mut Waiter<T>) -> bool) -> Option<Waiter<T>> {
        let place =
            self.order().into_iter().find(|place| self.waiting.get_mut(*place).is_some_and(&mut fits))?;
        let served = self.waiting.remove(place);
        for waiter in self.waiting.iter_mut().filter(|waiter| waiter.came < served.came) {
            waiter.overtaken = waiter.overtaken.saturating_add(1);
        }
        self.served += 1;
        self.last.insert(served.owner.clone(), self.served);
        self.forget_old_turns();
        Some(served)
    }

    /// Takes out all of whom `over` holds, in the order of coming.
    pub fn take(&mut self, over: impl FnMut(&mut Waiter<T>) -> bool) -> Vec<Waiter<T>> {
        self.waiting.extract_if(.., over).collect()
    }

    /// All who wait, in the order in which they would be served if all fitted and nobody else came.
    pub fn in_order(&self) -> Vec<&Waiter<T>> {
        self.order().into_iter().filter_map(|place| self.waiting.get(place)).collect()
    }

    /// The places in `waiting`, in the order in which they are looked at.
    fn order(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.waiting.len()).collect();
        places.sort_by_key(|place| self.waiting.get(*place).map(|waiter| self.key(waiter)));
        places
    }

    fn key(&self, waiter: &Waiter<T>) -> (bool, u64, Priority, u64, Moment, u64) {
        let due = waiter.overtaken >= OVERTAKEN_MAX;
        let last = self.last.get(&waiter.owner).copied().unwrap_or(0);
        (!due, if due { waiter.came } else { 0 }, waiter.priority, last, waiter.until, waiter.came)
    }

    /// Owners come and go; who was served longer ago than this is as one who never was.
    fn forget_old_turns(&mut self) {
        const OWNERS_MAX: usize = 256;
        if self.last.len() > OWNERS_MAX
            && let Some(oldest) = self.last.iter().min_by_key(|(_, at)| **at).map(|(owner, _)| owner.clone())
        {
            self.last.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(s: i64) -> Moment {
        Moment::from_unix_ms(s * 1000)
    }

    fn queue(waiters: &[(&str, u32, i64)]) -> Queue<usize> {
        let mut queue = Queue::default();
        for (what, (owner, priority, until)) in waiters.iter().enumerate() {
            queue.push(Waiter::new(*owner, Priority(*priority), at(*until), what));
        }
        queue
    }

    fn served(mut queue: Queue<usize>) -> Vec<usize> {
        std::iter::from_fn(|| queue.next(|_| true)).map(|waiter| waiter.what).collect()
    }

    #[test]
    fn priority_then_turns_of_strategies_then_deadlines_then_who_came_first() {
        assert_eq!(served(queue(&[("a", 2, 9), ("b", 1, 9), ("system.look-up", 0, 9)])), [2, 1, 0]);
        let turns = queue(&[("a", 1, 9), ("a", 1, 9), ("a", 1, 9), ("b", 1, 9), ("b", 1, 9), ("c", 1, 9)]);
        assert_eq!(served(turns), [0, 3, 5, 1, 4, 2]);
        assert_eq!(served(queue(&[("a", 1, 9), ("a", 1, 5), ("a", 1, 7), ("a", 1, 5)])), [1, 3, 2, 0]);
    }

    #[test]
    fn who_does_not_fit_keeps_its_place_and_holds_up_nobody() {
        let mut queue = queue(&[("a", 1, 9), ("b", 2, 9)]);
        assert_eq!(queue.next(|waiter| waiter.owner == "b").unwrap().what, 1);
        assert!(queue.next(|_| false).is_none());
        assert_eq!(queue.take(|waiter| waiter.until <= at(8)).len(), 0);
        assert_eq!(queue.next(|_| true).unwrap().what, 0);
        assert!(queue.is_empty());
    }

    #[test]
    fn those_who_wait_are_shown_in_the_order_of_their_first_turns() {
        let queue = queue(&[("a", 2, 9), ("b", 1, 9), ("a", 1, 5)]);
        let shown: Vec<usize> = queue.in_order().iter().map(|waiter| waiter.what).collect();
        assert_eq!((shown.as_slice(), queue.is_empty()), (&[2, 1, 0][..], false));
        assert_eq!(served(queue)[0], shown[0]);
    }

    #[test]
    fn one_of_the_lowest_priority_comes_after_eight_that_came_later() {
        let mut queue = queue(&[("low", 1000, 9)]);
        for later in 1..=20 {
            queue.push(Waiter::new("high", Priority::SYSTEM, at(1), later));
            let next = queue.next(|_| true).unwrap().what;
            assert_eq!(next == 0, later == 9, "{next}");
            if next == 0 {
                return;
            }
        }
        panic!("never");
    }

    /// The rule as it is written, from the whole history, without any state kept.
    #[derive(Default)]
    struct Oracle {
        /// Owner, priority, deadline, in the order of coming; and whether it still waits.
        came: Vec<(u8, u32, i64, bool)>,
        served: Vec<usize>,
        /// How many had come when each was served.
        known: Vec<usize>,
    }

    impl Oracle {
        fn overtaken(&self, who: usize) -> usize {
            self.served
                .iter()
                .zip(&self.known)
                .filter(|(served, known)| **served > who && **known > who)
                .count()
        }

        fn next(&self, fits: impl Fn(usize) -> bool) -> Option<usize> {
            let waits = |who: &usize| self.came[*who].3 && fits(*who);
            let all: Vec<usize> = (0..self.came.len()).filter(waits).collect();
            let due = all.iter().find(|who| self.overtaken(**who) >= OVERTAKEN_MAX as usize);
            if let Some(due) = due {
                return Some(*due);
            }
            all.into_iter().min_by_key(|who| {
                let (owner, priority, until, _) = self.came[*who];
                let last = self.served.iter().rposition(|served| self.came[*served].0 == owner);
                (priority, last, until, *who)
            })
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        /// It serves exactly whom the written rule names, and nobody who fits waits longer than the bound.
        #[test]
        fn it_serves_whom_the_rule_names_and_nobody_starves(
            steps in prop::collection::vec((0u8..4, 0u8..4, 0u32..4, 0i64..5), 1..120)
        ) {
            let (mut queue, mut oracle) = (Queue::default(), Oracle::default());
            // By who came: how many waited then, and how many were served since.
            let mut bounds: Vec<(usize, usize)> = Vec::new();
            for (step, owner, priority, until) in steps {
                if step < 2 {
                    bounds.push((queue.len(), 0));
                    let what = oracle.came.len();
                    queue.push(Waiter::new(owner.to_string(), Priority(priority), at(until), what));
                    oracle.came.push((owner, priority, until, true));
                    continue;
                }
                // Now and then some do not fit: then the bound does not hold for those, the rule does.
                let fits = |who: usize| step == 3 || who % 3 != usize::from(owner) % 3;
                let expected = oracle.next(fits);
                let got = queue.next(|waiter| fits(waiter.what)).map(|waiter| waiter.what);
                prop_assert_eq!(got, expected);
                let Some(who) = got else { continue };
                oracle.came[who].3 = false;
                oracle.known.push(oracle.came.len());
                oracle.served.push(who);
                for (other, bound) in bounds.iter_mut().enumerate().filter(|(other, _)| oracle.came[*other].3) {
                    bound.1 += usize::from(fits(other));
                }
            }
            for (waited, passed) in bounds {
                prop_assert!(passed <= waited + OVERTAKEN_MAX as usize, "{passed} past one before whom {waited} waited");
            }
        }
    }

    /// Of more owners than are kept the one served longest ago is as one who never was, and goes first.
    #[test]
    fn turns_of_long_ago_are_forgotten_and_none_of_late() {
        let mut queue = Queue::default();
        for owner in 0..=256 {
            queue.push(Waiter::new(format!("{owner}"), Priority(1), at(9), owner));
            assert_eq!(queue.next(|_| true).unwrap().what, owner);
        }
        assert_eq!(queue.last.len(), 256);
        for owner in [1, 256, 0] {
            queue.push(Waiter::new(format!("{owner}"), Priority(1), at(9), owner));
        }
        assert_eq!(served(queue), [0, 1, 256]);
    }

    #[test]
    fn every_layer_has_a_word_of_its_own() {
        use Layer::{Account, CoolDown, Machine, Pace, Pause, Platform, Queue, Strategy};
        let all = [CoolDown, Pause, Account, Platform, Strategy, Machine, Pace, Queue].map(Layer::as_str);
        assert_eq!(
            all,
            ["cool-down", "pause", "account", "platform", "strategy", "machine", "pace", "queue"]
        );
    }
}
