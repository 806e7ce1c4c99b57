//! The one gate that every way to start a run goes through.
//!
//! The pool takes a job with a [`Pass`] alone, and only this file makes one: a tick, an owner's word, a
//! settled action, a run that is taken up again and one that is tried again all ask here first. What holds
//! is a sentence. A job that has its pass and waits for a slot is held once more when the slot is free.
//!
//! It reads what the resources service saw last, what the limiter says is nearly used, and the settings. Nothing here can fail.

use std::collections::BTreeSet;

use mm_core::id::PlatformId;
use mm_core::limit::Quota;
use mm_core::run::Trigger;

use super::retrying::scheduled;
use super::state::{Host, State};
use crate::limiter::Limiter;
use crate::resources::Resources;

/// Leave to start one run. Made here alone, and used up by [`super::pool::Pool::run`].
pub struct Pass(());

/// The gate. Clones are the same one.
#[derive(Clone)]
pub struct Gate {
    resources: Resources,
    limiter: Limiter,
}

impl Gate {
    /// A gate over what `resources` sees and `limiter` counts.
    pub fn new(resources: &Resources, limiter: &Limiter) -> Self {
        Self { resources: resources.clone(), limiter: limiter.clone() }
    }

    /// Leave to start one run now. `own` is what else holds this one.
    ///
    /// # Errors
    /// What holds it: half a sentence.
    pub(super) fn pass(&self, own: Option<String>) -> Result<Pass, String> {
        match self.holds().or(own) {
            None => Ok(Pass(())),
            Some(why) => Err(why),
        }
    }

    /// Why nothing at all is started now, if so: half a sentence.
    pub fn holds(&self) -> Option<String> {
        self.resources.gates().holds()
    }
}

impl Host {
    /// What holds a run of this strategy and no other's: all platforms that it works on are closed, or, for
    /// one that the schedule starts, a limit that it lives on is nearly used.
    pub(super) fn own_hold(&self, state: &State, trigger: &Trigger) -> Option<String> {
        let (settings, now, all) = (self.shared.settings(), self.shared.now(), platforms(state));
        let closed: Vec<String> =
            all.iter().filter_map(|platform| Some(settings.closed(platform, now)?.0)).collect();
        if !all.is_empty() && closed.len() == all.len() {
            return Some(closed.join("; "));
        }
        if scheduled(trigger) { self.nearly_used(&all) } else { None }
    }

    /// The limit that leaves nothing to this strategy but its last share. A limit of one kind of act, or of one
    /// platform of several, is left to the road; a strategy of priority 1 may use more, and is too.
    fn nearly_used(&self, platforms: &BTreeSet<&'static str>) -> Option<String> {
        if self.installed().priority <= 1 {
            return None;
        }
        let only = |platform: &PlatformId| platforms.len() == 1 && platforms.contains(platform.as_str());
        let lives_on = |quota: &Quota| {
            quota.kind.is_none()
                && quota.strategy.as_ref().is_none_or(|strategy| *strategy == self.id)
                && quota.platform.as_ref().is_none_or(only)
        };
        let nearly = self.gate.limiter.nearly_used().into_iter().find(lives_on)?;
        Some(format!(
            "the limit of {nearly} is nearly used, and its last share is kept for what matters more"
        ))
    }
}

/// The platforms that it may propose acts at.
pub(super) fn platforms(state: &State) -> BTreeSet<&'static str> {
    let proposes = state.about.as_ref().map_or(&[][..], |about| about.proposes);
    proposes.iter().map(|(platform, _)| *platform).collect()
}

#[cfg(test)]
impl Pass {
    /// For tests of the pool, which has no gate of its own.
    pub(super) fn of_a_test() -> Self {
        Self(())
    }
}
