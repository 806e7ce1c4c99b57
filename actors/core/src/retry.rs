//! When a run that failed is tried again before its next tick.
//!
//! Pure: the random number and the times come in. Trouble that passes is tried again with the full jitter
//! of [`Backoff::RUNS`]; a platform that asked to be left alone is left alone until it said; all other trouble
//! comes again each time, so it waits for a person or the next tick.

use crate::backoff::Backoff;
use crate::error::ErrorClass;
use crate::moment::Moment;
use crate::schedule::Hours;

/// The most retries that may be configured.
pub const RETRIES_MAX: u32 = 10;

/// A scheduled run that failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// What kind of trouble ended it.
    pub class: ErrorClass,
    /// How many retries came before it, of the same tick.
    pub tried: u32,
    /// So many there may be.
    pub retries: u32,
    /// Whether the strategy's breaker lets runs through.
    pub admitted: bool,
    /// Until when a platform that it works on asked to be left alone.
    pub reset: Option<Moment>,
    /// The hours in which its task may start anything, if they are bounded.
    pub hours: Option<Hours>,
    /// The next tick.
    pub next: Option<Moment>,
}

/// When it is tried again, given a random number in `0.0..1.0`; `None` if its next run is its next tick's.
pub fn again(failure: &Failure, now: Moment, unit: f64) -> Option<Moment> {
    if !failure.admitted || failure.tried >= failure.retries.min(RETRIES_MAX) {
        return None;
    }
    let attempt = failure.tried + 1;
    let at = match (failure.class, failure.reset) {
        (ErrorClass::Transient, reset) => {
            now.plus(Backoff::RUNS.delay(attempt, unit)).max(reset.unwrap_or(now))
        }
        // Spread over what follows, not before: everybody comes back at the reset.
        (ErrorClass::RateLimit, Some(reset)) => reset.max(now).plus(Backoff::RUNS.delay(attempt, unit)),
        (ErrorClass::RateLimit, None) => now.plus(Backoff::RUNS.cap()),
        (ErrorClass::Auth | ErrorClass::Compliance | ErrorClass::Fatal, _) => return None,
    };
    let at = failure.hours.map_or(at, |hours| hours.opening(at));
    failure.next.is_none_or(|next| at < next).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const NOW: Moment = Moment::from_unix_ms(1_700_000_000_000);

    fn failure(class: ErrorClass) -> Failure {
        Failure { class, tried: 0, retries: 3, admitted: true, reset: None, hours: None, next: None }
    }

    fn classes() -> [ErrorClass; 5] {
        [
            ErrorClass::Transient,
            ErrorClass::RateLimit,
            ErrorClass::Auth,
            ErrorClass::Compliance,
            ErrorClass::Fatal,
        ]
    }

    #[test]
    fn only_what_passes_is_tried_again_and_never_past_its_number_or_an_open_breaker() {
        for class in classes() {
            let passes = matches!(class, ErrorClass::Transient | ErrorClass::RateLimit);
            assert_eq!(again(&failure(class), NOW, 0.5).is_some(), passes, "{class:?}");
            assert_eq!(again(&Failure { tried: 2, ..failure(class) }, NOW, 0.5).is_some(), passes);
            assert_eq!(again(&Failure { tried: 3, ..failure(class) }, NOW, 0.5), None);
            assert_eq!(again(&Failure { retries: 0, ..failure(class) }, NOW, 0.5), None);
            assert_eq!(again(&Failure { admitted: false, ..failure(class) }, NOW, 0.5), None);
        }
    }

    #[test]
    fn the_waits_double_and_a_reset_is_waited_for() {
        let at = |tried, unit| {
            let failure = Failure { tried, retries: 10, ..failure(ErrorClass::Transient) };
            again(&failure, NOW, unit).unwrap().since(NOW).as_secs()
        };
        assert_eq!([at(0, 1.0), at(1, 1.0), at(2, 1.0), at(9, 1.0), at(2, 0.5)], [60, 120, 240, 1800, 120]);
        let reset = NOW.plus(Duration::from_secs(7200));
        let limited = Failure { reset: Some(reset), ..failure(ErrorClass::RateLimit) };
        assert_eq!(again(&limited, NOW, 0.0), Some(reset));
        assert_eq!(again(&Failure { next: Some(reset), ..limited }, NOW, 0.0), None, "the tick is as soon");
    }

    #[test]
    fn it_waits_for_the_allowed_hours_and_is_none_if_the_tick_is_as_soon() {
        let now: Moment = "2026-11-22T19:59:30Z".parse().unwrap();
        let hours = Some(Hours::parse("08:00-20:00", "UTC").unwrap());
        let late = Failure { hours, ..failure(ErrorClass::Transient) };
        let opens: Moment = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(again(&late, now, 1.0), Some(opens));
        assert_eq!(again(&Failure { next: Some(opens), ..late }, now, 1.0), None);
        assert!(again(&late, now, 0.0).is_some_and(|at| at < opens), "the hours are not over yet");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// It is never before now or a reset, and always before the next tick.
        #[test]
        fn it_lies_between_the_reset_and_the_next_tick(
            class in prop::sample::select(classes().to_vec()), tried in 0u32..12, retries in 0u32..12,
            reset in prop::option::of(-5_000i64..20_000_000), next in prop::option::of(0i64..20_000_000),
            unit in any::<f64>(),
        ) {
            let moment = |ms: i64| Moment::from_unix_ms(NOW.unix_ms() + ms);
            let (reset, next) = (reset.map(moment), next.map(moment));
            let failure = Failure { class, tried, retries, admitted: true, reset, hours: None, next };
            if let Some(at) = again(&failure, NOW, unit) {
                prop_assert!(at >= NOW && reset.is_none_or(|reset| at >= reset));
                prop_assert!(next.is_none_or(|next| at < next) && tried < retries);
                let most = reset.unwrap_or(NOW).max(NOW).plus(Backoff::RUNS.cap());
                prop_assert!(at <= most);
            }
        }
    }
}
