//! Quantiles out of fixed buckets, two to each doubling: at most 50% too high, never too low.

use serde::Serialize;

/// Up to 2^42 ns, a good hour; what is longer counts there.
const BUCKETS: usize = 84;

/// Counts of nanoseconds by order of magnitude.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u32; BUCKETS],
    total: u64,
}

/// Two quantiles in milliseconds, as `actors tree` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Half were not longer.
    pub p50: f64,
    /// All but one in a hundred were not longer.
    pub p99: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Counts one duration in nanoseconds.
    pub fn add(&mut self, nanoseconds: u64) {
        if let Some(count) = self.counts.get_mut(bucket(nanoseconds)) {
            *count = count.saturating_add(1);
            self.total += 1;
        }
    }

    /// p50 and p99; both zero when nothing was counted.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        Quantiles { p50: self.quantile_ms(50), p99: self.quantile_ms(99) }
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people; 52 bits are plenty")]
    fn quantile_ms(&self, percent: u64) -> f64 {
        let wanted = (self.total * percent).div_ceil(100);
        if wanted == 0 {
            return 0.0;
        }
        let mut seen = 0;
        for (index, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted {
                return upper_ns(index) as f64 / 1e6;
            }
        }
        upper_ns(BUCKETS - 1) as f64 / 1e6
    }
}

/// Two buckets for each power of two, told apart by the bit below the highest.
fn bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.max(1);
    let exponent = value.ilog2() as usize;
    let half = if exponent == 0 { 0 } else { (value >> (exponent - 1)) as usize & 1 };
    (2 * exponent + half).min(BUCKETS - 1)
}

/// The largest value that falls into a bucket.
fn upper_ns(index: usize) -> u64 {
    let exponent = index / 2;
    if exponent == 0 {
        return 1;
    }
    let base = 1_u64 << exponent;
    if index.is_multiple_of(2) { base + base / 2 - 1 } else { 2 * base - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket(value in 1_u64..1 << 41) {
            let index = bucket(value);
            prop_assert!(value <= upper_ns(index));
            prop_assert!(index == 0 || value > upper_ns(index - 1) || upper_ns(index - 1) == upper_ns(index));
        }

        #[test]
        fn the_median_is_never_low_and_at_most_half_too_high(
            mut values in proptest::collection::vec(2_u64..1 << 40, 1..200),
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|&value| histogram.add(value));
            values.sort_unstable();
            let median = values[(values.len() - 1) / 2] as f64 / 1e6;
            let told = histogram.quantiles().p50;
            prop_assert!(told >= median && told <= median * 1.5, "{told} for {median}");
        }
    }

    #[test]
    fn nothing_counted_is_zero() {
        assert_eq!(Histogram::default().quantiles(), Quantiles { p50: 0.0, p99: 0.0 });
    }
}
