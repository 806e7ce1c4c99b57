//! Who breaks an actor from outside: a short script for one path, followed step by step, once.

use std::collections::VecDeque;
use std::sync::Mutex;

use mm_supervision::{How, Sabotage, When};

/// The steps of one cell; each is taken the first time that its moment comes once it is the next.
#[derive(Default)]
pub struct Saboteur(Mutex<(String, VecDeque<(When, How)>)>);

impl Saboteur {
    /// From now on the actor at `path` is broken.
    pub fn arm(&self, path: &str, steps: Vec<(When, How)>) {
        *self.0.lock().unwrap() = (path.to_owned(), steps.into());
    }

    /// The steps that were not taken yet.
    pub fn left(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }
}

impl Sabotage for Saboteur {
    fn plan(&self, path: &str, when: When, _kind: Option<&'static str>) -> Option<How> {
        let mut armed = self.0.lock().unwrap();
        let (at, next) = (armed.0 == path, armed.1.front().copied()?);
        (at && next.0 == when).then(|| armed.1.pop_front().unwrap().1)
    }
}
