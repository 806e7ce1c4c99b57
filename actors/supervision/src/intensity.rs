//! How many restarts a supervisor allows in a period: OTP's `intensity` and `period` as arithmetic.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// At most `max` restarts `within` a period; one more and the supervisor gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// Restarts allowed in the period; 0 means that none is.
    pub max: u32,
    /// The period.
    pub within: Duration,
}

impl Default for Intensity {
    /// OTP's own default: one restart in five seconds.
    fn default() -> Self {
        Self { max: 1, within: Duration::from_secs(5) }
    }
}

/// Whether one more restart is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Restart,
    /// The supervisor has to give up.
    Escalate,
}

/// The restarts of the last period.
#[derive(Clone, Debug)]
pub struct Window {
    intensity: Intensity,
    recent: VecDeque<Instant>,
}

impl Window {
    /// A window with no restart in it.
    #[must_use]
    pub fn new(intensity: Intensity) -> Self {
        Self { intensity, recent: VecDeque::new() }
    }

    /// Spends one restart at `now`.
    pub fn spend(&mut self, now: Instant) -> Verdict {
        while self.recent.front().is_some_and(|&at| now.saturating_duration_since(at) > self.intensity.within)
        {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.intensity.max as usize {
            return Verdict::Escalate;
        }
        self.recent.push_back(now);
        Verdict::Restart
    }

    /// What the window allows.
    #[must_use]
    pub fn intensity(&self) -> Intensity {
        self.intensity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_restart_past_the_maximum_escalates_and_time_forgives() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut window = Window::new(Intensity { max: 2, within: Duration::from_secs(5) });
        assert_eq!(window.spend(after(0)), Verdict::Restart);
        assert_eq!(window.spend(after(1)), Verdict::Restart);
        assert_eq!(window.spend(after(5)), Verdict::Escalate, "the first is just not out yet");
        assert_eq!(window.spend(after(6)), Verdict::Restart);
    }

    #[test]
    fn an_intensity_of_zero_allows_none() {
        let mut window = Window::new(Intensity { max: 0, within: Duration::from_secs(5) });
        assert_eq!(window.spend(Instant::now()), Verdict::Escalate);
    }

    proptest! {
        #[test]
        fn never_more_than_the_maximum_in_any_period(
            max in 0_u32..5,
            gaps in proptest::collection::vec(0_u64..4, 0..60),
        ) {
            let within = Duration::from_secs(5);
            let mut window = Window::new(Intensity { max, within });
            let mut now = Instant::now();
            let mut allowed = Vec::new();
            for gap in gaps {
                now += Duration::from_secs(gap);
                if window.spend(now) == Verdict::Restart {
                    allowed.push(now);
                }
            }
            for &end in &allowed {
                let recent = allowed.iter().filter(|&&at| at <= end && end - at <= within).count();
                prop_assert!(recent <= max as usize);
            }
        }
    }
}
