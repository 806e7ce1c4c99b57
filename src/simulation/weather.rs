//! The weather of a rehearsal: what fails on the way, and when the machine ends in the middle of its work.
//! All of it is drawn from a seed. It touches nothing.

use std::time::Duration;

use mm_core::moment::Moment;
use mm_core::seams::SplitMix64;

use super::End;
use crate::sandbox::faults::FaultMix;

const HOUR_MS: u64 = 3_600_000;
/// A run of the machine's own strategies is under way so soon after the hour.
const INTO_THE_RUN_MS: u64 = 3_000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Every answer comes, and the machine never ends.
    Fair,
    /// Three answers in a hundred fail; every few days the machine ends.
    Light,
    /// One answer in five fails; several times a day the machine ends, and its disk fails.
    Storm,
}

impl Weather {
    /// All of them.
    pub const ALL: [Weather; 3] = [Weather::Fair, Weather::Light, Weather::Storm];

    /// Its word, as in `--faults`.
    pub fn as_str(self) -> &'static str {
        match self {
            Weather::Fair => "none",
            Weather::Light => "light",
            Weather::Storm => "storm",
        }
    }

    /// The one of that name.
    pub fn of(word: &str) -> Option<Weather> {
        Weather::ALL.into_iter().find(|weather| weather.as_str() == word)
    }

    /// What fails on the way.
    pub(super) fn mix(self, seed: u64) -> Option<FaultMix> {
        match self {
            Weather::Fair => None,
            Weather::Light => Some(FaultMix::common(seed, 30).with_spells(10)),
            Weather::Storm => Some(FaultMix::common(seed, 200).with_spells(60)),
        }
    }
}

/// The machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blow {
    /// When.
    pub at: Moment,
    /// How.
    pub end: End,
    /// How long it is down.
    pub down: Duration,
    /// After how many operations its disk fails, if that is what ends it.
    pub disk: Option<u64>,
    /// Whether starts fail then, so that it comes up in safe mode first.
    pub starts_fail: bool,
}

/// Draws one end of the machine after the other.
pub(super) struct Blows {
    weather: Weather,
    dice: SplitMix64,
    /// Of their own, so that what is drawn of one thing does not hang on another.
    disk_dice: SplitMix64,
}

impl Blows {
    pub(super) fn new(weather: Weather, seed: u64) -> Self {
        let disk_dice = SplitMix64(seed ^ 0x6469_736b);
        Self { weather, dice: SplitMix64(seed ^ 0x0062_6c6f_7773), disk_dice }
    }

    /// For how long the disk fills up in this hour, if it does: in a storm, in one of eight. That is over one
    /// tick of an hourly task, which waits, or over two, so that the first is gated; and not so long that a run
    /// that is held is held to take too long.
    pub(super) fn disk_fills(&mut self) -> Option<Duration> {
        let dice = self.disk_dice.next_u64();
        let minutes = if dice.is_multiple_of(16) { 50 } else { 110 };
        let fills = self.weather == Weather::Storm && dice.is_multiple_of(8);
        fills.then(|| Duration::from_secs(minutes * 60))
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.next_u64() % sides
    }

    /// The next one after a moment: at any second, or just when a run is under way.
    pub(super) fn next(&mut self, after: Moment) -> Option<Blow> {
        let (least_h, more_h) = match self.weather {
            Weather::Fair => return None,
            Weather::Light => (24, 72),
            Weather::Storm => (1, 14),
        };
        let hours = least_h + self.roll(more_h);
        let within = if self.roll(3) == 0 { HOUR_MS } else { INTO_THE_RUN_MS };
        let hour = after.unix_ms().div_euclid(HOUR_MS as i64) + hours as i64;
        let at = Moment::from_unix_ms(hour * HOUR_MS as i64 + self.roll(within) as i64);
        let (end, down_ms) = match self.roll(8) {
            0 => (End::Stopped, 1 + self.roll(5_000)),
            1..=3 => (End::PowerLoss, 1 + self.roll(90_000)),
            // Long enough to miss ticks.
            4 => (End::Killed, 3 * HOUR_MS + 7 * 60_000),
            _ => (End::Killed, 1 + self.roll(90_000)),
        };
        let breaks = self.weather == Weather::Storm && self.roll(4) == 0;
        let disk = breaks.then(|| 1 + self.roll(300));
        let starts_fail = self.weather == Weather::Storm && self.roll(5) == 0;
        Some(Blow { at, end, down: Duration::from_millis(down_ms), disk, starts_fail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_end_comes_and_always_later() {
        let mut blows = Blows::new(Weather::Storm, 1);
        let mut at = Moment::from_unix_ms(0);
        let drawn: Vec<Blow> = (0..200)
            .map(|_| {
                let blow = blows.next(at).unwrap();
                assert!(blow.at > at);
                at = blow.at;
                blow
            })
            .collect();
        for end in [End::Stopped, End::Killed, End::PowerLoss] {
            assert!(drawn.iter().any(|blow| blow.end == end), "{end:?}");
        }
        assert!(drawn.iter().any(|blow| blow.disk.is_some()));
        assert!(drawn.iter().any(|blow| blow.starts_fail));
        let full: Vec<Duration> = (0..200).filter_map(|_| blows.disk_fills()).collect();
        let long = full.iter().filter(|time| HOUR_MS < time.as_millis() as u64).count();
        assert!((10..50).contains(&full.len()) && (5..full.len() - 5).contains(&long), "{full:?}");
        assert_eq!(Blows::new(Weather::Fair, 1).next(at), None);
        for weather in Weather::ALL {
            assert_eq!(Weather::of(weather.as_str()), Some(weather));
        }
    }
}
