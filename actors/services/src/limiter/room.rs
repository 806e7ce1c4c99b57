//! Whether there is room for one act, and if not, which layer has none and until when.

use std::time::Duration;

use mm_core::limit::{Layer, Priority, Spend};
use mm_core::moment::Moment;

use super::time::Reading;
use super::{Charge, Pace, State, cool_down_key, key};

/// What stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blocked {
    /// Which limit, in words.
    pub(super) limit: String,
    /// In which layer.
    pub(super) layer: Layer,
    /// When to come back at the earliest, in quota time; `None` if never.
    pub(super) at: Option<Moment>,
}

impl State {
    /// Whether there is room for one act, whose rows are loaded. Spends nothing but its turn in the pace.
    pub(super) fn room(&mut self, charge: &Charge, priority: Priority, now: Reading) -> Result<(), Blocked> {
        let full = |layer, limit: String, at| Err(Blocked { limit, layer, at });
        let cool_down = self.rows.cool_downs.get(&cool_down_key(charge));
        if let Some(until) = cool_down.and_then(|cool_down| cool_down.until(now.quota)) {
            let limit = format!("{} asked to be left alone", charge.platform);
            return full(Layer::CoolDown, limit, Some(until));
        }
        if let Some(left) = self.pause_left(charge, now) {
            let limit = format!("the pause of {} ms at {}", charge.pause.as_millis(), charge.platform);
            // To the next whole millisecond, so that it is over when it is said to be.
            return full(Layer::Pause, limit, Some(now.quota.plus(left + Duration::from_micros(999))));
        }
        // Before the pace: what is used up for the day is not worth waiting a minute for.
        for quota in &charge.quotas {
            let held = self.rows.quotas.entry(key(quota)).or_default();
            if let Spend::Full { retry_at, .. } = held.room_for(quota, priority, now.quota) {
                let kept = quota.most_for(priority) < quota.max && held.remaining(quota, now.quota) > 0;
                let last =
                    if kept { ", but for its last share, which is kept for what matters more," } else { "" };
                return full(quota.layer(), format!("the limit of {quota}{last}"), retry_at);
            }
        }
        match self.pace(charge) {
            Some(wait) => {
                full(Layer::Pace, format!("the pace at {}", charge.platform), Some(now.quota.plus(wait)))
            }
            None => Ok(()),
        }
    }

    /// What is left of the least pause since the last act.
    pub(super) fn pause_left(&self, charge: &Charge, now: Reading) -> Option<Duration> {
        let last = self.rows.last.get(&charge.platform)?;
        let left = charge.pause.saturating_sub(now.mono.saturating_sub(last.mono) + last.age);
        (!left.is_zero()).then_some(left)
    }

    /// How long to wait for the next drop, if there is none now.
    fn pace(&mut self, charge: &Charge) -> Option<Duration> {
        let quota = Pace::paced(&charge.quotas)?;
        let paced = (charge.platform.clone(), key(quota));
        self.paces.entry(paced).or_insert_with(|| Pace::of(quota)).wait(quota)
    }
}
