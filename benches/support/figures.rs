//! The benches' own small harness: rounds that take turns, medians, and one line a figure.
//!
//! On a machine that others use too, a time by itself says little; two things measured in turn, round
//! by round, still compare. So what is compared is measured in rounds in a rotated order, and a ratio
//! is the median of the rounds' ratios. A line is `NAME  VALUE UNIT`, the same from run to run.

/// The middle of some numbers; of none, not a number.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of the numbers lies.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Prints what a block of lines is about.
pub fn heading(text: &str) {
    println!("\n# {text}");
}

/// Prints one figure.
pub fn line(name: &str, value: f64, unit: &str) {
    let digits = match value.abs() {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    println!("{name:<58} {value:>10.digits$} {unit}");
}
