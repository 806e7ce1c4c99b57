//! What a made world showed to each request for one of its files, made out once for each request.
//!
//! It touches nothing and cannot fail.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::sandbox::oracle::Received;
use crate::sandbox::world::{Feed, World};
use mm_core::moment::Moment;

/// Programme and trimmed identifier.
pub(super) type Pair = (String, String);
pub(super) type Pairs = BTreeSet<Pair>;

/// One document that was sent whole.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    /// When.
    pub at: Moment,
    /// Most of its programmes are stripped of all targets.
    pub bare: bool,
    /// What is in scope in it.
    pub shows: Arc<Pairs>,
}

/// The documents of each feed, oldest first.
#[derive(Debug, Default)]
pub(super) struct Shown(Vec<(Feed, Sheet)>);

impl Shown {
    /// Takes in the requests that came since.
    pub fn take(&mut self, world: &World, log: &[Received]) {
        let harmless = |name: &str| ["clock-off", "slow", "stall"].contains(&name);
        let whole = |fault: &Option<String>| fault.as_deref().is_none_or(harmless);
        for request in log.iter().filter(|request| request.reached && whole(&request.fault)) {
            if let Some(feed) = Feed::ALL.into_iter().find(|feed| request.url == feed.url()) {
                let sheet = self.sheet(world, feed, Moment::from_unix_ms(request.at_ms));
                self.0.push((feed, sheet));
            }
        }
    }

    fn sheet(&self, world: &World, feed: Feed, at: Moment) -> Sheet {
        let programmes = world.at(feed, at.unix_ms());
        let bare = programmes.iter().filter(|p| !p.targets.iter().any(|target| target.inside)).count();
        let inside = programmes.iter().flat_map(|programme| {
            let targets = programme.targets.iter().filter(|target| target.inside);
            targets.map(|target| (programme.key.clone(), target.identifier.trim().to_owned()))
        });
        let shows: Pairs = inside.collect();
        // Mostly it is what it was: kept once.
        let last = self.0.iter().rev().find(|(of, _)| *of == feed).map(|(_, sheet)| &sheet.shows);
        let shows = last.filter(|last| ***last == shows).cloned().unwrap_or_else(|| Arc::new(shows));
        Sheet { at, bare: programmes.len() >= 5 && bare * 2 > programmes.len(), shows }
    }

    /// Those of one feed, oldest first.
    pub fn of(&self, feed: Feed) -> impl Iterator<Item = &Sheet> {
        self.0.iter().filter(move |(of, _)| *of == feed).map(|(_, sheet)| sheet)
    }
}
