//! In any window of a limit's length no more left than it allows.

use super::evidence::Evidence;
use super::quota::{Quota, Sent};
use crate::simulation::LAG_MAX;

/// A request is charged when it is permitted and arrives up to a lag later, so that a window is shorter by
/// that for what the sandbox received.
pub fn limits(e: &Evidence) -> Vec<String> {
    let received = Sent::received(e);
    let permits = Sent::permits(e);
    let lag_ms = i64::try_from(LAG_MAX.as_millis()).unwrap_or(0);
    let mut wrong = Vec::new();
    for quota in &e.quotas {
        wrong.extend(over(quota, "requests", &quota.uses(&received), quota.per_ms - lag_ms));
        wrong.extend(over(quota, "permits", &quota.uses(&permits), quota.per_ms));
    }
    wrong
}

fn over(quota: &Quota, name: &str, times: &[i64], per_ms: i64) -> Option<String> {
    let max = quota.max;
    let window = times.windows(max + 1).find(|window| window[max] - window[0] <= per_ms)?;
    let whose = &quota.platform;
    Some(format!("{whose}: {} {name} within {per_ms} ms at {}, {max} allowed", max + 1, window[0]))
}
