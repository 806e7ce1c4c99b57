//! Rounds that take turns, for benches that compare.

use crate::figures::median;

/// The median of the ratios of two series, round by round.
pub fn ratio(these: &[f64], to_those: &[f64]) -> f64 {
    let ratios: Vec<f64> = these.iter().zip(to_those).map(|(this, that)| this / that).collect();
    median(&ratios)
}

/// The order of `count` things in a round: everyone comes first in turn.
pub fn order(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}
