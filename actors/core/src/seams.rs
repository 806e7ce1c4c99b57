//! The seams: what the outside world is to the machine, as traits that are passed in at the root.
//!
//! Core declares them and never calls them; it is handed a [`Moment`] or a number. Production and
//! simulation differ in the values behind these traits and in nothing else.

use std::sync::Arc;
use std::time::Duration;

use crate::moment::Moment;

/// Wall-clock and monotonic time.
pub trait Clock: Send + Sync {
    /// The time of day, as it would be written in a record. It may jump.
    fn wall(&self) -> Moment;
    /// Time since an arbitrary start. It never goes back.
    fn mono(&self) -> Duration;
    /// Time since an arbitrary start, also while the machine is suspended. It never goes back and
    /// nobody can set it.
    fn boot(&self) -> Duration {
        self.mono()
    }
}

/// Unpredictable bytes, for salts and keys. Simulated, they are seeded.
pub trait Entropy: Send + Sync {
    /// Fills `buffer`. A machine without entropy cannot go on, so an implementation that can
    /// fail must end the process.
    fn fill(&self, buffer: &mut [u8]);
}

/// Numbers for jitter and for strategies; never for secrets.
pub trait Rng: Send + Sync {
    /// The next 64 bits.
    fn next_u64(&self) -> u64;

    /// A number in `0.0..1.0`.
    fn unit(&self) -> f64 {
        // 53 bits are what an f64 holds exactly.
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A clock that is shared.
pub type SharedClock = Arc<dyn Clock>;
/// Entropy that is shared.
pub type SharedEntropy = Arc<dyn Entropy>;
/// Random numbers that are shared.
pub type SharedRng = Arc<dyn Rng>;

/// The generator behind every seeded [`Rng`] and [`Entropy`] here: SplitMix64, whose whole state is
/// one number (Steele, Lea and Flood 2014).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the published generator from the seed 1234567.
    #[test]
    fn the_seeded_generator_is_the_published_one() {
        let mut random = SplitMix64(1_234_567);
        let first = [(); 3].map(|()| random.next_u64());
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    struct Fixed(u64);

    impl Rng for Fixed {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    impl Clock for Fixed {
        fn wall(&self) -> Moment {
            Moment::default()
        }

        fn mono(&self) -> Duration {
            Duration::from_millis(self.0)
        }
    }

    #[test]
    fn a_unit_is_never_one_and_a_clock_that_knows_no_suspension_tells_its_own_time() {
        for (bits, unit) in [(0, 0.0), (1 << 63, 0.5), (u64::MAX, 1.0 - f64::EPSILON / 2.0)] {
            assert!(
                (Fixed(bits).unit() - unit).abs() < f64::EPSILON / 4.0 && Fixed(bits).unit() < 1.0,
                "{bits}"
            );
        }
        assert_eq!(Fixed(7).boot(), Duration::from_millis(7));
    }
}
