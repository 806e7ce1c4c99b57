//! The scheduler's memory of when to look at which task.
//!
//! Nothing in it is true for long: rows change, clocks are set. Whoever takes what is due from it reads the
//! rows anew, and everything is looked at again from time to time. It touches nothing and cannot fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mm_core::id::StrategyId;
use mm_core::moment::Moment;

/// What one look at a task found.
pub(super) struct Looked {
    /// Which task.
    pub id: StrategyId,
    /// When it is due next, if it ever is; the outer `None`: it could not be told, as before.
    pub next: Option<Option<Moment>>,
    /// When to look again; `None`: with all the others.
    pub look: Option<Moment>,
}

/// When each task is due, and when it is to be looked at.
pub(super) struct Agenda {
    next: BTreeMap<StrategyId, Option<Moment>>,
    looks: BTreeMap<StrategyId, Moment>,
    /// `looks` by time.
    queue: BTreeSet<(Moment, StrategyId)>,
    /// When all were looked at.
    all_at: Option<Moment>,
}

impl Agenda {
    /// One that knows nothing: everything is to be looked at.
    pub(super) fn new() -> Self {
        Self { next: BTreeMap::new(), looks: BTreeMap::new(), queue: BTreeSet::new(), all_at: None }
    }

    /// When each task is due next.
    pub(super) fn next(&self) -> &BTreeMap<StrategyId, Option<Moment>> {
        &self.next
    }

    /// Which tasks to look at now; `None` for all of them: so long was nothing looked at, or the clock went
    /// back, and then what it knew of is worth nothing.
    pub(super) fn due(&mut self, now: Moment, at_the_latest: Duration) -> Option<Vec<StrategyId>> {
        let known = self.all_at.filter(|at| *at <= now && now.since(*at) < at_the_latest);
        if known.is_none() {
            *self = Self { next: std::mem::take(&mut self.next), all_at: Some(now), ..Self::new() };
            return None;
        }
        let mut due = Vec::new();
        while self.queue.first().is_some_and(|(at, _)| *at <= now) {
            let (_, id) = self.queue.pop_first()?;
            self.looks.remove(&id);
            due.push(id);
        }
        Some(due)
    }

    /// Everything is to be looked at next time.
    pub(super) fn forget(&mut self) {
        self.all_at = None;
    }

    /// Remembers what a look found.
    pub(super) fn note(&mut self, looked: Looked) {
        let Looked { id, next, look } = looked;
        if let Some(at) = self.looks.remove(&id) {
            self.queue.remove(&(at, id.clone()));
        }
        if let Some(look) = look {
            self.looks.insert(id.clone(), look);
            self.queue.insert((look, id.clone()));
        }
        if let Some(next) = next {
            self.next.insert(id, next);
        }
    }

    /// How long nothing needs a look.
    pub(super) fn quiet(&self, now: Moment, at_the_latest: Duration) -> Duration {
        let all = self.all_at.map_or(Duration::ZERO, |at| at_the_latest.saturating_sub(now.since(at)));
        let soonest = self.queue.first().map_or(all, |(at, _)| at.since(now).min(all));
        soonest.max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATEST: Duration = Duration::from_secs(300);

    fn at(s: i64) -> Moment {
        Moment::from_unix_ms(1_782_865_200_000 + s * 1000)
    }

    fn looked(id: &str, look: Option<i64>) -> Looked {
        Looked { id: id.parse().unwrap(), next: Some(look.map(at)), look: look.map(at) }
    }

    fn names(due: Option<Vec<StrategyId>>) -> Option<Vec<String>> {
        due.map(|ids| ids.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_due_is_given_once_and_in_order_and_all_of_it_from_time_to_time() {
        let mut agenda = Agenda::new();
        assert_eq!(agenda.due(at(0), LATEST), None, "nothing is known");
        for (id, look) in [("late", Some(20)), ("soon", Some(10)), ("never", None)] {
            agenda.note(looked(id, look));
        }
        assert_eq!(agenda.quiet(at(0), LATEST), Duration::from_secs(10));
        assert_eq!(names(agenda.due(at(9), LATEST)), Some(vec![]));
        assert_eq!(names(agenda.due(at(30), LATEST)), Some(vec!["soon".into(), "late".into()]));
        assert_eq!(names(agenda.due(at(30), LATEST)), Some(vec![]));
        assert_eq!(agenda.quiet(at(30), LATEST), Duration::from_secs(270));
        agenda.note(looked("soon", Some(40)));
        agenda.note(looked("soon", Some(50)));
        assert_eq!(names(agenda.due(at(45), LATEST)), Some(vec![]), "the later word holds");
        assert_eq!(agenda.due(at(300), LATEST), None, "all, after so long");
        assert_eq!(agenda.next().len(), 3, "what was shown is shown on");
    }

    #[test]
    fn a_clock_that_goes_back_or_a_change_makes_it_look_at_all() {
        let mut agenda = Agenda::new();
        agenda.due(at(1000), LATEST);
        agenda.note(looked("a", Some(1100)));
        assert_eq!(agenda.due(at(999), LATEST), None);
        assert_eq!(names(agenda.due(at(1000), LATEST)), Some(vec![]), "and what it knew is gone");
        agenda.forget();
        assert_eq!(agenda.due(at(1001), LATEST), None);
    }
}
