//! Which slices of time a run asks a network for.
//!
//! What is recent or undecided is asked for in every run, what is settled now and then: a network may take back
//! what it had approved. A window whose reading was cut off comes first, then what was not read for longest.

use mm_sdk::Moment;

use super::memory::Network;
use crate::network::Window;
use crate::network::window::DAY;

/// A window that ended this many days ago is no longer recent: networks approve within some weeks.
const RECENT_DAYS: u32 = 90;
/// A settled window is looked at again after this many days.
const SETTLED_DAYS: u32 = 30;
/// The most windows that one run asks a network for. Awin takes 20 calls a minute of a user.
pub(super) const WINDOWS_MAX: usize = 16;

/// The first window that is looked at.
pub(super) fn first(now: Moment, days: u32, back: u32) -> u32 {
    Window::number_of(now.minus(DAY * back), days)
}

/// The windows to be read, in order.
pub(super) fn due(network: &Network, now: Moment, days: u32, back: u32) -> Vec<u32> {
    let mut due: Vec<(bool, Option<Moment>, std::cmp::Reverse<u32>)> = Vec::new();
    for number in first(now, days, back)..=Window::number_of(now, days) {
        let known = network.windows.get(&number).cloned().unwrap_or_default();
        let recent = now.since(Window::of(number, days, now).until) < DAY * RECENT_DAYS;
        // A moment to come was written by a clock that ran ahead, and says nothing.
        let past = |at: Option<Moment>| at.filter(|at| *at <= now);
        let stale = past(known.read_at).is_none_or(|at| now.since(at) >= DAY * SETTLED_DAYS);
        if known.next.is_some() || known.open || recent || stale {
            // Of those never read the latest first: there the owner's money is.
            due.push((known.next.is_none(), past(known.tried_at), std::cmp::Reverse(number)));
        }
    }
    due.sort_unstable();
    due.into_iter().map(|(_, _, number)| number.0).take(WINDOWS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::super::memory::WindowKnown;
    use super::*;

    #[test]
    fn every_window_is_read_and_what_is_settled_rests() {
        let begin: Moment = "2026-11-23T06:00:00Z".parse().unwrap();
        let mut now = begin;
        let mut network = Network::default();
        let mut asked = std::collections::BTreeSet::new();
        for _ in 0..4 {
            let due = due(&network, now, 31, 1_000);
            assert!(due.len() <= WINDOWS_MAX);
            for number in due {
                asked.insert(number);
                let read = WindowKnown { read_at: Some(now), tried_at: Some(now), ..WindowKnown::default() };
                network.windows.insert(number, read);
            }
            now = now.plus(DAY);
        }
        // Each of them, and both ends.
        let all = first(begin, 31, 1_000)..=Window::number_of(now.minus(DAY), 31);
        assert!(all.clone().count() > 1_000 / 31);
        assert!(asked.iter().copied().eq(all), "{asked:?}");
        let due_now = due(&network, now, 31, 1_000);
        assert!(due_now.len() <= 4, "the recent ones alone: {due_now:?}");
        let old = *asked.first().unwrap();
        let known = network.windows.get_mut(&old).unwrap();
        (known.open, known.next) = (true, Some("2".to_owned()));
        assert_eq!(due(&network, now, 31, 1_000).first(), Some(&old), "what was cut off comes first");
    }

    #[test]
    fn what_a_clock_that_ran_ahead_read_is_read_again() {
        let now: Moment = "2026-11-23T06:00:00Z".parse().unwrap();
        let ahead = Some(now.plus(DAY * 40));
        let mut network = Network::default();
        for number in first(now, 31, 400)..=Window::number_of(now, 31) {
            let read = WindowKnown { read_at: ahead, tried_at: ahead, ..WindowKnown::default() };
            network.windows.insert(number, read);
        }
        assert_eq!(due(&network, now, 31, 400).len(), network.windows.len());
    }
}
